"""Which candidates of a mapping can be read as columns, and how far each field has needed them so far.

Rule: a plan decides speed alone. A field is read up to the last candidate that messages have needed (`depth`), since a
narrower struct decodes faster; a row that is null in all of these while candidates remain is left to the reference,
and the plan learns from such rows. Of what is read, a path that was null in all messages so far is typed as null: no
column is made of it, and a message that has something there fits no more and is learned from. Both only grow.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from streams.formats.access import Access
from streams.formats.columns import Records
from streams.formats.expressions import Root
from streams.formats.layout import ID_TYPE, NAME_TYPE, SCORE_TYPE, TIME_TYPE, Layout, Path, is_field_name, overlapping
from streams.formats.mapping import Field, Mapping
from streams.formats.name_columns import ODD
from streams.formats.payload import load_object
from streams.formats.record_reader import message_of
from streams.formats.score_columns import ScoreMaps
from streams.formats.time_columns import TimeColumn, time_column
from streams.formats.values import Unreadable

_ROLES: dict[str, tuple[Any, frozenset[str]]] = {
    "id": (ID_TYPE, frozenset({"str"})),
    "time": (TIME_TYPE, frozenset({"ts"})),
    "delivery": (TIME_TYPE, frozenset({"ts"})),
    "score": (SCORE_TYPE, frozenset({"float"})),
    "class": (NAME_TYPE, frozenset({"str", "lower", "class"})),
    "delete_when": (NAME_TYPE, frozenset()),
}
"""The JSON types a field's column is decoded as, and the pipes it can have here."""

_NAME_ROLE: tuple[Any, frozenset[str]] = (NAME_TYPE, frozenset({"str", "lower"}))
_SAMPLE = 64  # messages a plan learns its depths from


def is_columnar(access: Access, role: str) -> bool:
    """Whether a candidate can be read as a column: a dotted path, key, timestamp or constant, with simple pipes."""
    expression, (_, pipes) = access.expression, _ROLES.get(role, _NAME_ROLE)
    if any(pipe.name not in pipes for pipe in expression.pipes):
        return False
    if expression.root is Root.VALUE:
        return bool(expression.steps) and all(type(step) is str and is_field_name(step) for step in expression.steps)
    if role in {"time", "delivery"}:
        return expression.is_record_time
    if role in {"score", "delete_when"} or expression.is_record_time or expression.steps == ("offset",):
        return False
    return expression.root is not Root.HEADER and (expression.root is not Root.KEY or not expression.steps)


class ColumnPlan:
    """The columnar candidates of every field of a mapping; not `possible` when some field does not begin with one."""

    def __init__(self, mapping: Mapping) -> None:
        deletes = [Field("delete_when", (access,)) for access, _ in mapping.deletes]
        self.max_bytes = mapping.spec.limits.max_value_bytes
        self._fields = {field.name: field for field in mapping.fields() if field.candidates}
        every = [*self._fields.values(), *deletes]
        clashing = overlapping(_path(a) for f in every for a in f.candidates if _is_path(a) and is_columnar(a, f.name))
        self._clashing = clashing
        self._prefix = {name: self._columnar(field) for name, field in self._fields.items()}
        self.maps = ScoreMaps(whole=mapping.kept.keep > 0)
        self._deletes = [access for field in deletes for access in self._columnar(field)]
        self.possible = all(self._prefix.values()) and len(self._deletes) == len(deletes)
        self.depth = dict.fromkeys(self._prefix, 0)
        self._seen: set[Path] = set()  # not null in some message
        if self.possible:
            self.layout = self._layout()

    def candidates(self, name: str) -> tuple[Access, ...]:
        """The candidates of a field that can have a value now; none for a field the mapping does not have."""
        return tuple(access for access in self._read(name) if self.is_live(access))

    def is_live(self, access: Access) -> bool:
        """Whether a candidate can have a value in a message that fits; else it is null."""
        return not _is_path(access) or _path(access) in self._seen

    def is_complete(self, name: str) -> bool:
        """Whether a row that is null in all of `candidates` really has no value."""
        field = self._fields.get(name)
        return field is None or self.depth[name] == len(field.candidates)

    def learn(self, records: Records, indexes: Sequence[int]) -> bool:
        """Read each field as far as these messages (a sample of them) need it; whether that is another layout."""
        before = (dict(self.depth), len(self._seen), self.maps.shape)
        objects = []
        for index in indexes[:_SAMPLE]:
            message = message_of(records, index)
            try:
                message.value = load_object(records.values[index] or b"", self.max_bytes)
            except Unreadable:
                continue
            objects.append(message.value)
            seen: dict[str, Any] = {}
            for name, field in self._fields.items():
                try:
                    found = field.first(message)
                except Unreadable:
                    continue
                seen[name] = None if found is None else found[1]
                used = len(field.candidates) if found is None else field.candidates.index(found[0]) + 1
                self.depth[name] = max(self.depth[name], min(used, len(self._prefix[name])))
            self.maps.learn(seen.get("score"), seen.get("class"))
        for name in self.depth:
            self.depth[name] = max(self.depth[name], 1)
        paths = {_path(access) for _, access in self._accesses() if _is_path(access)} - self._seen
        self._seen |= {path for path in paths if any(_has(value, path) for value in objects)}
        if before == (self.depth, len(self._seen), self.maps.shape):
            return False
        self.layout = self._layout()
        return True

    def _read(self, name: str) -> tuple[Access, ...]:
        """The candidates of a field down to its depth."""
        return self._prefix.get(name, ())[: self.depth.get(name, 0)]

    def _accesses(self) -> list[tuple[str, Access]]:
        """All that is read now, with its role."""
        used = [(name, access) for name in self._prefix for access in self._read(name)]
        return [*used, *(("delete_when", access) for access in self._deletes)]

    def _columnar(self, field: Field) -> tuple[Access, ...]:
        """The candidates of a field up to the first that is not columnar."""
        prefix = []
        for access in field.candidates:
            if not is_columnar(access, field.name) or (_is_path(access) and _path(access) in self._clashing):
                break
            prefix.append(access)
        return tuple(prefix)

    def _layout(self) -> Layout:
        roles: dict[Path, set[str]] = {}
        for role, access in self._accesses():
            if _is_path(access):
                roles.setdefault(_path(access), set()).add(role)
        return Layout({path: self._type(names) if path in self._seen else None for path, names in roles.items()})

    def _type(self, roles: set[str]) -> Any:
        """The JSON type of a path. What is a score and a name is never read as a map here: the reference does."""
        if roles == {"score"}:
            return self.maps.column_type()
        return _ROLES.get(next(iter(roles)), _NAME_ROLE)[0] if len(roles) == 1 else NAME_TYPE


