"""Counts of panes: what enters leaves again, and the two ways to sum agree."""

from random import Random

import numpy as np
import pytest
from numpy.typing import NDArray

from streams.formats.columns import CONFIDENCE_SCALE, NO_CONFIDENCE
from streams.ledger import counts as module
from streams.ledger.cells import CONFIDENCE_BINS, DELAY_EDGES_MS, NONE, CellKind, Outcome, confidence_bin, delay_bin
from streams.ledger.counts import GROUP_BITS, Counts, Moves


def moves(rng: Random, n: int, panes: int) -> Moves:
    """Random predictions, some without label, some without score, some with a confidence of exactly 0."""
    return Moves(
        np.array([rng.randrange(panes) for _ in range(n)], np.int64),
        np.array([rng.randrange(3) for _ in range(n)], np.int64),
        np.array([rng.randrange(4) for _ in range(n)], np.int64),
        np.array([rng.choice((NONE, 0, 1, 2, 3)) for _ in range(n)], np.int64),
        np.array([rng.choice((NO_CONFIDENCE, 0, 3000, 31_000, CONFIDENCE_SCALE)) for _ in range(n)], np.uint16),
        np.array([rng.randrange(-5, 10**9) for _ in range(n)], np.int64),
    )


def plain(given: list[Moves]) -> dict[int, dict[int, int]]:
    """The same, a prediction at a time."""
    slots: dict[int, dict[int, int]] = {}
    for m in given:
        for i in range(len(m.pane)):
            cells = slots.setdefault(int(m.pane[i]) << GROUP_BITS | int(m.group[i]), {})

            def add(kind: CellKind, a: int, b: int, n: int = 1, cells: dict[int, int] = cells) -> None:
                if n:
                    code = kind << 32 | a << 16 | b
                    cells[code] = cells.get(code, 0) + n

            predicted, true = int(m.predicted[i]), int(m.true[i])
            add(CellKind.CONFUSION, predicted, true)
            if m.confidence[i] != NO_CONFIDENCE:
                where = int(confidence_bin(m.confidence[i : i + 1])[0])
                outcome = Outcome.UNLABELLED if true == NONE else Outcome(int(true == predicted))
                add(CellKind.CONFIDENCE, where, outcome)
                add(CellKind.CONFIDENCE_SUM, where, outcome, int(m.confidence[i]))
            if true != NONE:
                add(CellKind.DELAY, true, int(delay_bin(m.delay_ms[i : i + 1])[0]))
    return slots


@pytest.mark.parametrize("panes", [2, 400])
@pytest.mark.parametrize("dense_per_row", [0, 16, 1 << 20])
@pytest.mark.parametrize("waiting", [0, 100, 10_000])
def test_dense_and_sorted_sums_count_what_a_loop_counts(
    panes: int, dense_per_row: int, waiting: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_DENSE_PER_ROW", dense_per_row)
    monkeypatch.setattr(module, "_WAITING_ROWS", waiting)
    rng = Random(panes)
    given = [moves(rng, n, panes) for n in (1, 90, 200)]
    passing = moves(rng, 30, panes)
    counts = Counts()
    for some in given[:2]:
        counts.move(some, 1)
    counts.move(passing, 1)
    assert counts.slots == plain([*given[:2], passing])
    counts.move(passing, -1)
    counts.move(given[2], 1)
    assert {key: cells for key, cells in counts.slots.items() if cells} == plain(given)
    assert counts.labelled + counts.unlabelled == 291
    assert counts.touched == set(counts.slots)
    for some in given:
        counts.move(some, -1)
    assert not any(counts.slots.values())
    assert counts.labelled == counts.unlabelled == 0


def test_a_slot_is_touched_by_a_move_that_is_taken_back_at_once() -> None:
    counts, there_and_back = Counts(), moves(Random(3), 5, 4)
    counts.move(there_and_back, 1)
    counts.move(there_and_back, -1)
    assert counts.touched == set(plain([there_and_back]))
    assert not any(counts.slots.values())


def test_a_correction_is_counted_and_a_dropped_slot_leaves_its_unlabelled_as_expired() -> None:
    counts = Counts()

    def row(n: int) -> NDArray[np.int64]:
        return np.array([n], np.int64)

    one = Moves(row(7), row(0), row(1), row(NONE), np.array([NO_CONFIDENCE], np.uint16), row(0))
    counts.move(one, 1)
    counts.correct(one.pane, one.group)
    key = 7 << GROUP_BITS
    assert counts.slots[key][int(CellKind.CORRECTED) << 32] == counts.corrected == 1
    counts.move(one, 1)
    counts.move(one, -1)
    assert counts.slots[key] == {int(CellKind.CORRECTED) << 32: 1, 1 << 16 | NONE: 1}
    counts.drop([key])
    assert (counts.expired, counts.unlabelled, counts.slots) == (1, 1, {})


def test_nothing_to_move_touches_nothing() -> None:
    counts = Counts()
    counts.move(moves(Random(1), 0, 1), 1)
    assert (counts.slots, counts.touched, counts.labelled, counts.unlabelled) == ({}, set(), 0, 0)


def test_bins_of_confidence_and_delay_begin_where_they_say() -> None:
    edges = np.array([0, 2999, 3000, CONFIDENCE_SCALE - 1, CONFIDENCE_SCALE], np.uint16)
    assert confidence_bin(edges).tolist() == [0, 0, 1, CONFIDENCE_BINS - 1, CONFIDENCE_BINS - 1]
    assert delay_bin(np.array([-(10**12), -1, 10**15])).tolist() == [0, 0, len(DELAY_EDGES_MS) - 1]
    for b, edge in enumerate(DELAY_EDGES_MS):
        assert delay_bin(np.array([edge, edge - 1])).tolist() == [b, max(b - 1, 0)]
