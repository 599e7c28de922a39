"""The rules for labels: late, duplicate, refused, waiting, winning, beaten; see `held.py` for what they keep.

An id holds at most `max_labels_per_id` live labels: which ones is decided in ledger order, never by blocks. So a flood
of labels of one id costs no more rounds than that.
"""

from dataclasses import dataclass

import numpy as np

from streams.formats.columns import NO_CLASS
from streams.formats.reasons import Kind, Reason
from streams.ledger.held import Held, Ints, LabelState, Mask, minutes_up
from streams.ledger.names import UNSEEN
from streams.ledger.table import Hashes, Rows, Slots, crowded, rounds


@dataclass(slots=True)
class LabelRows:
    """Labels of a block in the partition's own codes; `cls` is NO_CLASS for a deletion."""

    source: int
    hashes: Hashes
    time: Ints
    cls: Ints
    rank: Ints
    position: Ints


def add_labels(held: Held, rows: LabelRows) -> None:
    """Take the labels of a block."""
    if not len(rows.time):
        return
    i = _admitted(held, rows)
    held.labels.reserve(len(i), held.label_alive)
    for turn in rounds(rows.hashes[i]):
        _labels_once(held, rows, i[turn])


def _admitted(held: Held, rows: LabelRows) -> Rows:
    """The labels to take in rounds; of ids that may get too many, all that are not stored are told here."""
    most = held.names.spec.max_labels_per_id
    row, slot = held.labels.find(rows.hashes)
    live = np.bincount(row[held.label_alive(slot)], minlength=len(rows.time))
    crowd = crowded(rows.hashes, most - live)
    if not len(crowd):
        return np.arange(len(rows.time))
    late, known = _known(held, rows, crowd)
    told: dict[Reason, list[int]] = {Reason.LATE_LABEL: [], Reason.DUPLICATE_LABEL: [], Reason.LABEL_LIMIT: []}
    admitted = np.ones(len(rows.time), np.bool_)
    labels = zip(rows.time[crowd].tolist(), rows.cls[crowd].tolist(), rows.rank[crowd].tolist(), strict=True)
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


def _known(held: Held, rows: LabelRows, i: Rows) -> tuple[Mask, list[set[tuple[int, int, int]]]]:
    """Of each label whether it is late, and the (time, class, rank) that its id holds, one set for an id."""
    hashes, of = np.unique(rows.hashes[i], axis=0, return_inverse=True)
    of = of.reshape(-1)
    predicted = np.zeros(len(hashes), np.bool_)
    row, at = held.predictions.find(hashes)
    predicted[row[held.prediction_alive(at)]] = True
    known: list[set[tuple[int, int, int]]] = [set() for _ in hashes]
    row, slot = held.labels.find(hashes)
    alive, c = held.label_alive(slot), held.labels.column
    row, slot = row[alive], slot[alive]
    held_labels = zip(c["time"][slot].tolist(), c["cls"][slot].tolist(), c["rank"][slot].tolist(), strict=True)
    for r, label in zip(row.tolist(), held_labels, strict=True):
        known[r].add(label)
    late = ~predicted[of] & (rows.time[i] + held.names.longest_final_ms < held.watermark)
    return late, [known[o] for o in of.tolist()]


def _labels_once(held: Held, rows: LabelRows, i: Rows) -> None:
    """Labels of different ids."""
    pair_row, at = held.predictions.find(rows.hashes[i])
    alive = held.prediction_alive(at)
    pair_row, at = pair_row[alive], at[alive]
    predicted = np.zeros(len(i), np.bool_)
    predicted[pair_row] = True
    final = rows.time[i] + held.names.longest_final_ms
    late = ~predicted & (final < held.watermark)
    if late.any():
        j = np.flatnonzero(late)
        held.reject(Kind.LABEL, rows, i[j], Reason.LATE_LABEL, held.watermark - final[j])
    stored = np.flatnonzero(~late)
    slot = np.full(len(i), -1, np.int64)
    slot[stored], fresh_stored = _store(held, rows, i[stored])
    fresh = np.zeros(len(i), np.bool_)
    fresh[stored] = fresh_stored
    mine = fresh[pair_row]
    pair_row, at = pair_row[mine], at[mine]
    column, p = held.labels.column, held.predictions.column
    near = np.abs(rows.time[i[pair_row]] - p["time"][at]) <= held.names.horizon_ms[p["group"][at]]
    counts_for = np.zeros(len(i), np.bool_)
    counts_for[pair_row[near]] = True
    greatest = rows.time[i].copy()
    np.maximum.at(greatest, pair_row, p["time"][at])
    f = np.flatnonzero(fresh)
    column["life"][slot[f]] = minutes_up(greatest[f] + held.names.longest_final_ms)
    wins, contested = _overtake(held, rows, i, pair_row[near], at[near], slot)
    state = np.where(
        wins, LabelState.WINNING,
        np.where(counts_for, LabelState.BEATEN, np.where(predicted, LabelState.BEYOND, LabelState.WAITING)),
    )  # fmt: skip
    state[rows.cls[i] == NO_CLASS] = LabelState.DELETION
    _enter(held, rows, i[f], slot[f], state[f])
    if contested.any():
        restate(held, rows.hashes[i[contested]])


