import numpy as np
import pytest
from scipy.stats import chi2_contingency

from streams.alerts.budget.dispersion import CAP, MIN_BLOCKS, design_effect

CHANCE = np.random.default_rng(20_261_121)


def of_one(n: list[int], bad: list[int], left_out: list[bool] | None = None) -> float:
    hours = None if left_out is None else np.array([left_out]).T
    return float(design_effect(np.array([n]).T, np.array([bad]).T, hours)[0])


def test_it_is_the_chi_square_of_homogeneity_by_its_degrees_of_freedom() -> None:
    n = CHANCE.integers(5, 80, 60)
    bad = CHANCE.binomial(n, CHANCE.beta(2, 18, 60))
    chi_square = chi2_contingency(np.stack([bad, n - bad]), correction=False).statistic
    assert of_one(n.tolist(), bad.tolist()) == pytest.approx(chi_square / 59)


def test_it_is_about_one_for_a_coin_and_what_it_is_for_clusters() -> None:
    n = np.full((168, 400), 50)
    coin = design_effect(n, CHANCE.binomial(n, 0.1))
    assert 1.0 <= coin.mean() < 1.1
    # beta-binomial with a + b = 49: deff = 1 + (n - 1) / (a + b + 1) = 1.98
    clustered = design_effect(n, CHANCE.binomial(n, CHANCE.beta(4.9, 44.1, n.shape)))
    assert clustered.mean() == pytest.approx(1.98, abs=0.1)


def test_it_lies_between_one_and_the_cap() -> None:
    assert of_one([50] * 30, [5] * 30) == 1.0
    assert of_one([50] * 30, [0, 50] * 15) == CAP


@pytest.mark.parametrize(
    ("n", "bad"),
    [
        ([50] * (MIN_BLOCKS - 1), [0, 50, 0] * 7 + [0, 50]),
        ([50] * (MIN_BLOCKS - 1) + [0] * 40, [0, 50, 0] * 7 + [0, 50] + [0] * 40),
        ([50] * 30, [0] * 30),
        ([50] * 30, [50] * 30),
        ([0] * 30, [0] * 30),
    ],
    ids=["too few hours", "too few with events", "no miss", "only misses", "nothing"],
)
def test_it_is_one_where_it_is_undefined(n: list[int], bad: list[int]) -> None:
    assert of_one(n, bad) == 1.0


def test_one_hour_more_with_events_makes_it_defined() -> None:
    assert of_one([50] * MIN_BLOCKS, [0, 50] * (MIN_BLOCKS // 2)) > 1


def test_hours_of_an_episode_are_left_out() -> None:
    calm, bad = [5, 4, 6] * 20, [40] * 12
    left_out = [False] * 60 + [True] * 12
    assert of_one([50] * 72, calm + bad) > 5
    assert of_one([50] * 72, calm + bad, left_out) == of_one([50] * 60, calm)


def test_classes_are_told_apart() -> None:
    n = np.full((40, 2), 50)
    bad = np.stack([np.full(40, 5), np.tile([0, 50], 20)], axis=1)
    assert design_effect(n, bad).tolist() == [1.0, CAP]


def test_no_hours_at_all() -> None:
    assert design_effect(np.zeros((0, 3), np.int64), np.zeros((0, 3), np.int64)).tolist() == [1.0] * 3
