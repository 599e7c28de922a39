"""One model version, window size and segment over time: every settled window is judged once, in order of time.

Windows must tumble: detectors over time count independent evidence, and windows that overlap bring the same twice.
Corrections that come after a window was judged change its other rows, but never what was judged: alarms would come and
go with every label.

Size of the state with K classes: 48 bytes a class for the detectors, the names, and three references (`reference.py`).
"""

from collections.abc import Mapping
from typing import Any

from streams.quality.counts.counted import Counted
from streams.quality.drift.comparisons import SCORE_SQUARES, LabelComparison, PredictionComparison, ScoreComparison
from streams.quality.drift.finding import Explains, Finding, Kind, Level, Why, finding
from streams.quality.drift.incident import Incident
from streams.quality.drift.recalls import Recalls
from streams.quality.drift.reference import Chosen, Pool, Reference
from streams.quality.drift.stored import whole
from streams.quality.drift.tally import CLASS_BITS, UNKNOWN, ClassNumbers
from streams.quality.drift.verdicts import LEAST_N, Verdict
from streams.quality.drift.watched import (
    Counts,
    Watched,
    counts_of,
    counts_of_training,
    judge_labels,
    judge_predictions,
    judge_scores,
    judge_skew,
)  # fmt: skip
from streams.quality.settings import ReferenceKind, ReferenceSpec

FORMAT = 1

_LEARNS_NOTHING = frozenset({Kind.VARIANCE})
"""Kinds whose incident does not keep a window from becoming normal: they look back over many."""

_BY_THE_HOUR = frozenset({Kind.LABEL, Kind.PREDICTION, Kind.SCORE})
"""Shares differ by the hour. While the hours of the week are not known yet, other shares than in the first windows do
not keep an hour from being learnt: else one that differs would ring every day and never become normal.
"""


