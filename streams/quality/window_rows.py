"""The rows of one window in one round: of each of its segments, and then of its groups.

What is judged is judged here, too, whether or not rows are built: the state must move the same.
"""

from collections.abc import Iterable
from typing import NamedTuple

from streams.ledger.cells import DELAY_EDGES_MS, CellKind
from streams.quality.ahead import Late, without
from streams.quality.analyst import Analyst
from streams.quality.calibration import calibration_bins
from streams.quality.counted import BinnedCells, Counted
from streams.quality.details import SHIFT, UNLABELLED, added, of_kind, subtracted
from streams.quality.gather import gather
from streams.quality.groups import compare_groups
from streams.quality.label_quality import label_sources
from streams.quality.lives import Key, Life
from streams.quality.maturing.outlook import Unknown, silent
from streams.quality.names import Line, Names
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
from streams.quality.scoring import score_measures
from streams.quality.spec import QualitySpec
from streams.quality.table import Delta, changed_classes, margins_of
from streams.quality.views import OTHER, View

_NOT_LOOKED_AT = silent(Unknown.NOT_LOOKED_AT)

MOST_DELAY_CLASSES = 50
"""With more classes the histogram of label delays is told for all of them together only."""


class Turn(NamedTuple):
    """What happens to a window in a round besides changed counts.

    `turned`: its status is another one than before; `settles`: it is judged now; `age_ms`: the label age it reached.
    """

    status: Status
    turned: bool
    settles: bool
    age_ms: int | None


class DelayBin(NamedTuple):
    """How many labels of a class (None: of all) became known so long after their event; `delay_to_s` None: open."""

    cls: str | None
    delay_from_s: float
    delay_to_s: float | None
    count: int


