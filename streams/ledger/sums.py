"""From predictions that move to what to add to cells: whole columns at a time, every kind of cell from the same index.

A move adds (+1) or retracts (-1) one prediction. What it adds to is the same whenever it is summed, so that moves of
many blocks can wait and be summed together, and a retraction takes back exactly what was added.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.formats.columns import CONFIDENCE_SCALE, NO_CONFIDENCE
from streams.ledger.cells import (
    CONFIDENCE_BINS,
    NONE,
    POSITIVE_BINS,
    SOURCE_BITS,
    CellKind,
    Outcome,
    PairOutcome,
    codes,
    confidence_bin,
    delay_bin,
    pack,
    positive_bin,
)
from streams.ledger.crosstab import CellSums, Crosstab, Ints, Signs, ranked, sum_by
from streams.ledger.known import known_ms
from streams.ledger.names import UNSEEN, Names
from streams.ledger.scores import Scores, outcomes
from streams.ledger.spec import GROUP_BITS, LedgerSpec


class Moves(NamedTuple):
    """Predictions that enter (+1) or leave (-1) their cells, as n rows of columns that nobody changes any more.

    `time` is the event's (ms), `true` is NONE for an unlabelled prediction. `delivered` (s) and `source` say when
    the counting label came and who gave it, `known` (s) when that was known in the ledger's order, which is empty
    unless it is counted; they are read only where there is a label. `at_ages`, shape (n, ages), has the counting class
    at each label age of the specification; UNSEEN and above is none. `scores` are those that predictions keep, empty
    where the specification keeps none.
    """

    time: Ints
    group: Ints
    predicted: Ints
    true: Ints
    confidence: NDArray[np.uint16]
    delivered: NDArray[np.uint32]
    source: NDArray[np.uint8]
    known: NDArray[np.uint32]
    at_ages: NDArray[np.uint16]
    scores: NDArray[Any]


class Corrections(NamedTuple):
    """Predictions whose counting label changes its class, n rows: `source` of the new label, NONE for no class."""

    time: Ints
    group: Ints
    source: Ints
    before: Ints
    after: Ints


class Agreements(NamedTuple):
    """Pairs of labels of one prediction by two sources, n rows: the sources' codes and the class that each gave."""

    time: Ints
    group: Ints
    source_a: Ints
    source_b: Ints
    class_a: Ints
    class_b: Ints


class Pairings(NamedTuple):
    """Pairs of labelled predictions of one id by two versions of a model, n rows: see `pairing.py`.

    `time` and `group` are those of the version under which a pair counts, `other` is the (model, version) code of the
    other one; which of both are right, and the class of their label.
    """

    time: Ints
    group: Ints
    other: Ints
    own_right: NDArray[np.bool_]
    other_right: NDArray[np.bool_]
    true: Ints


class Sums(NamedTuple):
    """What to add to cells: `n` to cell `code` of the slot `keys[slot]`. All keys are touched."""

    keys: Ints
    slot: Ints
    code: Ints
    n: Ints


def joined(parts: list[Sums]) -> Sums:
    """All sums as one, in which every key comes once; no two parts may have the same cell."""
    keys, place = np.unique(np.concatenate([part.keys for part in parts]), return_inverse=True)
    offsets = np.cumsum([0, *(len(part.keys) for part in parts)]).tolist()
    slots = [place.take(part.slot + at) for part, at in zip(parts, offsets, strict=False)]
    code, n = (np.concatenate([part[i] for part in parts]) for i in (2, 3))
    return Sums(keys, np.concatenate(slots), code, n)


