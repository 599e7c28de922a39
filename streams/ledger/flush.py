"""Flushes: what a ledger partition tells the judges. Absolute counts of every pane and group touched in a range.

A flush covers `[begin, end)` of the ledger partition's offsets and goes to every tallies partition, possibly
empty, in chunks of bounded size. Counts are absolute as of `end`, so that a flush taken twice, or an older one
taken before a newer one that covers it, leaves the same counts.
"""

from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

from streams.formats.columns import Group
from streams.ledger.cells import (
    NONE,
    OF_CLASSES,
    OF_TRUE_CLASS,
    SOURCE_BITS,
    CellKind,
    a_of,
    b_of,
    c_of,
    codes,
    kind_of,
)
from streams.ledger.samples import Sample

MAGIC = b"QF2\0"


@dataclass(slots=True)
class Flush:
    """One flush (or one chunk of it) for one tallies partition.

    Slot s is one (pane, group): `pane[s]` is the pane's index (`event_time // pane_ms`), `group[s]` indexes
    `groups`; its cells are `code[bounds[s]:bounds[s + 1]]` with `count` alongside. A slot without cells became
    empty. A slot may come in several chunks of a flush, each with some of its cells. Class numbers inside codes
    index `classes`, those of label sources `sources` ("": the label names none), those of other versions of the
    group's model `versions`. `newest`, along `groups`, is the
    latest time (ms) of delivery, or of the event, of a label that counted in the group so far, NO_TIME where none did.
    `watermark` is the partition's at `end`. `samples` are predictions worth a look of detail panes whose moment came
    in the range; their `group` indexes `groups`.
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
    sources: list[str] = field(default_factory=list)
    newest: list[int] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)


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
    newest: list[int]
    classes: list[str]
    sources: list[str]
    slots: int
    cells: int
    samples: list[Sample]
    versions: list[str] = []  # flushes of before there were pairs do not have it


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Header).decode


def encode(flush: Flush) -> bytes:
    """The bytes of a flush chunk: magic, header length, header (msgpack), columns."""
    head = _encode(
        _Header(
            flush.ledger_partition, flush.begin, flush.end, flush.watermark, flush.writer, flush.chunk, flush.last,
            flush.config_hash, [(g.model, g.version, g.segments) for g in flush.groups], flush.newest, flush.classes,
            flush.sources, len(flush.pane), len(flush.code), flush.samples, flush.versions,
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
        h.sources, h.newest, h.samples, h.versions,
    )  # fmt: skip


def local_names(
    code: NDArray[np.int64], classes: list[str], sources: list[str], versions: list[str]
) -> tuple[NDArray[np.int64], list[str], list[str], list[str]]:
    """Cell codes with the numbers of names cut down to those they use: (codes, classes, label sources, versions)."""
    if not len(code):  # an idle job has some of these for each partition and tick
        return code, [], [], []
    kind, c, a, b = kind_of(code), c_of(code), a_of(code), b_of(code)
    of_class = OF_CLASSES.take(kind) & (a != NONE), OF_TRUE_CLASS.take(kind) & (b != NONE)
    (a, b), used = _local([a, b], list(of_class), len(classes))
    of_source = (kind == CellKind.CORRECTED) | (kind == CellKind.LABELLED_BY)
    of_pair = kind == CellKind.AGREEMENT
    upper, lower = c >> SOURCE_BITS, c & (1 << SOURCE_BITS) - 1
    (upper, lower), used_sources = _local([upper, lower], [of_pair, of_pair | of_source], len(sources))
    c = upper << SOURCE_BITS | lower
    (c,), used_versions = _local([c], [kind == CellKind.PAIRED], len(versions))
    names = [classes[n] for n in used], [sources[n] for n in used_sources], [versions[n] for n in used_versions]
    return codes(kind, c, a, b), *names


def _local(
    columns: list[NDArray[np.int64]], named: list[NDArray[np.bool_]], size: int
) -> tuple[list[NDArray[np.int64]], list[int]]:
    """Columns of numbers below `size` where they are `named`, renumbered there in order; and the numbers in use."""
    some = [np.flatnonzero(mask) for mask in named]
    seen = np.zeros(size, np.bool_)
    for column, at in zip(columns, some, strict=True):
        seen[column.take(at)] = True
    used = np.flatnonzero(seen)
    number = np.empty(size, np.int64)
    number[used] = np.arange(len(used))
    for column, at in zip(columns, some, strict=True):
        column[at] = number.take(column.take(at))
    return columns, used.tolist()
