"""Kept scores as a column, and ranks, Brier scores and log-losses of labelled rows as integers."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streams.formats.columns import NO_CLASS, NO_KEPT, Kept
from streams.ledger.scores import content, nothing, outcomes, packed, recoded, score_type

WHOLE = 3_600_000_000


def kept(rows: list[list[tuple[str, int]]], squares: list[int], keep: int = 2) -> Kept:
    names = sorted({name for row in rows for name, _ in row}, reverse=True)
    out = Kept(
        np.full((len(rows), keep), NO_KEPT, np.uint32), np.zeros((len(rows), keep), np.uint16),
        np.array(squares, np.uint32), [*names, "unused"],
    )  # fmt: skip
    for i, row in enumerate(rows):
        for rank, (name, p) in enumerate(row):
            out.codes[i, rank], out.scores[i, rank] = names.index(name), p
    return out


ROWS = [[("b", 45_000), ("a", 15_000)], [("c", 60_000)], [], [("a", 30_000), ("b", 18_000)]]
SQUARES = [2_250_000_000, WHOLE, 0, 0]


def test_a_column_has_the_rows_that_are_asked_for_and_their_classes_alone() -> None:
    scores, classes = packed(kept(ROWS, SQUARES), np.array([0, 2, 3]))
    assert sorted(classes) == ["a", "b"]
    assert [content(row, classes) for row in scores] == [
        (2_250_000_000, [(b"b", 45_000), (b"a", 15_000)]), (0, []), (0, [(b"a", 30_000), (b"b", 18_000)])
    ]  # fmt: skip
    assert score_type(2).itemsize == 12
    assert scores.tobytes() == np.frombuffer(scores.tobytes(), score_type(2)).tobytes()


def test_classes_get_other_numbers_and_a_refused_one_takes_its_row() -> None:
    scores, classes = packed(kept(ROWS, SQUARES), np.arange(4))
    known = ["x", "a", "b"]
    again = recoded(scores, np.array([known.index(c) if c in known else -1 for c in classes]))
    assert [content(row, known) for row in again] == [
        (2_250_000_000, [(b"b", 45_000), (b"a", 15_000)]), (0, []), (0, []), (0, [(b"a", 30_000), (b"b", 18_000)])
    ]  # fmt: skip
    assert again[1].tobytes() == nothing(1, 2).tobytes()
    assert content(scores[1], classes) == (WHOLE, [(b"c", 60_000)]), "the column it was made of is as it was"


def test_more_classes_than_codes_cost_rows_their_scores_only() -> None:
    n = NO_CLASS + 1
    many = Kept(
        np.arange(n, dtype=np.uint32).reshape(-1, 2), np.full((n // 2, 2), 30_000, np.uint16),
        np.full(n // 2, 1_800_000_000, np.uint32), [str(i) for i in range(n)],
    )  # fmt: skip
    scores, classes = packed(many, np.arange(n // 2))
    assert len(classes) == NO_CLASS
    assert content(scores[-2], classes) == (1_800_000_000, [(b"65532", 30_000), (b"65533", 30_000)])
    assert scores[-1].tobytes() == nothing(1, 2).tobytes()


def test_ranks_and_losses_of_labelled_rows() -> None:
    scores, classes = packed(kept(ROWS, SQUARES), np.array([0, 0, 0, 1, 1, 2, 3, 3]))
    place = {name: code for code, name in enumerate([*classes, "other"])}
    found = outcomes(scores, np.array([place[c] for c in ("b", "a", "c", "c", "a", "a", "b", "other")]))
    assert found.rank.tolist() == [1, 2, 0, 1, 0, -1, 2, 0]
    assert found.proper.tolist() == [True, True, True, True, True, False, False, False]
    proper = found.proper
    assert found.brier[proper].tolist() == [125_000, 1_125_000, 1_625_000, 0, 2_000_000]
    assert found.log_loss[proper].tolist() == [
        round(-1e6 * math.log(p)) for p in (0.75, 0.25, 1 / 120_000, 1, 1 / 120_000)
    ]  # fmt: skip


@given(st.lists(st.integers(0, 60_000), min_size=1, max_size=5).filter(sum), st.integers(0, 5))
def test_losses_are_those_of_the_formulas(weights: list[int], true: int) -> None:
    p = [w / sum(weights) for w in weights]
    fixed = [round(x * 60_000) for x in p]
    order = sorted(range(len(p)), key=lambda i: -fixed[i])
    scores = nothing(1, 5)
    scores["cls"][0, : len(p)], scores["p"][0, : len(p)] = order, [fixed[i] for i in order]
    scores["squares"] = round(math.fsum(x * x for x in p) * WHOLE)
    found = outcomes(scores, np.array([true]))
    exact = [x - (i == true) for i, x in enumerate([*p, *[0.0] * 5][:6])]
    assert abs(int(found.brier[0]) / 1e6 - math.fsum(x * x for x in exact)) < 2e-5
    of_true = ([*fixed, *[0] * 5][true]) / 60_000
    assert int(found.log_loss[0]) == round(-1e6 * math.log(max(of_true, 1 / 120_000)))
    assert int(found.rank[0]) == (order.index(true) + 1 if true in order else 0)
