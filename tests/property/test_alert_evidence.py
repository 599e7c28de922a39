"""Counts by step: the rolling sums are the sums of the steps inside, whatever came late, grew or was reloaded."""

from collections import defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.alerts.evidence.ring import COLUMNS, OF_CLASS, SUPPORT, WEEK_MS, Ring, Windows
from streams.alerts.evidence.series import Series
from streams.alerts.rules.model import HOUR

MINUTE = 60_000
STEP = 30 * MINUTE
WINDOWS = Windows(STEP, (STEP, HOUR, 3 * HOUR), (24 * HOUR,), 30 * HOUR)
ODD = [Windows(step, (step, 5 * step, HOUR), (7 * HOUR,), 9 * HOUR) for step in (7 * MINUTE, 100 * MINUTE, 2 * HOUR)]
"""Steps that divide neither an hour, nor a day or a week, or that are longer than one."""

adds = st.tuples(st.just("add"), st.integers(-8, 3), st.integers(0, 5), st.integers(1, 9))
moves = st.tuples(st.just("step"), st.just(0), st.just(0), st.just(0))
grows = st.tuples(st.just("grow"), st.just(0), st.just(0), st.just(0))
reloads = st.tuples(st.just("reload"), st.just(0), st.just(0), st.just(0))
histories = st.lists(st.one_of(adds, adds, moves, moves, moves, grows, reloads), max_size=120)


class Naive:
    """Every change, kept; sums anew each time."""

    def __init__(self) -> None:
        self.steps: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        self.settled: dict[int, int] = {}

    def pooled(self, begin: int, end: int, c: int) -> int:
        return sum(by_class[c] for at, by_class in self.steps.items() if begin < at <= end)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([WINDOWS, *ODD]), histories)
def test_every_sum_is_that_of_the_steps_inside(windows: Windows, history: list[tuple[str, int, int, int]]) -> None:
    step_ms, [period] = windows.step_ms, windows.periods
    t, capacity = 60 * step_ms, 8
    ring, naive = Ring(windows, capacity, t), Naive()
    for kind, offset, c, n in history:
        if kind == "add":
            end = t + offset * step_ms
            if end <= t - windows.steps_ms:
                continue
            delta = np.zeros((capacity, COLUMNS), np.int64)
            delta[c, OF_CLASS] = n
            naive.steps[end][c] += n
            ring.add(end, delta)
        elif kind == "step":
            ring.step()
            t += step_ms
            naive.settled[t] = sum(naive.steps[t].values()) if t in naive.steps else 0
        elif kind == "grow":
            capacity = min(capacity * 2, 32)
            ring.grow(capacity)
        else:
            ring = Ring.load(windows, capacity, ring.dump())
        assert ring.t == t
        for window in windows.steps:
            got = ring.sums[window][:6, OF_CLASS].tolist()
            assert got == [naive.pooled(t - window, t, c) for c in range(6)]
            settled = sum(n for at, n in naive.settled.items() if t - window < at <= t)
            assert ring.settled[window].predictions == settled
        hour = ring.hour(t)
        # the first step of which the hour it begins in lies inside
        first = (hour - period + HOUR + step_ms - 1) // step_ms * step_ms
        expected = [naive.pooled(first, t, c) for c in range(6)]
        assert ring.periods[period][:6, OF_CLASS].tolist() == expected
        assert min(ring.hours, default=hour) > hour - windows.hours_ms


def test_an_hour_of_the_week_is_let_go_whatever_the_step() -> None:
    for windows in (WINDOWS, *ODD):
        ring = Ring(windows, 8, 0)
        delta = np.zeros((8, COLUMNS), np.int64)
        delta[0, OF_CLASS] = 1
        while ring.t < 2 * WEEK_MS:
            ring.add(ring.t + windows.step_ms, delta)
            ring.step()
        assert min(ring.settled_hours) > ring.hour(ring.t) - WEEK_MS
        assert ring.week.predictions == sum(n for n, _ in ring.settled_hours.values())


