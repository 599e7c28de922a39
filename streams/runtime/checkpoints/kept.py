"""What a stage sees of checkpoints: where a partition goes on from, and how its state is kept from now on."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from streams.runtime.checkpoints.cache import Cache
from streams.runtime.checkpoints.recovery import Recovery, Restored
from streams.runtime.checkpoints.rules import CheckpointId, Due, Lineage
from streams.runtime.checkpoints.store import Store
from streams.runtime.checkpoints.writer import CheckpointWriter, Dump
from streams.runtime.clock import monotonic_s
from streams.runtime.config.job import Config
from streams.runtime.kafka.client import Log
from streams.runtime.kafka.producer import Producer
from streams.runtime.kafka.topics import Topics
from streams.runtime.telemetry import Telemetry

T = TypeVar("T")

MOVED_KEPT_S = 600.0
"""How long the state of a partition that moved away stays in memory in case it returns."""


class Kept(Generic[T]):
    """The checkpoints of one stage. `lineage` is asked anew each time: topics are known only when the worker runs."""

    def __init__(
        self,
        stage: str,
        log_topic: str,
        parts: "Checkpoints",
        *,
        fresh: Callable[[int], T],
        load: Callable[[int, Mapping[str, Any]], T],
        dump: Callable[[T], Mapping[str, Any]],
        lineage: Callable[[], Lineage],
    ) -> None:
        self._stage, self._topic, self._parts, self._dump, self._lineage = stage, log_topic, parts, dump, lineage
        self._recovery = Recovery(
            stage, log_topic, parts.config.client,
            fresh=fresh, load=load, lineage=lineage, store=parts.store, cache=parts.cache,
            young_ms=2 * parts.config.run.checkpoint_interval_ms, telemetry=parts.telemetry, log=parts.log,
        )  # fmt: skip

    def restore(self, partition: int, memory: int | None, told: int) -> Restored[T]:
        """The state to go on with: see `Recovery.restore`."""
        return self._recovery.restore(partition, memory, told)

    def due(self, size_bytes: int = 0) -> Due:
        """When checkpoints of a partition that begins now are due."""
        return Due(self._parts.config.run.checkpoint_interval_ms / 1000, monotonic_s(), size_bytes)

    def take(self, partition: int, state: T, position: int, record: bytes, due: Due) -> Callable[[], None] | None:
        """If one is due: take a checkpoint of a state as it is now; call the result once all it tells is safe.

        `record` is the one before `position`. The state may change as soon as this returns.
        """
        now_s = monotonic_s()
        if not due.now(now_s) or self._parts.writer.pending(self._stage, partition):
            return None
        due.taken(now_s)

        def done(size_bytes: int) -> None:
            due.size_bytes = size_bytes

        dump = Dump(
            CheckpointId(self._stage, partition, position, self._parts.name), (self._topic, partition),
            self._lineage(), record, self._dump(state), done,
        )  # fmt: skip
        return lambda: self._parts.writer.put(dump)


class Checkpoints:
    """Everything about checkpoints of one worker; `of` makes the view of a stage."""

    def __init__(
        self,
        config: Config,
        name: str,
        producer: Producer,
        *,
        telemetry: Telemetry,
        log: Log,
        fail: Callable[[BaseException], None],
    ) -> None:
        """`name` is the worker's; `producer` waits for any length of time."""
        self.config, self.name, self.telemetry, self.log = config, name, telemetry, log
        self._producer = producer
        folder = config.run.cache_dir
        self.store = Store(config.client, config.name, config.topic("checkpoints"))
        self.cache = Cache(None if folder is None else Path(folder), config.name, log)
        topics = Topics(config.client)
        self.writer = CheckpointWriter(
            producer, self.store, self.cache, topics, telemetry=telemetry, log=log, fail=fail
        )

    def close(self) -> None:
        """Write nothing more; what is half written counts for nothing."""
        self.writer.stop()
        self._producer.close(0.2)