class Cells:
    """The columns of the messages of a batch that fitted the plan's layout. `at[i]` is the index of row i."""

    def __init__(self, plan: ColumnPlan, records: Records) -> None:
        self._records = records
        self._columns, misfits = plan.layout.columns(records.values, plan.max_bytes)
        fits = np.ones(len(records), bool)
        fits[misfits] = False
        self.at = np.flatnonzero(fits)
        self.misfits = misfits
        self._whole = not misfits

    def column(self, access: Access) -> list[Any]:
        """The values of a candidate, null where there is none; its pipes are the reader's business but `lower`."""
        expression, records, n = access.expression, self._records, len(self.at)
        if expression.root is Root.VALUE:
            column = self._columns[_path(access)]
        elif expression.root is Root.KEY:
            column = [None] * n if records.keys is None else [_text(key) for key in self._chosen(records.keys)]
        elif expression.root is Root.TEXT:
            column = [expression.steps[0]] * n
        else:
            column = [records.topic if expression.steps == ("topic",) else records.partition] * n
        if any(pipe.name == "lower" for pipe in expression.pipes):
            column = [v.lower() if type(v) is str else None if v is None else ODD for v in column]
        return column

    def times(self, access: Access) -> TimeColumn:
        """The times of a candidate; record timestamps are in ms whatever their magnitude."""
        if not access.expression.is_record_time:
            return time_column(self.column(access))
        n, stamps = len(self.at), self._records.timestamps
        if stamps is None:
            return TimeColumn(np.zeros(n, np.int64), np.ones(n, bool), np.zeros(n, bool))
        ms = np.asarray(stamps, np.int64)
        ms = ms if self._whole else ms[self.at]
        return TimeColumn(ms, ms < 0, np.zeros(n, bool))

    def _chosen(self, column: Sequence[Any]) -> Sequence[Any]:
        return column if self._whole else [column[i] for i in self.at.tolist()]


def _is_path(access: Access) -> bool:
    return access.expression.root is Root.VALUE


def _path(access: Access) -> Path:
    return tuple(str(step) for step in access.expression.steps)


def _has(value: Any, path: Path) -> bool:
    """Whether a JSON value has something but null at a path, or on the way to it what is no object."""
    for step in path:
        if type(value) is not dict:
            return value is not None
        value = value.get(step)
    return value is not None


def _text(key: bytes | None) -> Any:
    """A record key as text; one that is not UTF-8 is for the reference to reject."""
    try:
        return None if key is None else key.decode()
    except UnicodeDecodeError:
        return ODD
