"""Mutes as the deliverer needs them: those by the wall clock, and those that end soon over an active alert.

Mutes by event time are in the rows of the alerts already.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from streams.alerts.rules.model import Mute
from streams.alerts.telling.state import State


class Muting:
    """The mutes by the key of their row."""

    def __init__(self) -> None:
        self._mutes: dict[str, Mute] = {}

    def put(self, key: str, row: Mapping[str, Any]) -> None:
        """A mute's row."""

    def drop(self, key: str) -> None:
        """A mute is gone."""
        self._mutes.pop(key, None)

    def covers(self, state: State, now_ms: int) -> bool:
        """Whether a mute by the wall clock lies over an alert now."""
        return False

    def ending(self, active: list[State], t: int, now_ms: int) -> Iterator[tuple[Mute, int, list[State]]]:
        """Mutes that end within the hour by their own clock, when, and the active alerts beneath them."""
        yield from ()
