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

State = Literal["whole", "verified", "adoptable", "torn", "foreign", "unusable"]
"""`verified`: read and loaded as a worker would; `whole` without that. `adoptable`: of other windows, expected
classes or bounds, and a judge would take it over. `torn`: its writer did not finish it. `foreign`: of another log,
pinned configuration or format. `unusable`: `why` says what a worker would say."""


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
        return self.goes_on is not None

    @property
    def goes_on(self) -> int | None:
        """The offset from which such a worker would fold; None when it could not."""
        for states in ({"whole", "verified"}, {"adoptable"}):
            good = [c.id.position for c in self.checkpoints if c.state in states]
            if good:
                return max(good)
            if self.log_begins == 0:
                return 0
        return None


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
                    state, why = _state(kind, manifest, lineage, bounds)
                    if verify and state in {"whole", "adoptable"}:
                        state, why = _verified(kind, config, manifest, found, reader, bounds, state)
                    size, written_ms = manifest.size_bytes, manifest.written_ms
                    checkpoints.append(Checkpoint(manifest.id, state, len(manifest.chunks), size, written_ms, why))
                checkpoints.sort(key=lambda c: c.id.position, reverse=True)
                places.append(Place(kind.stage, partition, *bounds, tuple(checkpoints)))
    return places


def _torn(checkpoint: CheckpointId, found: Found) -> Checkpoint:
    why = "its manifest is damaged" if checkpoint in found.damaged else "its writer did not finish it"
    return Checkpoint(checkpoint, "torn", len(found.parts[checkpoint] - {MANIFEST}), None, None, why)


def _state(kind: StateKind[Any], manifest: Manifest, lineage: Lineage, bounds: tuple[int, int]) -> tuple[State, str]:
    """What the manifest alone tells."""
    adoptable = kind.adopt is not None and manifest.adoptable(lineage)
    if not (adoptable or manifest.of(lineage)):
        return "foreign", "of another log, pinned configuration or format"
    low, high = bounds
    if not low < manifest.position <= high:
        return "unusable", f"the log has offsets {low} to {high}"
    return ("adoptable", "of other windows or classes") if adoptable else ("whole", "")


def _verified(
    kind: StateKind[Any], config: Config, manifest: Manifest, found: Found, reader: PartitionReader,
    bounds: tuple[int, int], state: State,
) -> tuple[State, str]:  # fmt: skip
    chunks, adopt = found.chunks.get(manifest.id, {}), state == "adoptable"
    try:
        usable(kind, config, manifest, chunks, reader, bounds, adopt=adopt)
    except UnusableError as error:
        return "unusable", str(error)
    return ("adoptable", "of other windows or classes, verified") if adopt else ("verified", "")
