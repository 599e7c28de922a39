"""What is right in the file and still worth knowing: alerts that come late, rest on few events, or match nothing."""

from streams.alerts.rules.model import RuleSet, Severity
from streams.runtime.config.durations import format_duration
from streams.runtime.rules.codes import RuleCode
from streams.runtime.rules.scope import Scope


def warn(scope: Scope, rules: RuleSet) -> None:
    """Note every warning about rules without errors."""
    _ages(scope, rules)


def _ages(scope: Scope, rules: RuleSet) -> None:
    """Pages whose evidence is too old to wake somebody when it settles."""
    paths = {name: path for _, path, name in scope.sheet.names()}
    most_ms = rules.max_page_age_ms
    for slo in rules.slos:
        pages = [tier for tier in slo.tiers if tier.severity is Severity.PAGE]
        for model, settle_ms in scope.facts.settles(dict(slo.match).get("model", "*")):
            if not pages or settle_ms <= most_ms:
                continue
            shortest = min(tier.long_ms for tier in pages)
            text = (
                f"windows of {model} settle {format_duration(settle_ms)} after their end: a page on a "
                f"{format_duration(shortest)} window reports events {format_duration(settle_ms + shortest)} old; "
                f"it will be sent as a ticket (age rule {format_duration(most_ms)})."
            )
            scope.tell(RuleCode.AGE, (*paths[slo.name], "tiers"), text)
