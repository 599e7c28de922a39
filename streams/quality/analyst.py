"""What a judge remembers of past windows in order to judge new ones: references, detectors, how labels arrive.

Only windows that tumble are watched: windows that overlap see the same predictions again and again, and no detector's
error rate holds for them. A series is one model version, window size and segment. Everything here is a function of
the settled windows in their order; a window is judged once, whatever changes in it later.
"""

from collections.abc import Mapping
from typing import Any

from streams.ledger.spec import DAY, NO_TIME
from streams.quality.counts.counted import Counted
from streams.quality.counts.names import Names
from streams.quality.drift.finding import Finding
from streams.quality.drift.rates import RateSeries
from streams.quality.drift.series import Series
from streams.quality.maturing.outlook import Outlook
from streams.quality.maturing.series import Maturing
from streams.quality.measures.label_quality import rates
from streams.quality.rows import ALL
from streams.quality.settings import ReferenceSpec
from streams.quality.spec import QualitySpec

REMEMBERED_MS = 60 * DAY
"""A window that begins so long after the last one begins a new series: what was normal then says nothing now."""

Place = tuple[int, int]
"""Line and index of the window spec."""


class Analyst:
    """The series of every model version of a judge."""

    def __init__(self, spec: QualitySpec, names: Names) -> None:
        self._spec = spec
        self._names = names
        self._series: dict[tuple[int, int, str], Series] = {}
        self._rates: dict[tuple[int, int, str, str], RateSeries] = {}
        self._maturing: dict[Place, Maturing] = {}
        self._last_end: dict[tuple[int, int, str], int] = {}
        self._day = NO_TIME

    def watches(self, w: int) -> bool:
        """Whether windows of a spec are judged: they tumble."""
        window = self._spec.windows[w]
        return window.step_ms == window.size_ms

    def look(self, place: Place, start_ms: int, age_ms: int, counts: Counted) -> Outlook:
        """What is not yet known of a window when it reaches an age."""
        return self._matures(place).look(start_ms, age_ms, counts)

    def mature(self, place: Place, start_ms: int, counts: Counted) -> None:
        """A window is final."""
        if place in self._maturing:
            self._maturing[place].mature(start_ms, counts)

    def judge(self, place: Place, segment: str, start_ms: int, end_ms: int, counts: Counted) -> list[Finding]:
        """What detectors find in a window of a segment that has settled; nothing where no one watches."""
        if segment != ALL and not self._spec.settings.drift_segments:
            return []
        key = (*place, segment)
        if key in self._series and start_ms > self._last_end[key] + REMEMBERED_MS:
            self._drop(key)
        series = self._series.get(key)
        if series is None:
            self._make_room(place)
            series = self._series[key] = Series(self._reference(place[0]))
        self._last_end[key] = max(end_ms, self._last_end.get(key, NO_TIME))
        findings = series.judge(start_ms, end_ms, counts)
        if segment == ALL:
            findings += self._judge_rates(place, start_ms, end_ms, counts)
        return findings

    def _judge_rates(self, place: Place, start_ms: int, end_ms: int, counts: Counted) -> list[Finding]:
        expected = self._spec.expected_of(self._names.lines[place[0]].model)
        found = rates(counts, self._spec.settings.human_sources, expected)
        findings: list[Finding] = []
        for kind, subject in sorted(found):
            key = (*place, kind, subject)
            series = self._rates.get(key)
            if series is None:
                series = self._rates[key] = RateSeries(kind, subject, self._reference(place[0]))
            finding = series.judge(start_ms, end_ms, *found[kind, subject])
            if finding is not None:
                findings.append(finding)
        return findings

    def forget(self, watermark: int) -> None:
        """Once a day of event time: free what no window that can still settle would go on from."""
        if watermark // DAY <= self._day:
            return
        self._day = watermark // DAY
        for key in [key for key, end in self._last_end.items() if end + self._kept_ms(key) < watermark]:
            self._drop(key)

    def _kept_ms(self, key: tuple[int, int, str]) -> int:
        """Until so long after its last window another one could settle that goes on from a series."""
        timing, window = self._names.lines[key[0]].timing, self._spec.windows[key[1]]
        return REMEMBERED_MS + window.size_ms + max(timing.settle_ms, timing.final_ms)

    def dump(self) -> dict[str, object]:
        """Everything; for `load`."""
        return {
            "series": [[*key, series.dump(), self._last_end[key]] for key, series in self._series.items()],
            "rates": [[*key, series.dump()] for key, series in self._rates.items()],
            "maturing": [[*place, maturing.dump()] for place, maturing in self._maturing.items()],
            "day": self._day,
        }

    def load(self, state: Mapping[str, Any], old: QualitySpec) -> None:
        """Fill an empty analyst with what one of an `old` spec dumped; what that watched otherwise begins anew.

        Raises ValueError when it is damaged.
        """
        new = {(w.name, w.size_ms, w.origin_ms): i for i, w in enumerate(self._spec.windows) if self.watches(i)}
        known = {i: new[o] for i, w in enumerate(old.windows) if (o := (w.name, w.size_ms, w.origin_ms)) in new}
        same = old.settings.drift_segments == self._spec.settings.drift_segments
        compared = [
            old.settings.reference_of(line.model) == self._reference(number)
            for number, line in enumerate(self._names.lines)
        ]
        for line, w, segment, dumped, end in state["series"]:
            if w in known and compared[line] and (segment == ALL or same):
                key = (line, known[w], segment)
                self._series[key], self._last_end[key] = Series.load(self._reference(line), dumped), end
        for line, w, kind, subject, dumped in state["rates"]:
            if w in known and compared[line]:
                rate = (line, known[w], kind, subject)
                self._rates[rate] = RateSeries.load(kind, subject, self._reference(line), dumped)
        for line, w, dumped in state["maturing"]:
            if w in known:
                self._maturing[line, known[w]] = Maturing.load(dumped)
        self._day = state["day"]

    def _reference(self, line: int) -> ReferenceSpec:
        return self._spec.settings.reference_of(self._names.lines[line].model)

    def _matures(self, place: Place) -> Maturing:
        maturing = self._maturing.get(place)
        if maturing is None:
            maturing = self._maturing[place] = Maturing()
        return maturing

    def _make_room(self, place: Place) -> None:
        """As many series as can have rows of their own, twice: values come and go."""
        most = 2 * self._spec.max_segment_values * len(self._spec.dimensions)
        segments = [key for key in self._series if key[:2] == place and key[2] != ALL]
        for key in sorted(segments, key=lambda key: (self._last_end[key], key[2]))[: max(0, len(segments) - most + 1)]:
            self._drop(key)

    def _drop(self, key: tuple[int, int, str]) -> None:
        del self._last_end[key]
        self._series.pop(key, None)
        if key[2] == ALL:
            self._maturing.pop(key[:2], None)
            for rate in [rate for rate in self._rates if rate[:2] == key[:2]]:
                del self._rates[rate]
