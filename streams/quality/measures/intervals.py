"""How sure a number is: Wilson's interval of a ratio, and of a mean by Wilson at an effective number of trials.

Balanced accuracy is a mean of recalls over unequal supports; its variance, estimated with half a hit and
half a miss added to each class, says how many trials of one coin would be as uncertain (`statistics.md`
section 2; `benchmarks/interval_coverage.py` has the simulated coverage, and Wald's beside it). The half keeps the
variance above zero, so a perfect score over few labels has a wide interval, not an empty one. Macro F1 and the
expected cost are taken the same way, with variances of their own.
"""

from collections.abc import Collection
from math import fsum, sqrt

Z95 = 1.959964
"""The normal quantile of a two-sided 95 % interval."""

Z99 = 2.575829
"""The normal quantile of a two-sided 99 % interval."""


def wilson(ratio: float, trials: float, z: float = Z95) -> tuple[float, float]:
    """The 95 % interval (or that of `z`) of a ratio seen in so many trials (above 0, need not be whole), inside [0, 1].

    >>> tuple(round(x, 6) for x in wilson(1.0, 10))
    (0.722467, 1.0)
    """
    spread = z * z / trials
    centre = (ratio + spread / 2) / (1 + spread)
    half = z / (1 + spread) * sqrt(ratio * (1 - ratio) / trials + spread / (4 * trials))
    # Exact arithmetic keeps 0 <= lower <= ratio <= upper <= 1; floats need help at 0 and 1.
    return max(0.0, min(ratio, centre - half)), min(1.0, max(ratio, centre + half))


def balanced_accuracy_interval(classes: Collection[tuple[float, float]], z: float = Z95) -> tuple[float, float]:
    """The 95 % interval, or that of `z`, of the mean recall over classes given as (hits, support above 0).

    Hits and supports need not be whole: weighted counts go in at their effective size. Raises ZeroDivisionError
    without any class: balanced accuracy is undefined then, and so is its interval.

    >>> tuple(round(x, 6) for x in balanced_accuracy_interval([(18, 20), (4, 6)]))
    (0.54431, 0.916268)
    """
    k = len(classes)
    shrunk = [(hits + 0.5) / (support + 1) for hits, support in classes]
    variance = fsum([q * (1 - q) / support for q, (_, support) in zip(shrunk, classes, strict=True)])
    b = fsum(shrunk) / k
    return wilson(fsum([hits / support for hits, support in classes]) / k, b * (1 - b) * k * k / variance, z)


def macro_f1_interval(macro_f1: float, classes: Collection[tuple[int, int, int]]) -> tuple[float, float]:
    """The 95 % interval of macro F1 over classes given as (hits, support, predicted), not both of the latter 0.

    The delta method on multinomial counts. A class of t hits and e = fn + fp errors has F1 = 2J / (1 + J) of the
    proportion J = t / (t + e), so `var F1 = 4 J (1 - J) / ((1 + J)^4 (t + e))`, J taken with half a hit and half a
    miss. An error counts in two classes, k by its label and l by its prediction: `cov(F1_k, F1_l) = a_k a_l n_kl`
    with `a = F1 / (support + predicted)`. The sum of these needs the cells; Cauchy's bound of it,
    `sqrt(sum a_k^2 fn_k * sum a_l^2 fp_l)`, needs only the margins and makes the interval some 2 % wider.
    Raises ZeroDivisionError without any class.

    >>> tuple(round(x, 6) for x in macro_f1_interval(0.783333, [(18, 20, 20), (4, 6, 6)]))
    (0.542959, 0.916685)
    """
    k = len(classes)
    f1s, variances, by_label, by_prediction = [], [], [], []
    for hits, support, predicted in classes:
        both = support + predicted
        trials = both - hits
        j = (hits + 0.5) / (trials + 1)
        f1 = 2 * j / (1 + j)
        f1s.append(f1)
        variances.append(4 * j * (1 - j) / ((1 + j) ** 4 * trials))
        share = (f1 / both) ** 2
        by_label.append(share * (support - hits))
        by_prediction.append(share * (predicted - hits))
    variance = fsum(variances) + 2 * sqrt(fsum(by_label) * fsum(by_prediction))
    b = fsum(f1s) / k
    return wilson(macro_f1, b * (1 - b) * k * k / variance)


def bounded_mean_interval(values: Collection[tuple[float, int]], low: float, high: float) -> tuple[float, float]:
    """The 95 % interval of the mean of values given as (value, how often), all within [low, high].

    The multinomial variance, with half an observation at each bound, against that of a coin: for values of 0 and 1
    this is Wilson's interval. What may happen at most counts even when it was never seen, since few observations
    cannot exclude it. Where low = high the mean is certain. Raises ZeroDivisionError without any observation.

    >>> bounded_mean_interval([(0.0, 9), (1.0, 1)], 0.0, 1.0) == wilson(0.1, 10)
    True
    """
    n = sum(count for _, count in values)
    mean = fsum([value * count for value, count in values]) / n
    reach = high - low
    if not reach:
        return mean, mean
    # On the scale of the reach, so that the variance of tiny or huge costs neither vanishes nor overflows.
    shares = [((value - low) / reach, count) for value, count in values]
    seen = fsum([share * count for share, count in shares]) / n
    b = (fsum([share * count for share, count in shares]) + 0.5) / (n + 1)
    spread = fsum([(share - b) ** 2 * count for share, count in shares] + [0.5 * b * b, 0.5 * (1 - b) ** 2])
    lower, upper = wilson(min(1.0, max(0.0, seen)), b * (1 - b) * n * (n + 1) / spread)
    return min(mean, low + lower * reach), max(mean, low + upper * reach)
