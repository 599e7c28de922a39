"""When is a label known, and which of several labels of a prediction counts, in the ledger's order.

A label is known at its delivery, but not before the event: `known at = max(delivered, event time)`, and never before
that of the label it replaces, since the ledger had that one first. So what a prediction counts under is a sequence of
labels, each greater than the ones before it and known no earlier; it depends on the order in which the ledger has the
labels of an id, and not on where the prediction stands among them. Only counts by label time and by label age are
about that; a label's delay is by its own delivery, whatever came before it. Deliveries are kept in whole seconds,
rounded down.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Seconds = NDArray[np.uint32]

_LAST_S = (1 << 32) - 1
_SECOND_BITS = 32


def seconds(ms: Ints) -> Seconds:
    """Times as whole seconds since 1970, rounded down; what lies before 1970 or after 2106 is put at that end."""
    return np.clip(ms // 1000, 0, _LAST_S).astype(np.uint32)


def known_ms(known: Seconds, time: Ints) -> Ints:
    """When labels delivered at `known` (s) are known of events at `time` (ms), ms."""
    return np.maximum(known.astype(np.int64) * 1000, time)


def ranks(*keys: NDArray[Any]) -> Ints:
    """The place of each row in the order of the last key, then of the one before, and so on; equal rows share it."""
    order = np.lexsort(keys)
    differs = np.zeros(len(order), np.bool_)
    for key in keys:
        differs[1:] |= key[order[1:]] != key[order[:-1]]
    out = np.empty(len(order), np.int64)
    out[order] = np.cumsum(differs)
    return out


def known_after(delivered: Seconds, known: Seconds) -> Seconds:
    """When labels that replace others, which were known at `known`, are known themselves; 0: there was none."""
    return np.maximum(delivered, known)


class Sequence(NamedTuple):
    """The labels that count one after the other: which row each has, when it was known (s), whether it is the last."""

    row: Ints
    known: Seconds
    last: NDArray[np.bool_]


def sequence(of: Ints, rank: Ints, delivered: Seconds) -> Sequence:
    """The labels that count in turn of predictions `of`, whose labels lie together in the ledger's order.

    A label counts once it is greater (`rank`, at least 0) than all before it; of equal ones the first does.
    """
    first = np.append([True], of[1:] != of[:-1])
    if first.all():
        return Sequence(np.arange(len(of)), delivered, first)
    number = np.cumsum(first) - 1
    widest = int(rank.max()) + 1
    reached = np.maximum.accumulate(number * widest + rank)
    greater = first.copy()
    greater[1:] |= reached[1:] > reached[:-1]
    row = np.flatnonzero(greater)
    number = number.take(row)
    known = np.maximum.accumulate(number << _SECOND_BITS | delivered.take(row).astype(np.int64)) & _LAST_S
    return Sequence(row, known.astype(np.uint32), np.append(number[1:] != number[:-1], [True]))
