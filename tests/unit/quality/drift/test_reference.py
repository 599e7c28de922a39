"""References: what is pooled and frozen, the hour of the week, and how much windows vary."""

import numpy as np
import pytest

from streams.quality.counts.counted import Cells, Counted, counted
from streams.quality.drift.comparisons import PredictionComparison
from streams.quality.drift.finding import Kind, Level, Why
from streams.quality.drift.reference import Pool, Reference
from streams.quality.drift.series import Series
from streams.quality.drift.spread import Pair, chi_square, correlation, mean_ratio
from streams.quality.drift.tally import NOTHING, tally, without
from streams.quality.settings import ReferenceKind, ReferenceSpec, Training
from tests.support.drifting import HOUR, judged, of_kind, quiet_windows

WEEK = 168


def predicted(*n: int) -> Counted:
    return Counted(tuple("abcdef"[: len(n)]), Cells.none(), np.array(n))


def usual(seed: int = 0, n: int = 1_000) -> Counted:
    return predicted(*np.random.default_rng(seed).multinomial(n, [0.5, 0.3, 0.2]).tolist())


def test_the_first_windows_are_pooled_and_never_learn_again() -> None:
    series = Series(ReferenceSpec(ReferenceKind.FIRST, windows=3))
    found = of_kind(judged(series, [predicted(50, 50)] * 3 + [predicted(60, 40)] * 30), Kind.PREDICTION)
    assert [one.reference for one in found] == [None] * 3 + ["first"] * 30
    assert {one.reference_n for one in found[3:]} == {300}
    assert {one.reference_version for one in found[3:]} == {"1970-01-01T00:00:00.000Z/1970-01-01T03:00:00.000Z"}
    assert len({one.statistic for one in found[3:]}) == 1


def test_overdispersion_takes_twenty_windows_also_where_the_reference_is_shorter() -> None:
    series = Series(ReferenceSpec(ReferenceKind.FIRST, windows=3))
    swinging = [predicted(500 + 60 * (-1) ** i, 500 - 60 * (-1) ** i) for i in range(25)]
    found = of_kind(judged(series, swinging), Kind.PREDICTION)
    unknown = f"overdispersion: {Why.FEW_WINDOWS}"
    assert all(one.overdispersion == 1 and one.undefined == unknown for one in found[3:20])
    assert all((one.overdispersion or 0) > 5 and one.undefined is None for one in found[20:])


def test_each_window_is_left_out_of_what_it_is_compared_with() -> None:
    windows = [tally(np.arange(3), usual(i).unlabelled) for i in range(20)]
    reference = Reference(ReferenceSpec(ReferenceKind.FIRST), NOTHING, PredictionComparison.among)
    for i, window in enumerate(windows):
        reference.learn(Pool(i, i + 1, 1, window), Why.NO_REFERENCE, {}, quiet=True)
    chosen = reference.choose(20, 21)
    assert not isinstance(chosen, Why)
    expected = [PredictionComparison.of(one, without(chosen.counts, one)).pairs() for one in windows]
    assert reference.pairs("prediction", chosen.kind) == [pairs["prediction"] for pairs in expected]


def test_the_hour_of_the_week_is_pooled_from_four_weeks_on() -> None:
    series = Series(ReferenceSpec(ReferenceKind.HOUR_OF_WEEK))
    found = []
    for week in range(7):
        for hour in (5, 6):
            window = predicted(100 + week, 50) if hour == 5 else predicted(20, 90)
            found.append(judged(series, [window], week * WEEK + hour)[0]["prediction"])
    at_five = found[::2]
    assert [one.reference for one in at_five] == [None] * 4 + ["hour_of_week"] * 3
    assert [one.reference_windows for one in at_five[4:]] == [4, 4, 4]
    assert [one.reference_n for one in at_five[4:]] == [4 * 150 + sum(range(w - 4, w)) for w in (4, 5, 6)]
    assert at_five[4].reference_version == "1970-01-01T05:00:00.000Z/1970-01-22T06:00:00.000Z"
    assert all(one.level == Level.QUIET for one in found)


