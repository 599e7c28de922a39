"""A partition whose log goes on and that gives nothing, however often it is read again, ends the worker."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from streams.runtime.errors import UnavailableError
from streams.runtime.kafka import watch
from streams.runtime.kafka.assignment import Assignment
from streams.runtime.kafka.client import SILENCE
from streams.runtime.kafka.ends import Answer
from streams.runtime.kafka.stage import Limits, Stage, Stats
from streams.runtime.kafka.watch import Watch

KEY = ("tallies", 0)


class Fetching:
    """Reads a partition again when it is told to; nothing ever comes."""

    def __init__(self) -> None:
        self.restarts = 0

    def holds(self, _key: Any) -> bool:
        return False

    def restart(self, _key: Any, partition: Any) -> None:
        self.restarts += 1
        partition.seen_s = -1e9  # silent for longer than anybody waits


def test_a_partition_that_stays_silent_ends_the_worker_and_one_that_moves_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = SimpleNamespace(now_s=1_000.0)
    monkeypatch.setattr(watch, "time", SimpleNamespace(monotonic=lambda: clock.now_s))
    assignment, fetching, stage = Assignment(), Fetching(), cast("Stage", object())
    looks: Any = Watch(
        "judge", ["tallies"], stage, assignment, at_end=None, stats=Stats(), limits=Limits(), log=SILENCE
    )
    looks.attach(None, fetching, None)
    partition = assignment.add(KEY, clock.now_s)
    partition.next, partition.ready, partition.seen_s = 5, True, -1e9

    def hear(turns: int) -> None:
        for turn in range(turns):
            clock.now_s += 10.0
            looks._hear(Answer(turn, 0, reached=True, ends={KEY: 1_000}))

    for _ in range(4):  # slow, not lost
        hear(7)
        partition.next += 1
    with pytest.raises(UnavailableError, match=r"tallies\[0\] gives nothing since 75 s"):
        hear(20)
    assert fetching.restarts > 28
