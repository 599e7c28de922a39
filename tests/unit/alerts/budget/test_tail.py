from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from streams.alerts.budget.tail import binomial_tail


def exact(k: int, n: int, p: Fraction) -> Fraction:
    return sum((comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(max(k, 0), n + 1)), Fraction(0))


@given(st.integers(-2, 130), st.integers(0, 120), st.integers(1, 99))
def test_it_is_the_sum_of_the_terms(k: int, n: int, percent: int) -> None:
    p = Fraction(percent, 100)
    assert float(binomial_tail(k, n, percent / 100)) == pytest.approx(float(exact(k, n, p)), rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("n", [10, 1_000, 10**6, 10**9])
@pytest.mark.parametrize("p", [1e-6, 0.001, 0.1, 0.5, 0.999])
def test_it_equals_scipys_survival_function_up_to_a_billion(n: int, p: float) -> None:
    sd = np.sqrt(n * p * (1 - p))
    k = np.unique(np.clip(np.round(n * p + sd * np.linspace(-6, 12, 60)), 0, n))
    tail, oracle = binomial_tail(k, n, p), binom.sf(k - 1, n, p)
    seen = oracle > 1e-300
    assert seen.any()
    np.testing.assert_allclose(tail[seen], oracle[seen], rtol=1e-9)
    assert np.isfinite(tail).all()


@given(st.integers(1, 10**9), st.floats(0, 1), st.floats(1e-6, 1 - 1e-6), st.floats(1, 20))
def test_a_miss_more_never_makes_it_larger_whole_events_or_not(n: int, at: float, p: float, deff: float) -> None:
    k = int(at * n)
    before, after = binomial_tail([k / deff, (k + 1) / deff], [n / deff, (n + 1) / deff], p)
    assert 0 <= after <= before <= 1


def test_arguments_broadcast() -> None:
    tail = binomial_tail(np.array([[1], [2]]), np.array([3, 4]), 0.5)
    np.testing.assert_allclose(tail, [[7 / 8, 15 / 16], [1 / 2, 11 / 16]])
