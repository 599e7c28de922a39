"""Conditions of Argo Rollouts, evaluated as it does: the part of the language of expr-lang that templates here use.

A port and no library: the packages that wrap expr-lang are one release old, and CEL, which has kept ones, is another
language (`size` for `len`, no nil for a missing key). Strict where expr-lang is: a condition must be a bool, a field of
nil and an index beyond the end are errors, `&&` and `||` do not look further than they must. A key that a map lacks is
nil, and nil equals only nil.
"""

import json
import re
from collections.abc import Callable
from typing import Any

_TOKEN = re.compile(r'\s*(?:(\d+(?:\.\d+)?)|("(?:[^"\\]|\\.)*")|([A-Za-z_]\w*)|(&&|\|\||[=!<>]=|[-<>!()\[\].]))')
_ORDERED: dict[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_NAMES = {"nil": None, "true": True, "false": False}


class ConditionError(Exception):
    """What Argo takes for an error of the measurement."""


def phase(result: Any, success: str | None, failure: str | None) -> str:
    """What one measurement is: Successful, Failed, Inconclusive, or Error (of `EvaluateResult`)."""
    try:
        passes = None if success is None else holds(success, result)
        fails = None if failure is None else holds(failure, result)
    except ConditionError:
        return "Error"
    if passes is None:
        passes = not fails
    if fails is None:
        fails = not passes
    return "Failed" if fails else "Successful" if passes else "Inconclusive"


def holds(condition: str, result: Any) -> bool:
    """Whether a condition holds of a result. Raises ConditionError when that cannot be said."""
    reader = _Reader(condition, {"result": result})
    value = reader.either()
    if reader.words:
        raise ConditionError(f"unexpected {reader.words[0]}")
    if not isinstance(value, bool):
        raise ConditionError(f"{condition} is no bool but {value!r}")
    return value


class _Reader:
    """Evaluates while it reads; what is behind a decided `&&` or `||` is read and not evaluated (`idle`)."""

    def __init__(self, text: str, names: dict[str, Any]) -> None:
        self.names = names
        self.idle = 0
        self.words: list[str] = []
        at = 0
        while at < len(text.rstrip()):
            found = _TOKEN.match(text, at)
            if found is None:
                raise ConditionError(f"cannot read {text[at:]!r}")
            self.words.append(found[0].strip())
            at = found.end()

    def take(self, *wanted: str) -> str | None:
        if self.words and self.words[0] in wanted:
            return self.words.pop(0)
        return None

    def need(self, wanted: str) -> None:
        if self.take(wanted) is None:
            raise ConditionError(f"{wanted} expected")

    def either(self) -> Any:
        return self._joined("||", self.both, until=True)

    def both(self) -> Any:
        return self._joined("&&", self.compared, until=False)

    def _joined(self, operator: str, operand: Callable[[], Any], *, until: bool) -> Any:
        value = operand()
        while self.take(operator):
            self._bool(value)
            decided = value is until
            self.idle += decided
            other = operand()
            self.idle -= decided
            self._bool(other)
            value = value if decided else other
        return value

    def _bool(self, value: Any) -> None:
        if not self.idle and value is not None and not isinstance(value, bool):
            raise ConditionError(f"{value!r} is no bool")

    def compared(self) -> Any:
        left = self.unary()
        operator = self.take("==", "!=", *_ORDERED)
        if operator is None:
            return left
        right = self.unary()
        if self.idle:
            return False
        if operator in _ORDERED:
            if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in (left, right)):
                raise ConditionError(f"{left!r} {operator} {right!r}")
            return _ORDERED[operator](left, right)
        return (left == right) is (operator == "==")

    def unary(self) -> Any:
        if self.take("!"):
            value = self.unary()
            self._bool(value)
            return not value
        if self.take("-"):
            value = self.unary()
            if self.idle:
                return 0
            if not isinstance(value, int | float) or isinstance(value, bool):
                raise ConditionError(f"-{value!r}")
            return -value
        return self.reached()

    def reached(self) -> Any:
        """A name, number, text or bracket, and what is reached from it."""
        if not self.words:
            raise ConditionError("an operand is missing")
        word = self.words.pop(0)
        if word == "(":
            value = self.either()
            self.need(")")
        elif word == "len":
            self.need("(")
            inner = self.either()
            self.need(")")
            value = 0 if self.idle else self._len(inner)
        elif word[0] == '"':
            value = json.loads(word)
        elif word[0].isdigit():
            value = float(word)
        elif word in _NAMES or word in self.names:
            value = {**_NAMES, **self.names}[word]
        else:
            raise ConditionError(f"unknown name {word}")
        while (kind := self.take(".", "[")) is not None:
            value = self._field(value) if kind == "." else self._index(value)
        return value

    def _len(self, value: Any) -> int:
        if not isinstance(value, list | dict | str):
            raise ConditionError(f"no length of {value!r}")
        return len(value)

    def _field(self, value: Any) -> Any:
        name = self.words.pop(0)
        if self.idle:
            return None
        if not isinstance(value, dict):
            raise ConditionError(f"no field {name} of {value!r}")
        return value.get(name)

    def _index(self, value: Any) -> Any:
        index = self.either()
        self.need("]")
        if self.idle:
            return None
        if not isinstance(value, list) or not 0 <= index < len(value):
            raise ConditionError(f"no element {index} of {value!r}")
        return value[int(index)]
