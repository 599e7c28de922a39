"""The checkpoints topic as it is: every chunk and manifest of one partition, as one reading from its start finds them.

The topic is compacted, so what is read is little more than the checkpoints that are kept. Partition p holds those of
every stage's partition p. Records of others (the pin) are passed over.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from streams.runtime.checkpoints.rules import MANIFEST, CheckpointId, Manifest, parse_key
from streams.runtime.kafka.partition_reader import PartitionReader

_DECODER = msgspec.json.Decoder(Manifest)


@dataclass(slots=True)
class Found:
    """The checkpoints of one stage's partition: manifests by id, chunks by id and number, all parts by id."""

    manifests: dict[CheckpointId, Manifest] = field(default_factory=dict)
    chunks: dict[CheckpointId, dict[int, bytes]] = field(default_factory=dict)
    parts: dict[CheckpointId, set[int | str]] = field(default_factory=dict)
    damaged: set[CheckpointId] = field(default_factory=set)  # their manifest is none

    def take(self, checkpoint: CheckpointId, part: int | str, value: bytes | None, *, keep: bool) -> None:
        """One record, in the order of the topic; `keep` the bytes of chunks."""
        if value is None:
            self._remove(checkpoint, part)
            return
        self.parts.setdefault(checkpoint, set()).add(part)
        if isinstance(part, int):
            if keep:
                self.chunks.setdefault(checkpoint, {})[part] = value
            return
        try:
            self.manifests[checkpoint] = _DECODER.decode(value)
        except msgspec.DecodeError:
            self.damaged.add(checkpoint)
            self.manifests.pop(checkpoint, None)  # the last record of a key is the one that counts
        else:
            self.damaged.discard(checkpoint)

    def _remove(self, checkpoint: CheckpointId, part: int | str) -> None:
        parts = self.parts.get(checkpoint, set())
        parts.discard(part)
        self.chunks.get(checkpoint, {}).pop(part, None) if isinstance(part, int) else None
        if part == MANIFEST:
            self.manifests.pop(checkpoint, None)
            self.damaged.discard(checkpoint)
        if not parts:
            self.parts.pop(checkpoint, None)
            self.chunks.pop(checkpoint, None)


class Store:
    """Reads the checkpoints topic."""

    def __init__(self, client: Mapping[str, Any], job: str, topic: str) -> None:
        """`job` names the reader to the broker."""
        self.topic = topic
        self._client, self._name = client, f"{job}-checkpoints"

    def read(self, stage: str, partition: int, *, chunks: bool, back: int | None = None) -> Found:
        """What is there of a stage's partition, or in the last `back` offsets of it. Raises as PartitionReader does."""
        found, tp = Found(), (self.topic, partition)
        with PartitionReader(self._client, self._name) as reader:
            low, high = reader.bounds(tp)
            for message in reader.records(tp, low if back is None else max(low, high - back)):
                parsed = parse_key(message.key())
                if parsed is not None and (parsed[0].stage, parsed[0].partition) == (stage, partition):
                    found.take(*parsed, message.value(), keep=chunks)
        return found
