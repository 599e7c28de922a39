"""Counts of one ledger partition: per pane and group, sparse integer cells (see `cells.py`).

A slot is one (pane, group). `touched` are the slots that changed since the last flush; a flush carries their absolute
counts. Invariant: `labelled + unlabelled` is the number of predictions counted and not retracted, over all slots
that ever were; a cell that becomes 0 is removed.

Moves wait, and many are summed at once when somebody looks: a label is one step out of a cell and one into another,
and most of a block's steps into a slot go where those of the next block go.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.formats.columns import NO_CONFIDENCE
from streams.ledger.cells import CONFIDENCE_BINS, NONE, CellKind, Outcome, confidence_bin, delay_bin
from streams.ledger.spec import GROUP_BITS as GROUP_BITS  # noqa: PLC0414 - the keys of slots are this module's

_DELAY_BINS = 128
_DENSE_PER_ROW = 16
"""Sums go through a dense array while it has at most this many cells a row, else through a sort."""

_WAITING_ROWS = 50_000
"""Moves that wait to be summed, at most; they have about 40 bytes."""

Ints = NDArray[np.int64]


class Moves(NamedTuple):
    """Predictions that enter (+1) or leave (-1) their cells, as columns that nobody changes any more.

    `true` is NONE for an unlabelled prediction; `delay_ms` is read only where there is a label.
    """

    pane: Ints
    group: Ints
    predicted: Ints
    true: Ints
    confidence: NDArray[np.uint16]
    delay_ms: Ints


def _ranked(values: Ints) -> tuple[Ints, Ints]:
    """(the distinct values in order, the number of each value among them)."""
    low, high = int(values.min()), int(values.max())
    if high - low >= _DENSE_PER_ROW * len(values) + 4096:
        distinct, number = np.unique(values, return_inverse=True)
        return distinct, number
    seen = np.zeros(high - low + 1, np.bool_)
    seen[values - low] = True
    distinct = np.flatnonzero(seen)
    number = np.empty(len(seen), np.int64)
    number[distinct] = np.arange(len(distinct))
    return distinct + low, number.take(values - low)


def _summed(index: Ints, size: int, weights: NDArray[np.float64]) -> tuple[Ints, Ints]:
    """(distinct indices, sum of weights at each) where it is not 0. Exact below 2 ** 53."""
    if size <= _DENSE_PER_ROW * len(index) + 4096:
        total = np.bincount(index, weights, size)
        at = np.flatnonzero(total)
        return at, total[at].astype(np.int64)
    at, inverse = np.unique(index, return_inverse=True)
    sums = np.bincount(inverse, weights, len(at)).astype(np.int64)
    some = sums != 0
    return at[some], sums[some]


class Counts:
    """The slots of a ledger partition. `slots[pane << GROUP_BITS | group]` is {cell code: count}."""

    def __init__(self) -> None:
        """No slots."""
        self.labelled = 0
        self.unlabelled = 0
        self.expired = 0  # of the unlabelled: those whose pane can no longer change
        self.corrected = 0
        self._slots: dict[int, dict[int, int]] = {}
        self._touched: set[int] = set()
        self._waiting: list[tuple[Moves, int]] = []
        self._rows = 0

    @property
    def slots(self) -> dict[int, dict[int, int]]:
        """The cells of each slot, with everything that moved."""
        self._settle()
        return self._slots

    @property
    def touched(self) -> set[int]:
        """The slots that changed since they were last told; the caller clears it."""
        self._settle()
        return self._touched

    def move(self, moves: Moves, sign: int) -> None:
        """Add (+1) or retract (-1) predictions."""
        rows = len(moves.pane)
        if not rows:
            return
        labelled = int(np.count_nonzero(moves.true != NONE))
        self.labelled += sign * labelled
        self.unlabelled += sign * (rows - labelled)
        self._waiting.append((moves, sign))
        self._rows += rows
        if self._rows > _WAITING_ROWS:
            self._settle()

    def correct(self, pane: Ints, group: Ints) -> None:
        """Count corrections: the counted label of these predictions changed its class."""
        self.corrected += len(pane)
        slot, count = np.unique(pane << GROUP_BITS | group, return_counts=True)
        code = int(CellKind.CORRECTED) << 32
        for key, n in zip(slot.tolist(), count.tolist(), strict=True):
            cells = self._slots.setdefault(key, {})
            cells[code] = cells.get(code, 0) + n
        self._touched.update(slot.tolist())

    def drop(self, keys: Iterable[int]) -> None:
        """Forget slots whose counts are final and flushed."""
        slots = self.slots
        for key in keys:
            cells = slots.pop(key, {})
            self.expired += sum(
                n for code, n in cells.items() if code >> 32 == CellKind.CONFUSION and code & NONE == NONE
            )

    def dump(self) -> dict[str, object]:
        """Everything at a flush boundary, when no slot is touched; for `load`."""
        cells = [n for slot in self.slots.values() for pair in slot.items() for n in pair]
        return {
            "keys": np.array(list(self.slots), np.int64).tobytes(),
            "sizes": np.array([len(slot) for slot in self.slots.values()], np.int64).tobytes(),
            "cells": np.array(cells, np.int64).tobytes(),
            "books": [self.labelled, self.unlabelled, self.expired, self.corrected],
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Fill empty counts with what `dump` gave. Raises ValueError when that is damaged."""
        keys, sizes, flat = (np.frombuffer(state[name], np.int64) for name in ("keys", "sizes", "cells"))
        if len(keys) != len(sizes) or 2 * int(sizes.sum()) != len(flat):
            raise ValueError("the counts' columns do not belong together")
        cells = zip(flat[::2].tolist(), flat[1::2].tolist(), strict=True)
        self._slots = {key: dict(islice(cells, n)) for key, n in zip(keys.tolist(), sizes.tolist(), strict=True)}
        self.labelled, self.unlabelled, self.expired, self.corrected = state["books"]

    def _settle(self) -> None:
        """Sum what waits."""
        if not self._waiting:
            return
        lengths = [len(moves.pane) for moves, _ in self._waiting]
        moves = Moves(*map(np.concatenate, zip(*(moves for moves, _ in self._waiting), strict=True)))
        sign = np.repeat([float(sign) for _, sign in self._waiting], lengths)
        self._waiting, self._rows = [], 0
        slot, j = _ranked(moves.pane << GROUP_BITS | moves.group)
        self._touched.update(slot.tolist())
        scored = np.flatnonzero(moves.confidence != NO_CONFIDENCE)
        late = np.flatnonzero(moves.true != NONE)
        parts = [_confusion(j, moves, sign)]
        if len(scored):
            parts += _confidence(j, moves, scored, sign)
        if len(late):
            parts.append(_delay(j, moves, late, sign))
        self._add(slot, parts)

    def _add(self, key: Ints, parts: list[tuple[Ints, Ints, Ints]]) -> None:
        """Add sums (number of the slot in `key`, code of the cell, count) to the cells."""
        slot, code, count = map(np.concatenate, zip(*parts, strict=True))
        order = np.argsort(slot.astype(np.int32), kind="stable")
        codes, counts = code.take(order).tolist(), count.take(order).tolist()
        begin = 0
        for k, n in zip(key.tolist(), np.bincount(slot, minlength=len(key)).tolist(), strict=True):
            end = begin + n
            new = zip(codes[begin:end], counts[begin:end], strict=True)
            begin = end
            cells = self._slots.get(k)
            if cells is None:
                self._slots[k] = dict(new)
                continue
            for c, n_c in new:
                total = cells.get(c, 0) + n_c
                if total:
                    cells[c] = total
                else:
                    del cells[c]


