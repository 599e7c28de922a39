"""What rules see of one model version (and one segment value): counts by class, pooled over windows that end at `t`."""

from typing import NamedTuple

import numpy as np

from streams.alerts.evidence.ring import HITS, OF_CLASS, PREDICTED, SUPPORT, Ints, Ring
from streams.alerts.evidence.usual import SEEN_HOURS, Past, Usual
from streams.alerts.rules.model import HOUR


class Counts(NamedTuple):
    """Counts by class, each of shape (K,)."""

    support: Ints  # labelled predictions of which it is the true class
    hits: Ints  # those of them that say so
    predicted: Ints  # labelled predictions that say it
    of_class: Ints  # all predictions that say it

    @property
    def predictions(self) -> int:
        """All predictions."""
        return int(self.of_class.sum())

    @property
    def labelled(self) -> int:
        """Those with a label."""
        return int(self.support.sum())


class Hours(NamedTuple):
    """Counts by hour and class: `start` of shape (H,), ms, ascending; the others (H, K)."""

    start: Ints
    support: Ints
    hits: Ints
    predicted: Ints
    of_class: Ints


class Completeness(NamedTuple):
    """How many predictions had a label when their steps settled; `usual` is the share of them that usually have.

    `least` is the smallest share that is still like other days; `evidence/usual.py` has both. `usual` is None where it
    is not known: fewer than 3 days with predictions in these hours, and less than a day of hours before the window.
    `least` is None there, without predictions, and where no fewer labels are there than usual. Where it is not known
    because labels were missing, both are as they were when that began.
    """

    predictions: int
    labelled: int
    usual: float | None
    least: float | None = None


class Series:
    """One model version, all of it (`segment` None) or one value of a dimension; `classes` are those of the model."""

    def __init__(
        self, model: str, version: str, segment: tuple[str, str] | None, classes: list[str], ring: Ring
    ) -> None:
        self.model, self.version, self.segment = model, version, segment
        self.classes = classes
        self.ring = ring
        self.began_ms = ring.t  # the step before it was first counted
        self.first_ms = 0  # end of the first step with predictions, 0 before it
        self.last_ms = 0  # end of the last one that was judged
        self.held: Usual | None = None  # what was usual before labels began to be missing: `watching/lacks.py`
        self._past: dict[int, Past] = {}  # by window; of the hour and the ring behind it, since it is read off them
        self._past_of: tuple[Ring, int] | None = None

    @property
    def t(self) -> int:
        """The end of the newest step, ms."""
        return self.ring.t

    def pooled(self, window_ms: int) -> Counts:
        """The counts in `(t - window, t]`. Raises KeyError for a window that nobody asked for beforehand."""
        return self._counts(self.ring.sums[window_ms])

    def period(self, period_ms: int) -> Counts:
        """The counts of the hours of a period up to the present one. Raises KeyError as `pooled` does."""
        return self._counts(self.ring.periods[period_ms])

    def newest(self) -> Counts:
        """The counts of the newest step alone."""
        step = self.ring.newest()
        return self._counts(np.zeros((len(self.classes), 4), np.int64) if step is None else step)

    def between(self, begin: int, end: int) -> Counts | None:
        """The counts of `(begin, end]` as they are known now; None where its steps are not kept, or not known whole."""
        table = self.ring.between(begin, end)
        return None if table is None else self._counts(table)

    def hours(self, from_ms: int, to_ms: int) -> Hours:
        """The hours with any count that begin in `[from, to)`; the newest may not be over."""
        starts = sorted(start for start in self.ring.hours if from_ms <= start < to_ms)
        k = len(self.classes)
        table = np.stack([self.ring.hours[s][:k] for s in starts]) if starts else np.zeros((0, k, 4), np.int64)
        columns = (table[:, :, column] for column in (SUPPORT, HITS, PREDICTED, OF_CLASS))
        return Hours(np.array(starts, np.int64), *columns)

    def completeness(self, window_ms: int) -> Completeness:
        """The labels of a window as its steps settled, and what is usual in the same hours of the days before it."""
        inside = self.ring.settled[window_ms]
        share = inside.labelled / inside.predictions if inside.predictions else None
        usual = self._before(window_ms).usual(self.t, share)
        if usual.share is None and self.held is not None:
            usual = self.held
        return Completeness(inside.predictions, inside.labelled, usual.share, usual.least)

    def usual_share(self) -> float | None:
        """The share of the predictions of the last week that had a label when their step settled, all hours together.

        None with less than 24 hours that had predictions.
        """
        week = self.ring.week
        known = week.predictions and len(self.ring.settled_hours) >= SEEN_HOURS
        return week.labelled / week.predictions if known else None

    def unlearn(self, from_ms: int) -> None:
        """Labels were broken since a time: its hours and all later ones do not say what is usual."""
        if self.ring.unlearn(from_ms // HOUR * HOUR):
            self._past_of = None

    def _before(self, window_ms: int) -> Past:
        """What the hours before a window say of it: the same while the hour lasts."""
        ring, last = self.ring, self.ring.hour(self.t)
        if self._past_of is None or self._past_of[0] is not ring or self._past_of[1] != last:
            self._past, self._past_of = {}, (ring, last)
        past = self._past.get(window_ms)
        first = ring.hour(self.t - window_ms + ring.windows.step_ms)
        if past is None or past.first != first:
            past = self._past[window_ms] = Past(ring.settled_hours, first, last, window_ms)
        return past

    def _counts(self, table: Ints) -> Counts:
        k = len(self.classes)
        return Counts(table[:k, SUPPORT], table[:k, HITS], table[:k, PREDICTED], table[:k, OF_CLASS])
