"""How long a reader waits for a partition that a broker does not know."""

from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.runtime.errors import TopicError, UnavailableError
from streams.runtime.kafka import partition_reader
from streams.runtime.kafka.partition_reader import PartitionReader


class Broker:
    """Answers in turn: how long it took (s), and an error or the bounds."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.answers: list[tuple[float, int | tuple[int, int]]] = []

    def bounds(self, *_: object) -> tuple[int, int]:
        took_s, answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.now_s += took_s
        if isinstance(answer, tuple):
            return answer
        raise KafkaException(KafkaError(answer))


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    broker = Broker()
    monkeypatch.setattr(partition_reader, "bounds_of", broker.bounds)
    monkeypatch.setattr(partition_reader, "monotonic_s", lambda: broker.now_s)
    monkeypatch.setattr("streams.runtime.kafka.client.time.monotonic", lambda: broker.now_s)
    return broker


class Resting:
    """As much of a consumer as a reader needs that only asks for bounds."""

    def consume(self, *_: Any) -> list[Any]:
        return []

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[PartitionReader]:
    monkeypatch.setattr(partition_reader, "Consumer", lambda _: Resting())
    with PartitionReader({}, "g", patience_s=15.0) as reader:
        yield reader


def test_a_broker_that_comes_back_after_a_long_outage_may_not_know_its_topics_yet(
    broker: Broker, reader: PartitionReader
) -> None:
    broker.answers = [(19.0, KafkaError.UNKNOWN_TOPIC_OR_PART), (1.0, KafkaError.UNKNOWN_TOPIC_OR_PART), (0.1, (3, 5))]
    assert reader.bounds(("checkpoints", 0)) == (3, 5)


def test_a_partition_that_stays_unknown_is_not_there(broker: Broker, reader: PartitionReader) -> None:
    broker.answers = [(1.0, KafkaError.UNKNOWN_TOPIC_OR_PART)]
    with pytest.raises(TopicError, match=r"reading checkpoints\[0\]: there is no such partition"):
        reader.bounds(("checkpoints", 0))
    assert 15 < broker.now_s - 100 < 18


def test_a_broker_that_stays_silent_is_not_there(broker: Broker, reader: PartitionReader) -> None:
    broker.answers = [(5.0, KafkaError._TRANSPORT)]
    with pytest.raises(UnavailableError, match="Is the broker up"):
        reader.bounds(("checkpoints", 0))
