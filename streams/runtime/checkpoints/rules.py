"""What is a checkpoint, which ones are kept, when is the next one due? Pure: no topic, no disk, no clock.

A checkpoint is the state of a stage's partition at `position`: chunks under keys of their own, then a manifest that
names their hashes. So one that was torn has no manifest, and one that was damaged does not fit its manifest. Rules:

1. The two newest manifests of a partition are kept, whoever wrote them; a writer removes only what lies below both.
2. The log is trimmed below the older of the two, but for the record right before its position: by the hash of that
   record a checkpoint proves that it belongs to this log.
3. Only manifests of one lineage (log, configuration, format) are compared: others remove nothing and trim nothing.
   They are foreign, and count for nothing, unless the log and all that is pinned are the same: then they can be
   adopted, as long as no other state is there. They stay until two of the new lineage lie above them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec
import xxhash

FORMAT = 1
"""Of manifests and of what the chunks hold; another one is not read."""

MANIFEST = "manifest"

LEAST_LOG_BYTES = 1 << 20
"""A log shorter than this is no reason for a checkpoint before the interval is over."""

LEAST_PAUSE_S = 10.0
"""Between two checkpoints of a partition."""


@dataclass(frozen=True, slots=True, order=True)
class CheckpointId:
    """One checkpoint: of the state of `stage` for `partition` before the record at offset `position`, by `writer`."""

    stage: str
    partition: int
    position: int
    writer: str

    def key(self, part: int | str) -> bytes:
        """The record key of a chunk by number, or of the manifest."""
        return f"{self.stage}|{self.partition}|{self.position}|{self.writer}|{part}".encode()


def parse_key(key: bytes | None) -> tuple[CheckpointId, int | str] | None:
    """The checkpoint that a record belongs to and its part: the number of a chunk or MANIFEST; None for others."""
    fields = (key or b"").decode(errors="replace").split("|")
    if len(fields) != 5 or not (fields[1].isdecimal() and fields[2].isdecimal()):
        return None
    stage, partition, position, writer, part = fields
    if part != MANIFEST and not part.isdecimal():
        return None
    return CheckpointId(stage, int(partition), int(position), writer), part if part == MANIFEST else int(part)


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a state belongs to: one life of a topic, and the configuration that the fold depends on."""

    log_id: str
    config: str

    @property
    def pinned(self) -> str:
        """Of the configuration what can never change while the log lives."""
        return _pinned(self.config)


def _pinned(config: str) -> str:
    return config.partition("+")[0]


class Manifest(msgspec.Struct, frozen=True):
    """What makes chunks a checkpoint. `record_hash` is of the log's record right before `position`."""

    stage: str
    partition: int
    position: int
    writer: str
    chunks: tuple[str, ...]  # their hashes, in order
    size_bytes: int
    log_id: str
    config: str
    record_hash: str
    written_ms: int
    format: int = FORMAT

    @property
    def id(self) -> CheckpointId:
        """The checkpoint it belongs to."""
        return CheckpointId(self.stage, self.partition, self.position, self.writer)

    def of(self, lineage: Lineage) -> bool:
        """Whether it is of this log and configuration, and of a format that is read here."""
        return (self.format, self.log_id, self.config) == (FORMAT, lineage.log_id, lineage.config)

    def adoptable(self, lineage: Lineage) -> bool:
        """Whether it is of this log and format, and of another configuration that was pinned as this one is."""
        same = (self.format, self.log_id, _pinned(self.config)) == (FORMAT, lineage.log_id, lineage.pinned)
        return same and self.config != lineage.config

    def whole(self, chunks: Mapping[int, bytes]) -> bool:
        """Whether these are all its chunks, undamaged."""
        return all(n in chunks and digest(chunks[n]) == wanted for n, wanted in enumerate(self.chunks))


def digest(data: bytes) -> str:
    """The hash by which chunks and records are known again, 32 hex digits."""
    return xxhash.xxh3_128_hexdigest(data)


def newest_first(manifests: Iterable[Manifest], lineage: Lineage) -> list[Manifest]:
    """The manifests of a lineage, the one with the highest position first."""
    return _sorted(m for m in manifests if m.of(lineage))


def newest_adoptable(manifests: Iterable[Manifest], lineage: Lineage) -> list[Manifest]:
    """The manifests that a lineage can adopt, the one with the highest position first."""
    return _sorted(m for m in manifests if m.adoptable(lineage))


def _sorted(manifests: Iterable[Manifest]) -> list[Manifest]:
    return sorted(manifests, key=lambda m: (m.position, m.written_ms), reverse=True)


def kept_from(manifests: Iterable[Manifest], lineage: Lineage) -> int | None:
    """The position of the second newest checkpoint: whatever lies below it may go. None while there is no second."""
    newest = newest_first(manifests, lineage)
    return newest[1].position if len(newest) > 1 else None


def trim_to(manifests: Iterable[Manifest], lineage: Lineage) -> int | None:
    """The offset below which the log is not needed any more: the record before the second newest stays."""
    position = kept_from(manifests, lineage)
    return None if position is None else position - 1


def obsolete(ids: Iterable[CheckpointId], manifests: Iterable[Manifest], lineage: Lineage) -> set[CheckpointId]:
    """Checkpoints, whole or torn, of which nothing is needed any more."""
    least = kept_from(manifests, lineage)
    return set() if least is None else {i for i in ids if i.position < least}


@dataclass(slots=True)
class Due:
    """When the next checkpoint of a partition is due: when the log since the last one is as long, or after a time.

    `interval_s` 0: never. `size_bytes` is that of the last one, `log_bytes` what was folded since. While one is under
    way no other is due: a broker that takes nothing must not fill the memory with copies.
    """

    interval_s: float
    last_s: float
    size_bytes: int = 0
    log_bytes: int = 0
    under_way: bool = False

    def now(self, now_s: float) -> bool:
        """Whether it is due; the clock is monotonic."""
        waited_s = now_s - self.last_s
        if (
            self.under_way
            or not self.interval_s
            or not self.log_bytes
            or waited_s < min(LEAST_PAUSE_S, self.interval_s)
        ):
            return False
        return waited_s >= self.interval_s or self.log_bytes >= max(self.size_bytes, LEAST_LOG_BYTES)

    def taken(self, now_s: float) -> None:
        """One was taken just now."""
        self.last_s, self.log_bytes, self.under_way = now_s, 0, True

    def written(self, size_bytes: int) -> None:
        """It is safe."""
        self.size_bytes, self.under_way = size_bytes, False
