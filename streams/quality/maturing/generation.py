"""What matured windows were like: pooled integer counts, so that a reference adds, forgets and replays exactly.

A reference is two generations. The newer one takes in windows until it is full, then it becomes the older one and
what was older is forgotten: no window weighs more than another, and nothing is rounded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from streams.quality.maturing.dense import BINS
from streams.quality.maturing.outlook import AGES_MS, FEWEST_WINDOWS

Ints = NDArray[np.int64]

MOST_WINDOWS = 100
"""A generation is full with so many windows,"""

SPAN_MS = 4 * 7 * 86_400_000
"""or when it spans four weeks, if it has enough windows to be a reference."""

_AGES = len(AGES_MS)


@dataclass
class Generation:
    """Matured windows of K classes, added up; `first_ms` is the start of the first.

    For each age: how many windows were looked at then, their labels as known then and as final, and their predictions
    then. For the estimate: labels by true class, predicted class and confidence bin, and how far estimates were off.
    """

    first_ms: int | None
    windows: int
    looked: Ints  # (ages,)
    known: Ints  # (ages, K, K)
    final: Ints  # (ages, K, K)
    predictions: Ints  # (ages, K)
    joint: Ints  # (K, K, BINS)
    errors: int
    error_sum: float

    @classmethod
    def empty(cls, k: int) -> "Generation":
        """No windows yet."""
        looked, known, final, predictions, joint = (np.zeros(shape, np.int64) for shape in _shapes(k))
        return cls(None, 0, looked, known, final, predictions, joint, 0, 0.0)

    def is_full(self, start_ms: int) -> bool:
        """Whether the window that starts here is the last one that it takes in."""
        if self.windows >= MOST_WINDOWS:
            return True
        return self.windows >= FEWEST_WINDOWS and self.first_ms is not None and start_ms - self.first_ms >= SPAN_MS

    def arrays(self) -> tuple[Ints, ...]:
        """All of its arrays, in the order of `_shapes`."""
        return self.looked, self.known, self.final, self.predictions, self.joint

    def used(self) -> NDArray[np.bool_]:
        """(K,) which classes are counted in it."""
        found = self.predictions.any(axis=0) | self.joint.any(axis=(1, 2)) | self.joint.any(axis=(0, 2))
        for labels in (self.known, self.final):
            found |= labels.any(axis=(0, 1)) | labels.any(axis=(0, 2))
        return np.asarray(found, np.bool_)

    def renumbered(self, to: Ints, k: int) -> "Generation":
        """The same over k classes: class i is `to[i]` there, and gone where that is -1."""
        kept = np.flatnonzero(to >= 0)
        new = Generation.empty(k)
        ages = np.arange(_AGES)
        there, here = np.ix_(ages, to[kept], to[kept]), np.ix_(ages, kept, kept)
        new.known[there], new.final[there] = self.known[here], self.final[here]
        new.joint[np.ix_(to[kept], to[kept])] = self.joint[np.ix_(kept, kept)]
        new.predictions[:, to[kept]] = self.predictions[:, kept]
        new.looked[:] = self.looked
        new.first_ms, new.windows = self.first_ms, self.windows
        new.errors, new.error_sum = self.errors, self.error_sum
        return new

    def dump(self) -> dict[str, object]:
        """Plain values."""
        return {
            "first_ms": self.first_ms,
            "windows": self.windows,
            "arrays": [np.ascontiguousarray(a, "<i8").tobytes() for a in self.arrays()],
            "errors": self.errors,
            "error_sum": self.error_sum,
        }

    @classmethod
    def load(cls, state: Mapping[str, object], k: int) -> "Generation":
        """What `dump` gave. Raises ValueError when it is damaged."""
        match state:
            case {
                "first_ms": int() | None as first_ms,
                "windows": int(windows),
                "arrays": [*dumped],
                "errors": int(errors),
                "error_sum": float(error_sum),
            }:
                arrays = [_array(of, shape) for of, shape in zip(dumped, _shapes(k), strict=True)]
                looked, known, final, predictions, joint = arrays
            case _:
                raise ValueError("a generation of matured windows is damaged")
        if min(windows, errors) < 0 or not isfinite(error_sum) or any((a < 0).any() for a in arrays):
            raise ValueError("a generation of matured windows is damaged")
        return cls(first_ms, windows, looked, known, final, predictions, joint, errors, error_sum)


def _shapes(k: int) -> tuple[tuple[int, ...], ...]:
    return (_AGES,), (_AGES, k, k), (_AGES, k, k), (_AGES, k), (k, k, BINS)


def _array(dumped: object, shape: tuple[int, ...]) -> Ints:
    if not isinstance(dumped, bytes) or len(dumped) != 8 * int(np.prod(shape)):
        raise ValueError("a generation of matured windows has counts of another size")
    return np.frombuffer(dumped, "<i8").astype(np.int64).reshape(shape)
