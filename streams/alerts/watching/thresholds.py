"""Threshold rules at work: of windows that end with every step, and of configured windows when they settle."""

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np

from streams.alerts.budget.codes import BREACH, CLEAR
from streams.alerts.evidence.series import Counts, Series
from streams.alerts.instance import ACTIVE, Instance, Labels, Phase
from streams.alerts.missing import is_ready
from streams.alerts.rules.model import HOUR, Comparison, Condition, Rule, selects
from streams.alerts.thresholds.judge import RuleStep, judge_rule
from streams.alerts.thresholds.metrics import BASELINE_MS, OF_CLASS, Measured, events, measure
from streams.alerts.thresholds.settled import measure_settled
from streams.alerts.verdict import Verdict
from streams.alerts.watching.said import Said, identity
from streams.alerts.watching.wanted import segment_of
from streams.quality.counts.counted import Counted
from streams.quality.counts.views import OTHER
from streams.quality.listener import Settled
from streams.quality.rows import ALL


def judge_steps(rule: Rule, series: Series, known: Mapping[Labels, Instance]) -> Iterator[Said]:
    """What a rule about windows of whole steps says of a series: of all that breaches, and of active alerts."""
    is_on = any(one.phase is not Phase.INACTIVE for one in known.values())
    if series.ring.silent and rule.metric != "support" and not is_on:
        return  # nothing is defined
    window = rule.window_ms
    counts, completeness = series.pooled(window), series.completeness(window)
    baseline = None
    if _asks(rule, "delta") and window <= BASELINE_MS - HOUR:  # the period is of whole hours, and holds no more
        baseline = measure(rule.metric, _less(series.period(BASELINE_MS), counts))
    step = judge_rule(
        rule,
        measure(rule.metric, counts, completeness),
        events(rule.metric, series.newest()),
        baseline,
        is_ready(completeness, rule.ready),
    )
    if rule.metric not in OF_CLASS:
        labels = identity(series.model, series.version, series.segment)
        yield from _said(rule, step, 0, labels, known, refuted=_is_refuted(rule, series, step, 0, known.get(labels)))
        return
    named = next((pattern for label, pattern in rule.match if label == "class"), "*")
    for c, labels in _classes(series, step, known):
        if selects(named, series.classes[c]):
            refuted = _is_refuted(rule, series, step, c, known.get(labels))
            yield from _said(rule, step, c, labels, known, refuted=refuted)


def judge_settled(rule: Rule, found: Sequence[Settled], known: Mapping[Labels, Instance]) -> Iterator[Said]:
    """What a rule about settled windows says of those that settled at this step."""
    ours = [window for window in found if window.end_ms - window.start_ms == rule.window_ms]
    dimension = segment_of(rule.by)
    for window in sorted(ours, key=lambda w: (w.end_ms, w.version, w.segment)):
        name, _, value = window.segment.partition("=")
        if (window.segment == ALL) == (dimension is not None) or (dimension is not None and name != dimension):
            continue
        segment = None if dimension is None else (dimension, value)
        labels = identity(window.model, window.version, segment)
        if not all(selects(pattern, dict(labels).get(label, "")) for label, pattern in rule.match):
            continue
        measured = _measured(rule, window, ours)
        yield from _said(rule, judge_rule(rule, measured, measured.events), 0, labels, known, rule.window_ms)


def _measured(rule: Rule, window: Settled, ours: Sequence[Settled]) -> Measured:
    groups: list[tuple[str, Counted]] = []
    if rule.dimension is not None:
        of = (window.version, window.window, window.end_ms)
        same = [one for one in ours if (one.version, one.window, one.end_ms) == of]
        parts = [(one.segment.partition("="), one.counts) for one in same if one.segment != ALL]
        groups = sorted(
            ((value, counts) for (name, _, value), counts in parts if name == rule.dimension and value != OTHER),
            key=lambda group: group[0],
        )
    return measure_settled(rule.metric, window.counts, rule.dimension, groups, rule.min_support)


def _classes(series: Series, step: RuleStep, known: Mapping[Labels, Instance]) -> Iterator[tuple[int, Labels]]:
    """The classes that breach or have an active alert, with their labels."""
    breaching = np.flatnonzero(step.verdict == BREACH).tolist()
    own = identity(series.model, series.version, series.segment)
    active = {
        dict(labels)["class"]
        for labels, one in known.items()
        if one.phase is not Phase.INACTIVE and tuple(x for x in labels if x[0] != "class") == own
    }
    for c in sorted({*breaching, *_numbers(series.classes, active)}):
        yield c, identity(series.model, series.version, series.segment, series.classes[c])


def _numbers(classes: Sequence[str], names: Collection[str]) -> list[int]:
    return [c for c, name in enumerate(classes) if name in names] if names else []


def _said(
    rule: Rule,
    step: RuleStep,
    c: int,
    labels: Labels,
    known: Mapping[Labels, Instance],
    lasts_ms: int | None = None,
    *,
    refuted: bool = False,
) -> Iterator[Said]:
    one = known.get(labels)
    if step.verdict[c] == BREACH or (one is not None and one.phase is not Phase.INACTIVE):
        judgement = step.judgement(c)
        # without a number, and without a breach for want of events, it says nothing: the numbers of before stay
        says = judgement.evidence["value"] is not None or judgement.verdict is Verdict.BREACH
        evidence = {"metric": rule.metric, **judgement.evidence} if says else {}
        judgement = judgement._replace(evidence=evidence)
        yield Said("threshold", rule.name, labels, judgement, rule.about, refuted, lasts_ms)


def _is_refuted(rule: Rule, series: Series, step: RuleStep, c: int, one: Instance | None) -> bool:
    """Whether what an alert fired on, counted as it is known now, is something else and would not have been a breach.

    Asked where the alert may end. False where the steps are not kept any more, and of label completeness, which means
    what was there at the time. A delta is taken from the baseline of then.
    """
    if one is None or one.phase not in ACTIVE or step.verdict[c] != CLEAR or rule.metric == "label_completeness":
        return False
    counts = series.between(one.fired_at - rule.window_ms, one.fired_at)
    if counts is None:
        return False
    then, measured = one.fired_evidence, measure(rule.metric, counts)
    baseline = np.full(len(measured.value), np.nan if then.get("baseline") is None else then["baseline"], np.float64)
    again = judge_rule(rule, measured, measured.events, Measured(baseline, measured.events))
    now = again.judgement(c).evidence
    is_other = any(now[name] != then.get(name) for name in ("value", "support"))
    return bool(is_other and again.verdict[c] != BREACH)


def _less(counts: Counts, other: Counts) -> Counts:
    return Counts(*(a - b for a, b in zip(counts, other, strict=True)))


def _asks(rule: Rule, subject: str) -> bool:
    return any(_mentions(condition, subject) for condition in (rule.fire_when, rule.resolve_when) if condition)


def _mentions(condition: Condition, subject: str) -> bool:
    if isinstance(condition, Comparison):
        return condition.subject == subject
    return any(_mentions(term, subject) for term in condition.terms)
