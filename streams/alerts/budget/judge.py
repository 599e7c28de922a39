"""Does a class breach its error budget at this step? All classes of a model version at once.

A tier breaches when a class burns above the tier's burn over the long window (it matters) and over the short one (it
still goes on), with enough events and misses, and so many misses are no chance on target: the binomial tail over the
long window, at counts divided by the design effect, is at most alpha. A class counts as well again only by evidence:
events in the short window that burn clearly less. In between, and at night, nothing is said.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.alerts.budget.attribution import burns, shares
from streams.alerts.budget.codes import BREACH, CLEAR, HOLD, NODATA, VERDICTS, Codes
from streams.alerts.budget.period import Period, budget_left, exhaustion_ms
from streams.alerts.budget.tail import binomial_tail
from streams.alerts.budget.tiers import CLEAR_BURN, burn_threshold, miss_limit
from streams.alerts.rules.model import Severity, Slo, Tier
from streams.alerts.verdict import Evidence, Judgement, Policy
from streams.quality.measures.intervals import wilson

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

CountsOf = Callable[[int], tuple[Ints, Ints]]
"""Events and misses (bad events) of K classes in the window of so many ms that ends at the step."""

_ROUNDING = 1 + 1e-12
"""370 misses of 1000 are not above a limit of 0.37, whatever floats make of it."""


class Tail(NamedTuple):
    """The long and short window of one tier, and its limit on the share of misses (K,)."""

    n: Ints
    bad: Ints
    n_short: Ints
    bad_short: Ints
    limit: Floats


class BudgetStep:
    """The verdicts of one step: `verdict` (K,) holds codes of `budget.codes`.

    `tier` (K,) is the index of the breaching tier in the budget, -1 where none does. Judgements look into the counts
    that the step was judged by: ask for them before those move on.
    """

    def __init__(self, look: "_Look") -> None:
        self._look = look
        self.verdict, self.tier = look.verdicts()

    def judgement(self, c: int) -> Judgement:
        """The verdict on class c with its evidence."""
        look, breaching = self._look, int(self.tier[c])
        at = breaching if breaching >= 0 else look.standing_tier(c)
        tier = look.slo.tiers[at]
        return Judgement(
            VERDICTS[self.verdict[c]],
            policy_of(look.slo, tier),
            look.severity(tier) if breaching >= 0 else None,
            tier.name if breaching >= 0 else None,
            int(look.newest_n[c]),
            look.evidence(c, at),
        )


def judge_budget(
    slo: Slo,
    classes: Sequence[str],
    counts_of: CountsOf,
    deff: Floats,
    newest_n: Ints,
    standing: Mapping[int, str],
    ready: Callable[[int], bool] | None,
    settle_ms: int,
    max_page_age_ms: int,
    period_of: Callable[[], Period] | None = None,
) -> BudgetStep:
    """Judge K classes at one step.

    `counts_of` gives what the windows of the tiers (`tiers.window_lengths`) hold; `deff` the design effects (K,);
    `newest_n` the events that the step brought (K,). `standing` has the tier of each class, by its index, that has an
    alert. `ready` says whether a window has the labels that it usually has: a tier whose long window has not says
    nothing. Evidence that settles later than `max_page_age_ms` after its window wakes nobody: a page becomes a ticket.
    `period_of` is asked only for evidence; without it nothing is said of what is left.
    """
    return BudgetStep(
        _Look(slo, classes, counts_of, deff, newest_n, standing, ready, settle_ms > max_page_age_ms, period_of)
    )


def policy_of(slo: Slo, tier: Tier) -> Policy:
    """How an alert of a tier goes from phase to phase. It is over only after `min_n` events while it was clear."""
    resolves = None if slo.no_data is None else slo.no_data.resolve_after_ms
    return Policy(tier.for_ms, tier.keep_firing_ms, slo.min_n, nodata_resolves_ms=resolves)


class _Look:
    """One step of one budget: everything that verdicts and evidence are made of."""

    def __init__(
        self,
        slo: Slo,
        classes: Sequence[str],
        counts_of: CountsOf,
        deff: Floats,
        newest_n: Ints,
        standing: Mapping[int, str],
        ready: Callable[[int], bool] | None,
        aged: bool,
        period_of: Callable[[], Period] | None,
    ) -> None:
        self.slo, self.deff, self.newest_n, self.standing = slo, deff, newest_n, standing
        self._aged, self._period_of = aged, period_of
        self._period: Period | None = None
        self._shares: dict[int, Floats | None] = {}
        own = dict(slo.class_target)
        self._own = [(c, own[name]) for c, name in enumerate(classes) if name in own] if own else []
        self.targets = self._by_class(slo.target, self._own)
        self._counts_of = counts_of
        self._tails: dict[int, Tail] = {}
        self._ready = [ready is None or ready(tier.long_ms) for tier in slo.tiers]
        self._named = {tier.name: at for at, tier in reversed(list(enumerate(slo.tiers)))}

    def tail(self, at: int) -> Tail:
        """The windows of a tier."""
        if at not in self._tails:
            tier = self.slo.tiers[at]
            limit = self._by_class(
                miss_limit(tier, self.slo.target), [(c, miss_limit(tier, target)) for c, target in self._own]
            )
            self._tails[at] = Tail(*self._counts_of(tier.long_ms), *self._counts_of(tier.short_ms), limit)
        return self._tails[at]

    def verdicts(self) -> tuple[Codes, Codes]:
        """Codes of verdicts and indexes of breaching tiers, (K,) each."""
        tiers = self.slo.tiers
        breaching = np.full(len(self.targets), -1, np.int8)
        # The loudest tier speaks, among equals the first one: so it is written last.
        loudest_last = sorted(range(len(tiers)), key=lambda at: (self.severity(tiers[at]) is Severity.PAGE, -at))
        for at in loudest_last:
            if self._ready[at]:
                breaching[self._breaches(at)] = at
        first = self.tail(0)
        well = (first.n_short > 0) & (first.bad_short < CLEAR_BURN * first.limit * first.n_short)
        verdict = np.where(well, CLEAR, HOLD).astype(np.int8)
        if not self._ready[0]:
            verdict[:] = NODATA
        for c in self.standing:
            verdict[c] = self._standing_verdict(c)
        verdict[breaching >= 0] = BREACH
        return verdict, breaching

    def severity(self, tier: Tier) -> Severity:
        """How loud a tier is, given how old its evidence is."""
        return Severity.TICKET if self._aged else tier.severity

    def standing_tier(self, c: int) -> int:
        """The index of the tier by which the alert of a class stands; the first one where none does any more."""
        return self._named.get(self.standing.get(c, ""), 0)

    def _breaches(self, at: int) -> Ints:
        """The classes that breach a tier."""
        tier, tail = self.slo.tiers[at], self.tail(at)
        limit = tail.limit * _ROUNDING
        burning: Flags = (tail.bad > limit * tail.n) & (tail.bad_short > limit * tail.n_short)
        burning &= (tail.n >= self.slo.min_n) & (tail.bad >= self.slo.min_bad)
        found = np.flatnonzero(burning)
        if not len(found):
            return found
        p = self._p_values(tail, found)
        return found[p <= tier.alpha]

    def _p_values(self, tail: Tail, found: Ints) -> Floats:
        # Not rounded to whole events: so one more miss never makes a tail larger.
        deff = self.deff[found]
        return binomial_tail(tail.bad[found] / deff, tail.n[found] / deff, 1 - self.targets[found])

    def _standing_verdict(self, c: int) -> int:
        at = self.standing_tier(c)
        if not self._ready[at]:
            return NODATA
        tail = self.tail(at)
        n, bad = int(tail.n_short[c]), int(tail.bad_short[c])
        return CLEAR if n and bad < CLEAR_BURN * float(tail.limit[c]) * n else HOLD

    def evidence(self, c: int, at: int) -> Evidence:
        """The numbers behind the verdict on a class by a tier."""
        tail, target, deff = self.tail(at), float(self.targets[c]), float(self.deff[c])
        n, bad, n_short, bad_short = (int(x[c]) for x in (tail.n, tail.bad, tail.n_short, tail.bad_short))
        value = 1 - bad / n if n else None
        lower, upper = wilson(value, n / deff) if value is not None else (None, None)
        burn_long = bad / n / (1 - target) if n else None
        if at not in self._shares:
            self._shares[at] = shares(burns(tail.n, tail.bad, self.targets))
        share = self._shares[at]
        return {
            "value": value,
            "lower95": lower,
            "upper95": upper,
            "target": target,
            "n_long": n,
            "bad_long": bad,
            "n_short": n_short,
            "bad_short": bad_short,
            "burn_long": burn_long,
            "burn_short": bad_short / n_short / (1 - target) if n_short else None,
            "threshold": burn_threshold(self.slo.tiers[at], target),
            "p_value": float(self._p_values(tail, np.array([c]))[0]) if n else None,
            "deff": deff,
            "share": None if share is None else float(share[c]),
            **self._left(c, burn_long),
        }

    def _left(self, c: int, burn: float | None) -> Evidence:
        if self._period_of is None:
            return {"budget_remaining": None, "exhaustion_s": None, "provisional": None}
        if self._period is None:
            self._period = self._period_of()
        budget = budget_left(self._period, c, float(self.targets[c]), self.slo.period_ms)
        lasts = None
        if budget.remaining is not None and burn is not None:
            lasts = exhaustion_ms(self.slo.period_ms, budget.remaining, burn)
        return {
            "budget_remaining": budget.remaining,
            "exhaustion_s": None if lasts is None else lasts / 1000,
            "provisional": int(budget.provisional),
        }

    def _by_class(self, usual: float, own: Sequence[tuple[int, float]]) -> Floats:
        values = np.full(len(self.deff), usual)
        for c, value in own:
            values[c] = value
        return values
