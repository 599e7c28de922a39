"""From alarm to all-clear: an incident opens with an alarm and closes after calm windows, not at the first of them."""

from streams.quality.drift.finding import IncidentStatus
from streams.quality.drift.stored import whole

CALM_WINDOWS = 3
"""Calm windows in a row that close an incident."""


class Incident:
    """The incident of one kind of drift; `blamed` is what was blamed last while it is open."""

    __slots__ = ("blamed", "calm", "start_ms")

    def __init__(self) -> None:
        self.start_ms: int | None = None
        self.calm = 0
        self.blamed: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it goes on after the last window."""
        return self.start_ms is not None

    def step(self, start_ms: int, *, alarm: bool, calm: bool, may_close: bool = True) -> dict[str, object]:
        """Take a judged window in, and say the row's two fields.

        A calm window counts towards the end, one that is not begins the count again; `may_close` holds an end back.
        """
        if alarm and self.start_ms is None:
            self.start_ms = start_ms
        if self.start_ms is None:
            return {}
        said: dict[str, object] = {"incident": self.start_ms, "incident_status": IncidentStatus.OPEN.value}
        self.calm = self.calm + 1 if calm and not alarm else 0
        if self.calm >= CALM_WINDOWS and may_close:
            said["incident_status"] = IncidentStatus.CLOSED.value
            self.start_ms, self.calm, self.blamed = None, 0, None
        return said

    def unjudged(self) -> dict[str, object]:
        """The row's two fields of a window that could not be judged: nothing changes."""
        if self.start_ms is None:
            return {}
        return {"incident": self.start_ms, "incident_status": IncidentStatus.OPEN.value}

    def dump(self) -> list[object]:
        """Its state as plain values."""
        return [self.start_ms, self.calm, self.blamed]

    @classmethod
    def load(cls, raw: list[object]) -> "Incident":
        """What `dump` gave. Raises ValueError when it is damaged."""
        start_ms, calm, blamed = raw
        incident = cls()
        incident.start_ms = None if start_ms is None else whole(start_ms)
        incident.calm = whole(calm)
        if not (blamed is None or isinstance(blamed, str)) or incident.calm < 0:
            raise ValueError("an incident that cannot be")
        incident.blamed = blamed
        return incident
