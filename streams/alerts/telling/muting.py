"""Mutes as the deliverer needs them: those by the wall clock, and those that end soon over an active alert.

Mutes by event time are in the rows of the alerts already.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from streams.alerts.mutes import covers, ends_soon
from streams.alerts.rows import mute_of
from streams.alerts.rules.model import Mute
from streams.alerts.telling.state import State


class Ending(NamedTuple):
    """Mutes that end over alerts: their names, when (ms, by their own clock), and the alerts."""

    names: tuple[str, ...]
    end_ms: int
    beneath: list[State]


class Muting:
    """The mutes by the key of their row."""

    def __init__(self) -> None:
        self._event: dict[str, Mute] = {}
        self._wall: dict[str, Mute] = {}

    @property
    def by_wall(self) -> bool:
        """Whether any goes by the wall clock."""
        return bool(self._wall)

    def put(self, key: str, row: Mapping[str, Any]) -> None:
        """A mute's row. Raises KeyError or ValueError when it is none."""
        mute = mute_of(row)
        self.drop(key)
        (self._wall if mute.clock == "wall" else self._event)[key] = mute

    def drop(self, key: str) -> None:
        """A mute is gone."""
        self._event.pop(key, None)
        self._wall.pop(key, None)

    def covers(self, state: State, now_ms: int) -> bool:
        """Whether a mute by the wall clock lies over an alert now."""
        return any(covers(mute, state.labels, state.rule, now_ms) for mute in self._wall.values())

    def ending(self, active: Iterable[State], t: int, now_ms: int) -> Iterator[Ending]:
        """Mutes that end within the hour by their own clock over alerts that are active and not told for them."""
        found: dict[tuple[int, tuple[str, ...]], list[State]] = {}
        for state in active:
            # a step is muted whose last moment lies inside (mutes_at)
            for mutes, at_ms in ((self._event, t - 1), (self._wall, now_ms)):
                ending = ends_soon(mutes.values(), state.rule, state.labels, at_ms) if mutes else None
                if ending is not None:
                    found.setdefault(ending, []).append(state)
        for (end_ms, names), beneath in sorted(found.items()):
            yield Ending(names, end_ms, beneath)
