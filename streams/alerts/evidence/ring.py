"""Counts of one series by step, pooled over windows that move with the steps; long ones by whole hours.

    steps   |  |  |  |##|##|##|  |  |     `#` a window of three steps that ends at t; what lies behind t waits
    hours   |           |###########|     periods of days are pooled by whole hours: 28 d of steps would be 8,064

Corrections change the steps and hours they belong to, and with them every later sum; nothing that was judged.
Invariant: a sum is the sum of the kept steps (hours) inside it; integers, so that it does not matter how it came to be.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.alerts.rules.model import DAY, HOUR
from streams.ledger.spec import NO_TIME

Ints = NDArray[np.int64]

SUPPORT, HITS, PREDICTED, OF_CLASS = range(4)
COLUMNS = 4

WEEK_MS = 7 * DAY
"""What is usual is taken from so long before."""


class Windows(NamedTuple):
    """Which sums a ring keeps, ms: `steps` of whole steps, `periods` of whole hours; hours are kept for `hours_ms`.

    Steps are kept as long as the longest window of them, and for `again_ms`: what is counted again of the past.
    """

    step_ms: int
    steps: tuple[int, ...]
    periods: tuple[int, ...]
    hours_ms: int
    again_ms: int = 0

    @property
    def steps_ms(self) -> int:
        """How long steps are kept."""
        longest = max((*self.steps, HOUR, self.step_ms, self.again_ms))
        return -(-longest // self.step_ms) * self.step_ms


class Coverage:
    """Predictions and labels, as two running numbers."""

    __slots__ = ("labelled", "predictions")

    def __init__(self, predictions: int = 0, labelled: int = 0) -> None:
        self.predictions, self.labelled = predictions, labelled

    def add(self, predictions: int, labelled: int) -> None:
        """Count more, or with negative numbers less."""
        self.predictions += predictions
        self.labelled += labelled


class Ring:
    """The counts of one series; `t` is the end of its newest step, ms. Arrays are of shape (capacity, 4)."""

    def __init__(self, windows: Windows, capacity: int, t: int, since: int = NO_TIME) -> None:
        """Of steps up to `since` nothing is counted: a change of what is not known whole would be a wrong count."""
        self.t = t
        self.since = since
        self.windows = windows
        self.sums = {w: np.zeros((capacity, COLUMNS), np.int64) for w in windows.steps}
        self.periods = {p: np.zeros((capacity, COLUMNS), np.int64) for p in windows.periods}
        self.hours: dict[int, Ints] = {}  # by start
        self.settled = {w: Coverage() for w in windows.steps}  # as each step was when it settled
        self.week = Coverage()
        # of the week, by start, as they settled; not what is unlearnt
        self.settled_hours: dict[int, tuple[int, int]] = {}
        self.settled_at = NO_TIME  # the end of the last step with predictions
        self._capacity = capacity
        self._steps_since = self._hours_since = NO_TIME  # the same of steps, and of hours, that were let go
        self._steps: dict[int, NDArray[np.int32]] = {}  # by end
        self._excluded: set[int] = set()  # ends of steps that do not count
        self._settled: dict[int, tuple[int, int]] = {}

    @property
    def empty(self) -> bool:
        """Whether nothing is counted in any step or hour that is kept or waits."""
        return not self._steps and not self.hours

    @property
    def silent(self) -> bool:
        """Whether nothing is counted in any step that is kept."""
        return not self._steps

    @property
    def over(self) -> bool:
        """Whether nothing is counted in any hour, or step up to `t`, that is kept."""
        return not self.hours and all(end > self.t for end in self._steps)

    @property
    def ahead(self) -> list[int]:
        """The ends of the steps behind `t` that have counts already."""
        return [end for end in self._steps if end > self.t]

    def unlearn(self, from_ms: int) -> bool:
        """Forget what had settled in the hours from a time on, since it was not as usual; whether there was any."""
        gone = [start for start in self.settled_hours if start >= from_ms]
        for start in gone:
            predictions, labelled = self.settled_hours.pop(start)
            self.week.add(-predictions, -labelled)
        return bool(gone)

    def newest(self) -> Ints | None:
        """The step that ends at `t`; None where it has no counts."""
        step = self._steps.get(self.t)
        return None if step is None else step.astype(np.int64)

    def between(self, begin: int, end: int) -> Ints | None:
        """The steps that end in `(begin, end]`, as known now; None where some are not kept, or not known whole."""
        if begin < max(self.t - self.windows.steps_ms, self._steps_since, self.since) or end > self.t:
            return None
        total = np.zeros((self._capacity, COLUMNS), np.int64)
        first = begin // self.windows.step_ms * self.windows.step_ms + self.windows.step_ms
        inside = range(first, end + 1, self.windows.step_ms)
        _sum_into(total, (self._steps[at] for at in inside if at in self._steps))
        return total

    def grow(self, capacity: int) -> None:
        """Make room for more classes."""
        more = ((0, capacity - self._capacity), (0, 0))
        for arrays in (self.sums, self.periods, self.hours):
            arrays.update({key: np.pad(array, more) for key, array in arrays.items()})
        self._steps = {end: np.pad(step, more) for end, step in self._steps.items()}
        self._capacity = capacity

    def add(self, end: int, delta: Ints) -> None:
        """Count a change of the step that ends at a time, before or behind `t`."""
        if end in self._excluded or end <= self.since:
            return
        if end > max(self.t - self.windows.steps_ms, self._steps_since):
            step = self._steps.get(end)
            if step is None:
                step = self._steps[end] = np.zeros(delta.shape, np.int32)
            step += delta.astype(np.int32)
            if not step.any():  # all was taken back: as if it had never been
                del self._steps[end]
        if end > self.t:
            return  # it counts when its step comes
        for window, total in self.sums.items():
            if end > max(self.t - window, self._steps_since):
                np.add(total, delta, out=total)
        hour, now = self.hour(end), self.hour(self.t)
        if hour <= self._hours_since:
            return
        if hour > now - self.windows.hours_ms:
            self._add_to_hour(hour, delta)
        for period, total in self.periods.items():
            if hour > now - period:
                np.add(total, delta, out=total)

    def step(self, *, excluded: bool = False) -> None:
        """Move on by one step. An `excluded` one and all corrections of it count in no sum; its labels are complete."""
        before, self.t = self.t, self.t + self.windows.step_ms
        for now in range(self.hour(before) + HOUR, self.hour(self.t) + 1, HOUR):  # a step may be longer than one
            self._turn_hour(now)
        entering = self._steps.get(self.t)
        if entering is not None:
            self._settle(int(entering[:, OF_CLASS].sum()), int(entering[:, SUPPORT].sum()))
        if excluded:
            self._excluded.add(self.t)
            self._steps.pop(self.t, None)
            entering = None
        for window, total in self.sums.items():
            end = self._last_before(window)
            leaving = self._steps.get(end)
            if leaving is not None:
                np.subtract(total, leaving, out=total)
            gone = self._settled.get(end)
            if gone is not None:
                self.settled[window].add(-gone[0], -gone[1])
        if entering is not None:
            for total in (*self.sums.values(), *self.periods.values()):
                np.add(total, entering, out=total)
            self._add_to_hour(self.hour(self.t), entering)
        self._steps.pop(self.t - self.windows.steps_ms, None)
        self._settled.pop(self.t - self.windows.steps_ms, None)

    def dump(self) -> dict[str, object]:
        """What the sums follow from, as bytes."""
        return {
            "t": self.t,
            "since": [self.since, self._steps_since, self._hours_since],
            "steps_ms": self.windows.steps_ms,
            "settled_at": self.settled_at,
            "steps": [[end, step.tobytes()] for end, step in self._steps.items()],
            "hours": [[start, hour.tobytes()] for start, hour in self.hours.items()],
            "excluded": sorted(self._excluded),
            "settled": [[end, *pair] for end, pair in self._settled.items()],
            "settled_hours": [[start, *pair] for start, pair in self.settled_hours.items()],
        }

    def rewindowed(self, windows: Windows) -> "Ring":
        """A ring of other windows of the same steps from what is kept; of what was let go nothing counts any more."""
        hours_since = max(self._hours_since, self.hour(self.t) - self.windows.hours_ms)
        since = [self.since, self._steps_since, hours_since]
        return Ring.load(windows, self._capacity, {**self.dump(), "since": since})

    def begun(self, t: int) -> "Ring":
        """This ring at a later time, without the steps and hours that are not kept then."""
        return Ring.load(self.windows, self._capacity, {**self.dump(), "t": t})

    def renewed(self) -> "Ring":
        """A ring of nothing but the steps behind `t`."""
        ring = Ring(self.windows, self._capacity, self.t, self.t)
        ring._steps = {end: self._steps[end] for end in self.ahead}
        return ring

    def hour(self, end: int) -> int:
        """The start of the hour in which the step that ends at a time begins."""
        return NO_TIME if end == NO_TIME else (end - self.windows.step_ms) // HOUR * HOUR

    @classmethod
    def load(cls, windows: Windows, capacity: int, state: Mapping[str, Any]) -> "Ring":
        """A ring of other or the same windows from what `dump` gave. Raises ValueError when it is damaged."""
        ring = cls(windows, capacity, int(state["t"]))
        oldest_step, oldest_hour = ring.t - windows.steps_ms, ring.hour(ring.t) - windows.hours_ms
        ring.since, ring._steps_since, ring._hours_since = state["since"]
        kept_ms = state.get("steps_ms", windows._replace(again_ms=0).steps_ms)  # what was kept when it was not said
        if kept_ms < windows.steps_ms:
            ring._steps_since = max(ring._steps_since, ring.t - kept_ms)
        for end, data in state["steps"]:
            if end > oldest_step:
                ring._steps[end] = np.frombuffer(data, np.int32).reshape(capacity, COLUMNS).copy()
        for start, data in state["hours"]:
            if start > oldest_hour:
                ring.hours[start] = np.frombuffer(data, np.int64).reshape(capacity, COLUMNS).copy()
        ring.settled_at = state["settled_at"]
        ring._excluded = set(state["excluded"])
        ring._settled = {end: (n, labelled) for end, n, labelled in state["settled"] if end > oldest_step}
        week = [one for one in state["settled_hours"] if one[0] > ring.hour(ring.t) - WEEK_MS]
        ring.settled_hours = {start: (n, labelled) for start, n, labelled in week}
        ring._add_up()
        return ring

    def _last_before(self, window: int) -> int:
        """The end of the newest step that does not end inside a window, which need not be a multiple of the step."""
        return self.t - -(-window // self.windows.step_ms) * self.windows.step_ms

    def _add_up(self) -> None:
        for window, total in self.sums.items():
            inside = range(self._last_before(window) + self.windows.step_ms, self.t + 1, self.windows.step_ms)
            _sum_into(total, (self._steps[end] for end in inside if end in self._steps))
            for end in inside:
                if end in self._settled:
                    self.settled[window].add(*self._settled[end])
        now = self.hour(self.t)
        for period, total in self.periods.items():
            _sum_into(total, (hour for start, hour in self.hours.items() if start > now - period))
        for predictions, labelled in self.settled_hours.values():
            self.week.add(predictions, labelled)

    def _turn_hour(self, now: int) -> None:
        for period, total in self.periods.items():
            leaving = self.hours.get(now - period)
            if leaving is not None:
                np.subtract(total, leaving, out=total)
        self.hours.pop(now - self.windows.hours_ms, None)
        self._excluded = {end for end in self._excluded if end > now - self.windows.hours_ms}
        predictions, labelled = self.settled_hours.pop(now - WEEK_MS, (0, 0))
        self.week.add(-predictions, -labelled)

    def _settle(self, predictions: int, labelled: int) -> None:
        self._settled[self.t] = predictions, labelled
        self.settled_at = self.t
        for coverage in (*self.settled.values(), self.week):
            coverage.add(predictions, labelled)
        hour = self.hour(self.t)
        before = self.settled_hours.get(hour, (0, 0))
        self.settled_hours[hour] = before[0] + predictions, before[1] + labelled

    def _add_to_hour(self, start: int, delta: NDArray[np.int32] | Ints) -> None:
        hour = self.hours.get(start)
        if hour is None:
            hour = self.hours[start] = np.zeros(delta.shape, np.int64)
        hour += delta
        if not hour.any():
            del self.hours[start]


def _sum_into(total: Ints, parts: Iterable[NDArray[np.int32] | Ints]) -> None:
    for part in parts:
        np.add(total, part, out=total)
