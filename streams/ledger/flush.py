"""Flushes: what a ledger partition tells the judges. Absolute counts of every pane and group touched in a range.

A flush covers `[begin, end)` of the ledger partition's offsets and goes to every tallies partition, possibly
empty, in chunks of bounded size. Counts are absolute as of `end`, so that a flush taken twice, or an older one
taken before a newer one that covers it, leaves the same counts.
"""

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from streams.formats.columns import Group
from streams.ledger.cells import NONE, CellKind

MAGIC = b"QF1\0"


@dataclass(slots=True)
class Flush:
    """One flush (or one chunk of it) for one tallies partition.

    Slot s is one (pane, group): `pane[s]` is the pane's index (`event_time // pane_ms`), `group[s]` indexes
    `groups`; its cells are `code[bounds[s]:bounds[s + 1]]` with `count` alongside. A slot without cells became
    empty. A slot may come in several chunks of a flush, each with some of its cells. Class numbers inside codes
    index `classes`. `watermark` is the partition's at `end`.
    """

    ledger_partition: int
    begin: int
    end: int
    watermark: int
    groups: list[Group]
    classes: list[str]
    pane: NDArray[np.int64]
    group: NDArray[np.uint32]
    bounds: NDArray[np.int64]
    code: NDArray[np.int64]
    count: NDArray[np.int64]
    writer: str = ""
    chunk: int = 0
    last: bool = True
    config_hash: str = ""


class _Header(msgspec.Struct, array_like=True):
    partition: int
    begin: int
    end: int
    watermark: int
    writer: str
    chunk: int
    last: bool
    config_hash: str
    groups: list[tuple[str, str, tuple[str, ...]]]
    classes: list[str]
    slots: int
    cells: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Header).decode


def encode(flush: Flush) -> bytes:
    """The bytes of a flush chunk: magic, header length, header (msgpack), columns."""
    head = _encode(
        _Header(
            flush.ledger_partition, flush.begin, flush.end, flush.watermark, flush.writer, flush.chunk, flush.last,
            flush.config_hash, [(g.model, g.version, g.segments) for g in flush.groups], flush.classes,
            len(flush.pane), len(flush.code),
        )
    )  # fmt: skip
    return b"".join((
        MAGIC, len(head).to_bytes(4, "little"), head,
        flush.pane.astype("<i8").tobytes(), flush.group.astype("<u4").tobytes(),
        flush.bounds.astype("<i8").tobytes(), flush.code.astype("<i8").tobytes(), flush.count.astype("<i8").tobytes(),
    ))  # fmt: skip


def decode(data: bytes) -> Flush:
    """The flush chunk in `data`; raises ValueError when it is not one."""
    if data[:4] != MAGIC:
        raise ValueError("not a flush")
    size = int.from_bytes(data[4:8], "little")
    h = _decode(data[8 : 8 + size])
    at = 8 + size
    columns: list[NDArray[np.generic]] = []
    for dtype, n in (
        ("<i8", h.slots),
        ("<u4", h.slots),
        ("<i8", h.slots + 1),
        ("<i8", h.cells),
        ("<i8", h.cells),
    ):
        columns.append(np.frombuffer(data, dtype, n, at))
        at += columns[-1].nbytes
    pane, group, bounds, code, count = columns
    return Flush(
        h.partition, h.begin, h.end, h.watermark, [Group(m, v, tuple(s)) for m, v, s in h.groups], h.classes,
        pane.astype(np.int64, copy=False), group.astype(np.uint32, copy=False), bounds.astype(np.int64, copy=False),
        code.astype(np.int64, copy=False), count.astype(np.int64, copy=False), h.writer, h.chunk, h.last, h.config_hash,
    )  # fmt: skip


def local_classes(code: NDArray[np.int64], classes: list[str]) -> tuple[NDArray[np.int64], list[str]]:
    """Cell codes with class numbers cut down to the classes they use: (codes, names those index)."""
    if not len(code):  # an idle job has some of these for each partition and tick
        return code, []
    kind = code >> 32
    a, b = (code >> 16) & NONE, code & NONE
    a_is_class = (kind == CellKind.CONFUSION) | (kind == CellKind.DELAY)
    b_is_class = (kind == CellKind.CONFUSION) & (b != NONE)
    used = np.unique(np.concatenate([a[a_is_class], b[b_is_class]]))
    local = np.zeros(len(classes) + 1, np.int64)
    local[used] = np.arange(len(used))
    a = np.where(a_is_class, local[np.where(a_is_class, a, 0)], a)
    b = np.where(b_is_class, local[np.where(b_is_class, b, 0)], b)
    return kind << 32 | a << 16 | b, [classes[c] for c in used.tolist()]
