"""What do the job's own topics say? Reads one topic from near its end, or from its start, and maybe on and on.

It joins no group and commits nothing, so looking never moves the job. Only committed records are read.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams.runtime.clock import monotonic_s
from streams.runtime.errors import StreamsError, TopicError, UnavailableError
from streams.runtime.kafka.bounds import bounds_of
from streams.runtime.kafka.client import COMMON, UNKNOWN_TOPIC, error_of, verdict

PATIENCE_S = 10.0
"""How long a broker may take to answer the first question."""

RECENT = 1_000
"""How many offsets before the end of each partition reading begins when it does not begin at the start."""

_BATCH = 500
_WAIT_S = 0.2


@dataclass(frozen=True, slots=True)
class Row:
    """One record of an output topic that holds a JSON object: where it lay, its time (ms), its key, and the object."""

    partition: int
    offset: int
    timestamp_ms: int
    key: str
    text: bytes
    value: Mapping[str, Any]


def read_rows(
    client: Mapping[str, Any],
    topic: str,
    *,
    from_start: bool,
    follow: bool,
    patience_s: float = PATIENCE_S,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Row | None]:
    """The rows of a topic in the order of each partition; None whenever it has waited for more.

    Ends at the end that each partition had, or when `stop` says so; with `follow` only then. Tombstones and records
    that are not JSON objects are passed over.

    Raises:
        UnavailableError: No broker answered within `patience_s`.
        TopicError: There is no such topic.
    """
    consumer = Consumer({
        **client, **COMMON, "group.id": "streams-tail", "enable.auto.commit": False, "enable.partition.eof": True,
        "auto.offset.reset": "earliest", "isolation.level": "read_committed",
    })  # fmt: skip
    try:
        reading = _begin(consumer, topic, from_start=from_start, patience_s=patience_s)
        while (reading or follow) and not stop():
            messages = consumer.consume(_BATCH, _WAIT_S)
            for message in messages:
                error = message.error()
                if error is None:
                    row = _row(message)
                    if row is not None:
                        yield row
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 -- the library's name for it
                    reading.discard(message.partition())
                else:
                    _heal_or_raise(error, topic)
            if not messages:
                yield None
    finally:
        consumer.close()


def _begin(consumer: Consumer, topic: str, *, from_start: bool, patience_s: float) -> set[int]:
    """Point the consumer at where reading begins; the partitions."""
    deadline_s = monotonic_s() + patience_s
    try:
        found = consumer.list_topics(topic, patience_s).topics[topic]
        if found.error is not None:
            _heal_or_raise(found.error, topic)
        places = []
        for partition in found.partitions:
            place = TopicPartition(topic, partition, OFFSET_BEGINNING)
            if not from_start:
                left_s = max(0.1, deadline_s - monotonic_s())
                low, high = bounds_of(consumer, (topic, partition), left_s)
                place.offset = max(low, high - RECENT)
            places.append(place)
    except KafkaException as exception:
        error = error_of(exception)
        _heal_or_raise(error, topic)
        raise UnavailableError(
            f"no broker answered within {patience_s:.0f} s ({error.str()}); check kafka.bootstrap and the network"
        ) from None
    consumer.assign(places)
    return {place.partition for place in places}


def _heal_or_raise(error: KafkaError, topic: str) -> None:
    """Raise what waiting cannot heal."""
    if error.code() in UNKNOWN_TOPIC:
        raise TopicError(f"there is no topic {topic}; has the job run, and is the prefix right?")
    failure: StreamsError | None = verdict(error, f"reading {topic}")
    if failure is not None:
        raise failure


def _row(message: Message) -> Row | None:
    text = message.value()
    if text is None:
        return None
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(value, dict):
        return None
    partition, offset = message.partition(), message.offset()
    key = (message.key() or b"").decode(errors="replace")
    timestamp_ms = message.timestamp()[1]
    return Row(partition or 0, offset if offset is not None else sys.maxsize, timestamp_ms, key, text, value)