def moved(moves: Moves, sign: Signs, names: Names) -> list[Sums]:
    """What predictions that move add to cells."""
    spec = names.spec
    keys, j = ranked(moves.time // spec.pane_ms << GROUP_BITS | moves.group)
    # NONE becomes class 0 and every class c becomes c + 1, so that the axis stays short
    true = (moves.true + 1) & NONE
    k, t = int(moves.predicted.max()) + 1, int(true.max()) + 1
    rows = Crosstab(j, moves.predicted * t + true, k, t, sign)
    parts = [Sums(keys, *rows.cells(CellKind.CONFUSION))]
    has_score = moves.confidence != NO_CONFIDENCE
    scored, late = np.flatnonzero(has_score), np.flatnonzero(true)
    at_ages = np.nonzero(moves.at_ages < UNSEEN)
    some = np.zeros(len(keys), np.bool_)
    for row in (scored, late, at_ages[0]):
        some[j.take(row)] = True
    if not some.any():
        return parts
    mine = keys[some]
    detail, number = ranked(_first_pane(mine >> GROUP_BITS, spec) << GROUP_BITS | mine & _GROUP)
    of = np.zeros(len(keys), np.int64)
    of[some] = number
    rows.slot = of.take(j)
    found: list[CellSums] = []
    if len(scored):
        found += _scored(
            rows.some(scored), moves.confidence if len(scored) == len(j) else moves.confidence.take(scored)
        )
        if spec.positive is not None:
            both = np.flatnonzero(has_score & (true != 0))
            if len(both):
                found.append(_positive(rows.some(both), moves.confidence.take(both), names.class_code(spec.positive)))
    if len(late):
        labelled, time = rows.some(late), moves.time.take(late)
        delay = delay_bin(known_ms(moves.delivered.take(late), time) - time)
        found.append(labelled.cells(CellKind.DELAY, delay, int(delay.max()) + 1))
        source = moves.source.take(late)
        if source.any():
            by = np.flatnonzero(source)
            sources = source.take(by).astype(np.int64)
            found.append(labelled.some(by).cells(CellKind.LABELLED_BY, sources, len(names.label_sources)))
        if spec.keep_scores:
            found += _of_scores(labelled, moves.scores.take(late), moves.true.take(late))
        if spec.label_time:
            then = _first_pane(known_ms(moves.known.take(late), time) // spec.pane_ms, spec)
            then_keys, labelled.slot = ranked(then << GROUP_BITS | moves.group.take(late))
            parts.append(Sums(then_keys, *labelled.cells(CellKind.LABEL_TIME)))
    if len(at_ages[0]):
        row, age = at_ages
        then_true = moves.at_ages[at_ages].astype(np.int64) + 1
        t = int(then_true.max()) + 1
        aged = Crosstab(rows.slot.take(row), moves.predicted.take(row) * t + then_true, k, t, sign.take(row))
        found.append(aged.cells(CellKind.MATURITY, age, len(spec.maturities_ms)))
    parts.append(Sums(detail, *map(np.concatenate, zip(*found, strict=True))))
    return parts


def newest(moves: Moves, sign: Signs, newest_ms: Ints) -> None:
    """Note in `newest_ms`, by group, when the counting labels of predictions that enter were delivered."""
    late = np.flatnonzero((moves.true != NONE) & (sign > 0))
    delivered = known_ms(moves.delivered.take(late), moves.time.take(late))
    np.maximum.at(newest_ms, moves.group.take(late), delivered)


def corrected(of: Corrections, names: Names) -> Sums:
    """What corrections add to cells."""
    keys, slot = ranked(_detail_keys(of.time, of.group, names))
    before, after = (of.before + 1) & NONE, (of.after + 1) & NONE
    k, t = int(before.max()) + 1, int(after.max()) + 1
    rows = Crosstab(slot, before * t + after, k, t, np.ones(len(slot)))
    sources = len(names.label_sources)
    at, (n,) = sum_by(rows.index(of.source, sources), rows.size(sources), rows.sign)
    slot, source, before, after = rows.split(at, sources)
    return Sums(keys, slot, codes(CellKind.CORRECTED, source, (before - 1) & NONE, (after - 1) & NONE), n)


def agreed(of: Agreements, sign: Signs, names: Names) -> Sums:
    """What pairs of labels add to cells."""
    keys, slot = ranked(_detail_keys(of.time, of.group, names))
    order = names.source_order.astype(np.int64)
    turned = order.take(of.source_a) > order.take(of.source_b)
    a, b = (np.where(turned, x, y) for x, y in ((of.source_b, of.source_a), (of.source_a, of.source_b)))
    first, second = (np.where(turned, x, y) for x, y in ((of.class_b, of.class_a), (of.class_a, of.class_b)))
    k, t = int(first.max()) + 1, int(second.max()) + 1
    rows = Crosstab(slot, first * t + second, k, t, sign)
    sources = len(names.label_sources)
    at, (n,) = sum_by(rows.index(a * sources + b, sources**2), rows.size(sources**2), sign)
    slot, pair, first, second = rows.split(at, sources**2)
    a, b = np.divmod(pair, sources)
    return Sums(keys, slot, codes(CellKind.AGREEMENT, a << SOURCE_BITS | b, first, second), n)


def paired(of: Pairings, sign: Signs, names: Names) -> Sums:
    """What pairs of predictions add to cells."""
    keys, slot = ranked(_detail_keys(of.time, of.group, names))
    others, number = ranked(of.other)
    outcome = 2 * of.own_right + of.other_right
    t = int(of.true.max()) + 1
    rows = Crosstab(slot, outcome * t + of.true, len(PairOutcome), t, sign)
    at, (n,) = sum_by(rows.index(number, len(others)), rows.size(len(others)), sign)
    slot, number, outcome, true = rows.split(at, len(others))
    return Sums(keys, slot, codes(CellKind.PAIRED, others.take(number), outcome, true), n)


_GROUP = (1 << GROUP_BITS) - 1


def _scored(rows: Crosstab, confidence: NDArray[np.uint16]) -> list[CellSums]:
    """SCORED, and the sums of confidence and of its square: they are summed by cell first, of which there are few."""
    value = confidence.astype(np.float64)
    index = rows.index(confidence_bin(confidence), CONFIDENCE_BINS)
    signed = rows.sign * value
    at, (n, total, squares) = sum_by(index, rows.size(CONFIDENCE_BINS), rows.sign, signed, signed * value)
    slot, bin_, predicted, true = rows.split(at, CONFIDENCE_BINS)
    some = np.flatnonzero(n)
    code = codes(CellKind.SCORED, bin_, predicted, (true - 1) & NONE)
    found = [(slot.take(some), code.take(some), n.take(some))]
    outcome = np.where(true == 0, int(Outcome.UNLABELLED), true - 1 == predicted)  # RIGHT is 1, WRONG is 0
    for kind, sums, part, parts in (
        (CellKind.CONFIDENCE_SUM, total, bin_, CONFIDENCE_BINS),
        (CellKind.CONFIDENCE_SQUARES, squares, np.zeros(len(bin_), np.int64), 1),
    ):
        where, (sum_,) = sum_by(
            (slot * parts + part) * len(Outcome) + outcome,
            (int(rows.slot.max()) + 1) * parts * len(Outcome),
            sums.astype(np.float64),
        )
        upper, out = np.divmod(where, len(Outcome))
        of, a = np.divmod(upper, parts)
        found.append((of, codes(kind, 0, a, out), sum_))
    return found


def _positive(rows: Crosstab, confidence: NDArray[np.uint16], positive: int) -> CellSums:
    """POSITIVE: the score of the positive class is that of the predicted class, or what it leaves of 1."""
    predicted, true = np.divmod(rows.cell, rows.t)
    score = confidence.astype(np.int64)
    score = np.where(predicted == positive, score, CONFIDENCE_SCALE - score)
    index = (rows.slot * POSITIVE_BINS + positive_bin(score)) * 2 + (true - 1 == positive)
    at, (n,) = sum_by(index, (int(rows.slot.max()) + 1) * POSITIVE_BINS * 2, rows.sign)
    upper, is_positive = np.divmod(at, 2)
    slot, bin_ = np.divmod(upper, POSITIVE_BINS)
    return slot, codes(CellKind.POSITIVE, 0, bin_, is_positive), n


def _of_scores(rows: Crosstab, scores: Scores, true: Ints) -> list[CellSums]:
    """RANK of the labelled predictions that keep scores; PROPER, BRIER and LOG_LOSS of those with all of them."""
    of = outcomes(scores, true)
    found: list[CellSums] = []
    some = np.flatnonzero(of.rank >= 0)
    if len(some):
        most, slot = int(of.rank.max()) + 1, rows.slot.take(some)
        index = slot * most + of.rank.take(some)
        at, (n,) = sum_by(index, (int(slot.max()) + 1) * most, rows.sign.take(some))
        found.append((at // most, codes(CellKind.RANK, 0, at % most, 0), n))
    some = np.flatnonzero(of.proper)
    if len(some):
        slot, sign = rows.slot.take(some), rows.sign.take(some)
        losses = sign * of.brier.take(some), sign * of.log_loss.take(some)
        at, totals = sum_by(slot, int(slot.max()) + 1, sign, *losses)
        for kind, n in zip((CellKind.PROPER, CellKind.BRIER, CellKind.LOG_LOSS), totals, strict=True):
            there = np.flatnonzero(n)
            found.append((at.take(there), np.full(len(there), pack(kind)), n.take(there)))
    return found


def _first_pane(pane: Ints, spec: LedgerSpec) -> Ints:
    """The first pane of the detail that a pane lies in."""
    panes = spec.detail_ms // spec.pane_ms
    return pane if panes == 1 else pane // panes * panes


def _detail_keys(time: Ints, group: Ints, names: Names) -> Ints:
    """The slots of the details that events lie in."""
    spec = names.spec
    return _first_pane(time // spec.pane_ms, spec) << GROUP_BITS | group
