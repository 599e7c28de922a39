"""Pairs of versions, pooled from settled windows for shadow gates."""

import msgspec
import numpy as np
import pytest

from streams.alerts.gate.pairing import Pairing
from streams.alerts.rules.model import DAY, HOUR
from streams.ledger.cells import PairOutcome
from streams.quality.counts.counted import Cells, Counted, PairedCells
from streams.quality.listener import Settled

Outcomes = dict[tuple[str, str, PairOutcome], int]
"""How many pairs, by the other version, true class and outcome."""

BOTH, OWN, OTHER, NEITHER = PairOutcome.BOTH, PairOutcome.ONLY_OWN, PairOutcome.ONLY_OTHER, PairOutcome.NEITHER
CLASSES = ("fraud", "ok")


def window(version: str, start: int, cells: Outcomes, length: int = HOUR, segment: str = "all") -> Settled:
    versions = tuple(sorted({other for other, _, _ in cells}))
    rows = [(versions.index(o), CLASSES.index(true), int(outcome), n) for (o, true, outcome), n in cells.items()]
    columns = np.array(rows, np.int64).reshape(-1, 4).T
    empty = np.zeros(0, np.int64)
    counted = Counted(
        CLASSES, Cells(empty, empty, empty), np.zeros(2, np.int64), versions=versions, pairs=PairedCells(*columns)
    )  # fmt: skip
    return Settled("m", version, segment, "1h", start, start + length, counted, ())


HOURLY: Outcomes = {
    ("41", "fraud", BOTH): 80, ("41", "fraud", OWN): 5, ("41", "fraud", OTHER): 9, ("41", "fraud", NEITHER): 6,
    ("41", "ok", BOTH): 900, ("40", "ok", OWN): 7,
}  # fmt: skip


def hourly(hours: int) -> Pairing:
    pairing = Pairing()
    for n in range(hours):
        pairing.take([window("42", n * HOUR, HOURLY)])
    return pairing


def test_the_pairs_of_two_versions_are_pooled_over_the_hours_of_a_gate() -> None:
    assert hourly(4).between("42", "41", HOUR, 3 * HOUR) == {"fraud": (160, 10, 18, 12), "ok": (1800, 0, 0, 0)}
    assert hourly(4).between("42", "40", 0, DAY) == {"ok": (0, 28, 0, 0)}


def test_a_candidate_that_sorts_before_its_baseline_sees_the_pairs_from_its_side() -> None:
    assert hourly(1).between("41", "42", 0, DAY) == {"fraud": (80, 9, 5, 6), "ok": (900, 0, 0, 0)}


def test_without_pairs_there_are_none() -> None:
    assert hourly(0).between("42", "41", 0, DAY) is None
    assert hourly(2).between("42", "39", 0, DAY) is None
    assert hourly(2).between("42", "41", DAY, 2 * DAY) is None


def test_the_window_in_which_a_gate_begins_counts() -> None:
    found = hourly(3).between("42", "40", HOUR + 1, DAY)
    assert found == {"ok": (0, 14, 0, 0)}


def test_of_several_sizes_only_the_smallest_counts() -> None:
    pairing = Pairing()
    daily: Outcomes = {("40", "ok", OWN): 100}
    pairing.take([window("42", 0, daily, DAY)])
    pairing.take([window("42", 0, HOURLY), window("42", 0, daily, DAY)])
    assert pairing.between("42", "40", 0, DAY) == {"ok": (0, 7, 0, 0)}


def test_segments_and_windows_without_pairs_are_passed_over() -> None:
    pairing = hourly(1)
    pairing.take([window("42", HOUR, HOURLY, segment="region=eu"), window("42", HOUR, {}, 5 * 60_000)])
    assert pairing.between("42", "40", 0, DAY) == {"ok": (0, 7, 0, 0)}


def test_what_is_too_old_is_forgotten() -> None:
    pairing = hourly(4)
    pairing.forget(2 * HOUR)
    assert pairing.between("42", "40", 0, DAY) == {"ok": (0, 14, 0, 0)}
    pairing.forget(DAY)
    assert pairing.dump() == [HOUR, []]


def test_it_is_remembered_in_plain_values() -> None:
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(hourly(3).dump()))
    again = Pairing.load(state)
    assert again.dump() == hourly(3).dump()
    assert again.between("42", "41", 0, DAY) == hourly(3).between("42", "41", 0, DAY)


@pytest.mark.parametrize("state", [[], [1], [1, None], [1, [["a", "b", 0, "c", 1]]], [None, []], [1, [3]]])
def test_damaged_memory_is_told(state: list[object]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - Python's own words where nothing can be unpacked
        Pairing.load(state)
