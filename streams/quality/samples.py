"""Predictions worth a person's look: the ledger's candidates wait here until the window they lie in is told.

They are told of windows of the smallest size that tumbles and is made of whole details: when such a window settles and
again when it is final, which is when the ledger says candidates. Of each reason those with the smallest second word
of their hash are told: a fair draw, bounded, the same in every run.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import nsmallest
from typing import Any, NamedTuple

from streams.formats.columns import CONFIDENCE_SCALE
from streams.ledger.position import SourceId, offset_of, row_of
from streams.ledger.samples import Sample, SampleReason
from streams.quality.counts.names import Names
from streams.quality.spec import QualitySpec


class SampleRow(NamedTuple):
    """Where a prediction lies and why to look at it, in the order of its row."""

    reason: str
    subject: str | None  # the class or the segment that drifted
    topic: str
    partition: int
    offset: int
    row: int
    id_hash: str
    actual: str
    predicted: str
    confidence: float | None

    @property
    def key(self) -> str:
        """The record key: the coordinates, since a prediction is one in every revision, the reason and the subject."""
        coordinates = f"{self.topic}|{self.partition}|{self.offset}|{self.row}|{self.reason}"
        return coordinates if self.subject is None else f"{coordinates}|{self.subject}"


class Drifted(NamedTuple):
    """What a detector blames: a class, or a segment given as "NAME=VALUE"."""

    reason: str
    subject: str


class Candidates:
    """The candidates of windows that were not told yet."""

    def __init__(self, spec: QualitySpec, names: Names) -> None:
        self._spec = spec
        self._names = names
        self._waiting: dict[tuple[int, int], list[tuple[int, Sample]]] = {}  # (line, pane) -> (group, candidate)
        tumbling = [
            (window.size_ms, w)
            for w, window in enumerate(spec.windows)
            if window.step_ms == window.size_ms and not window.half_life_ms and window.is_of_details(spec.detail_ms)
        ]
        self._told_by = min(tumbling, default=(0, None))[1]

    def take(self, samples: Iterable[Sample], groups: Sequence[int]) -> None:
        """Candidates of a flush; `groups` are the judge's numbers of the groups that they index."""
        if self._told_by is None:
            return
        for sample in samples:
            group = groups[sample.group]
            self._waiting.setdefault((self._names.line_of[group], sample.pane), []).append((group, sample))

    def told(self, line: int, w: int, start_ms: int, drifted: Sequence[Drifted]) -> list[SampleRow]:
        """The rows of a window that settles or is final; its candidates are gone then."""
        if w != self._told_by:
            return []
        panes = range(start_ms // self._spec.pane_ms, (start_ms + self._spec.windows[w].size_ms) // self._spec.pane_ms)
        step = self._spec.detail_ms // self._spec.pane_ms
        waiting = [pair for pane in panes[::step] for pair in self._waiting.pop((line, pane), [])]
        # a flush that goes back before the last one tells candidates again
        found = list({(group, s.pane, s.reason, s.hash): (group, s) for group, s in waiting}.values())
        if not found:
            return []
        rows = self._drawn(found, SampleReason.CONFIDENT_WRONG, None, lambda _: True)
        rows += self._drawn(found, SampleReason.NEAR_THRESHOLD, None, lambda _: True)
        wrong = [pair for pair in found if pair[1].reason is SampleReason.WRONG]
        for each in sorted(set(drifted)):
            rows += self._drawn(wrong, SampleReason.WRONG, each, self._blamed(each))
        return rows

    def forget(self, watermark: int) -> None:
        """Candidates of windows that are final, or were never there, wait for nothing."""
        if self._told_by is None or not self._waiting:
            return
        size_ms = self._spec.windows[self._told_by].size_ms
        longest = [size_ms + line.timing.final_ms for line in self._names.lines]
        for line, pane in [*self._waiting]:
            if pane * self._spec.pane_ms + longest[line] + size_ms < watermark:
                del self._waiting[line, pane]

    def dump(self) -> list[object]:
        """Everything; for `load`."""
        return [
            [line, pane, [[group, list(_plain(sample))] for group, sample in waiting]]
            for (line, pane), waiting in self._waiting.items()
        ]

    def load(self, state: Iterable[Any]) -> None:
        """Fill an empty one with what `dump` gave, once the names are there. Raises ValueError when it is damaged."""
        for line, pane, waiting in state:
            if not 0 <= line < len(self._names.lines):
                raise ValueError("a candidate of an unknown model version")
            self._waiting[line, pane] = [(group, _sample(plain)) for group, plain in waiting]

    def _blamed(self, drifted: Drifted) -> Callable[[tuple[int, Sample]], bool]:
        dimension, _, value = drifted.subject.partition("=")
        if drifted.reason == DRIFTED_CLASS:
            return lambda pair: pair[1].true == drifted.subject
        d = self._spec.dimensions.index(dimension)
        return lambda pair: self._names.series[d][self._names.series_of[d][pair[0]]][1] == value

    def _drawn(
        self,
        found: list[tuple[int, Sample]],
        reason: SampleReason,
        drifted: Drifted | None,
        fits: Callable[[tuple[int, Sample]], bool],
    ) -> list[SampleRow]:
        fitting = [pair[1] for pair in found if pair[1].reason is reason and fits(pair)]
        most = self._spec.settings.samples.per_window
        return [_row(sample, drifted) for sample in nsmallest(most, fitting, key=lambda one: (one.hash[16:], one.hash))]


DRIFTED_CLASS, DRIFTED_GROUP = "drifted_class", "drifted_group"


def _row(sample: Sample, drifted: Drifted | None) -> SampleRow:
    source = SourceId.parse(sample.source)
    return SampleRow(
        str(sample.reason) if drifted is None else drifted.reason,
        None if drifted is None else drifted.subject,
        source.topic,
        source.partition,
        offset_of(sample.position),
        row_of(sample.position),
        sample.hash,
        sample.true,
        sample.predicted,
        None if sample.confidence is None else sample.confidence / CONFIDENCE_SCALE,
    )


def _plain(sample: Sample) -> Iterable[object]:
    return (getattr(sample, name) if name != "reason" else str(sample.reason) for name in Sample.__struct_fields__)


def _sample(plain: Sequence[Any]) -> Sample:
    fields: Mapping[str, Any] = dict(zip(Sample.__struct_fields__, plain, strict=True))
    return Sample(**{**fields, "reason": SampleReason(fields["reason"])})
