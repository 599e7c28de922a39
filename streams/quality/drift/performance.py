"""Did recall drop? The matched drop, and two detectors over time: a CUSUM for all classes, an e-detector for any one.

`statistics.md` section 3. The CUSUM finds a small drop of all classes at once, the e-detector (a mixture of
Shiryaev-Roberts processes, Shin, Ramdas and Rinaldo 2022) a large one of a single class among many, and names it.
"""

from math import log, sqrt
from typing import NamedTuple

import numpy as np

from streams.quality.drift.chisquare import Floats, exact_sum
from streams.quality.drift.tally import Ints, Recalled

LEAST = 5
"""Labels that a class needs on both sides to be compared."""

ALLOWANCE = 0.5
"""What the CUSUM forgives in each window, standard deviations."""

CUSUM_ALARM = 6.0
EVIDENCE_ALARM = log(1000)
DROPS = np.array([0.03, 0.06, 0.12, 0.25, 0.45])
MARGIN = 0.01
"""A drop of recall that is not worth evidence."""


class Matched(NamedTuple):
    """The drop of mean recall over the classes with labels on both sides, each counted the same."""

    classes: Ints
    drop: float  # reference less window
    variance: float  # of the drop, without drift
    window_variance: float  # the window's part of it
    misfit: float  # sum over the classes of (drop / its standard deviation) ** 2
    excess: float  # sum over the classes of support * (that square - 1)
    squares: float  # sum over the classes of support ** 2
    skewness: float  # of the drop, without drift
    baseline: float  # mean recall of the reference

    @property
    def z(self) -> float:
        """The drop in standard deviations."""
        return self.drop / sqrt(self.variance)

    @property
    def normal_z(self) -> float:
        """The same with its skewness taken out (Hall 1992, J. Roy. Statist. Soc. B 54): monotone, and nearly normal.

        High recalls over few labels fall further below their mean than they rise above it: of ten labels of a class
        with recall .85, three standard deviations down are seven times as frequent as a normal tail says.
        """
        z, bend = self.z, self.skewness / 6
        return z - bend * (z**2 - 1) + bend**2 * z**3 / 3


def matched(window: Recalled, reference: Recalled) -> Matched | None:
    """The matched drop; None when no class has `LEAST` labels on both sides."""
    classes = np.flatnonzero((window.support >= LEAST) & (reference.support >= LEAST))
    k = len(classes)
    if not k:
        return None
    m, m0 = (side.support[classes].astype(np.float64) for side in (window, reference))  # squares of counts overflow
    q, r0 = shrunk(reference)[classes], reference.hits[classes] / m0
    drops, coin = r0 - window.hits[classes] / m, q * (1 - q)
    variances = coin * (1 / m + 1 / m0)
    misfits = drops**2 / variances
    variance = exact_sum(variances) / k**2
    third = exact_sum(coin * (2 * q - 1) * (1 / m**2 - 1 / m0**2)) / k**3
    return Matched(
        classes,
        exact_sum(drops) / k,
        variance,
        exact_sum(coin / m) / k**2,
        exact_sum(misfits),
        exact_sum(m * (misfits - 1)),
        float((m**2).sum()),
        third / variance**1.5,
        exact_sum(r0) / k,
    )


def shrunk(of: Recalled) -> Floats:
    """(K,) recall with half a hit and half a miss added, so that no class is certain."""
    return np.asarray((of.hits + 0.5) / (of.support + 1))


class Step(NamedTuple):
    """What the detectors said of a window, before they began again."""

    cusum: float
    evidence: float | None  # None before any class was tracked
    fired: bool
    blamed: int | None  # the class with the most evidence


class Clumping(NamedTuple):
    """How much more than sampling the hits of a class vary.

    At least `overdispersion`, pooled over classes; and `1 + correlation * labels`, which hits that depend on what they
    share in a window have: pooled alone it would be too small for the largest class among many small ones, and each
    ordinary bad hour of it would count as evidence.
    """

    overdispersion: float
    correlation: float

    def of(self, support: Ints) -> Floats:
        """The same for classes with so many labels in a window."""
        return np.asarray(np.maximum(self.overdispersion, 1 + self.correlation * support))


