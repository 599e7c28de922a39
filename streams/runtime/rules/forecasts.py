"""What is known of rules from how many labels there really are: which rest on few events, wake for nothing, or wait.

It needs the tails of distributions, which take long to import: nobody else imports this.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from math import ceil, log10

import numpy as np

from streams.alerts.budget.forecast import alpha_for, false_alarms_per_month
from streams.alerts.budget.tail import binomial_tail
from streams.alerts.budget.tiers import floor_of, miss_limit
from streams.alerts.rules.model import (
    HOUR,
    Canary,
    DriftRule,
    Mute,
    Retrain,
    Rule,
    RuleSet,
    Severity,
    Slo,
    Tier,
    selects,
)
from streams.runtime.config.durations import format_duration
from streams.runtime.config.lines import KeyPath
from streams.runtime.rules.codes import RuleCode
from streams.runtime.rules.rates import ModelRates, Rates
from streams.runtime.rules.scope import Scope
from streams.runtime.rules.values import names_in

WANTED_FALSE_PAGES = 0.2
"""A month, of one budget: above it people stop to believe pages."""

NOTICED_RECALL = 0.5
MOST_EVENTS = 100_000
_MOST_CLASSES = 10
"""So many classes are named for a budget; what is wrong with them is wrong with the rest."""


def warn_of_rates(scope: Scope, rules: RuleSet, rates: Rates) -> None:
    """Note every warning about rules without errors that follows from what was seen."""
    paths = {name: path for _, path, name in scope.sheet.names()}
    for slo in rules.slos:
        pages = [tier for tier in slo.tiers if tier.severity is Severity.PAGE]
        path: KeyPath = (*paths[slo.name], "tiers")
        models = _matched(slo, rates)
        for name, seen in models.items():
            _delays(scope, (name, seen), pages, path, rules.max_page_age_ms)
            _few_events(scope, slo, seen, path)
        if pages and models:
            _false_pages(scope, rules, slo, pages, models, path)
    _matches_nothing(scope, rules, rates, paths)


def _matched(slo: Slo, rates: Rates) -> Mapping[str, ModelRates]:
    pattern = dict(slo.match).get("model", "*")
    return {name: seen for name, seen in rates.models.items() if selects(pattern, name)}


def _delays(
    scope: Scope, model: tuple[str, ModelRates], pages: list[Tier], path: KeyPath, max_page_age_ms: int
) -> None:
    """Pages that rest on the few labels that came before the window settled."""
    name, seen = model
    settles = scope.facts.settles(name)
    if not pages or seen.label_delay_s is None or not settles:
        return
    delay_ms, settle_ms = round(seen.label_delay_s * 1000), settles[0][1]
    shortest = format_duration(min(tier.long_ms for tier in pages))
    if settle_ms < delay_ms and settle_ms <= max_page_age_ms:
        text = (
            f"median label delay of {name} is {_hours(delay_ms)}, and its windows settle after "
            f"{format_duration(settle_ms)}: a page on a {shortest} window rests on the labels that came first. "
            "Let windows settle later, and pages become tickets; or know that it is so."
        )
        scope.tell(RuleCode.AGE, path, text)


def _hours(ms: int) -> str:
    return f"{ms / HOUR:.0f}h" if ms >= 10 * HOUR else f"{ms / HOUR:.1f}h"


def _classes(slo: Slo, seen: ModelRates) -> Iterator[tuple[str, float]]:
    """The classes that a budget is for, the rarest first, with their events in an hour."""
    pattern = dict(slo.match).get("class", "*")
    found = [(rate, name) for name, rate in seen.positives_per_h.items() if selects(pattern, name)]
    yield from ((name, rate) for rate, name in sorted(found))


def _few_events(scope: Scope, slo: Slo, seen: ModelRates, path: KeyPath) -> None:
    """Classes of which the first tier never sees enough events to notice that half of them are missed."""
    if slo.sli != "recall":
        return
    tier = slo.tiers[0]
    told = 0
    for name, rate in _classes(slo, seen):
        target = slo.target_of(name)
        recall = NOTICED_RECALL if floor_of(tier, target) > NOTICED_RECALL else floor_of(tier, target) / 2
        needed = _needed(slo, tier, target, recall)
        if rate <= 0 or needed is None or needed <= rate * tier.long_ms / HOUR or told == _MOST_CLASSES:
            continue
        told += 1
        text = (
            f'class "{name}" has {rate:.2g} positives/h: to notice recall {recall:.2f} takes {needed} '
            f"of them, about {_hours(ceil(needed / rate * HOUR))}, and tier {tier.name} looks at "
            f"{format_duration(tier.long_ms)}. Longer tiers may, later."
        )
        scope.tell(RuleCode.FEW_EVENTS, path, text)


def _needed(slo: Slo, tier: Tier, target: float, recall: float) -> int | None:
    """The events from which on so low a recall breaches a tier; None if it never does."""
    if 1 - recall <= miss_limit(tier, target):
        return None
    n = np.arange(slo.min_n, MOST_EVENTS)
    bad = np.floor(n * (1 - recall) + 1e-9)
    enough = (bad >= slo.min_bad) & (bad > miss_limit(tier, target) * n)
    at = np.flatnonzero(enough & (binomial_tail(bad, n, 1 - target) <= tier.alpha))
    return int(n[at[0]]) if len(at) else None


def _false_pages(
    scope: Scope, rules: RuleSet, slo: Slo, pages: list[Tier], models: Mapping[str, ModelRates], path: KeyPath
) -> None:
    """Too many pages for nothing, if every class were exactly on its target."""
    bins: Counter[tuple[float, float]] = Counter()  # (rate, target): rates that are nearly the same, once
    classes = versions = 0
    for seen in models.values():
        own = list(_classes(slo, seen))
        classes, versions = classes + len(own), versions + len(seen.versions)
        for name, rate in own:
            if rate > 0:
                bins[10 ** (ceil(4 * log10(rate)) / 4), slo.target_of(name)] += len(seen.versions)

    def expected(tiers: tuple[Tier, ...]) -> float:
        return sum(
            n * false_alarms_per_month(tier, slo, rate, rules.step_ms, target=target)
            for (rate, target), n in bins.items()
            for tier in tiers
        )

    found = expected(tuple(pages))
    if found > WANTED_FALSE_PAGES:
        better = alpha_for(tuple(pages), WANTED_FALSE_PAGES, expected)
        text = (
            f"{classes} classes x {versions} versions: expect up to {found:.2g} false pages a month at this alpha; "
            f"alpha = {better:.0e} gives {WANTED_FALSE_PAGES:g}."
        )
        scope.tell(RuleCode.FALSE_PAGES, path, text)


def _matches_nothing(scope: Scope, rules: RuleSet, rates: Rates, paths: Mapping[str, KeyPath]) -> None:
    """Rules about models that were not seen."""
    matching: tuple[Slo | Rule | DriftRule | Mute, ...] = (*rules.slos, *rules.rules, *rules.drifts, *rules.mutes)
    of_models: tuple[Canary | Retrain, ...] = (*rules.canaries, *rules.retrains)
    asked = [(one.name, dict(one.match).get("model", "*")) for one in matching]
    asked += [(one.name, one.model) for one in of_models]
    seen = sorted(rates.models)
    for name, pattern in asked:
        missing = [] if pattern.startswith("!") else [model for model in names_in(pattern) if model not in seen]
        if missing:
            listed = ", ".join(seen[:_MOST_CLASSES])
            models = " or ".join(f'"{model}"' for model in missing[:_MOST_CLASSES])
            text = f"no model {models} was seen in {rates.folder}; seen were {listed}. The rule waits for it."
            scope.tell(RuleCode.MATCHES_NOTHING, paths[name], text)
