"""Does a condition hold? True, false, or not to be said: a term about an undefined number is neither.

Kleene's three-valued logic, for K things at once: `and` is false where a term is, true where all are; `or` is true
where a term is, false where all are; else nothing is said.
"""

from collections.abc import Callable
from functools import reduce
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.alerts.rules.model import AllOf, Comparison, Condition, Op

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

Subjects = Callable[[Comparison], Floats]
"""The numbers (K,) that a term compares; NaN where undefined."""


class Truth(NamedTuple):
    """Where a condition is true and where it is false, (K,) each; nowhere both."""

    true: Flags
    false: Flags


_COMPARE: dict[Op, Callable[[Floats, float], Flags]] = {
    Op.LT: np.less,
    Op.LE: np.less_equal,
    Op.GT: np.greater,
    Op.GE: np.greater_equal,
}


def truth(condition: Condition, subjects: Subjects) -> Truth:
    """Ask a condition of K things."""
    if isinstance(condition, Comparison):
        numbers = subjects(condition)
        holds = _COMPARE[condition.op](numbers, condition.number)  # false for NaN
        return Truth(holds, ~holds & ~np.isnan(numbers))
    terms = [truth(term, subjects) for term in condition.terms]
    true, false = [term.true for term in terms], [term.false for term in terms]
    if isinstance(condition, AllOf):
        return Truth(reduce(np.logical_and, true), reduce(np.logical_or, false))
    return Truth(reduce(np.logical_or, true), reduce(np.logical_and, false))
