"""How partitions enter and leave librdkafka's assignment, and how they are held back. Poll thread only.

A partition enters at a known offset and never otherwise: nothing is assigned first and positioned afterwards. It is
restarted by unassign and assign, which works in every state of the fetch; seek does not. Pausing only holds back.
"""

import time
from collections.abc import Iterable, Sequence

from confluent_kafka import Consumer, TopicPartition

from streams.runtime.kafka.assignment import Assignment, Partition
from streams.runtime.kafka.client import TopicPartitionKey
from streams.runtime.kafka.stage import Stats


class Fetching:
    """What the consumer fetches: assigned and not held back."""

    def __init__(self, consumer: Consumer, assignment: Assignment, stats: Stats) -> None:
        self._consumer, self._assignment, self._stats = consumer, assignment, stats
        self._held: set[TopicPartitionKey] = set()
        self._ahead: frozenset[TopicPartitionKey] = frozenset()  # as the stage wants it; may name others' partitions
        self.paused = False

    def begin(self, parts: Iterable[tuple[TopicPartitionKey, Partition, int]]) -> None:
        """Read these partitions from these offsets."""
        tps = []
        for key, partition, position in parts:
            partition.next, partition.ready = position, True
            partition.restarted(time.monotonic())
            tps.append(TopicPartition(*key, position))
        if tps:
            self._consumer.incremental_assign(tps)
            self._hold_or_let_go([(tp.topic, tp.partition) for tp in tps])

    def restart(self, key: TopicPartitionKey, partition: Partition) -> None:
        """Read a partition again from its `next`."""
        self._stats.restarts += 1
        self._consumer.incremental_unassign([TopicPartition(*key)])
        self._consumer.incremental_assign([TopicPartition(*key, partition.next)])
        partition.restarted(time.monotonic())
        self._hold_or_let_go([key])

    def leave(self, keys: Sequence[TopicPartitionKey]) -> None:
        """Read these no longer. An empty list answers a rebalance too."""
        self._held.difference_update(keys)
        self._consumer.incremental_unassign([TopicPartition(*key) for key in keys])

    def hold(self, key: TopicPartitionKey) -> None:
        """Hold one partition back so that the others have their turn."""
        if key not in self._held:
            self._held.add(key)
            self._stats.held += 1
            if not self.paused and key not in self._ahead:
                self._pause([key])

    def hold_ahead(self, keys: frozenset[TopicPartitionKey]) -> None:
        """Hold just these back because they are ahead of others in event time."""
        before, self._ahead = self._ahead, keys
        if before != keys and not self.paused:
            ready = {key for key in self._assignment.ready() if key not in self._held}
            self._pause(sorted((keys - before) & ready))
            self._resume(sorted((before - keys) & ready))
        for key in before - keys:
            if (partition := self._assignment.get(key)) is not None:
                partition.seen_s = time.monotonic()  # its silence was ours

    def holds(self, key: TopicPartitionKey) -> bool:
        """Whether a partition is held back, by itself or with all."""
        return self.paused or key in self._held or key in self._ahead

    def let_go(self, below_rows: int) -> None:
        """Read the held partitions again that have fewer rows out than this."""
        go = []
        for key in list(self._held):
            partition = self._assignment.get(key)
            if partition is None or partition.rows < below_rows:
                self._held.discard(key)
                if partition is not None and partition.ready and key not in self._ahead:
                    go.append(key)
        if go and not self.paused:
            self._resume(go)

    def pause_all(self) -> None:
        """Hold everything back, and what comes."""
        self.paused = True
        self._pause(self._assignment.ready())

    def resume_all(self) -> None:
        """Read everything again that is not held by itself."""
        self.paused = False
        self._resume([key for key in self._assignment.ready() if not self.holds(key)])

    def _hold_or_let_go(self, keys: Sequence[TopicPartitionKey]) -> None:
        """Pause what is to be held of these, and resume the rest.

        librdkafka remembers a pause beyond the assignment: who left while everything was paused would come back silent.
        """
        self._pause([key for key in keys if self.holds(key)])
        self._resume([key for key in keys if not self.holds(key)])

    def _pause(self, keys: Sequence[TopicPartitionKey]) -> None:
        if keys:
            self._consumer.pause([TopicPartition(*key) for key in keys])

    def _resume(self, keys: Sequence[TopicPartitionKey]) -> None:
        if keys:
            self._consumer.resume([TopicPartition(*key) for key in keys])