def _store(held: Held, rows: LabelRows, i: Rows) -> tuple[Slots, Mask]:
    """(slot of each label, whether it is new); a label that is held already is told as a duplicate."""
    column = held.labels.column
    slot, fresh = held.labels.put(
        rows.hashes[i],
        lambda s, r: (
            (column["time"][s] == rows.time[i[r]])
            & (column["cls"][s] == rows.cls[i[r]])
            & (column["rank"][s] == rows.rank[i[r]])
        ),
    )
    old = np.flatnonzero(~fresh)
    if len(old):
        alive = held.label_alive(slot[old])
        fresh[old[~alive]] = True
        held.reject(Kind.LABEL, rows, i[old[alive]], Reason.DUPLICATE_LABEL)
    s, w = slot[fresh], i[fresh]
    column["time"][s] = rows.time[w]
    column["cls"][s] = rows.cls[w]
    column["rank"][s] = rows.rank[w]
    column["position"][s] = rows.position[w]
    column["source"][s] = rows.source
    return slot, fresh


def _overtake(held: Held, rows: LabelRows, i: Rows, pair_row: Rows, at: Slots, slot: Slots) -> tuple[Mask, Mask]:
    """Recount the predictions at `at` whose new label beats what they are counted under.

    Returns for each of `i` whether it won anywhere, and whether it met another label.
    """
    wins = np.zeros(len(i), np.bool_)
    contested = np.zeros(len(i), np.bool_)
    if not len(at):
        return wins, contested
    p, order = held.predictions.column, held.names.order
    r = i[pair_row]
    rank, time, cls = p["label_rank"][at].astype(np.int64), p["label_time"][at], p["label_cls"][at]
    seen = cls != UNSEEN
    contested[pair_row[seen]] = True
    better = ~seen | (
        (rows.rank[r] > rank)
        | ((rows.rank[r] == rank) & (rows.time[r] > time))
        | ((rows.rank[r] == rank) & (rows.time[r] == time) & (order[rows.cls[r]] > order[cls]))
    )
    pair_row, at = pair_row[better], at[better]
    wins[pair_row] = True
    changed = (p["label_cls"][at] != UNSEEN) & (p["label_cls"][at] != rows.cls[i[pair_row]])
    fixed = at[changed]
    held.counts.move(held.moves(at), -1)
    held.write_winner(at, slot[pair_row])
    held.counts.move(held.moves(at), 1)
    if len(fixed):
        held.counts.correct(p["time"][fixed] // held.names.spec.pane_ms, p["group"][fixed].astype(np.int64))
    return wins, contested


def _enter(held: Held, rows: LabelRows, i: Rows, slot: Slots, state: Ints) -> None:
    """New label rows take their state."""
    held.labels.column["state"][slot] = state
    for code, n in enumerate(np.bincount(state, minlength=len(LabelState)).tolist()):
        held.states[code] += n
    waiting = slot[state == LabelState.WAITING]
    if len(waiting):
        held.first_orphan_minute = min(held.first_orphan_minute, int(held.labels.column["life"][waiting].min()))
    held.reject(Kind.LABEL, rows, i[state == LabelState.BEYOND], Reason.BEYOND_HORIZON, counted=False)
    held.reject(Kind.LABEL, rows, i[state == LabelState.DELETION], Reason.LABEL_DELETION, counted=False)


def restate(held: Held, hashes: Hashes) -> None:
    """Work out again the states of all labels of some ids that have several labels, or had them first."""
    label_id, label = held.labels.find(hashes)
    alive = held.label_alive(label) & (held.labels.column["state"][label] != LabelState.DELETION)
    label_id, label = label_id[alive], label[alive]
    pred_id, pred = held.predictions.find(hashes)
    alive = held.prediction_alive(pred)
    pred_id, pred = pred_id[alive], pred[alive]
    order = np.argsort(pred_id, kind="stable")
    pred_id, pred = pred_id[order], pred[order]
    first = np.searchsorted(pred_id, label_id)
    n = np.searchsorted(pred_id, label_id, side="right") - first
    which = np.repeat(np.arange(len(label)), n)
    at = pred[np.arange(len(which)) - np.repeat(np.cumsum(n) - n, n) + np.repeat(first, n)]
    c, p = held.labels.column, held.predictions.column
    time = c["time"][label][which]
    near = np.abs(time - p["time"][at]) <= held.names.horizon_ms[p["group"][at]]
    wins = (
        near
        & (p["label_cls"][at] == c["cls"][label][which])
        & (p["label_time"][at] == time)
        & (p["label_rank"][at] == c["rank"][label][which])
    )
    won = np.bincount(which, wins, len(label)) > 0
    counted = np.bincount(which, near, len(label)) > 0
    old = c["state"][label].astype(np.int64)
    new = np.where(won, LabelState.WINNING, np.where(counted, LabelState.BEATEN, LabelState.BEYOND))
    new = np.where(n == 0, old, new)
    moved = new != old
    c["state"][label[moved]] = new[moved]
    for code in old[moved].tolist():
        held.states[code] -= 1
    for code in new[moved].tolist():
        held.states[code] += 1
    held.tell(label[moved & (new == LabelState.BEYOND)], Reason.BEYOND_HORIZON)
