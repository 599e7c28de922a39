"""Counts of panes and details: what enters leaves again, and every way to sum counts what a loop counts."""

import math
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from streams.formats.columns import CONFIDENCE_SCALE, NO_CLASS, NO_CONFIDENCE, Group
from streams.ledger import counts as module
from streams.ledger import crosstab
from streams.ledger.cells import (
    A_SHIFT,
    C_SHIFT,
    CONFIDENCE_BINS,
    DELAY_BINS,
    DELAY_EDGES_MS,
    KIND_SHIFT,
    NONE,
    POSITIVE_BINS,
    SOURCE_BITS,
    CellKind,
    Outcome,
    a_of,
    b_of,
    c_of,
    confidence_bin,
    delay_bin,
    kind_of,
    pack,
    positive_bin,
)
from streams.ledger.counts import GROUP_BITS, Counts
from streams.ledger.names import UNSEEN, Names
from streams.ledger.scores import NO_SCORES, Scores, nothing
from streams.ledger.spec import NO_TIME, LedgerSpec
from streams.ledger.sums import Agreements, Corrections, Moves

PLAIN = LedgerSpec(pane_ms=1_000, detail_ms=3_000)
FULL = replace(PLAIN, positive="c2", label_time=True, maturities_ms=(1_000, 60_000, 10**9), keep_scores=2)
AT_ONCE = replace(FULL, detail_ms=1_000)
Slots = dict[int, dict[int, int]]


def names_of(spec: LedgerSpec) -> Names:
    """Three groups, four classes, three label sources."""
    names = Names(spec)
    names.class_codes([f"c{i}" for i in range(4)])
    names.group_codes([Group("m", str(i), ()) for i in range(3)])
    names.source_codes(["z", "y", "x"])
    return names


def moves(rng: Random, n: int, seconds: int, spec: LedgerSpec) -> Moves:
    """Random predictions, some without label, some without score, some with a confidence of exactly 0."""
    ages = len(spec.maturities_ms)
    return Moves(
        np.array([rng.randrange(seconds * 1_000) for _ in range(n)], np.int64),
        np.array([rng.randrange(3) for _ in range(n)], np.int64),
        np.array([rng.randrange(4) for _ in range(n)], np.int64),
        np.array([rng.choice((NONE, 0, 1, 2, 3)) for _ in range(n)], np.int64),
        np.array([rng.choice((NO_CONFIDENCE, 0, 3000, 31_000, CONFIDENCE_SCALE)) for _ in range(n)], np.uint16),
        np.array([rng.randrange(2 * seconds) for _ in range(n)], np.uint32),
        np.array([rng.randrange(4) for _ in range(n)], np.uint8),
        np.array([rng.randrange(2 * seconds) for _ in range(n * spec.label_time)], np.uint32),
        np.array([rng.choice((NONE, UNSEEN, 0, 1, 3)) for _ in range(n * ages)], np.uint16).reshape(n, ages),
        scores(rng, n) if spec.keep_scores else NO_SCORES,
    )


def scores(rng: Random, n: int) -> Scores:
    """Kept scores: none, one or two of four classes; of some there is all that is needed for losses."""
    found = nothing(n, 2)
    for i in range(n):
        some = rng.choice((0, 1, 2))
        found["cls"][i, :some] = rng.sample(range(4), some)
        found["p"][i, :some] = rng.choice((0, 1, 45_000, 60_000))
        found["squares"][i] = rng.choice((0, 1, 2_250_000_000, 3_600_000_000)) if some else 0
    return found


