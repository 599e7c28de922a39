"""What is right in the file and still worth knowing, as far as the job itself says it: pages that come too late."""

from streams.alerts.rules.model import RuleSet, Severity, Slo, Tier
from streams.runtime.config.durations import format_duration
from streams.runtime.config.lines import KeyPath
from streams.runtime.rules.codes import RuleCode
from streams.runtime.rules.scope import Scope


def warn(scope: Scope, rules: RuleSet) -> None:
    """Note every warning about rules without errors."""
    paths = {name: path for _, path, name in scope.sheet.names()}
    for slo in rules.slos:
        pages = [tier for tier in slo.tiers if tier.severity is Severity.PAGE]
        if pages:
            _ages(scope, slo, pages, (*paths[slo.name], "tiers"), rules.max_page_age_ms)


def _ages(scope: Scope, slo: Slo, pages: list[Tier], path: KeyPath, most_ms: int) -> None:
    """Pages whose evidence is too old to wake somebody when it settles."""
    for model, settle_ms in scope.facts.settles(dict(slo.match).get("model", "*")):
        if settle_ms <= most_ms:
            continue
        shortest = min(tier.long_ms for tier in pages)
        text = (
            f"windows of {model} settle {format_duration(settle_ms)} after their end: a page on a "
            f"{format_duration(shortest)} window reports events {format_duration(settle_ms + shortest)} old; "
            f"it will be sent as a ticket (age rule {format_duration(most_ms)})."
        )
        scope.tell(RuleCode.AGE, path, text)
