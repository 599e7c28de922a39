"""How much more do misses vary from hour to hour than a coin would? The design effect, by class.

`deff = sum_w (f_w - n_w e)^2 / (n_w e (1 - e)) / (W - 1)`: Pearson's chi-square of homogeneity over W blocks with n_w
events and f_w misses, e = sum f / sum n, by its degrees of freedom. 1 for independent misses; where they come in
clusters a tail at n events is that of only n / deff.

Blocks are hours, not steps: within 5 minutes a class has a handful of events, and a slow variation (of the traffic's
mix, of the hour of the day) that makes an hour bad as a whole does not show in blocks so small.
"""

import numpy as np
from numpy.typing import NDArray

from streams.alerts.rules.model import DAY, HOUR

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

SPAN_MS = 7 * DAY
"""How far back the hours lie."""

GUARD_MS = 6 * HOUR
"""The newest hours are left out: a drop must not hide itself by looking like dispersion before it is paged."""

CAP = 20.0
"""The largest design effect: beyond it a budget could not be judged at all."""

MIN_BLOCKS = 24
"""Hours with events below which nothing is known, and 1 is taken."""


def design_effect(n: Ints, bad: Ints, in_episode: Flags | None = None) -> Floats:
    """(K,) design effects of hours: `n` and `bad` of shape (H, K), `in_episode` (H, K) True for hours to leave out.

    Hours of an open or past episode are left out: what an alert was about is no usual variation. Between 1 and `CAP`;
    1 where it is undefined: under `MIN_BLOCKS` hours with events, or never a miss, or nothing but misses.
    """
    taken = n > 0
    if in_episode is not None:
        taken &= ~in_episode
    n = np.where(taken, n, 0)
    bad = np.where(taken, bad, 0)
    events, misses, blocks = n.sum(axis=0), bad.sum(axis=0), taken.sum(axis=0)
    defined = (blocks >= MIN_BLOCKS) & (misses > 0) & (misses < events)
    rate = misses / np.maximum(events, 1)
    spread = np.where(taken & defined, n * (rate * (1 - rate)), 1.0)
    chi_square = np.where(taken & defined, (bad - n * rate) ** 2 / spread, 0.0).sum(axis=0)
    out: Floats = np.clip(np.where(defined, chi_square / np.maximum(blocks - 1, 1), 1.0), 1.0, CAP)
    return out
