"""What is right in the file and still worth knowing, as far as the job itself says it: pages that come too late."""

from streams.alerts.rules.model import RuleSet
from streams.runtime.rules.codes import RuleCode
from streams.runtime.rules.pages import lateness, pages_of, too_late
from streams.runtime.rules.scope import Scope


def warn(scope: Scope, rules: RuleSet) -> None:
    """Note every warning about rules without errors: pages whose evidence is too old to wake somebody."""
    paths = {name: path for _, path, name in scope.sheet.names()}
    for page in pages_of(rules):
        for model, settle_ms in too_late(page, scope.facts, rules.max_page_age_ms):
            text = lateness(page, model, settle_ms, rules.max_page_age_ms)
            scope.tell(RuleCode.AGE, (*paths[page.rule], *page.keys), text)
