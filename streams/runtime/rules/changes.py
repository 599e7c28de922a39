"""What is different between two sets of rules, and which alerts does that touch?

Identity is a rule's name and the labels of an alert: a new threshold keeps an alert, another name or another way of
telling alerts apart ends it.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from streams.alerts.budget.tiers import burn_threshold, floor_of
from streams.alerts.drift_rules import means
from streams.alerts.instance import Labels, fingerprint
from streams.alerts.rules.conditions import written
from streams.alerts.rules.model import (
    About,
    AllOf,
    AnyOf,
    Comparison,
    DriftRule,
    NoData,
    Rule,
    RuleSet,
    Slo,
    Weekly,
    selects,
)
from streams.runtime.config.durations import format_duration

KINDS = {
    "slos": "slo",
    "rules": "rule",
    "drifts": "drift",
    "rollups": "rollup",
    "canaries": "canary",
    "mutes": "mute",
    "retrains": "retrain",
}
"""What a list of a rule set is called in the file."""

_TABLES = (About, NoData, Weekly)
_SETTINGS = ("step_ms", "max_page_age_ms", "retire_after_ms", "replaced_after_ms", "heartbeat_ms")


class What(StrEnum):
    """What becomes of a rule or of an alert."""

    APPEARS = "appears"
    VANISHES = "vanishes"
    CHANGES = "changes"
    STAYS = "stays"


class RuleChange(NamedTuple):
    """One rule that is not the same; `how` are sentences, empty for one that appears or vanishes."""

    what: What
    kind: str
    name: str
    how: tuple[str, ...] = ()


class AlertChange(NamedTuple):
    """What becomes of one alert."""

    what: What
    rule: str
    labels: Labels
    fingerprint: str


class Changes(NamedTuple):
    """Everything that is different. Settings are sentences."""

    settings: tuple[str, ...]
    rules: tuple[RuleChange, ...]

    @property
    def any(self) -> bool:
        """Whether anything is different."""
        return bool(self.settings or self.rules)


def compare(old: RuleSet, new: RuleSet) -> Changes:
    """The difference, by name."""
    settings = tuple(_differing("", _settings(old), _settings(new)))
    before, after = _named(old), _named(new)
    found = []
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            found.append(RuleChange(What.VANISHES, before[name][0], name))
        elif name not in before:
            found.append(RuleChange(What.APPEARS, after[name][0], name))
        elif before[name] != after[name]:
            found.append(_changed(name, before[name], after[name]))
    return Changes(settings, tuple(found))


def alerts_of(old: RuleSet, new: RuleSet, labels: Iterable[Labels]) -> list[AlertChange]:
    """What becomes of the alerts that budgets and thresholds have of things with these labels.

    Labels that a rule does not tell apart are left out: (model, version, class) names the alerts of a class and those
    of its version.
    """
    before, after = ({(rule, of) for of in labels for rule, of in _alerts(rules, of)} for rules in (old, new))
    both = sorted(before | after)
    return [_became(rule, of, was=(rule, of) in before, is_=(rule, of) in after) for rule, of in both]


def alerts_seen(new: RuleSet, seen: Iterable[tuple[str, Labels]]) -> list[AlertChange]:
    """What becomes of alerts that were seen, (rule, labels): those of rules that are gone or mean others vanish."""
    return [_became(rule, of, was=True, is_=_is_kept(new, rule, dict(of))) for rule, of in sorted(set(seen))]


def _became(rule: str, labels: Labels, *, was: bool, is_: bool) -> AlertChange:
    what = What.STAYS if was and is_ else What.APPEARS if is_ else What.VANISHES
    return AlertChange(what, rule, labels, fingerprint(rule, labels))


def _alerts(rules: RuleSet, labels: Labels) -> Iterator[tuple[str, Labels]]:
    known = dict(labels)
    asked: tuple[Slo | Rule, ...] = (*rules.slos, *rules.rules)
    for rule in asked:
        wanted = _identity(rule)
        if wanted <= known.keys() and _matches(rule.match, known):
            yield rule.name, tuple(sorted((name, known[name]) for name in wanted))


def _identity(rule: Slo | Rule) -> set[str]:
    return {"model", "version", *rule.by, *(["class"] if isinstance(rule, Slo) else [])}


def _matches(match: tuple[tuple[str, str], ...], labels: Mapping[str, str]) -> bool:
    return all(selects(pattern, labels.get(name, "")) for name, pattern in match)


def _is_kept(rules: RuleSet, name: str, labels: Mapping[str, str]) -> bool:
    base, _, part = name.partition("/")
    rule = _named(rules).get(base, (None, None))[1]
    if rule is None:
        return False
    match = getattr(rule, "match", (("model", getattr(rule, "model", "*")),))
    if part:  # its alert about missing data, of a version as a whole
        has_none = getattr(rule, "no_data", None) is None
        return not has_none and _matches(tuple(item for item in match if item[0] in {"model", "version"}), labels)
    if isinstance(rule, DriftRule):
        return means(rule, labels)
    if isinstance(rule, Slo | Rule) and _identity(rule) != labels.keys():
        return False
    return _matches(match, labels)


def _named(rules: RuleSet) -> dict[str, tuple[str, Any]]:
    return {one.name: (kind, one) for field, kind in KINDS.items() for one in getattr(rules, field)}


def _settings(rules: RuleSet) -> dict[str, Any]:
    return {name: getattr(rules, name) for name in _SETTINGS}


def _changed(name: str, before: tuple[str, Any], after: tuple[str, Any]) -> RuleChange:
    (old_kind, old), (kind, new) = before, after
    if old_kind != kind:
        how: tuple[str, ...] = (f"was [[{old_kind}]], is [[{kind}]]",)
    else:
        how = tuple(_differing("", _fields(old), _fields(new)))
        if isinstance(old, Slo) and isinstance(new, Slo):
            how += tuple(_tiers(old, new))
        if getattr(old, "by", None) != getattr(new, "by", None):
            how += ("its alerts are told apart otherwise: they all end, and begin with new fingerprints",)
    return RuleChange(What.CHANGES, kind, name, how)


def _fields(one: msgspec.Struct) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__struct_fields__}


def _differing(at: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """`key: old -> new` of what is not the same; tables by their keys, tiers are told elsewhere."""
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if before == after or (not at and key == "tiers"):
            continue
        if isinstance(before, _TABLES) and isinstance(after, _TABLES):
            yield from _differing(f"{at}{key}.", _fields(before), _fields(after))
        else:
            yield f"{at}{key.removesuffix('_ms')}: {_said(key, before)} -> {_said(key, after)}"


def _said(key: str, value: object) -> str:
    if value is None or value in ((), ""):
        return "(none)"
    if isinstance(value, Comparison | AllOf | AnyOf):
        return written(value)
    if key.endswith("_ms") and isinstance(value, int) and key not in {"start_ms", "end_ms"}:
        return format_duration(value)
    if isinstance(value, tuple):
        return ", ".join(" ".join(map(str, item)) if isinstance(item, tuple) else str(item) for item in value)
    if isinstance(value, msgspec.Struct):
        return ", ".join(f"{name} {_said(name, inner)}" for name, inner in _fields(value).items())
    return f"{value:g}" if isinstance(value, float) else str(value)


def _tiers(old: Slo, new: Slo) -> Iterator[str]:
    """What another target or other tiers do: when each tier fires."""
    for target_of in ("", *sorted(dict((*old.class_target, *new.class_target)))):
        before = {tier.name: _when(old, tier.name, target_of) for tier in old.tiers}
        after = {tier.name: _when(new, tier.name, target_of) for tier in new.tiers}
        for name in [*before, *(name for name in after if name not in before)]:
            was, is_ = before.get(name, "(none)"), after.get(name, "(none)")
            if was != is_:
                yield f"tier {name}{f' of class {target_of}' if target_of else ''}: {was} -> {is_}"


def _when(slo: Slo, name: str, cls: str) -> str:
    tier = next(tier for tier in slo.tiers if tier.name == name)
    target = slo.target_of(cls)
    long, short = format_duration(tier.long_ms), format_duration(tier.short_ms)
    floor, burn = floor_of(tier, target), burn_threshold(tier, target)
    return f"{tier.severity.value} below {floor:.3f} (burn {burn:.2f}) over {long} and {short}, alpha {tier.alpha:g}"
