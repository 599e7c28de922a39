"""Which pairs of labels of one prediction come from two sources, so that it shows whether the sources agree.

A pair counts while its prediction is counted: two held labels within the horizon, neither a deletion, by different
sources that have names. It is counted when the last of the three comes, and with a prediction that is taken back its
pairs are taken back; so the counts are those of the rows, whatever their order. Labels are held while any prediction
is that they count for.
"""

import numpy as np

from streams.formats.columns import NO_CLASS
from streams.ledger.held import Held, Ints
from streams.ledger.sums import Agreements
from streams.ledger.table import Rows, Slots, matches


def agree_new_labels(held: Held, label: Rows, other: Slots, counted: Rows, at: Slots) -> None:
    """Count the pairs of new labels, in slots `label`, with `other` labels of the same ids, those that are held still.

    `counted`, `at`: pairs of (slot of the new label, slot of a prediction that it lies within the horizon of).
    """
    if not _several(held) or not len(label):
        return
    pairs = _differing(held, label, other)
    pairs = pairs[held.label_alive(other[pairs])]
    label, other = label[pairs], other[pairs]
    which, where = matches(label, counted)
    _count(held, at[where], label[which], other[which], 1)


def agree_predictions(held: Held, at: Slots, row: Rows, label: Slots, sign: int) -> None:
    """Count or retract all pairs of labels of some predictions; `row`, `label`: pairs of (place in `at`, label)."""
    if not _several(held) or len(label) < 2:
        return
    first, second = matches(row, row)
    once = label[first] < label[second]
    first, second = first[once], second[once]
    pairs = _differing(held, label[first], label[second])
    first, second = first[pairs], second[pairs]
    near = held.near(label[first], at[row[first]])
    first, second = first[near], second[near]
    _count(held, at[row[first]], label[first], label[second], sign)


def _several(held: Held) -> bool:
    """Whether there are two sources with names: the first code is of labels without."""
    return len(held.names.label_sources) > 2


def _differing(held: Held, one: Slots, other: Slots) -> Ints:
    """Which pairs of labels are by two named sources, and no deletions."""
    c = held.labels.column
    a, b = c["label_source"].take(one), c["label_source"].take(other)
    named = (a != 0) & (b != 0) & (a != b)
    return np.flatnonzero(named & (c["cls"].take(one) != NO_CLASS) & (c["cls"].take(other) != NO_CLASS))


def _count(held: Held, at: Slots, one: Slots, other: Slots, sign: int) -> None:
    """Count pairs of labels, of which the first is within the horizon, for the predictions at `at`."""
    near = held.near(other, at)
    at, one, other = at[near], one[near], other[near]
    p, c = held.predictions.column, held.labels.column
    held.counts.agree(
        Agreements(
            p["time"].take(at),
            p["group"].take(at).astype(np.int64),
            *(c["label_source"].take(label).astype(np.int64) for label in (one, other)),
            *(c["cls"].take(label).astype(np.int64) for label in (one, other)),
        ),
        sign,
    )