class Series:
    """Judges the windows of one series. Scores have a finding from the first window with any, skew with training."""

    def __init__(self, spec: ReferenceSpec) -> None:
        self._begin(spec, ClassNumbers())

    def _begin(self, spec: ReferenceSpec, names: ClassNumbers) -> None:
        self._spec, self._names = spec, names
        training = counts_of_training(spec.training, names)
        self._labels = Reference(spec, training.labels, LabelComparison.among)
        self._predictions = Reference(spec, training.predictions, PredictionComparison.among)
        self._scores = Reference(spec, training.scores, ScoreComparison.among)
        self._recalls = Recalls()
        self._incidents: dict[Kind, Incident] = {kind: Incident() for kind in Kind if kind is not Kind.PERFORMANCE}
        self._last_ms: int | None = None
        self._scored = bool(training.scores.total)

    def judge(self, start_ms: int, end_ms: int, counts: Counted) -> list[Finding]:
        """What is said of the settled window [start_ms, end_ms): a finding of each kind, in the order of `Kind`.

        Nothing of a window that does not begin after the last one that was judged.
        """
        if self._last_ms is not None and start_ms <= self._last_ms:
            return []
        self._last_ms = start_ms
        counted, span = counts_of(counts, self._names), (start_ms, end_ms)
        self._scored |= bool(counted.scores.total)
        labels, incident = judge_labels(self._labels, counted.labels, self._names.listed, self._recalls, span)
        watched = [labels, judge_predictions(self._predictions, counted.predictions, span)]
        if self._scored:
            watched.append(judge_scores(self._scores, counted.scores, span))
        found: dict[Kind, Finding] = {}
        for one in watched:
            of_it = {
                kind: self._finding(kind, verdict, one.chosen, start_ms, incident)
                for kind, verdict in one.verdicts.items()
            }
            found |= of_it
            _learn(one, of_it, span)
        if self._spec.training is not None:
            found[Kind.SKEW] = self._skew(counted, start_ms)
        explained = _explained(found)
        return [explained[kind] for kind in Kind if kind in explained]

    def _finding(
        self, kind: Kind, verdict: Verdict, chosen: Chosen | Why, start_ms: int, of_performance: Mapping[str, object]
    ) -> Finding:
        said: dict[str, object] = {"level": (verdict.level or Level.QUIET).value}
        if kind is Kind.PERFORMANCE:
            said |= of_performance
            said["subject"] = verdict.subject
        else:
            said |= self._step(kind, verdict, start_ms)
        if isinstance(chosen, Chosen):
            said |= chosen.said()
        return finding(kind, verdict.n, verdict.said | said, verdict.why, verdict.otherwise)

    def _step(self, kind: Kind, verdict: Verdict, start_ms: int) -> dict[str, object]:
        incident = self._incidents[kind]
        if verdict.level is None:
            return incident.unjudged() | {"subject": incident.blamed}
        alarm = verdict.level is Level.ALARM
        if alarm:
            incident.blamed = verdict.subject
        if not alarm and verdict.n < LEAST_N and kind is not Kind.VARIANCE:  # too few to ring: silence is no calm
            return incident.unjudged() | {"subject": incident.blamed}
        said = incident.step(start_ms, alarm=alarm, calm=not alarm)
        return said | {"subject": incident.blamed}

    def _skew(self, counted: Counts, start_ms: int) -> Finding:
        verdict, chosen = judge_skew(counted, self._names.listed, self._labels, self._predictions, self._scores)
        return self._finding(Kind.SKEW, verdict, chosen, start_ms, {})

    def dump(self) -> dict[str, object]:
        """The state as plain values; what was set is not in it."""
        return {
            "format": FORMAT,
            "names": list(self._names.listed),
            "last": self._last_ms,
            "scored": self._scored,
            "labels": self._labels.dump(),
            "predictions": self._predictions.dump(),
            "scores": self._scores.dump(),
            "recalls": self._recalls.dump(),
            "incidents": {kind.value: incident.dump() for kind, incident in self._incidents.items()},
        }

    @classmethod
    def load(cls, spec: ReferenceSpec, state: Mapping[str, Any]) -> "Series":
        """Go on from what `dump` gave. Raises ValueError when it is damaged, or of another format."""
        series = cls(spec)
        try:
            series._restore(state)
        except (KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
            raise ValueError(f"a damaged state of a series: {error!r}") from error
        return series

    def _restore(self, state: Mapping[str, Any]) -> None:
        names = state["names"]
        if state["format"] != FORMAT or any(not isinstance(name, str) for name in names):
            raise ValueError("a series of another format")
        if len(set(names)) != len(names):
            raise ValueError("a class that is there twice")
        known = len(names)
        self._begin(self._spec, ClassNumbers(names))
        self._labels.restore(state["labels"])
        self._predictions.restore(state["predictions"])
        self._scores.restore(state["scores"])
        self._recalls = Recalls.load(state["recalls"])
        for kind in self._incidents:
            self._incidents[kind] = Incident.load(state["incidents"][kind.value])
        self._last_ms = None if state["last"] is None else whole(state["last"])
        self._scored |= bool(state["scored"])
        cells = self._labels.counted().code
        predicted = cells[cells & UNKNOWN != UNKNOWN] & UNKNOWN
        classes = [cells >> CLASS_BITS, predicted, self._predictions.counted().code]
        if any(int(of.max(initial=-1)) >= known for of in classes) or self._recalls.classes > known:
            raise ValueError("counts of a class without a name")
        if int(self._scores.counted().code.max(initial=0)) > SCORE_SQUARES:
            raise ValueError("scores beyond 1")


def _learn(one: Watched, found: Mapping[Kind, Finding], span: tuple[int, int]) -> None:
    """Let a reference learn of a window in which anything was counted."""
    if not one.counts.total:
        return
    passed_over = _LEARNS_NOTHING
    if isinstance(one.chosen, Chosen) and one.chosen.kind is not ReferenceKind.HOUR_OF_WEEK:
        passed_over |= _BY_THE_HOUR
    quiet = all(
        said.level == Level.QUIET and said.incident is None for kind, said in found.items() if kind not in passed_over
    )
    one.reference.learn(Pool(*span, 1, one.counts), one.chosen, one.pairs, quiet=quiet)


def _drifts(said: Finding | None) -> bool:
    return said is not None and (said.level != Level.QUIET or said.incident is not None)


def _explained(found: Mapping[Kind, Finding]) -> Mapping[Kind, Finding]:
    """The findings with what explains them: recalls or errors that changed, or only the shares of classes.

    Without labels nothing is explained.
    """
    performance = found[Kind.PERFORMANCE]
    concept = _drifts(performance) or _drifts(found[Kind.CONFUSION])
    explained = dict(found)
    for kind in (Kind.PERFORMANCE, Kind.CONFUSION, Kind.PREDICTION, Kind.LABEL):
        if not _drifts(found[kind]):
            continue
        if concept:
            explained[kind] = explained[kind]._replace(explains=Explains.CONCEPT_SHIFT.value)
        elif performance.p_value is not None:
            explained[kind] = explained[kind]._replace(explains=Explains.LABEL_SHIFT.value)
    return explained