class Detector:
    """A CUSUM of the standardised drop, and for each class and size of drop the log of an e-process.

    State: one number, and five for each class that the reference says enough about (`tracked`).
    """

    __slots__ = ("cusum", "log_m", "tracked")

    def __init__(self) -> None:
        self.cusum = 0.0
        self.log_m: Floats = np.zeros((0, len(DROPS)))
        self.tracked = np.zeros(0, np.bool_)

    def step(self, z: float, window: Recalled, reference: Recalled, clumping: Clumping) -> Step:
        """Take a window in. `z` has its over-dispersion taken out already."""
        self.cusum = cusum = max(0.0, self.cusum + z - ALLOWANCE)
        self._track(window, reference, clumping)
        evidence, blamed = self._evidence()
        by_cusum, by_evidence = cusum > CUSUM_ALARM, evidence is not None and evidence >= EVIDENCE_ALARM
        if by_cusum:
            self.cusum = 0.0
        if by_evidence:
            self.log_m[:] = -np.inf
        return Step(cusum, evidence, by_cusum or by_evidence, blamed)

    def _track(self, window: Recalled, reference: Recalled, clumping: Clumping) -> None:
        """Let the e-processes of the classes with labels here go on."""
        self._grow(len(window.support))
        support, q = reference.support, shrunk(reference)
        # as low as the reference's own uncertainty allows: what it does not know must not count as a drop
        floor = q - 2 * np.sqrt(q * (1 - q) / np.maximum(support, 1)) - MARGIN
        eligible = (support >= LEAST) & (floor > MARGIN)
        self.tracked |= eligible
        classes = np.flatnonzero(eligible & (window.support > 0))
        hits, misses = window.hits[classes, None], (window.support - window.hits)[classes, None]
        before = floor[classes, None]
        after = np.maximum(MARGIN, before - DROPS)
        gained = hits * np.log(after / before) + misses * np.log((1 - after) / (1 - before))
        gained /= clumping.of(window.support[classes])[:, None]
        self.log_m[classes] = np.logaddexp(0.0, self.log_m[classes]) + gained

    def _grow(self, k: int) -> None:
        more = k - len(self.tracked)
        if more > 0:
            self.tracked = np.concatenate([self.tracked, np.zeros(more, np.bool_)])
            self.log_m = np.concatenate([self.log_m, np.full((more, len(DROPS)), -np.inf)])

    def _evidence(self) -> tuple[float | None, int | None]:
        """Log of the mean of the tracked processes, and the class with the greatest; None while all are 0."""
        tracked = self.log_m[self.tracked]
        top = float(tracked.max(initial=-np.inf))
        if top == -np.inf:
            return None, None
        evidence = top + log(float(np.exp(tracked - top).sum())) - log(tracked.size)
        best = np.where(self.tracked, self.log_m.max(axis=1), -np.inf)
        return evidence, int(best.argmax())


class Effects(NamedTuple):
    """The change of accuracy in two parts that add up to it."""

    prevalence: float
    recall: float


def effects(window: Recalled, reference: Recalled) -> Effects | None:
    """How much of the change of accuracy comes from other shares, and from other recalls, of the true classes.

    A class without labels on one side counts as recalled there as on the other: all its change is one of shares.
    None when nothing is labelled on a side.
    """
    n, m = int(window.support.sum()), int(reference.support.sum())
    if not n or not m:
        return None
    seen = np.flatnonzero(window.support + reference.support)
    (hits, support), (hits0, support0) = ((x.hits[seen], x.support[seen]) for x in (window, reference))
    share, share0 = support / n, support0 / m
    here, there = hits / np.maximum(support, 1), hits0 / np.maximum(support0, 1)
    recall, recall0 = np.where(support > 0, here, there), np.where(support0 > 0, there, here)
    return Effects(
        exact_sum((share - share0) * (recall0 + recall) / 2),
        exact_sum((recall - recall0) * (share0 + share) / 2),
    )
