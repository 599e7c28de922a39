"""Which rules may wake people, and whose evidence settles too late for that."""

from collections.abc import Iterator
from typing import NamedTuple

from streams.alerts.missing import no_data_name
from streams.alerts.rules.model import Canary, DriftRule, Match, Rollup, Rule, RuleSet, Severity, Slo
from streams.runtime.config.durations import format_duration
from streams.runtime.config.lines import KeyPath
from streams.runtime.rules.facts import Facts


class Page(NamedTuple):
    """Alerts of a rule that are told as pages."""

    alert: str  # what they are called
    rule: str  # whose table says so
    keys: KeyPath  # and where in it
    models: str  # a pattern
    window_ms: int | None = None  # the shortest window they are about; None: there is none of its own


def pages_of(rules: RuleSet) -> Iterator[Page]:
    """What is told as a page as far as the rules say, by kind and name."""
    for slo in rules.slos:
        pages = [tier.long_ms for tier in slo.tiers if tier.severity is Severity.PAGE]
        if pages:
            yield Page(slo.name, slo.name, ("tiers",), _models(slo.match), min(pages))
    for rule in rules.rules:
        if rule.severity is Severity.PAGE:
            yield Page(rule.name, rule.name, ("severity",), _models(rule.match), rule.window_ms)
    carrying: tuple[Slo | Rule, ...] = (*rules.slos, *rules.rules)
    of = {one.name: _models(one.match) for one in carrying}
    others: list[tuple[DriftRule | Rollup | Canary, str]] = [
        *((drift, _models(drift.match)) for drift in rules.drifts),
        *((rollup, of.get(rollup.of, "*")) for rollup in rules.rollups),
        *((canary, canary.model) for canary in rules.canaries),
    ]
    for one, models in others:
        if one.severity is Severity.PAGE:
            yield Page(one.name, one.name, ("severity",), models)
    for member in carrying:
        missing = member.no_data
        if missing is not None and missing.severity is Severity.PAGE:
            keys = ("no_data", "severity")
            yield Page(no_data_name(member.name), member.name, keys, _models(member.match), missing.for_ms)


def too_late(page: Page, facts: Facts, max_page_age_ms: int) -> list[tuple[str, int]]:
    """(model, settle in ms) of the models of which the age rule makes a ticket of it; none without a job."""
    return [(model, settle_ms) for model, settle_ms in facts.settles(page.models) if settle_ms > max_page_age_ms]


def wakers(rules: RuleSet, facts: Facts) -> Iterator[str]:
    """The names of the alerts that wake people, with the models of which they do not."""
    for page in pages_of(rules):
        late = [model for model, _ in too_late(page, facts, rules.max_page_age_ms)]
        if not late:
            yield page.alert
        elif len(late) < len(facts.settles(page.models)):
            yield f"{page.alert} (not for {', '.join(late)}: a ticket by the age rule)"


def lateness(page: Page, model: str, settle_ms: int, max_page_age_ms: int) -> str:
    """What one should know of a page that is told as a ticket."""
    if page.window_ms is None:
        reports = f"a page of {page.alert} reports what is at least {format_duration(settle_ms)} old"
    else:
        reports = (
            f"a page on a {format_duration(page.window_ms)} window reports events "
            f"{format_duration(settle_ms + page.window_ms)} old"
        )
    return (
        f"windows of {model} settle {format_duration(settle_ms)} after their end: {reports}; "
        f"it will be sent as a ticket (age rule {format_duration(max_page_age_ms)})."
    )


def _models(match: Match) -> str:
    return dict(match).get("model", "*")
