"""The scores that predictions keep, as one column of a table or block, and how good they were once labels are known.

A row has its most probable classes with their probabilities in fixed point, highest first, and the sum over all
classes of p^2 where they are a distribution (`streams.formats.kept_scores`). Rank, Brier score and log-loss of a
labelled row are integers of these alone, so that a retraction takes back exactly what was added.
"""

import math
from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.formats.columns import CONFIDENCE_SCALE, NO_CLASS, Kept

Ints = NDArray[np.int64]
Scores = NDArray[np.void]
"""Shape (n,), of the type `score_type`; `cls` is NO_CLASS where a row keeps no further one."""

NO_SCORES: Final = np.zeros(0, np.uint8)
"""The column where no scores are kept."""

MICRO = 1_000_000
_WHOLE = CONFIDENCE_SCALE**2


class Outcomes(NamedTuple):
    """How good the scores of labelled rows were.

    `rank` of the true class, 1 the highest, 0 not kept; -1 for a row without scores. Where `proper` the scores are a
    distribution: `brier` = sum over classes of (p - [true])^2 and `log_loss` = -ln p(true), in millionths. A class
    without a probability has 0, which for the log-loss counts as half of the smallest one that fixed point can say.
    """

    rank: Ints
    proper: NDArray[np.bool_]
    brier: Ints
    log_loss: Ints


@cache
def score_type(keep: int) -> np.dtype[np.void]:
    """The type of one row's scores: the same in tables and in records."""
    return np.dtype([("cls", "<u2", (keep,)), ("p", "<u2", (keep,)), ("squares", "<u4")])


def score_bytes(keep: int) -> int:
    """Bytes of one row's scores, 0 where none are kept."""
    return score_type(keep).itemsize if keep else 0


def nothing(n: int, keep: int) -> Scores:
    """Rows that keep no scores."""
    scores = np.zeros(n, score_type(keep))
    scores["cls"] = NO_CLASS
    return scores


def packed(kept: Kept, rows: Ints) -> tuple[Scores, list[str]]:
    """Some of the rows as a column, and the classes that it indexes: only those that occur, in the order of codes.

    A row whose classes do not fit into 16 bits keeps nothing.
    """
    codes = kept.codes.take(rows, axis=0)
    used = np.unique(codes)
    used = used[used < len(kept.names)][:NO_CLASS]
    scores = nothing(len(rows), codes.shape[1])
    scores["cls"] = np.where(codes < len(kept.names), np.searchsorted(used, codes), NO_CLASS)
    scores["p"], scores["squares"] = kept.scores.take(rows, axis=0), kept.squares.take(rows)
    if len(used) == NO_CLASS:
        beyond = ((codes < len(kept.names)) & ~np.isin(codes, used)).any(axis=1)
        scores[beyond] = nothing(1, codes.shape[1])
    return scores, [kept.names[code] for code in used.tolist()]


def recoded(scores: Scores, codes: Ints) -> Scores:
    """The same under other numbers of the classes, `codes[old]`; a row with a negative one keeps nothing."""
    cls = scores["cls"]
    table = np.append(codes, NO_CLASS)
    new = table.take(np.minimum(cls, len(codes)))
    out = scores.copy()
    out["cls"] = new
    refused = (new < 0).any(axis=1)
    if refused.any():
        out[refused] = nothing(1, cls.shape[1])
    return out


def trimmed(scores: Scores, classes: list[str]) -> tuple[Scores, list[str]]:
    """The same column and only those classes that occur in it, in the order of codes."""
    used = np.unique(scores["cls"])
    used = used[used < len(classes)]
    codes = np.zeros(len(classes), np.int64)
    codes[used] = np.arange(len(used))
    return recoded(scores, codes), [classes[code] for code in used.tolist()]


def outcomes(scores: Scores, true: Ints) -> Outcomes:
    """How good the scores of rows are whose true classes are these; none of them is NO_CLASS."""
    cls, p = scores["cls"], scores["p"]
    hit = cls == true[:, None]
    there, place = hit.any(axis=1), hit.argmax(axis=1)
    rank = np.where(there, place + 1, np.where(cls[:, 0] == NO_CLASS, -1, 0))
    of_true = np.where(there, np.take_along_axis(p, place[:, None], axis=1)[:, 0], 0).astype(np.int64)
    squares = scores["squares"].astype(np.int64)
    # sum p^2 - 2 p(true) + 1, each times CONFIDENCE_SCALE^2; then to millionths, to the nearest
    brier = np.maximum(squares - 2 * CONFIDENCE_SCALE * of_true + _WHOLE, 0)  # p(true) may be rounded up
    per_micro = _WHOLE // MICRO
    return Outcomes(rank, squares > 0, (brier + per_micro // 2) // per_micro, _log_losses().take(of_true))


def content(scores: Any, classes: list[str]) -> tuple[int, list[tuple[bytes, int]]]:
    """What one row keeps, by the names of its classes; two rows of the same content are the same."""
    there = zip(scores["cls"].tolist(), scores["p"].tolist(), strict=True)
    return int(scores["squares"]), [(classes[c].encode(), p) for c, p in there if c != NO_CLASS]


@cache
def _log_losses() -> Ints:
    """-ln p in millionths for every probability in fixed point."""
    least = 1 / (2 * CONFIDENCE_SCALE)
    return np.array(
        [round(-MICRO * math.log(max(p / CONFIDENCE_SCALE, least))) for p in range(CONFIDENCE_SCALE + 1)], np.int64
    )
