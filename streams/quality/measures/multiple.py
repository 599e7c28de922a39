"""How likely is it, when many things were looked at, that one that stands out does so by chance?

Benjamini and Hochberg (1995), "Controlling the false discovery rate": of everything that is reported at q, a share of
at most q is expected to be chance; where nothing is real, at most a share of q of the looks reports anything at all.
That holds for independent tests and for positively dependent ones.
"""

from collections.abc import Sequence


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """The adjusted p-values (q-values), in the order of `p`: reject at level q those that are at most q.

    The i-th smallest of m becomes the smallest of `p_j m / j` over j >= i, at most 1. Nothing in, nothing out.
    Raises ValueError for what is not a probability.

    >>> [round(q, 6) for q in benjamini_hochberg([0.01, 0.04, 0.03, 0.5])]
    [0.04, 0.053333, 0.053333, 0.5]
    """
    for value in p:
        if not 0 <= value <= 1:
            raise ValueError(f"{value} is not a probability")
    q = [1.0] * len(p)
    smallest = 1.0
    descending = sorted(range(len(p)), key=p.__getitem__, reverse=True)
    for rank, i in zip(range(len(p), 0, -1), descending, strict=True):
        smallest = min(smallest, p[i] * len(p) / rank)
        q[i] = smallest
    return q
