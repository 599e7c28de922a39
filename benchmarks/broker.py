"""The broker of a run, its topics, and readers of them."""

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined] # public, but its stub does not say so
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)
from confluent_kafka.cimpl import NewTopic

from tests.support.real_kafka import RealKafka

PARTITIONS = 8
"""Of every raw topic."""

WAIT_S = 30.0


class NotDoneError(RuntimeError):
    """Something that a measurement waits for did not come in time."""


def wait_for(done: Callable[[], object], what: str, seconds: float, pause_s: float = 0.05) -> None:
    """Wait until a condition holds; raises NotDoneError when it does not."""
    until_s = time.monotonic() + seconds
    while not done():
        if time.monotonic() > until_s:
            raise NotDoneError(f"not in {seconds:.0f} s: {what}")
        time.sleep(pause_s)


@dataclass(frozen=True, slots=True)
class Row:
    """One JSON row: when it was written (ms, as the topic's timestamps say) and when it was seen here."""

    partition: int
    key: str
    value: dict[str, Any]
    written_ms: int
    seen_ms: int


class Broker:
    """A running Kafka and a folder for files of children."""

    def __init__(self, kafka: RealKafka, folder: Path) -> None:
        self.bootstrap, self.pid, self.folder = kafka.bootstrap, kafka.pid, folder
        self._admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})

    def make(self, topic: str, partitions: int = PARTITIONS, settings: Mapping[str, str] | None = None) -> None:
        """Make a topic that keeps everything."""
        new = NewTopic(topic, partitions, 1, config={"retention.ms": "-1", **(settings or {})})
        self._admin.create_topics([new])[topic].result(WAIT_S)
        wait_for(lambda: len(self.partitions(topic)) == partitions, f"{topic} is there", WAIT_S)

    def partitions(self, topic: str) -> list[int]:
        """The partitions of a topic; none when there is no such topic."""
        found = self._admin.list_topics(timeout=WAIT_S).topics
        return sorted(found[topic].partitions) if topic in found else []

    def append_time(self, topic: str) -> None:
        """From now on the broker stamps the records of a topic, at the moment it appends them."""
        entry = ConfigEntry(
            "message.timestamp.type", "LogAppendTime", incremental_operation=AlterConfigOpType.SET
        )  # fmt: skip
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        for changed in self._admin.incremental_alter_configs([resource]).values():
            changed.result(WAIT_S)

    def drop(self, prefix: str) -> None:
        """Delete every topic whose name begins so: their pages are free for the next measurement."""
        names = [name for name in self._admin.list_topics(timeout=WAIT_S).topics if name.startswith(prefix)]
        if names:
            for gone in self._admin.delete_topics(names).values():
                gone.result(WAIT_S)
            wait_for(
                lambda: not set(names) & set(self._admin.list_topics(timeout=WAIT_S).topics), "they are gone", WAIT_S
            )

    def ends(self, topic: str) -> dict[int, int]:
        """The offset after the last record of each partition."""
        with self.reader() as consumer:
            found = {}
            for p in self.partitions(topic):
                found[p] = consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=WAIT_S)[1]
            return found

    @contextlib.contextmanager
    def reader(self, **settings: object) -> Iterator[Consumer]:
        """A consumer that belongs to no group."""
        consumer = Consumer({
            "bootstrap.servers": self.bootstrap, "group.id": "benchmark-reader", "enable.auto.commit": False,
            "auto.offset.reset": "earliest", "isolation.level": "read_committed", "fetch.wait.max.ms": 10,
            "fetch.queue.backoff.ms": 5, "enable.partition.eof": True, "log_level": 0, **settings,
        })  # fmt: skip
        try:
            yield consumer
        finally:
            consumer.close()

    @contextlib.contextmanager
    def follow(self, topic: str) -> Iterator["Follower"]:
        """The rows of a topic from its start, as they come. The topic must be there."""
        with self.reader() as consumer:
            partitions = self.partitions(topic)
            consumer.assign([TopicPartition(topic, p, 0) for p in partitions])
            yield Follower(consumer)

    def records(self, topic: str) -> Iterator[tuple[bytes, int]]:
        """Value and timestamp (ms) of every record that is in a topic now."""
        with self.reader() as consumer:
            left = set(self.partitions(topic))
            consumer.assign([TopicPartition(topic, p, 0) for p in left])
            until_s = time.monotonic() + WAIT_S
            while left:
                messages = consumer.consume(10_000, 0.1)
                if messages:
                    until_s = time.monotonic() + WAIT_S
                elif time.monotonic() > until_s:
                    raise NotDoneError(f"{topic} could not be read to its end")
                for message in messages:
                    error = message.error()
                    if error is None:
                        yield message.value() or b"", message.timestamp()[1]
                    elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's public name for it
                        left.discard(message.partition() or 0)
                    else:
                        raise NotDoneError(f"{topic} cannot be read: {error.str()}")


class Follower:
    """Reads the rows of a topic as they come."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer

    def rows(self, wait_s: float = 0.0) -> list[Row]:
        """What came since the last call; waits a while for the first one."""
        found = []
        messages = self._consumer.consume(1, wait_s)  # does not wait for more of them
        for message in messages + self._consumer.consume(10_000, 0.0):
            value = message.value()
            if message.error() is None and value is not None:
                key = (message.key() or b"").decode()
                seen_ms = time.time_ns() // 1_000_000
                row = Row(message.partition() or 0, key, orjson.loads(value), message.timestamp()[1], seen_ms)
                found.append(row)
        return found


@contextlib.contextmanager
def broker() -> Iterator[Broker]:
    """A Kafka of its own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="streams-bench-") as folder, RealKafka() as kafka:
        yield Broker(kafka, Path(folder))
