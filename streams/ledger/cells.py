"""What is counted in a pane: the code of a cell packs its kind and two small numbers into an integer.

`code = kind << 32 | a << 16 | b`. Every counted prediction is in exactly one CONFUSION cell; an unlabelled one in
the column NONE, so that predictions, labelled, waiting and coverage all derive from one table. All counts are
integers, sums of confidence are in fixed point (`CONFIDENCE_SCALE`), so panes add, retract and replay exactly.
"""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from streams.formats.columns import CONFIDENCE_SCALE

NONE = 0xFFFF
"""The true class of a prediction without a label."""

CONFIDENCE_BINS = 20


class CellKind(IntEnum):
    """The meaning of a cell's `a` and `b`."""

    CONFUSION = 0  # a = predicted class, b = true class or NONE: predictions
    CONFIDENCE = 1  # a = confidence bin, b = Outcome: predictions with a score
    CONFIDENCE_SUM = 2  # a = confidence bin, b = Outcome: sum of their confidence, fixed point
    DELAY = 3  # a = true class, b = delay bin: labelled predictions by label time - event time
    CORRECTED = 4  # a = b = 0: times the counted label of a prediction changed its class


class Outcome(IntEnum):
    """How a prediction turned out so far."""

    WRONG = 0
    RIGHT = 1
    UNLABELLED = 2


def confidence_bin(confidence: NDArray[np.uint16]) -> NDArray[np.int64]:
    """The bin of fixed-point confidences, [0, CONFIDENCE_BINS)."""
    return np.minimum(confidence.astype(np.int64) * CONFIDENCE_BINS // CONFIDENCE_SCALE, CONFIDENCE_BINS - 1)


def delay_bin(delay_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """The bin of label delays: 0 below one second (and for labels before their event), then four bins an octave.

    Bin b >= 1 begins at `delay_bin_start_ms(b)`; the width of a bin is at most 19 % of its start.
    """
    seconds = np.maximum(delay_ms, 0) / 1000.0
    with np.errstate(divide="ignore"):
        bins = np.floor(np.log2(np.maximum(seconds, 1.0)) * 4 + 1e-9).astype(np.int64) + 1
    return np.where(seconds < 1.0, 0, bins)


def delay_bin_start_ms(b: int) -> float:
    """Where a delay bin begins, ms."""
    return 0.0 if b == 0 else 1000.0 * 2.0 ** ((b - 1) / 4)
