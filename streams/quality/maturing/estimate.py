"""How good is a window of which no label is known? From its predictions and confidences, as matured windows were.

Information, never an alarm: it takes for granted that a prediction of this class at this confidence is right as often
as it was. When the concept changes it goes on as if nothing had happened, so it is too good (`statistics.md` section
5). Saerens, Latinne, Decaestecker 2002 for the prior by EM.
"""

from math import fsum

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc

from streams.quality.maturing.outlook import SIGNIFICANT, Unknown

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_MOST_UNKNOWN = 0.05
_FEWEST_LABELS = 0.5  # a class with fewer expected labels has more likely none at all, and then counts for nothing
_FEWEST_EXPECTED = 5.0  # cells expected to hold fewer are one, for the chi-square
_ROUNDS = 100
_CONVERGED = 1e-6


def estimated(by_confidence: Ints, reference: Ints) -> float | Unknown:
    """Balanced accuracy of predictions (K, B) by predicted class and bin, or why it cannot be said.

    `reference` (K, K, B) are labelled predictions by true class, predicted class and bin. Predicted classes without a
    reference are left out while they are at most 5 % of the predictions. A cell without a reference of its own is
    like its predicted class. The mean is over classes that are expected to have a label.
    """
    if not by_confidence.any():
        return Unknown.NO_PREDICTIONS
    known = reference.sum(axis=(0, 2)) > 0
    if by_confidence[~known].sum() > _MOST_UNKNOWN * by_confidence.sum():
        return Unknown.NEW_CLASSES
    classes, predicted = np.flatnonzero(reference.any(axis=(1, 2))), np.flatnonzero(known)
    k, bins = len(classes), by_confidence.shape[1]
    n = by_confidence[predicted].astype(np.float64).ravel()
    seen = _smoothed(reference)[np.ix_(classes, predicted)].reshape(k, -1)
    hit = classes[:, None] == np.repeat(predicted, bins)[None, :]
    prior = label_shift(n, seen)
    if prior is not None:
        seen = seen * (prior / seen.sum(axis=1))[:, None]
    there = n > 0  # a class that the prior rules out leaves cells without any weight, and without predictions
    expected = _shares(seen[:, there]) * n[there]
    support, hits = expected.sum(axis=1), np.where(hit[:, there], expected, 0.0).sum(axis=1)
    counts = support >= min(_FEWEST_LABELS, support.max())
    return fsum((hits[counts] / support[counts]).tolist()) / int(counts.sum())


def label_shift(n: Floats, seen: Floats) -> Floats | None:
    """(K,) how often each true class is now, if nothing but that changed; None when more did, or it cannot be told.

    `n` (Z,) are predictions by cell, `seen` (K, Z) the reference by true class. The prior is the likeliest one; a
    chi-square of the cells against it, which allows for the sampling of the reference, says whether it will do. It
    cannot be told with no more cells than classes, as without scores.
    """
    support = seen.sum(axis=1)
    likelihood, total = seen / support[:, None], float(n.sum())
    there = n > 0
    likely, counts = likelihood[:, there], n[there]
    prior = support / support.sum()
    for _ in range(_ROUNDS):
        found = (_shares(likely * prior[:, None]) * counts).sum(axis=1) / total
        moved = float(np.abs(found - prior).max())
        prior = found
        if moved < _CONVERGED:
            break
    expected = total * (likelihood * prior[:, None]).sum(axis=0)
    likelihood, n = _pooled(likelihood, expected), _pooled(n[None, :], expected)[0]
    freedom = len(n) - len(prior)
    if freedom < 1:
        return None
    expected = total * (likelihood * prior[:, None]).sum(axis=0)
    sampling = np.square(total * prior)[:, None] * likelihood * (1 - likelihood) / support[:, None]
    chi_square = float((np.square(n - expected) / (expected + np.maximum(0.0, sampling).sum(axis=0))).sum())
    return prior if gammaincc(freedom / 2, chi_square / 2) >= SIGNIFICANT else None


def _pooled(columns: Floats, expected: Floats) -> Floats:
    """(., Z) columns with those of few expected predictions added up; still few, they go to the fewest of the rest."""
    many = expected >= _FEWEST_EXPECTED
    kept, few = columns[:, many], columns[:, ~many].sum(axis=1)
    if expected[~many].sum() >= _FEWEST_EXPECTED or not many.any():
        return np.column_stack([kept, few])
    kept[:, expected[many].argmin()] += few
    return kept


def _shares(weights: Floats) -> Floats:
    """(K, Z) each column over its sum; every column has a weight."""
    shares: Floats = weights / weights.sum(axis=0)
    return shares


def _smoothed(reference: Ints) -> Floats:
    """The reference and one more prediction of each predicted class, spread over the bins, true as the others were."""
    of_class = reference.sum(axis=2).astype(np.float64)
    labels = of_class.sum(axis=0)[None, :]
    share = np.divide(of_class, labels, out=np.zeros_like(of_class), where=labels > 0)
    smoothed: Floats = reference + share[:, :, None] / reference.shape[2]
    return smoothed
