"""A rate over time: two-sided, over-dispersed, with an effect that has a direction."""

import pytest

from streams.quality.drift.finding import Finding, Level, Why
from streams.quality.drift.rates import RateSeries
from streams.quality.settings import ReferenceKind, ReferenceSpec, Training
from tests.support.drifting import FIRST, HOUR


def series() -> RateSeries:
    return RateSeries("override_rate", "reviewer", FIRST)


def judged(rates: RateSeries, hits: list[tuple[int, int]], first: int = 0) -> list[Finding]:
    found = [rates.judge((first + i) * HOUR, (first + i + 1) * HOUR, *window) for i, window in enumerate(hits)]
    return [one for one in found if one is not None]


@pytest.mark.parametrize(("hits", "effect"), [(50, 0.15), (0, -0.1)])
def test_a_rate_that_rises_or_falls_alarms_with_its_difference(hits: int, effect: float) -> None:
    rates = series()
    quiet = judged(rates, [(20, 200), (18, 200), (22, 200), (20, 200)] * 6)
    assert {one.level for one in quiet} == {"quiet"}
    assert (quiet[19].reference, quiet[20].reference) == (None, "first")
    (found,) = judged(rates, [(hits, 200)], 24)
    assert found.level == Level.ALARM
    assert found.effect == pytest.approx(effect)
    assert (found.kind, found.subject) == ("override_rate", "reviewer")
    assert (found.incident, found.incident_status) == (24 * HOUR, "open")
    assert found.undefined is None
    assert found.psi is None
    after = judged(rates, [(20, 200)] * 4, 25)
    assert [one.incident_status for one in after] == ["open", "open", "closed", None]


def test_a_difference_too_small_to_matter_does_not_alarm() -> None:
    rates = series()
    judged(rates, [(10_000, 100_000)] * 20)
    small, large = judged(rates, [(12_900, 100_000), (13_100, 100_000)], 20)
    assert small.p_value is not None
    assert small.p_value < 0.001
    assert (small.level, large.level) == (Level.QUIET, Level.ALARM)


def test_a_window_with_fewer_than_50_is_not_judged() -> None:
    rates = series()
    judged(rates, [(10, 100)] * 20)
    assert [one.level for one in judged(rates, [(40, 49), (41, 50)], 20)] == [Level.QUIET, Level.ALARM]


def test_a_rate_that_swings_anyhow_is_overdispersed() -> None:
    rates = series()
    found = judged(rates, [(100, 1_000), (200, 1_000)] * 15)
    assert found[-1].overdispersion is not None
    assert found[-1].overdispersion > 5
    assert {one.level for one in found} == {"quiet"}


def test_what_cannot_be_said_has_a_reason() -> None:
    rates = series()
    judged(rates, [(0, 100)] * 20)
    nobody, never = judged(rates, [(0, 0), (0, 100)], 20)
    assert f"p_value: {Why.NO_PREDICTIONS}" in str(nobody.undefined)
    assert f"p_value: {Why.ONE_CLASS}" in str(never.undefined)
    assert never.effect == 0
    assert nobody.reference_n == 2_000


def test_training_knows_nothing_of_a_rate_so_the_first_windows_are_normal() -> None:
    training = ReferenceSpec(ReferenceKind.TRAINING, 2, training=Training("v"))
    found = judged(RateSeries("rate", None, training), [(10, 100)] * 3)
    assert [one.reference for one in found] == [None, None, "first"]


def test_earlier_windows_are_ignored_and_impossible_ones_refused() -> None:
    rates = series()
    assert rates.judge(HOUR, 2 * HOUR, 1, 2) is not None
    assert rates.judge(HOUR, 2 * HOUR, 1, 2) is None
    for hits, n in ((3, 2), (-1, 2)):
        with pytest.raises(ValueError, match="is no rate"):
            rates.judge(3 * HOUR, 4 * HOUR, hits, n)


def test_a_loaded_rate_goes_on_as_the_dumped_one() -> None:
    rates = series()
    judged(rates, [(20, 200)] * 22 + [(80, 200)])
    copy = RateSeries.load("override_rate", "reviewer", FIRST, rates.dump())
    assert copy.dump() == rates.dump()
    assert judged(copy, [(20, 200)] * 5, 30) == judged(rates, [(20, 200)] * 5, 30)


@pytest.mark.parametrize("damage", [{"format": 2}, {"last": "x"}, {"incident": [1]}, {"reference": None}])
def test_a_damaged_state_is_refused(damage: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        RateSeries.load("rate", None, FIRST, series().dump() | damage)
