"""How well scores rank: AUC from bins of the positive class' score, top-k accuracy and the rank of the true class."""

from typing import NamedTuple

from streams.quality.counts.counted import Counted, Ints
from streams.quality.measures.confusion import Undefined


class Ranked(NamedTuple):
    """A number, or why there is none: exactly one of both is None."""

    value: float | None
    reason: Undefined | None


def auc(positive: Ints) -> Ranked:
    """Area under the ROC curve of (bins, 2) counts of negatives and positives by bin of the score, low bins first.

    The chance that a positive scores above a negative, ties at half: the trapezoid over the bins. Scores of one bin
    are ties, which costs less than 0.001 on average with 128 bins (`statistics.md` section 6).
    """
    if not positive.any():
        return Ranked(None, Undefined.NO_POSITIVE_SCORES)
    counts = positive.tolist()  # Python's integers: products of counts need not fit into 64 bits
    n, p = sum(miss for miss, _ in counts), sum(hit for _, hit in counts)
    if not n or not p:
        return Ranked(None, Undefined.ONE_OUTCOME)
    below = twice = 0
    for miss, hit in counts:
        twice += hit * (2 * below + miss)
        below += miss
    return Ranked(twice / (2 * n * p), None)


def top_k_accuracy(ranks: Ints, k: int) -> Ranked:
    """The share of ranked labels among the k highest scores; `ranks` as in `Counted`.

    A label that was not among the kept scores is a miss. Undefined when nothing is ranked, and when a label was not
    kept and no k-th rank is known: fewer scores may be kept, and the label could be among the first k.
    """
    ranked = int(ranks.sum())
    if not ranked:
        return Ranked(None, Undefined.NO_RANKS)
    if ranks[0] and len(ranks) <= k:
        return Ranked(None, Undefined.TOO_FEW_RANKS)
    return Ranked(int(ranks[1 : k + 1].sum()) / ranked, None)


def mean_rank(ranks: Ints) -> Ranked:
    """The mean rank of the true class, 1 = highest; undefined when nothing is ranked, or a rank was not kept."""
    ranked = int(ranks.sum())
    if not ranked:
        return Ranked(None, Undefined.NO_RANKS)
    if ranks[0]:
        return Ranked(None, Undefined.RANK_NOT_KEPT)
    return Ranked(sum(rank * n for rank, n in enumerate(ranks.tolist())) / ranked, None)


def ranking(counted: Counted) -> list[tuple[str, Ranked]]:
    """Every number about ranks, by its field."""
    numbers = [("auc", auc(counted.positive))]
    numbers += [(f"top_{k}_accuracy", top_k_accuracy(counted.ranks, k)) for k in (2, 3, 5)]
    return [*numbers, ("mean_rank", mean_rank(counted.ranks))]
