"""Looking into a partition from outside any group: its bounds, and its records between two offsets.

Nothing is committed, nobody's position moves. One thread at a time.
"""

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams.runtime.clock import monotonic_s
from streams.runtime.errors import TopicError, UnavailableError
from streams.runtime.kafka.bounds import bounds_of
from streams.runtime.kafka.client import (
    COMMON,
    PARTITION_EOF,
    UNKNOWN_TOPIC,
    Patience,
    TopicPartitionKey,
    error_of,
    verdict,
)

PATIENCE_S = 15.0
"""How long a broker may be silent before UnavailableError."""

_BATCH = 1_000
_WAIT_S = 0.1


class PartitionReader:
    """A consumer without a group. A context manager.

    Every call raises UnavailableError when no broker answers, TopicError when there is no such partition,
    NotPermittedError when it may not be read.
    """

    def __init__(self, client: Mapping[str, Any], name: str, patience_s: float = PATIENCE_S) -> None:
        """`name` is the group's, as the broker demands one; it is never joined."""
        self._patience_s, self._unknown = patience_s, Patience()
        self._consumer = Consumer({
            **COMMON, **client, "group.id": name, "enable.auto.commit": False, "auto.offset.reset": "earliest",
            "enable.partition.eof": True, "isolation.level": "read_committed",
            "fetch.wait.max.ms": 20,  # the end of a topic is told by a fetch that waited in vain
            "error_cb": _ignore,  # what cannot be reached shows as patience that ran out
        })  # fmt: skip

    def bounds(self, tp: TopicPartitionKey) -> tuple[int, int]:
        """The offset of the first record still there, and the one after the last."""
        until_s = self._begin(tp)
        while True:
            try:
                return bounds_of(self._consumer, tp, self._patience_s)
            except KafkaException as raised:
                self._wait_or_raise(error_of(raised), tp, until_s)
                self._consumer.consume(1, _WAIT_S)  # nothing is assigned: a moment's rest

    def records(self, tp: TopicPartitionKey, begin: int) -> Iterator[Message]:
        """The records from an offset (or the first one still there after it) to the present end."""
        self._consumer.assign([TopicPartition(*tp, begin)])
        until_s = self._begin(tp)
        while True:
            messages = self._consumer.consume(_BATCH, _WAIT_S)
            if not messages and monotonic_s() > until_s:
                raise UnavailableError(f"{tp[0]}[{tp[1]}] could not be read to its end within {self._patience_s:.0f} s")
            for message in messages:
                error = message.error()
                if error is None:
                    until_s = monotonic_s() + self._patience_s
                    yield message
                elif error.code() == PARTITION_EOF:
                    return
                else:
                    self._wait_or_raise(error, tp, until_s)

    def close(self) -> None:
        """End it."""
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _begin(self, tp: TopicPartitionKey) -> float:
        """A new question: until when a broker may be silent."""
        self._unknown.over(tp)
        return monotonic_s() + self._patience_s

    def _wait_or_raise(self, error: KafkaError, tp: TopicPartitionKey, until_s: float) -> None:
        """Raise what waiting cannot heal, or does not.

        A broker that has just started does not know its topics yet, so how long one is unknown counts from when it
        was first said, and not from when the broker went.
        """
        doing = f"reading {tp[0]}[{tp[1]}]"
        final = verdict(error, doing)
        if final is not None:
            raise final
        if error.code() in UNKNOWN_TOPIC:
            if self._unknown.lasted(tp) > self._patience_s:
                raise TopicError(f"{doing}: there is no such partition")
            return
        self._unknown.over(tp)
        if monotonic_s() > until_s:
            raise UnavailableError(f"{doing}: {error.str()}. Is the broker up?")


def _ignore(_error: KafkaError) -> None:
    """See the class."""
