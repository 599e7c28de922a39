"""The histogram of label delays of a window, as rows: of all classes together, and of each true class."""

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from streams.ledger.cells import DELAY_EDGES_MS
from streams.quality.counts.counted import Counted, Ints
from streams.quality.measures.label_delay import delay_counts, delay_counts_by_class, delay_quantiles_s, said

MOST_DELAY_CLASSES = 50
"""With more classes the histogram is told for all of them together only."""

_EDGES_S = [*(edge / 1000 for edge in DELAY_EDGES_MS), None]
_BIN_AT = {edge: b for b, edge in enumerate(_EDGES_S)}
_NONE: Ints = np.zeros(len(DELAY_EDGES_MS), np.int64)

Place = tuple[str | None, int]
"""A class (None: all) and the number of a bin."""


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


def delay_bins(counts: Counted, newest_label_at: str | None, told: Collection[Place] = ()) -> list[DelayBin]:
    """The bins with labels, and those that were told before: of all classes, then by class where these are few."""
    by_class: dict[str | None, set[int]] = {}
    for cls, b in told:
        by_class.setdefault(cls, set()).add(b)
    labels: dict[str | None, Ints] = {None: delay_counts(counts)}
    if counts.k <= MOST_DELAY_CLASSES:
        labels |= dict(zip(counts.classes, delay_counts_by_class(counts), strict=True))
    classes = [None, *sorted(cls for cls in {*labels, *by_class} if cls is not None)]
    rows: list[DelayBin] = []
    for cls in classes:
        rows += _bins(cls, labels.get(cls, _NONE), newest_label_at, by_class.get(cls, set()))
    return rows


def places(rows: Iterable[DelayBin]) -> list[Place]:
    """Which bins some rows are of."""
    return [(row.cls, _BIN_AT[row.delay_from_s]) for row in rows]


def _bins(cls: str | None, n: Ints, newest_label_at: str | None, told: set[int]) -> Iterator[DelayBin]:
    labels = int(n.sum())
    if not labels and not told:
        return
    p50, p90, p99 = said(delay_quantiles_s(n[None, :], (50, 90, 99))[0])
    for b, count in enumerate(n.tolist()):
        start = _EDGES_S[b]
        if (count or b in told) and start is not None:
            yield DelayBin(cls, start, _EDGES_S[b + 1], count, labels, p50, p90, p99, newest_label_at)