def test_auto_takes_the_first_windows_until_there_is_an_hour_of_the_week() -> None:
    series = Series(ReferenceSpec(windows=2))
    found = [judged(series, [predicted(100, 50)], week * WEEK)[0]["prediction"] for week in range(6)]
    assert [one.reference for one in found] == [None, None, "first", "first", "hour_of_week", "hour_of_week"]


def test_auto_takes_training_where_it_is_given_until_there_is_an_hour_of_the_week() -> None:
    series = Series(ReferenceSpec(windows=2, training=Training("t", (("a", 100), ("b", 50)))))
    found = [judged(series, [predicted(100, 50)], week * WEEK)[0]["prediction"] for week in range(5)]
    assert [one.reference for one in found] == ["training"] * 4 + ["hour_of_week"]


def test_a_window_in_an_incident_does_not_become_normal() -> None:
    series = Series(ReferenceSpec(ReferenceKind.AUTO, windows=2, weeks=2))
    shifted = [(100, 900), (100, 900), (100, 900), (100, 900)]
    weeks = [(500, 500)] * 4 + shifted
    found = [judged(series, [predicted(*n)], week * WEEK)[0]["prediction"] for week, n in enumerate(weeks)]
    assert [one.level for one in found] == [Level.QUIET] * 4 + [Level.ALARM] * 4
    assert {one.reference_version for one in found[4:]} == {"1970-01-15T00:00:00.000Z/1970-01-22T01:00:00.000Z"}


def test_windows_shorter_than_an_hour_share_the_hour_and_this_week_is_no_reference_for_itself() -> None:
    series, quarter = Series(ReferenceSpec(ReferenceKind.HOUR_OF_WEEK, weeks=2)), HOUR // 4
    found = [
        judged(series, [predicted(100, 50)] * 4, week * WEEK * 4, quarter)[i]["prediction"]
        for week in range(3)
        for i in [3]
    ]
    assert [one.reference_windows for one in found] == [None, None, 8]


def test_windows_longer_than_a_week_have_no_hour_of_the_week() -> None:
    series = Series(ReferenceSpec(ReferenceKind.HOUR_OF_WEEK))
    (found,) = judged(series, [predicted(100, 50)], size=8 * 24 * HOUR)
    assert f"p_value: {Why.NO_WEEK}" in str(found["prediction"].undefined)
    auto = of_kind(
        judged(Series(ReferenceSpec(windows=2)), [predicted(100, 50)] * 9, size=8 * 24 * HOUR), Kind.PREDICTION
    )
    assert {one.reference for one in auto[2:]} == {"first"}


def test_the_state_of_the_hours_of_the_week_is_bounded() -> None:
    series, quarter = Series(ReferenceSpec(ReferenceKind.HOUR_OF_WEEK, weeks=2)), HOUR // 2
    sizes = []
    for week in range(6):
        judged(series, [predicted(100, 50)] * 336, week * 336, quarter)
        state = series.dump()["predictions"]
        assert isinstance(state, dict)
        sizes.append(len(state["weeks"]))
    assert sizes == [168, 336, 504, 504, 504, 504]
    state = series.dump()["predictions"]
    assert isinstance(state, dict)
    assert len(state["recent"]["prediction"]) == 168 * 16


def test_auto_does_without_the_hour_of_the_week_where_it_would_be_large() -> None:
    names = tuple(f"c{i:04d}" for i in range(1_001))
    for k, kind, reference in (
        (1_000, ReferenceKind.AUTO, "hour_of_week"),
        (1_001, ReferenceKind.AUTO, "first"),
        (1_001, ReferenceKind.HOUR_OF_WEEK, "hour_of_week"),
    ):
        series = Series(ReferenceSpec(kind, windows=1, weeks=1))
        window = Counted(names[:k], Cells.none(), np.ones(k, np.int64))
        found = [judged(series, [window], week * WEEK)[0]["prediction"] for week in range(2)]
        assert found[-1].reference == reference


