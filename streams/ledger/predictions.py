"""The rules for predictions: late, duplicate, conflicting, counted; see `held.py` for what they keep.

Predictions of an id that comes very often in a block are told one after the other, and only the one that wins is
counted: what the table, the counts and the audit hold in the end is the same as if each had been counted in turn.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.formats.reasons import Kind, Reason
from streams.ledger.agreement import agree_predictions
from streams.ledger.cells import NONE
from streams.ledger.held import Held, Ints, minutes_up
from streams.ledger.known import ranks, sequence
from streams.ledger.labels import restate
from streams.ledger.names import UNSEEN
from streams.ledger.pairing import admit, pair_predictions
from streams.ledger.scores import NO_SCORES, Scores, content
from streams.ledger.sums import Moves
from streams.ledger.table import Hashes, Rows, Slots, crowded, repeats, rounds

CROWD = 16
"""Rows of one id in a block that are taken in rounds."""

Content = tuple[int, bytes, list[bytes], int, tuple[int, list[tuple[bytes, int]]]]


@dataclass(slots=True)
class PredictionRows:
    """Predictions of a block in the partition's own codes; `position` in source `source`.

    `reach` is the greatest event time of those that a row stands for: labels are kept for all of them.
    """

    source: int
    hashes: Hashes
    time: Ints
    group: Ints
    cls: Ints
    confidence: NDArray[np.uint16]
    position: Ints
    reach: Ints
    scores: Scores | None  # None where the specification keeps none

    def some(self, i: Rows) -> "PredictionRows":
        """Some of the rows."""
        return PredictionRows(
            self.source, self.hashes.take(i, axis=0), self.time.take(i), self.group.take(i), self.cls.take(i),
            self.confidence.take(i), self.position.take(i), self.reach.take(i),
            None if self.scores is None else self.scores.take(i),
        )  # fmt: skip


def add_predictions(held: Held, rows: PredictionRows) -> None:
    """Take the predictions of a block."""
    final = rows.time + held.names.final_ms.take(rows.group)
    late = final < held.watermark
    if late.any():
        i = np.flatnonzero(late)
        held.reject(Kind.PREDICTION, rows, i, Reason.LATE_PREDICTION, held.watermark - final[i])
        rows = rows.some(np.flatnonzero(~late))
    if not len(rows.time):
        return
    if not repeats(rows.hashes):
        _predictions_once(held, rows)
        return
    crowd = crowded(rows.hashes, np.full(len(rows.time), CROWD))
    if len(crowd):
        winners, came = _winners(held, rows, crowd)
        others = np.delete(np.arange(len(rows.time)), crowd)
        rows = rows.some(np.concatenate((others, winners))[np.argsort(np.concatenate((others, came)))])
    for turn in rounds(rows.hashes):
        _predictions_once(held, rows.some(turn))


def _winners(held: Held, rows: PredictionRows, crowd: Rows) -> tuple[Rows, Rows]:
    """Of rows on time, those that are still to be counted, at most one of an identity; the others are told here.

    With each the row in whose place it comes: the first one of its identity that would have been counted.
    """
    pair_of, column = held.names.pair_of, held.predictions.column
    names = _content_columns(held)
    hashes = np.unique(rows.hashes[crowd], axis=0)
    row, slot = held.predictions.find(hashes)
    alive = held.prediction_alive(slot)
    best: dict[tuple[int, int, int], Content] = {}
    for r, s in zip(row[alive].tolist(), slot[alive].tolist(), strict=True):
        a, b = hashes[r].tolist()
        best[a, b, int(pair_of[column["group"][s]])] = _content(held, *(column[name][s] for name in names))
    stored = set(best)
    winner: dict[tuple[int, int, int], int] = {}
    came: dict[tuple[int, int, int], int] = {}
    duplicates, conflicts = list[int](), list[int]()
    rows.reach = rows.time.copy()
    pairs = pair_of[rows.group[crowd]].tolist()
    for r, (a, b), pair in zip(crowd.tolist(), rows.hashes[crowd].tolist(), pairs, strict=True):
        mine = _content(held, *(getattr(rows, name)[r] for name in names))
        key = (a, b, pair)
        old = best.get(key)
        if old is not None:
            (duplicates if mine == old else conflicts).append(r)
        if old is None or mine < old:
            best[key] = mine
            rows.reach[r] = rows.reach[winner.get(key, r)]  # the first one is the latest in event time
            winner[key] = r
            came.setdefault(key, r)
    told_in_turn = {r for key, r in winner.items() if key in stored}  # they conflict with what is in the table
    conflicts = [r for r in conflicts if r not in told_in_turn]
    held.reject(Kind.PREDICTION, rows, np.array(duplicates, np.int64), Reason.DUPLICATE_PREDICTION)
    held.reject(Kind.PREDICTION, rows, np.array(conflicts, np.int64), Reason.CONFLICTING_PREDICTION)
    return np.array(list(winner.values()), np.int64), np.array(list(came.values()), np.int64)


def _predictions_once(held: Held, rows: PredictionRows) -> None:
    """Predictions of different ids."""
    table = held.predictions
    table.reserve(len(rows.time), held.prediction_alive)
    found = table.look(rows.hashes)
    if len(found.row):
        pair_of = held.names.pair_of
        same = pair_of.take(table.column["group"].take(found.slot)) == pair_of.take(rows.group.take(found.row))
        same &= held.prediction_alive(found.slot)  # a row that is gone is left to the next rebuild
        stored = np.flatnonzero(same)
        if len(stored):
            row = found.row.take(stored)
            _repeated(held, rows.some(row), found.slot.take(stored))
            others = np.ones(len(rows.time), np.bool_)
            others[row] = False
            i = np.flatnonzero(others)
            rows, found.end = rows.some(i), found.end.take(i)
    if len(rows.time):
        held.counted += len(rows.time)
        _write(held, rows, table.append(rows.hashes, found.end))


def _repeated(held: Held, rows: PredictionRows, slot: Slots) -> None:
    """Predictions that are in the table, at `slot`: duplicates and conflicts, of which some replace what is there."""
    column = held.predictions.column
    names = _content_columns(held)
    same = np.ones(len(slot), np.bool_)
    for name in names:
        same &= column[name].take(slot) == getattr(rows, name)
    held.reject(Kind.PREDICTION, rows, np.flatnonzero(same), Reason.DUPLICATE_PREDICTION)
    differing = np.flatnonzero(~same)
    held.reject(Kind.PREDICTION, rows, differing, Reason.CONFLICTING_PREDICTION)
    winning = [
        j
        for j in differing.tolist()
        if _content(held, *(getattr(rows, name)[j] for name in names))
        < _content(held, *(column[name][slot[j]] for name in names))
    ]
    if winning:
        i = np.array(winning, np.int64)
        held.counts.move(held.moves(slot[i]), -1)
        labels = _labels_of(held, rows.hashes[i])
        agree_predictions(held, slot[i], *labels, -1)
        pair_predictions(held, rows.hashes[i], slot[i], *labels, -1)
        _write(held, rows.some(i), slot[i])


def _write(held: Held, rows: PredictionRows, at: Slots | slice) -> None:
    """Write predictions to their slots and count them, under the labels that were here first."""
    column = held.predictions.column
    column["time"][at] = rows.time
    column["group"][at] = rows.group
    column["cls"][at] = rows.cls
    column["confidence"][at] = rows.confidence
    column["label_cls"][at] = UNSEEN
    if held.in_turn:
        column["known"][at] = 0
    if rows.scores is not None:
        column["scores"][at] = rows.scores
    if held.samples:
        column["position"][at], column["source"][at] = rows.position, rows.source
    for name, _ in held.ages:
        column[name][at] = UNSEEN
    if held.paired and isinstance(at, slice):
        admit(held, rows.hashes, rows.group, at)
    pair_row, label = _labels_of(held, rows.hashes)
    if not len(label):
        n = len(rows.time)
        moves = Moves(
            rows.time, rows.group, rows.cls, np.full(n, NONE), rows.confidence, np.zeros(n, np.uint32),
            np.zeros(n, np.uint8), np.zeros(n if held.in_turn else 0, np.uint32),
            np.full((n, len(held.ages)), UNSEEN, np.uint16),
            NO_SCORES if rows.scores is None else rows.scores,
        )  # fmt: skip
        held.counts.move(moves, 1)
        return
    slots = np.arange(at.start, at.stop) if isinstance(at, slice) else at
    _choose(held, slots, pair_row, label)
    life = minutes_up(rows.reach + held.names.longest_final_ms)[pair_row]
    np.maximum.at(held.labels.column["life"], label, life.astype(np.uint32))
    held.counts.move(held.moves(slots), 1)
    agree_predictions(held, slots, pair_row, label, 1)
    pair_predictions(held, rows.hashes, slots, pair_row, label, 1)
    restate(held, rows.hashes[np.unique(pair_row)])


def _content_columns(held: Held) -> tuple[str, ...]:
    """The columns that `_content` is made of, in its order."""
    return ("time", "cls", "group", "confidence", "scores")[: 5 if held.keeps_scores else 4]


def _content(held: Held, time: int, cls: int, group: int, confidence: int, scores: Any = None) -> Content:
    """What decides between differing predictions of one identity: names, never codes."""
    segments = [v.encode() for v in held.names.groups[int(group)].segments]
    kept = (0, []) if scores is None else content(scores, held.names.classes)
    return int(time), held.names.classes[int(cls)].encode(), segments, int(confidence), kept


def _choose(held: Held, slots: Slots, pair_row: Rows, label: Slots) -> None:
    """Write the winning label, if any, of the predictions at `slots` among pairs (row of slots, label slot)."""
    p, c = held.predictions.column, held.labels.column
    near = held.near(label, slots[pair_row])
    pair_row, label = pair_row[near], label[near]
    if not len(label):
        return
    rank = pair_row  # of labels that are alone it does not matter
    if np.bincount(pair_row).max() > 1:
        order = np.lexsort((label, pair_row))  # a label's slot says where it stands in the ledger
        pair_row, label = pair_row[order], label[order]
        rank = ranks(held.names.order[c["cls"][label]], c["time"][label], c["rank"][label])
    turns = sequence(pair_row, rank, c["delivered"][label])
    at, label = slots[pair_row[turns.row]], label[turns.row]
    held.mature(at, c["cls"][label], turns.known)
    at, label = at[turns.last], label[turns.last]
    if held.in_turn:
        p["known"][at] = turns.known[turns.last]
    for name in ("delivered", "label_source"):
        p[name][at] = c[name][label]
    for name in ("time", "cls", "rank"):
        p[f"label_{name}"][at] = c[name][label]


def _labels_of(held: Held, hashes: Hashes) -> tuple[Rows, Slots]:
    """(row, slot) of all live labels of some ids."""
    row, label = held.labels.find(hashes)
    if len(label):
        alive = held.label_alive(label)
        row, label = row[alive], label[alive]
    return row, label
