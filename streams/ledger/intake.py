"""The intake step: decoded rows become blocks for each ledger partition, and a tick becomes progress records.

Rule: `begin` of a record is the `end` of the last one this worker sent to *that ledger partition* for that source
since the assignment; at each assignment it is the start position for all partitions. So a reader of the ledger can
tell a repeat (ignored) from a gap (an error), whoever died in between. Invariant: for each source, begin <= end of
every partition, and all ends are equal right after a progress record.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from streams.formats.columns import Decoded
from streams.formats.mapping import NO_NAME
from streams.formats.reasons import Kind, Reason
from streams.ledger import blocks
from streams.ledger.blocks import MAX_RECORD_BYTES, Block, Progress, SourceProgress
from streams.ledger.hashing import hash_keys, partition_of
from streams.ledger.position import ROW_BITS, SourceId, start
from streams.ledger.scores import packed, trimmed
from streams.ledger.spec import LedgerSpec

T = TypeVar("T")
D = TypeVar("D", bound=np.unsignedinteger[Any])

Sends = list[tuple[int, bytes]]
"""(ledger partition, record) in the order in which they must be sent."""

Refused = tuple[int, Reason, bytes | None]
"""A record that could not be decoded: its offset, the reason, and its join key where the id was read."""

TRIM_ABOVE = 64
"""A dictionary longer than this is cut down to the codes that a block uses."""


@dataclass(slots=True)
class _Source:
    kind: Kind
    begins: list[int]  # for each ledger partition: the end of the last record sent to it
    end: int
    last_record_at_ms: int
    clock_ms: int | None = None
    live: bool | None = None
    caught_up_at_ms: int | None = None


@dataclass(slots=True)
class Intake:
    """What one worker has sent of the sources assigned to it. `writer` names the worker in its records."""

    spec: LedgerSpec
    writer: str
    sources: dict[SourceId, _Source] = field(default_factory=dict)

    def assign(self, source: SourceId, kind: Kind, offset: int, now_ms: int) -> None:
        """Begin (again) at `offset`: every ledger partition hears the range from there."""
        at = start(offset)
        self.sources[source] = _Source(kind, [at] * self.spec.partitions, at, now_ms)

    def revoke(self, source: SourceId) -> None:
        """Another worker reads this source from now on."""
        self.sources.pop(source, None)

    def end(self, source: SourceId) -> int:
        """The position up to which this worker has read the source."""
        return self.sources[source].end

    def blocks(
        self,
        source: SourceId,
        decoded: Decoded,
        rejected: Sequence[Refused],
        end_offset: int,
        now_ms: int | None,
    ) -> Sends:
        """The blocks of one batch, which covers the source up to `end_offset` (exclusive).

        `rejected` are the records that could not be decoded: one whose id was read goes to the partition of its id,
        as its row would at a reader with another clock; the others to that of their source. `now_ms` is the wall
        clock at reading, None where there is none (files): the source is then never live.
        """
        state = self.sources[source]
        end = start(end_offset)
        self._observe(state, decoded, now_ms)
        state.end = max(state.end, end)
        out: Sends = []
        home = source.partition % self.spec.partitions
        hashes = hash_keys(decoded.keys, self.spec.privacy_key)
        partition = partition_of(hashes, self.spec.partitions)
        order = np.argsort(partition, kind="stable")
        bounds = np.searchsorted(partition[order], np.arange(self.spec.partitions + 1))
        keyed = [key for _, _, key in rejected if key is not None]
        places = iter(partition_of(hash_keys(keyed, self.spec.privacy_key), self.spec.partitions).tolist())
        refused: list[list[tuple[int, Reason]]] = [[] for _ in range(self.spec.partitions)]
        for offset, reason, key in rejected:
            refused[home if key is None else next(places)].append((start(offset), reason))
        position = decoded.offset.astype(np.int64) << ROW_BITS
        for p in range(self.spec.partitions):
            rows = order[bounds[p] : bounds[p + 1]]
            bad = refused[p]
            if not len(rows) and not bad:
                continue
            block = self._block(state, source, decoded, rows, hashes, position, (state.begins[p], end), bad)
            if now_ms is not None:
                block.delivered = np.minimum(block.delivered, now_ms)
            out += [(p, data) for data in encode_bounded(block)]
            state.begins[p] = end
        return out

    def skip(self, source: SourceId, low_offset: int) -> Sends:
        """Declare that the source's log begins at `low_offset`: the records before it are gone."""
        state = self.sources[source]
        lost = (start(low_offset) - state.end) >> ROW_BITS
        end = start(low_offset)
        home = source.partition % self.spec.partitions
        none = np.zeros(0, np.int64)
        block = Block(
            state.kind, str(source), state.begins[home], end, np.zeros((0, 2), np.uint64), none, none,
            np.zeros(0, np.uint16), [], skipped=lost, config_hash=self.spec.config_hash,
        )  # fmt: skip
        state.begins[home] = state.end = end
        return [(home, blocks.encode(block))]

    def at_end(self, source: SourceId, now_ms: int | None) -> None:
        """The worker stands at the source's end (`now_ms`), or is behind it again (None)."""
        self.sources[source].caught_up_at_ms = now_ms

    def progress(self, announced: Iterable[SourceId]) -> Sends:
        """The tick: one progress record for every ledger partition; all sources of this worker reach their end in it.

        `announced` are all partitions of all topics, also those of other workers.
        """
        names = sorted(map(str, announced))
        out: Sends = []
        for p in range(self.spec.partitions):
            said = [
                SourceProgress(
                    str(source), s.kind, s.begins[p], s.end, s.clock_ms, s.live, s.caught_up_at_ms,
                    s.last_record_at_ms,
                )
                for source, s in self.sources.items()
            ]  # fmt: skip
            out.append((p, blocks.encode(Progress(self.writer, said, names, self.spec.config_hash))))
        for s in self.sources.values():
            s.begins = [s.end] * self.spec.partitions
        return out

    def _observe(self, state: _Source, decoded: Decoded, now_ms: int | None) -> None:
        """Move the source's clock. A label delivered more than the slack after its time moves it by its time."""
        if now_ms is not None:
            state.last_record_at_ms = now_ms
        if not len(decoded):
            return
        if state.kind is Kind.PREDICTION:
            clock = int(decoded.time.max()) - self.spec.max_disorder_ms
        else:
            delivered = decoded.delivered if now_ms is None else np.minimum(decoded.delivered, now_ms)
            late = delivered - decoded.time > max(t.slack_ms for t in self.spec.timings)
            clock = int(np.where(late, decoded.time, delivered).max()) - self.spec.label_disorder_ms
        state.clock_ms = clock if state.clock_ms is None else max(clock, state.clock_ms)
        state.live = now_ms is not None and abs(now_ms - state.clock_ms) <= self.spec.live_within_ms

    def _block(
        self,
        state: _Source,
        source: SourceId,
        decoded: Decoded,
        rows: NDArray[np.int64],
        hashes: NDArray[np.uint64],
        position: NDArray[np.int64],
        span: tuple[int, int],
        rejected: list[tuple[int, Reason]],
    ) -> Block:
        # `take`: a tenth of the time of an index in brackets for the hashes, which are pairs
        cls, classes = _trimmed(decoded.cls.take(rows), decoded.classes)
        block = Block(
            state.kind, str(source), span[0], span[1], hashes.take(rows, axis=0), decoded.time.take(rows),
            position.take(rows), cls, classes, rejected=rejected, config_hash=self.spec.config_hash,
        )  # fmt: skip
        if state.kind is Kind.PREDICTION:
            block.group, block.groups = _trimmed(decoded.group.take(rows), decoded.groups)
            block.confidence = decoded.confidence.take(rows)
            if decoded.kept is not None:
                block.scores, block.score_classes = packed(decoded.kept, rows)
        else:
            block.rank = decoded.rank.take(rows)
            block.delivered = decoded.delivered.take(rows)
            sources = ["" if name == NO_NAME else name for name in decoded.label_sources]  # "": the label names none
            block.label_source, block.label_sources = _trimmed(decoded.label_source.take(rows), sources)
        return block


