"""How a worker writes checkpoints and goes on from them: `streams.runtime.checkpoints` over lists, step by step.

What is a checkpoint, which are kept and what may go are the product's own rules. The order of things is told again
here, so that the world can go on between any two steps: chunks, manifest, tombstones and trimming on the one side;
bounds of the log, the cache, the topic and the record on the other.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import msgspec

from streams.runtime.checkpoints.rules import (
    MANIFEST,
    CheckpointId,
    Lineage,
    Manifest,
    digest,
    newest_first,
    obsolete,
    trim_to,
)
from streams.runtime.checkpoints.store import Found
from streams.runtime.stages.acknowledged import Acknowledged
from tests.simulation.logs import Broker, Log, Place, Producer, SimulationError

CHUNKS = 3
"""Chunks of a checkpoint, about."""

TAIL = 12
"""Offsets before the end of the topic that are looked at first."""

LINEAGE = Lineage("log", "simulation")
LOG_OF = {"join": "ledger", "judge": "tallies"}
State = Mapping[str, Any]
Candidate = tuple[Manifest, Mapping[int, bytes]]
Disk = dict[Place, Candidate]
"""The newest checkpoint of each stage and partition that a host has on its disk."""


class Refused(Exception):  # noqa: N818 - it is what a worker says as it ends
    """StateError: the worker ends, and another begins in its place."""


@dataclass(frozen=True, slots=True)
class Dump:
    """A state to be written."""

    id: CheckpointId
    record: bytes
    chunks: list[bytes]
    written_ms: int

    @property
    def manifest(self) -> Manifest:
        """What makes its chunks a checkpoint."""
        i, size = self.id, sum(map(len, self.chunks))
        return Manifest(
            i.stage, i.partition, i.position, i.writer, tuple(map(digest, self.chunks)), size,
            LINEAGE.log_id, LINEAGE.config, digest(self.record), self.written_ms,
        )  # fmt: skip


def fits(manifest: Manifest, log: Log) -> bool:
    """Whether the log has the record that the checkpoint was made behind."""
    return digest(log.at(manifest.position - 1) or b"") == manifest.record_hash


def check_reach(position: int, low: int) -> None:
    """A state must not lie below where its log began already before the state was chosen."""
    if position < low:
        raise SimulationError(f"a worker goes on from {position}, but the log begins at {low}")


def pack(state: State) -> list[bytes]:
    """The chunks of a state, a few for any size."""
    data = msgspec.msgpack.encode(state)
    size = len(data) // CHUNKS + 1
    return [data[begin : begin + size] for begin in range(0, len(data), size)]


@dataclass(slots=True)
class CheckpointWriter:
    """`CheckpointWriter`: one dump after the other, of each place the newest that waits."""

    broker: Broker
    producer: Producer
    disk: Disk
    waiting: dict[Place, Dump] = field(default_factory=dict)
    busy: Place | None = None
    known: dict[Place, Found] = field(default_factory=dict)
    step: Iterator[None] | None = None
    acknowledged: bool = True

    def put(self, dump: Dump) -> None:
        """Write this soon."""
        self.waiting[dump.id.stage, dump.id.partition] = dump

    def pending(self, place: Place) -> bool:
        """Whether a checkpoint of this place waits or is being written."""
        return place in self.waiting or self.busy == place

    def turn(self, rng: Random | None) -> None:
        """Go on with what can go on."""
        while (self.step is not None or self.waiting) and self.acknowledged and (rng is None or rng.random() < 0.8):
            if self.step is None:
                self.busy = next(iter(self.waiting))
                self.step = self.write(self.waiting.pop(self.busy))
            if next(self.step, self) is self:
                self.step = self.busy = None

    def write(self, dump: Dump) -> Iterator[None]:
        """All steps of one checkpoint; each begins when what was sent before is acknowledged."""
        self.send(dump.id, enumerate(dump.chunks))
        yield
        manifest = dump.manifest
        self.send(dump.id, [(MANIFEST, msgspec.json.encode(manifest))])
        yield
        self.broker.happened["checkpoints written"] += 1
        self.broker.written.append(manifest)
        self.disk[dump.id.stage, dump.id.partition] = manifest, dict(enumerate(dump.chunks))
        yield
        self.tidy(dump.id, manifest)

    def tidy(self, new: CheckpointId, manifest: Manifest) -> None:
        """Remove what is below the two newest, and trim the log."""
        place = new.stage, new.partition
        topic = self.broker.checkpoints[new.partition]
        if place not in self.known:  # read once; what others write later is not seen
            self.known[place] = topic.found(*place, topic.end)
        known = self.known[place]
        known.manifests[new] = manifest
        known.parts[new] = {*range(len(manifest.chunks)), MANIFEST}
        for old in self.obsolete(known):
            tombstones = sorted(known.parts.pop(old), key=lambda part: part != MANIFEST)
            known.manifests.pop(old, None)
            for part in tombstones:
                self.producer.keep(old.partition, old.key(part), None, lambda _: None)
        before = self.trim_to(known)
        if before is not None and before > 0:
            self.broker.logs[LOG_OF[new.stage], new.partition].trim(before)

    def obsolete(self, known: Found) -> set[CheckpointId]:
        """What goes."""
        return obsolete(known.parts, known.manifests.values(), LINEAGE)

    def trim_to(self, known: Found) -> int | None:
        """Where the log begins from now on."""
        return trim_to(known.manifests.values(), LINEAGE)

    def send(self, checkpoint: CheckpointId, parts: Iterable[tuple[int | str, bytes]]) -> None:
        """Put parts on their way."""
        book = Acknowledged()
        self.acknowledged = False
        for part, value in parts:
            self.producer.keep(checkpoint.partition, checkpoint.key(part), value, book.sending())
        book.mark(self._arrived)

    def _arrived(self) -> None:
        self.acknowledged = True


@dataclass(slots=True)
class Recovery:
    """`Recovery` of one stage's partition: where it goes on."""

    broker: Broker
    disk: Disk
    stage: str
    partition: int
    young: bool
    load: Callable[[State], Any]

    @property
    def log(self) -> Log:
        """The log that is folded."""
        return self.broker.logs[LOG_OF[self.stage], self.partition]

    def restore(self, memory: int | None, told: int) -> Generator[None, None, Any]:
        """The state to go on with; None is the one in memory, and 0 the one before the first record.

        Raises Refused when what was read is gone meanwhile, SimulationError when counts are lost.
        """
        low, high = self.log.low, self.log.end
        yield
        if memory is not None and max(low, told) <= memory <= high:
            self.broker.happened["states kept in memory"] += 1
            return None
        for candidate in self.candidates(memory if memory and memory >= low else 0):
            if candidate is None:
                yield
                continue
            state = self.take(*candidate, low, high)
            if state is not None:
                self.broker.happened["states restored"] += 1
                return state
        if memory is not None and memory >= low:
            return None
        if low == 0:
            self.broker.happened["states from the log's start"] += 1
            return 0
        if self.lost():
            raise SimulationError(f"{self.stage} {self.partition}: the log begins at {low}, and there is no checkpoint")
        raise Refused("what was found was trimmed meanwhile")

    def candidates(self, above: int) -> Iterator[Candidate | None]:
        """Checkpoints above a position; None where time passes."""
        tried: set[CheckpointId] = set()
        cached = self.disk.get((self.stage, self.partition))
        if self.young and cached is not None and cached[0].of(LINEAGE) and cached[0].position > above:
            tried.add(cached[0].id)
            yield cached
        for back in (TAIL, None):
            topic = self.broker.checkpoints[self.partition]
            end = topic.end
            yield None
            found = topic.found(self.stage, self.partition, end, 0 if back is None else end - back)
            yield None
            for manifest in newest_first(found.manifests.values(), LINEAGE):
                chunks = found.chunks.get(manifest.id, {})
                cut_off = back is not None and not manifest.whole(chunks)
                if manifest.position > above and manifest.id not in tried and not cut_off:
                    tried.add(manifest.id)
                    yield manifest, chunks

    def take(self, manifest: Manifest, chunks: Mapping[int, bytes], low: int, high: int) -> Any:
        """The state of a checkpoint; None when it is torn, damaged, or of another log."""
        if not manifest.whole(chunks) or not low < manifest.position <= high or not fits(manifest, self.log):
            self.broker.happened["checkpoints passed over"] += 1
            return None
        return self.load(msgspec.msgpack.decode(b"".join(chunks[n] for n in range(len(chunks))), strict=False))

    def lost(self) -> bool:
        """Whether nothing is left to go on from, for anybody who begins now."""
        log, topic = self.log, self.broker.checkpoints[self.partition]
        found = topic.found(self.stage, self.partition, topic.end)
        good = (m for m in newest_first(found.manifests.values(), LINEAGE) if m.whole(found.chunks.get(m.id, {})))
        return log.low > 0 and not any(log.low < m.position <= log.end and fits(m, log) for m in good)
