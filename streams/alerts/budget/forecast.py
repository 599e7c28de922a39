"""What will a budget do at given rates: how many events does it need, how soon does it tell, how often in vain?

For people who choose targets and tiers: `streams explain`, and the warnings about rules. Events are taken to come as
a Poisson stream, so that misses and hits in a window are independent Poisson counts.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlogy

from streams.alerts.budget.tail import binomial_tail
from streams.alerts.budget.tiers import miss_limit
from streams.alerts.rules.model import DAY, HOUR, Slo, Tier

Floats = NDArray[np.float64]

MONTH_MS = 28 * DAY

MOST_EVENTS = 1 << 20
"""Where so many events in the long window are not enough, no number is."""

_GRID = 1_000
"""Numbers of hits that are looked at, of those that are likely."""

_SURE = 1e-9
"""Expected counts are no whole numbers: 37 misses of 100 are not above 0.37, whatever floats make of it."""


def events_needed(tier: Tier, target: float) -> int | None:
    """The events in the long window from which on a burn above the threshold alone is no chance (tail <= alpha).

    None where it never is: a threshold at the target itself, or beyond what `MOST_EVENTS` can tell apart. With fewer
    events more than the tier's burn is needed. Where the burn can never be reached, too, it is None.
    """
    limit = miss_limit(tier, target)
    if not 1 - target < limit < 1:
        return None
    size = 256
    while size <= MOST_EVENTS:
        n = np.arange(1, size + 1)
        least = np.floor(limit * n + _SURE) + 1
        failing = np.flatnonzero((binomial_tail(least, n, 1 - target) > tier.alpha) & (least <= n))
        needed = 1 + (int(failing[-1]) + 1 if len(failing) else 0)
        if needed <= size // 2:  # from there on it only gets clearer
            return needed
        size *= 4
    return None


def detection_ms(tier: Tier, slo: Slo, target: float, rate_per_h: float, drop: float, step_ms: int) -> int | None:
    """How long after a relative drop of recall, from on target, a tier breaches by expected counts; None: never.

    In event time, after which labels still have to settle. Half of all drops are seen sooner.
    """
    after = np.arange(step_ms, max(tier.long_ms, step_ms) + 1, step_ms, dtype=np.int64)
    good, bad = 1 - target, 1 - target * (1 - drop)
    per_ms, limit = rate_per_h / HOUR, miss_limit(tier, target)

    def misses(window_ms: int) -> Floats:
        changed = np.minimum(after, window_ms)
        return per_ms * (changed * bad + (window_ms - changed) * good)

    n, n_short = per_ms * tier.long_ms, per_ms * tier.short_ms
    long, short = misses(tier.long_ms), misses(tier.short_ms)
    breaches = (long > limit * n * (1 + _SURE)) & (short > limit * n_short * (1 + _SURE))
    breaches &= (n >= slo.min_n) & (long >= slo.min_bad)
    breaches &= binomial_tail(long, n, good) <= tier.alpha
    return int(after[breaches.argmax()]) if breaches.any() else None


def false_alarms_per_month(
    tier: Tier, slo: Slo, rate_per_h: float, step_ms: int, deff: float = 1.0, target: float | None = None
) -> float:
    """How often in 28 d a tier begins to breach for a class that is exactly on its target.

    It begins when a miss comes: so often as misses come while there is one too few. An upper bound, because breaches
    that follow each other closely are one alert, and because the short window must burn, too. A class that is better
    than its target has far fewer. `target` is that of the class where it has one of its own. With a design effect
    everything is counted in so many events fewer.
    """
    target = slo.target if target is None else target
    rate = rate_per_h / deff
    mean = rate * tier.long_ms / HOUR
    if mean <= 0 or miss_limit(tier, target) >= 1:
        return 0.0
    hits_mean, misses_mean = mean * target, mean * (1 - target)
    spread = 8 * np.sqrt(hits_mean) + 20
    low, high = max(0, int(hits_mean - spread)), int(hits_mean + spread)
    stride = max(1, (high - low) // _GRID)
    hits = np.arange(low, high + 1, stride, dtype=np.float64)
    least = _least_misses(tier, slo, target, hits, deff)
    beginning = float((_poisson(hits, hits_mean) * stride * _poisson(least - 1, misses_mean)).sum())
    looks = MONTH_MS / step_ms
    return min(looks, MONTH_MS / HOUR * rate * (1 - target) * beginning)


def alpha_for(
    tiers: tuple[Tier, ...], wanted: float, expected: Callable[[tuple[Tier, ...]], float], least: float = 1e-12
) -> float:
    """The one alpha for all the tiers at which `expected` of them is at most what is wanted; `least` if none is."""
    low, high = np.log10(least), 0.0
    for _ in range(24):
        middle = (low + high) / 2
        if expected(with_alpha(tiers, 10**middle)) <= wanted:
            low = middle
        else:
            high = middle
    return float(10.0**low)


def with_alpha(tiers: tuple[Tier, ...], alpha: float) -> tuple[Tier, ...]:
    """The same tiers with another alpha."""
    return tuple(
        Tier(t.name, t.severity, t.long_ms, t.short_ms, alpha, t.drop, t.burn, t.for_ms, t.keep_firing_ms)
        for t in tiers
    )


def _least_misses(tier: Tier, slo: Slo, target: float, hits: Floats, deff: float) -> Floats:
    """The fewest misses beside so many hits that breach, in events of `deff` each."""
    limit = miss_limit(tier, target)
    low = np.floor(limit / (1 - limit) * hits + _SURE) + 1
    low = np.maximum(low, np.maximum(np.ceil(slo.min_bad / deff), np.ceil(slo.min_n / deff) - hits))
    high = low + 64
    while (above := binomial_tail(high, hits + high, 1 - target) > tier.alpha).any():
        high = np.where(above, high + (high - low), high)
    while (low < high).any():
        middle = np.floor((low + high) / 2)
        enough = binomial_tail(middle, hits + middle, 1 - target) <= tier.alpha
        low, high = np.where(enough, low, np.minimum(middle + 1, high)), np.where(enough, middle, high)
    out: Floats = high
    return out


def _poisson(k: Floats, mean: float) -> Floats:
    out: Floats = np.where(k >= 0, np.exp(xlogy(np.maximum(k, 0), mean) - mean - gammaln(np.maximum(k, 0) + 1)), 0.0)
    return out
