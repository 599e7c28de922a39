"""A number appears only where its denominator is positive; what is None has a reason, and a reason is of a None."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from math import isfinite

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from streams.ledger.cells import DELAY_BINS, POSITIVE_BINS
from streams.quality.counts.counted import Cells, Counted, counted
from streams.quality.counts.details import UNLABELLED
from streams.quality.counts.table import Margins, cell, margins_of
from streams.quality.measures.calibration import CalibrationBin, calibration_bins
from streams.quality.measures.class_details import ClassDetails, class_details
from streams.quality.measures.confusion import ClassMeasures, Undefined, WindowMeasures, class_measures, window_measures
from streams.quality.measures.decayed import DecayedClass, decayed_measures
from streams.quality.measures.scoring import ScoreMeasures, score_measures
from streams.quality.settings import CostSpec
from tests.support.recounted import Seen, recount
from tests.support.schemas import schema

CLASSES = ("a", "b", "c")
COST = CostSpec((("a", "b", 5.0), ("b", "b", -1.0), ("z", "a", 9.0)), wrong=2.0)

ranked = st.permutations([0, 20_000, 40_000]).map(lambda scores: dict(zip(CLASSES, scores, strict=True)))
predictions = st.builds(
    Seen,
    st.sampled_from(CLASSES),
    st.none() | st.sampled_from(CLASSES),
    st.none() | st.integers(0, 60_000),
    st.just({}) | ranked,
    st.sampled_from((0, 1, 999, 60_000, 3_600_000, 10**12)),
)
tables = st.builds(
    recount,
    st.lists(predictions, max_size=12),
    st.just(CLASSES),
    positive=st.sampled_from((None, "a")),
    keep=st.integers(0, 3),
    delays=st.booleans(),
)


def margins(of: Counted) -> Margins:
    labelled = {cell(t, p): n for t, p, n in zip(*(column.tolist() for column in of.cells), strict=True)}
    return margins_of(labelled | {cell(UNLABELLED, p): n for p, n in enumerate(of.unlabelled.tolist()) if n})


def assert_explained(row: tuple[object, ...], fields: dict[str, object]) -> None:
    """Reasons and Nones are of the same fields, every reason is one of ours."""
    undefined = fields.pop("undefined")
    said = [part.split(": ", 1) for part in str(undefined).split("; ")] if undefined is not None else []
    assert [name for name, _ in said] == [name for name, value in fields.items() if value is None], row
    assert {reason for _, reason in said} <= {str(reason) for reason in Undefined}


def assert_sound(row: WindowMeasures | ClassMeasures | ScoreMeasures | ClassDetails | CalibrationBin, of: str) -> None:
    """Finite, explained, inside the bounds of the schema, and inside its interval."""
    fields = row._asdict()
    assert_explained(row, dict(fields))
    for name, value in fields.items():
        bounds = schema(of)["properties"][name]
        if isinstance(value, float):
            assert isfinite(value), name
        if isinstance(value, int | float):
            assert bounds.get("minimum", value) <= value <= bounds.get("maximum", value), (name, value)
        if f"{name}_lower" in fields and value is not None:
            assert fields[f"{name}_lower"] <= value <= fields[f"{name}_upper"], name


def details_of(of: Counted) -> list[ClassDetails]:
    """The details of every class, in order."""
    cells = {cell(t, p): n for t, p, n in zip(*(column.tolist() for column in of.cells), strict=True)}
    return list(class_details(cells, range(of.k), of.classes).values())


Denominators = dict[str, Callable[[Counted], int]]


def labelled(of: Counted) -> int:
    return of.labelled


def scored(of: Counted) -> int:
    return int(of.scored.n.sum())


def scored_labels(of: Counted) -> int:
    return int(of.scored.n[of.scored.true >= 0].sum())


def delayed(of: Counted) -> int:
    """Labels whose delay is counted; none where a quantile may lie in the last, open bin."""
    return int(of.delays.n.sum()) if not (of.delays.bin == DELAY_BINS - 1).any() else -1


def ranks(of: Counted) -> int:
    return int(of.ranks.sum())


def first(of: Counted, k: int) -> int:
    """Ranked labels where it is known of each whether it is among the first k."""
    return ranks(of) if len(of.ranks) > k or not ranks(of) or not of.ranks[0] else 0


WINDOW: Denominators = {name: labelled for name in WindowMeasures._fields if name != "undefined"} | {
    "coverage": lambda of: of.predictions,
    "classes_with_support": lambda _: 1,
    "low_support": lambda _: 1,
    "balanced_accuracy_adjusted": lambda of: int(np.count_nonzero(of.support)) - 1 if of.labelled else 0,
    "kappa": lambda of: of.labelled**2 - int((of.support * of.predicted).sum()),
}
SCORES: Denominators = {
    "scored": lambda _: 1,
    "confidence_mean": scored,
    "confidence_variance": lambda of: max(0, scored(of) - 1),
    "brier": lambda of: of.proper,
    "log_loss": lambda of: of.proper,
    "ece": scored_labels,
    "ece_raw": scored_labels,
    "auc": lambda of: int(of.positive[:, 0].sum() * of.positive[:, 1].sum()),
    "top_2_accuracy": lambda of: first(of, 2),
    "top_3_accuracy": lambda of: first(of, 3),
    "top_5_accuracy": lambda of: first(of, 5),
    "mean_rank": lambda of: 0 if ranks(of) and of.ranks[0] else ranks(of),
    "label_delay_p50_s": delayed,
    "label_delay_p90_s": delayed,
    "label_delay_p99_s": delayed,
    "expected_cost": labelled,
    "expected_cost_lower": labelled,
    "expected_cost_upper": labelled,
}


def assert_denominators(row: Iterable[tuple[str, object]], denominators: Denominators, of: Counted) -> None:
    for name, value in row:
        if name != "undefined" and (denominator := denominators[name](of)) >= 0:
            assert (value is None) == (denominator == 0), (name, value, denominator)


@given(tables)
@example(recount([], CLASSES))
@example(counted([[1]]))
def test_a_number_of_a_window_needs_its_denominator(of: Counted) -> None:
    row = window_measures(margins(of), 5)
    assert_denominators(row._asdict().items(), WINDOW, of)
    assert_sound(row, "window")


@given(tables)
@example(recount([], CLASSES))
@example(replace(counted([[1]]), positive=np.ones((POSITIVE_BINS, 2), np.int64)))
def test_a_number_of_scores_needs_its_denominator(of: Counted) -> None:
    row = score_measures(of, COST)
    assert_denominators(row._asdict().items(), SCORES, of)
    assert_sound(row, "window")
    free = score_measures(of)
    assert (free.expected_cost, free.expected_cost_lower, free.expected_cost_upper) == (None, None, None)
    assert_sound(free, "window")


@given(tables)
@example(recount([], CLASSES))
def test_a_number_of_a_class_needs_its_denominator(of: Counted) -> None:
    counts, details = margins(of), details_of(of)
    for i in range(of.k):
        support, predicted, tp = int(of.support[i]), int(of.predicted[i]), int(of.hits[i])
        row = class_measures(counts, i)
        assert_sound(row, "class")
        assert (row.coverage is None) == (int(of.predictions_of[i]) == 0)
        assert (row.recall is None) == (row.recall_lower is None) == (support == 0)
        assert (row.precision is None) == (row.precision_upper is None) == (predicted == 0)
        assert (row.f1 is None) == (support + predicted == 0)
        assert (row.specificity is None) == (of.labelled - support == 0)
        assert_sound(details[i], "class")
        assert (details[i].confused_with is None) == (support - tp == 0)


@given(tables)
def test_a_number_of_a_calibration_bin_needs_its_denominator(of: Counted) -> None:
    rows = calibration_bins(of)
    assert sum(row.predictions for row in rows) == scored(of)
    assert sum(row.labelled for row in rows) == scored_labels(of)
    for row in rows:
        assert row.predictions > 0
        assert_sound(row, "calibration")
        assert (row.accuracy is None) == (row.confidence_mean is None) == (row.labelled == 0)


weights = st.lists(st.tuples(st.booleans(), st.integers(0, 1 << 20)), max_size=4)


@given(st.lists(weights, max_size=3), st.integers(0, 1 << 22))
def test_a_number_of_a_decayed_window_needs_its_denominator(labels: list[list[tuple[bool, int]]], rest: int) -> None:
    classes = [
        DecayedClass(sum(w for hit, w in some if hit), sum(w for _, w in some), sum(w * w for _, w in some))
        for some in labels
    ]
    weight = sum(one.support for one in classes)
    row = decayed_measures(classes, weight + rest, 5)
    assert_sound(row, "window")
    there = sum(one.support > 0 for one in classes)
    assert row.classes_with_support == there
    assert (row.coverage is None) == (weight + rest == 0)
    for value in (row.accuracy, row.accuracy_lower, row.balanced_accuracy, row.balanced_accuracy_upper):
        assert (value is None) == (weight == 0)
    assert (row.balanced_accuracy_adjusted is None) == (there < 2)


def test_the_fields_are_those_of_the_schemas() -> None:
    for of, rows in (
        ("window", (WindowMeasures, ScoreMeasures)),
        ("class", (ClassMeasures, ClassDetails)),
        ("calibration", (CalibrationBin,)),
    ):
        names = [name for row in rows for name in row._fields if name not in ("undefined", "coverage")]
        required = [name for name in schema(of)["required"] if name in names]
        assert required == names


def test_every_reason_has_a_window_that_gives_it() -> None:
    one = Seen("a", "b", 60_000, {"a": 60_000, "b": 0, "c": 0}, 10**12)
    some = [
        recount([], CLASSES),
        recount([Seen("a")], CLASSES),
        recount([one], CLASSES, positive="a", keep=1),
        recount([one], CLASSES, positive="a", keep=3),
        recount([Seen("a", "a", 1)], CLASSES),
    ]
    rows: list[tuple[object, ...]] = [decayed_measures([DecayedClass(1, 2, 3)], 2, 5)]
    for of in some:
        rows += [window_measures(margins(of), 5), score_measures(of), *details_of(of)]
        rows += [class_measures(margins(of), i) for i in range(of.k)]
    given_reasons = {part.split(": ", 1)[1] for row in rows if row[-1] for part in str(row[-1]).split("; ")}
    assert given_reasons == {str(reason) for reason in Undefined}


def test_no_cells_at_all() -> None:
    nothing = Counted((), Cells.none(), np.zeros(0, np.int64))
    assert details_of(nothing) == []
    assert calibration_bins(nothing) == []
    assert_sound(score_measures(nothing, COST), "window")
