"""When the next flush may be taken: once in each interval of the wall clock, as the ticks are.

Counted from the last flush instead, one that came half an interval after its tick would have every tick after it come
too soon, and the counts of its partition would lag behind those of the others for good.
"""

from dataclasses import dataclass, field

EARLY = 0.1
"""Intervals begin by this share before their multiple: ticks come, and clocks go, a little irregularly."""


LATE = 0.5
"""From this share of an interval on it is not waited for writers any more: one may be gone."""


@dataclass(slots=True)
class Rhythm:
    """Times are ms of the wall clock."""

    interval_ms: int
    last: int | None = None  # the interval of the last flush
    heard: dict[str, int] = field(default_factory=dict)  # the interval of each writer's last progress record

    def progress(self, writer: str, now_ms: int) -> None:
        """A writer's progress record came."""
        now = self._interval(now_ms)
        self.heard[writer] = now
        self.heard = {name: at for name, at in self.heard.items() if at >= now - 1}

    def due(self, now_ms: int) -> bool:
        """Whether this interval has had no flush yet, and all has come that a flush should wait for.

        That is a progress record of each writer that had one in the interval before: they come within some ms of
        each other, and a flush between them would keep what the later ones brought for an interval.
        """
        now = self._interval(now_ms)
        return now != self.last and all(at != now - 1 for at in self.heard.values())

    def overdue(self, now_ms: int) -> bool:
        """Whether this interval has had no flush, and it is late."""
        late = (now_ms + EARLY * self.interval_ms) % self.interval_ms >= LATE * self.interval_ms
        return late and self._interval(now_ms) != self.last

    def taken(self, now_ms: int) -> None:
        """A flush was taken, because it was due or for another reason."""
        self.last = self._interval(now_ms)

    def _interval(self, now_ms: int) -> int:
        return int(now_ms + EARLY * self.interval_ms) // self.interval_ms
