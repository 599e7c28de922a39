"""Chunks of a flush: whatever is in it, each fits into a record, and a judge counts a slot from its parts."""

from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest

from streams.formats.columns import Group
from streams.ledger import chunks as module
from streams.ledger.cells import NONE, CellKind, PairOutcome, b_of, c_of, pack
from streams.ledger.counts import GROUP_BITS
from streams.ledger.flush import decode
from streams.ledger.join import Join
from streams.ledger.spec import LedgerSpec, Timing
from streams.quality.judge import Judge
from streams.quality.spec import QualitySpec, WindowSpec

LIMIT = 500_000
TIMING = Timing(60, 10, 10)
SPEC = LedgerSpec(partitions=1, tallies_partitions=1, pane_ms=10, timing=TIMING)


def join_with(groups: list[Group], classes: list[str]) -> Join:
    """A fold that knows these names."""
    join = Join(SPEC, 0)
    join.names.class_codes(classes)
    join.names.group_codes(groups)
    return join


def put(join: Join, pane: int, group: int, cells: dict[int, int]) -> None:
    """A slot as the rows of a partition would have left it."""
    key = pane << GROUP_BITS | group
    table = join.counts._table
    table.drop([key])
    code, count = (np.array(list(values), np.int64) for values in (cells, cells.values()))
    table.add(np.array([key]), np.zeros(len(cells), np.int64), code, count)
    join.counts.touched.add(key)


def told(records: list[bytes]) -> dict[tuple[int, Group], dict[tuple[str, str | None], int]]:
    """All confusion cells of chunks, by name; no cell comes twice."""
    out: dict[tuple[int, Group], dict[tuple[str, str | None], int]] = {}
    for chunk in map(decode, records):
        bounds = chunk.bounds.tolist()
        assert (bounds[0], bounds[-1]) == (0, len(chunk.code))
        for s, (pane, group) in enumerate(zip(chunk.pane.tolist(), chunk.group.tolist(), strict=True)):
            cells = out.setdefault((pane, chunk.groups[group]), {})
            for at in range(bounds[s], bounds[s + 1]):
                code = int(chunk.code[at])
                key = (chunk.classes[code >> 16], None if code & NONE == NONE else chunk.classes[code & NONE])
                assert key not in cells
                cells[key] = int(chunk.count[at])
    return out


def test_many_long_names_of_groups_fit_into_records() -> None:
    groups = [Group("m", "1", (f"{i:06d}" + "𝄞" * 250,)) for i in range(3_000)]
    join = join_with(groups, ["a"])
    for g in range(len(groups)):
        put(join, 7, g, {NONE: 1})
    records = [data for _, data in join.flush("w" * 40)]
    assert max(map(len, records)) <= LIMIT
    assert told(records) == {(7, group): {("a", None): 1} for group in groups}


def test_many_long_names_of_classes_in_one_slot_fit_into_records() -> None:
    classes = [f"{i:06d}" + "𝄞" * 250 for i in range(2_000)]
    join = join_with([Group("m", "1", ())], classes)
    put(join, 7, 0, {c << 16 | (c + 1) % 2_000: c + 1 for c in range(2_000)})
    records = [data for _, data in join.flush("w")]
    assert max(map(len, records)) <= LIMIT
    cells = {(classes[c], classes[(c + 1) % 2_000]): c + 1 for c in range(2_000)}
    assert told(records) == {(7, Group("m", "1", ())): cells}


def test_many_long_names_of_versions_fit_into_records_that_name_those_they_use() -> None:
    versions = [f"{i:06d}" + "𝄞" * 250 for i in range(2_000)]
    join = join_with([Group("m", version, ()) for version in versions], ["a", "b"])
    put(join, 7, 0, {pack(CellKind.PAIRED, PairOutcome.BOTH, 1, version): version for version in range(1, 1_500)})
    records = [data for _, data in join.flush("w")]
    assert max(map(len, records)) <= LIMIT
    found: dict[str, int] = {}
    for chunk in map(decode, records):
        assert sorted(chunk.versions) == sorted(chunk.versions[c] for c in c_of(chunk.code).tolist())
        assert (chunk.classes, set(b_of(chunk.code).tolist())) == (["b"], {0})
        found |= {chunk.versions[c]: n for c, n in zip(c_of(chunk.code).tolist(), chunk.count.tolist(), strict=True)}
    assert found == {versions[i]: i for i in range(1, 1_500)}


def test_one_slot_with_very_many_cells_and_many_slots_that_became_empty_fit_into_records() -> None:
    group = Group("m", "1", ())
    join = join_with([group], [f"c{i}" for i in range(300)])
    put(join, 7, 0, {a << 16 | b: a * b + 1 for a in range(300) for b in range(270)})
    for pane in range(8, 40_000):
        join.counts.touched.add(pane << GROUP_BITS)
    records = [data for _, data in join.flush("w")]
    assert len(records) > 3
    assert max(map(len, records)) <= LIMIT
    found = told(records)
    assert found[7, group] == {(f"c{a}", f"c{b}"): a * b + 1 for a in range(300) for b in range(270)}
    assert set(found) == {(pane, group) for pane in range(7, 40_000)}
    assert not any(found[pane, group] for pane in range(8, 40_000))


@pytest.mark.parametrize("seed", range(20))
def test_a_judge_counts_a_slot_that_is_cut_over_chunks_and_replaces_it_whole(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = Random(seed)
    classes = [f"c{i}" for i in range(6)]
    groups = [Group("m", "1", ("x",)), Group("m", "1", ("y",))]
    quality = QualitySpec(
        (WindowSpec("30ms", 30, 30),), pane_ms=10, timing=TIMING, dimensions=("segment",), ledger_partitions=1
    )
    join, judges = join_with(groups, classes), (Judge(quality, 0), Judge(quality, 0))
    seen: tuple[dict[Any, Any], dict[Any, Any]] = ({}, {})
    cuts = 0
    for step in range(4):
        cells = {a << 16 | b: rng.randint(1, 9) for a in range(6) for b in (*range(6), NONE) if rng.random() < 0.5}
        chosen = [(pane, group) for pane in (3, 4) for group in (0, 1) if rng.random() < 0.7]
        for pane, group in chosen:
            kept = rng.random()
            put(join, pane, group, {code: n for code, n in cells.items() if rng.random() < kept})
        for judge, rows, bound in zip(judges, seen, (LIMIT, 420), strict=True):
            monkeypatch.setattr(module, "MAX_RECORD_BYTES", bound)
            join.position, join.flushed = step + 1, step
            join.counts.touched.update(pane << GROUP_BITS | group for pane, group in chosen)
            records = [data for _, data in join.flush("w")]
            cuts += len(records) - 1
            for record in records:
                rows.update({(row.stream, row.key): row.value for row in judge.apply(judge.position, record)})
    assert cuts > 3

    def plain(rows: dict[Any, Any]) -> dict[Any, Any]:
        return {key: {k: v for k, v in row.items() if k != "revision"} for key, row in rows.items()}

    assert plain(seen[1]) == plain(seen[0])
    assert sum(row["count"] for (stream, _), row in seen[0].items() if stream == "confusion") > 0


def test_a_spec_with_more_groups_than_a_slot_can_name_is_refused() -> None:
    most = (1 << GROUP_BITS) - 1
    replace(SPEC, max_groups=most - 5, max_models=5)
    with pytest.raises(ValueError, match="max_groups"):
        replace(SPEC, max_groups=most - 4, max_models=5)
