"""What is counted in a pane: the code of a cell packs its kind and three small numbers into an integer.

`code = kind << 56 | c << 32 | a << 16 | b`. Every counted prediction is in exactly one CONFUSION cell; an unlabelled
one in the column NONE, so that predictions, labelled, waiting and coverage all derive from one table. All counts are
integers, sums of confidence are in fixed point (`CONFIDENCE_SCALE`), so panes add, retract and replay exactly.

CONFUSION lies in the pane of the event. All other kinds have the coarser *detail* grain: their cells lie in the slot
of the first pane of `time // detail_ms * detail_ms`, where time is the event's, or for LABEL_TIME when the label was
known.
"""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from streams.formats.columns import CONFIDENCE_SCALE

Ints = NDArray[np.int64]

NONE = 0xFFFF
"""The true class of a prediction without a label; a class before or after a correction that is none."""

CONFIDENCE_BINS = 20
POSITIVE_BINS = 128
SOURCE_BITS = 12
"""Bits of each of the two label sources in the c of an AGREEMENT cell."""

KIND_SHIFT = 56
C_SHIFT = 32
A_SHIFT = 16
_C = (1 << KIND_SHIFT - C_SHIFT) - 1


class CellKind(IntEnum):
    """The meaning of a cell's `a`, `b` and `c`, and of its count. What is not named is 0."""

    CONFUSION = 0  # a predicted class, b true class or NONE: predictions
    SCORED = 1  # c confidence bin, a predicted class, b true class or NONE: predictions with a score
    CONFIDENCE_SUM = 2  # a confidence bin, b Outcome: sum of their confidence, fixed point
    CONFIDENCE_SQUARES = 3  # b Outcome: sum of the square of their confidence, fixed point squared
    DELAY = 4  # c delay bin, a predicted class, b true class: labelled by delivery of the label - event time
    CORRECTED = 5  # c source of the new label, a class before, b class after: changes of the counted label's class
    POSITIVE = 6  # a bin of the positive class' score, b 1 if it is the true one else 0: labelled, with a score
    LABELLED_BY = 7  # c source of the counting label, a predicted class, b true class: labelled by a named source
    AGREEMENT = 8  # c source A << 12 | source B, a class by A, b class by B: pairs of labels of one prediction
    LABEL_TIME = 9  # a predicted class, b true class: labelled predictions, in the pane in which that was known
    MATURITY = 10  # c index of the age, a predicted class, b true class: labelled, as was known at that age
    RANK = 11  # a rank of the true class among the kept scores, 1 the highest, 0 not kept: labelled, with scores
    PROPER = 12  # labelled predictions with a score for every class
    BRIER = 13  # sum of their Brier scores, in millionths
    LOG_LOSS = 14  # sum of their log-losses, in millionths
    PAIRED = 15  # c the other version, a PairOutcome, b true class: pairs of labelled predictions of one id


OF_CLASSES = np.zeros(max(CellKind) + 1, np.bool_)
"""By kind: whether `a` and `b` are classes."""
OF_CLASSES[
    [
        CellKind.CONFUSION, CellKind.SCORED, CellKind.DELAY, CellKind.CORRECTED, CellKind.LABELLED_BY,
        CellKind.AGREEMENT, CellKind.LABEL_TIME, CellKind.MATURITY,
    ]
] = True  # fmt: skip

OF_TRUE_CLASS = OF_CLASSES.copy()
"""By kind: whether `b` is a class."""
OF_TRUE_CLASS[CellKind.PAIRED] = True


class Outcome(IntEnum):
    """How a prediction turned out so far."""

    WRONG = 0
    RIGHT = 1
    UNLABELLED = 2


class PairOutcome(IntEnum):
    """Which predictions of a pair were right: that of the version where the cell lies, that of the other version.

    `2 * own + other`. ONLY_OWN and ONLY_OTHER are the discordant pairs of McNemar's test.
    """

    NEITHER = 0
    ONLY_OTHER = 1
    ONLY_OWN = 2
    BOTH = 3


DELAY_EDGES_MS = tuple(
    [1_000 * s for s in (0, 1, 2, 5, 10, 20, 30)]
    + [60_000 * m for m in (1, 2, 3, 5, 10, 15, 20, 30, 45)]
    + [1_800_000 * half for half in (2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 30, 36, 42)]
    + [21_600_000 * quarter for quarter in (4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28)]
    + [86_400_000 * day for day in (8, 10, 12, 14, 17, 21, 25, 30, 40, 50, 60, 75, 90, 120, 180, 270, 365)]
)
"""Where the bins of label delays begin, ms: bin b covers `[edge b, edge b + 1)`, the last one is open."""

DELAY_BINS = len(DELAY_EDGES_MS)
_DELAY_EDGES = np.array(DELAY_EDGES_MS, np.int64)


def pack(kind: CellKind, a: int = 0, b: int = 0, c: int = 0) -> int:
    """The code of one cell.

    >>> hex(pack(CellKind.SCORED, a=2, b=3, c=19))
    '0x100001300020003'
    """
    return int(kind) << KIND_SHIFT | c << C_SHIFT | a << A_SHIFT | b


def codes(kind: CellKind | Ints, c: Ints | int, a: Ints, b: Ints | int) -> Ints:
    """The codes of cells, as columns."""
    return kind << KIND_SHIFT | c << C_SHIFT | a << A_SHIFT | b


def kind_of(code: Ints) -> Ints:
    """The kinds of cells."""
    return code >> KIND_SHIFT


def c_of(code: Ints) -> Ints:
    """The c of cells, [0, 1 << 24)."""
    return code >> C_SHIFT & _C


def a_of(code: Ints) -> Ints:
    """The a of cells, [0, 1 << 16)."""
    return code >> A_SHIFT & NONE


def b_of(code: Ints) -> Ints:
    """The b of cells, [0, 1 << 16)."""
    return code & NONE


def confidence_bin(confidence: NDArray[np.uint16]) -> Ints:
    """The bin of fixed-point confidences, [0, CONFIDENCE_BINS)."""
    return np.minimum(confidence.astype(np.int64) * CONFIDENCE_BINS // CONFIDENCE_SCALE, CONFIDENCE_BINS - 1)


def positive_bin(score: Ints) -> Ints:
    """The bin of fixed-point scores of the positive class, [0, POSITIVE_BINS)."""
    return np.minimum(score * POSITIVE_BINS // CONFIDENCE_SCALE, POSITIVE_BINS - 1)


def delay_bin(delay_ms: Ints) -> Ints:
    """The bin of label delays, [0, DELAY_BINS); a label known before its event counts as known at it."""
    return np.searchsorted(_DELAY_EDGES, np.maximum(delay_ms, 0), side="right") - 1
