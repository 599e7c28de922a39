"""The typed view of a JSON object: a `msgspec.Struct` made from the dotted paths a mapping reads, and no more.

What is not read is never built, which makes decoding two to three times as fast as an untyped parse. Rule: a message
that does not fit the types is not wrong, it is only left to the reference reader.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any

import msgspec

Path = tuple[str, ...]

ID_TYPE: Any = str | int | None
TIME_TYPE: Any = int | float | str | None
NAME_TYPE: Any = str | int | float | bool | None
SCORE_TYPE: Any = float | dict[str, float] | None

_MISFITS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, TypeError)
"""What a decoder raises for bytes that do not fit: malformed, wrong type, bad UTF-8, too deep, or a null value."""


_UNSPELLABLE = re.compile('["\\\\\x00-\x1f\ud800-\udfff]')

_CHUNK = 1_000  # messages
_REFUSED = b""  # stands for a value that must not be parsed; it fits no layout

# A comprehension over a fixed attribute is twice as fast as `attrgetter`, and there are a dozen columns a message.
_TAKE: tuple[Callable[[list[Any]], list[Any]], ...] = (
    lambda rows: [r.f0 for r in rows], lambda rows: [r.f1 for r in rows], lambda rows: [r.f2 for r in rows],
    lambda rows: [r.f3 for r in rows], lambda rows: [r.f4 for r in rows], lambda rows: [r.f5 for r in rows],
    lambda rows: [r.f6 for r in rows], lambda rows: [r.f7 for r in rows], lambda rows: [r.f8 for r in rows],
    lambda rows: [r.f9 for r in rows], lambda rows: [r.f10 for r in rows], lambda rows: [r.f11 for r in rows],
)  # fmt: skip


def is_field_name(text: str) -> bool:
    """Whether a struct can have a field of this JSON name; msgspec refuses those that JSON writes with an escape."""
    return _UNSPELLABLE.search(text) is None


def overlapping(paths: Iterable[Path]) -> set[Path]:
    """The paths that lead into or through another one: a struct's field cannot be a scalar and an object."""
    known = set(paths)
    clashing = {(p, p[:n]) for p in known for n in range(1, len(p)) if p[:n] in known}
    return {path for pair in clashing for path in pair}


class Layout:
    """A struct for paths of which none leads through another, and how its columns are taken.

    A path of type None must be null, and has no column.
    """

    def __init__(self, types: dict[Path, Any]) -> None:
        self._getters: dict[Path, list[int]] = {}  # the numbers of the fields that lead to it
        self._decode = msgspec.json.Decoder(self._struct(types, ())).decode

    def columns(self, values: Sequence[bytes | None], max_bytes: int) -> tuple[dict[Path, list[Any]], list[int]]:
        """The column of each path over the values that fit (None where it leads nowhere), and the indexes of misfits.

        Works in chunks, so that a chunk's structs are still in the processor's cache when its columns are taken, and
        their memory is used again for the next one.
        """
        columns: dict[Path, list[Any]] = {path: [] for path in self._getters}
        misfits: list[int] = []
        for start in range(0, len(values), _CHUNK):
            rows = self._rows(_parseable(values[start : start + _CHUNK], max_bytes), start, misfits)
            for path, (first, *inner) in self._getters.items():
                column = _TAKE[first](rows) if first < len(_TAKE) else list(map(attrgetter(f"f{first}"), rows))
                for number in inner:
                    getter = attrgetter(f"f{number}")
                    column = [None if outer is None else getter(outer) for outer in column]
                columns[path] += column
        return columns, misfits

    def _rows(self, values: Sequence[bytes | None], start: int, misfits: list[int]) -> list[Any]:
        """The structs of the values that fit. One pass: a misfit costs itself alone."""
        rows: list[Any] = []
        fitting = map(self._decode, values)  # type: ignore[arg-type]  # a null value is a misfit
        found = 0
        while True:
            try:
                rows.extend(fitting)  # keeps what came before an exception; the map goes on after it
            except _MISFITS:
                misfits.append(start + len(rows) + found)
                found += 1
            else:
                return rows

    def _struct(self, types: dict[Path, Any], prefix: Path) -> type[msgspec.Struct]:
        depth = len(prefix)
        names = list(dict.fromkeys(path[depth] for path in types if path[:depth] == prefix and len(path) > depth))
        fields = []
        for number, name in enumerate(names):
            path = (*prefix, name)
            kind = types[path] if path in types else self._struct(types, path) | None
            fields.append((f"f{number}", kind, None))
            for longer, longer_kind in types.items():
                if longer[: depth + 1] == path and longer_kind is not None:
                    self._getters.setdefault(longer, []).insert(0, number)
        rename = {f"f{number}": name for number, name in enumerate(names)}
        return msgspec.defstruct("Fields", fields, gc=False, rename=rename)


def _parseable(values: Sequence[bytes | None], max_bytes: int) -> Sequence[bytes | None]:
    """The values, with `_REFUSED` for those that are too large, null or not UTF-8 (even where nothing reads them)."""
    try:
        if max(map(len, values)) <= max_bytes and all(map(bytes.isascii, values)):  # type: ignore[arg-type]
            return values
    except TypeError:  # a null value has no length
        pass
    return [v if v is not None and len(v) <= max_bytes and _is_utf8(v) else _REFUSED for v in values]


def _is_utf8(value: bytes) -> bool:
    try:
        return value.isascii() or bool(value.decode())
    except UnicodeDecodeError:
        return False
