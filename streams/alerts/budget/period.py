"""How much of a budget is left, and how long will it last?

A period P has a budget of `(1 - T) N` misses, N the events that the class has in a period. What was missed in the
trailing period is spent. A version younger than the period has its N by its own rate, which is provisional, and in
its first day by that of the version before it.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.alerts.rules.model import DAY

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Period(NamedTuple):
    """The trailing period of K classes: events `n` and misses `bad` (K,), and since when there are any.

    `observed_ms`: how long the version has had events, at most as long as the period counts. `before`: (K,) events of
    the version before it in a whole period; None where there is none.
    """

    n: Ints
    bad: Ints
    observed_ms: int
    before: Ints | None = None


class Budget(NamedTuple):
    """What is left to one class. None: no event yet by which the budget could be told."""

    events: float | None  # misses that the target allows in a period
    remaining: float | None  # share of them that is left; below 0 when more was missed than allowed
    provisional: bool  # the version is younger than the period


def budget_left(period: Period, c: int, target: float, period_ms: int) -> Budget:
    """The budget of class c. A target strictly within (0, 1)."""
    provisional = period.observed_ms < period_ms
    expected: float = int(period.n[c])
    if period.observed_ms < DAY:
        expected = 0 if period.before is None else int(period.before[c])
    elif provisional:
        expected = expected * period_ms / period.observed_ms
    events = (1 - target) * expected
    return Budget(events, 1 - int(period.bad[c]) / events, provisional) if events else Budget(None, None, provisional)


def exhaustion_ms(period_ms: int, remaining: float, burn: float) -> float | None:
    """How long the rest of a budget lasts at a burn, ms: 0 when nothing is left, None when nothing burns.

    >>> round(exhaustion_ms(28, 1.0, 3.8), 1)
    7.4
    """
    if burn <= 0:
        return None
    return max(0.0, period_ms * remaining / burn)
