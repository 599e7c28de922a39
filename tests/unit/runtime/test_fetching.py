"""A partition that comes back is read, whatever was paused when it left."""

from collections.abc import Iterable, Sequence
from typing import cast

from confluent_kafka import Consumer, TopicPartition

from streams.runtime.kafka.assignment import Assignment
from streams.runtime.kafka.client import TopicPartitionKey
from streams.runtime.kafka.fetching import Fetching
from streams.runtime.kafka.stage import Stats

KEY = ("ledger", 0)


class Client:
    """librdkafka as it is: a pause outlives the assignment."""

    def __init__(self) -> None:
        self.assigned: dict[TopicPartitionKey, int] = {}
        self.paused: set[TopicPartitionKey] = set()

    def incremental_assign(self, tps: Iterable[TopicPartition]) -> None:
        self.assigned |= {(tp.topic, tp.partition): tp.offset for tp in tps}

    def incremental_unassign(self, tps: Iterable[TopicPartition]) -> None:
        for tp in tps:
            del self.assigned[tp.topic, tp.partition]

    def pause(self, tps: Sequence[TopicPartition]) -> None:
        self.paused |= {(tp.topic, tp.partition) for tp in tps}

    def resume(self, tps: Sequence[TopicPartition]) -> None:
        self.paused -= {(tp.topic, tp.partition) for tp in tps}


def begun() -> tuple[Client, Assignment, Fetching]:
    """A client that reads one partition."""
    client, assignment = Client(), Assignment()
    fetching = Fetching(cast("Consumer", client), assignment, Stats())
    fetching.begin([(KEY, assignment.add(KEY, 0.0), 5)])
    return client, assignment, fetching


def test_a_partition_that_left_while_everything_was_paused_is_read_when_it_comes_back() -> None:
    client, assignment, fetching = begun()
    fetching.pause_all()
    assignment.drop([KEY])
    fetching.leave([KEY])
    fetching.resume_all()
    fetching.begin([(KEY, assignment.add(KEY, 1.0), 7)])
    assert client.assigned == {KEY: 7}
    assert client.paused == set()


def test_a_partition_that_was_held_by_itself_is_read_when_it_comes_back() -> None:
    client, assignment, fetching = begun()
    fetching.hold(KEY)
    assignment.drop([KEY])
    fetching.leave([KEY])
    partition = assignment.add(KEY, 1.0)
    fetching.begin([(KEY, partition, 7)])
    assert client.paused == set()
    fetching.restart(KEY, partition)
    assert client.paused == set()


def test_a_partition_that_comes_while_everything_is_paused_waits() -> None:
    client, assignment, fetching = begun()
    fetching.pause_all()
    other = ("ledger", 1)
    fetching.begin([(other, assignment.add(other, 1.0), 0)])
    assert client.paused == {KEY, other}
    fetching.resume_all()
    assert client.paused == set()
