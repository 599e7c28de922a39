"""What a class row says beyond its margins: how long its labels took, and what it is mistaken for."""

from typing import NamedTuple

import numpy as np

from streams.quality.counted import Counted
from streams.quality.label_delay import delay_counts_by_class, delay_quantiles_s, said
from streams.quality.measures import Undefined, explain

CONFUSIONS = 3
"""How many classes are named that a class is mistaken for."""


class ClassDetails(NamedTuple):
    """The numbers of one class that need more than margins, in the order of its row."""

    label_delay_p50_s: float | None  # of the labels of this class
    label_delay_p90_s: float | None
    confused_with: str | None  # "late: 12; cancelled: 3": labels of this class by the class predicted instead
    undefined: str | None


NO_DETAILS = ClassDetails(
    None,
    None,
    None,
    explain(
        [(name, Undefined.NO_DELAYS) for name in ("label_delay_p50_s", "label_delay_p90_s")]
        + [("confused_with", Undefined.NO_SUPPORT)]
    ),
)
"""Of a class that is counted no more."""


def class_details(counted: Counted, confusions: int = CONFUSIONS) -> list[ClassDetails]:
    """The details of every class, in the order of `counted.classes`."""
    k = counted.k
    if not k:
        return []
    delays: list[list[float | None]] = [[None, None]] * k
    delayed = [0] * k
    if len(counted.delays.n):
        counts = delay_counts_by_class(counted)
        delays = [said(row) for row in delay_quantiles_s(counts, (50, 90))]
        delayed = counts.sum(axis=1).tolist()
    names = confused_with(counted, confusions)
    rows = []
    for p50_p90, labels, mistaken, support in zip(delays, delayed, names, counted.support.tolist(), strict=True):
        missing = Undefined.DELAY_OPEN if labels else Undefined.NO_DELAYS
        reasons = [
            (field, missing) for field, value in zip(ClassDetails._fields, p50_p90, strict=False) if value is None
        ]
        if mistaken is None:
            reasons.append(("confused_with", Undefined.NEVER_CONFUSED if support else Undefined.NO_SUPPORT))
        rows.append(ClassDetails(p50_p90[0], p50_p90[1], mistaken, explain(reasons)))
    return rows


def confused_with(counted: Counted, most: int) -> list[str | None]:
    """By class: its labels that were predicted as another, the `most` largest cells, by count and then by name.

    None where there is none. Names stand as they are; the confusion rows have every cell apart.
    """
    wrong = counted.cells.true != counted.cells.predicted
    true, predicted, n = (column[wrong] for column in counted.cells)
    order = np.lexsort((predicted, -n, true))  # classes are numbered by name
    true, predicted, n = true[order], predicted[order], n[order]
    place = np.arange(len(true)) - np.searchsorted(true, true)
    kept = place < most
    parts: list[list[str]] = [[] for _ in counted.classes]
    for t, p, count in zip(true[kept].tolist(), predicted[kept].tolist(), n[kept].tolist(), strict=True):
        parts[t].append(f"{counted.classes[p]}: {count}")
    return ["; ".join(named) or None for named in parts]
