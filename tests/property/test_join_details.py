"""Every kind of cell against a recount in the ledger's order, whatever the blocks, flushes and checkpoints."""

import random
from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.formats.columns import Group
from streams.formats.reasons import Kind
from streams.ledger import flush as flushes
from streams.ledger.cells import CellKind
from streams.ledger.intake import Intake
from streams.ledger.join import Join
from streams.ledger.position import SourceId
from streams.ledger.spec import SECOND, LedgerSpec, Timing
from tests.support.details import Named, Recount, Slot, held_cells, told_slots
from tests.support.ledger import Label, Prediction, Row, columns

SPEC = LedgerSpec(
    partitions=2, tallies_partitions=2, pane_ms=10 * SECOND, detail_ms=30 * SECOND,
    timing=Timing(horizon_ms=60 * SECOND, slack_ms=100_000 * SECOND, settle_ms=10 * SECOND),
    positive="b", label_time=True, maturities_ms=(0, 5 * SECOND, 45 * SECOND), keep_scores=2,
    paired=("m",),
)  # fmt: skip
ORIGIN = 990 * SECOND
SOURCES = ("", "human", "audit", "ätherisch")

ids = st.integers(0, 3).map(lambda i: f"id-{i}")
times = st.sampled_from([0, 1, 9_999, 10_000, 29_999, 30_000, 60_000, 60_001, 91_000]).map(lambda t: ORIGIN + t)
kept = st.sampled_from([
    ((), 0), ((("a", 45_000), ("b", 15_000)), 2_250_000_000), ((("b", 60_000),), 3_600_000_000),
    ((("ç", 30_000), ("a", 18_000)), 0), ((("a", 60_000), ("ç", 1)), 3_599_000_000),
    ((("b", 45_000), ("a", 15_000)), 2_250_000_000), ((("b", 45_000), ("a", 15_000)), 2_250_000_001),
])  # fmt: skip
predictions = st.builds(
    lambda name, time, cls, version, segment, confidence, kept: Prediction(
        name, time, cls, version, segment, confidence, scores=kept[0], squares=kept[1]
    ),
    ids, times, st.sampled_from("abç"), st.sampled_from(["1", "2", "10", "é"]), st.sampled_from("xy"),
    st.sampled_from([None, 0.0, 0.37, 1.0]), kept,
)  # fmt: skip
delays = st.sampled_from([-5_000, 0, 999, 1_000, 5_000, 45_000, 300_000])
labels = st.builds(
    lambda name, time, cls, rank, delay, source: Label(name, time, cls, rank, time + delay, source),
    ids, times, st.sampled_from(["a", "b", "ç", None]), st.integers(0, 1), delays, st.sampled_from(SOURCES),
)  # fmt: skip
rows_of_both = st.lists(st.one_of(predictions, labels), max_size=40)


class Run:
    """Rows in random blocks; the ledger's order, the joins, and what their flushes said."""

    def __init__(self, spec: LedgerSpec, seed: int) -> None:
        self.spec, self.rng, self.most_rows = spec, random.Random(seed), 6
        self.joins = [Join(spec, p) for p in range(spec.partitions)]
        self.intake = Intake(spec, "w")
        self.sources = {kind: [SourceId(kind.value, i, "t") for i in range(2)] for kind in Kind}
        for kind, sources in self.sources.items():
            for source in sources:
                self.intake.assign(source, kind, 0, 0)
        self.offsets = dict.fromkeys((s for sources in self.sources.values() for s in sources), 0)
        self.told: dict[Slot, dict[Named, int]] = {}
        self.newest: dict[Group, int] = {}
        self.hear: Callable[[list[flushes.Flush]], object] = len
        self.places: list[tuple[SourceId, int]] = []  # of every row

    def take(self, rows: list[Row]) -> None:
        """The rows, in their order, as the ledger has them."""
        at = 0
        while at < len(rows):
            kind = Kind.PREDICTION if isinstance(rows[at], Prediction) else Kind.LABEL
            end, most = at, at + self.rng.randint(1, self.most_rows)
            while end < min(len(rows), most) and isinstance(rows[end], Prediction) == (kind is Kind.PREDICTION):
                end += 1
            source = self.rng.choice(self.sources[kind])
            begin, self.offsets[source] = self.offsets[source], self.offsets[source] + end - at
            batch = list(enumerate(rows[at:end], begin))
            self.places += [(source, offset) for offset, _ in batch]
            decoded = columns(batch, self.spec.keep_scores)
            self._say(self.intake.blocks(source, decoded, [], self.offsets[source], None))
            if self.rng.random() < 0.3:
                self.tick()
            at = end

    def tick(self) -> None:
        """A progress record; flushes, and states that are dumped and loaded."""
        self._say(self.intake.progress(self.offsets))
        for p, join in enumerate(self.joins):
            said = [(judge, flushes.decode(record)) for judge, record in join.flush("w")]
            for judge in range(self.spec.tallies_partitions):
                self.hear([chunk for of, chunk in said if of == judge])
            for _, chunk in said:
                self.told |= told_slots(chunk)
                self.newest |= dict(zip(chunk.groups, chunk.newest, strict=True))
            if self.rng.random() < 0.5:
                join.take_rejects()
                state = msgspec.msgpack.decode(msgspec.msgpack.encode(join.dump()), strict=False)
                self.joins[p] = Join.load(self.spec, p, state)

    def _say(self, sends: list[tuple[int, bytes]]) -> None:
        for p, record in sends:
            self.joins[p].apply(self.joins[p].position, record)


