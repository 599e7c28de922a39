"""Counts of one ledger partition: per pane and group, sparse integer cells (see `cells.py`).

A slot is one (pane, group). `touched` are the slots that changed since the last flush; a flush carries their absolute
counts. Invariant: `labelled + unlabelled` is the number of predictions counted and not retracted, over all slots
that ever were; a cell that becomes 0 is removed.

Moves wait, and many are summed at once when somebody looks: a label is one step out of a cell and one into another,
and most of a block's steps into a slot go where those of the next block go.
"""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.formats.columns import NO_CONFIDENCE
from streams.ledger.cell_table import Cells, CellTable
from streams.ledger.cells import CONFIDENCE_BINS, NONE, CellKind, Outcome, confidence_bin, delay_bin
from streams.ledger.spec import GROUP_BITS as GROUP_BITS  # noqa: PLC0414 - the keys of slots are this module's

_DELAY_BINS = 128
_DENSE_PER_ROW = 16
"""Sums go through a dense array while it has at most this many cells a row, else through a sort."""

_WAITING_ROWS = 50_000
"""Moves that wait to be summed, at most; they have about 40 bytes."""

Ints = NDArray[np.int64]
Signs = NDArray[np.float64]

_Sums = tuple[Ints, Ints, Ints, Ints]
"""(number of the slot, code of the cell, count to add, sum of confidence to add)."""


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


def _summed(index: Ints, size: int, *weights: Signs) -> tuple[Ints, list[Ints]]:
    """(distinct indices, sums of each of the weights there) where one is not 0. Exact below 2 ** 53."""
    distinct: Ints | None = None
    if size > _DENSE_PER_ROW * len(index) + 4096:
        distinct, index = np.unique(index, return_inverse=True)
        size = len(distinct)
    totals = [np.bincount(index, w, size) for w in weights]
    at = np.flatnonzero(totals[0] if len(totals) == 1 else (totals[0] != 0) | (totals[1] != 0))
    return at if distinct is None else distinct.take(at), [total.take(at).astype(np.int64) for total in totals]


class Counts:
    """The slots of a ledger partition. `slots[pane << GROUP_BITS | group]` is {cell code: count}."""

    def __init__(self) -> None:
        """No slots."""
        self.labelled = 0
        self.unlabelled = 0
        self.expired = 0  # of the unlabelled: those whose pane can no longer change
        self.corrected = 0
        self._table = CellTable()
        self._touched: set[int] = set()
        self._waiting: list[tuple[Moves, int]] = []
        self._corrections: list[Ints] = []
        self._rows = 0

    @property
    def nbytes(self) -> int:
        """Bytes of all cells, about. Cheap: at hand at any time."""
        return self._table.nbytes + 40 * self._rows

    @property
    def slots(self) -> dict[int, dict[int, int]]:
        """The cells of each slot, as plain values; for a look by hand."""
        keys = self.slot_keys()
        bounds, code, count = self.cells(keys)
        cells = zip(code.tolist(), count.tolist(), strict=True)
        return {key: dict(islice(cells, n)) for key, n in zip(keys, np.diff(bounds).tolist(), strict=True)}

    @property
    def touched(self) -> set[int]:
        """The slots that changed since they were last told; the caller clears it."""
        self._settle()
        return self._touched

    def slot_keys(self) -> list[int]:
        """All slots."""
        self._settle()
        return self._table.keys()

    def cells(self, keys: list[int]) -> Cells:
        """The cells of some slots; one that is not held has none."""
        self._settle()
        return self._table.columns(keys)

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
        """Count corrections: the counted label of these predictions changes its class.

        Before they move: corrections are summed with the moves that wait, and never alone.
        """
        self.corrected += len(pane)
        self._corrections.append(pane << GROUP_BITS | group)

    def drop(self, keys: Iterable[int]) -> None:
        """Forget slots whose counts are final and flushed."""
        keys = list(keys)
        _, code, count = self.cells(keys)
        unlabelled = (code >> 32 == CellKind.CONFUSION) & (code & NONE == NONE)
        self.expired += int(count[unlabelled].sum())
        self._table.drop(keys)

    def dump(self) -> dict[str, object]:
        """Everything at a flush boundary, when no slot is touched; for `load`."""
        self._settle()
        return self._table.dump() | {"books": [self.labelled, self.unlabelled, self.expired, self.corrected]}

    def load(self, state: Mapping[str, Any]) -> None:
        """Fill empty counts with what `dump` gave. Raises ValueError when that is damaged."""
        self._table.load(state)
        self.labelled, self.unlabelled, self.expired, self.corrected = state["books"]

    def _settle(self) -> None:
        """Sum what waits."""
        if not self._waiting:
            return
        lengths = [len(moves.pane) for moves, _ in self._waiting]
        moves = Moves(*map(np.concatenate, zip(*(moves for moves, _ in self._waiting), strict=True)))
        sign = np.repeat([float(sign) for _, sign in self._waiting], lengths)
        keys, j = _ranked(np.concatenate((moves.pane << GROUP_BITS | moves.group, *self._corrections)))
        j, corrected = j[: len(sign)], j[len(sign) :]
        self._waiting, self._corrections, self._rows = [], [], 0
        self._touched.update(keys.tolist())
        scored = np.flatnonzero(moves.confidence != NO_CONFIDENCE)
        late = np.flatnonzero(moves.true != NONE)
        parts = [_confusion(j, moves, sign)]
        if len(scored):
            parts.append(_confidence(j, moves, scored, sign))
        if len(late):
            parts.append(_delay(j, moves, late, sign))
        if len(corrected):
            slot, n = np.unique(corrected, return_counts=True)
            parts.append((slot, np.full(len(slot), int(CellKind.CORRECTED) << 32), n, np.zeros(len(slot), np.int64)))
        self._table.add(keys, *map(np.concatenate, zip(*parts, strict=True)))