def plain(given: list[Moves], spec: LedgerSpec) -> Slots:
    """The same, a prediction at a time."""
    slots: Slots = {}
    for m in given:
        for i in range(len(m.time)):
            time, group, predicted, true = (int(column[i]) for column in m[:4])
            confidence, delivered, source = (int(column[i]) for column in m[4:7])
            delay = max(delivered * 1_000 - time, 0)

            def add(
                kind: CellKind, a: int = 0, b: int = 0, c: int = 0, n: int = 1, at_ms: int = time, group: int = group
            ) -> None:
                grain = spec.pane_ms if kind == CellKind.CONFUSION else spec.detail_ms
                key = at_ms // grain * grain // spec.pane_ms << GROUP_BITS | group
                cells = slots.setdefault(key, {})
                code = pack(kind, a, b, c)
                cells[code] = cells.get(code, 0) + n

            add(CellKind.CONFUSION, predicted, true)
            if confidence != NO_CONFIDENCE:
                where = min(confidence * 20 // 60_000, 19)
                outcome = Outcome.UNLABELLED if true == NONE else Outcome(int(true == predicted))
                add(CellKind.SCORED, predicted, true, where)
                add(CellKind.CONFIDENCE_SUM, where, outcome, n=confidence)
                add(CellKind.CONFIDENCE_SQUARES, 0, outcome, n=confidence**2)
            if true != NONE:
                add(CellKind.DELAY, predicted, true, max(b for b in range(58) if DELAY_EDGES_MS[b] <= delay))
                if source:
                    add(CellKind.LABELLED_BY, predicted, true, source)
                if spec.label_time:
                    add(CellKind.LABEL_TIME, predicted, true, at_ms=max(int(m.known[i]) * 1_000, time))
                if spec.positive and confidence != NO_CONFIDENCE:
                    score = confidence if predicted == 2 else 60_000 - confidence
                    add(CellKind.POSITIVE, min(score * 128 // 60_000, 127), int(true == 2))
            if true != NONE and spec.keep_scores and m.scores["cls"][i, 0] != NO_CLASS:
                kept = dict(zip(m.scores["cls"][i].tolist(), m.scores["p"][i].tolist(), strict=True))
                add(CellKind.RANK, [*kept, true].index(true) + 1 if true in kept else 0)
                if squares := int(m.scores["squares"][i]):
                    p = kept.get(true, 0)
                    add(CellKind.PROPER)
                    add(CellKind.BRIER, n=max(0, math.floor((squares - 120_000 * p + 3_600_000_000) / 3600 + 0.5)))
                    add(CellKind.LOG_LOSS, n=round(-1e6 * math.log(max(p, 0.5) / 60_000)))
            for c, cls in enumerate(m.at_ages[i].tolist()):
                if cls < UNSEEN:
                    add(CellKind.MATURITY, predicted, cls, c)
    return {key: {code: n for code, n in cells.items() if n} for key, cells in slots.items()}


@pytest.mark.parametrize("spec", [PLAIN, FULL, AT_ONCE], ids=["plain", "full", "at once"])
@pytest.mark.parametrize("seconds", [2, 400])
@pytest.mark.parametrize("dense_per_row", [0, 16, 1 << 20])
@pytest.mark.parametrize("waiting", [0, 100, 10_000])
def test_dense_and_sorted_sums_count_what_a_loop_counts(
    spec: LedgerSpec, seconds: int, dense_per_row: int, waiting: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crosstab, "_DENSE_PER_ROW", dense_per_row)
    monkeypatch.setattr(module, "_WAITING_ROWS", waiting)
    rng = Random(seconds)
    given = [moves(rng, n, seconds, spec) for n in (1, 90, 200)]
    passing = moves(rng, 30, seconds, spec)
    counts = Counts(names_of(spec))
    for some in given[:2]:
        counts.move(some, 1)
    counts.move(passing, 1)
    assert counts.slots == plain([*given[:2], passing], spec)
    counts.move(passing, -1)
    counts.move(given[2], 1)
    assert {key: cells for key, cells in counts.slots.items() if cells} == plain(given, spec)
    assert counts.labelled + counts.unlabelled == 291
    assert counts.touched == set(counts.slots)
    for some in given:
        counts.move(some, -1)
    assert not any(counts.slots.values())
    assert counts.labelled == counts.unlabelled == 0


def test_a_slot_is_touched_by_a_move_that_is_taken_back_at_once() -> None:
    counts, there_and_back = Counts(names_of(FULL)), moves(Random(3), 5, 4, FULL)
    counts.move(there_and_back, 1)
    counts.move(there_and_back, -1)
    assert counts.touched == set(plain([there_and_back], FULL))
    assert not any(counts.slots.values())


def column(*values: int) -> NDArray[np.int64]:
    return np.array(values, np.int64)


def one(time: int = 7_000, true: int = NONE, delivered: int = 0) -> Moves:
    """A prediction without score."""
    empty = np.array([NO_CONFIDENCE], np.uint16), np.array([delivered], np.uint32), np.zeros(1, np.uint8)
    none = np.zeros(0, np.uint32)
    return Moves(column(time), column(0), column(1), column(true), *empty, none, np.zeros((1, 0), np.uint16), NO_SCORES)


def test_a_prediction_without_score_or_label_has_no_detail() -> None:
    counts = Counts(names_of(PLAIN))
    counts.move(one(), 1)
    assert counts.slots == {7 << GROUP_BITS: {pack(CellKind.CONFUSION, 1, NONE): 1}}
    assert counts.touched == {7 << GROUP_BITS}


def test_corrections_count_by_source_and_classes_with_none_on_either_side() -> None:
    counts = Counts(names_of(PLAIN))
    time, group, source = column(7_000, 8_999, 8_000, 9_000), column(0, 0, 0, 1), column(0, 0, 3, 3)
    counts.correct(Corrections(time, group, source, column(1, 1, NONE, 2), column(2, 2, 3, NONE)))
    found = {key: dict(cells) for key, cells in counts.slots.items()}
    assert found == {
        6 << GROUP_BITS: {
            pack(CellKind.CORRECTED, 1, 2, 0): 2, pack(CellKind.CORRECTED, NONE, 3, 3): 1,
        },
        9 << GROUP_BITS | 1: {pack(CellKind.CORRECTED, 2, NONE, 3): 1},
    }  # fmt: skip
    assert counts.corrected == 4
    assert counts.touched == set(found)


def test_pairs_of_labels_count_the_same_way_round_and_are_taken_back() -> None:
    counts = Counts(names_of(PLAIN))  # sources 1, 2, 3 are z, y, x: x sorts first
    pairs = Agreements(column(7_000, 8_000), column(0, 0), column(1, 3), column(3, 1), column(2, 3), column(3, 2))
    counts.agree(pairs, 1)
    cell = pack(CellKind.AGREEMENT, 3, 2, 3 << SOURCE_BITS | 1)
    assert counts.slots == {6 << GROUP_BITS: {cell: 2}}
    counts.agree(Agreements(*(c[:1] for c in pairs)), -1)
    assert counts.slots == {6 << GROUP_BITS: {cell: 1}}
    counts.agree(Agreements(*(c[1:] for c in pairs)), -1)
    assert counts.slots == {6 << GROUP_BITS: {}}


def test_the_unlabelled_of_a_pane_expire_once_and_a_dropped_slot_is_gone() -> None:
    counts = Counts(names_of(PLAIN))
    counts.move(one(6_000), 1)
    counts.move(one(6_000, true=1, delivered=7), 1)
    key = 6 << GROUP_BITS
    counts.expire([key])
    assert (counts.expired, counts.unlabelled, counts.labelled) == (1, 1, 1)
    assert set(counts.slots[key].values()) == {1}
    counts.drop([key])
    assert (counts.expired, counts.slots) == (1, {})


def test_the_newest_label_of_a_group_is_the_last_one_delivered_and_stays_when_it_is_taken_back() -> None:
    counts = Counts(names_of(PLAIN))
    assert counts.newest_ms == [NO_TIME] * 3
    counts.move(one(7_500), 1)
    assert counts.newest_ms == [NO_TIME] * 3
    counts.move(one(7_500, true=1, delivered=3), 1)
    assert counts.newest_ms == [7_500, NO_TIME, NO_TIME]
    counts.move(one(7_500, true=1, delivered=9), 1)
    counts.move(one(7_500, true=1, delivered=9), -1)
    counts.move(one(7_500, true=1, delivered=8), 1)
    assert counts.newest_ms == [9_000, NO_TIME, NO_TIME]
    copy = Counts(names_of(PLAIN))
    copy.load(counts.dump())
    assert copy.newest_ms == counts.newest_ms


def test_nothing_to_move_touches_nothing() -> None:
    counts = Counts(names_of(FULL))
    counts.move(moves(Random(1), 0, 1, FULL), 1)
    assert (counts.slots, counts.touched, counts.labelled, counts.unlabelled) == ({}, set(), 0, 0)


def test_bins_of_confidence_and_delay_begin_where_they_say() -> None:
    edges = np.array([0, 2999, 3000, CONFIDENCE_SCALE - 1, CONFIDENCE_SCALE], np.uint16)
    assert confidence_bin(edges).tolist() == [0, 0, 1, CONFIDENCE_BINS - 1, CONFIDENCE_BINS - 1]
    assert positive_bin(edges.astype(np.int64)).tolist() == [0, 6, 6, POSITIVE_BINS - 1, POSITIVE_BINS - 1]
    assert delay_bin(np.array([-(10**12), -1, 10**15])).tolist() == [0, 0, DELAY_BINS - 1]
    for b, edge in enumerate(DELAY_EDGES_MS):
        assert delay_bin(np.array([edge, edge - 1])).tolist() == [b, max(b - 1, 0)]


def test_a_code_packs_four_numbers_and_gives_them_back() -> None:
    assert (KIND_SHIFT, C_SHIFT, A_SHIFT) == (56, 32, 16)
    code = np.array([pack(CellKind.LOG_LOSS, 0xFFFF, 0xFFFE, (1 << 24) - 1)])
    assert [int(part(code)[0]) for part in (kind_of, c_of, a_of, b_of)] == [14, (1 << 24) - 1, 0xFFFF, 0xFFFE]
    assert code[0] > 0


@pytest.mark.parametrize(
    "broken", [{"detail_ms": 1_500}, {"detail_ms": 0}, {"maturities_ms": (2, 1)}, {"keep_scores": 17}]
)
def test_a_detail_is_whole_panes_and_ages_ascend(broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"detail_ms|maturities_ms|keep_scores"):
        replace(PLAIN, **broken)
