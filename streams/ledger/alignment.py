"""Which sources wait because they are far ahead of others in event time, so that a backlog does not fill memory.

What a source brings is held until the sources behind it have come as far; a topic that is read a week ahead of the
others is a week in memory. Rule: a source waits iff its clock is more than `max_ahead_ms` above that of some source
that has more to read; one that was never read (it has no clock) counts with the clock that the waiting one began at.
Sources at their end hold nobody back. Invariant: of the sources with more to read, the one furthest behind never
waits, nor does one without a clock; so while anything is unread something can be read.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

S = TypeVar("S", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a source is: its clock (ms, None: no row yet) and when it was last at its end (None: not known to be).

    `at_end_ms` is its reader's clock, which may be set back; only that it changes is used.
    """

    clock_ms: int | None
    at_end_ms: int | None


@dataclass(frozen=True, slots=True)
class Ahead(Generic[S]):
    """Why a source waits: how far it is ahead (ms of event time), and of whom."""

    by_ms: int
    behind: S


class Alignment(Generic[S]):
    """The rule and what it remembers: when each source was seen at its end, and where each began.

    A source counts as being at its end for `grace_ms` after it was: between two looks at a live source some rows
    always come.
    """

    def __init__(self, max_ahead_ms: int, grace_ms: int) -> None:
        """`max_ahead_ms` is event time, `grace_ms` time of the clock that `waiting` is told."""
        self._max_ahead_ms, self._grace_ms = max_ahead_ms, grace_ms
        self._ended: dict[S, tuple[int, int]] = {}  # at_end_ms, and when it was first seen
        self._began: dict[S, int] = {}

    def waiting(self, own: Mapping[S, Standing], others: Mapping[S, Standing], now_ms: int) -> dict[S, Ahead[S]]:
        """Those of `own` that must wait. `others` are read elsewhere; what is in neither holds nobody back.

        `now_ms` is of a clock that is never set back, whatever its origin.
        """
        both = {**others, **own}
        self._began = {s: self._began.get(s, at.clock_ms) for s, at in own.items() if at.clock_ms is not None}
        behind = {s: at.clock_ms for s, at in both.items() if self._has_more(s, at, now_ms)}
        self._ended = {s: ended for s, ended in self._ended.items() if s in both}
        clocks = {s: clock_ms for s, clock_ms in behind.items() if clock_ms is not None}
        last = min(clocks, key=clocks.__getitem__, default=None)
        unread = next((s for s, clock_ms in behind.items() if clock_ms is None), None)
        found: dict[S, Ahead[S]] = {}
        for s, began_ms in self._began.items():
            clock_ms = own[s].clock_ms or 0
            if last is not None and clock_ms - clocks[last] > self._max_ahead_ms:
                found[s] = Ahead(clock_ms - clocks[last], last)
            elif unread is not None and clock_ms - began_ms > self._max_ahead_ms:
                found[s] = Ahead(clock_ms - began_ms, unread)
        return found

    def _has_more(self, s: S, at: Standing, now_ms: int) -> bool:
        """Whether a source has records that were not read, as far as is known."""
        known = self._ended.get(s)
        if at.at_end_ms is not None and (known is None or at.at_end_ms != known[0]):
            known = self._ended[s] = at.at_end_ms, now_ms
        return known is None or now_ms - known[1] > self._grace_ms
