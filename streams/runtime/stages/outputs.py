"""Rows out: which topic a stream of rows goes to, and the bytes of a row.

Streams are named as in the output contract (windows, classes, confusion, rejects, audit); `status` is internal. Keys
decide the partition, so that all revisions of a row lie in one and compaction keeps the newest.
"""

from collections.abc import Callable, Mapping

import orjson

from streams.alerts.rows import ALERT_LOG, ALERTS, GATES
from streams.quality.rows import OutputRow, Stream
from streams.runtime.config.job import Config, TopicNoun
from streams.runtime.kafka.producer import Producer
from streams.runtime.kafka.transactions import Record
from streams.runtime.quality_metrics import QualityMetrics
from streams.runtime.telemetry import Count, Telemetry

ANY_PARTITION = -1
"""The partition is chosen by the key."""

_EVENTS: tuple[TopicNoun, ...] = ("alerts", "alert-log")


def _event(config: Config, row: Mapping[str, object]) -> tuple[tuple[str, bytes], ...]:
    """CloudEvents attributes in Kafka's binary mode; the same for the same row."""
    if "transition_id" not in row:
        return ()
    attributes = {
        "specversion": "1.0",
        "id": row["transition_id"],
        "source": f"/quality/{config.name}",
        "type": f"quality.alert.{row['kind']}",
        "subject": row["fingerprint"],
        "time": row["t"],
    }
    events = tuple((f"ce_{name}", str(value).encode()) for name, value in attributes.items())
    return (*events, ("content-type", b"application/json"))


def encode(
    config: Config, stream: TopicNoun, key: str, row: Mapping[str, object], partition: int = ANY_PARTITION
) -> Record:
    """The record of a row; of an alert's with the attributes of a CloudEvent."""
    headers = _event(config, row) if stream in _EVENTS else ()
    return Record(config.topic(stream), partition, orjson.dumps(row), key.encode(), headers=headers)


NOUNS: dict[str, TopicNoun] = {
    Stream.WINDOWS: "windows",
    Stream.CLASSES: "classes",
    Stream.CONFUSION: "confusion",
    Stream.CALIBRATION: "calibration",
    Stream.DELAYS: "delays",
    Stream.DRIFT: "drift",
    Stream.GROUPS: "groups",
    Stream.LABEL_SOURCES: "label_sources",
    Stream.SAMPLES: "samples",
    ALERTS: "alerts",
    ALERT_LOG: "alert-log",
    GATES: "gates",
}
"""Which topic the rows of each of the judge's streams go to."""

_OF_MODELS = frozenset({ALERTS, ALERT_LOG, GATES})


def record_of(config: Config, row: OutputRow, judge: int) -> Record:
    """The record of a row of the judge of a tallies partition.

    All that is said of the alerts of a model lies in one partition, in the order of its steps.
    """
    partition = judge if row.stream in _OF_MODELS else ANY_PARTITION
    return encode(config, NOUNS[row.stream], row.key, row.value, partition)


class Outputs:
    """Rows that need no fencing: rejects and audits are the same whoever writes them, and keyed by what they say."""

    def __init__(
        self, config: Config, producer: Producer, telemetry: Telemetry, quality: QualityMetrics | None = None
    ) -> None:
        """`producer` is idempotent and waits for any length of time; `quality` is shown every row."""
        self._config, self._producer, self._telemetry, self._quality = config, producer, telemetry, quality

    def send(
        self, stream: TopicNoun, key: str, row: Mapping[str, object], on_ack: Callable[[int], None] | None = None
    ) -> None:
        """Send a row; `on_ack` hears when it is safe."""
        record = encode(self._config, stream, key, row)
        self._producer.send(record.topic, record.partition, record.value, key=record.key, on_ack=on_ack)
        self._telemetry.count(Count.ROWS, topic=record.topic)
        if self._quality is not None:
            self._quality.take(stream, row)

    def moved(self, ledger_partition: int) -> None:
        """Another worker joins a ledger partition from now on: nothing is shown of it here."""
        if self._quality is not None:
            self._quality.drop_ledger_partition(ledger_partition)
