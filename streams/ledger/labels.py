"""The rules for labels: late, duplicate, refused, waiting, winning, beaten; see `held.py` for what they keep.

An id holds at most `max_labels_per_id` live labels: which ones is decided in ledger order, never by blocks. So a flood
of labels of one id costs no more rounds than that.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.formats.columns import NO_CLASS
from streams.formats.reasons import Kind, Reason
from streams.ledger.agreement import agree_new_labels
from streams.ledger.cells import NONE
from streams.ledger.held import Held, Ints, LabelState, Mask, minutes_up
from streams.ledger.known import Seconds, known_after
from streams.ledger.names import UNSEEN
from streams.ledger.pairing import pair_new_labels
from streams.ledger.sums import Corrections
from streams.ledger.table import Found, Hashes, Rows, Slots, crowded, matches, repeats, rounds

_IDENTITY = ("time", "cls", "rank", "label_source")
"""What makes a label of an id the same as another one."""


@dataclass(slots=True)
class LabelRows:
    """Labels of a block in the partition's own codes; `cls` is NO_CLASS for a deletion.

    `source` is the source in Kafka, `label_source` what each label names; `delivered` in whole seconds.
    """

    source: int
    hashes: Hashes
    time: Ints
    cls: Ints
    rank: Ints
    position: Ints
    delivered: Seconds
    label_source: NDArray[np.uint8]

    def some(self, i: Rows) -> "LabelRows":
        """Some of the rows."""
        return LabelRows(
            self.source, self.hashes.take(i, axis=0), self.time.take(i), self.cls.take(i), self.rank.take(i),
            self.position.take(i), self.delivered.take(i), self.label_source.take(i),
        )  # fmt: skip


def add_labels(held: Held, rows: LabelRows) -> None:
    """Take the labels of a block."""
    if not len(rows.time):
        return
    held.labels.reserve(len(rows.time), held.label_alive)
    found = held.labels.look(rows.hashes)
    several = repeats(rows.hashes)
    if several or len(found.row) >= held.names.spec.max_labels_per_id:
        rows = rows.some(_admitted(held, rows, found))
        found = held.labels.look(rows.hashes)
    if not several:
        _labels_once(held, rows, found)
        return
    for turn in rounds(rows.hashes):
        some = rows.some(turn)
        _labels_once(held, some, held.labels.look(some.hashes))


def _admitted(held: Held, rows: LabelRows, found: Found) -> Rows:
    """The labels to take in rounds; of ids that may get too many, all that are not stored are told here."""
    most = held.names.spec.max_labels_per_id
    live = np.bincount(found.row[held.label_alive(found.slot)], minlength=len(rows.time))
    crowd = crowded(rows.hashes, most - live)
    if not len(crowd):
        return np.arange(len(rows.time))
    late, known = _known(held, rows, crowd)
    told: dict[Reason, list[int]] = {Reason.LATE_LABEL: [], Reason.DUPLICATE_LABEL: [], Reason.LABEL_LIMIT: []}
    admitted = np.ones(len(rows.time), np.bool_)
    labels = zip(*(getattr(rows, name)[crowd].tolist() for name in _IDENTITY), strict=True)
    for r, is_late, mine, label in zip(crowd.tolist(), late.tolist(), known, labels, strict=True):
        if not is_late and label not in mine and len(mine) < most:
            mine.add(label)
            continue
        admitted[r] = False
        reason = Reason.DUPLICATE_LABEL if label in mine else Reason.LABEL_LIMIT
        told[Reason.LATE_LABEL if is_late else reason].append(r)
    for reason, refused in told.items():
        i = np.array(refused, np.int64)
        by = held.watermark - rows.time[i] - held.names.longest_final_ms if reason is Reason.LATE_LABEL else None
        held.reject(Kind.LABEL, rows, i, reason, by)
    return np.flatnonzero(admitted)


def _known(held: Held, rows: LabelRows, i: Rows) -> tuple[Mask, list[set[tuple[int, ...]]]]:
    """Of each label whether it is late, and what identifies the labels that its id holds, one set for an id."""
    hashes, of = np.unique(rows.hashes[i], axis=0, return_inverse=True)
    of = of.reshape(-1)
    predicted = np.zeros(len(hashes), np.bool_)
    row, at = held.predictions.find(hashes)
    predicted[row[held.prediction_alive(at)]] = True
    known: list[set[tuple[int, ...]]] = [set() for _ in hashes]
    row, slot = held.labels.find(hashes)
    alive, c = held.label_alive(slot), held.labels.column
    row, slot = row[alive], slot[alive]
    held_labels = zip(*(c[name][slot].tolist() for name in _IDENTITY), strict=True)
    for r, label in zip(row.tolist(), held_labels, strict=True):
        known[r].add(label)
    late = ~predicted[of] & (rows.time[i] + held.names.longest_final_ms < held.watermark)
    return late, [known[o] for o in of.tolist()]


def _labels_once(held: Held, rows: LabelRows, found: Found) -> None:
    """Labels of different ids; `found` are the labels that their ids have."""
    stored = _stored(held, rows, found)
    row, at = held.predictions.find(rows.hashes)
    alive = held.prediction_alive(at)
    if not alive.all():
        row, at = row[alive], at[alive]
    predicted = np.zeros(len(rows.time), np.bool_)
    predicted[row] = True
    final = rows.time + held.names.longest_final_ms
    late = ~predicted & (final < held.watermark)
    refused = late | stored
    if refused.any():
        i = np.flatnonzero(late)
        held.reject(Kind.LABEL, rows, i, Reason.LATE_LABEL, held.watermark - final[i])
        held.reject(Kind.LABEL, rows, np.flatnonzero(stored & ~late), Reason.DUPLICATE_LABEL)
        i = np.flatnonzero(~refused)
        if len(i):
            rows = rows.some(i)
            _labels_once(held, rows, held.labels.look(rows.hashes))
        return
    p, names = held.predictions.column, held.names
    event = p["time"].take(at)
    near = np.abs(rows.time.take(row) - event) <= names.horizon_ms.take(p["group"].take(at))
    greatest = rows.time.copy()
    np.maximum.at(greatest, row, event)
    slot = _append(held, rows, found, minutes_up(greatest + names.longest_final_ms))
    if not near.all():
        row, at = row[near], at[near]
    if len(found.row):
        agree_new_labels(held, slot.start + found.row, found.slot, slot.start + row, at)
    if held.paired:
        pair_new_labels(held, slot.start + found.row, found.slot, slot.start + row, at)
    wins, contested = _overtake(held, rows, row, at)
    state = np.where(predicted, LabelState.BEYOND, LabelState.WAITING)
    state[row] = LabelState.BEATEN
    state[wins] = LabelState.WINNING
    state[rows.cls == NO_CLASS] = LabelState.DELETION
    _enter(held, rows, slot, state)
    if len(contested):
        restate(held, rows.hashes[np.unique(contested)])


def _stored(held: Held, rows: LabelRows, found: Found) -> Mask:
    """Which of the labels are held already."""
    stored = np.zeros(len(rows.time), np.bool_)
    row, slot = found.row, found.slot
    if len(row):
        column = held.labels.column
        same = held.label_alive(slot)  # a row that is gone is left to the next rebuild
        for name in _IDENTITY:
            same &= column[name].take(slot) == getattr(rows, name).take(row)
        stored[row[same]] = True
    return stored


def _append(held: Held, rows: LabelRows, found: Found, life: Ints) -> slice:
    """The slots of labels that are new."""
    column = held.labels.column
    slot = held.labels.append(rows.hashes, found.end)
    column["time"][slot] = rows.time
    column["position"][slot] = rows.position
    column["life"][slot] = life
    column["cls"][slot] = rows.cls
    column["source"][slot] = rows.source
    column["rank"][slot] = rows.rank
    column["delivered"][slot] = rows.delivered
    column["label_source"][slot] = rows.label_source
    return slot


def _overtake(held: Held, rows: LabelRows, row: Rows, at: Slots) -> tuple[Rows, Rows]:
    """Recount the predictions at `at` which their new label, `row`, beats what they are counted under.

    Returns the labels that won anywhere, and those that met another label.
    """
    p, order = held.predictions.column, held.names.order
    cls = p["label_cls"].take(at)
    seen = np.flatnonzero(cls != UNSEEN)
    contested = row.take(seen)
    fixed = seen
    if len(seen):
        where, rank, time = at.take(seen), rows.rank.take(contested), rows.time.take(contested)
        mine, old_rank, old_time = rows.cls.take(contested), p["label_rank"].take(where), p["label_time"].take(where)
        old = cls.take(seen)
        better = (rank > old_rank) | (
            (rank == old_rank) & ((time > old_time) | ((time == old_time) & (order.take(mine) > order.take(old))))
        )
        wins = np.ones(len(at), np.bool_)
        wins[seen] = better
        row, at = row[wins], at[wins]
        changes = better & (mine != old)
        fixed = where[changes]
    if not len(at):
        return row, contested
    if len(fixed):
        old, mine = (np.where(x >= UNSEEN, NONE, x).astype(np.int64) for x in (old[changes], mine[changes]))
        source = rows.label_source.take(contested[changes]).astype(np.int64)
        held.counts.correct(Corrections(p["time"][fixed], p["group"][fixed].astype(np.int64), source, old, mine))
    before = held.moves(at)
    held.counts.move(before, -1)
    cls, source = rows.cls.take(row), rows.label_source.take(row)
    delivered = rows.delivered.take(row)
    p["label_time"][at] = rows.time.take(row)
    p["label_cls"][at] = cls
    p["label_rank"][at] = rows.rank.take(row)
    p["delivered"][at] = delivered
    p["label_source"][at] = source
    true = np.where(cls >= UNSEEN, NONE, cls)
    after = before._replace(true=true, delivered=delivered, source=source)
    if held.in_turn:
        p["known"][at] = known = known_after(delivered, before.known)
        held.mature(at, cls, known)
        after = after._replace(known=known, at_ages=held.at_ages(at))
    held.counts.move(after, 1)
    return row, contested


def _enter(held: Held, rows: LabelRows, slot: slice, state: Ints) -> None:
    """New label rows take their state."""
    column = held.labels.column
    column["state"][slot] = state
    numbers = np.bincount(state, minlength=len(LabelState)).tolist()
    for code, n in enumerate(numbers):
        held.states[code] += n
    if numbers[LabelState.WAITING]:
        soonest = int(column["life"][slot][state == LabelState.WAITING].min())
        held.first_orphan_minute = min(held.first_orphan_minute, soonest)
    for code, reason in ((LabelState.BEYOND, Reason.BEYOND_HORIZON), (LabelState.DELETION, Reason.LABEL_DELETION)):
        if numbers[code]:
            held.reject(Kind.LABEL, rows, np.flatnonzero(state == code), reason, counted=False)


def restate(held: Held, hashes: Hashes) -> None:
    """Work out again the states of all labels of some ids that have several labels, or had them first."""
    label_id, label = held.labels.find(hashes)
    alive = held.label_alive(label) & (held.labels.column["state"][label] != LabelState.DELETION)
    label_id, label = label_id[alive], label[alive]
    pred_id, pred = held.predictions.find(hashes)
    alive = held.prediction_alive(pred)
    pred_id, pred = pred_id[alive], pred[alive]
    which, at = matches(label_id, pred_id)
    at, mine = pred[at], label[which]
    n = np.bincount(which, minlength=len(label))
    c, p = held.labels.column, held.predictions.column
    wins = near = held.near(mine, at)
    for name, counting in zip(_IDENTITY, ("label_time", "label_cls", "label_rank", "label_source"), strict=True):
        wins = wins & (p[counting][at] == c[name][mine])
    won = np.bincount(which, wins, len(label)) > 0
    counted = np.bincount(which, near, len(label)) > 0
    old = c["state"][label].astype(np.int64)
    new = np.where(won, LabelState.WINNING, np.where(counted, LabelState.BEATEN, LabelState.BEYOND))
    new = np.where(n == 0, old, new)
    moved = new != old
    c["state"][label[moved]] = new[moved]
    change = np.bincount(new[moved], minlength=len(LabelState)) - np.bincount(old[moved], minlength=len(LabelState))
    for code, n in enumerate(change.tolist()):
        held.states[code] += n
    held.tell(label[moved & (new == LabelState.BEYOND)], Reason.BEYOND_HORIZON)
