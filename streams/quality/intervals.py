"""How sure a ratio is: Wilson's interval, and balanced accuracy's by Wilson at an effective number of trials.

Balanced accuracy is a mean of recalls over unequal supports; its variance, estimated with half a hit and
half a miss added to each class, says how many trials of one coin would be as uncertain (`statistics.md`
section 2: simulated coverage 94.7 % on average where Wald falls to 18 %). The half keeps the variance above
zero, so a perfect score over few labels has a wide interval, not an empty one.
"""

from collections.abc import Collection
from math import fsum, sqrt

Z95 = 1.959964
"""The normal quantile of a two-sided 95 % interval."""


def wilson(ratio: float, trials: float) -> tuple[float, float]:
    """The 95 % interval of a ratio seen in so many trials (above 0, need not be whole), inside [0, 1].

    >>> tuple(round(x, 6) for x in wilson(1.0, 10))
    (0.722467, 1.0)
    """
    spread = Z95 * Z95 / trials
    centre = (ratio + spread / 2) / (1 + spread)
    half = Z95 / (1 + spread) * sqrt(ratio * (1 - ratio) / trials + spread / (4 * trials))
    # Exact arithmetic keeps 0 <= lower <= ratio <= upper <= 1; floats need help at 0 and 1.
    return max(0.0, min(ratio, centre - half)), min(1.0, max(ratio, centre + half))


def balanced_accuracy_interval(classes: Collection[tuple[int, int]]) -> tuple[float, float]:
    """The 95 % interval of the mean recall over classes given as (hits, support), each support above 0.

    Raises ZeroDivisionError without any class: balanced accuracy is undefined then, and so is its interval.

    >>> tuple(round(x, 6) for x in balanced_accuracy_interval([(18, 20), (4, 6)]))
    (0.54431, 0.916268)
    """
    k = len(classes)
    shrunk = [(hits + 0.5) / (support + 1) for hits, support in classes]
    variance = fsum([q * (1 - q) / support for q, (_, support) in zip(shrunk, classes, strict=True)])
    b = fsum(shrunk) / k
    return wilson(fsum([hits / support for hits, support in classes]) / k, b * (1 - b) * k * k / variance)
