"""The hash table against a dict: growth, rebuilds, equal first words, several rows under a key."""

from random import Random

import numpy as np
import pytest
from numpy.typing import NDArray

from streams.ledger.table import MAX_LOAD, Hashes, Rows, Slots, Table, rounds


def hashes(pairs: list[tuple[int, int]]) -> Hashes:
    return np.array(pairs, np.uint64).reshape(-1, 2)


def keep_all(slots: Slots) -> NDArray[np.bool_]:
    return np.ones(len(slots), np.bool_)


def content(table: Table, keys: list[tuple[int, int]]) -> dict[tuple[int, int], list[int]]:
    """The values under each key, as `find` tells them."""
    row, slot = table.find(hashes(keys))
    found: dict[tuple[int, int], list[int]] = {}
    for r, s in zip(row.tolist(), slot.tolist(), strict=True):
        found.setdefault(keys[r], []).append(int(table.column["value"][s]))
    return {key: sorted(values) for key, values in found.items()}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("words", [3, 1 << 62])
def test_it_holds_what_a_dict_holds_through_growth_and_rebuilds(seed: int, words: int) -> None:
    """With 3 first words nearly every key collides and the probes are long."""
    rng = Random(seed)
    table, truth = Table({"value": np.int64}), dict[tuple[int, int], dict[int, int]]()
    space = [(rng.randrange(1, words), rng.randrange(1 << 63)) for _ in range(900 if words > 3 else 60)]
    keys = space
    for _ in range(30):
        batch = [rng.choice(keys) for _ in range(rng.randrange(1, 80))]
        values = np.array([rng.randrange(3) for _ in batch])
        dropped = rng.randrange(3)
        before = table.used

        def keep(slots: Slots, dropped: int = dropped) -> NDArray[np.bool_]:
            kept: NDArray[np.bool_] = table.column["value"][slots] != dropped
            return kept

        table.reserve(len(batch), keep)
        if table.used < before or (before and table.used == 0):
            for held in truth.values():
                held.pop(dropped, None)
        for turn in rounds(hashes(batch)):
            mine = values[turn]

            def same(s: Slots, r: Rows, mine: NDArray[np.int64] = mine) -> NDArray[np.bool_]:
                equal: NDArray[np.bool_] = table.column["value"][s] == mine[r]
                return equal

            slot, new = table.put(hashes(batch)[turn], same)
            table.column["value"][slot] = mine
            for i, made in zip(turn.tolist(), new.tolist(), strict=True):
                held = truth.setdefault(batch[i], {})
                assert made == (int(values[i]) not in held)
                held[int(values[i])] = 1
        unique = list(dict.fromkeys(keys))
        assert content(table, unique) == {k: sorted(v) for k, v in truth.items() if v}
        assert table.used == len(table.taken()) == sum(map(len, truth.values()))


def test_a_full_table_grows_and_an_emptied_one_shrinks() -> None:
    table = Table({"value": np.int64})
    size = table.mask + 1
    many = hashes([(i, i) for i in range(1, 2001)])
    table.reserve(len(many), keep_all)
    table.put(many, lambda s, _: np.ones(len(s), np.bool_))
    assert table.used == 2000 <= MAX_LOAD * (table.mask + 1)
    assert table.mask + 1 > size
    table.reserve(table.mask, lambda slots: np.zeros(len(slots), np.bool_))
    assert table.used == 0
    assert len(table.find(many)[0]) == 0


def test_rounds_keep_the_order_of_each_id_and_have_no_id_twice() -> None:
    keys = [5, 7, 5, 9, 5, 7]
    turns = [turn.tolist() for turn in rounds(hashes([(k, 0) for k in keys]))]
    assert turns == [[0, 1, 3], [2, 5], [4]]
    assert [t.tolist() for t in rounds(hashes([(k, 0) for k in (1, 2, 3)]))] == [[0, 1, 2]]
