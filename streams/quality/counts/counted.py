"""What is counted in one segment of one window, for everybody who computes with it: sparse columns over named classes.

`Counted` is the one argument of measures, drift, nowcast, groups and samples. Classes are numbered by name, so that
nothing that is computed depends on the order in which names were first seen. All counts are integers; sums of
confidences are in fixed point (`CONFIDENCE_SCALE`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.ledger.cells import CONFIDENCE_BINS, POSITIVE_BINS, Outcome

Ints = NDArray[np.int64]

NO_LABEL = -1
"""The true class of predictions without a label, in columns of classes."""


def _none() -> Ints:
    return np.zeros(0, np.int64)


class Cells(NamedTuple):
    """Counts as columns of equal length, each (true, predicted) once, sorted by both, no n is 0.

    `true` is NO_LABEL where there is no label.
    """

    true: Ints
    predicted: Ints
    n: Ints

    @classmethod
    def none(cls) -> "Cells":
        """No counts."""
        return cls(_none(), _none(), _none())


class BinnedCells(NamedTuple):
    """Counts by a bin besides: of the confidence, of the label's delay."""

    bin: Ints
    true: Ints
    predicted: Ints
    n: Ints

    @classmethod
    def none(cls) -> "BinnedCells":
        """No counts."""
        return cls(_none(), _none(), _none(), _none())


class SourceCells(NamedTuple):
    """Counts by label source: `source` indexes `Counted.sources`."""

    source: Ints
    first: Ints
    second: Ints
    n: Ints

    @classmethod
    def none(cls) -> "SourceCells":
        """No counts."""
        return cls(_none(), _none(), _none(), _none())


class PairCells(NamedTuple):
    """Counts of labels by two sources for one prediction: the class that each gave."""

    source_a: Ints
    source_b: Ints
    class_a: Ints
    class_b: Ints
    n: Ints

    @classmethod
    def none(cls) -> "PairCells":
        """No counts."""
        return cls(_none(), _none(), _none(), _none(), _none())


class PairedCells(NamedTuple):
    """Pairs of labelled predictions of one id by this version and one that sorts before it.

    `version` indexes `Counted.versions`, `outcome` is a `PairOutcome`; each (version, true, outcome) is there once.
    """

    version: Ints
    true: Ints
    outcome: Ints
    n: Ints

    @classmethod
    def none(cls) -> "PairedCells":
        """No counts."""
        return cls(_none(), _none(), _none(), _none())


@dataclass(frozen=True)
class Counted:
    """The counts of one segment of one window; K = len(classes), class numbers index `classes`, which is sorted.

    `cells` are the labelled predictions by true and predicted class, `unlabelled` (K,) the others by predicted class.
    Everything below them is empty where it is not counted: no scores, one label source, windows finer than the
    detail grain, a view of its own.
    """

    classes: tuple[str, ...]
    cells: Cells
    unlabelled: Ints
    corrected: int = 0
    # predictions with a confidence: by its bin, true class (NO_LABEL) and predicted class
    scored: BinnedCells = field(default_factory=BinnedCells.none)
    # (CONFIDENCE_BINS, 3): sum of confidence by bin and Outcome, in 1 / CONFIDENCE_SCALE
    confidence_sum: Ints = field(default_factory=lambda: np.zeros((CONFIDENCE_BINS, len(Outcome)), np.int64))
    # (3,): sum of confidence squared by Outcome, in 1 / CONFIDENCE_SCALE ** 2
    confidence_squares: Ints = field(default_factory=lambda: np.zeros(len(Outcome), np.int64))
    # labelled predictions by the bin of the time from event to label's delivery, true and predicted class
    delays: BinnedCells = field(default_factory=BinnedCells.none)
    # (POSITIVE_BINS, 2): labelled predictions by the bin of the positive class' score, and whether it was true
    positive: Ints = field(default_factory=lambda: np.zeros((POSITIVE_BINS, 2), np.int64))
    # ranks[r]: labelled predictions whose true class had rank r (1 = highest) among the kept scores; [0]: not kept
    ranks: Ints = field(default_factory=_none)
    # labelled predictions with a score for every class, and their sums of Brier score and log-loss in millionths
    proper: int = 0
    brier_sum: int = 0
    log_loss_sum: int = 0
    sources: tuple[str, ...] = ()
    # corrections by source of the new label, class before (first) and after (second)
    corrections: SourceCells = field(default_factory=SourceCells.none)
    # labelled predictions by the source of the label they count under, true (first) and predicted (second) class
    labelled_by: SourceCells = field(default_factory=SourceCells.none)
    agreement: PairCells = field(default_factory=PairCells.none)
    # the other versions of pairs, sorted by name; in a segment a pair is where the prediction of this version is
    versions: tuple[str, ...] = ()
    pairs: PairedCells = field(default_factory=PairedCells.none)

    @property
    def k(self) -> int:
        """How many classes have a name here."""
        return len(self.classes)

    @cached_property
    def support(self) -> Ints:
        """(K,) labels of each class."""
        return self._sum(self.cells.true, self.cells.n)

    @cached_property
    def hits(self) -> Ints:
        """(K,) labels of each class that were predicted: true positives."""
        right = self.cells.true == self.cells.predicted
        return self._sum(self.cells.true[right], self.cells.n[right])

    @cached_property
    def predicted(self) -> Ints:
        """(K,) labelled predictions of each class."""
        return self._sum(self.cells.predicted, self.cells.n)

    @cached_property
    def predictions_of(self) -> Ints:
        """(K,) all predictions of each class, labelled or not."""
        return self.predicted + self.unlabelled

    @cached_property
    def labelled(self) -> int:
        """Labelled predictions."""
        return int(self.cells.n.sum())

    @cached_property
    def predictions(self) -> int:
        """All predictions."""
        return self.labelled + int(self.unlabelled.sum())

    def matrix(self) -> Ints:
        """(K, K) labelled predictions, row = true class. Only where K is known to be small."""
        dense = np.zeros((self.k, self.k), np.int64)
        dense[self.cells.true, self.cells.predicted] = self.cells.n
        return dense

    def _sum(self, at: Ints, n: Ints) -> Ints:
        # through float64: exact below 2 ** 53 predictions
        return np.bincount(at, n, self.k).astype(np.int64)


def counted(
    matrix: Sequence[Sequence[int]] | Ints,
    unlabelled: Sequence[int] | Ints | None = None,
    classes: Sequence[str] | None = None,
) -> Counted:
    """The counts of a dense confusion matrix, row = true class; classes are c0000, c0001, ... where not named."""
    dense = np.asarray(matrix, np.int64)
    k = len(dense)
    true, predicted = np.nonzero(dense)
    names = tuple(classes) if classes is not None else tuple(f"c{i:04d}" for i in range(k))
    rest = np.zeros(k, np.int64) if unlabelled is None else np.asarray(unlabelled, np.int64)
    return Counted(names, Cells(true.astype(np.int64), predicted.astype(np.int64), dense[true, predicted]), rest)
