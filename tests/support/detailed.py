"""Ledger partitions whose predictions have scores, label sources and delays, and the plain recount of what follows.

A `Detailed` prediction knows its cells; the recount looks at predictions only, never at cells.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple, TypeVar

from streams.formats.columns import CONFIDENCE_SCALE, Group
from streams.ledger.cells import CONFIDENCE_BINS, DELAY_EDGES_MS, CellKind, Outcome
from streams.quality.spec import QualitySpec, WindowSpec
from tests.support.judged import CLASSES, PANE, Cell, History, Slot

T = TypeVar("T", "Detailed", "Correction")

SOURCES = ("", "call", "review|2")
_DELAYS_MS = (0, 1, 999, 1000, 61_000, PANE, 3 * PANE)


@dataclass(slots=True)
class Detailed:
    """A prediction with all that is counted of it. `second` is a label by another source that does not count."""

    time_ms: int
    group: Group
    predicted: str
    confidence: int | None
    actual: str | None = None
    source: str = ""
    delay_ms: int = 0
    second: tuple[str, str] | None = None

    def known_at(self) -> int:
        """When its label was known, ms."""
        return self.time_ms + self.delay_ms

    @property
    def bin(self) -> int:
        """Of its confidence."""
        return min((self.confidence or 0) * CONFIDENCE_BINS // CONFIDENCE_SCALE, CONFIDENCE_BINS - 1)

    @property
    def outcome(self) -> Outcome:
        """How it turned out."""
        if self.actual is None:
            return Outcome.UNLABELLED
        return Outcome.RIGHT if self.actual == self.predicted else Outcome.WRONG

    def pair(self) -> tuple[tuple[str, str], tuple[str, str]] | None:
        """The two labels of named sources, the source that sorts first before."""
        if self.second is None or self.actual is None or not self.source or self.second[0] == self.source:
            return None
        first, second = sorted([(self.source, self.actual), self.second])
        return first, second

    def delay_bin(self) -> int:
        """The last bin that does not begin after its delay."""
        return max(b for b, edge in enumerate(DELAY_EDGES_MS) if edge <= self.delay_ms)

    def cells(self, spec: QualitySpec) -> Iterator[tuple[Slot, Cell, int]]:
        """Where it counts."""
        yield (self.time_ms // PANE, self.group), (CellKind.CONFUSION, self.predicted, self.actual), 1
        details = detail_slot(self.time_ms, self.group, spec)
        if self.confidence is not None:
            yield details, (CellKind.SCORED, self.bin, self.predicted, self.actual), 1
            yield details, (CellKind.CONFIDENCE_SUM, 0, self.bin, int(self.outcome)), self.confidence
            yield details, (CellKind.CONFIDENCE_SQUARES, 0, 0, int(self.outcome)), self.confidence**2
        if self.actual is None:
            return
        yield details, (CellKind.DELAY, self.delay_bin(), self.predicted, self.actual), 1
        if self.source:
            yield details, (CellKind.LABELLED_BY, self.source, self.predicted, self.actual), 1
        if spec.label_time:
            known = detail_slot(self.known_at(), self.group, spec)
            yield known, (CellKind.LABEL_TIME, 0, self.predicted, self.actual), 1
        for i, age in enumerate(spec.maturities_ms):
            if self.delay_ms <= age:
                yield details, (CellKind.MATURITY, i, self.predicted, self.actual), 1
        pair = self.pair()
        if pair is not None:
            (source, cls), (other, other_cls) = pair
            yield details, (CellKind.AGREEMENT, (source, other), cls, other_cls), 1


class Correction(NamedTuple):
    """A counted label was replaced."""

    time_ms: int  # of the prediction
    group: Group
    source: str
    before: str
    after: str | None


def detail_slot(time_ms: int, group: Group, spec: QualitySpec) -> Slot:
    """The slot of a detail."""
    return time_ms // spec.detail_ms * spec.detail_ms // PANE, group


@dataclass(slots=True)
class DetailedHistory(History):
    """A ledger partition, the predictions that count in the end, and the corrections."""

    predictions: list[Detailed] = field(default_factory=list)
    corrections: list[Correction] = field(default_factory=list)


def detailed_histories(rng: Random, spec: QualitySpec, steps: int, *, finish: bool) -> list[DetailedHistory]:
    """Predictions, labels, corrections and retractions; `finish` makes everything final."""
    histories = [DetailedHistory(p) for p in range(spec.ledger_partitions)]
    groups = [
        Group(model, "v1", tuple(rng.choice(("ch", "de", "at", "other")) for _ in spec.dimensions))
        for model in ("m|1", "m2")
        for _ in range(4)
    ]
    for history in histories:
        now, held = 0, list[Detailed]()
        for _ in range(rng.randrange(steps) + 1):
            now += rng.choice((0, 0, PANE // 3, 2 * PANE))
            watermark = now - 2 * PANE if rng.random() < 0.3 else None
            if watermark is not None:
                history.step(watermark=watermark)
                held = [p for p in held if p.time_ms >= history.watermark - spec.timing.final_ms]
            changes: list[tuple[Slot, Cell, int]] = []
            for _ in range(rng.randrange(4)):
                changes += _random_change(rng, groups, history, held, now, spec)
            history.step(changes)
        history.step(watermark=now + 10_000 * PANE + spec.timing.final_ms if finish else None)
    return histories


def _random_change(
    rng: Random, groups: list[Group], history: DetailedHistory, held: list[Detailed], now: int, spec: QualitySpec
) -> Iterable[tuple[Slot, Cell, int]]:
    what = rng.random()
    if not held or what < 0.5:
        time = rng.randint(max(0, min(now, history.watermark - spec.timing.final_ms)), now)
        confidence = rng.choice((None, 0, 2999, 3000, rng.randrange(CONFIDENCE_SCALE), CONFIDENCE_SCALE))
        new = Detailed(time, rng.choice(groups), rng.choice(CLASSES), confidence)
        held.append(new)
        history.predictions.append(new)
        return list(new.cells(spec))
    known = rng.choice(held)
    changes = [(slot, cell, -n) for slot, cell, n in known.cells(spec)]
    if what < 0.55:
        held.remove(known)
        history.predictions[:] = [p for p in history.predictions if p is not known]
        return changes
    before, known.actual = known.actual, rng.choice((None, *CLASSES))
    known.source, known.delay_ms = rng.choice(SOURCES), rng.choice(_DELAYS_MS)
    known.second = rng.choice((None, (rng.choice(SOURCES[1:]), rng.choice(CLASSES))))
    if before is not None and before != known.actual:
        history.corrections.append(Correction(known.time_ms, known.group, known.source, before, known.actual))
        slot = detail_slot(known.time_ms, known.group, spec)
        changes.append((slot, (CellKind.CORRECTED, known.source, before, known.actual), 1))
    return [*changes, *known.cells(spec)]


class At(NamedTuple):
    """A window of a segment of a model."""

    model: str
    segment: str
    window: str
    start_ms: int


def whole_details(spec: QualitySpec) -> list[WindowSpec]:
    """The windows that are whole details."""
    return [w for w in spec.windows if not (w.bucket_ms % spec.detail_ms or w.origin_ms % spec.detail_ms)]


class Recount:
    """Which predictions lie in which window and segment: by event time, and by when the label was known."""

    def __init__(self, spec: QualitySpec, histories: list[DetailedHistory]) -> None:
        self._spec = spec
        every = [p for history in histories for p in history.predictions]
        self._sizes: dict[tuple[str, str, int, int], Counter[str]] = {}
        for p in every:
            for window in spec.windows:
                for start in window.starts(p.time_ms):
                    for d, value in enumerate(p.group.segments):
                        self._sizes.setdefault((p.group.model, window.name, start, d), Counter())[value] += 1
        self.of: dict[At, list[Detailed]] = {}
        self.known: dict[At, list[Detailed]] = {}
        self.corrections: dict[At, list[Correction]] = {}
        for p in every:
            self._put(self.of, p, p.time_ms)
            if p.actual is not None:
                self._put(self.known, p, p.known_at())
        for history in histories:
            for correction in history.corrections:
                self._put(self.corrections, correction, correction.time_ms)

    def _put(self, into: dict[At, list[T]], one: T, time_ms: int) -> None:
        model, values = one.group.model, one.group.segments
        for window in whole_details(self._spec):
            for start in window.starts(time_ms):
                segments = ["all"]
                for d, dimension in enumerate(self._spec.dimensions):
                    segments.append(f"{dimension}={self._shown(values[d], (model, window.name, start, d))}")
                for segment in segments:
                    into.setdefault(At(model, segment, window.name, start), []).append(one)

    def _shown(self, value: str, place: tuple[str, str, int, int]) -> str:
        sizes = {v: n for v, n in self._sizes.get(place, Counter()).items() if v != "other"}
        largest = sorted(sizes, key=lambda v: (-sizes[v], v))[: self._spec.max_segment_values]
        return value if len(largest) == len(sizes) or value in largest else "other"
