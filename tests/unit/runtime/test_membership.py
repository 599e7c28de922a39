"""A partition that comes back is read from a load of its own, not from one for an earlier time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from confluent_kafka import Consumer, TopicPartition

from streams.runtime.kafka.assignment import Assignment
from streams.runtime.kafka.client import SILENCE, TopicPartitionKey
from streams.runtime.kafka.commits import Commits
from streams.runtime.kafka.fetching import Fetching
from streams.runtime.kafka.membership import Membership
from streams.runtime.kafka.stage import Limits, Stage, Stats
from tests.support.workers import wait_for

KEY = ("ledger", 0)


class World:
    """A stage whose loads find how far the partition was told, and a client that notes what is read from where."""

    def __init__(self) -> None:
        self.told, self.positions, self.loads = 5, dict[TopicPartitionKey, int](), 0
        self.loading, self.release = threading.Event(), threading.Event()
        self.read_from: list[int] = []

    # The stage.

    def position(self, tp: TopicPartitionKey) -> int | None:
        return self.positions.get(tp)

    def load(self, tps: list[TopicPartitionKey]) -> None:
        found = self.told
        self.loading.set()
        self.release.wait(10)
        self.positions |= dict.fromkeys(tps, found)
        self.loads += 1

    def revoked(self, tps: list[TopicPartitionKey], lost: bool) -> None:
        for tp in tps:
            self.positions.pop(tp, None)

    # The client.

    def incremental_assign(self, tps: list[TopicPartition]) -> None:
        self.read_from += [tp.offset for tp in tps]

    def incremental_unassign(self, tps: list[TopicPartition]) -> None:
        pass

    def pause(self, tps: list[TopicPartition]) -> None:
        pass

    def resume(self, tps: list[TopicPartition]) -> None:
        pass


@contextmanager
def member(world: World) -> Iterator[Membership]:
    client, assignment, stats, failures = cast("Any", world), Assignment(), Stats(), list[BaseException]()
    made = Membership(
        "join", cast("Stage", world), assignment, Fetching(client, assignment, stats), Commits(),
        stats=stats, limits=Limits(), log=SILENCE, fail=failures.append,
    )  # fmt: skip
    made.loader.start()
    yield made
    made.loader.stop()
    assert failures == []


def come_and_go(made: Membership, world: World) -> tuple[Consumer, list[TopicPartition]]:
    """The partition comes, begins to load and goes; another worker goes on with it."""
    client, tps = cast("Consumer", world), [TopicPartition(*KEY)]
    made.assigned(client, tps)
    wait_for(world.loading.is_set, "it loads")
    made.lost(client, tps)
    world.told = 9
    return client, tps


def begun(made: Membership, world: World) -> bool:
    made.finish_loads()
    return bool(world.read_from)


def test_a_load_that_ended_after_its_partition_left_is_done_again_when_it_comes_back() -> None:
    world = World()
    with member(world) as made:
        client, tps = come_and_go(made, world)
        world.release.set()
        wait_for(lambda: world.loads == 1 and not made.loader._busy, "the old load ends")
        made.assigned(client, tps)
        wait_for(lambda: begun(made, world), "it is read")
    assert (world.read_from, world.loads) == ([9], 2)


def test_a_load_that_ends_while_its_partition_comes_back_is_done_again() -> None:
    world = World()
    with member(world) as made:
        client, tps = come_and_go(made, world)
        world.positions[KEY] = 5  # ready an instant before its thread is done
        made.assigned(client, tps)
        world.release.set()
        wait_for(lambda: begun(made, world), "it is read")
    assert (world.read_from, world.loads) == ([9], 2)
