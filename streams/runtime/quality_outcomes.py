"""Which counts of settled windows are new, and which are corrections? Each window is counted once by a process.

Counters cannot fall and must not count a window twice. A row alone does not say whether its window settled just now
or long ago: it settled in this round iff the watermark of the rounds before had not passed its settling. A window that
was empty when it settled has no row then; what comes later is a correction. What a process did not see settle it does
not count, neither it nor its corrections: after a restart that is what settled before, and in the first round.
"""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import NamedTuple

_FINAL_KEPT = 1_000
"""Final windows of a partition that are remembered: rows of several rounds may be written together, in any order."""

NEVER = -(1 << 62)
"""The watermark before there is one."""


class Seen(NamedTuple):
    """Where and when a row was written: its window, when that settles, and the round. Times in ms."""

    partition: int  # of the judge: rounds and watermarks are its
    window: Hashable
    settles_at: int
    is_final: bool
    revision: int
    watermark: int  # NEVER before there is one


class Change(NamedTuple):
    """What a row brings: counts of a window that has just settled, or changes of one that had."""

    is_correction: bool
    by: tuple[int, ...]


@dataclass(slots=True)
class _Part:
    """One partition: its newest round, the watermark of the round before, and what this process saw of it.

    `since` is the watermark of the first round that was seen: what settled by then is not counted. Windows that were
    final or too many are forgotten; `forgotten` is the latest settling of the latter.
    """

    revision: int
    watermark: int
    since: int
    before: int
    forgotten: int = NEVER
    windows: OrderedDict[Hashable, "_Window"] = field(default_factory=OrderedDict)
    final: OrderedDict[Hashable, None] = field(default_factory=OrderedDict)


@dataclass(slots=True)
class _Window:
    """A settled window: when it settles, the round in which it did (None: empty then), and what is counted of it."""

    settles_at: int
    revision: int | None
    counts: dict[Hashable, tuple[int, ...]] = field(default_factory=dict)


class SettledCounts:
    """The counts of settled windows that may still be corrected."""

    def __init__(self, max_counts: int = 200_000) -> None:
        """Beyond `max_counts` counts the windows that settled first are forgotten: they are not corrected any more."""
        self._max, self._size = max_counts, 0
        self._parts: dict[int, _Part] = {}

    def watermark(self, partition: int, revision: int, watermark: int) -> None:
        """A row of this round was written, whatever it says."""
        part = self._parts.get(partition)
        if part is None:
            self._parts[partition] = _Part(revision, watermark, watermark, watermark)
        elif revision > part.revision:
            part.revision, part.before = revision, part.watermark
            part.watermark = max(watermark, part.watermark)

    def settle(self, seen: Seen) -> None:
        """The window of a row has settled, with counts or without."""
        self._window(seen)

    def take(self, seen: Seen, item: Hashable, counts: tuple[int, ...]) -> Change | None:
        """What the counts of one item of a settled window add to what was counted; None where that cannot be said."""
        window = self._window(seen)
        if window is None:
            return None
        known = window.counts.get(item)
        window.counts[item] = counts
        if known is None:
            self._size += 1
            self._forget(self._parts[seen.partition])
            if window.revision is not None and seen.revision <= window.revision:
                return Change(is_correction=False, by=counts)
        old = known or (0,) * len(counts)
        return Change(is_correction=True, by=tuple(new - was for new, was in zip(counts, old, strict=True)))

    def drop_partition(self, partition: int) -> None:
        """Another worker counts it from here on."""
        part = self._parts.pop(partition, None)
        if part is not None:
            self._size -= sum(len(window.counts) for window in part.windows.values())

    def _window(self, seen: Seen) -> _Window | None:
        """The window that a row is of; None when it settled before this process looked, or is forgotten."""
        self.watermark(seen.partition, seen.revision, seen.watermark)
        part = self._parts[seen.partition]
        window = part.windows.get(seen.window)
        if window is None:
            if seen.settles_at <= max(part.since, part.forgotten):
                return None
            # one that settled in an earlier round, unseen, was empty then
            window = _Window(seen.settles_at, seen.revision if part.before < seen.settles_at else None)
            part.windows[seen.window] = window
        if seen.is_final:
            part.final[seen.window] = None
        return window

    def _forget(self, part: _Part) -> None:
        """Nothing is kept of what has long been final, nor of more than there is room for."""
        while len(part.final) > _FINAL_KEPT:
            name, _ = part.final.popitem(last=False)
            self._size -= len(part.windows.pop(name).counts)
        while self._size > self._max and len(part.windows) > 1:
            name, window = part.windows.popitem(last=False)
            part.final.pop(name, None)
            part.forgotten = max(part.forgotten, window.settles_at)
            self._size -= len(window.counts)
