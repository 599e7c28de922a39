"""Counts of one ledger partition: per pane and group, sparse integer cells (see `cells.py`).

A slot is one (pane, group). `touched` are the slots that changed since the last flush; a flush carries their absolute
counts. Invariant: `labelled + unlabelled` is the number of predictions counted and not retracted, over all slots
that ever were; a cell that becomes 0 is removed.

Moves wait, and many are summed at once when somebody looks: a label is one step out of a cell and one into another,
and most of a block's steps into a slot go where those of the next block go.
"""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.ledger import sums
from streams.ledger.cell_table import Cells, CellTable
from streams.ledger.cells import NONE, CellKind, b_of, kind_of
from streams.ledger.names import Names
from streams.ledger.scores import score_bytes
from streams.ledger.spec import GROUP_BITS as GROUP_BITS  # noqa: PLC0414 - the keys of slots are this module's
from streams.ledger.spec import NO_TIME
from streams.ledger.sums import Agreements, Corrections, Moves, Pairings

_WAITING_ROWS = 50_000
"""Moves that wait to be summed, at most; they have about 50 bytes, and the scores that are kept."""

_ROW_BYTES = 50

Ints = NDArray[np.int64]


class Counts:
    """The slots of a ledger partition. `slots[pane << GROUP_BITS | group]` is {cell code: count}."""

    def __init__(self, names: Names) -> None:
        """No slots; `names` has the groups, classes and label sources that moves are numbered by."""
        self.labelled = 0
        self.unlabelled = 0
        self.expired = 0  # of the unlabelled: those whose pane can no longer change
        self.corrected = 0
        self._names = names
        self._table = CellTable()
        self._touched: set[int] = set()
        self._moves: list[tuple[Moves, int]] = []
        self._corrections: list[Corrections] = []
        self._agreements: list[tuple[Agreements, int]] = []
        self._pairs: list[tuple[Pairings, int]] = []
        self._rows = 0
        self._row_bytes = _ROW_BYTES + score_bytes(names.spec.keep_scores)
        self._newest_ms = np.full(16, NO_TIME)

    @property
    def nbytes(self) -> int:
        """Bytes of all cells, about. Cheap: at hand at any time."""
        return self._table.nbytes + self._row_bytes * self._rows

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

    @property
    def newest_ms(self) -> list[int]:
        """By group: the latest delivery (or event) so far of a label that counted, ms; NO_TIME where none did."""
        self._settle()
        self._make_room()
        newest: list[int] = self._newest_ms[: len(self._names.groups)].tolist()
        return newest

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
        rows = len(moves.time)
        if not rows:
            return
        labelled = int(np.count_nonzero(moves.true != NONE))
        self.labelled += sign * labelled
        self.unlabelled += sign * (rows - labelled)
        self._moves.append((moves, sign))
        self._wait(rows)

    def correct(self, corrections: Corrections) -> None:
        """Count corrections: the counted label of these predictions changes its class. They are never taken back."""
        self.corrected += len(corrections.time)
        self._corrections.append(corrections)  # their moves follow, and are what is waited for

    def agree(self, agreements: Agreements, sign: int) -> None:
        """Add (+1) or retract (-1) pairs of labels of one prediction by two sources."""
        if len(agreements.time):
            self._agreements.append((agreements, sign))
            self._wait(len(agreements.time))

    def pair(self, pairs: Pairings, sign: int) -> None:
        """Add (+1) or retract (-1) pairs of predictions of one id by two versions."""
        if len(pairs.time):
            self._pairs.append((pairs, sign))
            self._wait(len(pairs.time))

    def expire(self, keys: Iterable[int]) -> None:
        """The panes of these slots can no longer change: their unlabelled predictions stay so. Say it once."""
        _, code, count = self.cells(list(keys))
        unlabelled = (kind_of(code) == CellKind.CONFUSION) & (b_of(code) == NONE)
        self.expired += int(count[unlabelled].sum())

    def drop(self, keys: Iterable[int]) -> None:
        """Forget slots whose counts are final and flushed."""
        self._settle()
        self._table.drop(keys)

    def dump(self) -> dict[str, object]:
        """Everything at a flush boundary, when no slot is touched; for `load`."""
        books = [self.labelled, self.unlabelled, self.expired, self.corrected]
        self._settle()
        return self._table.dump() | {"books": books, "newest_ms": self.newest_ms}

    def load(self, state: Mapping[str, Any]) -> None:
        """Fill empty counts with what `dump` gave, once the names are there. Raises ValueError when it is damaged."""
        self._table.load(state)
        self.labelled, self.unlabelled, self.expired, self.corrected = state["books"]
        self._make_room()
        self._newest_ms[: len(self._names.groups)] = state["newest_ms"]

    def _wait(self, rows: int) -> None:
        self._rows += rows
        if self._rows > _WAITING_ROWS:
            self._settle()

    def _make_room(self) -> None:
        """Room for all groups in what is kept by group."""
        more = len(self._names.groups) - len(self._newest_ms)
        if more > 0:
            self._newest_ms = np.concatenate((self._newest_ms, np.full(2 * more + len(self._newest_ms), NO_TIME)))

    def _settle(self) -> None:
        """Sum what waits."""
        if not (self._moves or self._corrections or self._agreements or self._pairs):
            return
        parts: list[sums.Sums] = []
        if self._moves:
            moves = Moves(*map(np.concatenate, zip(*(moves for moves, _ in self._moves), strict=True)))
            sign = np.repeat([float(sign) for _, sign in self._moves], [len(moves.time) for moves, _ in self._moves])
            self._make_room()
            sums.newest(moves, sign, self._newest_ms)
            parts += sums.moved(moves, sign, self._names)
        if self._corrections:
            parts.append(
                sums.corrected(Corrections(*map(np.concatenate, zip(*self._corrections, strict=True))), self._names)
            )
        if self._agreements:
            pairs = Agreements(*map(np.concatenate, zip(*(pairs for pairs, _ in self._agreements), strict=True)))
            sign = np.repeat(
                [float(sign) for _, sign in self._agreements], [len(pairs.time) for pairs, _ in self._agreements]
            )
            parts.append(sums.agreed(pairs, sign, self._names))
        if self._pairs:
            both = Pairings(*map(np.concatenate, zip(*(pairs for pairs, _ in self._pairs), strict=True)))
            sign = np.repeat([float(sign) for _, sign in self._pairs], [len(pairs.time) for pairs, _ in self._pairs])
            parts.append(sums.paired(both, sign, self._names))
        self._moves, self._corrections, self._agreements, self._pairs, self._rows = [], [], [], [], 0
        found = sums.joined(parts)
        self._touched.update(found.keys.tolist())
        self._table.add(*found)
