"""The rows of one window in one round: of each of its segments, and then of its groups.

What is judged is judged here, too, whether or not rows are built: the state must move the same.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from streams.ledger.cells import CellKind
from streams.ledger.spec import NO_TIME
from streams.ledger.times import rfc3339
from streams.quality.aged import FINAL, NOT_TOLD, told_before
from streams.quality.analyst import Analyst
from streams.quality.counts.ahead import Ahead
from streams.quality.counts.buckets import Bucket, no_change, without
from streams.quality.counts.counted import Counted
from streams.quality.counts.details import NO_DETAILS, SHIFT, UNLABELLED, of_kind
from streams.quality.counts.gather import gather
from streams.quality.counts.names import Line, Names
from streams.quality.counts.table import Delta, changed_classes, margins_of
from streams.quality.counts.views import OTHER, View, nothing, views
from streams.quality.delay_rows import delay_bins, places
from streams.quality.drift.finding import Finding, Kind, Level
from streams.quality.listener import Settled
from streams.quality.lives import Key, Life
from streams.quality.measures.calibration import calibration_bins, emptied_bin
from streams.quality.measures.groups import GroupMeasures, compare_groups
from streams.quality.measures.label_quality import label_sources
from streams.quality.measures.scoring import score_measures
from streams.quality.rows import (
    ALL,
    LABEL_TIME_VIEW,
    Moment,
    OutputRow,
    Place,
    RowWriter,
    Status,
    Stream,
    maturity_view,
)
from streams.quality.samples import DRIFTED_CLASS, DRIFTED_GROUP, Candidates, Drifted
from streams.quality.spec import QualitySpec


class Turn(NamedTuple):
    """What happens to a window in a round besides changed counts.

    `turned`: its status is another one than before; `settles`: it passed its border and is judged now; `age_ms`: the
    label age it reached; `told_at_ms`: the age at which everything is told anew, None while only the table is.
    """

    status: Status
    turned: bool
    settles: bool
    age_ms: int | None
    told_at_ms: int | None


class Judging(NamedTuple):
    """What windows are judged with, besides their own counts, and who hears of it."""

    analyst: Analyst
    ahead: Ahead
    candidates: Candidates
    tell: Callable[[Settled], None] | None = None


class WindowRows:
    """Judges and tells one window in one round; segments in the order of `views`, then `groups`."""

    def __init__(
        self, spec: QualitySpec, names: Names, judging: Judging, key: Key, life: Life, turn: Turn, moment: Moment
    ) -> None:
        self._spec, self._names, self._analyst, self._life, self._turn = spec, names, judging.analyst, life, turn
        self._candidates, self._tell = judging.candidates, judging.tell
        number, w, start = key
        self._place, self._start = (number, w), start
        window = spec.windows[w]
        self._end = start + window.size_ms
        self._line: Line = names.lines[number]
        self._settles = turn.settles and self._analyst.watches(w)
        self._watched = self._analyst.watches(w)
        self._late = judging.ahead.late(*key) if self._settles else None
        self._found: dict[str, list[Finding]] = {}
        self._shown: set[str] = set()
        self._detailed = window.is_of_details(spec.detail_ms)
        self._moment = moment
        self._at = Place(self._line.model, self._line.version, ALL, window.name, start, self._end)
        self._writer = RowWriter(self._at, turn.status, moment)
        self._whole: Counted | None = None
        self._groups: dict[str, list[tuple[str, Counted]]] = {d: [] for d in spec.dimensions}
        self._folded: dict[str, tuple[int, int]] = {}  # dimension -> values and predictions that are `other`
        self._drifted: list[Drifted] = []

    def judge_before_late(self, buckets: list[Bucket]) -> None:
        """First of all: where something came too late to be judged, all segments are judged as they were before it."""
        if self._late is None:
            return
        dimensions, bound = self._spec.dimensions, self._spec.max_segment_values
        bucket = buckets[0] if buckets else Bucket(len(dimensions))  # windows that are judged tumble
        before, change = without(bucket, self._late, len(dimensions)), no_change(len(dimensions))
        for view in views([before], change, dimensions, bound, [None] * len(dimensions), whole=True):
            counts = gather(view.everything(), view.details(), self._names)
            if counts.predictions:
                self._found[view.segment] = self._judge(view.segment, counts)

    def segment(
        self, view: View, cells: Iterable[tuple[int, int]], emptied: set[int] | None, *, quiet: bool
    ) -> list[OutputRow]:
        """Judge a segment, and its rows: of all its classes and of the `emptied` ones where these are given.

        `cells` are the codes of the confusion table to be told, with their counts now.
        """
        rows: list[OutputRow] = []
        self._shown.add(view.segment)
        self._writer.turn_to(view.segment)
        if self._turn.told_at_ms is not None and (self._turn.turned or view.segment == ALL):
            counts = gather(view.everything(), view.details(), self._names)
            if counts.predictions:  # else it is there for another view, or everything was retracted
                rows = self._look(view, counts, self._turn.told_at_ms)
            if counts.predictions or view.segment in self._life.told.calibration:  # told before
                rows += self._turn_rows(view, counts)
        rows += self._other_views(view)
        if quiet:
            return []
        return [*self._table_rows(view, cells, emptied), *rows]

    def _look(self, view: View, counts: Counted, age_ms: int) -> list[OutputRow]:
        """Everything that is told at some ages only is taken now; the rows of what detectors found."""
        turn, life, every = self._turn, self._life, view.segment == ALL
        cost = self._spec.settings.cost_of(self._line.model)
        life.scores[view.segment] = age_ms // 1000, score_measures(counts, cost)
        if every:
            self._whole = counts
        elif turn.turned:
            self._remember_group(view, counts)
        if not self._watched:
            return []
        if every and turn.age_ms is not None:
            life.outlook = self._analyst.look(self._place, self._start, turn.age_ms, counts)
        findings: list[Finding] = []
        if self._settles:
            early = self._late is not None
            findings = self._found.pop(view.segment, []) if early else self._judge(view.segment, counts)
        if every and turn.turned and turn.status is Status.FINAL:
            self._analyst.mature(self._place, self._start, counts)
            life.outlook = FINAL
        return [self._writer.finding(finding) for finding in findings]

    def _judge(self, segment: str, counts: Counted) -> list[Finding]:
        findings = self._analyst.judge(self._place, segment, self._start, self._end, counts)
        self._blame(segment, findings)
        if self._tell is not None:
            line, at = self._line, self._at
            of = (line.model, line.version, segment, at.window, self._start, self._end)
            self._tell(Settled(*of, counts, tuple(findings)))
        return findings

    def _blame(self, segment: str, findings: list[Finding]) -> None:
        """Remember what drifted, for samples of it."""
        for finding in findings:
            if finding.level != Level.ALARM or finding.kind not in {Kind.PERFORMANCE, Kind.CONFUSION}:
                continue
            if segment != ALL and not segment.endswith(f"={OTHER}"):
                self._drifted.append(Drifted(DRIFTED_GROUP, segment))
            elif segment == ALL and finding.subject is not None:
                self._drifted.append(Drifted(DRIFTED_CLASS, finding.subject))

    def of_all_segments(self, *, quiet: bool) -> list[OutputRow]:
        """What is told when all segments were: groups and samples; nothing between settled and final."""
        if not self._turn.turned or self._turn.status is Status.OPEN:
            return []
        rows = []
        for segment, findings in self._found.items():  # of which nothing is left
            self._writer.turn_to(segment)
            rows += [self._writer.finding(finding) for finding in findings]
        told = self._life.told
        for segment in sorted({*told.calibration, *(segment for _, segment in told.views)} - self._shown):
            view = nothing(segment)
            self._writer.turn_to(segment)
            rows += [*self._turn_rows(view, gather({}, view.details(), self._names)), *self._other_views(view)]
        self._writer.turn_to(ALL)
        samples = self._candidates.told(*self._place, self._start, self._drifted)
        rows += [*self._group_rows(), *(self._writer.sample(sample) for sample in samples)]
        return [] if quiet else rows

    def _group_rows(self) -> list[OutputRow]:
        told, whole = self._life.told, self._whole
        if whole is None and not told.groups:
            return []
        told.groups = True
        counts = gather({}, NO_DETAILS, self._names) if whole is None else whole
        return [
            self._writer.of(Stream.GROUPS, (d,), self._compared(d, groups, counts))
            for d, groups in self._groups.items()
        ]

    def _compared(self, dimension: str, groups: list[tuple[str, Counted]], whole: Counted) -> GroupMeasures:
        values, predictions = self._folded.get(dimension, (0, 0))
        spec = self._spec.settings.groups
        return compare_groups(dimension, groups, whole, predictions, spec, groups_folded=values)

    def _remember_group(self, view: View, counts: Counted) -> None:
        dimension, _, value = view.segment.partition("=")
        if value == OTHER:
            self._folded[dimension] = max(1, view.folded), counts.predictions
        elif counts.predictions:
            self._groups[dimension].append((value, counts))

    def _table_rows(self, view: View, cells: Iterable[tuple[int, int]], emptied: set[int] | None) -> list[OutputRow]:
        """The rows of the window, its classes and its cells."""
        margins, names, line = view.margins, self._names.classes, self._line
        if not margins.predictions and not sum(n for code, n in view.delta.items() if code >= 0):
            return []  # there was nothing and there is nothing: no row, not even of corrections
        more = told_before(self._life, view.segment)
        window = self._writer.window(
            margins, line.classes_expected, self._spec.min_support, *more, corrected=self._detailed
        )
        rows = [window]
        classes = changed_classes(view.delta)
        if emptied is not None:
            classes |= margins.classes() | emptied
        if classes:
            rows += self._writer.of_classes(margins, classes, names, view.everything())
        changed = [
            (names[actual], names[code & UNLABELLED], count)
            for code, count in cells
            if (actual := code >> SHIFT) != UNLABELLED
        ]
        changed.sort()
        rows += [self._writer.confusion(*cell) for cell in changed]
        return rows

    def _turn_rows(self, view: View, counts: Counted) -> list[OutputRow]:
        """What is told when a window settles and when it is final, and only then."""
        if not self._turn.turned or self._turn.status is Status.OPEN:
            return []
        writer = self._writer
        told, bins = self._life.told, calibration_bins(counts)
        gone = {*told.calibration.get(view.segment, ())} - {each.bin for each in bins}
        told.calibration[view.segment] = tuple(each.bin for each in bins)
        bins += [emptied_bin(number) for number in sorted(gone)]
        rows = [writer.of(Stream.CALIBRATION, (str(each.bin),), each) for each in bins]
        if view.segment == ALL:
            newest = None if self._line.newest_label_ms <= NO_TIME else rfc3339(self._line.newest_label_ms)
            delays = delay_bins(counts, newest, told.delays)
            told.delays = places(delays)
            names = {"cls": "class", "n": "count"}
            rows += [
                writer.of(Stream.DELAYS, (each.cls or "", f"{each.delay_from_s:g}"), each, names) for each in delays
            ]
            human, expected = self._spec.settings.human_sources, self._spec.expected_of(self._line.model)
            sources = label_sources(counts, human, expected, told.sources)
            told.sources = [(each.source, each.other) for each in sources]
            rows += [writer.of(Stream.LABEL_SOURCES, (each.source, each.other or ""), each) for each in sources]
        return rows

    def _other_views(self, view: View) -> list[OutputRow]:
        """The same window by the time at which labels became known, and as it was known at fixed label ages."""
        spec, rows = self._spec, list[OutputRow]()
        if not self._detailed or not (spec.label_time or spec.maturities_ms):
            return rows
        details = view.details()
        if spec.label_time:
            _, actual, predicted, n = of_kind(details, CellKind.LABEL_TIME)
            delta = dict(zip((actual << SHIFT | predicted).tolist(), n.tolist(), strict=True))
            rows += self._by_view(LABEL_TIME_VIEW, view, delta)
        c, actual, predicted, n = of_kind(details, CellKind.MATURITY)
        for i, age in enumerate(spec.maturities_ms):
            at = c == i
            known = dict(zip((actual[at] << SHIFT | predicted[at]).tolist(), n[at].tolist(), strict=True))
            labelled = margins_of(known).predicted
            rest = {cls: total - labelled.get(cls, 0) for cls, total in view.margins.of_class.items()}
            known |= {UNLABELLED << SHIFT | cls: total for cls, total in rest.items() if total}
            rows += self._by_view(maturity_view(age), view, known)
        return rows

    def _by_view(self, name: str, view: View, table: Delta) -> list[OutputRow]:
        margins, told, key = margins_of(table), self._life.told.views, (name, view.segment)
        if not margins.predictions and key not in told:
            return []
        writer = RowWriter(self._at._replace(segment=view.segment, view=name), self._turn.status, self._moment)
        line, names = self._line, self._names.classes
        rows = [writer.window(margins, line.classes_expected, self._spec.min_support, *NOT_TOLD, corrected=False)]
        classes = told.setdefault(key, set())
        if self._turn.turned:
            classes |= margins.classes() | view.margins.classes()
            rows += writer.of_classes(margins, classes, names, table)
        return rows
