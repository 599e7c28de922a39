import numpy as np
import pytest
from scipy.stats import binom

from streams.alerts.budget.forecast import (
    alpha_for,
    detection_ms,
    events_needed,
    false_alarms_per_month,
    with_alpha,
)
from streams.alerts.budget.tail import binomial_tail
from streams.alerts.budget.tiers import miss_limit
from streams.alerts.rules.model import AUTO_TIERS, HOUR, MINUTE, Severity, Slo, Tier

SLO = Slo("recall", (("model", "*"),), 0.9)
FAST, QUICK, MEDIUM, SLOW, LONG = AUTO_TIERS
STEP = 5 * MINUTE


@pytest.mark.parametrize(("target", "needed"), [(0.8, (48, 179, 1013)), (0.9, (28, 94, 469)), (0.95, (18, 58, 247))])
def test_the_events_from_which_a_burn_alone_is_no_chance(target: float, needed: tuple[int, ...]) -> None:
    tiers = (*with_alpha((FAST, MEDIUM), 1e-4), *with_alpha((SLOW,), 1e-3))
    found = [events_needed(tier, target) for tier in tiers]
    assert found == pytest.approx(needed, rel=0.11)  # the design's are of some other rounding


@pytest.mark.parametrize("target", [0.7, 0.8, 0.9, 0.95])
@pytest.mark.parametrize("tier", AUTO_TIERS[:4], ids=lambda tier: tier.name)
def test_it_is_the_smallest_number_of_events(tier: Tier, target: float) -> None:
    needed = events_needed(tier, target)
    assert needed is not None

    n = np.arange(needed - 1, 4 * needed)
    p = binom.sf(np.floor(miss_limit(tier, target) * n + 1e-9), n, 1 - target)
    assert (p[1:] <= tier.alpha).all()
    assert p[0] > tier.alpha


def test_at_the_target_itself_and_beyond_all_burns_no_number_is_enough() -> None:
    assert events_needed(LONG, 0.9) is None
    assert events_needed(Tier("fast", Severity.PAGE, HOUR, STEP, 1e-6, burn=14.4), 0.9) is None


def test_detection_is_when_the_mixture_in_the_windows_breaches() -> None:
    # half of all missed: 0.1 (1 - s) + 0.55 s > 0.37 from s = 0.6 h on
    assert detection_ms(FAST, SLO, 0.9, 200, 0.5, STEP) == 40 * MINUTE
    # a drop of exactly what the tier is about is never above it
    assert detection_ms(FAST, SLO, 0.9, 200, 0.3, STEP) is None
    assert detection_ms(QUICK, SLO, 0.9, 200, 0.3, STEP) == 85 * MINUTE
    # too few events to be no chance, or to be looked at
    assert detection_ms(FAST, SLO, 0.9, 12, 0.5, STEP) is None
    assert detection_ms(FAST, SLO, 0.9, 5, 1.0, STEP) is None


@pytest.mark.parametrize(("rate", "target"), [(20, 0.9), (50, 0.8), (10, 0.7)])
def test_false_alarms_are_about_those_of_a_simulation(rate: float, target: float) -> None:
    """Of the fast tier at an alpha that is worth counting: the forecast is an upper bound, and not a wild one."""
    (tier,) = with_alpha((FAST,), 1e-3)
    chance = np.random.default_rng(20_261_121)
    an_hour, columns = 12, 1_500
    steps = 3 * 24 * an_hour
    n = chance.poisson(rate / an_hour, (steps + an_hour, columns)).cumsum(axis=0)
    bad = chance.binomial(np.diff(n, axis=0, prepend=0), 1 - target).cumsum(axis=0)
    n, short = n[an_hour:] - n[:-an_hour], (bad[an_hour:] - bad[an_hour - 1 : -1])
    bad = bad[an_hour:] - bad[:-an_hour]
    limit = miss_limit(tier, target)
    burning = (bad > limit * n) & (n >= 10) & (bad >= 3) & (short > 0)
    breach = np.zeros(n.shape, np.bool_)
    breach[burning] = binomial_tail(bad[burning], n[burning], 1 - target) <= tier.alpha
    begun = int((breach[1:] & ~breach[:-1]).sum())
    seen = begun / columns * 28 / 3
    forecast = false_alarms_per_month(tier, SLO, rate, STEP, target=target)
    assert begun > 50
    assert 0.7 * seen < forecast < 2.5 * seen


def test_false_alarms_fall_with_alpha_and_vanish_with_events() -> None:
    few = false_alarms_per_month(FAST, SLO, 20, STEP)
    more = false_alarms_per_month(with_alpha((FAST,), 1e-4)[0], SLO, 20, STEP)
    assert 0 < few < more
    assert false_alarms_per_month(FAST, SLO, 10_000, STEP) < 1e-12
    assert false_alarms_per_month(FAST, SLO, 0, STEP) == 0
    never = Tier("fast", Severity.PAGE, HOUR, STEP, 1e-6, burn=14.4)
    assert false_alarms_per_month(never, SLO, 50, STEP) == 0


def test_clusters_move_false_alarms_to_higher_rates() -> None:
    plain = false_alarms_per_month(MEDIUM, SLO, 200, STEP)
    assert false_alarms_per_month(MEDIUM, SLO, 200, STEP, deff=10.0) > plain


def test_the_alpha_that_gives_what_is_wanted() -> None:
    def expected(tiers: tuple[Tier, ...]) -> float:
        return sum(100 * false_alarms_per_month(tier, SLO, 20, STEP) for tier in tiers)

    alpha = alpha_for((FAST, MEDIUM), 0.2, expected)
    assert expected(with_alpha((FAST, MEDIUM), alpha)) <= 0.2 < expected(with_alpha((FAST, MEDIUM), 1.3 * alpha))
