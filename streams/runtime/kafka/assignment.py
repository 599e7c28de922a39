"""Which partitions a source owns and what it expects next of each: epochs, contiguity, holes.

Every assignment of a partition has its own epoch, so whatever was read under an earlier one is told apart. Offsets
are taken only if they continue where the last ended. A jump is taken only when a second reading from the same
offset shows the same jump: then it is a hole of the log (compaction, transaction markers) and not a fault of the
reading. A partition that showed one hole is trusted with the next, until it is assigned or restarted again.
"""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from confluent_kafka import Message

from streams.runtime.kafka.client import TopicPartitionKey


@dataclass(slots=True)
class Partition:
    """What is known of one owned partition. `next` is the offset expected next, valid once `ready`."""

    epoch: int
    seen_s: float
    next: int = -1
    ready: bool = False  # in librdkafka's assignment; before that its state is loading
    held: bool = False  # paused because too many of its rows are out
    doubt: bool = False  # its position was out of the log's range; the range must be asked for again
    batches: int = 0  # out with the stage
    rows: int = 0
    high: int = -1  # the log's end when last asked
    holes: bool = False
    asked: tuple[int, int] | None = None  # the jump that a second reading must confirm

    def take(self, messages: Sequence[Message]) -> tuple[list[Message], int | None]:
        """The messages that continue from `next`, and the offset after an unconfirmed jump (None: there is none).

        Messages below `next` are repeats and left out. Moves `next` past what was taken.
        """
        if not messages:
            return [], None
        last = offset_of(messages[-1])
        if offset_of(messages[0]) == self.next and last - self.next + 1 == len(messages):
            self.next, self.asked = last + 1, None  # no repeat and no jump, as nearly always
            return list(messages), None
        rows = [m for m in messages if offset_of(m) >= self.next]
        for index, message in enumerate(rows):
            offset = offset_of(message)
            if offset != self.next and not self.confirmed(offset):
                return rows[:index], offset
            self.next = offset + 1
        return rows, None

    def confirmed(self, offset: int) -> bool:
        """Whether the jump from `next` to `offset` is a hole of the log; if not, it is remembered as asked for."""
        if self.holes or self.asked == (self.next, offset):
            self.holes, self.asked = True, None
            return True
        self.asked = (self.next, offset)
        return False

    def reach(self, end: int) -> int | None:
        """Go on to the log's end behind a confirmed hole; the end to be asked for again while it is not."""
        if not self.confirmed(end):
            return end
        self.next = end
        return None

    def restarted(self, now_s: float) -> None:
        """It is read from `next` again: nothing is taken on trust, the jump asked for stays."""
        self.holes, self.doubt, self.seen_s = False, False, now_s


class Assignment:
    """The owned partitions. `lock` guards membership and epochs; everything else is the poll thread's."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._epoch = 0
        self._partitions: dict[TopicPartitionKey, Partition] = {}

    def add(self, key: TopicPartitionKey, now_s: float) -> Partition:
        """A new epoch of a partition."""
        with self.lock:
            self._epoch += 1
            partition = self._partitions[key] = Partition(self._epoch, now_s)
            return partition

    def drop(self, keys: Iterable[TopicPartitionKey]) -> dict[TopicPartitionKey, Partition]:
        """Forget these, so that their batches are stale; those that were there. Waits for a batch being applied."""
        with self.lock:
            return {key: p for key in keys if (p := self._partitions.pop(key, None)) is not None}

    def get(self, key: TopicPartitionKey) -> Partition | None:
        """An owned partition."""
        return self._partitions.get(key)

    def epoch(self, key: TopicPartitionKey) -> int | None:
        """The present epoch of a partition; None when it is not owned."""
        partition = self._partitions.get(key)
        return None if partition is None else partition.epoch

    def items(self) -> list[tuple[TopicPartitionKey, Partition]]:
        """All owned partitions, in no order; a copy that any thread may take."""
        return list(self._partitions.items())

    def loading(self) -> list[TopicPartitionKey]:
        """The partitions owned that cannot be read yet."""
        return [key for key, partition in self.items() if not partition.ready]

    def lag(self) -> dict[TopicPartitionKey, int]:
        """Rows between what was read and the log's end when last asked, per partition being read."""
        return {
            key: max(0, partition.high - partition.next)
            for key, partition in self.items()
            if partition.ready and partition.high >= 0
        }

    def ready(self) -> list[TopicPartitionKey]:
        """Those being read."""
        return [key for key, partition in self.items() if partition.ready]


def offset_of(message: Message) -> int:
    """The offset of a consumed message."""
    offset = message.offset()
    assert offset is not None  # noqa: S101 - a consumed message has one
    return offset


def key_of(message: Message) -> TopicPartitionKey:
    """Topic and partition of a consumed message, or of an error about one (partition -1: about none)."""
    partition = message.partition()
    return message.topic() or "", -1 if partition is None else partition
