from itertools import product

import numpy as np
import pytest

from streams.alerts.rules.model import AllOf, AnyOf, Comparison, Condition, Op
from streams.alerts.thresholds.truth import truth

NUMBERS = {"low": 0.1, "high": 0.9, "unsaid": float("nan")}


def term(name: str) -> Comparison:
    return Comparison(name, Op.LT, 0.5)


def asked(condition: Condition) -> bool | None:
    found = truth(condition, lambda one: np.array([NUMBERS[one.subject]]))
    assert not (found.true & found.false).any()
    return True if found.true[0] else (False if found.false[0] else None)


KLEENE = {"low": True, "high": False, "unsaid": None}


@pytest.mark.parametrize(("one", "other"), list(product(KLEENE, KLEENE)))
def test_and_and_or_are_kleenes(one: str, other: str) -> None:
    values = {KLEENE[one], KLEENE[other]}
    both = False if False in values else (None if None in values else True)
    either = True if True in values else (None if None in values else False)
    assert asked(AllOf((term(one), term(other)))) is both
    assert asked(AnyOf((term(one), term(other)))) is either


@pytest.mark.parametrize(
    ("op", "number", "holds"),
    [
        (Op.LT, 0.9, False), (Op.LE, 0.9, True), (Op.GT, 0.9, False), (Op.GE, 0.9, True),
        (Op.LT, 1.0, True), (Op.LE, 0.8, False), (Op.GT, 0.8, True), (Op.GE, 1.0, False),
    ],
)  # fmt: skip
def test_comparisons(op: Op, number: float, holds: bool) -> None:
    assert asked(Comparison("high", op, number)) is holds
    assert asked(Comparison("unsaid", op, number)) is None


def test_conditions_nest_and_are_asked_of_many_at_once() -> None:
    condition = AnyOf((AllOf((term("a"), term("b"))), Comparison("c", Op.GE, 5)))
    numbers = {
        "a": np.array([0.1, 0.1, 0.9, np.nan]),
        "b": np.array([0.1, np.nan, np.nan, np.nan]),
        "c": np.array([1.0, 1.0, 1.0, 5.0]),
    }
    found = truth(condition, lambda one: numbers[one.subject])
    assert found.true.tolist() == [True, False, False, True]
    assert found.false.tolist() == [False, False, True, False]
