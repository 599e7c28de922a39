"""Which flushes count: chunks are put together per writer, and each ledger partition's ranges must join.

A flush of `[begin, end)` is taken iff `begin <= applied < end`. What ends at or below `applied` is a
repeat, a zombie or a replay and is ignored; what begins above it is a gap and stops the job. Invariant:
`applied` only grows, and a flush is taken whole or not at all.
"""

from collections.abc import Mapping
from typing import Any

from streams.ledger.flush import Flush, decode, encode
from streams.ledger.gap import GapError

MAX_WRITERS = 16
"""Writers of one ledger partition with an unfinished flush; the oldest is forgotten beyond it. A forgotten
writer that was the live one shows as a gap, so nothing is lost in silence."""


class Inbox:
    """Chunks of flushes on their way in, and how far each ledger partition has been applied."""

    def __init__(self, ledger_partitions: int) -> None:
        self.applied = [0] * ledger_partitions
        self._unfinished: list[dict[str, list[Flush]]] = [{} for _ in range(ledger_partitions)]

    def put(self, chunk: Flush) -> list[Flush]:
        """The chunks of a flush that is now whole and counts, in order; empty while there is none.

        Raises GapError when a whole flush begins after what was applied, ValueError when no such ledger
        partition exists.
        """
        partition = chunk.ledger_partition
        if not 0 <= partition < len(self.applied):
            raise ValueError(f"a flush of ledger partition {partition}, but there are only {len(self.applied)} of them")
        unfinished = self._unfinished[partition]
        # The writer's entry moves to the end, so that the first one is the one longest silent.
        chunks = unfinished.pop(chunk.writer, [])
        if chunk.end <= self.applied[partition]:
            return []
        if chunk.chunk == 0:
            chunks = []
        elif _repeats(chunks, chunk):
            unfinished[chunk.writer] = chunks
            return []
        elif not _continues(chunks, chunk):
            return []
        chunks.append(chunk)
        if not chunk.last:
            if len(unfinished) >= MAX_WRITERS:
                del unfinished[next(iter(unfinished))]
            unfinished[chunk.writer] = chunks
            return []
        if chunk.begin > self.applied[partition]:
            raise GapError(f"ledger partition {partition}", self.applied[partition], chunk.begin)
        self.applied[partition] = chunk.end
        for writer in [w for w, waiting in unfinished.items() if waiting[0].end <= chunk.end]:
            del unfinished[writer]
        return chunks

    def dump(self) -> dict[str, object]:
        """Everything; for `load`."""
        return {
            "applied": list(self.applied),
            # writer by writer, the one longest silent first; chunks name their writer
            "unfinished": [
                [encode(chunk) for chunks in unfinished.values() for chunk in chunks] for unfinished in self._unfinished
            ],
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Fill an empty inbox with what `dump` gave. Raises ValueError when that is damaged."""
        applied, unfinished = list(state["applied"]), state["unfinished"]
        if not len(applied) == len(unfinished) == len(self.applied):
            raise ValueError(f"a state of {len(applied)} ledger partitions, but there are {len(self.applied)}")
        self.applied = applied
        for partition, records in enumerate(unfinished):
            for chunk in map(decode, records):
                if chunk.ledger_partition != partition:
                    raise ValueError(f"a chunk of ledger partition {chunk.ledger_partition} waits at {partition}")
                self._unfinished[partition].setdefault(chunk.writer, []).append(chunk)

    @property
    def waiting(self) -> int:
        """How many chunks wait for the rest of their flush."""
        return sum(len(chunks) for unfinished in self._unfinished for chunks in unfinished.values())


def _repeats(chunks: list[Flush], chunk: Flush) -> bool:
    """Whether the chunk is one of those that wait already."""
    return chunk.chunk < len(chunks) and (chunks[0].begin, chunks[0].end) == (chunk.begin, chunk.end)


def _continues(chunks: list[Flush], chunk: Flush) -> bool:
    return (
        len(chunks) == chunk.chunk and len(chunks) > 0 and (chunks[0].begin, chunks[0].end) == (chunk.begin, chunk.end)
    )
