"""The compacted topic of checkpoints, one partition of it for the partitions of that number of all stages.

Rule: compaction may take away what a newer record of the same key replaced, at any time, also while somebody reads.
"""

from dataclasses import dataclass, field

from streams.runtime.checkpoints.rules import CheckpointId, Manifest, parse_key
from streams.runtime.checkpoints.store import Found


@dataclass(slots=True)
class Compacted:
    """The records in the order in which they came; what compaction took away is None."""

    entries: list[tuple[bytes, bytes | None] | None] = field(default_factory=list)

    @property
    def end(self) -> int:
        """The next offset."""
        return len(self.entries)

    def append(self, key: bytes, value: bytes | None) -> int:
        """A record at the end; its offset."""
        self.entries.append((key, value))
        return self.end - 1

    def compact(self) -> None:
        """Take away what was replaced."""
        seen: set[bytes] = set()
        for i in range(self.end - 1, -1, -1):
            entry = self.entries[i]
            if entry is not None:
                if entry[0] in seen:
                    self.entries[i] = None
                seen.add(entry[0])

    def found(self, stage: str, partition: int, end: int, begin: int = 0) -> Found:
        """What somebody sees of a stage's partition who reads now, up to the end that there was when he began."""
        found = Found()
        for entry in self.entries[max(begin, 0) : end]:
            parsed = parse_key(entry[0]) if entry is not None else None
            if (
                entry is not None
                and parsed is not None
                and (parsed[0].stage, parsed[0].partition) == (stage, partition)
            ):
                found.take(*parsed, entry[1], keep=True)
        return found

    def damage(self, checkpoint: CheckpointId, part: int) -> None:
        """Turn a byte of a chunk."""
        key = checkpoint.key(part)
        for i in range(self.end - 1, -1, -1):
            entry = self.entries[i]
            if entry is not None and entry[0] == key and entry[1]:
                self.entries[i] = (key, bytes([entry[1][0] ^ 0xFF]) + entry[1][1:])
                return


def whole(manifest: Manifest, found: Found) -> bool:
    """Whether all chunks of a manifest are there, undamaged."""
    return manifest.whole(found.chunks.get(manifest.id, {}))
