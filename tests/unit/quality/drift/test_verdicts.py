"""What a comparison means: p-values that pay for each look, bounds, and swings."""

from math import sqrt

import numpy as np
import pytest
import scipy.stats
from scipy.special import ndtr

from streams.quality.counts.counted import counted
from streams.quality.drift.chisquare import tail
from streams.quality.drift.comparisons import LabelComparison, LabelReference, ScoreComparison
from streams.quality.drift.finding import Level, Why
from streams.quality.drift.performance import matched
from streams.quality.drift.spread import Spread
from streams.quality.drift.tally import ClassNumbers, Recalled, Tally, tally
from streams.quality.drift.verdicts import Verdict, of_errors, of_scores, of_skew, of_swings, one_sided_p, swings_of
from streams.quality.drift.watched import counts_of
from tests.support.drifting import scored

PLAIN = Spread(1.0, 1.0, known=True)


def scores(*by_bin: int) -> Tally:
    return counts_of(scored([0] * (20 - len(by_bin)) + list(by_bin)), ClassNumbers()).scores


def labels(matrix: list[list[int]]) -> Tally:
    return counts_of(counted(matrix), ClassNumbers()).labels


def test_scores_are_looked_at_twice_and_p_pays_for_both() -> None:
    compared = ScoreComparison.of(scores(30, 50, 20), scores(300, 400, 300))
    assert compared.bins is not None
    assert compared.mean is not None
    p_bins = float(tail(compared.bins)[0])
    p_mean = 2 * float(ndtr(-abs(compared.mean.z)))
    assert of_scores(compared, PLAIN, PLAIN).said["p_value"] == pytest.approx(2 * min(p_bins, p_mean))
    wide = of_scores(compared, PLAIN, Spread(4.0, 1.0, known=True))
    assert wide.said["p_value"] == pytest.approx(2 * min(p_bins, 2 * float(ndtr(-abs(compared.mean.z) / 2))))


def test_the_z_of_the_mean_is_students_over_all_scores() -> None:
    compared = ScoreComparison.of(scores(30, 50, 20), scores(300, 400, 300))
    values = np.array([0.875, 0.925, 0.975])
    a, b = np.repeat(values, [30, 50, 20]), np.repeat(values, [300, 400, 300])
    assert compared.mean is not None
    assert compared.mean.z == pytest.approx(float(scipy.stats.ttest_ind(a, b).statistic), rel=1e-9)
    assert compared.mean.difference == pytest.approx(float(a.mean() - b.mean()))


def test_quantile_bins_hold_about_a_tenth_of_the_reference_each() -> None:
    reference = tally(np.arange(20), np.full(20, 50))
    assert ScoreComparison.of(scores(1), reference).reference.tolist() == [100] * 10
    skewed = ScoreComparison.of(scores(1), tally(np.arange(20), np.array([1] * 18 + [491, 491])))
    assert skewed.reference.sum() == 1_000
    assert np.count_nonzero(skewed.reference) == 3


def test_scores_of_which_only_bins_are_known_are_looked_at_once() -> None:
    bins_only = tally(np.arange(20), np.array([10] * 20))
    compared = ScoreComparison.of(bins_only, tally(np.arange(20), np.array([100] * 18 + [150, 50])))
    assert compared.mean is None
    assert compared.bins is not None
    assert of_scores(compared, PLAIN, PLAIN).said["p_value"] == float(tail(compared.bins)[0])


@pytest.mark.parametrize("other", [[[0, 60, 40], [50, 0, 50], [50, 50, 0]], [[0, 95, 5], [50, 0, 50], [50, 50, 0]]])
def test_errors_are_looked_at_together_and_row_by_row_and_p_pays_for_both(other: list[list[int]]) -> None:
    usual = [[0, 500, 500], [500, 0, 500], [500, 500, 0]]
    compared = LabelComparison.of(labels(other), LabelReference(labels(usual)), 3)
    assert compared.rows is not None
    together, each = float(tail(compared.rows.together)[0]), tail(compared.rows.each)
    adjusted = min(float(p) * 3 / (i + 1) for i, p in enumerate(np.sort(each)))
    found = of_errors(compared, PLAIN, ["a", "b", "c"])
    assert found.said["p_value"] == pytest.approx(2 * min(together, adjusted))
    assert found.subject == "a"


def test_a_p_value_never_exceeds_one() -> None:
    same = [[0, 50, 50], [50, 0, 50], [50, 50, 0]]
    compared = LabelComparison.of(labels(same), LabelReference(labels(same)), 3)
    assert of_errors(compared, PLAIN, ["a", "b", "c"]).said["p_value"] == 1.0
    assert of_scores(ScoreComparison.of(scores(5, 5), scores(5, 5)), PLAIN, PLAIN).said["p_value"] == 1.0


def part(p: float, level: Level | None = Level.ALARM) -> Verdict:
    return Verdict(9, level, {"p_value": p}, {}, Why.FEW)


def test_the_p_of_a_drop_has_its_skewness_and_its_overdispersion_taken_out() -> None:
    drop = matched(Recalled(np.array([4]), np.array([10])), Recalled(np.array([850]), np.array([1_000])))
    assert drop is not None
    assert one_sided_p(drop, Spread(4.0, 1.0, known=True)) == pytest.approx(float(ndtr(-drop.normal_z / 2)))
    exact = float(scipy.stats.binom.cdf(4, 10, 0.85))
    assert 0.3 < one_sided_p(drop, PLAIN) / exact < 3
    assert float(ndtr(-drop.z)) < exact / 10


def test_skew_speaks_of_the_part_with_the_smallest_p_and_pays_for_all_that_were_judged() -> None:
    found = of_skew([("prediction", part(0.02)), ("performance", part(0.0002)), ("score", part(0.0, None))])
    assert (found.subject, found.said["p_value"], found.level) == ("performance", 0.0004, Level.ALARM)
    found = of_skew([("prediction", part(0.0006)), ("performance", part(0.4))])
    assert (found.said["p_value"], found.level) == (0.0012, Level.QUIET)
    assert of_skew([("score", part(0.0, None))]).level is None


def test_swings_are_cochrans_q_and_the_estimate_of_dersimonian_and_laird() -> None:
    drops = [(0.01, 0.0004), (-0.03, 0.0001), (0.05, 0.0002)]
    weights = np.array([2_500.0, 10_000.0, 5_000.0])
    values = np.array([0.01, -0.03, 0.05])
    mean = float((weights * values).sum() / weights.sum())
    q = float((weights * (values - mean) ** 2).sum())
    found = swings_of(drops)
    assert found.q == pytest.approx(q)
    spare = 17_500 - float((weights**2).sum()) / 17_500
    assert found.beyond == pytest.approx(sqrt((q - 2) / spare))
    assert swings_of([(0.01, 1.0)] * 3).beyond == 0


def test_swings_are_tested_against_sampling_or_against_those_of_the_reference() -> None:
    drops = [(0.06 * (-1) ** i, 0.0009) for i in range(20)]
    q = 20 * 0.06**2 / 0.0009
    alone = of_swings(5, drops, PLAIN)
    assert alone.said["p_value"] == pytest.approx(float(scipy.stats.chi2.sf(q, 19)))
    assert alone.level is Level.ALARM
    usual = of_swings(5, drops, Spread(3.0, 1.0, known=True))
    assert usual.said["p_value"] == pytest.approx(float(scipy.stats.f.sf(q / 3 / 19, 19, 20)))
    assert usual.said["expected"] == 57
    assert usual.level is Level.QUIET
    assert of_swings(5, drops[1:], PLAIN).level is None
