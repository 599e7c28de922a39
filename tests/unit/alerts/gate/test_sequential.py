"""Bounds that may be looked at more than once."""

import numpy as np
import pytest
from scipy.stats import norm

from streams.alerts.gate.sequential import MOST_LOOKS, TAU, Plan, critical, mixture_bound, parse_test, spending_bounds


def test_the_bound_of_the_worked_example() -> None:
    assert mixture_bound(0.0192**2, 0.05) == pytest.approx(2.76, abs=0.005)


@pytest.mark.parametrize("alpha", [0.001, 0.025, 0.05, 0.2])
def test_the_mixture_of_likelihood_ratios_is_one_over_twice_alpha_on_its_bound(alpha: float) -> None:
    """An oracle: the integral of the ratio over effects of N(0, tau^2), by quadrature."""
    for variance in (1e-6, 1e-4, TAU**2, 0.01):
        d = mixture_bound(variance, alpha) * np.sqrt(variance)
        effects = np.linspace(-12 * TAU, 12 * TAU, 400_001)
        ratio = np.exp((d * effects - effects**2 / 2) / variance) * norm.pdf(effects, scale=TAU)
        assert np.trapezoid(ratio, effects) == pytest.approx(1 / (2 * alpha), rel=1e-6)


def test_it_is_wider_than_one_look_and_tightest_where_differences_are_some_hundredths() -> None:
    bounds = {se: mixture_bound(se**2, 0.05) for se in (0.0001, 0.02, 0.5)}
    assert all(bound > norm.isf(0.05) for bound in bounds.values())
    assert bounds[0.02] < bounds[0.0001]
    assert bounds[0.02] < bounds[0.5]


def test_one_look_has_the_normal_quantile() -> None:
    assert spending_bounds(1, 0.05) == pytest.approx([norm.isf(0.05)], abs=1e-6)
    assert critical(parse_test("fixed"), 1, 0.3, 0.025) == pytest.approx(norm.isf(0.025), abs=1e-6)


@pytest.mark.parametrize(
    ("looks", "alpha", "published"),
    [
        (2, 0.025, [2.963, 1.969]),
        (3, 0.025, [3.710, 2.511, 1.993]),
        (5, 0.025, [4.877, 3.357, 2.680, 2.290, 2.031]),
    ],
)
def test_planned_looks_have_the_bounds_of_the_literature(looks: int, alpha: float, published: list[float]) -> None:
    """Lan and DeMets' O'Brien-Fleming-like spending, as tabled for a two-sided 0.05."""
    assert spending_bounds(looks, alpha) == pytest.approx(published, abs=0.005)


@pytest.mark.parametrize("looks", [2, 24, 200])
def test_planned_looks_together_are_crossed_by_chance_with_alpha(looks: int) -> None:
    walks = np.random.default_rng(6).normal(size=(40_000, looks)).cumsum(axis=1) / np.sqrt(np.arange(1, looks + 1))
    crossed = (walks > np.array(spending_bounds(looks, 0.05))).any(axis=1).mean()
    assert crossed == pytest.approx(0.05, abs=0.004)  # some 3.5 standard errors


def test_a_planned_look_takes_its_own_bound() -> None:
    plan = parse_test("obf:3")
    bounds = [critical(plan, look, 1e-4, 0.05) for look in (1, 2, 3)]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds == list(spending_bounds(3, 0.05))


def test_tests_by_name() -> None:
    assert [parse_test(text) for text in ("always_valid", "fixed", "obf:24")] == [
        Plan("always_valid", 0), Plan("fixed", 1), Plan("obf:24", 24),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["", "always", "obf", "obf:", "obf:1", "obf:x", "obf:-3", f"obf:{MOST_LOOKS + 1}", "obf:²", "fixed:2"]
)
def test_an_unknown_test_is_refused_with_those_that_there_are(text: str) -> None:
    with pytest.raises(ValueError, match=r'is not a test: "always_valid", "fixed", or "obf:N" of N = 2 to 1000 looks'):
        parse_test(text)
