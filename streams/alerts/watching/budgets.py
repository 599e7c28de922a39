"""One error budget of one series at work: what it says at each step, and what it remembers between them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from streams.alerts.budget.attribution import burns, shares
from streams.alerts.budget.codes import BREACH, CLEAR
from streams.alerts.budget.dispersion import GUARD_MS, SPAN_MS, Flags, Floats, Ints, design_effect
from streams.alerts.budget.judge import judge_budget
from streams.alerts.budget.period import Period, budget_left, exhaustion_ms
from streams.alerts.budget.tail import binomial_tail
from streams.alerts.budget.tiers import burn_threshold, miss_limit
from streams.alerts.evidence.series import Counts, Hours, Series
from streams.alerts.instance import ACTIVE, Instance, Phase
from streams.alerts.missing import is_ready
from streams.alerts.rules.model import HOUR, Severity, Slo, selects
from streams.alerts.verdict import Evidence
from streams.alerts.watching.said import Said, identity
from streams.alerts.watching.standing import Standing, TierBurn
from streams.alerts.watching.waking import age_said
from streams.ledger.spec import NO_TIME


class Left(NamedTuple):
    """What is left of the budget of a class: a share, None where it cannot be said; and what was counted in it."""

    name: str
    remaining: float | None
    n: int
    bad: int
    share: float | None  # of the burn of all classes


class BudgetWatch:
    """A budget and a series. What varies from hour to hour is looked at once an hour, and kept."""

    def __init__(self, slo: Slo, series: Series) -> None:
        self.slo, self.series = slo, series
        self._hour = NO_TIME
        self._deff: Floats = np.ones(0)
        self._named = next((pattern for label, pattern in slo.match if label == "class"), "*")

    def judge(
        self, known: Sequence[Instance], settle_ms: int, max_page_age_ms: int, before: Series | None
    ) -> list[Said]:
        """What is said of every class that breaches, and of every one whose alert is active.

        `known` are the instances of this budget and series, also those that were over not long ago; `before` is the
        version before it.
        """
        series, slo = self.series, self.slo
        if series.ring.silent and all(one.phase is Phase.INACTIVE for one in known):
            return []
        index = {name: c for c, name in enumerate(series.classes)}
        remembered = {index[dict(one.labels)["class"]]: one for one in known}
        of_class = {c: one for c, one in remembered.items() if one.phase is not Phase.INACTIVE}
        step = judge_budget(
            slo,
            series.classes,
            self._counts,
            self._design_effect(remembered),
            self._events(series.newest()),
            {c: one.tier or "" for c, one in of_class.items()},
            lambda window: is_ready(series.completeness(window), slo.ready),
            settle_ms,
            max_page_age_ms,
            lambda: self._period(before),
        )
        pages = {tier.name for tier in slo.tiers if tier.severity is Severity.PAGE}
        aged = pages if settle_ms > max_page_age_ms else set()  # what these say is told as a ticket
        said = []
        for c in sorted({*np.flatnonzero(step.verdict == BREACH).tolist(), *of_class}):
            name = series.classes[c]
            if not selects(self._named, name):
                continue
            refuted = c in of_class and step.verdict[c] == CLEAR and self._refuted(c, of_class[c])
            labels = identity(series.model, series.version, series.segment, name)
            judgement = step.judgement(c)
            # what nothing is counted of says nothing: the numbers of before stay
            more: Evidence = {"sli": slo.sli, "tier": judgement.tier}
            if judgement.tier in aged:
                more |= age_said(settle_ms)
            evidence = more | judgement.evidence if judgement.evidence.get("n_long") else {}
            said.append(Said("slo", slo.name, labels, judgement._replace(evidence=evidence), slo.about, refuted))
        return said

    def left(self) -> list["Left"]:
        """What is left of the budget of each class that had an event in the period, by name."""
        period = self._period(None)
        targets = np.array([self.slo.target_of(name) for name in self.series.classes])
        share = shares(burns(period.n, period.bad, targets)) if len(targets) else None
        found = []
        for c in np.flatnonzero(period.n).tolist():
            name = self.series.classes[c]
            if selects(self._named, name):
                budget = budget_left(period, c, float(targets[c]), self.slo.period_ms)
                of = None if share is None else float(share[c])
                found.append(Left(name, budget.remaining, int(period.n[c]), int(period.bad[c]), of))
        return sorted(found)

    def standing(self, before: Series | None) -> Iterator[Standing]:
        """How it stands for each class that had an event in the period; nothing in a segment or before any event."""
        slo, series = self.slo, self.series
        if series.segment is not None or not series.classes:
            return
        period = self._period(before)
        counts = [(tier, self._counts(tier.long_ms), self._counts(tier.short_ms)) for tier in slo.tiers]
        for c in np.flatnonzero(period.n).tolist():
            name = series.classes[c]
            if not selects(self._named, name):
                continue
            target = slo.target_of(name)
            tiers = tuple(
                TierBurn(tier.name, _burn(long, c, target), _burn(short, c, target), burn_threshold(tier, target))
                for tier, long, short in counts
            )
            remaining = budget_left(period, c, target, slo.period_ms).remaining
            burn = tiers[0].long if tiers else None
            lasts = None if remaining is None or burn is None else exhaustion_ms(slo.period_ms, remaining, burn)
            exhaustion_s = None if lasts is None else lasts / 1000
            yield Standing(slo.name, series.model, series.version, name, target, remaining, exhaustion_s, tiers)

    def dump(self) -> list[object]:
        """What was looked at in this hour."""
        return [self._hour, self._deff.tobytes()]

    def load(self, state: Sequence[Any]) -> None:
        """Go on with what `dump` gave."""
        self._hour, self._deff = state[0], np.frombuffer(state[1], np.float64)

    def _counts(self, window_ms: int) -> tuple[Ints, Ints]:
        counts = self.series.pooled(window_ms)
        return self._events(counts), self._misses(counts)

    def _events(self, counts: Counts | Hours) -> Ints:
        return counts.predicted if self.slo.sli == "precision" else counts.support

    def _misses(self, counts: Counts | Hours) -> Ints:
        return self._events(counts) - counts.hits

    def _period(self, before: Series | None) -> Period:
        slo, series = self.slo, self.series
        counts = series.period(slo.period_ms)
        observed = min(series.t - series.first_ms + 1 if series.first_ms else 0, slo.period_ms)
        usual = None
        if before is not None:
            usual = self._events(before.period(slo.period_ms))
        return Period(self._events(counts), self._misses(counts), observed, usual)

    def _design_effect(self, known: Mapping[int, Instance]) -> Floats:
        """Once an hour; classes that came since vary by chance alone until then."""
        t, k = self.series.t, len(self.series.classes)
        hour = t // HOUR * HOUR
        if hour != self._hour:
            self._hour = hour
            hours = self.series.hours(hour - GUARD_MS - SPAN_MS, hour - GUARD_MS)
            self._deff = design_effect(self._events(hours), self._misses(hours), self._in_episode(hours, known))
        if len(self._deff) < k:
            self._deff = np.concatenate((self._deff, np.ones(k - len(self._deff))))
        return self._deff

    def _in_episode(self, hours: Hours, known: Mapping[int, Instance]) -> Flags | None:
        """The hours of the newest episode of each class, and what it fired on."""
        if not known:
            return None
        out: Flags = np.zeros(hours.support.shape, np.bool_)
        for c, one in known.items():
            over = one.resolved_at if one.phase is Phase.INACTIVE else self.series.t
            out[(hours.start >= one.episode - self._longest) & (hours.start < over), c] = True
        return out

    @property
    def _longest(self) -> int:
        return max(tier.long_ms for tier in self.slo.tiers)

    def _refuted(self, c: int, one: Instance) -> bool:
        """Whether what it fired on, counted as it is known now, is something else and would not have been a breach."""
        tier = next((tier for tier in self.slo.tiers if tier.name == one.fired_evidence.get("tier")), None)
        if tier is None or one.phase not in ACTIVE:
            return False
        counts = self.series.between(one.fired_at - tier.long_ms, one.fired_at)
        if counts is None:
            return False
        n, bad = int(self._events(counts)[c]), int(self._misses(counts)[c])
        if (n, bad) == (one.fired_evidence.get("n_long"), one.fired_evidence.get("bad_long")):
            return False  # another rule, not other labels
        target = self.slo.target_of(self.series.classes[c])
        if not n or bad <= miss_limit(tier, target) * n:
            return True
        deff = float(self._deff[c])
        return bool(binomial_tail(bad / deff, n / deff, 1 - target) > tier.alpha)


def _burn(counts: tuple[Ints, Ints], c: int, target: float) -> float | None:
    n, bad = int(counts[0][c]), int(counts[1][c])
    return bad / n / (1 - target) if n else None
