"""The histogram of label delays of a window, as rows: of all classes together, and of each true class."""

from collections.abc import Iterator
from typing import NamedTuple

from streams.ledger.cells import DELAY_EDGES_MS
from streams.quality.counted import Counted, Ints
from streams.quality.label_delay import delay_counts, delay_counts_by_class, delay_quantiles_s, said

MOST_DELAY_CLASSES = 50
"""With more classes the histogram is told for all of them together only."""

_EDGES_S = [*(edge / 1000 for edge in DELAY_EDGES_MS), None]


class DelayBin(NamedTuple):
    """How many labels of a class became known so long after their event, in the order of its row."""

    cls: str | None  # None: all classes
    delay_from_s: float
    delay_to_s: float | None  # None: open
    n: int
    labels: int  # in all bins of the class
    delay_p50_s: float | None  # None: in the last bin, which has no end
    delay_p90_s: float | None
    delay_p99_s: float | None
    newest_label_at: str | None  # of the model version, in any window


def delay_bins(counts: Counted, newest_label_at: str | None) -> list[DelayBin]:
    """The bins with labels: of all classes, then of each class by name where these are not too many."""
    if not len(counts.delays.n):
        return []
    rows = list(_bins(None, delay_counts(counts), newest_label_at))
    if counts.k <= MOST_DELAY_CLASSES:
        for name, of_class in zip(counts.classes, delay_counts_by_class(counts), strict=True):
            rows += _bins(name, of_class, newest_label_at)
    return rows


def _bins(cls: str | None, n: Ints, newest_label_at: str | None) -> Iterator[DelayBin]:
    labels = int(n.sum())
    if not labels:
        return
    p50, p90, p99 = said(delay_quantiles_s(n[None, :], (50, 90, 99))[0])
    for b, count in enumerate(n.tolist()):
        start = _EDGES_S[b]
        if count and start is not None:
            yield DelayBin(cls, start, _EDGES_S[b + 1], count, labels, p50, p90, p99, newest_label_at)
