"""Records of the ledger: blocks of rows, progress records, and the operator's records. Columns behind a small header.

Every block and every source in a progress record names the range `[begin, end)` of its source that it covers; the
join takes it iff `begin` is at or below what it applied. A block holds rows of one source for one ledger partition;
an empty range is fine. Byte layout: magic, header length, header (msgpack), columns (little endian).
"""

from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

from streams.formats.columns import Group
from streams.formats.reasons import Kind, Reason
from streams.ledger.position import offset_of
from streams.ledger.scores import Scores, score_type

MAGIC = b"QL2"
MAX_RECORD_BYTES = 500_000


@dataclass(slots=True)
class Block:
    """Rows of one source for one ledger partition, n rows.

    `hashes` (n, 2), `time` and `position` (n,) as int64, `cls` indexes `classes` (NO_CLASS: deletion). Predictions
    have `group` (indexes `groups`) and `confidence`; labels have `rank`, `delivered` (ms) and `label_source` (indexes
    `label_sources`, where "" says that a label names none). `rejected` are records of the source that intake could not
    decode, with their positions; `skipped` counts records lost to a retention gap in the range. `scores` are those
    that predictions keep, of `score_classes`; None where they keep none.
    """

    kind: Kind
    source: str
    begin: int
    end: int
    hashes: NDArray[np.uint64]
    time: NDArray[np.int64]
    position: NDArray[np.int64]
    cls: NDArray[np.uint16]
    classes: list[str]
    group: NDArray[np.uint32] = field(default_factory=lambda: np.zeros(0, np.uint32))
    groups: list[Group] = field(default_factory=list)
    confidence: NDArray[np.uint16] = field(default_factory=lambda: np.zeros(0, np.uint16))
    rank: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))
    delivered: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    label_source: NDArray[np.uint16] = field(default_factory=lambda: np.zeros(0, np.uint16))
    label_sources: list[str] = field(default_factory=list)
    rejected: list[tuple[int, Reason]] = field(default_factory=list)
    skipped: int = 0
    config_hash: str = ""
    scores: Scores | None = None
    score_classes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.time)

    def rows(self, keep: NDArray[np.bool_] | slice, begin: int, end: int) -> "Block":
        """The block of some of the rows, covering `[begin, end)`; rejects go with their positions.

        What retention took lies at the end of a block: of it counts what lies in the range.
        """
        label = self.kind is Kind.LABEL
        skipped = min(self.skipped, offset_of(end - begin)) if end == self.end else 0
        return Block(
            self.kind, self.source, begin, end, self.hashes[keep], self.time[keep], self.position[keep],
            self.cls[keep], self.classes, self.group if label else self.group[keep], self.groups,
            self.confidence if label else self.confidence[keep], self.rank[keep] if label else self.rank,
            self.delivered[keep] if label else self.delivered, self.label_source[keep] if label else self.label_source,
            self.label_sources,
            [r for r in self.rejected if begin <= r[0] < end], skipped, self.config_hash,
            None if self.scores is None else self.scores[keep], self.score_classes,
        )  # fmt: skip


class SourceProgress(msgspec.Struct, array_like=True, frozen=True):
    """What one worker says of one of its sources at a tick.

    `clock_ms` is the source's clock from the rows this worker read up to `end` (None: none read yet), `live` whether
    that clock was near the wall clock when the rows were read (None: none read yet), `caught_up_at_ms` the wall time
    at which the worker stood at the source's end (None: behind), `last_record_at_ms` when it last read a record.
    """

    source: str
    kind: Kind
    begin: int
    end: int
    clock_ms: int | None
    live: bool | None
    caught_up_at_ms: int | None
    last_record_at_ms: int


class Progress(msgspec.Struct, tag="progress", frozen=True):
    """The tick of a worker: its sources, and the list of all sources that the topics have."""

    writer: str
    sources: list[SourceProgress]
    announced: list[str]
    config_hash: str = ""


