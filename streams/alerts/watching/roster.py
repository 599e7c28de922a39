"""The alerts of one model: who there is, what changed in a step, and the rows that say so."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from streams.alerts.instance import ACTIVE, Ending, Instance, Labels, Phase, Transition, fingerprint
from streams.alerts.machine import end, set_muted, step
from streams.alerts.rows import ALERT_LOG, ALERTS, Context, alert_row
from streams.alerts.rules.model import DAY, About, Severity
from streams.alerts.verdict import Evidence, Judgement, Policy, Verdict
from streams.alerts.watching.said import Said
from streams.alerts.watching.words import summary_of
from streams.quality.rows import OutputRow

REMEMBERED_MS = 8 * DAY
"""How long an alert that is over is remembered: what varies from hour to hour is told without its episode."""

_SILENT = Judgement(Verdict.HOLD, Policy())

Mutes = Callable[[Instance], tuple[tuple[str, ...], tuple[str, ...]]]
"""Who mutes an alert now, and which alerts inhibit it; each sorted."""


class Roster:
    """Every instance of a model by its fingerprint; an inactive one that nothing breached has none."""

    def __init__(self) -> None:
        self._instances: dict[str, Instance] = {}
        self._of_rule: dict[str, dict[Labels, Instance]] = {}
        self._about: dict[str, About] = {}
        self._changed: dict[str, list[Transition]] = {}
        self._policies: dict[str, Policy] = {}
        self._lasts: dict[str, int] = {}

    def of(self, rule: str) -> Mapping[Labels, Instance]:
        """The instances of a rule, by labels: also those that were over not long ago."""
        return self._of_rule.get(rule, {})

    def active(self) -> list[Instance]:
        """The instances that are not inactive, by rule and labels."""
        return [one for _, of in sorted(self._of_rule.items()) for _, one in sorted(of.items()) if _is_on(one)]

    def others(self, is_of: Callable[[Instance], bool]) -> list[Instance]:
        """The instances that are not of any rule, by rule and labels."""
        every = sorted(self._instances.values(), key=lambda one: (one.rule, one.labels))
        return [one for one in every if not is_of(one)]

    def take(self, said: Said, t: int, step_ms: int) -> None:
        """Run a judgement of the step that ends at t."""
        instance = self._of_rule.get(said.rule, {}).get(said.labels)
        if instance is None:
            if said.judgement.verdict is not Verdict.BREACH:
                return
            instance = Instance(said.rule, said.rule_kind, said.labels, fingerprint(said.rule, said.labels))
            self._add(instance)
        self._about[instance.fingerprint] = said.about
        if _is_on(instance) or said.judgement.verdict is Verdict.BREACH:
            self._policies[instance.fingerprint] = said.judgement.policy
        if said.lasts_ms is not None:
            self._lasts[instance.fingerprint] = said.lasts_ms
        self._note(instance, step(instance, said.judgement, t, said.lasts_ms or step_ms, refuted=said.refuted))

    def hold_the_silent(self, t: int, step_ms: int) -> None:
        """Whatever no rule spoke of at this step holds."""
        for one in self.active():
            if one.last_t < t and t - one.last_t >= self._lasts.get(one.fingerprint, 0):
                policy = self._policies.get(one.fingerprint, _SILENT.policy)
                self._note(one, step(one, _SILENT._replace(policy=policy), t, step_ms))

    def alter(self, names: Iterable[str]) -> None:
        """Note that rules were changed in alerts of theirs that fired before."""
        for name in names:
            for one in self.of(name).values():
                one.altered = one.altered or one.phase in ACTIVE

    def close(self, instances: Iterable[Instance], t: int, ending: Ending) -> None:
        """End alerts for a reason that is no verdict."""
        for one in instances:
            self._note(one, end(one, t, ending))

    def tell(
        self, t: int, context: Context, heartbeat_ms: int, muted: Mutes, replaced: Callable[[Instance], bool]
    ) -> list[OutputRow]:
        """The rows of the step: of every transition, and of active alerts that were silent for long.

        `replaced` says whether the version of an alert is out of use; where that changes there is a row, too.
        """
        rows: list[OutputRow] = []
        other: set[str] = set()
        for one in self.active():
            self._note(one, set_muted(one, *muted(one), t))
            was, one.replaced = one.replaced, replaced(one)
            if was != one.replaced:
                other.add(one.fingerprint)
        for one in sorted(self._instances.values(), key=lambda one: (one.rule, one.labels)):
            transitions = self._changed.get(one.fingerprint, [])
            if transitions:
                rows += self._rows(one, t, context, transitions)
            elif one.phase in ACTIVE and (t - one.told_t >= heartbeat_ms or one.fingerprint in other):
                rows += self._rows(one, t, context, [None])
        self._changed = {}
        self._forget(t)
        return rows

    def counts(self) -> Evidence:
        """How many there are, for the pulse."""
        on = self.active()
        by_phase: Evidence = {phase.value: sum(one.phase is phase for one in on) for phase in (Phase.PENDING, *ACTIVE)}
        loud = [one for one in on if one.phase in ACTIVE]
        pages = sum(one.severity is Severity.PAGE for one in loud)
        muted = sum(bool(one.muted_by or one.inhibited_by) for one in loud)
        return {**by_phase, "pages": pages, "tickets": len(loud) - pages, "muted": muted}

    def dump(self) -> dict[str, object]:
        """Everything, of plain values; for `load`."""
        return {
            "instances": [msgspec.to_builtins(one) for one in self._instances.values()],
            "about": {name: msgspec.to_builtins(about) for name, about in self._about.items()},
            "lasts": dict(self._lasts),
            "policies": {name: list(policy) for name, policy in self._policies.items()},
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Fill an empty one with what `dump` gave. Raises ValueError when it is damaged."""
        try:
            for one in state["instances"]:
                self._add(msgspec.convert(one, Instance))
            self._about = msgspec.convert(state["about"], dict[str, About])
        except msgspec.ValidationError as error:
            raise ValueError(f"a damaged alert: {error}") from error
        self._lasts = dict(state["lasts"])
        self._policies = {name: Policy(*policy) for name, policy in state["policies"].items()}

    def _add(self, instance: Instance) -> None:
        self._instances[instance.fingerprint] = instance
        self._of_rule.setdefault(instance.rule, {})[instance.labels] = instance

    def _note(self, instance: Instance, transitions: Sequence[Transition]) -> None:
        if transitions:
            self._changed.setdefault(instance.fingerprint, []).extend(transitions)

    def _rows(
        self, one: Instance, t: int, context: Context, transitions: Sequence[Transition | None]
    ) -> list[OutputRow]:
        about = self._about.get(one.fingerprint, About())
        own = context._replace(summary=summary_of(one, about), runbook=about.runbook, labels=about.labels)
        one.told_t = t
        rows = []
        for transition in transitions:
            state = alert_row("quality.alert.v1", one, t, own, transition)
            rows.append(OutputRow(ALERTS, one.fingerprint, state))
            if transition is not None:
                rows.append(OutputRow(ALERT_LOG, one.fingerprint, {**state, "schema": "quality.alert_log.v1"}))
        return rows

    def _forget(self, t: int) -> None:
        self.drop([o for o in self._instances.values() if not _is_on(o) and t - o.last_t > REMEMBERED_MS])

    def drop(self, instances: Iterable[Instance]) -> None:
        """Forget instances that are over, and were told so."""
        for one in instances:
            if self._instances.pop(one.fingerprint, None) is None:
                continue
            del self._of_rule[one.rule][one.labels]
            self._about.pop(one.fingerprint, None)
            self._policies.pop(one.fingerprint, None)
            self._lasts.pop(one.fingerprint, None)


def _is_on(instance: Instance) -> bool:
    return instance.phase is not Phase.INACTIVE
