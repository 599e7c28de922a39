"""The join's counts depend on the rows alone: not on their order, partitioning, batch sizes or repeats."""

import itertools
import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.formats.columns import CONFIDENCE_SCALE
from streams.formats.reasons import Kind
from streams.ledger.cells import KIND_SHIFT, CellKind
from streams.ledger.gap import GapError
from streams.ledger.intake import Intake
from streams.ledger.join import Join
from streams.ledger.position import SourceId
from streams.ledger.spec import LedgerSpec, Timing
from tests.support.ledger import Label, Prediction, Row, columns, confusion, recount

SPEC = LedgerSpec(
    partitions=3, tallies_partitions=2, pane_ms=10, timing=Timing(horizon_ms=60, slack_ms=10_000, settle_ms=10)
)
ORIGIN = 1_000_000

ids = st.integers(0, 3).map(lambda i: f"id-{i}")
times = st.sampled_from([0, 1, 9, 10, 30, 60, 61, 90, 91, 150]).map(lambda t: ORIGIN + t)
predictions = st.builds(
    Prediction, ids, times, st.sampled_from("abç"), st.sampled_from("12"), st.sampled_from("xy"),
    st.sampled_from([None, 0.0, 0.37, 1.0]),
)  # fmt: skip
labels = st.builds(Label, ids, times, st.sampled_from(["a", "b", "ç", None]), st.integers(0, 2))
rows_of_both = st.lists(st.one_of(predictions, labels), max_size=40)


def run(rows: list[Row], seed: int) -> list[Join]:
    """The rows through intake and join: random sources, random batches, random repeats of records."""
    rng = random.Random(seed)
    joins = [Join(SPEC, p) for p in range(SPEC.partitions)]
    logs: list[list[bytes]] = [[] for _ in joins]
    intake = Intake(SPEC, "w")
    sources: dict[SourceId, list[Row]] = {}
    for row in rows:
        topic = "p" if isinstance(row, Prediction) else "l"
        sources.setdefault(SourceId(topic, rng.randrange(2), "t"), []).append(row)
    at = dict.fromkeys(sources, 0)
    for source in sources:
        intake.assign(source, Kind.PREDICTION if source.topic == "p" else Kind.LABEL, 0, 0)
    while any(at[s] < len(sources[s]) for s in sources):
        source = rng.choice([s for s in sources if at[s] < len(sources[s])])
        end = min(len(sources[source]), at[source] + rng.randint(1, 8))
        batch = list(enumerate(sources[source]))[at[source] : end]
        for p, record in intake.blocks(source, columns(batch), [], end, None):
            logs[p] += [record] * rng.choice([1, 1, 1, 2])
        at[source] = end
    for p, record in intake.progress(sources):
        logs[p].append(record)
    for join, log in zip(joins, logs, strict=True):
        for offset, record in enumerate(log):
            join.apply(offset, record)
    return joins


@settings(max_examples=400, deadline=None)
@given(rows_of_both, st.randoms(use_true_random=False))
def test_counts_equal_a_naive_recount_in_any_order(rows: list[Row], rng: Any) -> None:
    expected = recount(rows, SPEC)
    for _ in range(2):
        shuffled = list(rows)
        rng.shuffle(shuffled)
        joins = run(shuffled, rng.randrange(1 << 30))
        assert confusion(joins) == expected
        for join in joins:
            audit = join.audit()
            assert audit.balanced, audit


@settings(max_examples=200, deadline=None)
@given(rows_of_both, st.integers(0, 1 << 30))
def test_confidence_and_delay_cells_agree_with_the_confusion_cells(rows: list[Row], seed: int) -> None:
    for join in run(rows, seed):
        scored = labelled = delays = 0
        for slot in join.counts.slots.values():
            for code, n in slot.items():
                kind = code >> KIND_SHIFT
                assert n > 0
                labelled += n if kind == CellKind.CONFUSION and code & 0xFFFF != 0xFFFF else 0
                scored += n if kind == CellKind.SCORED else 0
                delays += n if kind == CellKind.DELAY else 0
        held = join.held.predictions
        confidence = held.column["confidence"][held.taken()]
        assert scored == int((confidence <= CONFIDENCE_SCALE).sum())
        assert delays == labelled == join.counts.labelled


