"""Looking into a partition from outside any group: its bounds, and its records between two offsets.

Nothing is committed, nobody's position moves. One thread at a time.
"""

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams.runtime.clock import monotonic_s
from streams.runtime.errors import TopicError, UnavailableError
from streams.runtime.kafka.client import COMMON, PARTITION_EOF, UNKNOWN_TOPIC, TopicPartitionKey, error_of, verdict

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
        self._patience_s = patience_s
        self._consumer = Consumer({
            **COMMON, **client, "group.id": name, "enable.auto.commit": False, "auto.offset.reset": "earliest",
            "enable.partition.eof": True, "isolation.level": "read_committed",
            "fetch.wait.max.ms": 20,  # the end of a topic is told by a fetch that waited in vain
            "error_cb": _ignore,  # what cannot be reached shows as patience that ran out
        })  # fmt: skip

    def bounds(self, tp: TopicPartitionKey) -> tuple[int, int]:
        """The offset of the first record still there, and the one after the last.

        A leader that is just being elected, as after a topic was made, is asked again.
        """
        until_s = monotonic_s() + self._patience_s
        while True:
            try:
                low, high = self._consumer.get_watermark_offsets(
                    TopicPartition(*tp), timeout=max(0.1, until_s - monotonic_s())
                )
            except KafkaException as raised:
                error = error_of(raised)
                if monotonic_s() > until_s or error.code() in UNKNOWN_TOPIC or verdict(error, "") is not None:
                    raise self._final(error, tp) from raised
                self._consumer.poll(_WAIT_S)
            else:
                return low, high

    def records(self, tp: TopicPartitionKey, begin: int) -> Iterator[Message]:
        """The records from an offset (or the first one still there after it) to the present end."""
        self._consumer.assign([TopicPartition(*tp, begin)])
        until_s = monotonic_s() + self._patience_s
        while True:
            messages = self._consumer.consume(_BATCH, _WAIT_S)
            if messages:
                until_s = monotonic_s() + self._patience_s
            elif monotonic_s() > until_s:
                raise UnavailableError(f"{tp[0]}[{tp[1]}] could not be read to its end within {self._patience_s:.0f} s")
            for message in messages:
                error = message.error()
                if error is None:
                    yield message
                elif error.code() == PARTITION_EOF:
                    return
                elif error.code() in UNKNOWN_TOPIC or verdict(error, "") is not None:
                    raise self._final(error, tp)

    def close(self) -> None:
        """End it."""
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _final(self, error: KafkaError, tp: TopicPartitionKey) -> Exception:
        doing = f"reading {tp[0]}[{tp[1]}]"
        if error.code() in UNKNOWN_TOPIC:
            return TopicError(f"{doing}: there is no such partition")
        return verdict(error, doing) or UnavailableError(f"{doing}: {error.str()}. Is the broker up?")


def _ignore(_error: KafkaError) -> None:
    """See the class."""
