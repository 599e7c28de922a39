"""Label quality: agreement and kappa of sources, corrections, people who overrule, classes nobody expects."""

from collections.abc import Mapping, Sequence
from math import isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from streams.quality.counts.counted import Cells, Counted, PairCells, SourceCells
from streams.quality.measures.intervals import wilson
from streams.quality.measures.label_quality import SourceMeasures, SourceUndefined, label_sources, rates

CLASSES = ("cancelled", "late", "on_time")
SOURCES = ("", "crew", "radar", "review")
Rows = Mapping[tuple[int, ...], int]


def columns(rows: Rows, width: int) -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Columns of the keys of rows, and one of their counts."""
    table = np.array([(*key, n) for key, n in sorted(rows.items())], np.int64).reshape(-1, width + 1)
    return [table[:, i] for i in range(width + 1)]


def observed(
    labelled_by: Rows | None = None,
    corrections: Rows | None = None,
    agreement: Rows | None = None,
    unnamed: Rows | None = None,
    unlabelled: Sequence[int] = (0, 0, 0),
) -> Counted:
    """Counts by (source, true, predicted), (source, before, after), (a, b, class by a, class by b), (true, predicted).

    `unnamed` are labels without a source.
    """
    cells: dict[tuple[int, ...], int] = dict(unnamed or {})
    for (_, *cell), n in (labelled_by or {}).items():
        cells[tuple(cell)] = cells.get(tuple(cell), 0) + n
    return Counted(
        CLASSES,
        Cells(*columns(cells, 2)),
        np.array(unlabelled),
        sources=SOURCES,
        labelled_by=SourceCells(*columns(labelled_by or {}, 3)),
        corrections=SourceCells(*columns(corrections or {}, 3)),
        agreement=PairCells(*columns(agreement or {}, 4)),
    )


def row_of(rows: list[SourceMeasures], source: str, other: str | None = None) -> SourceMeasures:
    (row,) = (row for row in rows if (row.source, row.other) == (source, other))
    return row


BY: Rows = {(1, 1, 1): 30, (1, 2, 2): 60, (3, 1, 2): 6, (3, 2, 2): 4}


def test_a_source_has_its_labels_and_its_corrections_with_the_most_frequent_direction() -> None:
    corrected: Rows = {(3, 1, 2): 2, (3, 2, 1): 5, (3, 0, 1): 1, (1, 1, 2): 3}
    review = row_of(label_sources(observed(BY, corrected), ()), "review")
    assert (review.labels, review.corrections, review.correction_share) == (10, 8, 0.8)
    assert review.most_corrected == "on_time -> late: 5"


def test_among_equal_directions_the_first_by_name_is_told_and_no_class_has_a_name() -> None:
    rows = label_sources(observed(BY, {(3, 2, 1): 5, (3, 1, 2): 5, (1, 0, -1): 4}), ())
    assert row_of(rows, "review").most_corrected == "late -> on_time: 5"
    assert row_of(rows, "crew").most_corrected == "cancelled -> (none): 4"


def test_people_overrule_where_their_label_differs_from_the_prediction() -> None:
    rows = label_sources(observed(BY), ("review",))
    review, crew = row_of(rows, "review"), row_of(rows, "crew")
    assert (review.human, review.overridden, review.override_rate) == (True, 6, 0.6)
    assert (review.override_lower, review.override_upper) == wilson(0.6, 10)
    assert (crew.human, crew.overridden, crew.override_rate) == (False, None, None)
    assert f"override_rate: {SourceUndefined.NOT_HUMAN}" in str(crew.undefined)


def test_a_human_source_whose_labels_were_all_replaced_overrode_nothing_and_has_no_rate() -> None:
    review = row_of(label_sources(observed({(1, 1, 1): 5}, {(3, 1, 2): 2}), ("review",)), "review")
    assert (review.labels, review.overridden, review.override_rate) == (0, 0, None)
    assert f"override_rate: {SourceUndefined.NO_LABELS}" in str(review.undefined)
    assert f"correction_share: {SourceUndefined.NO_LABELS}" in str(review.undefined)


def test_labels_of_classes_that_are_not_expected_are_counted_by_source() -> None:
    counts = observed(BY, unnamed={(0, 0): 7})
    rows = label_sources(counts, (), frozenset({"on_time", "cancelled"}))
    assert [row_of(rows, source).unexpected for source in ("crew", "review", "")] == [30, 6, 0]
    assert row_of(label_sources(counts, ()), "crew").unexpected is None


def test_labels_without_a_source_are_those_of_the_empty_name() -> None:
    unnamed = row_of(label_sources(observed(BY, unnamed={(1, 1): 7, (1, 2): 2}), ("",)), "")
    assert (unnamed.labels, unnamed.overridden) == (9, 2)


def test_where_nothing_names_a_source_there_is_a_row_only_when_something_was_corrected() -> None:
    assert label_sources(observed(unnamed={(1, 1): 7}), ()) == []
    (row,) = label_sources(observed(unnamed={(1, 1): 7}, corrections={(0, 2, 1): 1}), ())
    assert (row.source, row.labels, row.corrections) == ("", 7, 1)


def test_rows_are_in_the_order_of_names_a_source_before_its_pairs() -> None:
    rows = label_sources(observed(BY, agreement={(1, 3, 1, 1): 1, (2, 3, 1, 1): 1}), ())
    assert [(row.source, row.other) for row in rows] == [
        ("crew", None),
        ("crew", "review"),
        ("radar", None),
        ("radar", "review"),
        ("review", None),
    ]


def test_a_pair_has_its_share_of_agreement_with_its_interval() -> None:
    agreement: Rows = {(1, 3, 1, 1): 30, (1, 3, 2, 2): 50, (1, 3, 1, 2): 15, (1, 3, 0, 2): 5}
    pair = row_of(label_sources(observed(BY, agreement=agreement), ()), "crew", "review")
    assert (pair.labels, pair.agreeing, pair.agreement) == (100, 80, 0.8)
    assert (pair.agreement_lower, pair.agreement_upper) == wilson(0.8, 100)
    assert (pair.human, pair.corrections, pair.unexpected) == (None, None, None)


def test_a_pair_that_is_counted_the_wrong_way_round_is_told_by_name() -> None:
    pair = row_of(label_sources(observed(agreement={(3, 1, 1, 2): 4}), ()), "crew", "review")
    assert (pair.labels, pair.agreeing) == (4, 0)


LABELS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=30)


@given(LABELS)
def test_kappa_is_that_of_scikit_learn_at_every_prefix(labels: list[tuple[int, int]]) -> None:
    for end in range(1, len(labels) + 1):
        prefix = labels[:end]
        cells: Rows = {(1, 2, *pair): prefix.count(pair) for pair in set(prefix)}
        said = row_of(label_sources(observed(agreement=cells), ()), "crew", "radar")
        if said.kappa is None:
            assert len({name for pair in prefix for name in pair}) == 1
            assert f"kappa: {SourceUndefined.NO_EXPECTED_DISAGREEMENT}" in str(said.undefined)
            continue
        expected = cohen_kappa_score(*zip(*prefix, strict=True))
        assert not isnan(expected)
        assert said.kappa == pytest.approx(expected, abs=1e-12)


def test_kappa_of_more_labels_than_64_bits_can_square_is_exact() -> None:
    n = 4_000_000_000
    pair = row_of(label_sources(observed(agreement={(1, 2, 1, 1): n, (1, 2, 2, 2): n}), ()), "crew", "radar")
    assert pair.kappa == 1.0


COUNTS = st.dictionaries(st.tuples(st.integers(1, 3), *[st.integers(0, 2)] * 2), st.integers(1, 9))
CHANGES = st.dictionaries(st.tuples(st.integers(0, 3), *[st.integers(-1, 2)] * 2), st.integers(1, 9))
PAIRS = st.dictionaries(
    st.tuples(st.sampled_from([(1, 2), (1, 3), (2, 3)]), *[st.integers(0, 2)] * 2).map(lambda x: (*x[0], *x[1:])),
    st.integers(1, 9),
)
UNNAMED = st.dictionaries(st.tuples(st.integers(0, 2), st.integers(0, 2)), st.integers(1, 9))


@given(
    COUNTS, CHANGES, PAIRS, UNNAMED, st.sampled_from([(), ("review",)]), st.sampled_from([None, frozenset({"late"})])
)
def test_every_number_is_one_or_has_a_reason(
    by: Rows, changes: Rows, pairs: Rows, unnamed: Rows, human: tuple[str, ...], expected: frozenset[str] | None
) -> None:
    counts = observed(by, changes, pairs, unnamed)
    rows = label_sources(counts, human, expected)
    for row in rows:
        missing = {name for name, value in row._asdict().items() if value is None} - {"other", "undefined"}
        assert missing == {part.partition(":")[0] for part in str(row.undefined or "").split("; ")} - {""}
        assert all(0 <= value <= 1 for name, value in row._asdict().items() if "rate" in name and value is not None)
    if rows and by:
        assert sum(row.labels for row in rows if row.other is None) == counts.labelled
    for hits, n in rates(counts, human, expected).values():
        assert 0 <= hits <= n
        assert n > 0


def test_the_rates_that_are_watched_are_hits_among_n() -> None:
    pairs: Rows = {(1, 3, 1, 1): 7, (1, 3, 1, 2): 3}
    counts = observed(BY, {(3, 1, 2): 2, (1, 2, 1): 300}, pairs, {(0, 2): 1}, unlabelled=[5, 0, 0])
    assert rates(counts, ("review",), frozenset({"late", "on_time"})) == {
        ("agreement", "crew & review"): (7, 10),
        ("corrections", ""): (0, 1),
        ("corrections", "crew"): (90, 90),
        ("corrections", "review"): (2, 10),
        ("overrides", "review"): (6, 10),
        ("unknown_labels", ""): (1, 101),
        ("unknown_predictions", ""): (5, 106),
    }


def test_where_there_is_nothing_there_is_no_rate() -> None:
    assert rates(observed(), ("review",), frozenset({"late"})) == {}
