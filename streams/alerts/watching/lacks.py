"""Which versions lack labels, since when, and what was usual before: so that a break does not come to be usual at once.

From the first step on at which an active alert about missing data says that labels are missing, until no such alert of
the version is active, its hours are not learnt from, whoever asks. Where nothing is known of the hours before a window
any more, what was usual when it began still is (`Series.held`). That is bounded: after a week the hours are learnt, so
a day later what comes now is the new level, and the alerts are over. Labels as good as gone are no level: under a tenth
of what was usual is never learnt.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from streams.alerts.evidence.book import ModelBook
from streams.alerts.evidence.usual import Usual
from streams.alerts.instance import ACTIVE, Instance
from streams.alerts.missing import no_data_name
from streams.alerts.rules.model import DAY
from streams.alerts.verdict import Evidence
from streams.alerts.watching.roster import Roster
from streams.alerts.watching.wanted import Asked

UNLEARNT_MS = 7 * DAY
"""For so long after it began the hours of a lack are not learnt from."""

LEAST_LEVEL = 0.1
"""A smaller part of what was usual is no level of its own, however long it lasts."""

HELD_MS = 7 * DAY
"""For so long after a lack is over what was usual before it holds where nothing else is known."""


class Lack(NamedTuple):
    """Labels are missing since a time, ms; `over_ms` is when no alert said so any more, 0 before."""

    since_ms: int
    usual: float
    least: float | None
    over_ms: int = 0


class Lacks:
    """What is remembered: the last lack of each version of a model."""

    def __init__(self, asked: Asked, book: ModelBook, roster: Roster) -> None:
        self._asked, self._book, self._roster = asked, book, roster
        self._of: dict[str, Lack] = {}

    def look(self, t: int) -> None:
        """Before the step that ends at `t` is judged: by what alerts said until then, unlearn and hold."""
        active: set[str] = set()
        found: dict[str, list[Lack]] = {}
        for one, for_ms in self._alerts():
            version = dict(one.labels)["version"]
            active.add(version)
            if (lack := _lack(one, for_ms)) is not None:
                found.setdefault(version, []).append(lack)
        for version, lacks in found.items():
            known = self._of.get(version)
            every = lacks if known is None or known.over_ms else [known, *lacks]
            self._of[version] = min(every, key=lambda lack: lack.since_ms)
        if self._of:
            self._end(t, active)
            for version, lack in self._of.items():
                if not lack.over_ms:
                    self._unlearn(version, lack, t)
            for series in self._book.series.values():
                kept = self._of.get(series.version)
                series.held = None if kept is None else Usual(kept.usual, kept.least)

    def dump(self) -> list[list[object]]:
        """Everything, of plain values; for `load`."""
        return [[version, *lack] for version, lack in sorted(self._of.items())]

    def load(self, state: Iterable[Sequence[object]]) -> None:
        """Fill an empty one with what `dump` gave. Raises ValueError when it is damaged."""
        for version, since, usual, least, over in state:
            try:
                self._of[str(version)] = msgspec.convert((since, usual, least, over), Lack)
            except msgspec.ValidationError as error:
                raise ValueError(f"a damaged lack of labels: {error}") from error

    def _alerts(self) -> Iterator[tuple[Instance, int]]:
        """The active alerts about missing data, each with its `for`."""
        for rule in self._asked.carrying:
            if rule.no_data is not None:
                for one in self._roster.of(no_data_name(rule.name)).values():
                    if one.phase in ACTIVE:
                        yield one, rule.no_data.for_ms

    def _end(self, t: int, active: set[str]) -> None:
        """Note which are over, and forget those of long ago and of versions of which nothing is counted any more."""
        versions = {version for version, *_ in self._book.series}
        for version, lack in list(self._of.items()):
            if version not in active and not lack.over_ms:
                self._of[version] = lack._replace(over_ms=t)
            if version not in versions or (lack.over_ms and t - lack.over_ms > HELD_MS):
                del self._of[version]
                for series in self._book.series.values():
                    if series.version == version:
                        series.held = None

    def _unlearn(self, version: str, lack: Lack, t: int) -> None:
        whole = self._book.series.get((version, "", ""))
        level = None if whole is None else whole.usual_share()
        if t - lack.since_ms <= UNLEARNT_MS or (level is not None and level < LEAST_LEVEL * lack.usual):
            for series in self._book.series.values():
                if series.version == version:
                    series.unlearn(lack.since_ms)


def _lack(one: Instance, for_ms: int) -> Lack | None:
    """What an active alert says of labels; None where it says nothing of them.

    Its first breach about labels was at the end of a window of `for_ms`, anywhere in which they may have begun to fail.
    """
    if one.fired_evidence.get("missing") == "labels":
        return _found(one.fired_evidence, one.episode - for_ms)
    if one.evidence.get("missing") == "labels":  # it began as silence
        return _found(one.evidence, one.last_t - for_ms)
    return None


def _found(evidence: Evidence, since_ms: int) -> Lack | None:
    usual, least = evidence.get("usual_completeness"), evidence.get("least_completeness")
    if not isinstance(usual, int | float):
        return None
    return Lack(since_ms, float(usual), float(least) if isinstance(least, int | float) else None)
