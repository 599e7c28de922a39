"""How fast may a budget burn before somebody is told? The burn of each tier, from the target and a relative drop.

Burn is the share of misses over the share that the target allows: 1 spends the budget exactly in its period. A tier
watches for a relative drop f of recall below its target T: `B(f) = (1 - T (1 - f)) / (1 - T)`. Fixed burns would not
do: at T = 0.90 no class can burn faster than 10, so the usual 14.4 never fires. Near 1 a drop of 30 % would burn a
month's budget in an hour, so the usual burns are upper bounds.
"""

from streams.alerts.rules.model import Slo, Tier

CANONICAL = {"fast": 14.4, "quick": 10.0, "medium": 6.0, "slow": 3.0, "long": 1.0}
"""The usual burns for targets from 0.99 up: 2, 3, 5, 10 and 10 % of a budget of 30 d in 1 h, 2 h, 6 h, 1 d and 3 d.

By the tier's name; a tier of another name has no bound. (Site Reliability Workbook, chapter 5.)
"""

_DIGITS = 12
"""People read these numbers: 3.7, not 3.7000000000000006."""

CLEAR_BURN = 0.8
"""The share of the tier's burn that the short window must fall below before a class counts as well again."""


def burn_of_drop(target: float, drop: float) -> float:
    """The burn of a class whose recall is a share `drop` below its target. The target lies strictly within (0, 1).

    >>> round(burn_of_drop(0.9, 0.3), 6), round(burn_of_drop(0.7, 0.05), 6)
    (3.7, 1.116667)
    """
    return (1 - target * (1 - drop)) / (1 - target)


def burn_threshold(tier: Tier, target: float) -> float:
    """B: the burn above which a tier breaches. That of the tier if it names one, else by its drop (0 without any)."""
    if tier.burn is not None:
        return tier.burn
    return min(CANONICAL.get(tier.name, float("inf")), round(burn_of_drop(target, tier.drop or 0.0), _DIGITS))


def miss_limit(tier: Tier, target: float) -> float:
    """The share of misses above which a tier breaches: `B (1 - T)`. Above 1 it never can."""
    return burn_threshold(tier, target) * (1 - target)


def floor_of(tier: Tier, target: float) -> float:
    """The recall below which a tier breaches: `1 - B (1 - T)`. Below 0 it never can."""
    return round(1 - miss_limit(tier, target), _DIGITS)


def window_lengths(slo: Slo) -> tuple[int, ...]:
    """Every window that the tiers of a budget look at, ms, ascending, each once."""
    return tuple(sorted({window for tier in slo.tiers for window in (tier.long_ms, tier.short_ms)}))