def _confusion(j: Ints, moves: Moves, sign: NDArray[np.float64]) -> tuple[Ints, Ints, Ints]:
    # NONE becomes class 0 and every class c becomes c + 1, so that the axis stays short
    true = (moves.true + 1) & NONE
    k, t = int(moves.predicted.max()) + 1, int(true.max()) + 1
    at, n = _summed((j * k + moves.predicted) * t + true, (int(j.max()) + 1) * k * t, sign)
    slot, cell = np.divmod(at, k * t)
    predicted, true = np.divmod(cell, t)
    return slot, predicted << 16 | ((true - 1) & NONE), n


def _confidence(j: Ints, moves: Moves, rows: Ints, sign: NDArray[np.float64]) -> Iterator[tuple[Ints, Ints, Ints]]:
    true, predicted, confidence = moves.true.take(rows), moves.predicted.take(rows), moves.confidence.take(rows)
    outcome = np.where(true == NONE, int(Outcome.UNLABELLED), true == predicted)  # RIGHT is 1, WRONG is 0
    j, sign = j.take(rows), sign.take(rows)
    index = (j * CONFIDENCE_BINS + confidence_bin(confidence)) * len(Outcome) + outcome
    size = (int(j.max()) + 1) * CONFIDENCE_BINS * len(Outcome)
    for kind, weights in ((CellKind.CONFIDENCE, sign), (CellKind.CONFIDENCE_SUM, sign * confidence)):
        at, n = _summed(index, size, weights)
        slot, cell = np.divmod(at, CONFIDENCE_BINS * len(Outcome))
        bins, out = np.divmod(cell, len(Outcome))
        yield slot, int(kind) << 32 | bins << 16 | out, n


def _delay(j: Ints, moves: Moves, rows: Ints, sign: NDArray[np.float64]) -> tuple[Ints, Ints, Ints]:
    true, j = moves.true.take(rows), j.take(rows)
    t = int(true.max()) + 1
    index = (j * t + true) * _DELAY_BINS + delay_bin(moves.delay_ms.take(rows))
    at, n = _summed(index, (int(j.max()) + 1) * t * _DELAY_BINS, sign.take(rows))
    slot, cell = np.divmod(at, t * _DELAY_BINS)
    cls, bins = np.divmod(cell, _DELAY_BINS)
    return slot, int(CellKind.DELAY) << 32 | cls << 16 | bins, n
