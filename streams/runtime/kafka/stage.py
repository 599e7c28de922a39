"""What a source and the stage behind it agree on: batches, positions, and who may do what in which thread.

The stage's own position is the offset: the source never reads a partition before `position` is known and reads
it from there. Offsets of a partition arrive in order, each once per assignment. A batch may be applied only while
`Source.current(batch)` holds under `Source.lock`; after a partition is given up its batches are stale for good.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from confluent_kafka import Message

from streams.runtime.kafka.client import TopicPartitionKey

Headers = list[tuple[str, bytes | None]] | None


@dataclass(slots=True)
class Batch:
    """Messages of one partition in offset order, possibly none.

    `end` is the offset after this batch (past trailing holes of the log, where there are any). `caught_up`: at
    `read_ms` (wall clock, ms) the log ended at `end`. `epoch` names the assignment; `size_bytes` counts values.
    """

    topic: str
    partition: int
    epoch: int
    messages: list[Message]
    end: int
    caught_up: bool
    read_ms: int
    size_bytes: int = 0

    @property
    def key(self) -> TopicPartitionKey:
        """Topic and partition."""
        return self.topic, self.partition

    def offsets(self) -> Sequence[int]:
        """The offset of each message; a message that was read has one."""
        messages = self.messages
        if not messages:
            return range(0)
        first, last = cast("int", messages[0].offset()), cast("int", messages[-1].offset())
        if last - first == len(messages) - 1:
            return range(first, last + 1)  # no holes, as nearly always
        return [cast("int", message.offset()) for message in messages]

    # Unbound methods, mapped: half the time of a call written out for each message.

    def values(self) -> list[bytes | None]:
        """The value of each message."""
        return cast("list[bytes | None]", list(map(Message.value, self.messages)))

    def keys(self) -> list[bytes | None]:
        """The key of each message."""
        return cast("list[bytes | None]", list(map(Message.key, self.messages)))

    def timestamps(self) -> list[int]:
        """The timestamp of each message, ms; -1 when the broker has none."""
        return [ms if kind else -1 for kind, ms in map(Message.timestamp, self.messages)]

    def headers(self) -> list[Headers]:
        """The headers of each message; a message that was read has them as a list."""
        return [cast("Headers", message.headers()) for message in self.messages]

    def __len__(self) -> int:
        return len(self.messages)


class Stage(Protocol):
    """What a source asks of the state it feeds."""

    def position(self, tp: TopicPartitionKey) -> int | None:
        """The next offset to read if the state is in memory; None sends the partition to `load`. Any thread."""

    def load(self, tps: list[TopicPartitionKey]) -> None:
        """Bring the state of these into memory; `position` is known afterwards.

        May block as long as it takes; runs in a loader thread, different partitions possibly at once.
        """

    def revoked(self, tps: list[TopicPartitionKey], lost: bool) -> None:
        """These are about to be given up (`lost`: they already were). Poll thread; be done within seconds."""

    def lost_rows(self, tp: TopicPartitionKey, wanted: int, low: int) -> None:
        """The log begins at `low`, above the position `wanted`: declare `[wanted, low)` skipped or raise StateError.

        Poll thread, while no batch of the partition is out. The partition goes on at `low`.
        """


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a source. What happens at each: it stops reading (and keeps its membership) until there is room."""

    max_batches: int = 32  # batches out with the stage
    max_rows: int = 120_000  # rows out with the stage
    max_bytes: int = 96 << 20  # bytes of their values
    max_partition_rows: int = 40_000  # rows of one partition out: beyond it the others have their turn
    poll_rows: int = 5_000  # rows of one poll, and so of one batch
    queue_kib: int = 16_384  # what librdkafka fetches ahead
    fetch_min_bytes: int = 65_536  # a fetch waits for so much
    fetch_wait_ms: int = 50  # but not longer than this
    first_wait_s: float = 0.5  # an idle poll
    more_wait_s: float = 0.005  # how long a poll collects after its first row
    grace_s: float = 0.2  # how long a full stage is waited for before its partitions are paused
    end_check_s: float = 1.0  # how often the ends of partitions are asked for, with `at_end`
    lag_check_s: float = 5.0  # the same without it, for lag and stall
    stall_s: float = 10.0  # a partition silent for so long although its log goes on is restarted
    truncated_s: float = 5.0  # a log that ends below the position for so long was truncated
    session_ms: int = 6_000  # a dead worker's partitions move after this
    heartbeat_ms: int = 300  # how fast a rebalance is noticed
    loaders: int = 4  # partitions loaded at once
    load_at_once: int = 1  # partitions in one call of `Stage.load`


LOG_LIMITS = Limits(poll_rows=40, fetch_min_bytes=1, fetch_wait_ms=200)
"""Records of the logs hold thousands of rows: fewer of them at once, so that ticks and signals have their turn. They
come in bursts at the tick, and each is waited for."""


@dataclass(slots=True)
class Stats:
    """What a source counted since its start."""

    batches: int = 0
    rows: int = 0
    rebalances: int = 0
    away: bool = True  # no word of the group since the start, or since it gave our partitions to others
    restarts: int = 0  # partitions read again from their position
    paused: int = 0  # times everything was paused because the stage was full
    held: int = 0  # times one partition was paused so that the others have their turn
    stale: int = 0  # messages of partitions that were given up meanwhile
    jumps: int = 0  # jumps of offsets that had to be confirmed
    lost_rows: int = 0  # rows that retention deleted before they were read
