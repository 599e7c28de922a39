"""The rules for predictions: late, duplicate, conflicting, counted; see `held.py` for what they keep.

Predictions of an id that comes very often in a block are told one after the other, and only the one that wins is
counted: what the table, the counts and the audit hold in the end is the same as if each had been counted in turn.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from streams.formats.reasons import Kind, Reason
from streams.ledger.held import Held, Ints, minutes_up
from streams.ledger.labels import restate
from streams.ledger.names import UNSEEN
from streams.ledger.table import Hashes, Rows, Slots, crowded, rounds

CROWD = 16
"""Rows of one id in a block that are taken in rounds."""

Content = tuple[int, bytes, list[bytes], int]


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
    reach: Ints = field(init=False)

    def __post_init__(self) -> None:
        self.reach = self.time


def add_predictions(held: Held, rows: PredictionRows) -> None:
    """Take the predictions of a block."""
    final = rows.time + held.names.final_ms[rows.group]
    late = final < held.watermark
    if late.any():
        i = np.flatnonzero(late)
        held.reject(Kind.PREDICTION, rows, i, Reason.LATE_PREDICTION, held.watermark - final[i])
    on_time = np.flatnonzero(~late)
    if not len(on_time):
        return
    crowd = crowded(rows.hashes[on_time], np.full(len(on_time), CROWD))
    if len(crowd):
        winners = _winners(held, rows, on_time[crowd])
        on_time = np.sort(np.concatenate((np.delete(on_time, crowd), winners)))
    held.predictions.reserve(len(on_time), held.prediction_alive)
    for turn in rounds(rows.hashes[on_time]):
        _predictions_once(held, rows, on_time[turn])


def _winners(held: Held, rows: PredictionRows, crowd: Rows) -> Rows:
    """Of rows on time, those that are still to be counted, at most one of an identity; the others are told here."""
    pair_of, column = held.names.pair_of, held.predictions.column
    hashes = np.unique(rows.hashes[crowd], axis=0)
    row, slot = held.predictions.find(hashes)
    alive = held.prediction_alive(slot)
    best: dict[tuple[int, int, int], Content] = {}
    for r, s in zip(row[alive].tolist(), slot[alive].tolist(), strict=True):
        a, b = hashes[r].tolist()
        content = _content(held, *(column[name][s] for name in ("time", "cls", "group", "confidence")))
        best[a, b, int(pair_of[column["group"][s]])] = content
    stored = set(best)
    winner: dict[tuple[int, int, int], int] = {}
    duplicates, conflicts = list[int](), list[int]()
    rows.reach = rows.time.copy()
    pairs = pair_of[rows.group[crowd]].tolist()
    for r, (a, b), pair in zip(crowd.tolist(), rows.hashes[crowd].tolist(), pairs, strict=True):
        content = _content(held, rows.time[r], rows.cls[r], rows.group[r], rows.confidence[r])
        key = (a, b, pair)
        old = best.get(key)
        if old is not None:
            (duplicates if content == old else conflicts).append(r)
        if old is None or content < old:
            best[key] = content
            rows.reach[r] = rows.reach[winner.get(key, r)]  # the first one is the latest in event time
            winner[key] = r
    told_in_turn = {r for key, r in winner.items() if key in stored}  # they conflict with what is in the table
    conflicts = [r for r in conflicts if r not in told_in_turn]
    held.reject(Kind.PREDICTION, rows, np.array(duplicates, np.int64), Reason.DUPLICATE_PREDICTION)
    held.reject(Kind.PREDICTION, rows, np.array(conflicts, np.int64), Reason.CONFLICTING_PREDICTION)
    return np.array(list(winner.values()), np.int64)


def _predictions_once(held: Held, rows: PredictionRows, i: Rows) -> None:
    """Predictions of different ids."""
    table, names = held.predictions, held.names
    column = table.column
    pair = names.pair_of[rows.group]
    slot, new = table.put(rows.hashes[i], lambda s, r: names.pair_of[column["group"][s]] == pair[i[r]])
    fresh = new.copy()
    old = np.flatnonzero(~new)
    replaced = np.zeros(len(i), np.bool_)
    if len(old):
        alive = held.prediction_alive(slot[old])
        fresh[old[~alive]] = True  # a row that is gone is free for a new life
        replaced[_repeats(held, rows, i, slot, old[alive])] = True
    held.counted += int(fresh.sum())
    write = np.flatnonzero(fresh | replaced)
    if not len(write):
        return
    w, s = i[write], slot[write]
    column["time"][s] = rows.time[w]
    column["group"][s] = rows.group[w]
    column["cls"][s] = rows.cls[w]
    column["confidence"][s] = rows.confidence[w]
    column["label_cls"][s] = UNSEEN
    pair_row, label = held.labels.find(rows.hashes[w])
    if len(label):
        alive = held.label_alive(label)
        pair_row, label = pair_row[alive], label[alive]
    if len(label):
        _choose(held, s, pair_row, label)
        life = minutes_up(rows.reach[w] + names.longest_final_ms)[pair_row]
        np.maximum.at(held.labels.column["life"], label, life.astype(np.uint32))
    held.counts.move(held.moves(s), 1)
    if len(label):
        restate(held, rows.hashes[w[np.unique(pair_row)]])


def _repeats(held: Held, rows: PredictionRows, i: Rows, slot: Slots, old: Rows) -> Rows:
    """The rows of `old` (indices into i) that replace what is there, taken out of the counts already.

    All of `old` have their prediction in the table: the others are told as duplicates and conflicts.
    """
    column = held.predictions.column
    s, r = slot[old], i[old]
    same = (
        (column["time"][s] == rows.time[r])
        & (column["cls"][s] == rows.cls[r])
        & (column["group"][s] == rows.group[r])
        & (column["confidence"][s] == rows.confidence[r])
    )
    held.reject(Kind.PREDICTION, rows, r[same], Reason.DUPLICATE_PREDICTION)
    differing = old[~same]
    held.reject(Kind.PREDICTION, rows, i[differing], Reason.CONFLICTING_PREDICTION)
    wins = [
        _content(held, rows.time[i[j]], rows.cls[i[j]], rows.group[i[j]], rows.confidence[i[j]])
        < _content(held, *(column[name][slot[j]] for name in ("time", "cls", "group", "confidence")))
        for j in differing.tolist()
    ]
    winning: Rows = differing[np.array(wins, np.bool_)] if wins else differing
    held.counts.move(held.moves(slot[winning]), -1)
    return winning


def _content(held: Held, time: int, cls: int, group: int, confidence: int) -> Content:
    """What decides between differing predictions of one identity: names, never codes."""
    segments = [v.encode() for v in held.names.groups[int(group)].segments]
    return int(time), held.names.classes[int(cls)].encode(), segments, int(confidence)


def _choose(held: Held, slots: Slots, pair_row: Rows, label: Slots) -> None:
    """Write the winning label, if any, of the predictions at `slots` among pairs (row of slots, label slot)."""
    p, c = held.predictions.column, held.labels.column
    at = slots[pair_row]
    near = np.abs(c["time"][label] - p["time"][at]) <= held.names.horizon_ms[p["group"][at]]
    pair_row, label = pair_row[near], label[near]
    if not len(label):
        return
    order = np.lexsort((held.names.order[c["cls"][label]], c["time"][label], c["rank"][label], pair_row))
    pair_row, label = pair_row[order], label[order]
    last = np.append(pair_row[1:] != pair_row[:-1], [True])
    at, label = slots[pair_row[last]], label[last]
    held.write_winner(at, label)
