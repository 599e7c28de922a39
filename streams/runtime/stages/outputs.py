"""Rows out: which topic a stream of rows goes to, and the bytes of a row.

Streams are named as in the output contract (windows, classes, confusion, rejects, audit); `status` is internal. Keys
decide the partition, so that all revisions of a row lie in one and compaction keeps the newest.
"""

from collections.abc import Callable, Mapping

import orjson

from streams.runtime.config.job import Config, TopicNoun
from streams.runtime.kafka.producer import Producer
from streams.runtime.kafka.transactions import Record
from streams.runtime.telemetry import Count, Telemetry

ANY_PARTITION = -1
"""The partition is chosen by the key."""


def encode(config: Config, stream: TopicNoun, key: str, row: Mapping[str, object]) -> Record:
    """The record of a row."""
    return Record(config.topic(stream), ANY_PARTITION, orjson.dumps(row), key.encode())


class Outputs:
    """Rows that need no fencing: rejects and audits are the same whoever writes them, and keyed by what they say."""

    def __init__(self, config: Config, producer: Producer, telemetry: Telemetry) -> None:
        """`producer` is idempotent and waits for any length of time."""
        self._config, self._producer, self._telemetry = config, producer, telemetry

    def send(
        self, stream: TopicNoun, key: str, row: Mapping[str, object], on_ack: Callable[[int], None] | None = None
    ) -> None:
        """Send a row; `on_ack` hears when it is safe."""
        record = encode(self._config, stream, key, row)
        self._producer.send(record.topic, record.partition, record.value, key=record.key, on_ack=on_ack)
        self._telemetry.count(Count.ROWS, topic=record.topic)