@settings(max_examples=300, deadline=None)
@given(rows_of_both, st.integers(0, 1 << 30), st.sampled_from([SPEC, replace(SPEC, detail_ms=SPEC.pane_ms)]))
def test_every_kind_of_cell_is_a_recount_in_the_order_of_the_ledger(
    rows: list[Row], seed: int, spec: LedgerSpec
) -> None:
    spec = replace(spec, partitions=1)
    run = Run(spec, seed)
    run.take(rows)
    run.tick()
    expected = Recount(spec).take(rows)
    assert held_cells(run.joins) == expected.cells()
    told = {(*slot, *cell): n for slot, cells in run.told.items() for cell, n in cells.items()}
    assert told == expected.cells()
    assert {group: ms for group, ms in run.newest.items() if ms > 0} == expected.newest
    assert all(join.audit().balanced for join in run.joins)


@settings(max_examples=150, deadline=None)
@given(rows_of_both, st.randoms(use_true_random=False))
def test_all_but_label_times_and_corrections_depend_on_the_order_of_the_labels_of_an_id_alone(
    rows: list[Row], rng: random.Random
) -> None:
    """Predictions and labels come in any order to each other; what labels say depends on their own."""
    mine = [row for row in rows if isinstance(row, Label)]
    others = [row for row in rows if isinstance(row, Prediction)]
    found = []
    for _ in range(3):
        rng.shuffle(others)
        merged, left = list[Row](), [list[Row](mine), list[Row](others)]
        while any(left):
            merged.append(rng.choice([some for some in left if some]).pop(0))
        run = Run(SPEC, rng.randrange(1 << 30))
        run.take(merged)
        found.append({cell: n for cell, n in held_cells(run.joins).items() if cell[2] != CellKind.CORRECTED})
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("seed", range(4))
def test_large_blocks_equal_the_recount(seed: int) -> None:
    rng = random.Random(seed)
    rows: list[Row] = []
    for _ in range(3_000):
        name, time = f"id-{rng.randrange(1_000)}", ORIGIN + rng.randrange(90_000)
        if rng.random() < 0.4:
            rows.append(Prediction(name, time, rng.choice("abc"), rng.choice("12"), rng.choice("xy"), rng.random()))
        else:
            delivered = time + rng.randrange(-5_000, 200_000)
            rows.append(Label(name, time, rng.choice(["a", "b", "c", None]), 0, delivered, rng.choice(SOURCES)))
    run = Run(replace(SPEC, partitions=1), seed)
    run.most_rows = 600
    rows.sort(key=lambda row: (row.time // 30_000, isinstance(row, Label)))
    run.take(rows)
    assert held_cells(run.joins) == Recount(run.spec).take(rows).cells()


def test_label_sources_beyond_the_limit_are_counted_as_other() -> None:
    run = Run(replace(SPEC, partitions=1), 1)
    rows: list[Row] = [Prediction(f"id-{i}", ORIGIN) for i in range(70)]
    run.take(rows)
    run.take([Label(f"id-{i}", ORIGIN + 1, "a", 0, ORIGIN + 1, f"s{i:02}") for i in range(70)])
    run.take([Label("id-0", ORIGIN + 2, "b", 0, ORIGIN + 2, f"s{i:02}") for i in (64, 65)])
    cells = held_cells(run.joins)
    by = {cell[3]: n for cell, n in cells.items() if cell[2] == CellKind.LABELLED_BY and cell[5] == "a"}
    assert by == {f"s{i:02}": 1 for i in range(1, 64)} | {"other": 6}
    pairs = {cell[3]: n for cell, n in cells.items() if cell[2] == CellKind.AGREEMENT}
    assert pairs == {("other", "s00"): 1}, "two that are folded are one source, and the same label twice"


def test_a_prediction_that_is_counted_anew_forgets_when_the_label_out_of_reach_was_known() -> None:
    run = Run(replace(SPEC, partitions=1), 1)
    rows: list[Row] = [
        Prediction("x", ORIGIN + 91_000), Label("x", ORIGIN + 95_000, "a", 0, ORIGIN + 300_000),
        Prediction("x", ORIGIN), Label("x", ORIGIN + 1_000, "a", 0, ORIGIN + 2_000),
    ]  # fmt: skip
    run.take(rows)
    cells = held_cells(run.joins)
    assert cells == Recount(run.spec).take(rows).cells()
    assert [cell[3] for cell in cells if cell[2] == CellKind.DELAY] == [2], "two seconds"
