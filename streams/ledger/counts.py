"""Counts of one ledger partition: per pane and group, sparse integer cells (see `cells.py`).

A slot is one (pane, group). `touched` are the slots that changed since the last flush; a flush carries their absolute
counts. Invariant: `labelled + unlabelled` is the number of predictions counted and not retracted, over all slots
that ever were; a cell that becomes 0 is removed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.formats.columns import NO_CONFIDENCE
from streams.ledger.cells import CONFIDENCE_BINS, NONE, CellKind, Outcome, confidence_bin, delay_bin
from streams.ledger.spec import GROUP_BITS as GROUP_BITS  # noqa: PLC0414 - the keys of slots are this module's

_DELAY_BINS = 128
_DENSE_PER_ROW = 16
"""Sums go through a dense array while it has at most this many cells a row, else through a sort."""

Ints = NDArray[np.int64]


@dataclass(slots=True)
class Moves:
    """Predictions that enter (+1) or leave (-1) their cells, n of them, as columns.

    `true` is NONE for an unlabelled prediction; `delay_ms` is read only where there is a label.
    """

    pane: Ints
    group: Ints
    predicted: Ints
    true: Ints
    confidence: NDArray[np.uint16]
    delay_ms: Ints

    def __len__(self) -> int:
        return len(self.pane)


def _summed(index: Ints, size: int, weights: Ints | None = None) -> tuple[Ints, Ints]:
    """(distinct indices, sum of weights at each) where it is not 0; weights default to 1. Exact below 2 ** 53."""
    if size <= _DENSE_PER_ROW * len(index) + 4096:
        total = np.bincount(index, weights, size)
        at = np.flatnonzero(total)
        return at, total[at].astype(np.int64)
    at, inverse = np.unique(index, return_inverse=True)
    sums = np.bincount(inverse, weights, len(at)).astype(np.int64)
    some = sums != 0  # confidences of exactly 0 have counts and no sum
    return at[some], sums[some]


@dataclass(slots=True)
class Counts:
    """The slots of a ledger partition. `slots[pane << GROUP_BITS | group]` is {cell code: count}."""

    slots: dict[int, dict[int, int]] = field(default_factory=dict)
    touched: set[int] = field(default_factory=set)
    labelled: int = 0
    unlabelled: int = 0
    expired: int = 0  # of the unlabelled: those whose pane can no longer change
    corrected: int = 0

    def move(self, moves: Moves, sign: int) -> None:
        """Add (+1) or retract (-1) predictions."""
        if not len(moves):
            return
        slot, j = np.unique(moves.pane << GROUP_BITS | moves.group, return_inverse=True)
        keys = slot.tolist()
        labelled = moves.true != NONE
        self.labelled += sign * int(labelled.sum())
        self.unlabelled += sign * int((~labelled).sum())
        self._confusion(keys, j, moves, sign)
        scored = np.flatnonzero(moves.confidence != NO_CONFIDENCE)
        if len(scored):
            self._confidence(keys, j, moves, scored, sign)
        late = np.flatnonzero(labelled)
        if len(late):
            self._delay(keys, j, moves, late, sign)
        self.touched.update(keys)

    def correct(self, pane: Ints, group: Ints) -> None:
        """Count corrections: the counted label of these predictions changed its class."""
        self.corrected += len(pane)
        slot, count = np.unique(pane << GROUP_BITS | group, return_counts=True)
        code = int(CellKind.CORRECTED) << 32
        for key, n in zip(slot.tolist(), count.tolist(), strict=True):
            cells = self.slots.setdefault(key, {})
            cells[code] = cells.get(code, 0) + n
        self.touched.update(slot.tolist())

    def drop(self, keys: Iterable[int]) -> None:
        """Forget slots whose counts are final and flushed."""
        for key in keys:
            cells = self.slots.pop(key, {})
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
        self.slots = {key: dict(islice(cells, n)) for key, n in zip(keys.tolist(), sizes.tolist(), strict=True)}
        self.labelled, self.unlabelled, self.expired, self.corrected = state["books"]

    def _confusion(self, keys: list[int], j: Ints, moves: Moves, sign: int) -> None:
        # NONE becomes class 0 and every class c becomes c + 1, so that the axis stays short
        true = np.where(moves.true == NONE, 0, moves.true + 1)
        k, t = int(moves.predicted.max()) + 1, int(true.max()) + 1
        at, n = _summed((j * k + moves.predicted) * t + true, len(keys) * k * t)
        slot, cell = np.divmod(at, k * t)
        predicted, true = np.divmod(cell, t)
        code = predicted << 16 | np.where(true == 0, NONE, true - 1)
        self._write(keys, slot, code, sign * n)

    def _confidence(self, keys: list[int], j: Ints, moves: Moves, rows: Ints, sign: int) -> None:
        true, predicted = moves.true[rows], moves.predicted[rows]
        outcome = np.where(true == NONE, int(Outcome.UNLABELLED), np.where(true == predicted, int(Outcome.RIGHT), 0))
        confidence = moves.confidence[rows].astype(np.int64)
        index = (j[rows] * CONFIDENCE_BINS + confidence_bin(moves.confidence[rows])) * 3 + outcome
        size = len(keys) * CONFIDENCE_BINS * 3
        for kind, weights in ((CellKind.CONFIDENCE, None), (CellKind.CONFIDENCE_SUM, confidence)):
            at, n = _summed(index, size, weights)
            slot, cell = np.divmod(at, CONFIDENCE_BINS * 3)
            bins, out = np.divmod(cell, 3)
            self._write(keys, slot, int(kind) << 32 | bins << 16 | out, sign * n)

    def _delay(self, keys: list[int], j: Ints, moves: Moves, rows: Ints, sign: int) -> None:
        true = moves.true[rows]
        t = int(true.max()) + 1
        index = (j[rows] * t + true) * _DELAY_BINS + delay_bin(moves.delay_ms[rows])
        at, n = _summed(index, len(keys) * t * _DELAY_BINS)
        slot, cell = np.divmod(at, t * _DELAY_BINS)
        cls, bins = np.divmod(cell, _DELAY_BINS)
        self._write(keys, slot, int(CellKind.DELAY) << 32 | cls << 16 | bins, sign * n)

    def _write(self, keys: list[int], slot: Ints, code: Ints, count: Ints) -> None:
        for s, c, n in zip(slot.tolist(), code.tolist(), count.tolist(), strict=True):
            cells = self.slots.get(keys[s])
            if cells is None:
                cells = self.slots[keys[s]] = {}
            total = cells.get(c, 0) + n
            if total:
                cells[c] = total
            else:
                del cells[c]
