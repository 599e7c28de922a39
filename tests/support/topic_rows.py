"""Everything that lies in a topic now, in offset order: what a reader that joined today would see of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from confluent_kafka import Consumer, KafkaError, TopicPartition

PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Row:
    """One JSON row and where it lies. `written_ms` is the record's timestamp."""

    partition: int
    offset: int
    key: str
    value: dict[str, Any]
    written_ms: int


@dataclass(frozen=True, slots=True)
class Record:
    """One record and where it lies. `written_ms` is its timestamp."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    written_ms: int


def read_topic(client: Mapping[str, Any], topic: str) -> list[Row]:
    """The rows of a topic from its start to its end of now, of committed transactions only, partition by partition."""
    return [
        Row(r.partition, r.offset, (r.key or b"").decode(), orjson.loads(r.value or b""), r.written_ms)
        for r in read_records(client, topic)
    ]


def read_records(client: Mapping[str, Any], topic: str) -> list[Record]:
    """The records of a topic, whatever they are, read as `read_topic` does."""
    consumer = Consumer({
        **client, "group.id": "test-reader", "enable.auto.commit": False, "auto.offset.reset": "earliest",
        "enable.partition.eof": True, "isolation.level": "read_committed", "fetch.wait.max.ms": 10, "log_level": 0,
    })  # fmt: skip
    records: list[Record] = []
    try:
        partitions = consumer.list_topics(topic, timeout=PATIENCE_S).topics[topic].partitions
        left: dict[int, int] = {}
        quiet = 0
        tps = []
        for number in partitions:
            tp = TopicPartition(topic, number)
            tp.offset, high = consumer.get_watermark_offsets(tp, timeout=PATIENCE_S)
            if high > tp.offset:
                left[number] = high
                tps.append(tp)
        consumer.assign(tps)
        while left:  # the end is told late, or never, while others write; it may also be a marker that is not shown
            messages = consumer.consume(5000, 0.2)
            quiet = 0 if messages else quiet + 1
            assert quiet < PATIENCE_S / 0.2, f"{topic} could not be read to its end"
            for message in messages:
                error = message.error()
                if error is not None:
                    assert error.code() == KafkaError._PARTITION_EOF, error
                    left.pop(message.partition() or 0, None)
                    continue
                offset = message.offset()
                assert offset is not None
                number = message.partition()
                assert number is not None
                if offset + 1 >= left.get(number, 0):
                    left.pop(number, None)
                records.append(Record(number, offset, message.key(), message.value(), message.timestamp()[1]))
    finally:
        consumer.close()
    return sorted(records, key=lambda record: (record.partition, record.offset))


def newest(rows: list[Row]) -> dict[str, dict[str, Any]]:
    """The last row of each key, as compaction keeps it."""
    return {row.key: row.value for row in rows}
