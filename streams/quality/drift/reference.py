"""Where "normal" comes from: a training distribution, the first windows, or the same hour of the week.

The first windows are pooled and then frozen: a baseline that learns would learn the drift. The hour of the week is
pooled over the last weeks, of windows judged quiet only. The reference also keeps how much its windows vary.

Size of the state: while it is collected, the counts of `max(windows, 20)` windows; then their sum. With hours of the
week besides one sum for each of at most 168 hours and `weeks + 1` weeks. Of each the cells that are not 0, 16 bytes:
with `auto` at most 13 MB, since it leaves out an hour with more than `MOST_CELLS`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from streams.ledger.times import rfc3339
from streams.quality.drift.comparisons import Pairs
from streams.quality.drift.finding import Why
from streams.quality.drift.spread import ENOUGH, Pair
from streams.quality.drift.stored import dump_pairs, dump_tally, load_pairs, load_tally, whole
from streams.quality.drift.tally import NOTHING, Tally, pooled
from streams.quality.settings import ReferenceKind, ReferenceSpec

T = TypeVar("T")
Among = Callable[[Sequence[Tally]], Sequence[Pairs]]

HOUR_MS = 3_600_000
WEEK_MS = 168 * HOUR_MS
MOST_CELLS = 1_000
"""Counts that an hour of the week may have before `auto` does without."""

RECENT = 168
"""Windows whose spread around their hour of the week is remembered."""


class Pool(NamedTuple):
    """Windows pooled, [begin_ms, end_ms) from the first to the last."""

    begin_ms: int
    end_ms: int
    windows: int
    counts: Tally

    def said(self) -> str:
        """Which windows, as text."""
        return f"{rfc3339(self.begin_ms)}/{rfc3339(self.end_ms)}"

    def dump(self) -> list[object]:
        """Plain values."""
        return [self.begin_ms, self.end_ms, self.windows, dump_tally(self.counts)]

    @classmethod
    def load(cls, raw: Sequence[object]) -> "Pool":
        """What `dump` gave."""
        begin, end, windows, counts = raw
        return cls(whole(begin), whole(end), whole(windows), load_tally(counts))


def pool(parts: Sequence[Pool]) -> Pool:
    """Pools together; at least one."""
    counts = pooled(part.counts for part in parts)
    begin, end = min(part.begin_ms for part in parts), max(part.end_ms for part in parts)
    return Pool(begin, end, sum(part.windows for part in parts), counts)


class Chosen(NamedTuple):
    """What a window is compared with."""

    kind: ReferenceKind
    version: str
    windows: int
    counts: Tally

    def said(self) -> dict[str, object]:
        """The row's fields of a reference."""
        return {
            "reference": self.kind.value,
            "reference_version": self.version,
            "reference_windows": self.windows,
        }


