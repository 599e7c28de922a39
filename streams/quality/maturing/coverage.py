"""Which predictions have labels: does it depend on the predicted class, and is it as it always was at this age?

Chi-square tests with exact moments (`drift/chisquare.py`): the counts of a window that has just ended are small.
"""

from math import fsum

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc

from streams.quality.drift.chisquare import compare, tail

Ints = NDArray[np.int64]


def by_class(labelled: Ints, predictions: Ints) -> float | None:
    """How likely labels are spread so unevenly over the predicted classes by chance; counts (K,).

    None when there is nothing to compare: all or none are labelled, one predicted class, fewer than four predictions.
    """
    found = compare(labelled, predictions - labelled)
    return None if found is None else float(tail(found)[0])


def pace(labelled: Ints, predictions: Ints, labelled_before: Ints, predictions_before: Ints) -> float | None:
    """How likely each predicted class' coverage is so far from the reference's at the same age by chance; counts (K,).

    A table labelled or not by window or reference for each predicted class, added up. All predictions are the
    denominator, also those whose label never comes: theirs never came in the reference either. None when no class can
    be compared, as when labels always were there at this age and are.
    """
    now = np.column_stack([labelled, predictions - labelled])
    before = np.maximum(0, np.column_stack([labelled_before, predictions_before - labelled_before]))
    tables = [found for pair in zip(now, before, strict=True) if (found := compare(*pair)) is not None]
    if not tables:
        return None
    mean, variance = fsum(float(of.mean[0]) for of in tables), fsum(float(of.variance[0]) for of in tables)
    chi_square = fsum(float(of.statistic[0]) for of in tables)
    return float(gammaincc(mean * mean / variance, chi_square * mean / variance))
