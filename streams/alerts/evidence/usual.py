"""Which share of labels is usual in a window, and how small may it be on a day that is like the others?

How many labels are there when a step settles goes with the hour of the day: of an evening's predictions more or fewer
than of a morning's. So a window of at most a day is compared with the same hours of the 6 days before it, in hours as
they settled; the hours on its edges count by the part of them that is inside. Times of day are UTC: in the days after
a change of clocks the rhythm is an hour off, and the spread over days larger.

- **usual** is the median over those days of labelled / predictions, so that a day that was itself broken moves it
  little. It needs 3 of them with predictions in these hours.
- **least** is a lower bound, at 0.01, of the share that the next such day has. On the log-odds scale it lies below
  the median by sqrt((t * tau)^2 (1 + pi/2m) + (z * e)^2), m the days. `tau` is the standard deviation over days beyond
  what chance explains (counts that are binomial around a fixed share), so over-dispersion counts; `e` the standard
  error of the median by that chance. A handful of days says little of tau, so its square is moderated: their own
  estimate weighs m - 1, that of all hours of the day 10 (Smyth 2004, Stat. Appl. Genet. Mol. Biol. 3:3, with a fixed
  prior). Hours of one day move together, so t has m - 1 degrees of freedom all the same: fewer days demand more.
  Estimates may be below 0; what they give together is not.

Where fewer days are known, and for windows longer than a day, `usual` is the share of all hours before the window, and
more is demanded: the rhythm is not known, so `least` is 3/4 of the smallest share of any stretch of the window's
length that ends 6 hours or more before the window (what is broken now may have begun since), 0 without one. Both are
None with less than 24 hours before the window that had predictions.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from streams.alerts.rules.model import DAY, HOUR

LEAST_DAYS = 3
SEEN_HOURS = 24
"""Before the labels of so many hours have settled nobody knows how complete they usually are."""

ALPHA = 0.01
_Z = 2.3263478740408408
"""The normal quantile of 1 - ALPHA."""

_PRIOR_WEIGHT = 10
_ENOUGH = 10
"""Predictions below which the share of an hour or a stretch is too coarse to tell how shares vary."""

_CAUTION = 0.75
_NOT_PAST = 6 * HOUR
_MEDIAN = math.pi / 2
"""The variance of a median in terms of that of a mean, for large normal samples."""

Floats = NDArray[np.float64]

Settled = Mapping[int, tuple[int, int]]
"""Predictions, and those of them that had a label when their step settled, by the start of the hour in ms."""


class Usual(NamedTuple):
    """What is usual in a window. `days`: how many days it is from, 0 where it is the share of all hours."""

    share: float | None
    least: float | None
    days: int = 0


NOT_KNOWN = Usual(None, None)


class Past:
    """What is known of a window of `window_ms` by the hours before it, at the steps that end in one hour.

    `first` is the start of the hour in which the window begins, `last` of the one in which its newest step begins;
    hours from `first` on are not looked at, so that `hours` may go on to be counted.
    """

    def __init__(self, hours: Settled, first: int, last: int, window_ms: int) -> None:
        self.first, self._last, self._window_ms = first, last, window_ms
        self._hours = hours
        self._predictions, self._labelled = self._same_hours()
        self._between: float | None = None
        self._overall: Usual | None = None

    def usual(self, t: int, seen: float | None) -> Usual:
        """For the window that ends at `t` in this hour; `least` is left out (None) where the share `seen` is not less.

        `seen` is None for a window without predictions.
        """
        inside = self._inside(t)
        predictions, labelled = self._predictions @ inside, self._labelled @ inside
        days = [(n, k) for n, k in zip(predictions.tolist(), labelled.tolist(), strict=True) if n > 0]
        if len(days) < LEAST_DAYS:
            if self._overall is None:
                self._overall = _of_all_hours(self._before(), -(-self._window_ms // HOUR), self.first - _NOT_PAST)
            return self._overall
        share = _median([k / n for n, k in days])
        if seen is None or seen >= share:
            return Usual(share, None, len(days))
        if self._between is None:
            self._between = between_days(self._before(), self._last)
        return Usual(share, min(share, least_share(days, self._between)), len(days))

    def _same_hours(self) -> tuple[Floats, Floats]:
        """Predictions and labelled of the same hours of the days before, (days, hours); none for a long window."""
        starts = range(self.first, self._last + 1, HOUR)
        back = range(DAY, 7 * DAY, DAY) if self._window_ms <= DAY else range(0)
        get = self._hours.get
        found = [get(start - days, (0, 0)) for days in back for start in starts]
        table = np.array(found, np.float64).reshape(len(back), len(starts), 2)
        if self._last - DAY >= self.first:  # of a window of a whole day it begins in that hour: not before it
            table[:1, -1] = 0
        return table[:, :, 0], table[:, :, 1]

    def _before(self) -> Settled:
        return {start: counts for start, counts in self._hours.items() if start < self.first}

    def _inside(self, t: int) -> Floats:
        """How much of each of its hours the window covers."""
        inside = np.ones((self._last - self.first) // HOUR + 1)
        inside[-1] = min(1.0, (t - self._last) / HOUR)
        inside[0] -= (t - self._window_ms - self.first) / HOUR
        return inside


def least_share(days: Sequence[tuple[float, float]], between: float) -> float:
    """The lower bound of a further day's share. `days`: predictions > 0 and labelled; `between`: tau^2 of all hours."""
    m = len(days)
    odds = [math.log((k + 0.5) / (n - k + 0.5)) for n, k in days]
    chance = sum(1 / (k + 0.5) + 1 / (n - k + 0.5) for n, k in days) / m
    mean = sum(odds) / m
    own = sum((x - mean) ** 2 for x in odds) - (m - 1) * chance
    tau2 = max(0.0, (own + _PRIOR_WEIGHT * between) / (m - 1 + _PRIOR_WEIGHT))
    t = float(stdtrit(m - 1, 1 - ALPHA))
    below = math.sqrt(t * t * tau2 * (1 + _MEDIAN / m) + _Z * _Z * _MEDIAN * chance / m)
    return 1 / (1 + math.exp(below - _median(odds)))


