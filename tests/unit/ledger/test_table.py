"""The table against a dict: growth, rebuilds, equal words, equal halves of words, several rows a key, dump and load."""

from collections import Counter
from collections.abc import Callable
from random import Random

import numpy as np
import pytest
from numpy.typing import NDArray

from streams.ledger.table import MAX_LOAD, Hashes, Slots, Table, crowded, repeats, rounds

Key = tuple[int, int]
WORDS: dict[str, Callable[[Random], int]] = {
    "any": lambda rng: rng.randrange(1, 1 << 64),
    "few": lambda rng: rng.randrange(1, 4),  # nearly every key collides and the probes are long
    "equal upper halves": lambda rng: 0xABCD << 32 | rng.randrange(1 << 12),
    "equal lower halves": lambda rng: rng.randrange(1 << 12) << 32 | 7,  # all begin at one place
    "equal steps": lambda rng: 0x123456 << 40 | rng.randrange(300) << 32 | 9,  # and go on to the same places
}


def hashes(pairs: list[Key]) -> Hashes:
    return np.array(pairs, np.uint64).reshape(-1, 2)


def keep_all(slots: Slots) -> NDArray[np.bool_]:
    return np.ones(len(slots), np.bool_)


def add(table: Table, keys: list[Key], values: list[int]) -> None:
    """Append rows, whatever is there."""
    table.column["value"][table.append(hashes(keys), table.look(hashes(keys)).end)] = values


def content(table: Table, keys: list[Key]) -> dict[Key, Counter[int]]:
    """The values under each key, as `find` tells them."""
    row, slot = table.find(hashes(keys))
    found: dict[Key, Counter[int]] = {}
    for r, s in zip(row.tolist(), slot.tolist(), strict=True):
        assert tuple(table.keys[s].tolist()) == keys[r]
        found.setdefault(keys[r], Counter())[int(table.column["value"][s])] += 1
    return found


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("words", list(WORDS))
def test_it_holds_what_a_dict_holds_through_growth_and_rebuilds(seed: int, words: str) -> None:
    rng = Random(seed)
    table, truth = Table({"value": np.int64}), dict[Key, Counter[int]]()
    keys = list({(WORDS[words](rng), rng.randrange(3)) for _ in range(300)})
    rebuilds = 0
    for _ in range(40):
        batch = [rng.choice(keys) for _ in range(rng.randrange(80))]
        values = [rng.randrange(3) for _ in batch]
        dropped = {v for v in range(3) if rng.random() < 0.5}
        before = table.used

        def keep(slots: Slots, dropped: set[int] = dropped) -> NDArray[np.bool_]:
            return ~np.isin(table.column["value"].take(slots), list(dropped))

        table.reserve(len(batch), keep)
        if table.used < before:
            rebuilds += 1
            for held in truth.values():
                for value in dropped:
                    del held[value]
        add(table, batch, values)
        for key, value in zip(batch, values, strict=True):
            truth.setdefault(key, Counter())[value] += 1
        assert content(table, keys) == {key: held for key, held in truth.items() if held}
        assert table.used == len(table.taken()) == sum(held.total() for held in truth.values())
        copy = Table({"value": np.int64})
        copy.load(table.dump(keep_all))
        assert content(copy, keys) == content(table, keys)
    assert rebuilds > 1


def test_rows_of_one_append_are_consecutive_in_their_order_also_under_one_key() -> None:
    table = Table({"value": np.int64})
    table.reserve(500, keep_all)
    add(table, [(5, 5)] * 100, list(range(100)))
    add(table, [(5, 5), (6, 6)] * 100, list(range(200)))
    assert table.column["value"][: table.used].tolist() == [*range(100), *range(200)]
    assert sorted(table.find(hashes([(6, 6)]))[1].tolist()) == list(range(101, 300, 2))


def test_a_full_table_grows_and_an_emptied_one_shrinks() -> None:
    table = Table({"value": np.int64})
    small, many = table.nbytes, [(i, i) for i in range(1, 20_001)]
    table.reserve(len(many), keep_all)
    add(table, many, list(range(20_000)))
    assert table.used == 20_000
    assert 24 * 20_000 < table.nbytes < (24 * 1.25 + 8 * 2 / MAX_LOAD) * 20_000
    table.reserve(6_000, lambda slots: slots < 0)
    assert table.used == 0
    assert len(table.find(hashes(many))[0]) == 0
    assert small < table.nbytes < 8_000 * (24 * 1.25 + 8 * 2 / MAX_LOAD)


def test_a_few_rows_that_are_gone_do_not_rebuild_a_table_and_many_do() -> None:
    table = Table({"value": np.int64})
    table.reserve(1_000, keep_all)
    add(table, [(i, i) for i in range(1, 1_001)], list(range(1_000)))
    table.reserve(500, lambda slots: slots >= 300)
    assert table.used == 1_000
    add(table, [(i, i) for i in range(2_001, 2_501)], list(range(1_000, 1_500)))
    table.reserve(10_000, lambda slots: slots >= 600)
    assert table.column["value"][: table.used].tolist() == list(range(600, 1_500))
    assert content(table, [(601, 601), (600, 600), (2_500, 2_500)]) == {
        (601, 601): {600: 1},
        (2_500, 2_500): {1_499: 1},
    }


def test_a_dump_leaves_out_what_is_not_wanted_and_does_not_change_with_the_table() -> None:
    table = Table({"value": np.int64})
    table.reserve(10, keep_all)
    add(table, [(i, 1) for i in range(10)], list(range(10)))
    every, odd = table.dump(keep_all), table.dump(lambda slots: slots % 2 == 1)
    table.column["value"][:] = -1
    copy, part = Table({"value": np.int64}), Table({"value": np.int64})
    copy.load(every)
    part.load(odd)
    assert copy.column["value"][: copy.used].tolist() == list(range(10))
    assert part.column["value"][: part.used].tolist() == [1, 3, 5, 7, 9]


@pytest.mark.parametrize("damage", [{"rows": 2}, {"keys": b"1"}, {"columns": {}}, {"columns": {"value": b"1234567"}}])
def test_a_damaged_state_is_refused(damage: dict[str, object]) -> None:
    table = Table({"value": np.int64})
    table.reserve(1, keep_all)
    add(table, [(1, 1)], [1])
    with pytest.raises(ValueError, match="belong"):
        Table({"value": np.int64}).load(table.dump(keep_all) | damage)


def test_rounds_keep_the_order_of_each_id_and_have_no_id_twice() -> None:
    keys = [5, 7, 5, 9, 5, 7]
    turns = [turn.tolist() for turn in rounds(hashes([(k, 0) for k in keys]))]
    assert turns == [[0, 1, 3], [2, 5], [4]]
    assert [t.tolist() for t in rounds(hashes([(k, 0) for k in (1, 2, 3)]))] == [[0, 1, 2]]


def test_repeats_and_crowds_of_an_id_are_seen() -> None:
    several = hashes([(5, 0), (7, 0), (5, 1), (9, 0)])
    assert repeats(several)
    assert not repeats(several[1:])
    assert not repeats(several[:0])
    assert crowded(several, np.array([1, 0, 2, 1])).tolist() == [0, 1]