def test_the_spread_around_the_hour_of_the_week_is_that_of_windows_before() -> None:
    series = Series(ReferenceSpec(ReferenceKind.HOUR_OF_WEEK, weeks=1))
    chance = np.random.default_rng(1)
    found = []
    for week in range(2):
        for hour in range(40):
            share = 0.5 + 0.05 * chance.choice([-1, 1])
            n = chance.binomial(2_000, share)
            found.append(judged(series, [predicted(n, 2_000 - n)], week * WEEK + hour)[0]["prediction"])
    assert all(one.overdispersion == 1 for one in found[40:60])
    assert all((one.overdispersion or 0) > 2 for one in found[60:])
    assert {one.undefined for one in found[61:]} == {None}


def test_spread_needs_twenty_windows_and_is_never_below_one() -> None:
    assert not mean_ratio([Pair(9.0, 1.0)] * 19).known
    assert not chi_square([Pair(9.0, 1.0)] * 19).known
    assert correlation([Pair(9.0, 1.0)] * 19) == 0
    assert mean_ratio([Pair(9.0, 2.0)] * 20) == (4.5, 1.0, True)
    assert mean_ratio([Pair(0.5, 1.0)] * 20) == (1.0, 1.0, True)
    assert correlation([Pair(3.0, 2.0)] * 20) == 1.5
    assert correlation([Pair(-3.0, 2.0)] * 20) == 0


def test_the_spread_of_a_chi_square_is_that_of_its_ratios_against_their_own() -> None:
    ratios = [1.0, 5.0] * 10
    found = chi_square([Pair(ratio, 0.1) for ratio in ratios])
    assert found.overdispersion == pytest.approx(3.0)
    assert found.spread == pytest.approx(float(np.var(ratios, ddof=1)) / 9 / 0.1)
    assert chi_square([Pair(0.9, 2.0)] * 20) == (1.0, 1.0, True)


def test_recalls_that_swing_from_window_to_window_are_overdispersed() -> None:
    steady = Series(ReferenceSpec(ReferenceKind.FIRST))
    calm = judged(steady, quiet_windows(1, n=2_000, count=21))[-1]["performance"]
    chance = np.random.default_rng(2)
    shaky = Series(ReferenceSpec(ReferenceKind.FIRST))
    for i in range(21):
        recall = 0.85 + 0.06 * chance.choice([-1, 1])
        hits = chance.binomial(500, recall, 4)
        matrix = np.diag(hits)
        matrix[np.arange(4), (np.arange(4) + 1) % 4] = 500 - hits
        (said,) = judged(shaky, [counted(matrix)], i)
    assert calm.overdispersion is not None
    assert said["performance"].overdispersion is not None
    assert calm.overdispersion < 2
    assert said["performance"].overdispersion > 5


def test_a_rhythm_rings_until_its_hours_are_known() -> None:
    """Nights and days have other shares than the first windows, every day: after two weeks that is normal."""
    day, night = counted([[900, 0], [0, 100]]), counted([[500, 0], [0, 500]])
    rhythm = [day if hour % 24 < 20 else night for hour in range(3 * 168)]
    found = judged(Series(ReferenceSpec(weeks=2)), rhythm)
    rings = [one[Kind.PREDICTION].level == Level.ALARM for one in found]
    assert [hour for hour in range(168) if rings[hour]] == [hour for hour in range(20, 168) if hour % 24 >= 20]
    assert not any(rings[2 * 168 :])
    assert {one[Kind.PREDICTION].reference for one in found[2 * 168 :]} == {"hour_of_week"}


def test_what_got_worse_does_not_become_normal() -> None:
    """Recall drops in the second week: its hours are not learnt, however long it lasts."""
    good, bad = counted([[475, 25], [25, 475]]), counted([[400, 100], [100, 400]])
    found = judged(Series(ReferenceSpec(weeks=2)), [good] * 168 + [bad] * 4 * 168)
    last = found[-1][Kind.PERFORMANCE]
    assert (last.reference, last.incident_status) == ("first", "open")