def between_days(hours: Settled, last: int) -> float:
    """tau^2 of all hours of the day together: how log-odds vary over days beyond chance; may be below 0.

    Of hours with at least 10 predictions, where an hour of the day has 3 of them; 0 without any.
    """
    starts = last - np.arange(7 * 24) * HOUR
    table = np.array([hours.get(start, (0, 0)) for start in starts.tolist()], np.float64).reshape(7, 24, 2)
    n, k = table[:, :, 0], table[:, :, 1]
    seen = n >= _ENOUGH
    m = seen.sum(axis=0)
    odds = np.log((k + 0.5) / (n - k + 0.5))
    mean = np.where(seen, odds, 0).sum(axis=0) / np.maximum(m, 1)
    spread = np.where(seen, (odds - mean) ** 2, 0).sum(axis=0)
    chance = np.where(seen, 1 / (k + 0.5) + 1 / (n - k + 0.5), 0).sum(axis=0) / np.maximum(m, 1)
    enough = m >= LEAST_DAYS
    freedom = int((m[enough] - 1).sum())
    return float((spread - (m - 1) * chance)[enough].sum()) / freedom if freedom else 0.0


def _of_all_hours(hours: Settled, length: int, until: int) -> Usual:
    """What is known by all hours together, and by the worst stretch of `length` of them that ends by `until`."""
    if len(hours) < SEEN_HOURS:
        return NOT_KNOWN
    begin = min(hours)
    table = np.zeros(((max(hours) - begin) // HOUR + 1, 2), np.int64)
    for start, counts in hours.items():
        table[(start - begin) // HOUR] = counts
    share = float(table[:, 1].sum() / table[:, 0].sum())
    upto = np.concatenate((np.zeros((1, 2), np.int64), table.cumsum(axis=0)))
    n, k = (upto[length:] - upto[:-length])[: max(0, (until - begin) // HOUR - length + 1)].T
    enough = n >= _ENOUGH
    worst = float((k[enough] / n[enough]).min()) if enough.any() else 0.0
    return Usual(share, _CAUTION * worst)


def _median(values: Sequence[float]) -> float:
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
