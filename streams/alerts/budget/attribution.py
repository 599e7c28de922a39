"""Which classes is a fall of balanced accuracy made of? Burns of classes add up to that of their mean.

With one target, `burn of balanced accuracy = (1 - BA) / (1 - T) = mean of the burns of the classes`; with several it is
their mean weighted by `1 - T_c`. So the share of a class is its burn over the sum of all.
"""

from math import fsum, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Balance(NamedTuple):
    """Balanced accuracy over the classes with events, its standard error, and its burn."""

    value: float
    standard_error: float
    burn: float


def burns(n: Ints, bad: Ints, targets: Floats) -> Floats:
    """(K,) burns; 0 where a class has no event: it burns nothing."""
    out: Floats = bad / np.maximum(n, 1) / (1 - targets)
    return out


def shares(burned: Floats) -> Floats | None:
    """(K,) shares of burns; None when nothing burns."""
    total = fsum(burned.tolist())
    return burned / total if total > 0 else None


def balance(n: Ints, bad: Ints, targets: Floats, deff: float = 1.0) -> Balance | None:
    """Balanced accuracy of classes with n events and bad misses; None without any event.

    The variance of a mean of independent recalls: `sum r (1 - r) / n / K^2`, times the design effect.
    """
    seen = n > 0
    k = int(seen.sum())
    if not k:
        return None
    recall = 1 - bad[seen] / n[seen]
    value = fsum(recall.tolist()) / k
    variance = fsum((recall * (1 - recall) / n[seen]).tolist()) / (k * k)
    allowed = fsum((1 - targets[seen]).tolist()) / k
    return Balance(value, sqrt(deff * variance), (1 - value) / allowed)
