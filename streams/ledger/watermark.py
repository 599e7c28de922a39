"""How far event time has come in one ledger partition, and what holds it back.

The watermark is the min of the clocks of all announced sources; it moves only at progress records and never back.
Nothing is ever left out of the min. While every source that ever had a record is live, and at least one had, a source
that stood at its end for `idle_after_ms` without a record has the clock `max(own, caught_up_at - idle_after -
max_disorder)`: windows close without traffic, a dead owner holds time (its `caught_up_at` stands still), and a
historical load never jumps to the present. The operator ends a history with an Advance record.
"""

from collections.abc import Mapping
from dataclasses import astuple, dataclass, field
from typing import Any

import msgspec

from streams.ledger.blocks import Advance, SourceProgress
from streams.ledger.gap import GapError
from streams.ledger.spec import NO_TIME, LedgerSpec


@dataclass(slots=True)
class SourceClock:
    """What the ledger has said of one source so far. Positions as in `position.py`, times in ms."""

    applied: int | None = None  # None: announced, never read
    clock_ms: int = NO_TIME
    live: bool | None = None
    caught_up_at_ms: int | None = None
    last_record_at_ms: int = NO_TIME

    def idle(self, spec: LedgerSpec) -> bool:
        """Whether the source stood at its end for long enough without a record."""
        return self.caught_up_at_ms is not None and self.caught_up_at_ms - self.last_record_at_ms >= spec.idle_after_ms


@dataclass(slots=True)
class Held:
    """One source as `streams status` shows it: its clock and why it holds time back, or an empty reason."""

    source: str
    applied: int | None
    clock_ms: int | None
    live: bool | None
    idle: bool
    why: str


@dataclass(slots=True)
class Watermark:
    """The sources of a ledger partition and its watermark. A fold: fed by `take`, `say`, `announce`, `advance`."""

    spec: LedgerSpec
    sources: dict[str, SourceClock] = field(default_factory=dict)
    retired: set[str] = field(default_factory=set)
    waiting: list[Advance] = field(default_factory=list)
    ms: int = NO_TIME

    def take(self, source: str, begin: int, end: int) -> int:
        """Apply the range `[begin, end)` of a source; the position below which its rows are repeats.

        Raises GapError when the range begins above what was applied.
        """
        state = self.sources.setdefault(source, SourceClock())
        applied = begin if state.applied is None else state.applied
        if begin > applied:
            raise GapError(source, applied, begin)
        if end > applied:
            state.caught_up_at_ms = None  # said of an earlier end
        state.applied = max(applied, end)
        return applied

    def say(self, said: SourceProgress) -> None:
        """Apply what a progress record says of a source; a zombie's older saying changes nothing."""
        self.take(said.source, said.begin, said.end)
        state = self.sources[said.source]
        state.last_record_at_ms = max(state.last_record_at_ms, said.last_record_at_ms)
        if said.clock_ms is not None:
            state.clock_ms = max(state.clock_ms, said.clock_ms)
        newest = said.end >= (state.applied or 0)
        if said.live is not None and newest:
            state.live = said.live
        if said.caught_up_at_ms is not None and newest:
            state.caught_up_at_ms = max(state.caught_up_at_ms or NO_TIME, said.caught_up_at_ms)

    def announce(self, names: list[str]) -> None:
        """Sources that the topics have: the list grows only."""
        for name in names:
            if name not in self.sources:
                self.sources[name] = SourceClock()

    def advance(self) -> int:
        """Move the watermark at a progress record; the watermark (ms, NO_TIME while a source was never read)."""
        members = self._members()
        if members and all(s.applied is not None for s in members.values()):
            alive = self._alive()
            self.ms = max(self.ms, min(self._clock(s, alive=alive) for s in members.values()))
        for record in list(self.waiting):
            ends = {name: end for name, end in record.ends.items() if name not in self.retired}
            if all((self._applied(name) or 0) >= end for name, end in ends.items()):
                self.ms = max(self.ms, record.to_ms)
                self.waiting.remove(record)
        return self.ms

    def dump(self) -> dict[str, object]:
        """Everything; for `load`."""
        return {
            "sources": {name: astuple(clock) for name, clock in self.sources.items()},
            "retired": sorted(self.retired),
            "waiting": [msgspec.structs.asdict(record) for record in self.waiting],
            "ms": self.ms,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Take what `dump` gave."""
        self.sources = {name: SourceClock(*clock) for name, clock in state["sources"].items()}
        self.retired = set(state["retired"])
        self.waiting = [Advance(**record) for record in state["waiting"]]
        self.ms = state["ms"]

    def explain(self) -> list[Held]:
        """Every source, and for those that hold time back the reason."""
        alive = self._alive()
        members = self._members()
        lowest = min((self._clock(s, alive=alive) for s in members.values()), default=NO_TIME)
        rows = []
        for name, s in self.sources.items():
            clock = self._clock(s, alive=alive)
            why = ""
            if name in self.retired:
                why = "retired"
            elif s.applied is None:
                why = "never read: no worker owns it, or it is not in reach"
            elif clock == lowest and len(members) > 1:
                why = self._why(s, alive=alive)
            rows.append(Held(name, s.applied, None if clock == NO_TIME else clock, s.live, s.idle(self.spec), why))
        return rows

    def _members(self) -> dict[str, SourceClock]:
        return {name: s for name, s in self.sources.items() if name not in self.retired}

    def _applied(self, name: str) -> int | None:
        return self.sources[name].applied if name in self.sources else None

    def _alive(self) -> bool:
        lives = [s.live for s in self._members().values() if s.live is not None]
        return bool(lives) and all(lives)

    def _clock(self, s: SourceClock, *, alive: bool) -> int:
        if alive and s.caught_up_at_ms is not None and s.idle(self.spec):
            return max(s.clock_ms, s.caught_up_at_ms - self.spec.idle_after_ms - self.spec.max_disorder_ms)
        return s.clock_ms

    def _why(self, s: SourceClock, *, alive: bool) -> str:
        if s.caught_up_at_ms is None:
            return "behind: its newest records are not read yet, or its owner is gone"
        if s.clock_ms == NO_TIME and not alive:
            return "empty, and the others are a history: end it with `streams advance --to TIME`"
        if not alive:
            return "at its end, and not live: a history is ended with `streams advance --to TIME`"
        if not s.idle(self.spec):
            return "at its end for less than idle_after"
        return "idle: its clock follows the wall clock"
