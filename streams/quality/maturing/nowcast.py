"""Where will balanced accuracy be when all labels are there? From the labels so far and how complete they are.

The variance is that of the final number around the nowcast: what is known already adds nothing to it.
"""

from math import fsum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.quality.intervals import Z95, wilson
from streams.quality.maturing.completeness import Completeness, Model

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Nowcast(NamedTuple):
    """Balanced accuracy over the classes that have a label by now, its variance, and the labels expected by class."""

    balanced_accuracy: float
    variance: float
    support: Floats  # (K,), in any unit for post-stratification of predictions


def nowcast(labelled: Ints, predictions: Ints, of: Completeness, final: Ints) -> Nowcast | None:
    """The nowcast of `labelled` (K, K) counts, row = true class, by the estimator that its model asks for.

    `predictions` (K,) are all of the window by predicted class, `final` (K, K) the labels behind the completeness.
    None when nothing is labelled, or labels are there that the model says cannot be.

    Where completeness depends on the prediction alone, the labels of a predicted class are a sample of its
    predictions and are weighted up to them. That needs two labels of each predicted class; with fewer the ladder
    stands in, which is unbiased under the same model.
    """
    if not labelled.any():
        return None
    strata = labelled.sum(axis=0)
    if of.model in {Model.CONSTANT, Model.PREDICTED} and bool((strata[predictions > 0] > 1).all()):
        return post_stratified(labelled, predictions)
    if bool((of.known[labelled > 0] <= 0).any()):
        return None
    return laddered(labelled, of.known, final)


def post_stratified(labelled: Ints, predictions: Ints) -> Nowcast:
    """Labels of a predicted class weighted up to all its predictions; each predicted class needs two labels.

    >>> found = post_stratified(np.array([[40, 2], [3, 9]]), np.array([500, 20]))
    >>> round(found.balanced_accuracy, 6), round(found.variance, 8)
    (0.655775, 0.00360382)
    """
    there = predictions > 0
    labels = labelled[:, there].astype(np.float64)
    of, n = predictions[there].astype(np.float64), labels.sum(axis=0)
    share = labels / n
    support = (share * of).sum(axis=1)
    diagonal = np.diagonal(labelled) / np.maximum(labelled.sum(axis=0), 1)
    recall, k = _recall(diagonal * predictions, support)
    # (true, stratum): a class of the rows is hit in its own column
    hit = np.eye(len(labelled))[:, there]
    slope = (
        np.where((support > 0)[:, None], (hit - recall[:, None]) / np.where(support > 0, support, 1)[:, None], 0) / k
    )
    slope = slope * of
    spread = (slope * slope * share).sum(axis=0) - np.square((slope * share).sum(axis=0))
    variance = fsum(np.maximum(0.0, (1 - n / of) / (n - 1) * spread).tolist())
    return Nowcast(fsum(recall.tolist()) / k, variance, support)


def laddered(labelled: Ints, known: Floats, final: Ints) -> Nowcast:
    """Each cell divided by its completeness, above 0 where there are labels.

    >>> counts, known = np.array([[40, 2], [3, 9]]), np.array([[0.1, 0.4], [0.2, 0.8]])
    >>> found = laddered(counts, known, np.full((2, 2), 1000))
    >>> round(found.balanced_accuracy, 6), round(found.variance, 8)
    (0.708113, 0.00440763)
    """
    n = labelled.astype(np.float64)
    safe = np.where(labelled > 0, known, 1.0)
    expected = n / safe
    support = expected.sum(axis=1)
    recall, k = _recall(np.diagonal(expected), support)
    slope = (np.eye(len(n)) - recall[:, None]) / np.where(support > 0, support, 1)[:, None] / k
    # A cell without final labels has a completeness all the same, from its row or column: as if one had been seen.
    of = np.maximum(final, 1)
    terms = slope * slope * (n * (1 - safe) / (safe * safe) + expected * expected * (1 - safe) / (safe * of))
    return Nowcast(fsum(recall.tolist()) / k, fsum(terms.ravel().tolist()), support)


def interval(found: Nowcast, labelled: Ints) -> tuple[float, float]:
    """Where the final balanced accuracy lies with 95 %, inside [0, 1].

    Wilson at the number of trials that would be as uncertain, as for balanced accuracy itself. The variance is at
    least that of recalls with half a hit and half a miss added: a few labels that are all right know little.
    """
    m = labelled.sum(axis=1)
    there = m > 0
    hits, m = np.diagonal(labelled)[there], m[there]
    q = (hits + 0.5) / (m + 1)
    missing = np.clip(1 - m / np.maximum(found.support[there], 1e-300), 0, 1)
    k = len(m)
    variance = max(found.variance, fsum((q * (1 - q) / m * missing).tolist()) / (k * k))
    if variance <= 0:
        return found.balanced_accuracy, found.balanced_accuracy
    shrunk = fsum(q.tolist()) / k
    return wilson(found.balanced_accuracy, shrunk * (1 - shrunk) / variance)


def wald(found: Nowcast) -> tuple[float, float]:
    half = Z95 * found.variance**0.5
    return found.balanced_accuracy - half, found.balanced_accuracy + half


def _recall(hits: Floats, support: Floats) -> tuple[Floats, int]:
    """(K,) recall, 0 for a class without support, and how many classes have it."""
    there = support > 0
    return np.divide(hits, support, out=np.zeros(len(support)), where=there), int(there.sum())
