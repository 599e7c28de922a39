"""Records of one source partition in, columns of rows and reasoned rejects out. The door of this room.

Two readers share the work: `ColumnReader` takes what is plainly good, a whole batch at a time; `RecordReader` is the
reference and takes the rest, one by one. Invariant: every record is exactly one row or one reject, rows are in offset
order, and which reader took a record cannot be told from the outcome.
"""

from collections.abc import Hashable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from streams.formats.column_reader import ColumnReader, Part
from streams.formats.columns import NO_CLASS, Decoded, Group, Kept, Records
from streams.formats.mapping import compile_mapping
from streams.formats.reasons import Kind, Rejected
from streams.formats.record_reader import RecordReader, Row
from streams.formats.spec import MappingSpec

T = TypeVar("T", bound=Hashable)

MAX_BATCH = 65_534
"""Records in a batch: class codes are 16 bits wide, and each record can have a class of its own."""


class Decoder:
    """Decodes the records of one topic by one mapping.

    `dimensions` gives the order of `Group.segments` (default: that of the spec); a segment without a value is
    "(none)". The join key is the id in UTF-8, or `scope + 0x1f + id` where the mapping has the field "scope".
    `needs` says which columns of `Records` it reads besides the values: "keys", "headers", "timestamps".
    Raises `MappingError` for a spec that cannot be compiled.
    """

    def __init__(self, spec: MappingSpec, dimensions: Sequence[str] = (), *, _reference_only: bool = False) -> None:
        mapping = compile_mapping(spec, dimensions)
        self.spec = spec
        self.dimensions: tuple[str, ...] = mapping.dimensions
        self.needs: frozenset[str] = mapping.needs
        self._kept = mapping.kept
        self._records = RecordReader(mapping)
        columns = ColumnReader(mapping)
        self._columns = columns if columns.plan.possible and not _reference_only else None

    @property
    def is_columnar(self) -> bool:
        """Whether the mapping allows the fast way; docs/mapping.md says which do."""
        return self._columns is not None

    def decode(self, records: Records, now_ms: int | None) -> Decoded:
        """The rows and rejects of a batch of at most `MAX_BATCH` records; never raises for what they contain.

        `now_ms` is the reader's clock, against which a time can be at most `Limits.max_skew_ms` ahead; None checks
        nothing.
        """
        if len(records) > MAX_BATCH:
            raise ValueError(f"a batch of {len(records)} records, more than {MAX_BATCH}")
        if self._columns is None or not len(records):
            return self._reference(records, range(len(records)), now_ms).rows
        part, left = self._columns.read(records, now_ms)
        return _merged(part, self._reference(records, left, now_ms)) if left else part.rows

    def _reference(self, records: Records, indexes: Sequence[int], now_ms: int | None) -> Part:
        rows: list[Row] = []
        rejected: list[Rejected] = []
        for index in indexes:
            row = self._records.read(records, index, now_ms)
            if isinstance(row, Row):
                rows.append(row)
            else:
                rejected.append(row)
        part = _columns_of(self.spec.kind, records, rows, rejected)
        if self._kept.keep:
            part.rows.kept = self._kept.rows([row.kept for row in rows])
        return part


def _columns_of(kind: Kind, records: Records, rows: list[Row], rejected: list[Rejected]) -> Part:
    """Rows read one by one as columns."""
    classes: dict[str, int] = {}
    groups: dict[Group, int] = {}
    sources: dict[str, int] = {}
    decoded = Decoded(
        kind,
        [row.key for row in rows],
        np.array([records.offsets[row.index] for row in rows], np.int64),
        np.array([row.time for row in rows], np.int64),
        np.array([row.delivered for row in rows], np.int64),
        np.array([NO_CLASS if r.cls is None else classes.setdefault(r.cls, len(classes)) for r in rows], np.uint16),
        [],
        rejected=rejected,
    )
    if kind is Kind.LABEL:
        decoded.label_source = np.array([sources.setdefault(r.source, len(sources)) for r in rows], np.uint16)
        decoded.rank = np.array([row.rank for row in rows], np.uint8)
    else:
        found = [row.group for row in rows if row.group is not None]
        decoded.group = np.array([groups.setdefault(group, len(groups)) for group in found], np.uint32)
        decoded.confidence = np.array([row.confidence for row in rows], np.uint16)
    decoded.classes, decoded.groups, decoded.label_sources = list(classes), list(groups), list(sources)
    return Part(np.array([row.index for row in rows], np.int64), decoded)


def _merged(a: Part, b: Part) -> Decoded:
    """Two disjoint parts of a batch in the order of the batch, under common dictionaries."""
    if not len(b.at):
        a.rows.rejected = b.rows.rejected
        return a.rows
    order = np.argsort(np.concatenate((a.at, b.at)), kind="stable")
    x, y = a.rows, b.rows
    classes, recoded = _united(x.classes, y.classes)
    groups, regrouped = _united(x.groups, y.groups)
    sources, resourced = _united(x.label_sources, y.label_sources)
    cls = np.full(NO_CLASS + 1, NO_CLASS, np.uint16)  # a deletion stays one
    cls[: len(recoded)] = recoded
    keys = [*x.keys, *y.keys]

    def both(first: NDArray[Any], second: NDArray[Any]) -> NDArray[Any]:
        joined = np.concatenate((first, second))
        return joined[order] if len(joined) else joined  # a column of the other kind of record is empty

    return Decoded(
        x.kind,
        [keys[i] for i in order.tolist()],
        both(x.offset, y.offset),
        both(x.time, y.time),
        both(x.delivered, y.delivered),
        both(x.cls, cls[y.cls]),
        classes,
        both(x.group, np.array(regrouped, np.uint32)[y.group]),
        groups,
        both(x.confidence, y.confidence),
        both(x.rank, y.rank),
        both(x.label_source, np.array(resourced, np.uint16)[y.label_source]),
        sources,
        y.rejected,
        _kept(x.kept, y.kept, order),
    )


def _kept(first: Kept | None, second: Kept | None, order: NDArray[np.int64]) -> Kept | None:
    """The scores that both parts keep, in the order of the batch."""
    if first is None or second is None:
        return None
    place = np.argsort(order, kind="stable")
    n = len(first.squares)
    width = first.codes.shape[1]
    kept = Kept(
        np.empty((len(order), width), np.uint32), np.empty((len(order), width), np.uint16),
        np.empty(len(order), np.uint32), [],
    )  # fmt: skip
    kept.put(place[:n], first)
    kept.put(place[n:], second)
    return kept


def _united(first: list[T], second: list[T]) -> tuple[list[T], list[int]]:
    """Both dictionaries as one, and the place in it of each entry of the second."""
    place = {entry: code for code, entry in enumerate(first)}
    recoded = [place.setdefault(entry, len(place)) for entry in second]
    return list(place), recoded
