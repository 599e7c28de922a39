"""Every rule of one model is asked at every step: budgets, thresholds, missing data, drift, gates."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from streams.alerts.drift_rules import Watched, concerns, drift_labels, judge_drift
from streams.alerts.evidence.book import ModelBook, SeriesKey
from streams.alerts.evidence.series import Series
from streams.alerts.instance import Ending, Phase, labels_of
from streams.alerts.missing import Silence, is_ready, judge_missing, no_data_name, silence
from streams.alerts.rules.model import DAY, Rule, Slo, selects
from streams.alerts.thresholds.metrics import STEP_METRICS
from streams.alerts.watching.budgets import BudgetWatch
from streams.alerts.watching.gates import Gates
from streams.alerts.watching.lacks import Lacks
from streams.alerts.watching.retraining import Around, Retraining
from streams.alerts.watching.roster import Roster
from streams.alerts.watching.said import Said, identity
from streams.alerts.watching.service import Service
from streams.alerts.watching.standing import Standing
from streams.alerts.watching.thresholds import judge_settled, judge_steps
from streams.alerts.watching.wanted import Asked, segment_of
from streams.quality.listener import Settled
from streams.quality.rows import OutputRow

REMEMBERED_MS = 28 * DAY
"""How far back the hours with predictions are looked at."""


class Asking:
    """What the rules of a model remember between steps besides counts and alerts, and what they say."""

    def __init__(self, asked: Asked, book: ModelBook, roster: Roster, service: Service) -> None:
        self._asked, self._book, self._roster, self._service = asked, book, roster, service
        self._lacks = Lacks(asked, book, roster)
        self._gates = Gates(book.model)
        self._retraining = Retraining(book.model, asked.retrains, roster)
        self._budgets: dict[tuple[str, SeriesKey], BudgetWatch] = {}
        self._kept: dict[tuple[str, SeriesKey], Sequence[Any]] = {}  # of budgets that were not asked since a start

    @property
    def gate_is_open(self) -> bool:
        """Whether some gate of the model is undecided."""
        return self._gates.open

    def judge(self, t: int, settle_ms: int, found: Sequence[Settled], *, over: bool) -> Iterator[Said]:
        """What the rules say at the step that ends at t; `found` are the windows that settled with it.

        `over`: the history has ended, so nothing is missing.
        """
        for gone in [key for key in self._budgets if key[1] not in self._book.series]:
            del self._budgets[gone]
        self._lacks.look(t)
        asked = {slo.name for slo in self._asked.slos}
        for idle in [key for key in self._kept if key[0] not in asked or key[1] not in self._book.series]:
            del self._kept[idle]
        for key, series in sorted(self._book.series.items()):
            for slo in self._asked.slos:
                if _is_asked(slo, series):
                    yield from self._budget(slo, key, series, settle_ms)
                    yield from () if over else self._missing(slo, series)
            for rule in self._asked.thresholds:
                if rule.metric in STEP_METRICS and _is_asked(rule, series):
                    yield from judge_steps(rule, series, self._roster.of(rule.name))
                    yield from () if over else self._missing(rule, series)
        for rule in self._asked.thresholds:
            if rule.metric not in STEP_METRICS:
                yield from judge_settled(rule, found, self._roster.of(rule.name))
        yield from self._drift(found)
        whole = {version: series for (version, dimension, _), series in self._book.series.items() if not dimension}
        if self._asked.canaries:
            yield from self._gates.judge(self._asked.rules, self._asked.canaries, whole, t, settle_ms, found)

    def trained(self, request: str, became: str) -> None:
        """The trainer says what became of a request to retrain."""
        self._retraining.answered(request, became)

    def retrain(self, t: int, muted: frozenset[str]) -> list[tuple[Said, Ending | None]]:
        """What is said of retraining after all else was judged: a judgement, or an ending that is none."""
        whole = [self._budgets[key] for key in sorted(self._budgets) if not key[1][1]]
        whole = [watch for watch in whole if not self._service.is_replaced(watch.series.version)]
        said = []
        for rule, answer in self._retraining.judge(t, whole, Around(self._gates.open, muted)):
            labels = labels_of(model=self._book.model)
            one = Said("retrain", rule.name, labels, answer.judgement, rule.about, answer.refuted)
            said.append((one, answer.ending))
        return said

    def standing(self) -> Iterator[Standing]:
        """How the error budgets of whole versions stand."""
        for _, watch in sorted(self._budgets.items()):
            yield from watch.standing(self._before(watch.series))

    def take_rows(self) -> list[OutputRow]:
        """Rows besides those of alerts: of gates."""
        return self._gates.take_rows()

    def dump(self) -> dict[str, object]:
        """Everything, of plain values; for `load`."""
        budgets = {**self._kept, **{key: watch.dump() for key, watch in self._budgets.items()}}
        return {
            "lacks": self._lacks.dump(),
            "gates": self._gates.dump(),
            "retraining": self._retraining.dump(),
            "budgets": [[name, *key, *kept] for (name, key), kept in budgets.items()],
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Fill an empty one with what `dump` gave. Raises ValueError when it is damaged."""
        self._lacks.load(state.get("lacks", ()))  # there were none once
        self._gates.load(state["gates"])
        self._retraining.load(state["retraining"])
        for name, version, dimension, value, *kept in state["budgets"]:
            self._kept[name, (version, dimension, value)] = kept

    def _budget(self, slo: Slo, key: SeriesKey, series: Series, settle_ms: int) -> Iterator[Said]:
        watch = self._budgets.get((slo.name, key))
        if watch is None or watch.series is not series or watch.slo is not slo:
            watch = self._budgets[slo.name, key] = BudgetWatch(slo, series)
            kept = self._kept.pop((slo.name, key), None)
            if kept is not None:
                watch.load(kept)
        instances = [one for labels, one in self._roster.of(slo.name).items() if _is_of(labels, series)]
        yield from watch.judge(instances, settle_ms, self._asked.rules.max_page_age_ms, self._before(series))

    def _missing(self, rule: Slo | Rule, series: Series) -> Iterator[Said]:
        no_data = rule.no_data
        if no_data is None or series.segment is not None:
            return
        name = no_data_name(rule.name)
        found = series.completeness(no_data.for_ms)
        quiet = self._silence(series, no_data.for_ms)
        labels = identity(series.model, series.version)
        known = self._roster.of(name).get(labels)
        if not quiet.silent_ms and is_ready(found, rule.ready) and (known is None or known.phase is Phase.INACTIVE):
            return  # by far the usual case
        newest = series.newest().predictions
        yield Said("no_data", name, labels, judge_missing(no_data, rule.ready, found, quiet, newest), rule.about)

    def _silence(self, series: Series, for_ms: int) -> Silence:
        if series.t - series.last_ms < for_ms or self._service.may_be_replaced(series):
            return Silence(max(0, series.t - series.last_ms), None)
        hours = series.hours(series.t - REMEMBERED_MS, series.t)
        busy = hours.start[hours.of_class.any(axis=1)]
        return silence(busy, series.t, for_ms, replaced=self._service.is_replaced(series.version))

    def _drift(self, found: Sequence[Settled]) -> Iterator[Said]:
        for window in sorted(found, key=lambda w: (w.end_ms, w.version, w.window, w.segment)):
            of = Watched(window.model, window.version, window.window, window.segment)
            for rule in self._asked.drifts:
                for finding in window.findings:
                    if not concerns(rule, of, finding):
                        continue
                    labels = drift_labels(of, finding)
                    known = self._roster.of(rule.name).get(labels)
                    active = known is not None and known.phase is not Phase.INACTIVE
                    judgement = judge_drift(rule, finding, window.start_ms, active=active)
                    if judgement is not None:
                        yield Said("drift", rule.name, labels, judgement, rule.about)

    def _before(self, series: Series) -> Series | None:
        """The version of the same segment that was seen last before this one."""
        older = [
            one
            for (_, dimension, value), one in self._book.series.items()
            if (dimension, value) == (series.segment or ("", "")) and 0 < one.first_ms < series.first_ms
        ]
        return max(older, key=lambda one: (one.first_ms, one.version), default=None)


def _is_asked(rule: Slo | Rule, series: Series) -> bool:
    """Whether a rule is about a series: of its dimension, and selected by its match."""
    dimension = segment_of(rule.by)
    if dimension != (series.segment[0] if series.segment else None):
        return False
    labels = dict(identity(series.model, series.version, series.segment))
    return all(selects(pattern, labels.get(label, "")) for label, pattern in rule.match if label != "class")


def _is_of(labels: tuple[tuple[str, str], ...], series: Series) -> bool:
    own = tuple((name, value) for name, value in labels if name != "class")
    return own == identity(series.model, series.version, series.segment)
