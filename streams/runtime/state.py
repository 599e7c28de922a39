"""How a running job is, read from its own topics: no worker needs to be asked, or even be up.

The join writes the status of each ledger partition to the status topic; the newest one of each is what counts.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.runtime.clock import monotonic_s
from streams.runtime.config.job import Config, TopicNoun
from streams.runtime.errors import TopicError, UnavailableError
from streams.runtime.kafka.bounds import bounds_of
from streams.runtime.kafka.client import COMMON, PARTITION_EOF, error_of, verdict

PATIENCE_S = 15.0

_BACK = 2_000


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """One source as a ledger partition knows it; times in ms, `applied` a position."""

    applied: int | None
    clock_ms: int | None
    live: bool | None
    idle: bool
    why: str


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """One ledger partition: who folds it, how far, what it holds, and its sources."""

    partition: int
    worker: str
    position: int
    watermark_ms: int | None
    held_predictions: int
    held_labels: int
    held_bytes: int
    advance_waiting: tuple[int, ...]
    written_ms: int  # when the status was written, wall clock
    sources: dict[str, SourceStatus] = field(default_factory=dict)


def read_status(config: Config) -> list[PartitionStatus]:
    """The newest status of each ledger partition, in order; empty before the first."""
    out = []
    for row, written_ms in newest_rows(config, "status", partition_keys(config)).values():
        sources = {
            s["source"]: SourceStatus(s["applied"], s["clock_ms"], s["live"], s["idle"], s["why"])
            for s in row["sources"]
        }
        out.append(
            PartitionStatus(
                row["ledger_partition"], row["worker"], row["position"], row["watermark_ms"], row["held_predictions"],
                row["held_labels"], row["held_bytes"], tuple(row["advance_waiting"]), written_ms, sources,
            )
        )  # fmt: skip
    return sorted(out, key=lambda status: status.partition)


def partition_keys(config: Config) -> list[str]:
    """The keys of the rows that there are one of for each ledger partition: status and audit."""
    return [str(partition) for partition in range(config.ledger.partitions)]


def newest_clock_ms(statuses: list[PartitionStatus]) -> int | None:
    """The greatest clock of any source; None before any was read."""
    clocks = [s.clock_ms for status in statuses for s in status.sources.values() if s.clock_ms is not None]
    return max(clocks, default=None)


def newest_rows(config: Config, noun: TopicNoun, keys: Collection[str] = ()) -> dict[str, tuple[dict[str, Any], int]]:
    """The newest row of each key of one of the job's topics, and when it was written (ms).

    With `keys` it reads back from the end only as far as it takes to find them all: a topic that is written each
    second is long before it is compacted.
    """
    topic = config.topic(noun)
    consumer = Consumer({
        **COMMON, **config.client, "group.id": f"{config.name}-look", "enable.auto.commit": False,
        "auto.offset.reset": "earliest", "enable.partition.eof": True, "isolation.level": "read_committed",
        "fetch.wait.max.ms": 20,  # the end of a topic is told by a fetch that waited in vain
    })  # fmt: skip
    try:
        found = consumer.list_topics(timeout=PATIENCE_S).topics.get(topic)
        if found is None:
            raise TopicError(f"there is no topic {topic}: has the job run under this name and prefix?")
        bounds = {p: bounds_of(consumer, (topic, p), PATIENCE_S) for p in found.partitions}
        back = _BACK if keys else max((high for _, high in bounds.values()), default=0)
        while True:
            begins = {p: max(low, high - back) for p, (low, high) in bounds.items()}
            rows = _read_from(consumer, topic, begins)
            if set(keys) <= set(rows) or all(begins[p] == low for p, (low, _) in bounds.items()):
                return rows
            back *= 16
    except KafkaException as error:
        cause = error_of(error)
        raise verdict(cause, f"reading {topic}") or UnavailableError(
            f"{topic} cannot be read: {cause.str()}. Is the broker up, and is the address right?"
        ) from error
    finally:
        consumer.close()


def _read_from(consumer: Consumer, topic: str, begins: Mapping[int, int]) -> dict[str, tuple[dict[str, Any], int]]:
    """The newest row of each key from these offsets to the present ends."""
    rows: dict[str, tuple[dict[str, Any], int]] = {}
    consumer.assign([TopicPartition(topic, p, offset) for p, offset in begins.items()])
    left = set(begins)
    until_s = monotonic_s() + PATIENCE_S
    while left:
        messages = consumer.consume(1000, 0.1)
        if messages:
            until_s = monotonic_s() + PATIENCE_S
        elif monotonic_s() > until_s:
            raise UnavailableError(f"{topic} could not be read to its end within {PATIENCE_S:.0f} s")
        for message in messages:
            error = message.error()
            if error is not None:
                if error.code() == PARTITION_EOF:
                    left.discard(message.partition() or 0)
                elif (fatal := verdict(error, f"reading {topic}")) is not None:
                    raise fatal
                continue
            key, value = message.key(), message.value()
            if key is not None and value is not None:
                rows[key.decode()] = (orjson.loads(value), message.timestamp()[1])
    return rows
