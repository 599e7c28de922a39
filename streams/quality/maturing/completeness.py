"""How complete is each cell of the confusion table at an age? The chain ladder's question, asked of matured windows.

`F[i, j]` is the share of the final labels of true class i and predicted class j that were known at the age. Five
models of it, from one share for all to one for each cell, are fitted to pooled counts and the one with the least AIC
is taken: which of them holds decides how a window is corrected (`statistics.md` section 5).
"""

from enum import StrEnum
from math import fsum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlog1py, xlogy

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_SWEEPS = 60
_NOTHING = 1e-300  # divides a sum that is 0, whose share is then not looked at
_SHRINKAGE = 5.0  # a cell is as complete as the product says until it has clearly more labels than this
_TIE = 1e-6  # AICs that differ by less are equal, so that rounding never chooses a model


class Model(StrEnum):
    """What completeness depends on, simplest first."""

    CONSTANT = "constant"
    ACTUAL = "actual"
    PREDICTED = "predicted"
    BOTH = "both"
    CELL = "cell"


class Completeness(NamedTuple):
    """The chosen model and its F (K, K), row = true class, in [0, 1]; 0 where labels never came so early."""

    model: Model
    known: Floats


def fit(known: Ints, final: Ints) -> Completeness | None:
    """The best model of how much of `final` (K, K) was `known` (K, K) at an age; None without any final label.

    A label that is corrected later is counted in its first cell until then, so `known` may exceed `final` in a cell:
    it is taken as complete. Rows and columns without a final label are as complete as all are together.
    """
    seen = (final.sum(axis=0) > 0) | (final.sum(axis=1) > 0)
    k = int(seen.sum())
    if not k:
        return None
    total = final.astype(np.float64)
    part = np.minimum(known, final).astype(np.float64)
    share = part.sum() / total.sum()
    rows, columns = _ratio(part.sum(axis=1), total.sum(axis=1), share), _ratio(part.sum(0), total.sum(0), share)
    product = _product(part, total, share)
    ones = np.ones_like(total)
    candidates = (
        (Model.CONSTANT, 1, share * ones),
        (Model.ACTUAL, k, rows[:, None] * ones),
        (Model.PREDICTED, k, columns[None, :] * ones),
        (Model.BOTH, 2 * k - 1, product),
        (Model.CELL, k * k, (part + _SHRINKAGE * product) / (total + _SHRINKAGE)),
    )
    best, least = candidates[0], np.inf
    for candidate in candidates:
        _, parameters, completeness = candidate
        aic = 2 * parameters - 2 * _log_likelihood(part, total, completeness)
        if aic < least - _TIE:
            best, least = candidate, aic
    return Completeness(best[0], best[2])


def _ratio(part: Floats, total: Floats, otherwise: float) -> Floats:
    return np.divide(part, total, out=np.full_like(total, otherwise), where=total > 0)


def _product(part: Floats, total: Floats, share: float) -> Floats:
    """F = a_i b_j with the margins of the known counts, by alternating; at most just below 1."""
    known_of_row, known_of_column = part.sum(axis=1), part.sum(axis=0)
    b = np.ones(len(total))
    for _ in range(_SWEEPS):
        a = known_of_row / np.maximum((total * b).sum(axis=1), _NOTHING)
        b = known_of_column / np.maximum((total * a[:, None]).sum(axis=0), _NOTHING)
    a = np.where(total.any(axis=1), a, share)
    b = np.where(total.any(axis=0), b, 1.0)
    product = a[:, None] * b[None, :]
    return np.where(product > 1, (total + 0.5) / (total + 1), product)


def _log_likelihood(part: Floats, total: Floats, completeness: Floats) -> float:
    terms = xlogy(part, completeness) + xlog1py(total - part, -completeness)
    return fsum(terms.ravel().tolist())
