"""What scores, ranks, delays and costs say, by hand."""

from dataclasses import replace
from math import pi, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.formats.columns import CONFIDENCE_SCALE
from streams.ledger.cells import DELAY_BINS, DELAY_EDGES_MS, POSITIVE_BINS, delay_bin
from streams.quality.counts.counted import counted
from streams.quality.counts.table import CORRECTED, cell, margins_of
from streams.quality.measures.calibration import calibration_bins, calibration_error
from streams.quality.measures.class_details import class_details
from streams.quality.measures.confusion import Undefined, window_measures
from streams.quality.measures.cost import cell_costs, expected_cost
from streams.quality.measures.decayed import WEIGHT_ONE, DecayedClass, decayed_measures
from streams.quality.measures.intervals import balanced_accuracy_interval, wilson
from streams.quality.measures.label_delay import delay_quantiles_s
from streams.quality.measures.ranking import auc, mean_rank, top_k_accuracy
from streams.quality.measures.scoring import score_measures
from streams.quality.settings import CostSpec
from tests.support.recounted import Seen, recount

NAMES = ("a", "b")


def confident(share: float, right: int, wrong: int, unlabelled: int = 0) -> list[Seen]:
    fixed = round(share * CONFIDENCE_SCALE)
    outcomes: list[str | None] = ["a"] * right + ["b"] * wrong + [None] * unlabelled
    return [Seen("a", true, fixed) for true in outcomes]


# calibration


def test_a_calibration_bin_counts_and_compares() -> None:
    rows = calibration_bins(recount([*confident(0.7, 6, 4, 5), *confident(1.0, 3, 0), *confident(0.2, 0, 0, 2)], NAMES))
    assert [row.bin for row in rows] == [4, 14, 19]
    low, middle, high = rows
    assert (low.predictions, low.labelled, low.accuracy, low.confidence_mean) == (2, 0, None, None)
    assert (middle.confidence_lower, middle.confidence_upper) == (0.7, 0.75)
    assert (middle.predictions, middle.labelled, middle.correct) == (15, 10, 6)
    assert (middle.confidence_mean, middle.accuracy) == (0.7, 0.6)
    assert (middle.accuracy_lower, middle.accuracy_upper) == wilson(0.6, 10)
    assert (high.confidence_upper, high.accuracy) == (1.0, 1.0)


def test_ece_is_the_distance_less_what_chance_shows() -> None:
    error = calibration_error(recount([*confident(0.7, 20, 80), *confident(0.9, 90, 10)], NAMES))
    assert error is not None
    assert error.raw == pytest.approx(0.5 * 0.5 + 0.5 * 0.0, abs=1e-12)
    chance = 0.5 * sqrt(2 / pi) * (sqrt(0.7 * 0.3 / 100) + sqrt(0.9 * 0.1 / 100))
    assert error.debiased == pytest.approx(error.raw - chance, abs=1e-12)