def _trimmed(codes: NDArray[D], names: list[T]) -> tuple[NDArray[D], list[T]]:
    """Codes and the dictionary they index, cut to what is used. Codes beyond the dictionary (NO_CLASS) stay."""
    if len(names) <= TRIM_ABOVE:
        return codes, names
    used, inverse = np.unique(codes, return_inverse=True)
    inside = used < len(names)
    renumbered = np.where(inside, np.cumsum(inside) - 1, used)
    return renumbered[inverse].astype(codes.dtype), [names[c] for c in used[inside].tolist()]


def encode_bounded(block: Block) -> list[bytes]:
    """The records of a block, each within MAX_RECORD_BYTES, together covering its range."""
    data = blocks.encode(block)
    if len(data) <= MAX_RECORD_BYTES:
        return [data]
    cuts = np.unique(np.concatenate([block.position, np.array([p for p, _ in block.rejected], np.int64)]))
    if len(cuts) < 2:
        return [data]
    middle = int(cuts[len(cuts) // 2])
    out: list[bytes] = []
    for begin, end in ((block.begin, middle), (middle, block.end)):
        part = block.rows((block.position >= begin) & (block.position < end), begin, end)
        part.cls, part.classes = _trimmed(part.cls, part.classes)
        if part.kind is Kind.PREDICTION:
            part.group, part.groups = _trimmed(part.group, part.groups)
            if part.scores is not None:
                part.scores, part.score_classes = trimmed(part.scores, part.score_classes)
        else:
            part.label_source, part.label_sources = _trimmed(part.label_source, part.label_sources)
        out += encode_bounded(part)
    return out
