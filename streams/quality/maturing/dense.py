"""A window's counts as small arrays over the classes of a series: what matured windows are pooled in."""

from collections.abc import Sequence
from math import fsum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.ledger.cells import CONFIDENCE_BINS
from streams.quality.counts.counted import NO_LABEL, Counted

Ints = NDArray[np.int64]

BINS = CONFIDENCE_BINS + 1
"""The bins of the confidence, and one for predictions without: where there are no scores, the class is all there is."""


class Dense(NamedTuple):
    """Counts over K named classes; row = true class."""

    labelled: Ints  # (K, K)
    predictions: Ints  # (K,) by predicted class, labelled or not
    by_confidence: Ints  # (K, BINS) all predictions by predicted class and confidence


def classes_of(counts: Counted) -> tuple[str, ...]:
    """The classes with a label or a prediction, sorted by name."""
    there = (counts.support > 0) | (counts.predictions_of > 0)
    return tuple(name for name, is_there in zip(counts.classes, there.tolist(), strict=True) if is_there)


def positions(counts: Counted, names: Sequence[str]) -> Ints:
    """(counts.k,) where each class of the counts lies in `names`; -1 for one that is not there."""
    at = {name: i for i, name in enumerate(names)}
    return np.array([at.get(name, -1) for name in counts.classes], np.int64)


def dense(counts: Counted, names: Sequence[str]) -> Dense:
    """The counts over `names`, which hold every class with a label or a prediction."""
    at, k = positions(counts, names), len(names)
    labelled = np.zeros((k, k), np.int64)
    np.add.at(labelled, (at[counts.cells.true], at[counts.cells.predicted]), counts.cells.n)
    predictions = np.zeros(k, np.int64)
    there = counts.predictions_of > 0
    predictions[at[there]] = counts.predictions_of[there]
    by_confidence = np.zeros((k, BINS), np.int64)
    np.add.at(by_confidence, (at[counts.scored.predicted], counts.scored.bin), counts.scored.n)
    by_confidence[:, -1] = np.maximum(0, predictions - by_confidence.sum(axis=1))
    return Dense(labelled, predictions, by_confidence)


def joint(counts: Counted, names: Sequence[str]) -> Ints:
    """(K, K, BINS) labelled predictions by true class, predicted class and confidence."""
    at, k = positions(counts, names), len(names)
    found = np.zeros((k, k, BINS), np.int64)
    scored = counts.scored
    has = scored.true != NO_LABEL
    np.add.at(found, (at[scored.true[has]], at[scored.predicted[has]], scored.bin[has]), scored.n[has])
    labelled = np.zeros((k, k), np.int64)
    np.add.at(labelled, (at[counts.cells.true], at[counts.cells.predicted]), counts.cells.n)
    found[:, :, -1] = np.maximum(0, labelled - found.sum(axis=2))
    return found


def balanced_accuracy(counts: Counted) -> float:
    """Mean recall of the classes with support; something is labelled."""
    there = counts.support > 0
    return fsum((counts.hits[there] / counts.support[there]).tolist()) / int(there.sum())
