"""What does an error budget do at given rates? Floors and burns of its tiers, delays, false alarms, and its size.

Every number follows from the budget and a rate of events by `budget.forecast`; nothing here is measured.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from streams.alerts.budget.forecast import detection_ms, events_needed, false_alarms_per_month
from streams.alerts.budget.tiers import burn_threshold, floor_of
from streams.alerts.rules.model import HOUR, Severity, Slo, Tier, selects
from streams.runtime.rules.rates import Rates

DROPS = (0.1, 0.3, 0.5)
"""Relative drops of recall (or precision) whose detection is told."""

USUAL_RATES = (2.0, 10.0, 50.0, 250.0, 1_000.0)
"""Events per hour that are told of where no rates are given."""

SMALLEST_BUDGET = 10
"""Misses a period below which a class cannot carry a budget: one bad day is half of it."""


class Watched(NamedTuple):
    """A class of a model, with its events per hour; without rates only a rate."""

    model: str | None
    cls: str | None
    rate_per_h: float


class TierFacts(NamedTuple):
    """One tier at one target. `events_needed`: None where a burn above the threshold alone is never enough."""

    tier: Tier
    floor: float
    burn: float
    events_needed: int | None


class Detection(NamedTuple):
    """How soon a relative drop is told by expected counts, and by which tier; None: never.

    `page_after_ms`: when somebody is woken, which may be later.
    """

    drop: float
    after_ms: int | None
    tier: str | None
    severity: Severity | None
    page_after_ms: int | None


class Expected(NamedTuple):
    """What is to be expected of one class that has so many events."""

    watched: Watched
    target: float
    budget: float  # misses in a period
    detections: tuple[Detection, ...]
    false_pages: float  # a month of 28 d, at most, if it is exactly on target
    false_tickets: float

    @property
    def too_small(self) -> bool:
        """Whether the budget is too small to be one."""
        return self.budget < SMALLEST_BUDGET


def tier_facts(slo: Slo, target: float) -> list[TierFacts]:
    """The tiers of a budget for classes of one target."""
    return [
        TierFacts(tier, floor_of(tier, target), burn_threshold(tier, target), events_needed(tier, target))
        for tier in slo.tiers
    ]


def targets(slo: Slo) -> Mapping[float, Sequence[str]]:
    """Every target there is, the usual one first, with the classes that have it as their own."""
    found: dict[float, list[str]] = {slo.target: []}
    for name, target in slo.class_target:
        found.setdefault(target, []).append(name)
    return found


def watched_in(slo: Slo, rates: Rates | None) -> list[Watched]:
    """The classes that a budget watches, with most events first; usual rates where none are known."""
    if rates is None:
        return [Watched(None, None, rate) for rate in USUAL_RATES]
    match = dict(slo.match)
    found = [
        Watched(model, cls, rate)
        for model, seen in rates.models.items()
        for cls, rate in seen.positives_per_h.items()
        if selects(match.get("model", "*"), model) and selects(match.get("class", "*"), cls)
    ]
    return sorted(found, key=lambda one: (one.model or "", -one.rate_per_h, one.cls or ""))


def expected_of(slo: Slo, watched: Watched, step_ms: int, deff: float, *, aged: bool = False) -> Expected:
    """What is to be expected of a class. `aged`: evidence settles so late that no tier pages."""
    target = slo.target if watched.cls is None else slo.target_of(watched.cls)
    alarms = {Severity.PAGE: 0.0, Severity.TICKET: 0.0}
    for tier in slo.tiers:
        alarms[_severity(tier, aged)] += false_alarms_per_month(tier, slo, watched.rate_per_h, step_ms, deff, target)
    return Expected(
        watched,
        target,
        (1 - target) * watched.rate_per_h * slo.period_ms / HOUR,
        tuple(_detection(slo, target, watched.rate_per_h / deff, drop, step_ms, aged) for drop in DROPS),
        alarms[Severity.PAGE],
        alarms[Severity.TICKET],
    )


def _detection(slo: Slo, target: float, rate_per_h: float, drop: float, step_ms: int, aged: bool) -> Detection:
    found = [(detection_ms(tier, slo, target, rate_per_h, drop, step_ms), tier) for tier in slo.tiers]
    told = sorted(
        ((after, tier) for after, tier in found if after is not None), key=lambda one: one[0]
    )  # equally soon: the first tier, which is the loudest by default
    if not told:
        return Detection(drop, None, None, None, None)
    after_ms, tier = told[0]
    pages = [after for after, one in told if _severity(one, aged) is Severity.PAGE]
    return Detection(drop, after_ms, tier.name, _severity(tier, aged), pages[0] if pages else None)


def _severity(tier: Tier, aged: bool) -> Severity:
    return Severity.TICKET if aged else tier.severity
