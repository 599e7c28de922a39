"""Benjamini and Hochberg's q-values: as scipy computes them, and in the order they were asked in."""

from math import nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from streams.quality.measures.multiple import benjamini_hochberg

PROBABILITIES = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@given(PROBABILITIES)
def test_q_values_are_those_of_scipy(p: list[float]) -> None:
    assert benjamini_hochberg(p) == pytest.approx(false_discovery_control(p, method="bh"), abs=1e-15)


@given(PROBABILITIES)
def test_the_order_of_the_tests_does_not_matter(p: list[float]) -> None:
    assert benjamini_hochberg(p[::-1]) == benjamini_hochberg(p)[::-1]


def test_one_small_value_among_many_large_ones_is_worth_less() -> None:
    assert benjamini_hochberg([0.001] + [0.9] * 99)[0] == pytest.approx(0.1)


def test_nothing_looked_at_is_nothing_found() -> None:
    assert benjamini_hochberg([]) == []


@pytest.mark.parametrize("value", [-0.1, 1.1, nan])
def test_what_is_no_probability_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not a probability"):
        benjamini_hochberg([0.5, value])


def test_under_no_difference_at_most_a_share_of_q_finds_anything() -> None:
    p = np.random.default_rng(7).uniform(size=(4_000, 20))
    found = sum(min(benjamini_hochberg(row.tolist())) <= 0.05 for row in p)
    assert found / len(p) == pytest.approx(0.05, abs=0.015)
