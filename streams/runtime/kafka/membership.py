"""What a source does when the group gives it partitions and takes them away. Poll thread, inside `consume`.

A partition that comes is answered for at once and read only when its state is loaded. One that goes makes its
batches stale first, then the stage is told, then its commits go out, then it leaves librdkafka's assignment.
"""

import time
from collections.abc import Callable

from confluent_kafka import Consumer, TopicPartition

from streams.runtime.errors import InternalError
from streams.runtime.kafka.assignment import Assignment
from streams.runtime.kafka.client import Log
from streams.runtime.kafka.commits import Commits
from streams.runtime.kafka.fetching import Fetching
from streams.runtime.kafka.loader import Loader
from streams.runtime.kafka.stage import Limits, Stage, Stats


class Membership:
    """The rebalance callbacks, and the loads they ask for."""

    def __init__(
        self,
        name: str,
        stage: Stage,
        assignment: Assignment,
        fetching: Fetching,
        commits: Commits,
        *,
        stats: Stats,
        limits: Limits,
        log: Log,
        fail: Callable[[BaseException], None],
    ) -> None:
        self._name, self._stage, self._assignment, self._fetching = name, stage, assignment, fetching
        self._commits, self._stats, self._log = commits, stats, log
        self.silent = False  # after a failure the stage is not told any more: it must write nothing
        self.loader = Loader(
            name, stage.load, lambda key, epoch: assignment.epoch(key) == epoch, fail,
            limits.loaders, limits.load_at_once,
        )  # fmt: skip

    def assigned(self, consumer: Consumer, tps: list[TopicPartition]) -> None:
        """The group gives partitions; with the protocol `classic` also when it gives none."""
        self._stats.rebalances += 1
        self._stats.away = False
        now = []
        for tp in tps:
            key = (tp.topic, tp.partition)
            partition = self._assignment.add(key, time.monotonic())
            # A load for an earlier epoch may have found what another worker has gone beyond meanwhile.
            position = None if self.loader.busy_with(key) else self._stage.position(key)
            if position is None:
                self.loader.put(key, partition.epoch)
            else:
                now.append((key, partition, position))
        self._log.info("partitions assigned", source=self._name, count=len(tps), loading=len(tps) - len(now))
        consumer.incremental_assign([])  # answers the rebalance, also when every partition has to be loaded first
        self._fetching.begin(now)

    def revoked(self, consumer: Consumer, tps: list[TopicPartition]) -> None:
        """The group takes partitions, and waits until this returns."""
        self._give_up(consumer, tps, lost=False)

    def lost(self, consumer: Consumer, tps: list[TopicPartition]) -> None:
        """The group has given these to others already."""
        self._stats.away = True
        self._give_up(consumer, tps, lost=True)

    def finish_loads(self) -> None:
        """Begin to read what was loaded since the last call."""
        parts = []
        for key, epoch in self.loader.finished():
            partition = self._assignment.get(key)
            if partition is None:
                self._stage.revoked([key], lost=True)  # given up while it was loading
            elif partition.epoch == epoch:
                position = self._stage.position(key)
                if position is None:
                    raise InternalError(f"{self._name}: {key[0]}[{key[1]}] has no position after it was loaded")
                parts.append((key, partition, position))
        self._fetching.begin(parts)

    def _give_up(self, consumer: Consumer, tps: list[TopicPartition], *, lost: bool) -> None:
        self._stats.rebalances += 1
        dropped = self._assignment.drop((tp.topic, tp.partition) for tp in tps)
        mine = [key for key, partition in dropped.items() if partition.ready]
        self._log.info("partitions given up", source=self._name, count=len(tps), lost=lost)
        if mine and not self.silent:
            self._stage.revoked(mine, lost=lost)
            if not lost:
                self._commits.send(consumer, self._assignment, also=mine)
        self._fetching.leave(mine)