def _confusion(j: Ints, moves: Moves, sign: Signs) -> _Sums:
    # NONE becomes class 0 and every class c becomes c + 1, so that the axis stays short
    true = (moves.true + 1) & NONE
    k, t = int(moves.predicted.max()) + 1, int(true.max()) + 1
    at, (n,) = _summed((j * k + moves.predicted) * t + true, (int(j.max()) + 1) * k * t, sign)
    slot, cell = np.divmod(at, k * t)
    predicted, true = np.divmod(cell, t)
    return slot, predicted << 16 | ((true - 1) & NONE), n, np.zeros(len(n), np.int64)


def _confidence(j: Ints, moves: Moves, rows: Ints, sign: Signs) -> _Sums:
    true, predicted, confidence = moves.true.take(rows), moves.predicted.take(rows), moves.confidence.take(rows)
    outcome = np.where(true == NONE, int(Outcome.UNLABELLED), true == predicted)  # RIGHT is 1, WRONG is 0
    j, sign = j.take(rows), sign.take(rows)
    index = (j * CONFIDENCE_BINS + confidence_bin(confidence)) * len(Outcome) + outcome
    size = (int(j.max()) + 1) * CONFIDENCE_BINS * len(Outcome)
    at, (n, total) = _summed(index, size, sign, sign * confidence)
    slot, cell = np.divmod(at, CONFIDENCE_BINS * len(Outcome))
    bins, out = np.divmod(cell, len(Outcome))
    return slot, int(CellKind.CONFIDENCE) << 32 | bins << 16 | out, n, total


def _delay(j: Ints, moves: Moves, rows: Ints, sign: Signs) -> _Sums:
    true, j = moves.true.take(rows), j.take(rows)
    t = int(true.max()) + 1
    index = (j * t + true) * _DELAY_BINS + delay_bin(moves.delay_ms.take(rows))
    at, (n,) = _summed(index, (int(j.max()) + 1) * t * _DELAY_BINS, sign.take(rows))
    slot, cell = np.divmod(at, t * _DELAY_BINS)
    cls, bins = np.divmod(cell, _DELAY_BINS)
    return slot, int(CellKind.DELAY) << 32 | cls << 16 | bins, n, np.zeros(len(n), np.int64)
