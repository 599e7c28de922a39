"""Which counts do the rules of a model need?"""

from streams.alerts.drift_rules import means
from streams.alerts.evidence.ring import Windows
from streams.alerts.instance import Instance
from streams.alerts.missing import no_data_name
from streams.alerts.rules.model import DAY, HOUR, Canary, DriftRule, Match, Retrain, Rule, RuleSet, Slo, selects
from streams.alerts.thresholds.metrics import BASELINE_MS, OF_CLASS, STEP_METRICS

USUAL_MS = 7 * DAY
"""For how long hours are kept at least: what is usual is taken from them."""

AGAIN_MS = DAY
"""For how long after it fired a threshold's window can be counted again, to see whether labels were corrected."""


class Asked:
    """The rules that are about one model."""

    def __init__(self, rules: RuleSet, model: str) -> None:
        self.rules = rules
        self.slos = tuple(slo for slo in rules.slos if _about(slo.match, model))
        self.thresholds = tuple(rule for rule in rules.rules if _about(rule.match, model))
        self.drifts = tuple(rule for rule in rules.drifts if _about(rule.match, model))
        self.rollups = rules.rollups
        self.canaries = tuple(canary for canary in rules.canaries if selects(canary.model, model))
        self.retrains = tuple(retrain for retrain in rules.retrains if selects(retrain.model, model))
        self._labels = self._labels_by_name()
        self.mutes = tuple(mute for mute in rules.mutes if _about(mute.match, model))

    @property
    def carrying(self) -> tuple[Slo | Rule, ...]:
        """The rules that carry an alert about missing data."""
        return (*self.slos, *self.thresholds)

    def is_of(self, one: Instance) -> bool:
        """Whether an alert is of one of these rules: of its name and kind, with the labels that it gives, and meant.

        A rule that asks something else under a name that was there before has other alerts.
        """
        kind, names = self._labels.get(one.rule, ("", None))
        labels = dict(one.labels)
        if kind != one.rule_kind or (names is not None and names != labels.keys()):
            return False
        drift = next((rule for rule in self.drifts if rule.name == one.rule), None)
        if drift is not None:
            return means(drift, labels)
        match = next((rule.match for rule in self.carrying if rule.name == one.rule), ())
        return all(selects(pattern, labels[label]) for label, pattern in match if label in labels)

    @property
    def inhibiting(self) -> tuple[str, ...]:
        """The names of rules whose alerts speak for a whole model version."""
        return tuple(rule.name for rule in self.thresholds if rule.inhibits == "model")

    @property
    def nothing(self) -> bool:
        """Whether no rule asks anything."""
        some: tuple[tuple[Slo | Rule | DriftRule | Canary | Retrain, ...], ...] = (
            self.slos, self.thresholds, self.drifts, self.canaries, self.retrains,
        )  # fmt: skip
        return not any(some)

    def windows(self) -> Windows:
        """The sums that must be kept."""
        steps = {HOUR}
        periods = {slo.period_ms for slo in self.slos}
        for slo in self.slos:
            steps |= {length for tier in slo.tiers for length in (tier.long_ms, tier.short_ms)}
            steps |= {slo.no_data.for_ms} if slo.no_data else set()
        for rule in self.thresholds:
            if rule.metric in STEP_METRICS:
                steps.add(rule.window_ms)
                periods |= {BASELINE_MS}
            steps |= {rule.no_data.for_ms} if rule.no_data else set()
        hours = {USUAL_MS, *periods}
        hours |= {canary.max_duration_ms for canary in self.canaries}
        hours |= {retrain.slice_ms * (retrain.slices + 1) for retrain in self.retrains}
        again = [rule.window_ms + AGAIN_MS for rule in self.thresholds if rule.metric in STEP_METRICS]
        step_ms, again_ms = self.rules.step_ms, max(again, default=0)
        return Windows(step_ms, tuple(sorted(steps)), tuple(sorted(periods)), max(hours), again_ms)

    def _labels_by_name(self) -> dict[str, tuple[str, frozenset[str] | None]]:
        """The kind and the labels of the alerts of each name; None where labels differ from alert to alert."""
        version = frozenset({"model", "version"})
        found: dict[str, tuple[str, frozenset[str] | None]] = {
            **{slo.name: ("slo", version | {"class", *slo.by}) for slo in self.slos},
            **{rule.name: ("threshold", version | _classed(rule) | {*rule.by}) for rule in self.thresholds},
            **{drift.name: ("drift", None) for drift in self.drifts},
            **{rollup.name: ("rollup", frozenset(rollup.by)) for rollup in self.rollups},
            **{canary.name: ("canary", version) for canary in self.canaries},
            **{retrain.name: ("retrain", frozenset({"model"})) for retrain in self.retrains},
        }
        missing = (rule.name for rule in self.carrying if rule.no_data is not None)
        return found | {no_data_name(name): ("no_data", version) for name in missing}

    def dimensions(self, names: tuple[str, ...]) -> tuple[int, ...]:
        """The indexes of the dimensions whose values have counts of their own."""
        by = {label for rule in self.carrying for label in rule.by}
        return tuple(d for d, name in enumerate(names) if f"segment.{name}" in by)


def _about(match: Match, model: str) -> bool:
    return all(selects(pattern, model) for label, pattern in match if label == "model")


def _classed(rule: Rule) -> frozenset[str]:
    return frozenset({"class"}) if rule.metric in OF_CLASS else frozenset()


def segment_of(by: tuple[str, ...]) -> str | None:
    """The dimension that a rule is asked by; None for all segments together."""
    return next((label.removeprefix("segment.") for label in by if label.startswith("segment.")), None)


def matches(match: Match, labels: dict[str, str]) -> bool:
    """Whether labels are meant: a label that is not there is only meant by `*`."""
    return all(selects(pattern, labels.get(label, "")) for label, pattern in match)