class Advance(msgspec.Struct, tag="advance", frozen=True):
    """The operator says that a history is complete: time moves to `to_ms` once every source has reached `ends`."""

    id: str
    to_ms: int
    ends: dict[str, int]
    config_hash: str = ""


class Retire(msgspec.Struct, tag="retire", frozen=True):
    """The operator takes a source out: it no longer holds time back."""

    id: str
    source: str
    config_hash: str = ""


Record = Block | Progress | Advance | Retire


class _BlockHeader(msgspec.Struct, array_like=True):
    kind: Kind
    source: str
    begin: int
    end: int
    rows: int
    classes: list[str]
    groups: list[tuple[str, str, tuple[str, ...]]]
    label_sources: list[str]
    rejected: list[tuple[int, Reason]]
    skipped: int
    config_hash: str
    keep_scores: int
    score_classes: list[str]


class _Writer(msgspec.Struct, tag="progress"):
    writer: str


_encode = msgspec.msgpack.Encoder().encode
_decode_header = msgspec.msgpack.Decoder(_BlockHeader).decode
_decode_other = msgspec.msgpack.Decoder(Progress | Advance | Retire).decode
_decode_writer = msgspec.msgpack.Decoder(_Writer).decode

_COMMON = (("hashes", "<u8"), ("time", "<i8"), ("position", "<i8"), ("cls", "<u2"))
_PREDICTION = (*_COMMON, ("group", "<u4"), ("confidence", "<u2"))
_LABEL = (*_COMMON, ("rank", "u1"), ("delivered", "<i8"), ("label_source", "<u2"))


def encode(record: Record) -> bytes:
    """The bytes of a ledger record."""
    if not isinstance(record, Block):
        return MAGIC + b"R" + _encode(record)
    head = _encode(
        _BlockHeader(
            record.kind, record.source, record.begin, record.end, len(record), record.classes,
            [(g.model, g.version, g.segments) for g in record.groups], record.label_sources, record.rejected,
            record.skipped, record.config_hash, 0 if record.scores is None else record.scores["cls"].shape[1],
            record.score_classes,
        )
    )  # fmt: skip
    columns = _PREDICTION if record.kind is Kind.PREDICTION else _LABEL
    parts = [MAGIC + b"B", len(head).to_bytes(4, "little"), head]
    parts += [getattr(record, name).astype(dtype, copy=False).tobytes() for name, dtype in columns]
    if record.scores is not None:
        parts.append(record.scores.tobytes())
    return b"".join(parts)


def decode(data: bytes) -> Record:
    """The ledger record in `data`; raises ValueError when it is not one."""
    kind = data[:4]
    if kind == MAGIC + b"R":
        other: Progress | Advance | Retire = _decode_other(data[4:])
        return other
    if kind != MAGIC + b"B":
        raise ValueError("not a ledger record")
    size = int.from_bytes(data[4:8], "little")
    h = _decode_header(data[8 : 8 + size])
    at, columns = 8 + size, {}
    for name, dtype in _PREDICTION if h.kind is Kind.PREDICTION else _LABEL:
        column = np.frombuffer(data, dtype, h.rows * (2 if name == "hashes" else 1), at)
        at += column.nbytes
        columns[name] = column.reshape(-1, 2) if name == "hashes" else column
    groups = [Group(m, v, tuple(s)) for m, v, s in h.groups]
    scores = np.frombuffer(data, score_type(h.keep_scores), h.rows, at) if h.keep_scores else None
    return Block(
        h.kind, h.source, h.begin, h.end, classes=h.classes, groups=groups, label_sources=h.label_sources,
        rejected=h.rejected, skipped=h.skipped, config_hash=h.config_hash, scores=scores,
        score_classes=h.score_classes, **columns,
    )  # fmt: skip


def writer_of(data: bytes) -> str | None:
    """Who wrote a progress record, None for other records; much cheaper than `decode`."""
    if data[:4] != MAGIC + b"R":
        return None
    try:
        return _decode_writer(memoryview(data)[4:]).writer
    except msgspec.ValidationError:  # an operator's record
        return None
