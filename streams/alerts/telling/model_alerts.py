"""The alerts of one model as the rows have them, step by step, and what ended since the last telling.

A step ends with the pulse of its time, or with the first row of a later one: pulses are compacted away.
"""

from typing import NamedTuple

import msgspec

from streams.alerts.telling.state import State

MOST_MISSED = 100
"""Episodes that one summary can name; further ones are only counted."""


class Step(NamedTuple):
    """The end of a step: its time, and when its evidence had settled, ms."""

    t: int
    settled_at: int


class ModelAlerts:
    """The states of one model's alerts. `step` is the newest one that ended, None before any."""

    def __init__(self) -> None:
        self.states: dict[str, State] = {}
        self.active: set[str] = set()
        self.step: Step | None = None
        self.missed: dict[tuple[str, int], State] = {}  # (fingerprint, episode), in the order of their ends
        self.missed_more = 0
        self._open: Step | None = None

    @property
    def between_steps(self) -> bool:
        """Whether every row of the newest step is known."""
        return self._open is None

    def closes(self, t: int) -> bool:
        """Whether a row of this time ends the step that is open."""
        return self._open is not None and self._open.t < t

    def end_step(self, pulse: Step | None = None) -> None:
        """A pulse, or without one: the step that is open ended."""
        step = self._open if pulse is None else pulse
        if step is not None and (self.step is None or self.step.t <= step.t):
            self.step = step
        if self._open is not None and self.step is not None and self._open.t <= self.step.t:
            self._open = None

    def put(self, state: State, *, missable: bool) -> None:
        """A row. `missable`: if it ends an episode, those who were not told of it have missed it."""
        before = self.states.get(state.fingerprint)
        if before is not None and state.t < before.t:
            return
        state = self.states[state.fingerprint] = state.after(before)
        (self.active.add if state.active else self.active.discard)(state.fingerprint)
        if self.step is None or state.t > self.step.t:
            self._open = Step(state.t, state.settled_at)
        if state.kind == "resolved" and state.heard is not None and missable:
            self._miss(state)

    def drop(self, fingerprint: str) -> None:
        """The row of an alert was removed."""
        self.states.pop(fingerprint, None)
        self.active.discard(fingerprint)

    def _miss(self, state: State) -> None:
        if (state.fingerprint, state.episode) in self.missed:
            return
        if len(self.missed) < MOST_MISSED:
            self.missed[state.fingerprint, state.episode] = msgspec.structs.replace(state, severity=state.heard)
        else:
            self.missed_more += 1
