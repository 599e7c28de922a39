"""Where will balanced accuracy be when all labels are there? From the labels so far and how complete they are.

The variance is that of the final number around the nowcast: what is known already adds nothing to it. What is aimed
at is the number of the final row. Labels that never come are not in it, so where only some predictions are ever
labelled the nowcast is as far from the truth as the final row will be.
"""

from math import fsum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.quality.maturing.completeness import Completeness, Model
from streams.quality.measures.intervals import wilson

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_CAUTION = 3.0


class Nowcast(NamedTuple):
    """Balanced accuracy over the classes that have a label by now, and its variance.

    `cautious` is the variance where each predicted class has three labels more, shared out as in the reference: cells
    that happen to be empty so far are not taken for impossible. The interval is made of the larger one.
    """

    balanced_accuracy: float
    variance: float
    cautious: float


class Matured(NamedTuple):
    """Counts of matured windows, added up: what was known of them at an age, and in the end. Row = true class."""

    known: Ints  # (K, K) labels at the age
    final: Ints  # (K, K) labels in the end
    predictions: Ints  # (K,) all predictions by predicted class


def nowcast(labelled: Ints, predictions: Ints, of: Completeness, matured: Matured) -> Nowcast | None:
    """The nowcast of `labelled` (K, K) counts, row = true class, by the estimator that its model asks for.

    `predictions` (K,) are all of the window by predicted class, `matured` is what the completeness is of. None when
    nothing is labelled, or when labels are there that the model says cannot be.

    Where completeness depends on the prediction alone, the labels of a predicted class are a sample of those that it
    will have, and are weighted up to them. That needs two labels of each predicted class; with fewer the ladder
    stands in, which is unbiased under the same model.
    """
    if not labelled.any():
        return None
    usual = _usual(matured.final)
    if of.model in {Model.CONSTANT, Model.PREDICTED} and bool((labelled.sum(axis=0)[predictions > 0] > 1).all()):
        return post_stratified(labelled, in_the_end(labelled.sum(axis=0), predictions, matured), usual)
    if bool((of.known[labelled > 0] <= 0).any()):
        return None
    return laddered(labelled, of.known, matured.final, usual)


def in_the_end(labels: Ints, predictions: Ints, matured: Matured) -> Floats:
    """(K,) how many labels each predicted class will have: all of its predictions, where every label comes.

    Of the predictions without a label as many will get one as did before, of those without one at the same age. A
    predicted class that always had all its labels by then has got them; a new one is like all together.
    """
    known, final = matured.known.sum(axis=0), matured.final.sum(axis=0)
    came, waited = np.maximum(0, final - known), np.maximum(0, matured.predictions - known)
    overall = came.sum() / max(1, int(waited.sum()))
    share = np.where(matured.predictions > 0, np.minimum(1.0, came / np.maximum(1, waited)), min(1.0, overall))
    return np.asarray(labels + (predictions - labels) * share, np.float64)


def post_stratified(labelled: Ints, total: Floats | Ints, usual: Floats | None = None) -> Nowcast:
    """The labels of each predicted class weighted up to `total` (K,); one that has a total needs two labels.

    >>> found = post_stratified(np.array([[40, 2], [3, 9]]), np.array([500, 20]))
    >>> round(found.balanced_accuracy, 6), round(found.variance, 8)
    (0.655775, 0.00360382)
    """
    there = total > 0
    of, n = total[there].astype(np.float64), labelled[:, there].sum(axis=0).astype(np.float64)
    share = labelled[:, there] / n
    support = (share * of).sum(axis=1)
    hits = np.zeros(len(labelled))
    hits[there] = np.diagonal(labelled)[there] / n * of
    balanced, slope = _recalls(hits, support)
    slope = slope[:, there] * of

    def variance(share: Floats) -> float:
        spread = (slope * slope * share).sum(axis=0) - np.square((slope * share).sum(axis=0))
        return fsum(np.maximum(0.0, (1 - n / of) / (n - 1) * spread).tolist())

    own = variance(share)
    if usual is None:
        return Nowcast(balanced, own, own)
    return Nowcast(balanced, own, variance(_mixed(labelled, usual)[:, there] / n))


def laddered(labelled: Ints, known: Floats, final: Ints, usual: Floats | None = None) -> Nowcast:
    """Each cell divided by its completeness, which is above 0 where there are labels.

    >>> counts, known = np.array([[40, 2], [3, 9]]), np.array([[0.1, 0.4], [0.2, 0.8]])
    >>> found = laddered(counts, known, np.full((2, 2), 1000))
    >>> round(found.balanced_accuracy, 6), round(found.variance, 8)
    (0.708113, 0.00440763)
    """
    safe = np.where(known > 0, known, 1.0)
    expected = labelled / safe
    balanced, slope = _recalls(np.diagonal(expected), expected.sum(axis=1))
    # A cell without final labels has a completeness all the same, from its row or column: as if one had been seen.
    of = np.maximum(final, 1)

    def variance(n: Floats) -> float:
        terms = slope * slope * (1 - safe) / (safe * safe) * (n + n * n / (safe * of))
        return fsum(terms.ravel().tolist())

    own = variance(labelled.astype(np.float64))
    return Nowcast(balanced, own, own if usual is None else variance(_mixed(labelled, usual)))


def interval(found: Nowcast, labelled: Ints) -> tuple[float, float]:
    """Where the final balanced accuracy lies with 95 %, inside [0, 1].

    Wilson at the number of trials that would be as uncertain, as for balanced accuracy itself, with half a hit and
    half a miss added to each class.
    """
    variance = max(found.variance, found.cautious)
    if variance <= 0:
        return found.balanced_accuracy, found.balanced_accuracy
    m = labelled.sum(axis=1)
    there = m > 0
    q = (np.diagonal(labelled)[there] + 0.5) / (m[there] + 1)
    shrunk = fsum(q.tolist()) / len(q)
    return wilson(found.balanced_accuracy, shrunk * (1 - shrunk) / variance)


def _recalls(hits: Floats, support: Floats) -> tuple[float, Floats]:
    """The mean recall of the classes with support, and its slope by each cell (K, K), 0 for other classes."""
    there = support > 0
    k = int(there.sum())
    of = np.where(there, support, 1.0)
    recall = hits / of
    slope = np.where(there[:, None], (np.eye(len(of)) - recall[:, None]) / of[:, None] / k, 0.0)
    return fsum(recall[there].tolist()) / k, slope


def _usual(final: Ints) -> Floats:
    """(K, K) the true classes of each predicted class, as shares; all 0 for one without final labels."""
    labels = final.sum(axis=0)[None, :]
    return np.asarray(np.divide(final, labels, out=np.zeros(final.shape), where=labels > 0), np.float64)


def _mixed(labelled: Ints, usual: Floats) -> Floats:
    """The labels of each predicted class, as many as there are, mixed with three that are as usual."""
    n = labelled.sum(axis=0)[None, :]
    more = _CAUTION * usual
    mixed = (labelled + more) * n / np.maximum(n + more.sum(axis=0), 1e-300)
    return np.asarray(mixed, np.float64)
