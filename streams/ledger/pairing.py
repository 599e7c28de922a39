"""How two versions of one model did on the same id, so that they can be compared prediction by prediction.

A pair is two predictions of an id by two versions of one model of `LedgerSpec.paired`. It counts under its own label:
the greatest (source rank, label time, class name) of those within the horizon of both, and not at all while there is
none or that is a deletion. Of predictions of one event this is the label that both count under; of others, one that
only the later of them can still get does not change what was counted of the pair. It counts in the slot of the
version whose name sorts last by bytes, under the event time of that prediction.

A pair changes while both of its predictions can still change a count, and stays as it is from then on. It is counted
when its label comes, or the second prediction after it; a conflict takes it back with the prediction. What was counted
is worked out again from the labels, which are held while any prediction is that they count for; so the counts are those
of the rows, whatever their order. An id has at most `MAX_PAIRED` predictions of a model in pairs at a time; further
versions, in the ledger's order, count in none.
"""

from typing import NamedTuple

import numpy as np

from streams.formats.columns import NO_CLASS
from streams.ledger.held import Held, Ints, Mask
from streams.ledger.known import ranks
from streams.ledger.sums import Pairings
from streams.ledger.table import Hashes, Rows, Slots, matches

MAX_PAIRED = 8
"""Predictions of an id and a model that are in pairs at a time."""


class _Pairs(NamedTuple):
    """Pairs of slots of predictions, and the row of what they were asked for with."""

    row: Rows
    own: Slots
    other: Slots

    def some(self, i: Rows | Mask) -> "_Pairs":
        """Some of them."""
        return _Pairs(self.row[i], self.own[i], self.other[i])


def admit(held: Held, hashes: Hashes, group: Ints, new: slice) -> None:
    """Say of new predictions, of different ids, in the slots `new` whether they are in pairs."""
    p = held.predictions.column
    model = held.names.paired_model.take(group)
    p["paired"][new] = model > 0
    row = np.flatnonzero(model)
    if not len(row):
        return
    pairs = _partners(held, hashes, np.arange(new.start, new.stop), row)
    crowded = np.bincount(pairs.row, minlength=len(group)) >= MAX_PAIRED
    p["paired"][new.start + np.flatnonzero(crowded)] = False


def pair_new_labels(held: Held, label: Rows, other: Slots, counted: Rows, at: Slots) -> None:
    """Count the pairs that new labels, in slots `label`, change; `other` are labels held of the same ids, or were.

    `counted`, `at`: pairs of (slot of the new label, slot of a prediction that it lies within the horizon of).
    """
    if not held.paired or len(counted) < 2:
        return
    p = held.predictions.column
    some = p["paired"].take(at)
    counted, at = counted[some], at[some]
    i, j = matches(counted, counted)
    pairs = _Pairs(counted[i], at[i], at[j])
    pairs = pairs.some((pairs.own < pairs.other) & _of_one_model(held, pairs))
    if not len(pairs.row):
        return
    alive = held.label_alive(other)
    before = _greatest(held, pairs, pairs.row, (label[alive], other[alive]))
    mine, had = pairs.row, before >= 0
    c, order = held.labels.column, held.names.order
    wins = ~had
    new, old = mine[had], before[had]
    rank, old_rank = c["rank"].take(new), c["rank"].take(old)
    time, old_time = c["time"].take(new), c["time"].take(old)
    later = order.take(c["cls"].take(new)) > order.take(c["cls"].take(old))
    wins[had] = (rank > old_rank) | ((rank == old_rank) & ((time > old_time) | ((time == old_time) & later)))
    was, now = _classes(held, before), _classes(held, mine)
    changes = wins & (was != now)
    pairs, was, now = pairs.some(changes), was[changes], now[changes]
    _count(held, pairs, was, -1)
    _count(held, pairs, now, 1)


def pair_predictions(held: Held, hashes: Hashes, at: Slots, row: Rows, label: Slots, sign: int) -> None:
    """Count or retract all pairs of predictions of different ids; `row`, `label`: pairs of (place in `at`, label)."""
    if not held.paired or not len(label):
        return
    labelled = np.zeros(len(at), np.bool_)
    labelled[row] = True
    mine = np.flatnonzero(labelled & held.predictions.column["paired"].take(at))
    if not len(mine):
        return
    pairs = _partners(held, hashes, at, mine)
    _count(held, pairs, _classes(held, _greatest(held, pairs, pairs.row, (row, label))), sign)


def _partners(held: Held, hashes: Hashes, at: Slots, row: Rows) -> _Pairs:
    """The other predictions that those at `at[row]`, with the ids `hashes[row]`, make pairs with."""
    asked, slot = held.predictions.find(hashes.take(row, axis=0))
    asked = row.take(asked)
    pairs = _Pairs(asked, at.take(asked), slot)
    pairs = pairs.some(held.predictions.column["paired"].take(slot) & (pairs.own != slot))
    return pairs.some(_of_one_model(held, pairs) & held.prediction_alive(pairs.other))


def _of_one_model(held: Held, pairs: _Pairs) -> Mask:
    group, model = held.predictions.column["group"], held.names.paired_model
    same: Mask = model.take(group.take(pairs.own)) == model.take(group.take(pairs.other))
    return same


def _greatest(held: Held, pairs: _Pairs, asked: Rows, labels: tuple[Rows, Slots]) -> Slots:
    """Of each pair the slot of its label among `labels`, pairs of (what was asked, label), -1: it has none."""
    found = np.full(len(pairs.row), -1)
    pair, i = matches(asked, labels[0])
    label = labels[1][i]
    near = held.near(label, pairs.own[pair]) & held.near(label, pairs.other[pair])
    pair, label = pair[near], label[near]
    if len(pair):
        c = held.labels.column
        place = ranks(held.names.order[c["cls"][label]], c["time"][label], c["rank"][label])
        order = np.lexsort((place, pair))
        found[pair[order]] = label[order]  # the last one of each pair has it
    return found


def _classes(held: Held, label: Slots) -> Ints:
    """The classes of labels, NO_CLASS where there is none; some labels are held."""
    return np.where(label < 0, NO_CLASS, held.labels.column["cls"].take(label)).astype(np.int64)


def _count(held: Held, pairs: _Pairs, true: Ints, sign: int) -> None:
    """Count pairs under their classes."""
    some = np.flatnonzero(true != NO_CLASS)
    if not len(some):
        return
    pairs, true = pairs.some(some), true[some]
    p, names = held.predictions.column, held.names
    code = names.pair_of.take(p["group"].take(pairs.own)), names.pair_of.take(p["group"].take(pairs.other))
    turned = names.version_order.take(code[0]) < names.version_order.take(code[1])
    own, other = np.where(turned, pairs.other, pairs.own), np.where(turned, pairs.own, pairs.other)
    held.counts.pair(
        Pairings(
            p["time"].take(own),
            p["group"].take(own).astype(np.int64),
            np.where(turned, code[0], code[1]),
            p["cls"].take(own) == true,
            p["cls"].take(other) == true,
            true,
        ),
        sign,
    )
