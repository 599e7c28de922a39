"""What was known of a window at an age, packed: kept until the window matures and shows how much was missing."""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

_BITS = 6
_PREDICTIONS = (1 << _BITS) - 1  # the row that holds all predictions by predicted class


def pack(labelled: Ints, predictions: Ints) -> Ints:
    """Counts (K, K) and (K,) as one number for each that is not 0: n << 12 | row << 6 | column. K is below 63."""
    rows, columns = np.nonzero(labelled)
    there = np.flatnonzero(predictions)
    cells = labelled[rows, columns] << 2 * _BITS | rows << _BITS | columns
    return np.concatenate([cells, predictions[there] << 2 * _BITS | _PREDICTIONS << _BITS | there]).astype(np.int64)


def unpack(packed: Ints, k: int) -> tuple[Ints, Ints]:
    """The counts (K, K) of labels and (K,) of predictions. Raises ValueError for a class that is not among K."""
    n, row, column = _parts(packed)
    known, of_prediction = row < k, row == _PREDICTIONS
    if not (known | of_prediction).all() or (column >= k).any() or (n <= 0).any():
        raise ValueError("a snapshot of a window is damaged")
    labelled, predictions = np.zeros((k, k), np.int64), np.zeros(k, np.int64)
    labelled[row[known], column[known]] = n[known]
    predictions[column[of_prediction]] = n[of_prediction]
    return labelled, predictions


def renumbered(packed: Ints, to: Ints) -> Ints:
    """The same with class i as `to[i]`, for every class that it holds."""
    n, row, column = _parts(packed)
    rows = np.where(row == _PREDICTIONS, row, to[np.minimum(row, len(to) - 1)])
    return n << 2 * _BITS | rows << _BITS | to[column]


def used(packed: Ints, k: int) -> NDArray[np.bool_]:
    """(K,) which classes it holds."""
    _, row, column = _parts(packed)
    found = np.zeros(k, np.bool_)
    found[column] = True
    found[row[row != _PREDICTIONS]] = True
    return found


def _parts(packed: Ints) -> tuple[Ints, Ints, Ints]:
    most = (1 << _BITS) - 1
    return packed >> 2 * _BITS, packed >> _BITS & most, packed & most
