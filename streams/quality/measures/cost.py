"""What predictions cost: the mean cost of a labelled prediction under a cost matrix, with its interval."""

from math import fsum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.quality.counts.counted import Counted
from streams.quality.measures.intervals import bounded_mean_interval
from streams.quality.settings import CostSpec


class ExpectedCost(NamedTuple):
    """The mean cost of a labelled prediction and its 95 % interval, in the unit of the costs."""

    mean: float
    lower: float
    upper: float


def expected_cost(counted: Counted, spec: CostSpec) -> ExpectedCost | None:
    """What a labelled prediction costs on average; None when nothing is labelled.

    The interval is of the multinomial variance over the cells. It reaches from the cheapest to the dearest cost that
    is configured (a right prediction's 0 and `wrong` among them), also where that was never seen: a hundred
    predictions do not exclude a rare disaster.
    """
    if not counted.labelled:
        return None
    costs = cell_costs(counted, spec)
    values = np.unique(costs)
    n = np.bincount(np.searchsorted(values, costs), counted.cells.n).astype(np.int64)
    pairs = list(zip(values.tolist(), n.tolist(), strict=True))
    every = (0.0, spec.wrong, *(cost for _, _, cost in spec.costs))
    lower, upper = bounded_mean_interval(pairs, min(every), max(every))
    return ExpectedCost(fsum([cost * count for cost, count in pairs]) / counted.labelled, lower, upper)


def cell_costs(counted: Counted, spec: CostSpec) -> NDArray[np.float64]:
    """The cost of one prediction in each of `counted.cells`; costs of classes that are not there are left out."""
    true, predicted, _ = counted.cells
    costs = np.where(true == predicted, 0.0, spec.wrong)
    number = {name: i for i, name in enumerate(counted.classes)}
    listed = {
        number[actual] * counted.k + number[instead]: cost
        for actual, instead, cost in spec.costs
        if actual in number and instead in number
    }
    if listed:
        code = true * counted.k + predicted
        wanted = np.fromiter(listed.keys(), np.int64, len(listed))
        at = np.searchsorted(code, wanted)
        found = (at < len(code)) & (code[np.minimum(at, len(code) - 1)] == wanted)
        costs[at[found]] = np.fromiter(listed.values(), np.float64, len(listed))[found]
    return costs
