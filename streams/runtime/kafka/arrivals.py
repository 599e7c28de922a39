"""What one poll brought, sorted by partition: rows, ends of partitions, errors."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, Message

from streams.runtime.kafka.assignment import key_of
from streams.runtime.kafka.client import PARTITION_EOF, TopicPartitionKey


@dataclass(slots=True)
class Arrivals:
    """Rows of each partition in offset order, the end of those that were read to it, and what went wrong."""

    rows: dict[TopicPartitionKey, list[Message]] = field(default_factory=dict)
    ends: dict[TopicPartitionKey, int] = field(default_factory=dict)
    errors: list[tuple[TopicPartitionKey, KafkaError]] = field(default_factory=list)


def sort_out(messages: Sequence[Message]) -> Arrivals:
    """The arrivals of one poll."""
    arrived = Arrivals()
    for message in messages:
        error = message.error()
        if error is None:
            key = key_of(message)
            rows = arrived.rows.get(key)
            if rows is None:
                arrived.rows[key] = [message]
            else:
                rows.append(message)
        elif error.code() == PARTITION_EOF:
            arrived.ends[key_of(message)] = message.offset() or 0
        else:
            arrived.errors.append((key_of(message), error))
    return arrived
