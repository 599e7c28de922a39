import numpy as np
import pytest

from streams.alerts.budget.attribution import balance, burns, shares
from streams.alerts.budget.period import Period, budget_left, exhaustion_ms
from streams.alerts.rules.model import DAY

P = 28 * DAY


def period(n: int, bad: int, observed_ms: int, before: int | None = None) -> Period:
    return Period(np.array([n]), np.array([bad]), observed_ms, None if before is None else np.array([before]))


def test_a_whole_period_has_its_own_budget() -> None:
    left = budget_left(period(33_600, 840, P), 0, 0.9, P)
    assert left.events == pytest.approx(3_360)
    assert left.remaining == pytest.approx(0.75)
    assert not left.provisional


def test_more_missed_than_allowed_is_below_zero() -> None:
    assert budget_left(period(1_000, 150, P), 0, 0.9, P).remaining == pytest.approx(-0.5)


def test_after_a_day_the_rate_so_far_tells_a_provisional_budget() -> None:
    left = budget_left(period(2_400, 96, 2 * DAY, before=10**6), 0, 0.9, P)
    assert left.events == pytest.approx(3_360)
    assert left.remaining == pytest.approx(1 - 96 / 3_360)
    assert left.provisional


def test_on_its_first_day_a_version_has_the_budget_of_the_one_before() -> None:
    left = budget_left(period(100, 84, DAY - 1, before=33_600), 0, 0.9, P)
    assert left.remaining == pytest.approx(0.975)
    assert left.provisional


@pytest.mark.parametrize("young", [period(100, 84, DAY - 1), period(0, 0, P), period(5, 5, 0, before=0)])
def test_without_anything_to_go_by_nothing_is_said(young: Period) -> None:
    left = budget_left(young, 0, 0.9, P)
    assert (left.events, left.remaining) == (None, None)


def test_a_budget_lasts_as_long_as_its_rest_at_the_burn() -> None:
    assert exhaustion_ms(P, 0.5, 2.0) == pytest.approx(7 * DAY)
    assert exhaustion_ms(P, -0.1, 2.0) == 0
    assert exhaustion_ms(P, 0.5, 0.0) is None


def test_shares_of_the_burn_add_up_and_are_undefined_without_any() -> None:
    burned = burns(np.array([50, 200, 400, 0]), np.array([19, 18, 28, 0]), np.full(4, 0.9))
    assert burned.tolist() == pytest.approx([3.8, 0.9, 0.7, 0])
    found = shares(burned)
    assert found is not None
    assert found.sum() == pytest.approx(1)
    assert shares(np.zeros(3)) is None


def test_the_burn_of_balanced_accuracy_is_the_mean_weighted_by_what_targets_allow() -> None:
    n, bad, targets = np.array([100, 100]), np.array([30, 10]), np.array([0.8, 0.9])
    found = balance(n, bad, targets)
    assert found is not None
    assert found.burn == pytest.approx(np.average(burns(n, bad, targets), weights=1 - targets))
    assert balance(np.zeros(2, np.int64), np.zeros(2, np.int64), targets) is None


def test_the_design_effect_widens_balanced_accuracy() -> None:
    n, bad, targets = np.array([100, 100]), np.array([30, 10]), np.full(2, 0.9)
    plain, clustered = balance(n, bad, targets), balance(n, bad, targets, 4.0)
    assert plain is not None
    assert clustered is not None
    assert clustered.standard_error == pytest.approx(2 * plain.standard_error)
