"""Which versions of a model are in use? One that another version took over from says nothing new of itself.

After a rollback nothing recovers: what the version fired on stays as it was until nobody asks for it. So once others
have brought in for an hour what the model is used to, nobody is told of it (`replaced`), and after `replaced_after` of
it its alerts end: the version is out of service until it predicts again. What was counted of it is kept as of every
other one. A version that dies while the others go on as before was replaced by nobody: its silence is told.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from streams.alerts.evidence.book import ModelBook
from streams.alerts.evidence.ring import OF_CLASS
from streams.alerts.evidence.series import Series
from streams.alerts.missing import LOOK_BACK, USUAL_SHARE
from streams.alerts.rules.model import DAY, HOUR

TAKEN_OVER_SHARE = 2 / 3
"""Others took over in an hour in which they predicted at least so much of what all versions together usually do."""


class Service:
    """What is remembered: the versions that were replaced, with the end of their last step with predictions.

    Of those the ones that are out of service. Both are looked at as hours are full.
    """

    def __init__(self, book: ModelBook) -> None:
        self._book = book
        self._replaced: dict[str, int] = {}
        self._left: set[str] = set()

    def look(self, t: int) -> None:
        """Find versions that were replaced; take those back that predict again, or that nothing is counted of."""
        versions = self._versions()
        self._replaced = {
            v: last for v, last in self._replaced.items() if v in versions and versions[v].last_ms == last
        }
        self._left &= self._replaced.keys()
        if not self._is_full_hour(t):
            return
        for version, series in versions.items():
            idle = series.last_ms and t - series.last_ms >= HOUR
            if idle and version not in self._replaced and hours_taken_over(series, versions.values(), t):
                self._replaced[version] = series.last_ms

    def is_out(self, version: str | None) -> bool:
        """Whether a version has left and has not come back."""
        return version in self._left

    def is_replaced(self, version: str | None) -> bool:
        """Whether others took over from a version, for an hour at least, and it has not come back."""
        return version in self._replaced

    def may_be_replaced(self, series: Series) -> bool:
        """Whether others predict since a version fell silent, for less than the hour after which it is known."""
        others = (one.last_ms for name, one in self._versions().items() if name != series.version)
        silent_ms = series.t - (series.ring.hour(series.last_ms) + HOUR)
        return silent_ms < HOUR and max(others, default=0) > series.last_ms

    def leave(self, t: int, after_ms: int) -> list[str]:
        """The versions that leave at a step, by name."""
        if not self._is_full_hour(t):
            return []
        versions = self._versions()
        hours = -(-after_ms // max(HOUR, self._book.windows.step_ms))
        found = [
            version
            for version in sorted(self._replaced.keys() - self._left)
            if has_left(versions[version], versions.values(), t, hours)
        ]
        self._left.update(found)
        return found

    def dump(self) -> list[list[object]]:
        """Everything, of plain values; for `load`."""
        return [[version, last, version in self._left] for version, last in sorted(self._replaced.items())]

    def load(self, state: Iterable[Sequence[object]]) -> None:
        """Fill an empty one with what `dump` gave. Raises ValueError when it is damaged."""
        for version, last, *out in state:
            if not isinstance(version, str) or not isinstance(last, int):
                raise ValueError("a damaged version that is out of service")  # noqa: TRY004 - what every `load` raises
            self._replaced[version] = last
            if out != [False]:  # once only those were kept that are out
                self._left.add(version)

    def _is_full_hour(self, t: int) -> bool:
        return t // HOUR != (t - self._book.windows.step_ms) // HOUR

    def _versions(self) -> Mapping[str, Series]:
        return {version: one for (version, dimension, _), one in self._book.series.items() if not dimension}


def hours_taken_over(own: Series, every: Iterable[Series], t: int) -> int:
    """The whole hours up to `t`, since a version predicted last, in which the others took over from it.

    They did in an hour with 2/3 of the predictions that all versions together (`every`, `own` among them) usually have
    in it: the median of the same hour in the 7 d before its last prediction, of all hours where that has none. So a
    busy version that dies beside a small canary was not replaced, and a small one that is taken back was, also by
    night. Hours in which nobody predicts do not count.
    """
    last = own.ring.hour(own.last_ms)
    total: dict[int, int] = {}
    for series in every:
        for start, hour in series.ring.hours.items():
            if last - LOOK_BACK < start <= t - HOUR:
                total[start] = total.get(start, 0) + int(hour[:, OF_CLASS].sum())
    before = {start: n for start, n in total.items() if start <= last and n > 0}
    if not before:
        return 0
    usual = float(np.median([*before.values()]))
    found = 0
    for start, n in total.items():
        if start > last and n > 0:
            same = [m for at, m in before.items() if (start - at) % DAY == 0]
            found += n >= TAKEN_OVER_SHARE * (float(np.median(same)) if same else usual)
    return found


def has_left(own: Series, every: Iterable[Series], t: int, hours: int) -> bool:
    """Whether a version is out of service at `t`: others took over in so many whole hours since its last prediction.

    A night is no end, since hours in which nobody predicts do not count. A version that often paused so long before is
    not out of service either: of the stretches of so many hours with predictions of anybody, in the 7 d before its
    last prediction, at least 0.9 had some of its own. Where there are fewer hours that is not known, and it takes a
    day of hours.
    """
    every = list(every)
    last = own.ring.hour(own.last_ms)
    mine = _busy(own)
    busy = {start for series in every for start in _busy(series)}
    first = max(min(mine, default=last), last - LOOK_BACK)
    before = [start in mine for start in sorted(busy) if first <= start <= last]
    known = len(before) >= hours
    if hours_taken_over(own, every, t) < (hours if known else max(hours, DAY // HOUR)):
        return False
    upto = np.concatenate(([0], np.cumsum(before)))
    return not known or bool(np.mean(upto[hours:] > upto[:-hours]) >= USUAL_SHARE)


def _busy(series: Series) -> set[int]:
    """The starts of the hours with predictions."""
    return {start for start, hour in series.ring.hours.items() if hour[:, OF_CLASS].any()}
