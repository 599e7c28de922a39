"""Ledger partitions that say things to a judge, and the plain recount of what it should have answered.

A `History` is one ledger partition told step by step: each step changes some slots and may move the
watermark. From it come the flushes of any writer with any cuts, and, by looking at every prediction once,
the rows that must be there.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np

from streams.formats.columns import Group
from streams.ledger.cells import NONE, SOURCE_BITS, CellKind, pack
from streams.ledger.flush import Flush, encode
from streams.ledger.spec import NO_TIME, Timing
from streams.quality.judge import Judge
from streams.quality.rows import OutputRow
from streams.quality.settings import Settings
from streams.quality.spec import QualitySpec, parse_window

PANE = 60_000
CLASSES = ("ham", "spam", "späm|2", "unk 100%")

Cell = tuple[Any, ...]
"""(kind, predicted, actual), or (kind, c, a, b): classes and label sources by name."""
Slot = tuple[int, Group]
Rows = dict[tuple[str, str], dict[str, Any]]

CORRECTION: Cell = (CellKind.CORRECTED, "", None)


def spec_of(*windows: str, **changes: Any) -> QualitySpec:
    """A spec with panes of a minute and short lives."""
    settings: dict[str, Any] = {
        "pane_ms": PANE,
        "timing": Timing(horizon_ms=5 * PANE, slack_ms=PANE, settle_ms=2 * PANE),
        "dimensions": ("country",),
        "ledger_partitions": 1,
        "detail_ms": PANE,
    }
    return QualitySpec(tuple(parse_window(w) for w in windows), **{**settings, **changes})


LONG = Timing(horizon_ms=9 * PANE, slack_ms=2 * PANE, settle_ms=3 * PANE)
ALL_ONLY = Settings(drift_segments=False)
"""Detectors watch no segments, which takes most of the time of small windows."""

SPECS = (
    spec_of("5m", settings=ALL_ONLY),
    spec_of("4m", "6m/2m", ledger_partitions=3, settings=ALL_ONLY),
    spec_of(
        "3m/2m", "5m", ledger_partitions=2, models=(("m2", LONG),), dimensions=("country", "age"), settings=ALL_ONLY
    ),
    spec_of("5m", "6m/3m", ledger_partitions=2, max_segment_values=2),
    spec_of("5m", max_segment_values=1, dimensions=("country", "age"), settings=ALL_ONLY),
    spec_of("2m", dimensions=(), expected_classes=(("m2", ("ham", "spam", "egg")),)),
)
"""Every kind of windows, times, dimensions and bounds that rows depend on."""


@dataclass(slots=True)
class Prediction:
    """What a ledger partition holds of a prediction."""

    time_ms: int
    group: Group
    predicted: str
    actual: str | None = None

    @property
    def slot(self) -> Slot:
        return self.time_ms // PANE, self.group

    @property
    def cell(self) -> Cell:
        return CellKind.CONFUSION, self.predicted, self.actual


@dataclass(slots=True)
class History:
    """One ledger partition: the counts of each slot, and each step: what it touched, the watermark then."""

    partition: int
    counts: dict[Slot, Counter[Cell]] = field(default_factory=dict)
    steps: list[tuple[dict[Slot, dict[Cell, int]], int]] = field(default_factory=list)
    watermark: int = NO_TIME

    def step(self, changes: Iterable[tuple[Slot, Cell, int]] = (), watermark: int | None = None) -> None:
        """One record of the ledger: change counts, move the watermark."""
        touched: dict[Slot, dict[Cell, int]] = {}
        for slot, cell, n in changes:
            cells = self.counts.setdefault(slot, Counter())
            cells[cell] += n
            touched[slot] = {}
        for slot in touched:
            touched[slot] = {cell: n for cell, n in self.counts[slot].items() if n}
        if watermark is not None:
            self.watermark = max(self.watermark, watermark)
        self.steps.append((touched, self.watermark))

    def predict(self, prediction: Prediction, n: int = 1) -> None:
        """One step that counts a prediction."""
        self.step([(prediction.slot, prediction.cell, n)])

    def crossings(self, spec: QualitySpec) -> list[int]:
        """Behind which steps the join flushes at once: a watermark came to be, or passed an end of panes by a wait."""
        waits = {wait for t in (spec.timing, *(own for _, own in spec.models)) for wait in (t.settle_ms, t.final_ms)}
        marks = [NO_TIME, *(watermark for _, watermark in self.steps)]
        return [
            i
            for i, (before, after) in enumerate(pairwise(marks), 1)
            if after > before
            and (before == NO_TIME or any((after - wait) // PANE > (before - wait) // PANE for wait in waits))
        ]

    def flush(self, begin: int, end: int, writer: str = "a", chunk_slots: int = 1000) -> list[Flush]:
        """The flush of steps `[begin, end)`, in chunks of so many slots."""
        touched: dict[Slot, dict[Cell, int]] = {}
        for changes, _ in self.steps[begin:end]:
            touched |= changes
        watermark = self.steps[end - 1][1]
        slots = list(touched.items())
        parts = [slots[i : i + chunk_slots] for i in range(0, len(slots), chunk_slots)] or [[]]
        return [
            self._chunk(part, (begin, end, watermark), (writer, i, i == len(parts) - 1)) for i, part in enumerate(parts)
        ]

    def _chunk(
        self, slots: list[tuple[Slot, dict[Cell, int]]], span: tuple[int, int, int], which: tuple[str, int, bool]
    ) -> Flush:
        groups = sorted({group for (_, group), _ in slots}, reverse=which[1] % 2 == 1)
        every = [cell for _, cells in slots for cell in cells]
        classes = sorted({c for cell in every for c in cell[-2:] if isinstance(c, str) and c})
        sources = sorted({"", *(name for cell in every for name in sources_of(cell))}, reverse=which[1] % 2 == 1)
        number = {c: i for i, c in enumerate(classes)}
        of_source = {name: i for i, name in enumerate(sources)}

        def code(cell: Cell) -> int:
            kind, *by, a, b = cell
            if cell == CORRECTION:
                return pack(CellKind.CORRECTED, a=NONE, b=NONE)
            a, b = (x if isinstance(x, int) else NONE if x is None else number[x] for x in (a, b))
            named = [of_source[name] for name in sources_of(cell)]
            c = named[0] << SOURCE_BITS | named[1] if len(named) == 2 else [*named, *by, 0][0]
            return pack(CellKind(kind), a, b, c)

        return Flush(
            self.partition,
            *span,
            groups,
            classes,
            np.array([pane for (pane, _), _ in slots], np.int64),
            np.array([groups.index(group) for (_, group), _ in slots], np.uint32),
            np.cumsum([0, *(len(cells) for _, cells in slots)]).astype(np.int64),
            np.array([code(cell) for cell in every], np.int64),
            np.array([n for _, cells in slots for n in cells.values()], np.int64),
            *which,
            sources=sources,
            newest=[NO_TIME] * len(groups),
        )


def sources_of(cell: Cell) -> tuple[str, ...]:
    """The label sources that a cell names."""
    c = cell[1] if len(cell) == 4 else ()
    return (c,) if isinstance(c, str) else c if isinstance(c, tuple) else ()


def random_histories(rng: Random, spec: QualitySpec, steps: int, *, finish: bool) -> list[History]:
    """Ledger partitions with predictions, labels, corrections and retractions; `finish` makes all final."""
    countries = rng.choice((2, 6))
    histories = [History(p) for p in range(spec.ledger_partitions)]
    groups = [
        Group(
            model,
            version,
            tuple(f"c{rng.randrange(countries)}" if rng.random() < 0.9 else "other" for _ in spec.dimensions),
        )
        for model, version in (("m|1", "v1"), ("m|1", "v2"), ("m2", "v1"))
        for _ in range(2 * countries)
    ]
    timings = [spec.timing, *(t for _, t in spec.models)]
    shortest, longest = min(t.final_ms for t in timings), max(t.final_ms for t in timings)
    for history in histories:
        held: list[Prediction] = []
        now = 0
        for _ in range(rng.randrange(steps) + 1):
            now += rng.choice((0, 0, PANE // 3, 3 * PANE))
            if rng.random() < 0.3:
                history.step(watermark=now - 2 * PANE)
                held = [p for p in held if p.time_ms >= history.watermark - shortest]
            changes: list[tuple[Slot, Cell, int]] = []
            for _ in range(rng.randrange(4)):
                changes += _random_change(rng, groups, held, (max(0, history.watermark - shortest), now))
            history.step(changes)
            # The ledger changes nothing older than horizon and slack; here the shortest holds for every model.
            held = [p for p in held if p.time_ms >= history.watermark - shortest]
        history.step(watermark=now + 10_000 * PANE + longest if finish else None)
    return histories


def _random_change(
    rng: Random, groups: list[Group], held: list[Prediction], times: tuple[int, int]
) -> list[tuple[Slot, Cell, int]]:
    what = rng.random()
    if not held or what < 0.5:
        low, high = times
        new = Prediction(rng.randint(low, max(low, high)), rng.choice(groups), rng.choice(CLASSES))
        held.append(new)
        return [(new.slot, new.cell, 1)]
    known = rng.choice(held)
    changes = [(known.slot, known.cell, -1)]
    if what < 0.6:
        held.remove(known)
        return changes
    before, known.actual = known.actual, rng.choice((None, *CLASSES))
    if before is not None and before != known.actual:
        changes.append((known.slot, CORRECTION, 1))
    return [*changes, (known.slot, known.cell, 1)]


def records(
    rng: Random, histories: list[History], writers: int = 2, crossings_of: QualitySpec | None = None
) -> list[bytes]:
    """A tallies log of these ledger partitions: random cuts, chunks, repeats, zombies and killed writers.

    With `crossings_of` a flush also ends wherever the join ends one at once.
    """
    queues: list[tuple[History, list[Flush]]] = []
    for history in histories:
        due = history.crossings(crossings_of) if crossings_of is not None else []
        queues += [(history, list(_writer(rng, history, f"w{w}", due, whole=w == 0))) for w in range(writers)]
    applied = [0] * len(histories)
    log = []
    while any(queue for _, queue in queues):
        history, queue = rng.choice([q for q in queues if q[1]])
        if queue[0].begin > applied[history.partition]:
            continue  # a writer that loaded a later checkpoint cannot have written before it was there
        flush = queue.pop(0)
        log.append(encode(flush))
        if flush.last and flush.writer == "w0":
            applied[history.partition] = max(applied[history.partition], flush.end)
    for history in [*histories, *histories]:  # a round in which everything was said
        history.step()
        log += [encode(chunk) for chunk in history.flush(len(history.steps) - 1, len(history.steps), "w0")]
    return log


def _writer(rng: Random, history: History, name: str, due: list[int], *, whole: bool) -> Iterator[Flush]:
    size = len(history.steps)
    cut = 0 if whole else rng.randrange(size)
    chunks: list[Flush] = []
    while cut < size:
        end = min([rng.randint(cut + 1, min(size, cut + 6)), *due[bisect_right(due, cut) :][:1]])
        chunks += history.flush(cut, end, name, rng.randint(1, 3))
        cut = end
    yield from chunks if whole else chunks[: rng.randint(0, len(chunks))]


def judge_all(spec: QualitySpec, log: list[bytes], first_offset: int = 0) -> list[list[OutputRow]]:
    """The rows of each record of a log."""
    judge = Judge(spec, 0)
    return [judge.apply(first_offset + i, record) for i, record in enumerate(log)]


def newest(rows: Iterable[OutputRow]) -> Rows:
    """The last row under each key."""
    return {(row.stream, row.key): row.value for row in rows}


Counts = dict[tuple[str, str, str, str, int], tuple[Counter[tuple[str, str | None]], int]]


def recount(spec: QualitySpec, histories: list[History]) -> Counts:
    """Cells and corrections by (model, version, segment, window, start): every slot in every window."""
    result: dict[tuple[str, str, str, str, int], Counter[Cell]] = {}
    for history in histories:
        for (pane, group), cells in history.counts.items():
            segments = ["all", *(f"{d}={v}" for d, v in zip(spec.dimensions, group.segments, strict=True))]
            for window in spec.windows:
                start = (pane * PANE - window.origin_ms) // window.step_ms * window.step_ms + window.origin_ms
                while start + window.size_ms > pane * PANE:
                    for segment in segments:
                        key = (group.model, group.version, segment, window.name, start)
                        result.setdefault(key, Counter()).update(cells)
                    start -= window.step_ms
    counts = {
        key: (
            Counter({(cell[-2], cell[-1]): n for cell, n in cells.items() if n and cell[0] == CellKind.CONFUSION}),
            sum(n for cell, n in cells.items() if cell[0] == CellKind.CORRECTED),
        )
        for key, cells in result.items()
    }
    return {key: value for key, value in _fold(spec, counts).items() if value[0]}


def _fold(spec: QualitySpec, counts: Counts) -> Counts:
    for dimension in spec.dimensions:
        places: dict[tuple[str, str, str, int], list[tuple[int, str]]] = {}
        for (model, version, segment, window, start), (cells, _) in counts.items():
            name, _, value = segment.partition("=")
            if name == dimension and value != "other":
                places.setdefault((model, version, window, start), []).append((-cells.total(), value))
        for (model, version, window, start), sizes in places.items():
            if sum(size < 0 for size, _ in sizes) <= spec.max_segment_values:
                continue
            for _, value in sorted(sizes)[spec.max_segment_values :]:
                cells, corrected = counts.pop((model, version, f"{dimension}={value}", window, start))
                key = (model, version, f"{dimension}=other", window, start)
                before = counts.get(key, (Counter(), 0))
                counts[key] = (before[0] + cells, before[1] + corrected)
    return counts
