"""Pairs of predictions of one id by two versions: a recount, whatever the order, blocks, conflicts and deaths."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.formats.columns import NO_CLASS
from streams.formats.reasons import Kind
from streams.ledger.cells import NONE, CellKind, PairOutcome, kind_of, pack
from streams.ledger.flush import Flush, decode, encode
from streams.ledger.intake import Intake
from streams.ledger.join import Join
from streams.ledger.pairing import MAX_PAIRED
from streams.ledger.position import SourceId
from streams.ledger.spec import MINUTE, SECOND, LedgerSpec, Timing
from streams.quality.counts.details import FIRST_DETAIL, sum_by
from streams.quality.counts.gather import gather
from streams.quality.counts.names import Names
from streams.quality.counts.shares import Changes, Shares
from streams.quality.judge import Judge
from streams.quality.listener import Settled
from streams.quality.measures.paired import in_order, paired
from streams.quality.spec import QualitySpec, parse_window
from tests.property.test_join_details import Run
from tests.support.details import Cell, Recount, held_cells
from tests.support.ledger import Label, Prediction, Row, columns

HORIZON = 60 * SECOND
SPEC = LedgerSpec(
    partitions=1, pane_ms=10 * SECOND, detail_ms=30 * SECOND, paired=("m", "o"),
    timing=Timing(horizon_ms=HORIZON, slack_ms=100_000 * SECOND, settle_ms=10 * SECOND),
)  # fmt: skip
SHORT = replace(
    SPEC, timing=Timing(2 * MINUTE, MINUTE, MINUTE), pane_ms=MINUTE, detail_ms=2 * MINUTE, max_disorder_ms=0,
    label_disorder_ms=0,
)  # fmt: skip
ORIGIN = 990 * SECOND
VERSIONS = ("9", "10", "é", "z")

times = st.sampled_from([0, 30_000, 60_000, 60_001, 91_000]).map(lambda t: ORIGIN + t)
ids = st.sampled_from(["x", "x", "y"])
predictions = st.builds(
    lambda name, time, cls, version, segment, model: Prediction(name, time, cls, version, segment, model=model),
    ids, times, st.sampled_from("ab"), st.sampled_from(VERSIONS), st.sampled_from("st"), st.sampled_from("mmmmno"),
)  # fmt: skip
labels = st.builds(
    lambda name, time, cls, rank, source: Label(name, time, cls, rank, time, source),
    ids, times, st.sampled_from(["a", "b", "c", None]), st.integers(0, 1), st.sampled_from(["", "s", "t"]),
)  # fmt: skip
rows_of_both = st.lists(st.one_of(predictions, labels), max_size=30)


def pairs_in(cells: Counter[Cell]) -> Counter[Cell]:
    return Counter({cell: n for cell, n in cells.items() if cell[2] == CellKind.PAIRED and n})


@settings(max_examples=300, deadline=None)
@given(rows_of_both, st.integers(0, 1 << 30))
def test_pairs_are_a_recount_of_the_rows(rows: list[Row], seed: int) -> None:
    run = Run(SPEC, seed)
    run.take(rows)
    run.tick()
    expected = pairs_in(Recount(SPEC).take(rows).cells())
    assert pairs_in(held_cells(run.joins)) == expected
    told = {(*slot, *cell): n for slot, cells in run.told.items() for cell, n in cells.items()}
    assert pairs_in(Counter(told)) == expected


@settings(max_examples=150, deadline=None)
@given(rows_of_both, st.randoms(use_true_random=False))
def test_no_order_of_rows_shows(rows: list[Row], rng: random.Random) -> None:
    found = []
    for _ in range(3):
        run = Run(SPEC, rng.randrange(1 << 30))
        run.take(rows + rng.sample(rows, len(rows) // 2))
        found.append(pairs_in(held_cells(run.joins)))
        rng.shuffle(rows)
    assert found[0] == found[1] == found[2]


class Told:
    """A join that is told rows and times one after the other, and never flushes."""

    def __init__(self, spec: LedgerSpec) -> None:
        self.join, self.intake = Join(spec, 0), Intake(spec, "w")
        self.sources = {kind: SourceId(kind.value, 0, "t") for kind in Kind}
        self.ends = dict.fromkeys(self.sources, 0)
        for kind, source in self.sources.items():
            self.intake.assign(source, kind, 0, 0)

    def rows(self, rows: list[Row]) -> None:
        """A block of rows of one kind."""
        kind = Kind.PREDICTION if isinstance(rows[0], Prediction) else Kind.LABEL
        batch = list(enumerate(rows, self.ends[kind]))
        self.ends[kind] += len(rows)
        self._say(self.intake.blocks(self.sources[kind], columns(batch), [], self.ends[kind], None))

    def time(self) -> None:
        """A progress record."""
        self._say(self.intake.progress(self.sources.values()))

    def _say(self, sends: list[tuple[int, bytes]]) -> None:
        for _, record in sends:
            self.join.apply(self.join.position, record)


def alive_pairs(join: Join) -> dict[tuple[int, int], tuple[object, ...] | None]:
    """What every pair that can still change counts as, by slots, a row at a time: None without a label."""
    held, names = join.held, join.names
    p, c = held.predictions.column, held.labels.column
    slots = [s for s in range(held.predictions.used) if held.prediction_alive(held.predictions.taken()[s : s + 1])[0]]
    found: dict[tuple[int, int], tuple[object, ...] | None] = {}
    for s, t in combinations(slots, 2):
        (g, h), keys = (names.groups[int(p["group"][i])] for i in (s, t)), held.predictions.keys
        if keys[s].tolist() != keys[t].tolist() or g.model != h.model or g.model not in join.spec.paired:
            continue
        own, other = (s, t) if g.version.encode() > h.version.encode() else (t, s)
        reach = join.spec.timing_of(g.model).horizon_ms
        both = [
            (int(c["rank"][i]), int(c["time"][i]), cls == NO_CLASS, "" if cls == NO_CLASS else names.classes[cls])
            for i in range(held.labels.used)
            if held.labels.keys[i].tolist() == keys[s].tolist()
            and held.label_alive(held.labels.taken()[i : i + 1])[0]
            and all(abs(int(c["time"][i]) - int(p["time"][x])) <= reach for x in (s, t))
            for cls in [int(c["cls"][i])]
        ]
        if not both or max(both)[2]:
            found[s, t] = None
            continue
        true, detail = max(both)[3], join.spec.detail_ms
        right = [names.classes[int(p["cls"][x])] == true for x in (own, other)]
        pane = int(p["time"][own]) // detail * detail // join.spec.pane_ms
        group, version = names.groups[int(p["group"][own])], names.groups[int(p["group"][other])].version
        found[s, t] = (pane, group, CellKind.PAIRED, version, PairOutcome(2 * right[0] + right[1]), true)
    return found


@pytest.mark.parametrize("seed", range(60))
def test_a_pair_changes_until_the_first_of_both_is_gone(seed: int) -> None:
    """Rows come about as late as they may, or later; no pair is lost, or counted twice."""
    rng, now = random.Random(seed), ORIGIN
    told, pairs = Told(SHORT), dict[tuple[int, int], tuple[object, ...] | None]()
    for _ in range(40):
        if rng.random() < 0.5:
            now += rng.randrange(MINUTE)
            told.rows([Prediction(f"{now}", now)])
            told.rows([Label(f"{now}", now)])
            told.time()
        time = now - rng.randrange(4 * MINUTE)
        if rng.random() < 0.5:
            told.rows([Prediction("x", time, rng.choice("ab"), rng.choice(VERSIONS))])
        else:
            told.rows([Label("x", time, rng.choice(["a", "b", "c", None]), rng.randrange(2), now)])
        pairs |= alive_pairs(told.join)  # no table is full, so slots stay
    counted = Counter(cell for cell in pairs.values() if cell is not None)
    assert pairs_in(held_cells([told.join])) == counted


@pytest.mark.parametrize("most_rows", [1, 15, 60])
def test_so_many_versions_of_an_id_are_in_pairs_whatever_the_blocks(most_rows: int) -> None:
    """Version 07 comes first and is replaced last of all; it keeps its place."""
    versions = [f"{v:02}" for v in (7, *(v for v in range(MAX_PAIRED + 4) if v != 7))]
    rows: list[Row] = [Prediction("x", ORIGIN + 1, "a", v) for v in versions]
    rows += [*rows, Prediction("x", ORIGIN, "b", "07")]
    told = Told(SPEC)
    for begin in range(0, len(rows), most_rows):
        told.rows(rows[begin : begin + most_rows])
    told.rows([Label("x", ORIGIN + 5, "a")])
    expected: Counter[tuple[str, str, PairOutcome]] = Counter()
    for low, high in combinations(sorted(versions[:MAX_PAIRED]), 2):
        expected[high, low, PairOutcome(2 * (high != "07") + (low != "07"))] += 1
    found = pairs_in(held_cells([told.join]))
    assert {(cell[1].version, cell[3], cell[4]): n for cell, n in found.items()} == expected


def test_a_label_that_only_the_later_prediction_can_get_is_not_the_pairs() -> None:
    run = Run(SPEC, 1)
    rows: list[Row] = [
        Prediction("x", ORIGIN, "a", "1"), Prediction("x", ORIGIN + 1_000, "b", "2"),
        Label("x", ORIGIN + HORIZON, "a"), Label("x", ORIGIN + 1_000 + HORIZON, "b"),
    ]  # fmt: skip
    run.take(rows)
    assert [cell[3:] for cell in pairs_in(held_cells(run.joins))] == [("1", PairOutcome.ONLY_OTHER, "a")]


def test_a_label_that_was_gone_before_both_came_is_not_the_pairs() -> None:
    """It still lies in the table, and would have been within the horizon of both."""
    told = Told(SHORT)
    told.rows([Label("x", ORIGIN, "a", rank=1)])
    told.rows([Prediction("y", ORIGIN + 4 * MINUTE)])
    told.rows([Label("y", ORIGIN + 4 * MINUTE)])
    told.time()
    told.rows([Prediction("x", ORIGIN + 2 * MINUTE, "a", version) for version in "12"])
    told.rows([Label("x", ORIGIN + 2 * MINUTE, "b")])
    assert [cell[3:] for cell in pairs_in(held_cells([told.join]))] == [("1", PairOutcome.NEITHER, "b")]


def test_without_paired_models_nothing_is_paired() -> None:
    run = Run(replace(SPEC, paired=()), 1)
    run.take([Prediction("x", ORIGIN, "a", v) for v in "12"] + [Label("x", ORIGIN, "a")])
    assert not pairs_in(held_cells(run.joins))
    assert "paired" not in run.joins[0].held.predictions.column


OUTCOMES = PairOutcome.BOTH, PairOutcome.ONLY_OWN, PairOutcome.ONLY_OTHER, PairOutcome.NEITHER
QUALITY = QualitySpec(
    (parse_window("90s"),), pane_ms=SPEC.pane_ms, timing=SPEC.timing, dimensions=("segment",), ledger_partitions=1,
    detail_ms=SPEC.detail_ms,
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(rows_of_both, st.integers(0, 1 << 30))
def test_a_judge_reads_what_the_ledger_counts(rows: list[Row], seed: int) -> None:
    """Flush by flush, under its own numbers of names, and from the other version's side."""
    rng, run, names = random.Random(seed), Run(SPEC, seed), Names(QUALITY)
    shares = Shares(QUALITY, names)
    run.hear = shares.take
    run.take(rows)
    run.tick()
    shares.drain()
    if rng.random() < 0.5:  # a checkpoint does not show
        state, names = names.dump(), Names(QUALITY)
        names.load(state)
        state, shares = shares.dump(), Shares(QUALITY, names)
        shares.load(state)
    group, pane, code, n = shares.told()
    expected: dict[tuple[str, str, str, int], Counter[tuple[object, object]]] = {}
    for (at, of, _, version, outcome, true), count in pairs_in(Recount(SPEC).take(rows).cells()).items():
        place = of.model, of.version, str(version), at // 9
        expected.setdefault(place, Counter())[true, outcome] += count
    found: dict[tuple[str, str, str, int], Counter[tuple[object, object]]] = {}
    for line, window in set(zip([names.line_of[g] for g in group.tolist()], (pane // 9).tolist(), strict=True)):
        some = (np.array(names.line_of)[group] == line) & (pane // 9 == window) & (code >= FIRST_DETAIL)
        counts = gather({}, sum_by(code[some], n[some]), names)
        for version in counts.versions:
            told = paired([counts], version)
            for i, name in enumerate(told.classes):
                outcomes = zip(OUTCOMES, (told.both, told.only_own, told.only_other, told.neither), strict=True)
                place = names.lines[line].model, names.lines[line].version, version, window
                found.setdefault(place, Counter()).update({(name, o): int(column[i]) for o, column in outcomes})
    assert {place: +counts for place, counts in found.items()} == expected
    assert all(in_order(version, own) == (own, version) for _, own, version, _ in found)


def flushed() -> Flush:
    """The chunk that tells one pair."""
    told = Told(SPEC)
    told.rows([Prediction("x", ORIGIN, "a", version) for version in "12"])
    told.rows([Label("x", ORIGIN, "a")])
    told.time()
    return next(chunk for chunk in (decode(record) for _, record in told.join.flush()) if chunk.versions)


@pytest.mark.parametrize(
    ("broken", "what"),
    [
        ({"versions": []}, "counts a version it does not name"),
        ({"classes": []}, "counts a class it does not name"),
        ({"code": pack(CellKind.PAIRED, len(PairOutcome))}, "counts an outcome of pairs that is none"),
        ({"code": pack(CellKind.PAIRED, b=NONE)}, "counts a class it does not name"),
    ],
)
def test_a_pair_without_its_names_is_refused(broken: dict[str, Any], what: str) -> None:
    chunk = flushed()
    if "code" in broken:
        broken = {"code": np.where(kind_of(chunk.code) == CellKind.PAIRED, broken["code"], chunk.code)}
    Shares(QUALITY, Names(QUALITY)).take([chunk])
    with pytest.raises(ValueError, match=what):
        Shares(QUALITY, Names(QUALITY)).take([replace(chunk, **broken)])


def test_a_flush_of_before_there_were_pairs_is_read() -> None:
    data = encode(replace(flushed(), versions=[]))
    size = int.from_bytes(data[4:8], "little")
    head = msgspec.msgpack.encode(msgspec.msgpack.decode(data[8 : 8 + size])[:-1])
    old = decode(data[:4] + len(head).to_bytes(4, "little") + head + data[8 + size :])
    assert old.versions == []
    assert encode(old) == data


def test_a_state_of_before_there_were_pairs_is_read_and_one_that_lost_a_version_is_refused() -> None:
    names, other = Names(QUALITY), Names(QUALITY)
    shares = Shares(QUALITY, names)
    shares.take([flushed()])
    assert names.versions == ["1"]
    other.load({name: part for name, part in names.dump().items() if name != "versions"})
    assert (other.versions, other.classes) == ([], names.classes)
    with pytest.raises(ValueError, match="has no name"):
        Shares(QUALITY, other).load(shares.dump())


class Settlements:
    """Hears of windows that settle."""

    def __init__(self) -> None:
        self.windows: list[Settled] = []

    def counted(self, stood: int, changes: Changes, names: Names) -> None:
        """Not asked for."""

    def settled(self, window: Settled) -> None:
        """Keep it."""
        self.windows.append(window)

    def closing(self, watermark: int, names: Names) -> Iterator[None]:
        """Not asked for."""
        return iter(())


def test_a_listener_hears_the_pairs_of_windows_that_settle() -> None:
    """Of the version that sorts last, in all of its predictions."""
    spec = replace(SPEC, tallies_partitions=1, max_disorder_ms=0, label_disorder_ms=0)
    told, heard = Told(spec), Settlements()
    judge = Judge(QUALITY, 0, heard)
    for name, true in (("x", "a"), ("y", "b"), ("z", "b")):
        told.rows([Prediction(name, ORIGIN, "a", "41"), Prediction(name, ORIGIN, true, "42")])
    told.rows([Label("x", ORIGIN, "a"), Label("y", ORIGIN, "b"), Label("z", ORIGIN, "b")])
    told.rows([Prediction("later", ORIGIN + 200 * SECOND)])
    told.rows([Label("later", ORIGIN + 200 * SECOND)])
    told.time()
    for offset, (_, record) in enumerate(told.join.flush()):
        judge.apply(offset, record)
    own, other = in_order("41", "42")
    (counts,) = [w.counts for w in heard.windows if (w.version, w.segment, w.start_ms) == (own, "all", ORIGIN)]
    pairs = paired([counts], other)
    assert (own, pairs.classes) == ("42", ("a", "b"))
    assert [column.tolist() for column in pairs[1:]] == [[1, 0], [0, 2], [0, 0], [0, 0]]
    assert not [w for w in heard.windows if w.version == other and len(w.counts.pairs.n)]
