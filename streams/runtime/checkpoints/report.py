"""What checkpoints are there, and would a worker take them? For people; nothing is changed."""

from dataclasses import dataclass
from typing import Any, Literal

from streams.runtime.checkpoints.kinds import JOIN, JUDGE, StateKind
from streams.runtime.checkpoints.recovery import UnusableError, usable
from streams.runtime.checkpoints.rules import MANIFEST, CheckpointId, Lineage, Manifest
from streams.runtime.checkpoints.store import Found, Store
from streams.runtime.config.job import Config
from streams.runtime.kafka.partition_reader import PartitionReader
from streams.runtime.kafka.topics import Topics

State = Literal["whole", "verified", "torn", "foreign", "unusable"]
"""`verified`: read and loaded as a worker would; `whole` without that. `torn`: its writer did not finish it.
`foreign`: of another log, configuration or format. `unusable`: `why` says what a worker would say."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One checkpoint in the topic; `size_bytes` and `written_ms` are None where there is no manifest."""

    id: CheckpointId
    state: State
    chunks: int
    size_bytes: int | None
    written_ms: int | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """The checkpoints of one partition of a stage, the highest position first, and the bounds of its log."""

    stage: str
    partition: int
    log_begins: int
    log_ends: int
    checkpoints: tuple[Checkpoint, ...]

    @property
    def safe(self) -> bool:
        """Whether a worker that remembers nothing can go on: from a checkpoint, or from the log's first record."""
        good = any(c.state in {"whole", "verified"} for c in self.checkpoints)
        return self.log_begins == 0 or good


def look(config: Config, *, verify: bool) -> list[Place]:
    """Every place of the job. With `verify` every checkpoint is read and loaded as a worker would."""
    kinds: tuple[StateKind[Any], ...] = (JOIN, JUDGE)
    ids = Topics(config.client).topic_ids(config.topic(kind.log) for kind in kinds)
    store = Store(config.client, config.name, config.topic("checkpoints"))
    places = []
    with PartitionReader(config.client, f"{config.name}-look") as reader:
        for kind in kinds:
            lineage = kind.lineage(config, ids.__getitem__)
            for partition in range(kind.partitions(config)):
                bounds = reader.bounds((config.topic(kind.log), partition))
                found = store.read(kind.stage, partition, chunks=verify)
                checkpoints = [_torn(checkpoint, found) for checkpoint in found.parts.keys() - found.manifests.keys()]
                for manifest in found.manifests.values():
                    state, why = _state(manifest, lineage, bounds)
                    if verify and state == "whole":
                        state, why = _verified(kind, config, manifest, found, reader, bounds)
                    size, written_ms = manifest.size_bytes, manifest.written_ms
                    checkpoints.append(Checkpoint(manifest.id, state, len(manifest.chunks), size, written_ms, why))
                checkpoints.sort(key=lambda c: c.id.position, reverse=True)
                places.append(Place(kind.stage, partition, *bounds, tuple(checkpoints)))
    return places


def _torn(checkpoint: CheckpointId, found: Found) -> Checkpoint:
    why = "its manifest is damaged" if checkpoint in found.damaged else "its writer did not finish it"
    return Checkpoint(checkpoint, "torn", len(found.parts[checkpoint] - {MANIFEST}), None, None, why)


def _state(manifest: Manifest, lineage: Lineage, bounds: tuple[int, int]) -> tuple[State, str]:
    """What the manifest alone tells."""
    if not manifest.of(lineage):
        return "foreign", "of another log, configuration or format"
    low, high = bounds
    if not low < manifest.position <= high:
        return "unusable", f"the log has offsets {low} to {high}"
    return "whole", ""


def _verified(
    kind: StateKind[Any], config: Config, manifest: Manifest, found: Found, reader: PartitionReader,
    bounds: tuple[int, int],
) -> tuple[State, str]:  # fmt: skip
    try:
        usable(kind, config, manifest, found.chunks.get(manifest.id, {}), reader, bounds)
    except UnusableError as error:
        return "unusable", str(error)
    return "verified", ""
