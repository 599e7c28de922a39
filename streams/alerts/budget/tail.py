"""How likely are so many misses, if the class is exactly on target? The exact upper tail of the binomial.

`P(X >= k | n, p) = I_p(k, n - k + 1)`, the regularised incomplete beta function (Abramowitz and Stegun 26.5.24): no
sum, no factorial, so n = 1e9 costs what n = 10 does and nothing overflows.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc

Floats = NDArray[np.float64]


def binomial_tail(k: ArrayLike, n: ArrayLike, p: ArrayLike) -> Floats:
    """P(X >= k) of a binomial X of n trials at p; element by element, arguments broadcast.

    1 where k <= 0 and 0 where k > n (so 0 of 0 is certain). k and n need not be whole: between whole numbers the beta
    function goes smoothly. p lies strictly between 0 and 1. Tails below 1e-308 are 0.

    >>> [float(round(x, 9)) for x in binomial_tail([0, 1, 19, 3], [0, 2, 50, 2], 0.1)]
    [1.0, 0.19, 1.4e-07, 0.0]
    """
    at, trials, chance = np.broadcast_arrays(np.asarray(k, np.float64), np.asarray(n, np.float64), p)
    inside = (at > 0) & (at <= trials)
    tail = betainc(np.where(inside, at, 1.0), np.where(inside, trials - at + 1, 1.0), chance)
    out: Floats = np.where(inside, tail, np.where(at <= 0, 1.0, 0.0))
    return out
