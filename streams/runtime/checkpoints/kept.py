"""What a stage sees of checkpoints: where a partition goes on from, and how its state is kept from now on."""

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from streams.runtime.checkpoints.cache import Cache
from streams.runtime.checkpoints.kinds import StateKind
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
    """The checkpoints of one stage."""

    def __init__(self, kind: StateKind[T], parts: "Checkpoints") -> None:
        self._kind, self._parts = kind, parts
        self._recovery = Recovery(
            kind, parts.config, self._lineage, parts.store, parts.cache, telemetry=parts.telemetry, log=parts.log
        )

    def restore(self, partition: int, memory: int | None, told: int, *, anew: bool = False) -> Restored[T]:
        """The state to go on with: see `Recovery.restore`."""
        return self._recovery.restore(partition, memory, told, anew=anew)

    def due(self, size_bytes: int = 0) -> Due:
        """When checkpoints of a partition that begins now are due."""
        return Due(self._parts.config.run.checkpoint_interval_ms / 1000, monotonic_s(), size_bytes)

    def take(self, partition: int, state: T, position: int, record: bytes, due: Due) -> Callable[[], None] | None:
        """If one is due: take a checkpoint of a state as it is now; call the result once all it tells is safe.

        `record` is the one before `position`. The state may change as soon as this returns.
        """
        now_s = monotonic_s()
        if not due.now(now_s) or self._parts.writer.pending(self._kind.stage, partition):
            return None
        due.taken(now_s)
        kind, parts = self._kind, self._parts
        checkpoint = CheckpointId(kind.stage, partition, position, parts.name)
        log = parts.config.topic(kind.log), partition
        dump = Dump(checkpoint, log, self._lineage(), record, kind.dump(state), due.written)
        return lambda: parts.writer.put(dump)

    def _lineage(self) -> Lineage:
        return self._kind.lineage(self._parts.config, self._parts.topic_id)


class Checkpoints:
    """What all stages of a worker share. `topic_id` tells the id of a topic by name."""

    def __init__(
        self,
        config: Config,
        name: str,
        producer: Producer,
        topic_id: Callable[[str], str],
        *,
        telemetry: Telemetry,
        log: Log,
        fail: Callable[[BaseException], None],
    ) -> None:
        """`name` is the worker's; `producer` waits for any length of time."""
        self.config, self.name, self.telemetry, self.log = config, name, telemetry, log
        self._producer, self.topic_id = producer, topic_id
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
