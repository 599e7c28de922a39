"""When the budgets of a model say that it should be trained anew: the facts that a request rests on, step by step."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from streams.alerts.instance import ACTIVE, Ending, Instance
from streams.alerts.retrain import Answer, ClassState, Facts, RetrainState, answered, judge_retrain
from streams.alerts.rules.model import HOUR, Retrain
from streams.alerts.watching.budgets import BudgetWatch
from streams.alerts.watching.roster import Roster

LOOK_MS = HOUR
"""How often it is looked at: budgets of weeks do not change by the minute."""


class Around(NamedTuple):
    """What else is going on with a model: whether a gate is undecided, and the retraining rules that are muted."""

    gate_open: bool
    muted: frozenset[str]


class Retraining:
    """The requests of one model, by rule."""

    def __init__(self, model: str, retrains: Sequence[Retrain], roster: Roster) -> None:
        self._model, self._retrains, self._roster = model, retrains, roster
        self._states: dict[str, RetrainState] = {}

    def judge(self, t: int, budgets: Sequence[BudgetWatch], around: Around) -> Iterator[tuple[Retrain, Answer]]:
        """What each rule says at a step; `budgets` are those of all segments together, one for each version."""
        for rule in self._retrains:
            state = self._states.setdefault(rule.name, RetrainState())
            waiting = state.request is not None and state.request.answer is not None
            if t % LOOK_MS and not waiting:
                continue
            ours = [watch for watch in budgets if watch.slo.name == rule.slo]
            yield rule, judge_retrain(rule, state, self._facts(rule, ours, around), t)

    def answered(self, request: str, became: str) -> None:
        """The trainer says what became of a request."""
        for state in self._states.values():
            answered(state, request, became)

    def dump(self) -> dict[str, object]:
        """Everything, of plain values; for `load`."""
        return {name: msgspec.to_builtins(state) for name, state in self._states.items()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Fill an empty one with what `dump` gave. Raises ValueError when it is damaged."""
        try:
            asked = {rule.name for rule in self._retrains}  # a rule that comes back has no open request
            self._states = {name: msgspec.convert(one, RetrainState) for name, one in state.items() if name in asked}
        except msgspec.ValidationError as error:
            raise ValueError(f"a damaged request to retrain: {error}") from error

    def _facts(self, rule: Retrain, budgets: Sequence[BudgetWatch], around: Around) -> Facts:
        alerts = self._roster.of(rule.slo)
        classes = [one for watch in budgets for one in _class_states(watch, alerts.values())]
        found = [watch.series.completeness(HOUR) for watch in budgets]
        shares = [one.labelled / (one.predictions * one.usual) for one in found if one.predictions and one.usual]
        broken = [one.episode for one in self._roster.active() if one.rule_kind == "no_data"]
        others = [state.asked_ms for name, state in self._states.items() if name != rule.name]
        return Facts(
            self._model,
            classes,
            min(shares, default=None),
            min(broken, default=None),
            rule.name in around.muted,
            around.gate_open,
            max(others, default=0),
        )


def _class_states(watch: BudgetWatch, alerts: Any) -> Iterator[ClassState]:
    by_class: dict[str, Instance] = {}
    for one in alerts:
        labels = dict(one.labels)
        if labels.get("version") == watch.series.version and len(labels) == 3:
            by_class[labels["class"]] = one
    for left in watch.left():
        alert = by_class.get(left.name)
        yield ClassState(
            watch.series.version,
            left.name,
            left.remaining,
            left.n,
            left.bad,
            left.n,
            left.share,
            alert.fired_at if alert is not None and alert.phase in ACTIVE else None,
            alert is not None and alert.ending == Ending.CORRECTED,
        )
