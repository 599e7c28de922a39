"""Sources that wait go on as soon as they may, whatever happens to the wall clock."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

from streams.ledger.alignment import Standing
from streams.ledger.position import SourceId
from streams.runtime.config.job import RunConfig
from streams.runtime.kafka.client import SILENCE
from streams.runtime.stages.aligned import GRACE_MS, LOOK_MS, Aligned

HOUR_MS = 3_600_000
FAST, SLOW = SourceId("fast", 0, "id"), SourceId("slow", 0, "id")


@dataclass
class Clock:
    """A monotonic clock that is moved by hand."""

    now_s: float = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_wall_clock_set_back_changes_nothing() -> None:
    clock = Clock()
    run: Any = SimpleNamespace(max_ahead_ms=1_000, tick_ms=1_000, max_held_bytes=None)
    aligned = Aligned(cast("RunConfig", run), SILENCE, clock)

    def look(slow_at_end_ms: int | None) -> list[str]:
        clock.now_s += LOOK_MS / 1000
        own = {FAST: Standing(HOUR_MS, None), SLOW: Standing(0, slow_at_end_ms)}
        assert aligned.look(own, [])
        return list(aligned.ahead)

    wall_ms = 10 * HOUR_MS
    assert look(None) == [str(FAST)]
    assert look(wall_ms) == []
    wall_ms -= HOUR_MS
    for _ in range(3):
        clock.now_s += GRACE_MS / 1000  # the slow one says again and again that it is at its end, an hour earlier
        wall_ms += GRACE_MS
        assert look(wall_ms) == []
    clock.now_s += (GRACE_MS + 2 * run.tick_ms) / 1000
    assert look(None) == [str(FAST)]


def test_two_looks_at_once_are_one() -> None:
    clock = Clock()
    run: Any = SimpleNamespace(max_ahead_ms=1_000, tick_ms=1_000, max_held_bytes=None)
    aligned = Aligned(cast("RunConfig", run), SILENCE, clock)
    assert [aligned.look({}, []), aligned.look({}, [])] == [True, False]
