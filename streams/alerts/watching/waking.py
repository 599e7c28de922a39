"""Old evidence wakes nobody: what settled too late after its window is a ticket, whichever rule says it."""

from streams.alerts.rules.model import Severity
from streams.alerts.verdict import Evidence, Judgement


def age_said(settle_ms: int) -> Evidence:
    """What the evidence of a page that became a ticket says of it: `settled_after_s`, seconds after its window."""
    return {"settled_after_s": settle_ms // 1000}


def as_old_as(judgement: Judgement, settle_ms: int, max_page_age_ms: int) -> Judgement:
    """A judgement by evidence that settled `settle_ms` after its window: above the limit a page is a ticket."""
    if judgement.severity is not Severity.PAGE or settle_ms <= max_page_age_ms:
        return judgement
    return judgement._replace(severity=Severity.TICKET, evidence={**judgement.evidence, **age_said(settle_ms)})
