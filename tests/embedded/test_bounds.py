"""The bounds of a partition while its leader moves: right, or not told."""

from collections.abc import Iterator
from itertools import repeat

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException

from streams.runtime.kafka.bounds import bounds_of
from streams.runtime.kafka.embedded import EmbeddedBroker
from tests.support.clusters import EmbeddedCluster, fill, numbers

pytestmark = pytest.mark.embedded

LIST_OFFSETS, NOT_LEADER = 2, 6


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    """A log of the offsets 2, 3 and 4, and an empty one."""
    with EmbeddedBroker() as running:
        running.create_topic("t", 2)
        fill(EmbeddedCluster(running), "t", 0, numbers(5))
        running.delete_records("t", 0, 2)
        yield running


@pytest.fixture
def consumer(broker: EmbeddedBroker) -> Iterator[Consumer]:
    made = Consumer({**broker.client, "group.id": "g", "log_level": 0})
    yield made
    made.close()


def test_a_log_reaches_from_its_first_record_to_the_end(consumer: Consumer) -> None:
    assert bounds_of(consumer, ("t", 0), 20) == (2, 5)
    assert bounds_of(consumer, ("t", 1), 20) == (0, 0)


@pytest.mark.parametrize("errors", [1, 2, 3, 5])
def test_a_leader_that_moves_never_makes_a_log_seem_empty(
    broker: EmbeddedBroker, consumer: Consumer, errors: int
) -> None:
    for _ in range(4):
        broker.push_errors(LIST_OFFSETS, *repeat(NOT_LEADER, errors))
        assert bounds_of(consumer, ("t", 0), 20) == (2, 5)


def test_a_partition_that_is_not_there_and_a_leader_that_stays_away_are_told(
    broker: EmbeddedBroker, consumer: Consumer
) -> None:
    with pytest.raises(KafkaException) as raised:
        bounds_of(consumer, ("t", 7), 20)
    assert raised.value.args[0].code() == KafkaError._UNKNOWN_PARTITION
    broker.push_errors(LIST_OFFSETS, *repeat(NOT_LEADER, 100))
    with pytest.raises(KafkaException) as raised:
        bounds_of(consumer, ("t", 0), 0.3)
    assert raised.value.args[0].code() == NOT_LEADER
