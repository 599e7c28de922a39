import re
from pathlib import Path

import pytest

from streams.alerts.budget.tiers import CANONICAL, burn_of_drop, burn_threshold, floor_of, miss_limit, window_lengths
from streams.alerts.rules.model import AUTO_TIERS, DAY, HOUR, MINUTE, Severity, Slo, Tier

PAGE = (Path(__file__).parents[4] / "docs" / "budgets.md").read_text(encoding="utf-8")
BY_NAME = {tier.name: tier for tier in AUTO_TIERS}
SHOWN = [BY_NAME[name] for name in ("fast", "medium", "slow", "long")]

TABLE = [
    (0.70, (1.70, 1.35, 1.12, 1), (0.49, 0.595, 0.665, 0.70)),
    (0.80, (2.20, 1.60, 1.20, 1), (0.56, 0.68, 0.76, 0.80)),
    (0.90, (3.70, 2.35, 1.45, 1), (0.63, 0.765, 0.855, 0.90)),
    (0.95, (6.70, 3.85, 1.95, 1), (0.665, 0.8075, 0.9025, 0.95)),
    (0.97, (10.7, 5.85, 2.62, 1), (0.679, 0.8245, 0.9215, 0.97)),
]


@pytest.mark.parametrize(("target", "burns", "floors"), TABLE)
def test_burns_and_floors_of_relative_drops(target: float, burns: tuple[float, ...], floors: tuple[float, ...]) -> None:
    assert [burn_threshold(tier, target) for tier in SHOWN] == pytest.approx(burns, abs=0.04)
    assert [floor_of(tier, target) for tier in SHOWN] == pytest.approx(floors, abs=1e-9)


@pytest.mark.parametrize("target", [0.99, 0.995, 0.999])
def test_near_one_the_usual_burns_hold(target: float) -> None:
    assert [burn_threshold(tier, target) for tier in SHOWN] == pytest.approx([14.4, 6, 3, 1])
    assert all(burn_of_drop(target, tier.drop or 0) > CANONICAL[tier.name] for tier in SHOWN[:3])


def test_a_tier_may_name_its_burn_and_one_of_another_name_has_no_bound() -> None:
    named = Tier("mine", Severity.PAGE, HOUR, 5 * MINUTE, 1e-6, drop=0.3, burn=2.0)
    assert burn_threshold(named, 0.999) == 2
    dropping = Tier("mine", Severity.PAGE, HOUR, 5 * MINUTE, 1e-6, drop=0.3)
    assert burn_threshold(dropping, 0.999) == pytest.approx(300.7)


def test_a_burn_that_no_class_can_reach_has_a_floor_below_zero() -> None:
    tier = Tier("fast", Severity.PAGE, HOUR, 5 * MINUTE, 1e-6, burn=14.4)
    assert miss_limit(tier, 0.9) == pytest.approx(1.44)
    assert floor_of(tier, 0.9) < 0


def test_every_window_is_looked_at_once() -> None:
    slo = Slo("recall", (("model", "*"),), 0.9)
    minutes = [ms // MINUTE for ms in window_lengths(slo)]
    assert minutes == [5, 10, 30, 60, 120, 360, 1440, 4320]
    assert max(window_lengths(slo)) == 3 * DAY


def test_the_page_has_the_tiers_as_they_are() -> None:
    rows = re.findall(r"^\| (\w+) \| (page|ticket) \| (.+) \|$", PAGE, re.MULTILINE)
    assert [(name, severity) for name, severity, _ in rows] == [(tier.name, tier.severity) for tier in AUTO_TIERS]
    for (*_, text), tier in zip(rows, AUTO_TIERS, strict=True):
        windows, drop, *burns, alpha = text.split(" | ")
        lengths = re.findall(r"(\d+) ([mhd])", windows)
        assert [int(n) * {"m": MINUTE, "h": HOUR, "d": DAY}[unit] for n, unit in lengths] == [
            tier.long_ms,
            tier.short_ms,
        ]
        assert float(drop.removesuffix(" %")) / 100 == tier.drop
        assert [float(burn) for burn in burns] == pytest.approx(
            [burn_threshold(tier, target) for target in (0.7, 0.8, 0.9, 0.95, 0.97, 0.99)], abs=0.006
        )
        assert float(alpha) == tier.alpha
