"""What share of labels is usual: the same hours of other days, and how small it may be on a day like them."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from scipy.stats import t as student

from streams.alerts.evidence.usual import NOT_KNOWN, Past, Usual, between_days, least_share
from streams.alerts.rules.model import DAY, HOUR, MINUTE

NOON = 20_000 * DAY + 12 * HOUR

Hours = dict[int, tuple[int, int]]


def past(hours: Hours, t: int, window_ms: int) -> Past:
    """With steps of 5 minutes."""
    first, last = ((end - 5 * MINUTE) // HOUR * HOUR for end in (t - window_ms + 5 * MINUTE, t))
    return Past(hours, first, last, window_ms)


def week(*shares: float, n: int = 1000) -> Hours:
    """Whole days before noon of today, the last one yesterday, each with a share of its own."""
    return {
        NOON - back * DAY - hour * HOUR: (n, round(n * share))
        for back, share in zip(range(len(shares), 0, -1), shares, strict=True)
        for hour in range(-11, 13)
    }


def test_it_is_the_median_over_the_same_hours_of_the_days_before() -> None:
    hours = week(0.9, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
    assert past(hours, NOON, HOUR).usual(NOON, None) == Usual(0.35, None, 6), "the day a week ago is the seventh"
    hours[NOON - DAY - HOUR] = (1000, 0)
    assert past(hours, NOON, HOUR).usual(NOON, None).share == 0.25, "a broken day is one of six"
    assert past(hours, NOON + HOUR, HOUR).usual(NOON + HOUR, None).share == 0.35, "and its other hours are not touched"


def test_an_hour_at_the_edge_counts_by_its_part_in_the_window() -> None:
    hours = {NOON - back * DAY + hour * HOUR: (100, 10 * (hour + 5)) for back in (1, 2, 3) for hour in range(-4, 4)}
    t = NOON + 15 * MINUTE
    windows: dict[int, dict[int, float]] = {
        HOUR: {-1: 0.75, 0: 0.25},
        2 * HOUR: {-2: 0.75, -1: 1, 0: 0.25},
        10 * MINUTE: {0: 1},
        30 * MINUTE: {-1: 0.25, 0: 0.25},
    }
    for window_ms, parts in windows.items():
        share = sum(part * (hour + 5) / 10 for hour, part in parts.items()) / sum(parts.values())
        assert past(hours, t, window_ms).usual(t, None).share == pytest.approx(share)


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(st.integers(-170, 0), st.tuples(st.integers(1, 50), st.floats(0, 1)), max_size=171),
    st.integers(0, 11),
    st.sampled_from([HOUR // 12, HOUR // 2, HOUR, 2 * HOUR, 6 * HOUR, DAY]),
)
def test_it_is_the_median_of_a_recount_by_steps(hours: dict[int, tuple[int, float]], step: int, window_ms: int) -> None:
    settled = {NOON + hour * HOUR: (n, int(share * n)) for hour, (n, share) in hours.items()}
    t = NOON + (step + 1) * 5 * MINUTE
    begins = range(t - window_ms, t, 5 * MINUTE)
    shares = []
    for days in range(1, 7):
        of_day = [(begin - days * DAY) // HOUR * HOUR for begin in begins]
        counts = [settled.get(start, (0, 0)) for start in of_day if start < (t - window_ms) // HOUR * HOUR]
        if sum(n for n, _ in counts):
            shares.append(sum(k for _, k in counts) / sum(n for n, _ in counts))
    found = past(settled, t, window_ms).usual(t, None)
    if len(shares) < 3:
        assert found.days == 0
    else:
        assert found.days == len(shares)
        assert found.share == pytest.approx(float(np.median(shares)), abs=1e-9)


def by_definition(days: Sequence[tuple[float, float]], between: float) -> float:
    n, k = np.array(days).T
    odds, m = np.log((k + 0.5) / (n - k + 0.5)), len(days)
    chance = np.mean(1 / (k + 0.5) + 1 / (n - k + 0.5))
    tau2 = max(0, ((m - 1) * (np.var(odds, ddof=1) - chance) + 10 * between) / (m + 9)) * (1 + math.pi / 2 / m)
    below = np.hypot(student.ppf(0.99, m - 1) * np.sqrt(tau2), norm.ppf(0.99) * np.sqrt(math.pi / 2 * chance / m))
    return float(1 / (1 + np.exp(below - np.median(odds))))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 10_000), st.floats(0, 1)), min_size=3, max_size=6), st.floats(-0.5, 2))
def test_the_least_share_is_as_defined(days: list[tuple[int, float]], between: float) -> None:
    counts = [(float(n), float(int(share * n))) for n, share in days]
    assert least_share(counts, between) == pytest.approx(by_definition(counts, between), rel=1e-9)


def test_the_more_days_differ_the_more_is_still_like_them() -> None:
    alike = past(week(*[0.8] * 6), NOON, 2 * HOUR).usual(NOON, 0.5)
    differ = past(week(0.7, 0.85, 0.8, 0.75, 0.9, 0.8), NOON, 2 * HOUR).usual(NOON, 0.5)
    assert (alike.share, differ.share) == (0.8, 0.8)
    assert alike.least == pytest.approx(0.8, abs=0.03)
    assert differ.least is not None
    assert 0.3 < differ.least < 0.6


def test_an_hour_that_differs_from_day_to_day_is_given_more_room_than_the_others() -> None:
    hours = week(*[0.8] * 6)
    for back, share in zip(range(6, 0, -1), (0.6, 0.9, 0.8, 0.7, 0.95, 0.8), strict=True):
        hours[NOON - back * DAY - HOUR] = (1000, round(1000 * share))
    restless = past(hours, NOON, HOUR).usual(NOON, 0.5).least
    steady = past(hours, NOON - 2 * HOUR, HOUR).usual(NOON - 2 * HOUR, 0.5).least
    assert restless is not None
    assert steady is not None
    assert restless < 0.6 < steady


def test_the_spread_of_all_hours_is_that_beyond_chance() -> None:
    chance = np.random.default_rng(1)
    for tau in (0.0, 0.3):
        found = []
        for _ in range(40):
            odds = np.repeat(chance.normal(0.5, tau, 7), 24) + np.tile(np.sin(np.arange(24)), 7)
            labelled = chance.binomial(200, 1 / (1 + np.exp(-odds)))
            hours = {NOON - i * HOUR: (200, int(k)) for i, k in enumerate(labelled)}
            found.append(between_days(hours, NOON))
        assert np.mean(found) == pytest.approx(tau**2, abs=0.02)
    assert between_days({NOON - i * HOUR: (9, i % 9) for i in range(168)}, NOON) == 0, "a handful tells nothing"


@pytest.mark.parametrize(("tau", "n"), [(0.0, 50), (0.0, 1000), (0.2, 400), (0.6, 400)])
def test_the_share_of_a_further_day_is_seldom_below_the_least(tau: float, n: int) -> None:
    chance = np.random.default_rng(2)
    below = 0
    for _ in range(400):
        share = 1 / (1 + np.exp(-(chance.normal(1, tau, (7, 1)) + 0.5 * np.sin(np.arange(24)))))
        labelled = chance.binomial(n, share)
        hours = {NOON - day * DAY - h * HOUR: (n, int(labelled[day, h])) for day in range(1, 7) for h in range(24)}
        least = past(hours, NOON + HOUR, HOUR).usual(NOON + HOUR, 0.0).least
        assert least is not None
        below += share[0, 0] < least
    assert below / 400 < 0.03


def test_less_than_three_days_are_measured_by_the_worst_stretch_so_far() -> None:
    hours = week(0.8, 0.8)
    hours[NOON - DAY + HOUR] = (1000, 400)
    found = past(hours, NOON, HOUR).usual(NOON, 0.1)
    assert found == pytest.approx(((46 * 0.8 + 0.4) / 47, 0.3, 0), abs=0.01)
    longer = past(hours, NOON, 2 * HOUR).usual(NOON, 0.1)
    assert longer.least == pytest.approx(0.45), "a stretch is as long as the window"


def test_a_break_that_goes_on_is_not_the_worst_stretch() -> None:
    hours = {start: counts for start, counts in week(0.8, 0.8, 0.8).items() if start < NOON and NOON - start <= 2 * DAY}
    for back in range(1, 7):
        hours[NOON - back * HOUR] = (1000, 0)
    t = NOON + HOUR
    assert past(hours, t, HOUR).usual(t, 0.0).least == pytest.approx(0.6)
    hours[NOON - 7 * HOUR] = (1000, 0)
    assert past(hours, t, HOUR).usual(t, 0.0).least == 0


def test_windows_of_more_than_a_day_are_measured_by_all_hours() -> None:
    found = past(week(*[0.8] * 7), NOON, 3 * DAY).usual(NOON, 0.1)
    assert found == pytest.approx((0.8, 0.6, 0))
    assert past(week(*[0.8] * 3), NOON, 3 * DAY).usual(NOON, 0.1) == NOT_KNOWN


def test_nothing_is_known_in_the_first_day_and_too_little_of_few_predictions() -> None:
    def so_far(n: int, length: int) -> Usual:
        hours = {NOON - hour * HOUR: (n, n) for hour in range(2, length + 2)}
        return past(hours, NOON, HOUR).usual(NOON, 0.5)

    assert so_far(100, 23) == NOT_KNOWN
    assert so_far(100, 24) == (1, 0.75, 0)
    assert so_far(9, 24) == (1, 0, 0), "no stretch has 10 predictions"


def test_it_is_cheap_where_as_many_labels_are_there_as_usual() -> None:
    assert past(week(*[0.8] * 6), NOON, HOUR).usual(NOON, 0.8) == (0.8, None, 6)
