"""Intervals hold their number, shrink with the counts, and agree with what they are derived from."""

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.quality.measures.intervals import (
    Z95,
    balanced_accuracy_interval,
    bounded_mean_interval,
    macro_f1_interval,
    wilson,
)

Margin = tuple[int, int, int]


def margins(table: list[list[int]]) -> list[Margin]:
    """(hits, support, predicted) of each class."""
    n = np.array(table)
    columns = (np.diag(n).tolist(), n.sum(axis=1).tolist(), n.sum(axis=0).tolist())
    return [(t, s, p) for t, s, p in zip(*columns, strict=True) if s + p]


def macro_f1(table: list[list[int]]) -> float:
    every = margins(table)
    return sum(2 * t / (s + p) for t, s, p in every) / len(every)


def delta_method_error(table: list[list[int]]) -> float:
    """The standard error of macro F1 from its derivatives by the cells, taken by differences."""
    n = np.array(table, float)
    base = n / n.sum()

    def f1(of: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
        both = of.sum(axis=0) + of.sum(axis=1)
        return float((2 * np.diag(of)[both > 0] / both[both > 0]).mean())

    slopes = np.zeros_like(base)
    for i, j in np.ndindex(*base.shape):
        step = np.zeros_like(base)
        step[i, j] = 1e-6
        slopes[i, j] = (f1(base + step) - f1(base - step)) / 2e-6 if base[i, j] else 0.0
    mean = float((base * slopes).sum())
    return sqrt(float((base * slopes**2).sum() - mean**2) / n.sum())


def test_golden_interval_of_balanced_accuracy() -> None:
    assert [round(x, 6) for x in balanced_accuracy_interval([(18, 20), (4, 6)])] == [0.544310, 0.916268]


def test_one_class_is_wilsons_interval_of_its_recall() -> None:
    # q(1-q)/n of the shrunken recall over itself leaves n: the same interval
    assert balanced_accuracy_interval([(7, 9)]) == pytest.approx(wilson(7 / 9, 9), abs=1e-12)


def test_counts_of_a_hundred_times_the_size_have_an_interval_a_tenth_as_wide() -> None:
    few = balanced_accuracy_interval([(180, 200), (40, 60)])
    many = balanced_accuracy_interval([(18_000, 20_000), (4_000, 6_000)])
    assert (few[1] - few[0]) / (many[1] - many[0]) == pytest.approx(10, rel=0.02)


@pytest.mark.parametrize(
    "table",
    [
        [[90_000, 10_000], [10_000, 90_000]],
        [[500_000, 60_000], [20_000, 9_000]],
        [[90_000, 5_000, 5_000], [4_000, 50_000, 9_000], [1_000, 8_000, 3_000]],
        [[700, 200, 0], [100, 900, 50], [0, 300, 0]],
    ],
)
def test_the_interval_of_macro_f1_is_the_delta_methods_or_slightly_wider(table: list[list[int]]) -> None:
    value = macro_f1(table)
    lower, upper = macro_f1_interval(value, margins(table))
    exact = 2 * Z95 * delta_method_error(table)
    assert 0.995 * exact <= upper - lower <= 1.15 * exact
    assert lower < value < upper


def test_the_bound_of_macro_f1_is_exact_where_classes_are_alike() -> None:
    table = [[90_000 if i == j else 2_500 for j in range(5)] for i in range(5)]
    lower, upper = macro_f1_interval(macro_f1(table), margins(table))
    assert upper - lower == pytest.approx(2 * Z95 * delta_method_error(table), rel=1e-3)


def test_the_interval_of_macro_f1_is_what_its_docstring_says() -> None:
    table = np.array([[500, 90, 0], [2, 30, 1], [40, 0, 60]])
    hits, support, predicted = np.diag(table), table.sum(axis=1), table.sum(axis=0)
    errors = support + predicted - 2 * hits
    j = (hits + 0.5) / (hits + errors + 1)
    f1 = 2 * j / (1 + j)
    a = f1 / (support + predicted)
    bound = np.sqrt((a**2 * (support - hits)).sum() * (a**2 * (predicted - hits)).sum())
    variance = ((4 * j * (1 - j) / ((1 + j) ** 4 * (hits + errors))).sum() + 2 * bound) / 9
    value = macro_f1(table.tolist())
    trials = f1.mean() * (1 - f1.mean()) / variance
    assert macro_f1_interval(value, margins(table.tolist())) == pytest.approx(wilson(value, trials), abs=1e-12)
    off = np.triu(table, 1) + np.tril(table, -1)
    assert bound > (a[:, None] * a[None, :] * off).sum()


tables = st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3), min_size=3, max_size=3).filter(
    lambda table: any(map(any, table))
)


@given(tables)
def test_the_interval_of_macro_f1_holds_it_and_is_never_empty(table: list[list[int]]) -> None:
    value = macro_f1(table)
    lower, upper = macro_f1_interval(value, margins(table))
    assert 0.0 <= lower <= value <= upper <= 1.0
    assert lower < upper


@pytest.mark.parametrize(("misses", "n"), [(0, 1), (3, 10), (10, 10), (81, 263)])
def test_the_mean_of_ones_and_zeros_has_wilsons_interval(misses: int, n: int) -> None:
    values = [(0.0, n - misses), (1.0, misses)]
    assert bounded_mean_interval(values, 0.0, 1.0) == pytest.approx(wilson(misses / n, n), abs=1e-12)


@given(
    st.lists(st.tuples(st.floats(-100, 100), st.integers(1, 1000)), min_size=1, max_size=5),
    st.floats(0.001, 1000),
    st.floats(-1000, 1000),
)
def test_the_interval_of_a_mean_follows_scale_and_shift(
    values: list[tuple[float, int]], scale: float, shift: float
) -> None:
    lower, upper = bounded_mean_interval(values, -100.0, 100.0)
    moved = [(value * scale + shift, n) for value, n in values]
    other = bounded_mean_interval(moved, -100 * scale + shift, 100 * scale + shift)
    assert other == pytest.approx((lower * scale + shift, upper * scale + shift), rel=1e-6, abs=1e-6)
    assert lower < upper


def test_a_dear_mistake_that_was_never_seen_widens_the_interval_of_the_cost() -> None:
    seen = [(0.0, 900), (1.0, 100)]
    _, cheap = bounded_mean_interval(seen, 0.0, 1.0)
    _, dear = bounded_mean_interval(seen, 0.0, 1000.0)
    assert dear > 10 * cheap
    assert bounded_mean_interval([(2.0, 3)], 2.0, 2.0) == (2.0, 2.0)