class Reference:
    """What is normal for one thing that is counted. `among` tells how each of some windows differs from the others."""

    def __init__(
        self, spec: ReferenceSpec, training: Tally, among: Callable[[Sequence[Tally]], Sequence[Pairs]]
    ) -> None:
        self._spec = spec
        self._training = training
        self._among = among
        self._prepared: tuple[Tally, Any] | None = None
        self._collected: list[Pool] | None = []
        self._baseline: Pool | None = None
        self._among_first: dict[str, list[Pair]] = {}
        self._recent: dict[str, list[Pair]] = {}
        self._weeks: dict[int, dict[int, Pool]] = {}  # hour of the week -> week -> windows
        self._by_week = spec.kind in (ReferenceKind.AUTO, ReferenceKind.HOUR_OF_WEEK)

    def training(self) -> Chosen | None:
        """The training distribution, if it says anything of what is counted here."""
        if self._spec.training is None or not self._training.total:
            return None
        return Chosen(ReferenceKind.TRAINING, self._spec.training.version, 0, self._training)

    def choose(self, start_ms: int, end_ms: int) -> Chosen | Why:
        """What a window is compared with, or why there is nothing."""
        kind = self._spec.kind
        week = self._week(start_ms, end_ms) if self._by_week else None
        if week is not None:
            return Chosen(ReferenceKind.HOUR_OF_WEEK, week.said(), week.windows, week.counts)
        if kind is ReferenceKind.HOUR_OF_WEEK:
            return Why.NO_WEEK if end_ms - start_ms > WEEK_MS else Why.NO_REFERENCE
        training = self.training() if kind is not ReferenceKind.FIRST else None
        if training is not None:
            return training
        if kind is ReferenceKind.TRAINING:
            return Why.NOT_IN_TRAINING
        first = self._baseline
        if first is None:
            return Why.NO_REFERENCE
        return Chosen(ReferenceKind.FIRST, first.said(), first.windows, first.counts)

    def prepared(self, counts: Tally, prepare: Callable[[Tally], T]) -> T:
        """What a window is compared with, prepared once for all the windows that are compared with the same."""
        if self._prepared is None or self._prepared[0] is not counts:
            self._prepared = counts, prepare(counts)
        made: T = self._prepared[1]
        return made

    def pairs(self, test: str, kind: ReferenceKind) -> list[Pair]:
        """What is known of the spread of a test's windows around a kind of reference."""
        recent = self._recent.get(test, [])
        # the first windows differ by their hours, too: better too much than nothing, where they are a reference at all
        if self._spec.kind is ReferenceKind.HOUR_OF_WEEK or (
            kind is ReferenceKind.HOUR_OF_WEEK and len(recent) >= ENOUGH
        ):
            return recent
        return self._among_first.get(test, [])

    def learn(self, window: Pool, chosen: Chosen | Why, pairs: Pairs, *, quiet: bool) -> None:
        """Remember a window after it was judged; `pairs` is how it differed from what it was compared with."""
        if self._collected is not None:
            self._collect(self._collected, window)
        if isinstance(chosen, Chosen) and chosen.kind is ReferenceKind.HOUR_OF_WEEK:
            for test, pair in sorted(pairs.items()):
                recent = self._recent.setdefault(test, [])
                # before the spread is known nothing can be told to be quiet
                if quiet or len(recent) < ENOUGH:
                    recent.append(pair)
                    del recent[:-RECENT]
        if quiet and self._by_week and window.end_ms - window.begin_ms <= WEEK_MS:
            self._remember(window)

    def _remember(self, window: Pool) -> None:
        """Add a window to its hour of the week."""
        hour = self._weeks.get(window.begin_ms % WEEK_MS // HOUR_MS, {})
        week = window.begin_ms // WEEK_MS
        added = pool([hour[week], window]) if week in hour else window
        # nobody asked for the hour of the week: where it would cost a lot, the first windows have to do
        if self._spec.kind is ReferenceKind.AUTO and len(added.counts.code) > MOST_CELLS:
            return
        self._weeks.setdefault(window.begin_ms % WEEK_MS // HOUR_MS, hour)[week] = added
        for old in sorted(hour)[: -self._spec.weeks - 1]:
            del hour[old]

    def _collect(self, collected: list[Pool], window: Pool) -> None:
        collected.append(window)
        if len(collected) == self._spec.windows:
            self._baseline = pool(collected)
        if len(collected) < max(self._spec.windows, ENOUGH):
            return
        for pairs in self._among([window.counts for window in collected]):
            for test, pair in pairs.items():
                self._among_first.setdefault(test, []).append(pair)
        self._collected = None

    def _week(self, start_ms: int, end_ms: int) -> Pool | None:
        """The same hour of the last weeks, this one not; None before there are enough of them."""
        if end_ms - start_ms > WEEK_MS:
            return None
        hour = self._weeks.get(start_ms % WEEK_MS // HOUR_MS, {})
        past = [week for week in sorted(hour) if week < start_ms // WEEK_MS][-self._spec.weeks :]
        return pool([hour[week] for week in past]) if len(past) >= self._spec.weeks else None

    def dump(self) -> dict[str, object]:
        """Its state as plain values."""
        collected = self._collected
        return {
            "collected": None if collected is None else [window.dump() for window in collected],
            "baseline": None if self._baseline is None else self._baseline.dump(),
            "among_first": dump_pairs(self._among_first),
            "recent": dump_pairs(self._recent),
            "weeks": [
                [hour, week, *self._weeks[hour][week].dump()]
                for hour in sorted(self._weeks)
                for week in sorted(self._weeks[hour])
            ],
        }

    def restore(self, raw: Mapping[str, Any]) -> None:
        """Go on from what `dump` gave. Raises ValueError, KeyError or TypeError when it is damaged."""
        collected, baseline = raw["collected"], raw["baseline"]
        self._collected = None if collected is None else [Pool.load(window) for window in collected]
        self._baseline = None if baseline is None else Pool.load(baseline)
        self._among_first, self._recent = load_pairs(raw["among_first"]), load_pairs(raw["recent"])
        self._weeks = {}
        for hour, week, *rest in raw["weeks"]:
            self._weeks.setdefault(whole(hour), {})[whole(week)] = Pool.load(rest)

    def counted(self) -> Tally:
        """Everything that is counted in the state together."""
        kept = [*(self._collected or ()), *(week for hour in self._weeks.values() for week in hour.values())]
        kept += [] if self._baseline is None else [self._baseline]
        return pooled(one.counts for one in kept) if kept else NOTHING
