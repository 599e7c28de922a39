"""How a flush is cut into records: columns of slots in, chunks out that each fit into a record.

A chunk is bounded in bytes, with the names it carries, whatever the cells are: where one slot is too large by itself,
its cells go into several chunks of the flush, and a reader adds them up. Invariant: every slot is in at least one
chunk, and every cell in exactly one.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from streams.formats.columns import Group
from streams.ledger.blocks import MAX_RECORD_BYTES
from streams.ledger.cell_table import Cells
from streams.ledger.counts import GROUP_BITS
from streams.ledger.flush import Flush, local_names
from streams.ledger.names import Names
from streams.ledger.samples import Sample

Ints = NDArray[np.int64]

_CELL_BYTES = 16
_SLOT_BYTES = 20
_NAME_BYTES = 5  # the length before a text
_GROUP_BYTES = 2 * _NAME_BYTES + 9  # the lengths of its lists, the time of its newest label
_SAMPLE_BYTES = 90  # of one sample without its names
_HEADER_BYTES = 300  # numbers, the magic word and the hash of the configuration


class Slots:
    """Slots with their cells as columns; a unit is a cell, or a slot that has none."""

    def __init__(self, keys: list[int], cells: Cells) -> None:
        """The slots under `keys`; one that has no cells became empty."""
        self.keys: Ints = np.array(keys, np.int64)
        self.bounds, self.code, self.count = cells
        self.units: Ints = np.append(0, np.cumsum(np.maximum(np.diff(self.bounds), 1)))

    def part(self, begin: int, end: int) -> tuple[Ints, Ints, slice]:
        """(keys, bounds, which cells) of the units `[begin, end)`."""
        first = int(np.searchsorted(self.units, begin, side="right")) - 1
        last = int(np.searchsorted(self.units, end, side="left"))
        if last <= first:
            return self.keys[:0], np.zeros(1, np.int64), slice(0, 0)
        cells = slice(
            int(self.bounds[first] + begin - self.units[first]),
            int(min(self.bounds[last - 1] + end - self.units[last - 1], self.bounds[last])),
        )
        bounds = np.clip(self.bounds[first : last + 1], cells.start, cells.stop) - cells.start
        return self.keys[first:last], bounds, cells


def cut(empty: Flush, slots: Slots, samples: list[Sample], names: Names, newest_ms: list[int]) -> list[Flush]:
    """The chunks of a flush, at least one, each within MAX_RECORD_BYTES; the last says so.

    `empty` has what all chunks say of the flush, `newest_ms` by group when its newest label was known. Samples have
    chunks of their own.
    """
    said = _Said(empty, names, newest_ms)
    chunks = list(_halves(said, slots, 0, int(slots.units[-1]))) if slots.units[-1] else []
    chunks += _sampled(said, samples)
    for n, chunk in enumerate(chunks):
        chunk.chunk, chunk.last = n, n == len(chunks) - 1
    return chunks


class _Said(NamedTuple):
    empty: Flush
    names: Names
    newest_ms: list[int]


def _halves(said: _Said, slots: Slots, begin: int, end: int) -> Iterator[Flush]:
    keys, bounds, cells = slots.part(begin, end)
    least = (cells.stop - cells.start) * _CELL_BYTES + len(keys) * _SLOT_BYTES
    if end - begin < 2 or least <= MAX_RECORD_BYTES:
        chunk = _chunk(said, keys, bounds, slots.code[cells], slots.count[cells])
        if end - begin < 2 or least + _names_bytes(chunk) <= MAX_RECORD_BYTES:
            yield chunk
            return
    middle = (begin + end) // 2
    yield from _halves(said, slots, begin, middle)
    yield from _halves(said, slots, middle, end)


def _sampled(said: _Said, samples: list[Sample]) -> Iterator[Flush]:
    """Chunks of samples alone."""
    empty, names, newest_ms = said
    for some in _bounded(samples, names, _names_bytes(empty)):
        groups = sorted({sample.group for sample in some})
        place = {group: i for i, group in enumerate(groups)}
        told = [msgspec.structs.replace(sample, group=place[sample.group]) for sample in some]
        yield replace(
            empty, groups=[names.groups[g] for g in groups], newest=[newest_ms[g] for g in groups], samples=told
        )


def _bounded(samples: list[Sample], names: Names, least: int) -> Iterator[list[Sample]]:
    """Samples in lists that fit into a record each, with the names of their groups and `least` bytes more."""
    some: list[Sample] = []
    size, groups = least, set[int]()
    for sample in samples:
        more = _SAMPLE_BYTES + _text_bytes(sample.true, sample.predicted, sample.source)
        group = _GROUP_BYTES + _text_bytes(*_texts(names.groups[sample.group]))
        if some and size + more + (0 if sample.group in groups else group) > MAX_RECORD_BYTES:
            yield some
            some, size, groups = [], least, set()
        some.append(sample)
        size += more + (0 if sample.group in groups else group)
        groups.add(sample.group)
    if some:
        yield some


def _chunk(said: _Said, keys: Ints, bounds: Ints, code: Ints, count: Ints) -> Flush:
    empty, names, newest_ms = said
    groups, group = np.unique(keys & ((1 << GROUP_BITS) - 1), return_inverse=True)
    code, classes, sources, versions = local_names(code, names.classes, names.label_sources, names.versions)
    return Flush(
        empty.ledger_partition, empty.begin, empty.end, empty.watermark, [names.groups[g] for g in groups.tolist()],
        classes, keys >> GROUP_BITS, group.astype(np.uint32), bounds, code, count, empty.writer,
        config_hash=empty.config_hash, sources=sources, newest=[newest_ms[g] for g in groups.tolist()],
        versions=versions,
    )  # fmt: skip


def _names_bytes(chunk: Flush) -> int:
    """Bytes of everything but the columns, at most."""
    texts = [chunk.writer, chunk.config_hash, *chunk.classes, *chunk.sources, *chunk.versions]
    for group in chunk.groups:
        texts += _texts(group)
    return _HEADER_BYTES + _text_bytes(*texts) + _GROUP_BYTES * len(chunk.groups)


def _texts(group: Group) -> tuple[str, ...]:
    return group.model, group.version, *group.segments


def _text_bytes(*texts: str) -> int:
    return sum(len(text.encode()) + _NAME_BYTES for text in texts)
