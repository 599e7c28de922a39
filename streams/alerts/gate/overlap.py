"""The hours that two versions share: the only ones in which they can be compared.

Both arms are cut to the same range of event time and to the same labels: an hour counts when both versions had
predictions in it. Otherwise the younger version, whose labels are still coming, looks worse than it is.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from streams.alerts.evidence.series import Hours
from streams.alerts.gate.comparison import Arms, Ints
from streams.alerts.rules.model import selects

FEWEST_BLOCKS = 24
"""Hours with labels in both arms below which nothing can be said about how much the difference varies."""

MOST_DEFF = 20.0


class Arm(NamedTuple):
    """One version in the shared hours, arrays of shape (H, K) in the order of the classes that are compared."""

    support: Ints
    hits: Ints
    predictions: int
    labelled: int  # predictions with a label, of any class

    @property
    def completeness(self) -> float | None:
        """Their share; None without predictions."""
        return self.labelled / self.predictions if self.predictions else None


class Overlap(NamedTuple):
    """Two versions in the hours they share. `start` and `end` bound those hours, ms; None where there are none."""

    classes: tuple[str, ...]
    start: int | None
    end: int | None
    candidate: Arm
    baseline: Arm

    @property
    def arms(self) -> Arms:
        """The counts of all shared hours."""
        own, base = self.candidate, self.baseline
        return Arms(
            self.classes, own.support.sum(axis=0), own.hits.sum(axis=0), base.support.sum(axis=0), base.hits.sum(axis=0)
        )

    @property
    def deff(self) -> float:
        """The design effect of the difference, at least 1: its variance between hours over that of independent events.

        Chi-square of the difference of recalls by hour and class over its degrees of freedom. What moves both arms
        alike cancels, since traffic is split at random. 1 with fewer than 24 hours of any class.
        """
        own, base = self.candidate, self.baseline
        both = (own.support > 0) & (base.support > 0)
        blocks = both.sum(axis=0)
        used = blocks >= FEWEST_BLOCKS
        if not used.any():
            return 1.0
        n, n_base = np.maximum(own.support, 1), np.maximum(base.support, 1)
        arms = self.arms
        delta = arms.hits / np.maximum(arms.n, 1) - arms.hits_base / np.maximum(arms.n_base, 1)
        q = (arms.hits + arms.hits_base + 1) / (arms.n + arms.n_base + 2)
        residual = own.hits / n - base.hits / n_base - delta
        chi = np.where(both, residual**2 / (q * (1 - q) * (1 / n + 1 / n_base)), 0.0).sum(axis=0)
        return float(np.clip(chi[used].sum() / (blocks[used] - 1).sum(), 1.0, MOST_DEFF))


def overlap(
    own: tuple[Sequence[str], Hours],
    base: tuple[Sequence[str], Hours],
    hour_ms: int,
    bounds: tuple[int, int] | None,
    pattern: str = "*",
) -> Overlap:
    """What two versions share, given as (classes, hours), of the hours that begin in `bounds` (begin, end), ms.

    Compared are the classes that `pattern` selects; labels are complete or not in all classes together. A class that
    no hour of either version has a label of is no class of balanced accuracy; one that had labels at any time, also
    outside the bounds, must have them. So give all hours that are kept.
    """
    names = sorted(name for name in _labelled(own) | _labelled(base) if selects(pattern, name))
    shared = np.intersect1d(_starts(own[1]), _starts(base[1]))
    if bounds is not None:
        shared = shared[(shared >= bounds[0]) & (shared < bounds[1])]
    start = int(shared[0]) if len(shared) else None
    end = int(shared[-1]) + hour_ms if len(shared) else None
    return Overlap(tuple(names), start, end, _arm(own, names, shared), _arm(base, names, shared))


def _labelled(version: tuple[Sequence[str], Hours]) -> set[str]:
    classes, hours = version
    return {classes[c] for c in np.flatnonzero(hours.support.sum(axis=0) > 0).tolist()}


def _starts(hours: Hours) -> Ints:
    """The hours with predictions."""
    starts: Ints = hours.start[hours.of_class.sum(axis=1) > 0]
    return starts


def _arm(version: tuple[Sequence[str], Hours], names: list[str], shared: Ints) -> Arm:
    classes, hours = version
    inside = np.isin(hours.start, shared)
    index = {name: c for c, name in enumerate(classes)}
    support = np.zeros((int(inside.sum()), len(names)), np.int64)
    hits = np.zeros_like(support)
    for column, name in enumerate(names):
        if name in index:
            support[:, column] = hours.support[inside, index[name]]
            hits[:, column] = hours.hits[inside, index[name]]
    return Arm(support, hits, int(hours.of_class[inside].sum()), int(hours.support[inside].sum()))
