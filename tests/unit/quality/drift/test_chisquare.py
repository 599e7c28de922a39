"""The chi-square test of two samples: exact moments, its tail, and distances that are debiased."""

from itertools import product
from math import comb, prod

import numpy as np
import pytest
import scipy.stats

from streams.quality.drift.chisquare import compare, distances, tail
from streams.quality.drift.tally import Ints


def ints(*values: int) -> Ints:
    return np.array(values, np.int64)


def statistic(window: Ints, reference: Ints) -> float:
    return float(scipy.stats.chi2_contingency(np.array([window, reference]), correction=False).statistic)


def test_the_golden_comparison() -> None:
    found = compare(ints(30, 5, 1, 0), ints(500, 120, 60, 20))
    assert found is not None
    assert found.statistic[0] == pytest.approx(3.302563, abs=5e-7)
    assert found.mean[0] == pytest.approx(3.004082, abs=5e-7)
    assert found.variance[0] == pytest.approx(6.702483, abs=5e-7)
    assert tail(found)[0] == pytest.approx(0.344536, abs=5e-7)


@pytest.mark.parametrize(("totals", "n"), [((5, 4, 3), 5), ((9, 1, 1, 2), 4), ((7, 6), 8), ((2, 2, 2, 2, 2), 3)])
def test_mean_and_variance_are_exact_over_all_tables_with_the_same_margins(totals: tuple[int, ...], n: int) -> None:
    total = ints(*totals)
    tables = [ints(*window) for window in product(*(range(t + 1) for t in totals)) if sum(window) == n]
    weight = np.array([prod(comb(t, a) for t, a in zip(totals, window.tolist(), strict=True)) for window in tables])
    values = np.array([statistic(window, total - window) for window in tables])
    mean = float((weight * values).sum() / weight.sum())
    variance = float((weight * (values - mean) ** 2).sum() / weight.sum())
    found = compare(tables[0], total - tables[0])
    assert found is not None
    assert found.mean[0] == pytest.approx(mean, rel=1e-12)
    assert found.variance[0] == pytest.approx(variance, rel=1e-10)


def test_the_statistic_is_pearsons_and_empty_columns_change_nothing() -> None:
    a, b = ints(12, 0, 7, 30, 0), ints(100, 0, 90, 250, 3)
    found, again = compare(a, b), compare(a[[0, 2, 3, 4]], b[[0, 2, 3, 4]])
    assert found is not None
    assert found == again
    assert found.statistic[0] == pytest.approx(statistic(a[[0, 2, 3, 4]], b[[0, 2, 3, 4]]), rel=1e-12)


def test_overdispersion_divides_the_statistic_and_spread_widens_its_variance() -> None:
    found = compare(ints(40, 20, 10), ints(300, 300, 300))
    assert found is not None
    mean, variance = float(found.mean[0]), float(found.variance[0]) * 3
    expected = scipy.stats.gamma.sf(float(found.statistic[0]) / 2, mean**2 / variance, scale=variance / mean)
    assert tail(found, 2.0, 3.0)[0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("window", "reference"),
    [((0, 0), (5, 5)), ((5, 5), (0, 0)), ((9, 0), (7, 0)), ((1, 0), (0, 1)), ((1, 1), (1, 0)), ((), ())],
)
def test_what_cannot_be_compared_is_none(window: tuple[int, ...], reference: tuple[int, ...]) -> None:
    assert compare(ints(*window), ints(*reference)) is None


def test_the_change_is_the_total_variation_less_what_sampling_shows() -> None:
    chance = np.random.default_rng(7)
    share = np.array([0.5, 0.3, 0.15, 0.05])
    changes = []
    for _ in range(400):
        found = compare(chance.multinomial(200, share), chance.multinomial(2_000, share))
        assert found is not None
        changes.append(float(found.change[0]))
    assert abs(np.mean(changes)) < 0.003
    moved = compare(ints(6_500, 3_500), ints(50_000, 50_000))
    assert moved is not None
    assert moved.change[0] == pytest.approx(0.15, abs=0.005)


def test_distances_are_debiased_and_never_below_zero() -> None:
    chance = np.random.default_rng(8)
    share = np.full(100, 0.01)
    plain = [distances(chance.multinomial(400, share), chance.multinomial(8_000, share)) for _ in range(50)]
    # without debiasing the stability index of these windows is about 0.26, above the 0.2 that people alert on
    assert max(found.psi for found in plain if found is not None) < 0.2
    assert all(min(found) >= 0 for found in plain if found is not None)
    moved = distances(ints(5_500, 4_500), ints(50_000, 50_000))
    assert moved is not None
    assert moved.psi == pytest.approx(8 * moved.js, rel=0.02)
    assert moved.psi == pytest.approx(2 * moved.kl, rel=0.02)
    assert distances(ints(0, 0), ints(1, 2)) is None
