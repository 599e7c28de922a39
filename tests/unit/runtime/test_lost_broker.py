"""A partition whose log goes on and that gives nothing, however often it is read again, ends the worker.

And a client that asks in vain where the logs end is an outage, whatever the reading one says.
"""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from streams.runtime.errors import UnavailableError
from streams.runtime.kafka import client, watch
from streams.runtime.kafka.assignment import Assignment, Partition
from streams.runtime.kafka.client import SILENCE
from streams.runtime.kafka.ends import Answer
from streams.runtime.kafka.stage import Limits, Stage, Stats
from streams.runtime.kafka.watch import Watch

KEY = ("tallies", 0)


class Fetching:
    """Reads a partition again when it is told to; nothing ever comes."""

    def __init__(self) -> None:
        self.restarts = 0
        self.held = False

    def holds(self, _key: Any) -> bool:
        return self.held

    def restart(self, _key: Any, partition: Any) -> None:
        self.restarts += 1
        partition.seen_s = -1e9  # silent for longer than anybody waits


class World:
    """A watch over one partition that is silent, with a clock that is moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s, self.fetching, self.assignment = 1_000.0, Fetching(), Assignment()
        clock = SimpleNamespace(monotonic=lambda: self.now_s)
        monkeypatch.setattr(watch, "time", clock)
        monkeypatch.setattr(client, "time", clock)
        self.watch: Any = Watch(
            "judge", ["tallies"], cast("Stage", object()), self.assignment,
            at_end=None, stats=Stats(), limits=Limits(), log=SILENCE,
        )  # fmt: skip
        self.watch.attach(cast("Any", None), cast("Any", self.fetching), cast("Any", None))
        self.partition = self.assign()

    def assign(self) -> Partition:
        """The partition comes (again), at the same offset."""
        self.partition = self.assignment.add(KEY, self.now_s)
        self.partition.next, self.partition.ready, self.partition.seen_s = 5, True, -1e9
        return self.partition

    def hear(self, turns: int, *, reached: bool = True, end: int = 1_000) -> None:
        """As many answers, one every ten seconds."""
        for turn in range(turns):
            self.now_s += 10.0
            self.watch._hear(Answer(turn, 0, reached=reached, ends={KEY: end} if reached else {}))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_a_partition_that_stays_silent_ends_the_worker_and_one_that_moves_does_not(world: World) -> None:
    for _ in range(4):  # slow, not lost
        world.hear(7)
        world.partition.next += 1
    with pytest.raises(UnavailableError, match=r"tallies\[0\] gives nothing since 75 s"):
        world.hear(20)
    assert world.fetching.restarts > 28


def test_a_stall_before_it_was_held_back_does_not_count_later(world: World) -> None:
    world.hear(7)
    world.fetching.held = True
    world.hear(360)
    world.fetching.held = False
    world.hear(7)
    with pytest.raises(UnavailableError):
        world.hear(2)


def test_a_stall_before_it_was_at_its_end_or_came_anew_or_had_no_broker_does_not_count_later(world: World) -> None:
    world.hear(7)
    world.hear(9, end=5)
    world.partition.seen_s = -1e9
    world.hear(7)
    world.assign()
    world.hear(7)
    world.hear(9, reached=False)
    world.hear(7)
    with pytest.raises(UnavailableError):
        world.hear(2)


def test_asking_in_vain_for_long_is_an_outage_though_the_reading_client_says_nothing(world: World) -> None:
    world.hear(2, reached=False)
    world.hear(1)
    world.hear(2, reached=False)
    assert not world.watch.outage.down, "one answer in between is enough"
    world.hear(1, reached=False)
    assert world.watch.outage.down
    world.hear(1)
    assert not world.watch.outage.down
