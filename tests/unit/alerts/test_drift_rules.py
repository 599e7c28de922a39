"""Alerts about drift follow the incidents of the detectors."""

from typing import Any

import pytest

from streams.alerts.drift_rules import Watched, concerns, drift_labels, judge_drift
from streams.alerts.instance import Instance, Phase, fingerprint
from streams.alerts.machine import step
from streams.alerts.rules.model import DAY, DriftRule, Severity
from streams.alerts.verdict import Verdict
from streams.quality.drift.finding import Finding, Kind, Why, finding

T = 20_000 * DAY
OF = Watched("m", "1", "24h", "all")
RULE = DriftRule("drift", ("*",), ())


def found(kind: str = Kind.LABEL, status: str | None = "open", effect: float | None = 0.05, **more: Any) -> Finding:
    said = {"level": "alarm" if status == "open" else "quiet", "effect": effect, "incident_status": status}
    said["incident"] = None if status is None else T
    return finding(kind, 500, said | more, {}, Why.FEW)


def verdict(what: Finding, rule: DriftRule = RULE, *, active: bool = False) -> Verdict | None:
    judgement = judge_drift(rule, what, T, active=active)
    return None if judgement is None else judgement.verdict


def test_an_alert_fires_with_an_incident_and_ends_with_it() -> None:
    labels = drift_labels(OF, found())
    alert = Instance("drift", "drift", labels, fingerprint("drift", labels))
    said = []
    for day, status in enumerate([None, "open", "open", "closed", None, "open"]):
        active = alert.phase is not Phase.INACTIVE
        judgement = judge_drift(RULE, found(status=status), T + day * DAY, active=active)
        changes = [] if judgement is None else step(alert, judgement, T + day * DAY, DAY)
        said.append([str(each.change) for each in changes])
    assert said == [[], ["firing"], [], ["resolved"], [], ["firing"]]


def test_quiet_windows_say_nothing() -> None:
    assert verdict(found(status=None)) is None
    assert verdict(found(status=None, level="now")) is None


def test_an_alert_whose_incident_was_forgotten_is_over() -> None:
    assert verdict(found(status=None), active=True) is Verdict.CLEAR
    assert verdict(found(status=None, level="now"), active=True) is None


@pytest.mark.parametrize(
    ("effect", "first", "later"),
    [
        (0.05, Verdict.HOLD, Verdict.BREACH),
        (0.1, Verdict.BREACH, Verdict.BREACH),
        (-0.1, Verdict.BREACH, Verdict.BREACH),
        (None, Verdict.HOLD, Verdict.BREACH),
    ],
)
def test_an_alert_begins_with_an_effect_that_matters(effect: float | None, first: Verdict, later: Verdict) -> None:
    rule = DriftRule("drift", ("*",), (), min_effect=0.1)
    assert verdict(found(effect=effect), rule) is first
    assert verdict(found(effect=effect), rule, active=True) is later


def test_without_a_bound_an_unknown_effect_does_not_matter() -> None:
    assert verdict(found(effect=None)) is Verdict.BREACH


def test_what_is_told_are_the_numbers_of_the_finding() -> None:
    judgement = judge_drift(
        DriftRule("drift", ("*",), (), severity=Severity.PAGE), found(subject="fraud", p_value=1e-9), T, active=False
    )
    assert judgement is not None
    assert judgement.severity is Severity.PAGE
    assert judgement.policy.keep_firing_ms == 0
    told = {name: judgement.evidence[name] for name in ("subject", "n", "effect", "p_value", "incident", "statistic")}
    assert told == {
        "subject": "fraud",
        "n": 500,
        "effect": 0.05,
        "p_value": 1e-9,
        "incident": "2024-10-04T00:00:00.000Z",
        "statistic": None,
    }


def test_the_identity_is_the_series_of_windows_and_the_kind() -> None:
    assert dict(drift_labels(OF, found(subject="fraud"))) == {
        "model": "m", "version": "1", "window": "24h", "kind": "label",
    }  # fmt: skip
    there = drift_labels(OF._replace(segment="region=eu=west"), found())
    assert dict(there)["segment.region"] == "eu=west"


def test_rates_of_one_kind_are_told_apart_by_their_subject() -> None:
    first, second = (drift_labels(OF, found("label_conflicts", subject=name)) for name in ("crm", "human"))
    assert (dict(first)["kind"], dict(second)["kind"]) == ("label_conflicts/crm", "label_conflicts/human")
    assert dict(drift_labels(OF, found("strange_labels", subject="")))["kind"] == "strange_labels"


@pytest.mark.parametrize(
    ("rule", "meant"),
    [
        (RULE, True),
        (DriftRule("d", ("performance",), ()), False),
        (DriftRule("d", ("performance", "label"), ()), True),
        (DriftRule("d", ("*",), (), ("1h",)), False),
        (DriftRule("d", ("*",), (), ("1h", "24h")), True),
        (DriftRule("d", ("*",), (("model", "m"), ("version", "!2"))), True),
        (DriftRule("d", ("*",), (("model", "n"),)), False),
        (DriftRule("d", ("*",), (("segment.region", "eu"),)), False),
    ],
)
def test_a_rule_is_about_what_its_patterns_mean(rule: DriftRule, *, meant: bool) -> None:
    assert concerns(rule, OF, found()) is meant


def test_a_rule_means_kinds_without_their_subject() -> None:
    assert concerns(DriftRule("d", ("label_conflicts",), ()), OF, found("label_conflicts", subject="crm"))
