"""Writes checkpoints, one after the other, in a thread of its own.

Chunks, then the manifest, then what became obsolete is removed and the log is trimmed. Order is all: the manifest is
sent when every chunk is acknowledged, and nothing is removed before the manifest is. A crash at any point leaves the
two newest checkpoints that were there. Packing and compressing hold nobody up.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from streams.runtime.checkpoints.cache import Cache
from streams.runtime.checkpoints.pack import pack
from streams.runtime.checkpoints.rules import (
    MANIFEST,
    CheckpointId,
    Lineage,
    Manifest,
    digest,
    obsolete,
    trim_to,
)
from streams.runtime.checkpoints.store import Found, Store
from streams.runtime.clock import monotonic_s, wall_ms
from streams.runtime.errors import NotPermittedError, TopicError, UnavailableError
from streams.runtime.kafka.client import Log, TopicPartitionKey
from streams.runtime.kafka.producer import Producer
from streams.runtime.kafka.topics import Topics
from streams.runtime.telemetry import Count, Level, Spread, Telemetry

Place = tuple[str, int]
"""Stage and partition."""

_LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Dump:
    """A state to be written: which, of what log (`log`: topic and partition), behind which record."""

    id: CheckpointId
    log: TopicPartitionKey
    lineage: Lineage
    record: bytes
    state: Mapping[str, Any]
    done: Callable[[int], None]  # hears the size in bytes when it is safe


@dataclass(slots=True)
class _Known:
    """What is in the topic of one place, as far as this writer knows: manifests, and every part by checkpoint."""

    manifests: dict[CheckpointId, Manifest] = field(default_factory=dict)
    parts: dict[CheckpointId, set[int | str]] = field(default_factory=dict)


class CheckpointWriter:
    """The queue of dumps and the thread that writes them. Of each place the newest waiting dump counts."""

    def __init__(
        self,
        producer: Producer,
        store: Store,
        cache: Cache,
        topics: Topics,
        *,
        telemetry: Telemetry,
        log: Log,
        fail: Callable[[BaseException], None],
    ) -> None:
        self._producer, self._store, self._cache, self._topics = producer, store, cache, topics
        self._telemetry, self._log, self._fail = telemetry, log, fail
        self._known: dict[Place, _Known] = {}
        self._waiting: dict[Place, Dump] = {}
        self._busy: Place | None = None
        self._more = threading.Condition()
        self._stopping = threading.Event()
        self._trims = True
        self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def put(self, dump: Dump) -> None:
        """Write this soon. Any thread."""
        with self._more:
            self._waiting[dump.id.stage, dump.id.partition] = dump
            self._more.notify()

    def pending(self, stage: str, partition: int) -> bool:
        """Whether a checkpoint of this place is waiting or being written: another one would only be in its way."""
        return (stage, partition) in self._waiting or self._busy == (stage, partition)

    def stop(self) -> None:
        """Write nothing more. What is half written stays as it is: it has no manifest and counts for nothing."""
        self._stopping.set()
        with self._more:
            self._more.notify()

    def _run(self) -> None:
        try:
            while (dump := self._next()) is not None:
                self._write(dump)
                self._busy = None
        except BaseException as error:  # noqa: BLE001 - whatever it is, the worker ends with it
            if not self._stopping.is_set():
                self._fail(error)

    def _next(self) -> Dump | None:
        with self._more:
            while not self._waiting and not self._stopping.is_set():
                self._more.wait()
            if self._stopping.is_set():
                return None
            place = next(iter(self._waiting))
            self._busy = place
            return self._waiting.pop(place)

    def _write(self, dump: Dump) -> None:
        began_s = monotonic_s()
        checkpoint = dump.id
        chunks = pack(dump.state)
        parts: list[tuple[int | str, bytes]] = list(enumerate(chunks))
        if not self._send(checkpoint, parts):
            return
        manifest = Manifest(
            checkpoint.stage, checkpoint.partition, checkpoint.position, checkpoint.writer,
            tuple(map(digest, chunks)), sum(map(len, chunks)), dump.lineage.log_id, dump.lineage.config,
            digest(dump.record), wall_ms(),
        )  # fmt: skip
        if not self._send(checkpoint, [(MANIFEST, msgspec.json.encode(manifest))]):
            return
        self._cache.save(manifest, chunks)
        dump.done(manifest.size_bytes)
        self._tell(manifest, monotonic_s() - began_s)
        self._tidy(dump, manifest)

    def _tell(self, manifest: Manifest, took_s: float) -> None:
        labels: dict[str, str | int] = {"stage": manifest.stage, "partition": manifest.partition}
        self._telemetry.count(Count.CHECKPOINTS, stage=manifest.stage)
        self._telemetry.observe(Spread.CHECKPOINT, took_s, stage=manifest.stage)
        self._telemetry.set(Level.CHECKPOINT_BYTES, manifest.size_bytes, **labels)
        self._telemetry.set(Level.CHECKPOINT_TIME, manifest.written_ms / 1000, **labels)
        self._log.info(
            "a checkpoint was written", stage=manifest.stage, partition=manifest.partition, position=manifest.position,
            bytes=manifest.size_bytes, took_s=round(took_s, 2),
        )  # fmt: skip

    def _tidy(self, dump: Dump, manifest: Manifest) -> None:
        """Remove what is below the two newest, and trim the log."""
        known = self._learn(dump.id)
        if known is None:
            return  # without knowing what is there nothing is removed; the next checkpoint tries again
        known.manifests[dump.id] = manifest
        known.parts[dump.id] = {*range(len(manifest.chunks)), MANIFEST}
        for old in obsolete(known.parts, known.manifests.values(), dump.lineage):
            # the manifest goes first: what has none is no checkpoint
            tombstones = sorted(known.parts.pop(old), key=lambda part: part != MANIFEST)
            known.manifests.pop(old, None)
            for part in tombstones:
                self._producer.send(self._store.topic, old.partition, None, key=old.key(part))
        before = trim_to(known.manifests.values(), dump.lineage)
        if before is not None and before > 0 and self._trims:
            self._trim(dump.log, before)

    def _learn(self, checkpoint: CheckpointId) -> _Known | None:
        """What the topic has of this place, read once; None when it cannot be read now."""
        place = checkpoint.stage, checkpoint.partition
        known = self._known.get(place)
        if known is None:
            try:
                found: Found = self._store.read(*place, chunks=False)
            except UnavailableError as error:
                self._log.info("old checkpoints could not be looked at; trying at the next", reason=str(error))
                return None
            known = self._known[place] = _Known(found.manifests, found.parts)
        return known

    def _trim(self, log: TopicPartitionKey, before: int) -> None:
        try:
            self._trims = self._topics.delete_records({log: before})
        except UnavailableError as error:
            self._log.info("a log could not be trimmed; trying at the next checkpoint", topic=log[0], why=str(error))
        except (NotPermittedError, TopicError) as error:
            self._trims = False
            self._log.warning("a log cannot be trimmed and grows", topic=log[0], why=str(error))

    def _send(self, checkpoint: CheckpointId, parts: list[tuple[int | str, bytes]]) -> bool:
        """Send these parts; whether all were acknowledged before the worker stopped. A broker may take any time."""
        left = len(parts)
        acknowledged = threading.Condition()

        def ack(_offset: int) -> None:
            nonlocal left
            with acknowledged:
                left -= 1
                acknowledged.notify()

        for part, value in parts:
            self._producer.send(self._store.topic, checkpoint.partition, value, key=checkpoint.key(part), on_ack=ack)
        with acknowledged:
            while left and not self._stopping.is_set():
                acknowledged.wait(_LOOK_S)
        return left == 0