class WindowRows:
    """Judges and tells one window in one round; segments in the order of `views`, then `groups`."""

    def __init__(
        self,
        spec: QualitySpec,
        names: Names,
        analyst: Analyst,
        key: Key,
        life: Life,
        turn: Turn,
        moment: Moment,
        late: Late | None,
    ) -> None:
        self._spec, self._names, self._analyst, self._life, self._turn = spec, names, analyst, life, turn
        number, w, start = key
        self._place, self._start = (number, w), start
        window = spec.windows[w]
        self._end = start + window.size_ms
        self._line: Line = names.lines[number]
        self._watched = analyst.watches(w)
        self._detailed = not (window.bucket_ms % spec.detail_ms or window.origin_ms % spec.detail_ms)
        self._moment = moment
        self._late = late
        self._named: dict[str, list[str]] = {d: [] for d in spec.dimensions}
        self._at = Place(self._line.model, self._line.version, ALL, window.name, start, self._end)
        self._writer = RowWriter(self._at, turn.status, moment)
        self._whole: Counted | None = None
        self._groups: dict[str, list[tuple[str, Counted]]] = {d: [] for d in spec.dimensions}
        self._folded: dict[str, int] = {}

    def segment(
        self, view: View, cells: Iterable[tuple[int, int]], emptied: set[int] | None, *, quiet: bool
    ) -> list[OutputRow]:
        """Judge a segment, and its rows: of all its classes and of the `emptied` ones where these are given.

        `cells` are the codes of the confusion table to be told, with their counts now.
        """
        turn, every = self._turn, view.segment == ALL
        final = turn.turned and turn.status is Status.FINAL
        if quiet and not (self._watched and (turn.settles or (every and (final or turn.age_ms is not None)))):
            return []
        counts = gather(view.everything(), view.details(), self._names)
        rows: list[OutputRow] = []
        self._writer.turn_to(view.segment)
        if self._watched:
            if every and turn.age_ms is not None:
                self._life.outlook = self._analyst.look(self._place, self._start, turn.age_ms, counts)
            if turn.settles:
                judged = self._judged(view) or counts
                findings = self._analyst.judge(self._place, view.segment, self._start, self._end, judged)
                rows = [self._writer.finding(finding) for finding in findings]
            if every and final:
                self._analyst.mature(self._place, self._start, counts)
        if quiet:
            return []
        if every:
            self._whole = counts
        elif turn.turned:
            self._remember_group(view.segment, counts)
        return [*self._table_rows(view, counts, cells, emptied), *rows, *self._detail_rows(view, counts)]

    def _judged(self, view: View) -> Counted | None:
        """What is judged of a segment, where that is not what is counted now."""
        dimension, _, value = view.segment.partition("=")
        if self._late is None:
            return None
        if view.segment == ALL:
            cells, details = self._late.of_all()
        elif value != OTHER:
            self._named[dimension].append(view.segment)
            cells, details = self._late.of_segment(view.segment)
        else:
            cells, details = self._late.of_all()
            for segment in self._named[dimension]:
                named, named_details = self._late.of_segment(segment)
                cells, details = without(cells, named), subtracted(details, [named_details])
        if not cells and not len(details[0]):
            return None
        return gather(without(view.everything(), cells), subtracted(view.details(), [details]), self._names)

    def groups(self) -> list[OutputRow]:
        """The rows that compare the segments told before, by dimension; none between settled and final."""
        if not self._turn.turned or self._turn.status is Status.OPEN or self._whole is None:
            return []
        self._writer.turn_to(ALL)
        spec = self._spec.settings.groups
        return [
            self._writer.of(Stream.GROUPS, (d,), compare_groups(d, groups, self._whole, self._folded.get(d, 0), spec))
            for d, groups in self._groups.items()
            if len(groups) > 1 or d in self._folded
        ]

    def _remember_group(self, segment: str, counts: Counted) -> None:
        dimension, _, value = segment.partition("=")
        if value == OTHER:
            self._folded[dimension] = counts.predictions
        elif counts.predictions:
            self._groups[dimension].append((value, counts))

    def _table_rows(
        self, view: View, counts: Counted, cells: Iterable[tuple[int, int]], emptied: set[int] | None
    ) -> list[OutputRow]:
        """The rows of the window, its classes and its cells."""
        margins, names, line = view.margins, self._names.classes, self._line
        if not margins.predictions and not sum(n for code, n in view.delta.items() if code >= 0):
            return []  # there was nothing and there is nothing: no row, not even of corrections
        outlook = (self._life.outlook if view.segment == ALL else None) or _NOT_LOOKED_AT
        scores = score_measures(counts, self._spec.settings.cost_of(line.model))
        rows = [self._writer.window(margins, line.classes_expected, self._spec.min_support, scores, outlook)]
        classes = changed_classes(view.delta)
        if emptied is not None:
            classes |= margins.classes() | emptied
        rows += self._writer.of_classes(margins, {names[c]: c for c in classes}, counts)
        changed = [
            (names[actual], names[code & UNLABELLED], count)
            for code, count in cells
            if (actual := code >> SHIFT) != UNLABELLED
        ]
        changed.sort()
        rows += [self._writer.confusion(*cell) for cell in changed]
        return rows

    def _detail_rows(self, view: View, counts: Counted) -> list[OutputRow]:
        """The rows of everything else: told when a window settles and when it is final, views of time also between."""
        rows = self._other_views(view)
        if not self._turn.turned or self._turn.status is Status.OPEN:
            return rows
        writer = self._writer
        for each in calibration_bins(counts):
            rows.append(writer.of(Stream.CALIBRATION, (str(each.bin),), each))
        if view.segment == ALL:
            rows += [
                writer.of(Stream.DELAYS, (each.cls or "", f"{each.delay_from_s:g}"), each, {"cls": "class"})
                for each in delay_bins(counts)
            ]
            human, expected = self._spec.settings.human_sources, self._spec.expected_of(self._line.model)
            rows += [
                writer.of(Stream.LABEL_SOURCES, (each.source, each.other or ""), each)
                for each in label_sources(counts, human, expected)
            ]
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
        margins = margins_of(table)
        if not margins.predictions:
            return []
        writer = RowWriter(self._at._replace(segment=view.segment, view=name), self._turn.status, self._moment)
        line, names = self._line, self._names.classes
        counts = gather(table, added(()), self._names)
        scores = score_measures(counts, self._spec.settings.cost_of(line.model))
        rows = [writer.window(margins, line.classes_expected, self._spec.min_support, scores, _NOT_LOOKED_AT)]
        if self._turn.turned:
            classes = margins.classes() | view.margins.classes()
            rows += writer.of_classes(margins, {names[c]: c for c in classes}, counts)
        return rows


def delay_bins(counts: Counted) -> list[DelayBin]:
    """The histogram of label delays: of all classes, and of each true class where these are not too many."""
    delays = counts.delays
    result = _histogram(None, delays)
    if counts.k <= MOST_DELAY_CLASSES:
        for i, name in enumerate(counts.classes):
            of_class = delays.true == i
            result += _histogram(name, BinnedCells(*(column[of_class] for column in delays)))
    return result


def _histogram(cls: str | None, delays: BinnedCells) -> list[DelayBin]:
    n: dict[int, int] = {}
    for b, count in zip(delays.bin.tolist(), delays.n.tolist(), strict=True):
        n[b] = n.get(b, 0) + count
    edges = [edge / 1000 for edge in DELAY_EDGES_MS]
    ends = [*edges[1:], None]
    return [DelayBin(cls, edges[b], ends[b], count) for b, count in sorted(n.items())]