def test_ece_of_a_perfect_model_is_near_zero_where_the_raw_one_is_not() -> None:
    rng = np.random.default_rng(3)
    raw, debiased = [], []
    for _ in range(200):
        fixed = rng.integers(CONFIDENCE_SCALE // 5, CONFIDENCE_SCALE, 100)
        right = rng.random(100) < fixed / CONFIDENCE_SCALE
        seen = [Seen("a", "a" if hit else "b", int(f)) for f, hit in zip(fixed, right, strict=True)]
        error = calibration_error(recount(seen, NAMES))
        assert error is not None
        raw.append(error.raw)
        debiased.append(error.debiased)
    assert 0.07 < np.mean(raw) < 0.18
    assert np.mean(debiased) < 0.02
    assert min(debiased) == 0.0


def test_scores_of_a_window_without_labels_have_a_mean_and_no_error() -> None:
    mine = score_measures(recount(confident(0.5, 0, 0, 3) + confident(1.0, 0, 0, 1), NAMES))
    assert (mine.scored, mine.confidence_mean, mine.confidence_variance) == (4, 0.625, 0.0625)
    assert (mine.ece, mine.ece_raw) == (None, None)
    assert mine.undefined is not None
    assert f"ece: {Undefined.NO_LABELLED_SCORES}; ece_raw" in mine.undefined


def test_sums_of_squares_beyond_64_bits_are_exact() -> None:
    n, half = 10**9, CONFIDENCE_SCALE // 2
    one = recount(confident(0.5, 1, 0), NAMES)
    huge = replace(
        one,
        scored=one.scored._replace(n=one.scored.n * n),
        confidence_sum=one.confidence_sum * n,
        confidence_squares=one.confidence_squares * n,
    )
    assert int(huge.confidence_squares.sum()) == n * half**2
    assert score_measures(huge).confidence_variance == 0.0


# ranking


def binned(*counts: tuple[int, int, int]) -> Any:
    """(bin, negatives, positives)."""
    positive = np.zeros((POSITIVE_BINS, 2), np.int64)
    for b, negatives, positives in counts:
        positive[b] = negatives, positives
    return positive


def test_auc_counts_pairs_and_halves_ties() -> None:
    assert auc(binned((0, 3, 0), (9, 0, 2))).value == 1.0
    assert auc(binned((0, 0, 3), (9, 2, 0))).value == 0.0
    assert auc(binned((5, 7, 3))).value == 0.5
    # negatives 0 0 1, positives 0 1: of six pairs (0,0) (0,0) tie, (0,1) lost, (1,0) (1,0) won, (1,1) ties
    assert auc(binned((0, 2, 1), (1, 1, 1))).value == (2 + 0.5 * 3) / 6
    assert auc(binned()).reason is Undefined.NO_POSITIVE_SCORES
    assert auc(binned((1, 4, 0))).reason is auc(binned((1, 0, 4))).reason is Undefined.ONE_OUTCOME


def test_auc_of_more_pairs_than_64_bits_count() -> None:
    assert auc(binned((0, 10**10, 0), (1, 10**10, 10**10))).value == 0.75


def test_top_k_is_said_when_each_label_is_known_to_be_in_or_out() -> None:
    kept = np.array([2, 5, 1, 2])
    assert top_k_accuracy(kept, 2).value == 0.6
    assert top_k_accuracy(kept, 3).value == 0.8
    assert top_k_accuracy(kept, 5).reason is Undefined.TOO_FEW_RANKS
    assert mean_rank(kept).reason is Undefined.RANK_NOT_KEPT
    whole = np.array([0, 5, 1, 2])
    assert top_k_accuracy(whole, 5).value == 1.0
    assert mean_rank(whole).value == (5 + 2 + 6) / 8
    for ranks in (np.zeros(0, np.int64), np.zeros(4, np.int64)):
        assert mean_rank(ranks).reason is top_k_accuracy(ranks, 2).reason is Undefined.NO_RANKS


# label delay


def quantiles(delays_ms: list[int], *percents: int) -> list[float]:
    counts = np.bincount(delay_bin(np.array(delays_ms)), minlength=DELAY_BINS)[None, :]
    result: list[float] = delay_quantiles_s(counts, percents)[0].tolist()
    return result


def test_a_quantile_lies_where_so_many_labels_are_at_most() -> None:
    assert quantiles([1_500] * 10, 50, 100) == [1.5, 2.0]
    assert quantiles([1_500] * 5 + [6_000] * 5, 50) == [2.0]  # the upper edge: half are below it
    assert quantiles([1_500] * 5 + [6_000] * 5, 60, 90) == [6.0, 9.0]
    assert quantiles([0], 99) == [0.99]


@given(st.lists(st.integers(0, DELAY_EDGES_MS[-1] - 1), min_size=1, max_size=60), st.sampled_from((1, 50, 90, 99, 100)))
def test_a_quantile_is_in_the_bin_of_the_true_one(delays_ms: list[int], percent: int) -> None:
    (mine,) = quantiles(delays_ms, percent)
    true = sorted(delays_ms)[-(-percent * len(delays_ms) // 100) - 1]
    edges = (*DELAY_EDGES_MS,)
    b = int(delay_bin(np.array([true]))[0])
    assert edges[b] / 1000 <= mine <= edges[b + 1] / 1000


def test_a_quantile_beyond_the_last_edge_has_no_number() -> None:
    seen = [Seen("a", "a", delay_ms=1000)] * 6 + [Seen("a", "a", delay_ms=400 * 86_400_000)] * 4
    mine = score_measures(recount(seen, NAMES))
    assert mine.label_delay_p50_s == pytest.approx(1 + 5 / 6)
    assert mine.label_delay_p90_s is None
    assert mine.undefined is not None
    assert f"label_delay_p90_s: {Undefined.DELAY_OPEN}; label_delay_p99_s" in mine.undefined


# classes


def test_a_class_is_confused_with_the_largest_cells_by_count_then_name() -> None:
    rows = [[9, 2, 5, 2, 2], [0, 3, 0, 0, 0], [0] * 5, [1, 1, 1, 0, 1], [0] * 5]
    cells = {cell(t, p): n for t, row in enumerate(rows) for p, n in enumerate(row) if n} | {CORRECTED: 4}
    of = class_details(cells, range(5), list("abcde"))
    assert of[0].confused_with == "c: 5; b: 2; d: 2"
    assert of[3].confused_with == "a: 1; b: 1; c: 1"
    assert (of[1].confused_with, of[1].undefined) == (None, f"confused_with: {Undefined.NEVER_CONFUSED}")
    assert (of[4].confused_with, of[4].undefined) == (None, f"confused_with: {Undefined.NO_SUPPORT}")
    assert class_details(cells, [0], list("abcde"), 1) == {0: ("c: 5", None)}


# cost


def test_the_expected_cost_is_of_the_cells() -> None:
    of = counted([[6, 2], [1, 1]], classes=list(NAMES))
    spec = CostSpec((("a", "b", 10.0), ("b", "b", -3.0), ("a", "zebra", 99.0)), wrong=2.0)
    assert cell_costs(of, spec).tolist() == [0.0, 10.0, 2.0, -3.0]
    cost = expected_cost(of, spec)
    assert cost is not None
    assert cost.mean == (2 * 10 + 1 * 2 - 3) / 10
    assert -3.0 <= cost.lower < cost.mean < cost.upper <= 99.0
    assert expected_cost(counted([[0]]), spec) is None


def test_the_plain_cost_is_the_error_rate_with_wilsons_interval() -> None:
    cost = expected_cost(counted([[6, 2], [1, 1]]), CostSpec(()))
    assert cost is not None
    assert cost.mean == 0.3
    assert (cost.lower, cost.upper) == pytest.approx(wilson(0.3, 10), abs=1e-12)


def test_costs_do_not_depend_on_how_classes_are_listed() -> None:
    of = counted([[6, 2, 1], [1, 1, 0], [3, 0, 9]], classes=list("abc"))
    listed = (("c", "a", 0.1), ("a", "b", 0.7), ("a", "c", 0.3))
    assert expected_cost(of, CostSpec(listed)) == expected_cost(of, CostSpec(listed[::-1]))


# decayed


def decayed(table: list[list[int]], weight: int) -> list[DecayedClass]:
    """Every label at the same weight."""
    return [DecayedClass(row[i] * weight, sum(row) * weight, sum(row) * weight**2) for i, row in enumerate(table)]


@pytest.mark.parametrize("weight", [WEIGHT_ONE, WEIGHT_ONE // 3, 1])
def test_equal_weights_say_what_plain_counts_say(weight: int) -> None:
    table = [[18, 2], [2, 4]]
    plain = window_measures(margins_of({cell(i, j): table[i][j] for i in range(2) for j in range(2)}), 5)
    mine = decayed_measures(decayed(table, weight), 26 * weight, 5)
    fields = mine._fields[:10]
    assert fields[-1] == "balanced_accuracy_upper"
    for name in (*fields, "balanced_accuracy_adjusted"):
        assert getattr(mine, name) == pytest.approx(getattr(plain, name), abs=1e-12), name
    assert (mine.macro_f1, mine.mcc) == (None, None)


def test_older_labels_count_for_less_and_make_the_interval_wider() -> None:
    # class a: 10 right now, 10 wrong a half-life ago; class b: 8 of 10 now
    half = WEIGHT_ONE // 2
    squares = 10 * WEIGHT_ONE**2 + 10 * half**2
    a = DecayedClass(10 * WEIGHT_ONE, 10 * WEIGHT_ONE + 10 * half, squares)
    b = DecayedClass(8 * WEIGHT_ONE, 10 * WEIGHT_ONE, 10 * WEIGHT_ONE**2)
    mine = decayed_measures([a, b], 40 * WEIGHT_ONE, 11)
    assert mine.balanced_accuracy == pytest.approx((10 / 15 + 0.8) / 2, abs=1e-12)
    assert mine.accuracy == pytest.approx(18 / 25, abs=1e-12)
    size = 15**2 / 12.5  # (10 + 5)^2 / (10 + 2.5)
    wanted = balanced_accuracy_interval([(10 / 15 * size, size), (8.0, 10.0)])
    assert (mine.balanced_accuracy_lower, mine.balanced_accuracy_upper) == pytest.approx(wanted, abs=1e-12)
    assert (mine.accuracy_lower, mine.accuracy_upper) == pytest.approx(wilson(18 / 25, 25**2 / 22.5), abs=1e-12)
    assert (mine.coverage, mine.min_support, mine.low_support) == (0.625, 10, True)


def test_a_class_that_has_decayed_to_nothing_is_absent() -> None:
    classes = [*decayed([[3, 1], [0, 2]], WEIGHT_ONE), DecayedClass(0, 0, 0)]
    assert decayed_measures(classes, 6 * WEIGHT_ONE, 5).classes_with_support == 2
    assert decayed_measures([DecayedClass(0, 0, 0)], 7, 5).coverage == 0.0


def test_score_measures_of_counts_without_details_say_nothing_but_the_cost() -> None:
    mine = score_measures(counted([[5]]), CostSpec(()))
    assert (mine.scored, mine.expected_cost) == (0, 0.0)
    assert mine.expected_cost_upper == pytest.approx(wilson(0.0, 5)[1], abs=1e-12)
    assert all(value is None for value in mine[1:-4])
