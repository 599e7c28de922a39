"""Incidents of the detectors as alerts: one for each model version, kind of drift, window and segment.

The detectors have done the statistics and have a memory of their own, so an alert follows the incident: it fires with
the window that opens it and is over with the window that closes it.
"""

from collections.abc import Mapping
from typing import NamedTuple

from streams.alerts.instance import Labels
from streams.alerts.rules.model import DriftRule, selects
from streams.alerts.verdict import Evidence, Judgement, Policy, Verdict
from streams.ledger.times import rfc3339
from streams.quality.drift.finding import Finding, IncidentStatus, Kind, Level

ALL = "all"
"""The segment of everything: no label."""

POLICY = Policy(for_ms=0, keep_firing_ms=0)
"""Whoever makes the incidents has waited already."""

_KINDS = frozenset(kind.value for kind in Kind)


class Watched(NamedTuple):
    """Which series of windows a finding is of."""

    model: str
    version: str
    window: str
    segment: str  # "all" or NAME=VALUE


def drift_labels(of: Watched, finding: Finding) -> Labels:
    """The identity of the alert about a finding. A rate's has its subject: there are many of one kind."""
    kind = finding.kind
    if kind not in _KINDS and finding.subject:
        kind = f"{kind}/{finding.subject}"
    labels = {"model": of.model, "version": of.version, "window": of.window, "kind": kind}
    if of.segment != ALL:
        name, _, value = of.segment.partition("=")
        labels[f"segment.{name}"] = value
    return tuple(sorted((name, value) for name, value in labels.items() if value))


def concerns(rule: DriftRule, of: Watched, finding: Finding) -> bool:
    """Whether a rule is about the findings of a kind in a series of windows."""
    return means(rule, dict(drift_labels(of, finding)))


def means(rule: DriftRule, labels: Mapping[str, str]) -> bool:
    """Whether a rule is about the alert with these labels: of its kinds, in its windows, and selected by its match."""
    kind, _, _ = labels.get("kind", "").partition("/")
    if not any(selects(pattern, kind) for pattern in rule.kinds):
        return False
    if not any(selects(pattern, labels.get("window", "")) for pattern in rule.windows):
        return False
    return all(selects(pattern, labels.get(name, "")) for name, pattern in rule.match)


def judge_drift(rule: DriftRule, finding: Finding, window_start_ms: int, *, active: bool) -> Judgement | None:
    """What a settled window says; None where there is nothing to say.

    `active`: whether the alert is not inactive. While an incident is open: BREACH, but as long as nobody was told HOLD
    where the effect is below the rule's or cannot be said. CLEAR with the window that closes it, and for an active
    alert whose incident is forgotten: the detectors began anew.
    """
    if finding.incident_status is None:
        if not active or finding.level != Level.QUIET:
            return None
        return Judgement(Verdict.CLEAR, POLICY, support=finding.n, evidence=_evidence(finding, window_start_ms))
    evidence = _evidence(finding, window_start_ms)
    if finding.incident_status == IncidentStatus.CLOSED:
        return Judgement(Verdict.CLEAR, POLICY, support=finding.n, evidence=evidence)
    large = rule.min_effect <= 0 or (finding.effect is not None and abs(finding.effect) >= rule.min_effect)
    if not active and not large:
        return Judgement(Verdict.HOLD, POLICY, support=finding.n, evidence=evidence)
    return Judgement(Verdict.BREACH, POLICY, rule.severity, None, finding.n, evidence)


def _evidence(finding: Finding, window_start_ms: int) -> Evidence:
    return {
        "subject": finding.subject,
        "level": finding.level,
        "n": finding.n,
        "reference_n": finding.reference_n,
        "reference": finding.reference,
        "statistic": finding.statistic,
        "expected": finding.expected,
        "overdispersion": finding.overdispersion,
        "p_value": finding.p_value,
        "effect": finding.effect,
        "effect_bound": finding.effect_bound,
        "explains": finding.explains,
        "incident": None if finding.incident is None else rfc3339(finding.incident),
        "window_start": rfc3339(window_start_ms),
    }
