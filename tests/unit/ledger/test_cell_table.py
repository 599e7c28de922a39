"""Cells of slots against a dict of dicts: sums, zeros, rebuilds, dropped slots that come again, both ways to look."""

from random import Random

import numpy as np
import pytest

from streams.ledger import cell_table as module
from streams.ledger.cell_table import CellTable

Truth = dict[int, dict[int, int]]


def add(table: CellTable, cells: Truth) -> None:
    rows = [(i, c, n) for i, mine in enumerate(cells.values()) for c, n in mine.items()]
    columns = np.array(rows, np.int64).reshape(-1, 3).T
    table.add(np.array(list(cells), np.int64), *columns)


def content(table: CellTable, keys: list[int]) -> Truth:
    """The cells of slots as they are told."""
    bounds, code, count = table.columns(keys)
    assert len(bounds) == len(keys) + 1
    out: Truth = {}
    for i, key in enumerate(keys):
        mine = slice(int(bounds[i]), int(bounds[i + 1]))
        assert code[mine].tolist() == sorted(set(code[mine].tolist()))
        out[key] = dict(zip(code[mine].tolist(), count[mine].tolist(), strict=True))
    return out


def some_cells(rng: Random, codes: list[int]) -> dict[int, int]:
    return {c: rng.choice([-2, -1, 1, 2]) for c in rng.sample(codes, rng.randrange(20))}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("round_cells", [0, 1, 1 << 40])
def test_it_holds_what_dicts_hold(seed: int, round_cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ROUND_CELLS", round_cells)
    rng, table, truth = Random(seed), CellTable(), Truth()
    space = [rng.randrange(-(1 << 60), 1 << 60) for _ in range(60)]
    lower = (0, 1, 0xFFFF, 0xFFFFFFFF, (1 << 56) - 1, rng.randrange(1 << 56))
    codes = [kind << 56 | low for kind in (0, 1, 3, 14) for low in lower]
    rebuilds = 0
    for _ in range(80):
        cells = {key: some_cells(rng, codes) for key in rng.sample(space, rng.randrange(20))}
        before = table._table.used
        add(table, cells)
        rebuilds += table._table.used < before
        for key, some in cells.items():
            mine = truth.setdefault(key, {})
            for c, n in some.items():
                mine[c] = mine.get(c, 0) + n
        gone = rng.sample(space, rng.randrange(8))
        table.drop(gone)
        for key in gone:
            truth.pop(key, None)
        assert sorted(table.keys()) == sorted(truth)
        asked = rng.sample(space, 40)
        want = {key: {c: n for c, n in truth.get(key, {}).items() if n} for key in asked}
        copy = CellTable()
        copy.load(table.dump())
        assert content(table, asked) == content(copy, asked) == want
        assert sorted(copy.keys()) == sorted(truth)
    assert rebuilds
    assert len(table) == len(truth)


@pytest.mark.parametrize("damage", [{"keys": b""}, {"slot": b""}, {"code": bytes(16)}, {"count": b"1234567"}])
def test_a_damaged_state_is_refused(damage: dict[str, bytes]) -> None:
    table = CellTable()
    add(table, {7: {1: 1}})
    with pytest.raises(ValueError, match=r"belong|multiple"):
        CellTable().load(table.dump() | damage)


def test_the_memory_of_slots_that_come_and_go_stays_bounded() -> None:
    table = CellTable()
    sizes: list[int] = []
    for hour in range(60):
        keys = range(hour * 1_000, hour * 1_000 + 1_000)
        add(table, {key: dict.fromkeys(range(5), 1) for key in keys})
        sizes.append(table.nbytes)
        table.drop([key - 3_000 for key in keys])
    assert max(sizes[20:]) <= max(sizes[:20]) < 2_500_000
    assert content(table, [59_999, 0]) == {59_999: dict.fromkeys(range(5), 1), 0: {}}


def test_a_slot_may_be_held_without_cells() -> None:
    table = CellTable()
    add(table, {7: {}})
    assert (table.keys(), content(table, [7, 8])) == ([7], {7: {}, 8: {}})
    table.drop([7, 7, 9])
    assert table.keys() == []
