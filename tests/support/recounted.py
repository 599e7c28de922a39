"""Predictions one by one, and what the job would count of them: for oracles that see the predictions themselves."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log

import numpy as np

from streams.formats.columns import CONFIDENCE_SCALE
from streams.ledger.cells import CONFIDENCE_BINS, POSITIVE_BINS, Outcome, delay_bin
from streams.quality.counts.counted import NO_LABEL, BinnedCells, Cells, Counted, Ints


@dataclass(frozen=True)
class Seen:
    """One prediction; scores are in 1 / CONFIDENCE_SCALE."""

    predicted: str
    true: str | None = None
    confidence: int | None = None
    scores: dict[str, int] = field(default_factory=dict)
    delay_ms: int = 0

    @property
    def ranked(self) -> list[str]:
        """The classes with a score, highest first, ties by name."""
        return sorted(self.scores, key=lambda name: (-self.scores[name], name))


def recount(
    seen: Sequence[Seen], classes: Sequence[str], positive: str | None = None, keep: int = 0, *, delays: bool = True
) -> Counted:
    """What is counted of the predictions; classes are sorted. Score maps name every class."""
    number = {name: i for i, name in enumerate(classes)}
    k = len(classes)
    labelled = [one for one in seen if one.true is not None]
    pairs = Counter((number[str(one.true)], number[one.predicted]) for one in labelled)
    scored: Counter[tuple[int, int, int]] = Counter()
    sums = np.zeros((CONFIDENCE_BINS, len(Outcome)), np.int64)
    squares = np.zeros(len(Outcome), np.int64)
    for one in seen:
        if one.confidence is not None:
            b = min(one.confidence * CONFIDENCE_BINS // CONFIDENCE_SCALE, CONFIDENCE_BINS - 1)
            scored[b, NO_LABEL if one.true is None else number[one.true], number[one.predicted]] += 1
            outcome = Outcome.UNLABELLED if one.true is None else Outcome(int(one.true == one.predicted))
            sums[b, outcome] += one.confidence
            squares[outcome] += one.confidence**2
    delayed = Counter(
        (int(delay_bin(np.array([one.delay_ms]))[0]), number[str(one.true)], number[one.predicted])
        for one in (labelled if delays else [])
    )
    of_positive = np.zeros((POSITIVE_BINS, 2), np.int64)
    ranks = np.zeros(keep + 1 if keep else 0, np.int64)
    proper = [one for one in labelled if keep and one.scores]
    for one in labelled:
        if positive is not None and one.scores:
            at = min(one.scores[positive] * POSITIVE_BINS // CONFIDENCE_SCALE, POSITIVE_BINS - 1)
            of_positive[at, int(one.true == positive)] += 1
        if keep and one.scores:
            kept = one.ranked[:keep]
            ranks[kept.index(str(one.true)) + 1 if one.true in kept else 0] += 1
    return Counted(
        tuple(classes),
        Cells(*_columns(pairs, 2)),
        np.bincount([number[one.predicted] for one in seen if one.true is None], minlength=k).astype(np.int64),
        scored=BinnedCells(*_columns(scored, 3)),
        confidence_sum=sums,
        confidence_squares=squares,
        delays=BinnedCells(*_columns(delayed, 3)),
        positive=of_positive,
        ranks=ranks,
        proper=len(proper),
        brier_sum=sum(round(1e6 * brier_of(one)) for one in proper),
        log_loss_sum=sum(round(1e6 * log_loss_of(one)) for one in proper),
    )


def brier_of(one: Seen) -> float:
    """The Brier score of one labelled prediction."""
    return sum((p / CONFIDENCE_SCALE - (name == one.true)) ** 2 for name, p in one.scores.items())


def log_loss_of(one: Seen) -> float:
    """The log-loss of one labelled prediction; a score of 0 is half the smallest one."""
    return -log(max(one.scores[str(one.true)] / CONFIDENCE_SCALE, 0.5 / CONFIDENCE_SCALE))


def _columns(
    counts: Counter[tuple[int, ...]] | Counter[tuple[int, int]] | Counter[tuple[int, int, int]], width: int
) -> list[Ints]:
    rows = sorted((*key, n) for key, n in counts.items())
    return list(np.array(rows, np.int64).reshape(-1, width + 1).T.copy())
