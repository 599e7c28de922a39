"""Which versions of a model are in use? One that another version took over from says nothing new of itself.

After a rollback nothing recovers: what the version fired on stays as it was until nobody asks for it. So while another
one has predicted for an hour or more since, nobody is told again (`replaced`), and after `replaced_after` of it the
alerts end: the version is out of service until it predicts again. What was counted of it is kept as of every other one.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import numpy as np

from streams.alerts.evidence.book import ModelBook
from streams.alerts.evidence.ring import OF_CLASS
from streams.alerts.evidence.series import Series
from streams.alerts.missing import LOOK_BACK, USUAL_SHARE
from streams.alerts.rules.model import HOUR

TAKEN_OVER_MS = HOUR
"""So long after the last prediction of a version another one must have predicted, to have taken over from it."""


class Service:
    """What is remembered: the versions that are out of service, with the end of their last step with predictions."""

    def __init__(self, book: ModelBook) -> None:
        self._book = book
        self._left: dict[str, int] = {}

    def look(self) -> None:
        """Take versions back that predict again, or that nothing is counted of any more."""
        if not self._left:
            return
        versions = self._versions()
        self._left = {v: last for v, last in self._left.items() if v in versions and versions[v].last_ms == last}

    def is_out(self, version: str | None) -> bool:
        """Whether a version has left and has not come back."""
        return version in self._left

    def replaced(self) -> frozenset[str]:
        """The versions that have been silent while another one has predicted for an hour or more."""
        last = {version: series.last_ms for version, series in self._versions().items() if series.last_ms}
        newest = max(last.values(), default=0)
        return frozenset(version for version, last_ms in last.items() if newest - last_ms >= TAKEN_OVER_MS)

    def leave(self, t: int, concerned: Callable[[], Collection[str]], after_ms: int) -> list[str]:
        """Of the versions that it matters of those that leave at a step, by name; looked at as hours are full."""
        step_ms = self._book.windows.step_ms
        if t // HOUR == (t - step_ms) // HOUR:
            return []
        versions = self._versions()
        found = []
        for version in sorted(self.replaced().intersection(concerned())):
            others = [series for name, series in versions.items() if name != version]
            if has_left(versions[version], others, t, -(-after_ms // max(HOUR, step_ms))):
                found.append(version)
                self._left[version] = versions[version].last_ms
        return found

    def dump(self) -> list[list[object]]:
        """Everything, of plain values; for `load`."""
        return [[version, last] for version, last in sorted(self._left.items())]

    def load(self, state: Iterable[Sequence[object]]) -> None:
        """Fill an empty one with what `dump` gave. Raises ValueError when it is damaged."""
        for version, last in state:
            if not isinstance(version, str) or not isinstance(last, int):
                raise ValueError("a damaged version that is out of service")  # noqa: TRY004 - what every `load` raises
            self._left[version] = last

    def _versions(self) -> Mapping[str, Series]:
        return {version: one for (version, dimension, _), one in self._book.series.items() if not dimension}


def has_left(own: Series, others: Iterable[Series], t: int, hours: int) -> bool:
    """Whether a version is out of service at `t`: others predicted in so many whole hours since its last prediction.

    Hours in which nobody predicts do not count, so a night is no end. A version that often paused so long before is
    not out of service either: of the stretches of so many hours with predictions of anybody, in the 7 d before its
    last prediction, at least 0.9 had some of its own. Where there are fewer hours nothing is held against it.
    """
    last = own.ring.hour(own.last_ms)
    theirs = {start for series in others for start in _busy(series)}
    if sum(last < start <= t - HOUR for start in theirs) < hours:
        return False
    mine = _busy(own)
    first = max(min(mine, default=last), last - LOOK_BACK)
    before = [start in mine for start in sorted(mine | theirs) if first <= start <= last]
    if len(before) < hours:
        return True
    upto = np.concatenate(([0], np.cumsum(before)))
    return bool(np.mean(upto[hours:] > upto[:-hours]) >= USUAL_SHARE)


def _busy(series: Series) -> set[int]:
    """The starts of the hours with predictions."""
    return {start for start, hour in series.ring.hours.items() if hour[:, OF_CLASS].any()}