def test_completeness_is_that_of_the_days_before_the_window_and_unknown_under_a_day() -> None:
    ring = Ring(WINDOWS, 8, 0)
    series = Series("m", "1", None, ["a", "b"], ring)
    delta = np.zeros((8, COLUMNS), np.int64)
    delta[0, OF_CLASS], delta[0, SUPPORT] = 10, 6
    seen = []
    for n in range(1, 201):
        if n > 198:
            delta[0, SUPPORT] = 1
        ring.add(n * STEP, delta)
        ring.step()
        seen.append(series.completeness(HOUR))
    assert seen[40].usual is None  # after 20 hours
    assert seen[60] == (20, 12, 0.6, 0.75 * 0.6), "all hours, as long as there are less than three days"
    assert seen[150] == (20, 12, 0.6, None)
    assert series.usual_share() == (198 * 6 + 2) / 2000
    assert seen[-1][:3] == (20, 2, 0.6)
    assert 0.3 < (seen[-1].least or 0) < 0.6
    late = np.zeros((8, COLUMNS), np.int64)
    late[0, SUPPORT] = 5
    ring.add(ring.t, late)
    assert series.completeness(HOUR) == seen[-1], "what comes later was not there when the step settled"
    assert int(series.pooled(HOUR).support[0]) == 7, "and counts from now on"


@settings(max_examples=10, deadline=None)
@given(
    st.integers(0, 1 << 32),
    st.lists(st.tuples(st.integers(60, 179), st.integers(2, 30)), min_size=1, max_size=3),
)
def test_what_is_usual_is_the_same_after_a_restart_and_without_what_was_unlearnt(
    seed: int, unlearnt: list[tuple[int, int]]
) -> None:
    chance = np.random.default_rng(seed)
    steps = zip(chance.integers(0, 40, 180).tolist(), chance.random(180).tolist(), strict=True)
    lived = Series("m", "1", None, ["a"], Ring(WINDOWS, 8, 0))
    again = Series("m", "1", None, ["a"], Ring(WINDOWS, 8, 0))
    hours: dict[int, list[int]] = {}
    for at, (n, share) in enumerate(steps):
        t = (at + 1) * STEP
        delta = np.zeros((8, COLUMNS), np.int64)
        delta[0, OF_CLASS], delta[0, SUPPORT] = n, int(share * n)
        for when, back in unlearnt:
            if when == at:
                lived.unlearn(t - STEP - back * HOUR)
                again.unlearn(t - STEP - back * HOUR)
                hours = {h: counts for h, counts in hours.items() if h < (t - STEP - back * HOUR) // HOUR * HOUR}
        again.ring = Ring.load(WINDOWS, 8, again.ring.dump())
        for series in (lived, again) if n else ():
            series.ring.add(t, delta)
        lived.ring.step()
        again.ring.step()
        hours[(t - STEP) // HOUR * HOUR] = [
            a + b for a, b in zip(hours.get((t - STEP) // HOUR * HOUR, [0, 0]), (n, int(share * n)), strict=True)
        ]
        for window in WINDOWS.steps:
            assert lived.completeness(window) == again.completeness(window)
        kept = {h: (a, b) for h, (a, b) in hours.items() if a and h > (t - STEP) // HOUR * HOUR - WEEK_MS}
        assert lived.ring.settled_hours == kept
        assert (lived.ring.week.predictions, lived.ring.week.labelled) == tuple(
            sum(counts[i] for counts in kept.values()) for i in (0, 1)
        )


def test_what_is_older_than_the_hours_that_are_kept_is_forgotten() -> None:
    ring = Ring(WINDOWS, 8, 0)
    delta = np.zeros((8, COLUMNS), np.int64)
    delta[0, OF_CLASS] = 1
    ring.add(STEP, delta)
    for _ in range(WEEK_MS // STEP + 100):
        ring.step()
    assert ring.empty
    assert ring.week.predictions == 0
    assert not any(total.any() for total in (*ring.sums.values(), *ring.periods.values()))
