"""A detector's state as plain values, and back: exact, checked, and the same bytes on every machine.

Whatever is wrong with a stored value is a ValueError or a TypeError.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from streams.quality.drift.chisquare import Floats
from streams.quality.drift.spread import Pair
from streams.quality.drift.tally import Ints, Tally

_INTS, _FLOATS = "<i8", "<f8"


def dump_ints(values: Ints) -> bytes:
    """Integers as bytes."""
    return values.astype(_INTS).tobytes()


def load_ints(raw: object) -> Ints:
    """What `dump_ints` gave."""
    return np.frombuffer(_column(raw), _INTS).astype(np.int64)


def dump_floats(values: Floats) -> bytes:
    """Floats as bytes: every bit of them."""
    return values.astype(_FLOATS).tobytes()


def load_floats(raw: object) -> Floats:
    """What `dump_floats` gave."""
    return np.frombuffer(_column(raw), _FLOATS).astype(np.float64)


def _column(raw: object) -> bytes:
    if not isinstance(raw, bytes) or len(raw) % 8:
        raise ValueError("a column that is no column")
    return raw


def dump_tally(of: Tally) -> list[object]:
    """A tally as two columns."""
    return [dump_ints(of.code), dump_ints(of.n)]


def load_tally(raw: object) -> Tally:
    """What `dump_tally` gave."""
    if not isinstance(raw, Sequence) or len(raw) != 2:
        raise ValueError("counts that are not two columns")
    code, n = load_ints(raw[0]), load_ints(raw[1])
    if len(code) != len(n) or (len(code) and (int(code[0]) < 0 or int(n.min()) < 1 or (np.diff(code) < 1).any())):
        raise ValueError("counts that are not ascending or not positive")
    return Tally(code, n)


def dump_pairs(by_test: Mapping[str, Sequence[Pair]]) -> dict[str, object]:
    """What is known of the spread of windows, by test."""
    return {name: dump_floats(np.array(by_test[name], np.float64).ravel()) for name in sorted(by_test)}


def load_pairs(raw: object) -> dict[str, list[Pair]]:
    """What `dump_pairs` gave."""
    if not isinstance(raw, Mapping):
        raise TypeError("spreads that are not named")
    by_test: dict[str, list[Pair]] = {}
    for name, column in raw.items():
        values = load_floats(column)
        if len(values) % 2 or not np.isfinite(values).all():
            raise ValueError("spreads that are not pairs of numbers")
        by_test[str(name)] = [Pair(*pair) for pair in values.reshape(-1, 2).tolist()]
    return by_test


def whole(raw: object) -> int:
    """An integer."""
    if not isinstance(raw, int) or isinstance(raw, bool):
        raise TypeError("a number that is not whole")
    return raw
