"""The two brokers that the same tests run on, behind one face: embedded and real."""

import time
import uuid
from collections.abc import Iterable
from typing import Any, Protocol

from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from streams.runtime.kafka.embedded import EmbeddedBroker
from tests.support.real_kafka import RealKafka
from tests.support.real_kafka_cluster import RealKafkaCluster


class Cluster(Protocol):
    """A broker that a test may break."""

    @property
    def client(self) -> dict[str, Any]: ...

    def create_topic(self, name: str, partitions: int, config: dict[str, str] | None = None) -> None: ...

    def delete_records(self, topic: str, partition: int, before: int) -> None: ...

    def down(self) -> None: ...

    def up(self) -> None: ...


class EmbeddedCluster:
    """The embedded broker as a Cluster; topic settings are ignored."""

    def __init__(self, broker: EmbeddedBroker) -> None:
        self.broker = broker

    @property
    def client(self) -> dict[str, Any]:
        return self.broker.client

    def create_topic(self, name: str, partitions: int, config: dict[str, str] | None = None) -> None:
        del config
        self.broker.create_topic(name, partitions)

    def delete_records(self, topic: str, partition: int, before: int) -> None:
        self.broker.delete_records(topic, partition, before)

    def down(self) -> None:
        self.broker.broker_down()

    def up(self) -> None:
        self.broker.broker_up()


class RealCluster:
    """A real Kafka as a Cluster; `down` kills its process, or its processes."""

    def __init__(self, kafka: RealKafka | RealKafkaCluster, replication: int = 1) -> None:
        self.kafka, self.replication = kafka, replication
        self.admin = AdminClient({**kafka.client, "log_level": 0})

    @property
    def client(self) -> dict[str, Any]:
        return self.kafka.client

    def create_topic(self, name: str, partitions: int, config: dict[str, str] | None = None) -> None:
        for future in self.admin.create_topics(
            [NewTopic(name, partitions, self.replication, config=config or {})]
        ).values():
            future.result(20)
        until = time.monotonic() + 20
        while name not in self.admin.list_topics(timeout=5).topics:  # a moment after it was made
            assert time.monotonic() < until, f"{name} was made and is not there"

    def delete_records(self, topic: str, partition: int, before: int) -> None:
        for future in self.admin.delete_records([TopicPartition(topic, partition, before)]).values():
            future.result(20)

    def down(self) -> None:
        self.kafka.kill()

    def up(self) -> None:
        self.kafka.start()


def new_name(prefix: str) -> str:
    """A topic or group name that no other test has."""
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def fill(cluster: Cluster, topic: str, partition: int, values: Iterable[bytes]) -> int:
    """Append values to a partition and wait for them; how many."""
    producer = Producer({**cluster.client, "enable.idempotence": True, "linger.ms": 5, "log_level": 0})
    count = 0
    for value in values:
        producer.produce(topic, value, partition=partition)
        count += 1
        if count % 50_000 == 0:
            producer.flush(30)
    assert producer.flush(30) == 0
    return count


def numbers(count: int, begin: int = 0) -> list[bytes]:
    """Small values that tell where they are in the log."""
    return [str(i).encode() for i in range(begin, begin + count)]
