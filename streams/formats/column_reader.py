"""The fast way: a whole batch decoded into typed rows, then column by column. What is odd is left to the reference.

Rule: this reader never rejects and never guesses. A row that it answers is exactly what `RecordReader` answers; of
every other row it gives only the index. So it can be wrong in speed alone.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.formats.access import Access
from streams.formats.column_plan import Cells, ColumnPlan
from streams.formats.columns import Decoded, Group, Kept, Records
from streams.formats.mapping import NO_NAME, Field, Mapping
from streams.formats.name_columns import ODD, Distinct, Names, clean_name, distinct, id_keys, resolve
from streams.formats.reasons import Kind
from streams.formats.record_reader import SCOPE_SEPARATOR, matches
from streams.formats.score_columns import kept_column, score_column
from streams.formats.time_columns import TimeColumn
from streams.formats.values import Unreadable

_HOLES = 1 / 50  # the share of a batch with fields not found that makes the plan learn again


@dataclass(slots=True)
class Part:
    """Some rows of a batch: `at[i]` is the index of row i in the batch, growing."""

    at: NDArray[np.int64]
    rows: Decoded


class ColumnReader:
    """Reads batches by one mapping; `plan.possible` says whether it can."""

    def __init__(self, mapping: Mapping) -> None:
        self._mapping = mapping
        self.plan = ColumnPlan(mapping)
        self._learned = False

    def read(self, records: Records, now_ms: int | None) -> tuple[Part, list[int]]:
        """The rows that are plainly good, and the indexes of all others in the batch."""
        n = len(records)
        if not self._learned and n:
            self.plan.learn(records, range(n))
            self._learned = True
        cells = Cells(self.plan, records)
        if len(cells.misfits) > _HOLES * n and self.plan.learn(records, cells.misfits):
            cells = Cells(self.plan, records)
        if not len(cells.at):
            return Part(cells.at, _empty(self._mapping)), list(range(n))
        batch = _Batch(self._mapping, self.plan, cells, now_ms)
        part = batch.part(records)
        if int(batch.holes.sum()) > _HOLES * n:
            self.plan.learn(records, cells.at[batch.holes].tolist())
        if len(part.at) == n:
            return part, []
        good = np.zeros(n, bool)
        good[part.at] = True
        return part, np.flatnonzero(~good).tolist()


class _Batch:
    """The columns of one batch while they are made; `odd` gathers the rows that the reference has to read."""

    def __init__(self, mapping: Mapping, plan: ColumnPlan, cells: Cells, now_ms: int | None) -> None:
        self.mapping = mapping
        self.plan = plan
        self.cells = cells
        self.at = cells.at
        self.now_ms = now_ms
        self.odd = np.zeros(len(cells.at), bool)
        self.holes = np.zeros(len(cells.at), bool)

    def part(self, records: Records) -> Part:
        """All rows of the batch that are not odd."""
        kind = self.mapping.spec.kind
        keys = self._keys()
        time = self._times(self.mapping.time)
        spelled = self._distinct(self.mapping.cls)
        classes = self._resolved(spelled, self._class_name)
        rows = Decoded(
            kind, keys, self._offsets(records), time, self._delivered(time),
            classes.codes.astype(np.uint16), classes.names,
        )  # fmt: skip
        if kind is Kind.LABEL:
            sources = self._names(self.mapping.source, NO_NAME, NO_NAME)
            ranks = np.array([self.mapping.ranks.get(name, 0) for name in sources.names], np.uint8)
            rows.label_source, rows.label_sources = sources.codes.astype(np.uint16), sources.names
            rows.rank = ranks[sources.codes]
            for access, wanted in self.mapping.deletes:
                self._leave_deletions(access, wanted)
        else:
            rows.group, rows.groups = self._groups()
            rows.confidence, rows.kept = self._scores(spelled, rows.cls, rows.classes)
        return Part(self.at, rows) if not self.odd.any() else self._kept(rows)

    def _keys(self) -> list[bytes]:
        column = self._first(self.mapping.id)
        keys, odd = id_keys(column, self.mapping.spec.limits.max_id_bytes)
        if odd is not None:
            self.odd |= odd
            if not self.plan.is_complete("id"):
                self.holes |= np.fromiter((v is None for v in column), bool, len(column))
        if self.mapping.scope is None:
            return keys
        scopes = self._names(self.mapping.scope, None, "")
        prefix = [name.encode() + SCOPE_SEPARATOR for name in scopes.names]
        return [prefix[code] + key for code, key in zip(scopes.codes.tolist(), keys, strict=True)]

    def _first(self, field: Field) -> list[Any]:
        """A field's values: of each row the first candidate that is not null."""
        column: list[Any] = [None] * len(self.at)
        for number, access in enumerate(self.plan.candidates(field.name)):
            if number == 0:
                column = self.cells.column(access)
            elif None in column:
                spare = self.cells.column(access)
                column = [new if old is None else old for old, new in zip(column, spare, strict=True)]
        return column

    def _distinct(self, field: Field) -> Distinct:
        """A name field's values as codes; rows that are null while candidates remain are holes."""
        candidates = self.plan.candidates(field.name)
        column = distinct(
            self._piped(candidates[0], self.cells.column(candidates[0])) if candidates else [None] * len(self.at)
        )
        if len(candidates) > 1 and column.where(None) is not None:
            values = [column.values[code] for code in column.codes.tolist()]
            for access in candidates[1:]:
                spare = self._piped(access, self.cells.column(access))
                values = [new if old is None else old for old, new in zip(values, spare, strict=True)]
            column = distinct(values)
        missing = None if self.plan.is_complete(field.name) else column.where(None)
        if missing is not None:
            self.odd |= missing
            self.holes |= missing
        return column

    def _piped(self, access: Access, column: list[Any]) -> list[Any]:
        """A column after the pipe `class`, which comes last where it is allowed; `str` changes nothing here."""
        if not any(pipe.name == "class" for pipe in access.expression.pipes):
            return column
        found = distinct(column)
        names = [v if v is None or v is ODD else self._class_name(v) or ODD for v in found.values]
        return [names[code] for code in found.codes.tolist()]

    def _class_name(self, text: str | None) -> str | None:
        try:
            return None if text is None else self.mapping.classes.of(text)
        except Unreadable:
            return None

    def _names(self, field: Field, default: str | None, empty: str | None) -> Names:
        """A field's names; None as the default or for an empty text makes such rows odd."""
        most = self.mapping.spec.limits.max_name_chars
        default = None if field.required else default

        def name_of(text: str | None) -> str | None:
            if text is None:
                return default
            return empty if not text else text if clean_name(text, most) else None

        return self._resolved(self._distinct(field), name_of)

    def _resolved(self, column: Distinct, name_of: Any) -> Names:
        names = resolve(column, name_of)
        if names.odd is not None:
            self.odd |= names.odd
        return names

    def _groups(self) -> tuple[NDArray[np.uint32], list[Group]]:
        spec = self.mapping.spec
        parts = [
            self._names(self.mapping.model, spec.default_model, None),
            self._names(self.mapping.version, spec.default_version, None),
            *(self._names(segment, NO_NAME, NO_NAME) for segment in self.mapping.segments),
        ]
        combined = np.zeros(len(self.at), np.int64)
        groups: list[tuple[str, ...]] = [()]
        for names in parts:
            if len(names.names) == 1 and names.odd is None:
                groups = [(*group, names.names[0]) for group in groups]
                continue
            combined = combined * len(names.names) + names.codes
            present, combined = _renumbered(combined, len(groups) * len(names.names))
            groups = [(*groups[c // len(names.names)], names.names[c % len(names.names)]) for c in present]
        return combined.astype(np.uint32), [Group(g[0], g[1], g[2:]) for g in groups]

    def _scores(
        self, spelled: Distinct, cls: NDArray[np.uint16], classes: list[str]
    ) -> tuple[NDArray[np.uint16], Kept | None]:
        field = self.mapping.score
        column = self._first(field)
        kinds = set(map(type, column))
        if type(None) in kinds and (field.required or not self.plan.is_complete("score")):
            missing = np.fromiter((v is None for v in column), bool, len(column))
            self.odd |= missing
            self.holes |= missing if not self.plan.is_complete("score") else False
        if any(access.expression.pipes for access in self.plan.candidates("score")) and kinds - {float, type(None)}:
            self.odd[:] = True  # a pipe must see what is no number
        confidence, odd = score_column(column, spelled, (cls, classes), self.mapping.scores, self.plan.maps)
        if odd is not None:
            self.odd |= odd
            self.holes |= odd
        kept = self.mapping.kept
        return confidence, kept_column(column, (cls, classes), kept, self.plan.maps) if kept.keep else None

    def _times(self, field: Field) -> NDArray[np.int64]:
        column = self._time_column(field)
        ms, limits = column.ms, self.mapping.spec.limits
        self.odd |= column.missing | column.odd | (ms < limits.earliest_ms) | (ms >= limits.latest_ms)
        if self.now_ms is not None:
            self.odd |= ms > self.now_ms + limits.max_skew_ms
        if not self.plan.is_complete(field.name):
            self.holes |= column.missing
        return ms

    def _delivered(self, time: NDArray[np.int64]) -> NDArray[np.int64]:
        column = self._time_column(self.mapping.delivery)
        self.odd |= column.odd
        if not self.plan.is_complete("delivery"):
            self.odd |= column.missing
            self.holes |= column.missing
        limits = self.mapping.spec.limits
        unusable = column.missing | (column.ms < limits.earliest_ms) | (column.ms >= limits.latest_ms)
        if self.now_ms is not None:
            unusable |= column.ms > self.now_ms + limits.max_skew_ms
        return np.where(unusable, time, column.ms)

    def _time_column(self, field: Field) -> TimeColumn:
        n = len(self.at)
        candidates = self.plan.candidates(field.name)
        if not candidates:
            return TimeColumn(np.zeros(n, np.int64), np.ones(n, bool), np.zeros(n, bool))
        whole = self.cells.times(candidates[0])
        for access in candidates[1:]:
            if not whole.missing.any():
                break
            column = self.cells.times(access)
            whole.ms = np.where(whole.missing, column.ms, whole.ms)
            whole.odd |= whole.missing & column.odd
            whole.missing = whole.missing & column.missing
        return whole

    def _leave_deletions(self, access: Access, wanted: tuple[str | int | bool, ...]) -> None:
        if not self.plan.is_live(access):
            return
        column = self.cells.column(access)
        if column.count(None) != len(column):
            self.odd |= np.fromiter((matches(value, wanted) for value in column), bool, len(column))

    def _offsets(self, records: Records) -> NDArray[np.int64]:
        offsets = np.asarray(records.offsets, np.int64)
        return offsets if len(self.at) == len(offsets) else offsets[self.at]

    def _kept(self, rows: Decoded) -> Part:
        keep = ~self.odd
        columns = ("offset", "time", "delivered", "cls", "group", "confidence", "rank", "label_source")
        for name in columns:
            column = getattr(rows, name)
            setattr(rows, name, column[keep] if len(column) else column)
        rows.kept = rows.kept and rows.kept.rows(keep)
        rows.keys = [key for key, kept in zip(rows.keys, keep.tolist(), strict=True) if kept]
        return Part(self.at[keep], rows)


def _renumbered(codes: NDArray[np.int64], bound: int) -> tuple[list[int], NDArray[np.int64]]:
    """The codes that occur, ascending, and the column renumbered by them. By a table where it is small."""
    if bound > 1 << 16:
        present, inverse = np.unique(codes, return_inverse=True)
        return present.tolist(), inverse.astype(np.int64)
    seen = np.zeros(bound, bool)
    seen[codes] = True
    number = np.cumsum(seen) - 1
    return np.flatnonzero(seen).tolist(), number[codes]


def _empty(mapping: Mapping) -> Decoded:
    none = np.zeros(0, np.int64)
    kept = mapping.kept.none(0) if mapping.kept.keep else None
    return Decoded(mapping.spec.kind, [], none, none, none, np.zeros(0, np.uint16), [], kept=kept)