def test_every_label_is_in_one_state_and_the_states_are_those_of_the_rules() -> None:
    rows: list[Row] = [
        Prediction("won", ORIGIN), Label("won", ORIGIN + 1, "b"), Label("won", ORIGIN + 2, "a"),
        Label("won", ORIGIN + 2, "a"), Label("waits", ORIGIN), Prediction("far", ORIGIN), Label("far", ORIGIN + 61),
        Prediction("gone", ORIGIN), Label("gone", ORIGIN + 1, "a"), Label("gone", ORIGIN + 2, None),
    ]  # fmt: skip
    joins = run(rows, 7)
    total = {
        name: sum(getattr(j.audit(), f"labels_{name}") for j in joins)
        for name in ("received", "winning", "beaten", "duplicate", "waiting", "beyond_horizon", "deletion")
    }
    assert total == {
        "received": 7, "winning": 1, "beaten": 2, "duplicate": 1, "waiting": 1, "beyond_horizon": 1, "deletion": 1,
    }  # fmt: skip


@pytest.mark.parametrize("size", [50, 5000])
def test_large_blocks_equal_the_recount(size: int) -> None:
    rng = random.Random(size)
    rows: list[Row] = []
    for _ in range(size):
        i = f"id-{rng.randrange(size)}"
        t = ORIGIN + rng.randrange(150)
        rows.append(
            Prediction(i, t, rng.choice("abc"), rng.choice("12"), rng.choice("xy"), rng.random())
            if rng.random() < 0.5
            else Label(i, t, rng.choice(["a", "b", "c", None]), rng.randrange(2))
        )
    assert confusion(run(rows, size)) == recount(rows, SPEC)


@pytest.mark.parametrize("order", list(itertools.permutations(["z", "b", "ç", None])))
def test_a_tie_of_labels_goes_to_the_greatest_name_and_a_deletion_beats_all(order: tuple[str | None, ...]) -> None:
    for named in (order, tuple(c for c in order if c is not None)):
        labels = [Label("id", ORIGIN + 5, c) for c in named]
        first: list[Row] = [Prediction("id", ORIGIN), *labels]
        last: list[Row] = [*labels, Prediction("id", ORIGIN)]
        for rows in (first, last):
            assert confusion(run(rows, 3)) == recount(rows, SPEC)


def test_a_record_that_overlaps_what_was_applied_counts_only_its_new_rows() -> None:
    rows: list[Row] = [Prediction(f"id-{i}", ORIGIN + i) for i in range(9)]
    source = SourceId("p", 0, "t")
    join = Join(replace(SPEC, partitions=1), 0)
    for offset, (begin, end) in enumerate([(0, 4), (2, 7), (0, 9), (3, 5)]):
        intake = Intake(join.spec, "w")
        intake.assign(source, Kind.PREDICTION, begin, 0)
        batch = list(enumerate(rows))[begin:end]
        for _, record in intake.blocks(source, columns(batch), [], end, None):
            join.apply(offset, record)
    assert confusion([join]) == recount(rows, SPEC)
    assert join.audit().predictions_received == 9


def test_a_record_that_begins_above_what_was_applied_is_a_gap() -> None:
    source = SourceId("p", 0, "t")
    join = Join(replace(SPEC, partitions=1), 0)
    for offset, begin in enumerate([0, 3]):
        intake = Intake(join.spec, "w")
        intake.assign(source, Kind.PREDICTION, begin, 0)
        records = intake.blocks(source, columns([(begin, Prediction("x", ORIGIN))]), [], begin + 1, None)
        if offset == 0:
            join.apply(offset, records[0][1])
        else:
            with pytest.raises(GapError, match="p/0@t"):
                join.apply(offset, records[0][1])
