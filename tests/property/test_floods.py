"""Floods of one id: what is counted, told and refused depends on the order of the ledger, never on its blocks."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import groupby
from random import Random
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.formats.reasons import Kind, Reason
from streams.ledger import predictions as module
from streams.ledger.blocks import Advance, encode
from streams.ledger.intake import Intake
from streams.ledger.join import Join
from streams.ledger.position import SourceId, start
from streams.ledger.spec import MINUTE, LedgerSpec, Timing
from streams.ledger.table import Table
from tests.support.ledger import Label, Prediction, Row, columns, confusion

SPEC = LedgerSpec(
    partitions=1, pane_ms=10 * MINUTE, timing=Timing(20 * MINUTE, 10 * MINUTE, MINUTE), max_disorder_ms=0,
    label_disorder_ms=0, max_labels_per_id=3,
)  # fmt: skip
T = 28_333_440 * MINUTE
SOURCES = {Kind.PREDICTION: SourceId("p", 0, "t"), Kind.LABEL: SourceId("l", 0, "t")}

ids = st.sampled_from(["x", "y"])
minutes = st.integers(0, 9).map(lambda n: T + n * 7 * MINUTE)
predictions = st.builds(
    Prediction, ids, minutes, st.sampled_from("ab"), st.sampled_from("12"), st.sampled_from("st"),
    st.sampled_from([None, 0.5]),
)  # fmt: skip
labels = st.builds(Label, ids, minutes, st.sampled_from(["a", "b", None]), st.integers(0, 1))
advances = st.integers(0, 12).map(lambda n: T + n * 10 * MINUTE)
runs = st.one_of(st.lists(predictions, max_size=12), st.lists(labels, max_size=12), advances)
Step = list[Prediction] | list[Label] | int


def blocks_of(rows: list[Row], rng: Random | None) -> Iterator[list[Row]]:
    """The rows in blocks of one kind: cut at random, or one a row."""
    at = 0
    while at < len(rows):
        n = 1 if rng is None else rng.randint(1, len(rows) - at)
        yield rows[at : at + n]
        at += n


def fold(steps: list[Step], rng: Random | None, spec: LedgerSpec = SPEC) -> Join:
    """Rows and moves of time in their order; blocks of any size."""
    join, intake, ends = Join(spec, 0), Intake(spec, "w"), dict.fromkeys(SOURCES.values(), 0)
    for kind, source in SOURCES.items():
        intake.assign(source, kind, 0, 0)
    for is_time, group in groupby(steps, key=lambda step: isinstance(step, int)):
        for step in group:
            if is_time:
                applied = {str(source): start(end) for source, end in ends.items()}
                join.apply(join.position, encode(Advance("a", step, applied)))  # type: ignore[arg-type]
                for _, record in intake.progress(ends):
                    join.apply(join.position, record)
                continue
            for rows in blocks_of(list(step), rng):  # type: ignore[arg-type]
                source = SOURCES[Kind.PREDICTION if isinstance(rows[0], Prediction) else Kind.LABEL]
                begin = ends[source]
                ends[source] = end = begin + len(rows)
                batch = columns(list(zip(range(begin, end), rows, strict=True)))
                for _, record in intake.blocks(source, batch, [], end, None):
                    join.apply(join.position, record)
    return join


def seen(join: Join) -> tuple[Any, ...]:
    """Everything that blocks must not show in: counts, the audit, and what was told."""
    audit = {name: n for name, n in asdict(join.audit()).items() if name != "position"}
    told = Counter(
        (r.kind, r.source, r.position, r.reason, r.late_by_ms)
        for r in join.take_rejects()
        if r.reason is not Reason.BEYOND_HORIZON  # told of each prediction that was counted in between
    )
    assert join.audit().balanced
    return confusion([join]), audit, told


@settings(max_examples=200, deadline=None)
@given(st.lists(runs, max_size=8), st.integers(0, 1 << 30))
def test_blocks_do_not_show_in_counts_audits_and_rejects(steps: list[Step], seed: int) -> None:
    one_by_one = seen(fold(steps, None))
    with mock.patch.object(module, "CROWD", 1):
        assert seen(fold(steps, Random(seed))) == one_by_one
    assert seen(fold(steps, Random(seed + 1))) == one_by_one


def test_an_id_holds_so_many_labels_and_further_ones_are_refused() -> None:
    given: list[Label] = [Label("x", T + n, "a") for n in (0, 1, 1, 2, 3, 0, 4)]
    join = fold([given, [Label("x", T + 1), Label("x", T + 9), Label("y", T)]], Random(1))
    told = Counter(r.reason for r in join.take_rejects())
    assert told == {Reason.DUPLICATE_LABEL: 3, Reason.LABEL_LIMIT: 3}
    audit = join.audit()
    assert (audit.labels_received, audit.labels_waiting, audit.labels_rejected) == (10, 4, 3)
    assert audit.balanced


def test_a_prediction_that_lost_within_a_block_keeps_labels_as_long_as_one_that_lost_later() -> None:
    steps: list[Step] = [
        [Label("x", T, "b")], [Prediction("x", T + 20 * MINUTE), Prediction("x", T)], T + 40 * MINUTE,
        [Prediction("x", T + 15 * MINUTE)],
    ]  # fmt: skip
    one_by_one = fold(steps, None)
    assert one_by_one.counts.labelled == 2
    with mock.patch.object(module, "CROWD", 1):
        assert seen(fold(steps, mock.Mock(randint=lambda _, most: most))) == seen(one_by_one)


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("distinct", [1, 5_000])
def test_a_block_of_one_id_is_cheap_and_says_what_single_rows_say(kind: Kind, distinct: int) -> None:
    spec = replace(SPEC, max_labels_per_id=32)
    rng = Random(1)
    times = [T + rng.randrange(distinct) for _ in range(5_000)]
    other = [Label("x", T, "b"), Prediction("x", T + 5, "b")][kind is Kind.LABEL]
    flood: Any = [Prediction("x", t) if kind is Kind.PREDICTION else Label("x", t) for t in times]
    steps: list[Step] = [[other], flood]  # type: ignore[list-item]
    with mock.patch.object(Table, "look", autospec=True, side_effect=Table.look) as looks:
        join = fold(steps, mock.Mock(randint=lambda _, most: most), spec)
    assert looks.call_count < 300, "a look-up for the block, not one for each of its 5,000 rows"
    assert seen(join) == seen(fold([steps[0], *([row] for row in flood)], None, spec))
