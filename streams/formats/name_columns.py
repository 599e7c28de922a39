"""Columns of names as dictionary codes, and columns of ids as join keys: checked once a distinct value, or by block.

Rule: a value that is not plainly good is odd, and the reference reader says why. Distinct values are found among texts
only, because `True == 1 == 1.0` would be one key of a dictionary.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streams.formats.values import CONTROL, as_text, is_integer

Bools = NDArray[np.bool_]


class Odd:
    """The value of a cell that only the reference reader can judge."""


ODD: Final = Odd()
_ODD_CODE = 0xFFFFFFFF
_LINE_END, _DELETE, _SPACE = 10, 127, 32


@dataclass(slots=True)
class Distinct:
    """A column as codes into its distinct values (texts, None, ODD), in order of first appearance."""

    codes: NDArray[np.uint32]
    values: list[Any]

    def where(self, value: Any) -> Bools | None:
        """The rows that hold a value (None, ODD), None when no row does."""
        for code, distinct in enumerate(self.values):
            if distinct is value:
                return np.asarray(self.codes == code)
        return None


@dataclass(slots=True)
class Names:
    """A column of canonical names: `names[codes[i]]`; rows where `odd` is set have none (their code is 0)."""

    codes: NDArray[np.uint32]
    names: list[str]
    odd: Bools | None = None


def distinct(column: list[Any]) -> Distinct:
    """The distinct values of a column of JSON scalars, as texts."""
    n = len(column)
    first = column[0]
    constant = (type(first) is str or first is None) and column[-1] == first and column[n // 2] == first
    if constant and column.count(first) == n:
        return Distinct(np.zeros(n, np.uint32), [first])
    codes, found = _codes(column)
    if any(value is not None and value is not ODD and type(value) is not str for value in found):
        codes, found = _codes([v if v is None or v is ODD or type(v) is str else (as_text(v) or ODD) for v in column])
    return Distinct(codes, found)


def _codes(column: list[Any]) -> tuple[NDArray[np.uint32], list[Any]]:
    """The code of each value and the values by code. One look-up a value: who is new gets the next number."""
    index: defaultdict[Any, int] = defaultdict()
    index.default_factory = index.__len__
    return np.fromiter(map(index.__getitem__, column), np.uint32, len(column)), list(index)


def resolve(column: Distinct, name_of: Callable[[str | None], str | None]) -> Names:
    """The names of a column; `name_of` gives the name of a text or of null, None where the row is odd."""
    names: dict[str, int] = {}
    table = []
    for value in column.values:
        name = None if value is ODD else name_of(value)
        table.append(_ODD_CODE if name is None else names.setdefault(name, len(names)))
    if table == list(range(len(table))):
        return Names(column.codes, list(names))
    codes = np.array(table, np.uint32)[column.codes]
    odd = codes == _ODD_CODE
    codes[odd] = 0
    return Names(codes, list(names) or [""], odd)


def clean_name(text: str, max_chars: int) -> bool:
    """Whether a text can be a name as it is."""
    return len(text) <= max_chars and CONTROL.search(text) is None


def id_keys(column: list[Any], max_bytes: int) -> tuple[list[bytes], Bools | None]:
    """The join keys of a column of ids, and the rows whose id is odd (their key is empty)."""
    keys = _plain_keys(column, max_bytes)
    if keys is not None:
        return keys, None
    keys = [_key(value, max_bytes) for value in column]
    odd = np.fromiter((not key for key in keys), bool, len(keys))
    return keys, odd


def _plain_keys(column: list[Any], max_bytes: int) -> list[bytes] | None:
    """The keys of texts if all of them are good, else None. Works on one block with line ends between the ids."""
    try:
        data = "\n".join(column).encode()
    except TypeError:  # not all are texts
        return None
    block = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(block < _SPACE)
    if len(ends) != len(column) - 1 or not data.isascii() or bool((block == _DELETE).any()):
        return None
    lengths = np.diff(ends, prepend=-1, append=len(data)) - 1
    if lengths.min() < 1 or lengths.max() > max_bytes:
        return None
    keys = data.split(b"\n")
    return keys if len(keys) == len(column) else None


def _key(value: Any, max_bytes: int) -> bytes:
    """The key of one id, empty when it is odd."""
    if is_integer(value):
        value = str(value)
    if type(value) is not str or CONTROL.search(value):
        return b""
    key = value.encode()
    return key if len(key) <= max_bytes else b""
