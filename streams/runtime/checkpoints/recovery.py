"""Where a partition goes on when it comes to a worker: in memory, from a checkpoint, or from the start of its log.

In this order:
1. the state in memory, if nobody got further meanwhile and the log still goes on from there;
2. the newest whole checkpoint of this log and configuration whose record is the one in the log; the cache's, when it
   is young, else the topic's, the older of the two kept if the newest is damaged; memory if that is higher;
3. the log, if it still begins at its first record;
4. of a judge: the newest whole checkpoint of this log with other windows, expected classes or bounds, adopted.
Else nothing is guessed: StateError says what is missing. Runs in loader threads and may block.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from streams.runtime.checkpoints.cache import Cache
from streams.runtime.checkpoints.kinds import StateKind
from streams.runtime.checkpoints.pack import unpack
from streams.runtime.checkpoints.rules import CheckpointId, Lineage, Manifest, digest, newest_adoptable, newest_first
from streams.runtime.checkpoints.store import Store
from streams.runtime.clock import monotonic_s, wall_ms
from streams.runtime.config.job import Config
from streams.runtime.errors import StateError
from streams.runtime.kafka.client import Log, TopicPartitionKey
from streams.runtime.kafka.partition_reader import PartitionReader
from streams.runtime.telemetry import Spread, Telemetry

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Restored(Generic[T]):
    """The state to go on with; None: the one in memory. `size_bytes` is that of its checkpoint, 0 without one.

    `adopted`: it was of other windows, and what it says first was not said before.
    """

    state: T | None
    size_bytes: int = 0
    adopted: bool = False


_TAIL = 64
"""Offsets before the end of the checkpoints topic that are looked at first: the newest checkpoint of most jobs."""


class UnusableError(Exception):
    """Why a checkpoint cannot be used."""


class Recovery(Generic[T]):
    """Finds the states of one stage. `lineage` is asked anew each time: topics are known only when the worker runs.

    A cached checkpoint younger than two intervals is taken without asking the topic for a newer one.
    """

    def __init__(
        self,
        kind: StateKind[T],
        config: Config,
        lineage: Callable[[], Lineage],
        store: Store,
        cache: Cache,
        *,
        telemetry: Telemetry,
        log: Log,
    ) -> None:
        self._kind, self._config, self._lineage = kind, config, lineage
        self._stage, self._topic = kind.stage, config.topic(kind.log)
        self._store, self._cache = store, cache
        self._telemetry, self._log = telemetry, log

    def restore(self, partition: int, memory: int | None, told: int, *, anew: bool = False) -> Restored[T]:
        """The state to go on with.

        `memory` is the position of the state in memory; `told` is how far others are known to have come. `anew`: what
        the state said was of another configuration meanwhile, so it must say everything again. Raises StateError when
        counts would be lost, UnavailableError when no broker answers.
        """
        tp = (self._topic, partition)
        with PartitionReader(self._config.client, f"{self._config.name}-restore") as reader:
            while True:
                low, high = reader.bounds(tp)
                restored = self._search(partition, memory, told, reader, (low, high), anew=anew)
                if restored is not None:
                    return restored
                # another worker may have kept a state and trimmed the log while this one was reading
                if reader.bounds(tp)[0] != low:
                    continue
                if low == 0:
                    return Restored(self._kind.fresh(self._config, partition))
                break
        raise StateError(
            f"{tp[0]}[{tp[1]}] begins at offset {low} and {self._store.topic} has no whole checkpoint at or above it "
            f"that fits this configuration: counts would be lost. `streams checkpoints --verify` says what is there; "
            f"to count again from the sources, give the job a new `name` and `prefix`"
        )

    def _search(
        self,
        partition: int,
        memory: int | None,
        told: int,
        reader: PartitionReader,
        bounds: tuple[int, int],
        *,
        anew: bool,
    ) -> Restored[T] | None:
        """What there is in memory and in checkpoints; None: nothing, the log has to do."""
        began_s, (low, high) = monotonic_s(), bounds
        if memory is not None and max(low, told) <= memory <= high:
            return Restored(None)
        for origin, manifest, chunks in self._candidates(partition, memory if memory and memory >= low else 0):
            state = self._from(manifest, chunks, reader, bounds, adopt=anew)
            if state is not None:
                self._tell(origin, manifest, high, began_s, adopted=anew)
                return Restored(state, manifest.size_bytes, adopted=anew)
        if memory is not None and memory >= low:
            return Restored(None)
        for manifest, chunks in self._adoptable(partition) if low else ():
            state = self._from(manifest, chunks, reader, bounds, adopt=True)
            if state is not None:
                self._tell("topic", manifest, high, began_s, adopted=True)
                return Restored(state, manifest.size_bytes, adopted=True)
        return None

    def _tell(self, origin: str, manifest: Manifest, high: int, began_s: float, *, adopted: bool) -> None:
        self._telemetry.observe(Spread.RESTORE, monotonic_s() - began_s, stage=self._stage)
        self._log.info(
            "a state was restored", origin=origin, stage=self._stage, partition=manifest.partition,
            position=manifest.position, behind=high - manifest.position, bytes=manifest.size_bytes,
            took_s=round(monotonic_s() - began_s, 2), adopted=adopted,
        )  # fmt: skip

    def _adoptable(self, partition: int) -> Iterator[tuple[Manifest, Mapping[int, bytes]]]:
        """Checkpoints of the same counts under another configuration, in the order in which they are worth trying."""
        if self._kind.adopt is not None:
            found = self._store.read(self._stage, partition, chunks=True)
            for manifest in newest_adoptable(found.manifests.values(), self._lineage()):
                yield manifest, found.chunks.get(manifest.id, {})

    def _candidates(self, partition: int, above: int) -> Iterator[tuple[str, Manifest, Mapping[int, bytes]]]:
        """Checkpoints above a position in the order in which they are worth trying."""
        lineage = self._lineage()
        tried: set[CheckpointId] = set()
        cached = self._cache.load(self._stage, partition)
        if cached is not None and cached[0].of(lineage) and cached[0].position > above:
            young_ms = 2 * self._config.run.checkpoint_interval_ms
            if wall_ms() - cached[0].written_ms < young_ms:
                tried.add(cached[0].id)
                yield "cache", *cached
        for back in (_TAIL, None):
            found = self._store.read(self._stage, partition, chunks=True, back=back)
            for manifest in newest_first(found.manifests.values(), lineage):
                chunks = found.chunks.get(manifest.id, {})
                cut_off = back is not None and not manifest.whole(chunks)
                if manifest.position > above and manifest.id not in tried and not cut_off:
                    tried.add(manifest.id)
                    yield "topic", manifest, chunks

    def _from(
        self,
        manifest: Manifest,
        chunks: Mapping[int, bytes],
        reader: PartitionReader,
        bounds: tuple[int, int],
        *,
        adopt: bool,
    ) -> T | None:
        """The state of a checkpoint; None when it cannot be used."""
        try:
            return usable(self._kind, self._config, manifest, chunks, reader, bounds, adopt=adopt)
        except UnusableError as error:
            self._log.warning(
                "a checkpoint is not used", stage=self._stage, partition=manifest.partition,
                position=manifest.position, writer=manifest.writer, why=str(error),
            )  # fmt: skip
            return None


def usable(
    kind: StateKind[T],
    config: Config,
    manifest: Manifest,
    chunks: Mapping[int, bytes],
    reader: PartitionReader,
    bounds: tuple[int, int],
    *,
    adopt: bool = False,
) -> T:
    """The state of a checkpoint. Raises UnusableError when it is torn, damaged, or not of this log (`bounds`).

    `adopt` takes one of another configuration with the same pins.
    """
    low, high = bounds
    load = kind.adopt if adopt and kind.adopt is not None else kind.load
    if not manifest.whole(chunks):
        raise UnusableError("chunks are missing or damaged")
    if not low < manifest.position <= high:
        raise UnusableError(f"the log has offsets {low} to {high}")
    tp = config.topic(kind.log), manifest.partition
    if digest(_record_before(reader, tp, manifest.position)) != manifest.record_hash:
        raise UnusableError("the log has another record before it")
    try:
        return load(config, manifest.partition, unpack([chunks[n] for n in range(len(manifest.chunks))]))
    except ValueError as error:
        raise UnusableError(str(error)) from error


def _record_before(reader: PartitionReader, tp: TopicPartitionKey, position: int) -> bytes:
    """The last record below a position; empty when it is not there."""
    for message in reader.records(tp, position - 1):
        return message.value() or b"" if message.offset() == position - 1 else b""
    return b""
