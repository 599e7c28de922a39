"""What each pipe of the mapping language does to a value: a closed set of pure functions.

Rule: a pipe gets a value that is not null and gives a value or null; what it cannot read it raises as `Unreadable`,
so that the record is rejected with the expression in its detail and never silently falls to the next candidate.
"""

import base64
import binascii
import csv
import math
from collections.abc import Callable
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from streams.formats.classes import ClassNames
from streams.formats.expressions import Expression, ExpressionError, Pipe
from streams.formats.payload import load_json
from streams.formats.reasons import Reason
from streams.formats.times import time_ms
from streams.formats.values import Unreadable, as_text, shown

PipeFunction = Callable[[Any], Any]


def compile_pipe(pipe: Pipe, expression: Expression, classes: ClassNames) -> PipeFunction:
    """The function of a pipe; raises `ExpressionError` for a time zone that does not exist."""
    place = expression.text
    if pipe.name == "tz":
        try:
            return partial(time_ms, place, zone=ZoneInfo(pipe.argument))
        except (KeyError, OSError, ValueError):
            at = place.find(pipe.argument)
            raise ExpressionError(place, at, f"no time zone is called {pipe.argument!r}") from None
    if pipe.name == "ts":
        return partial(time_ms, place)
    if pipe.name == "at":
        return partial(_at, int(pipe.argument), place)
    if pipe.name == "threshold":
        return partial(_threshold, float(pipe.argument), place)
    if pipe.name == "class":
        return classes.of
    return partial(_PLAIN[pipe.name], place)


def _json(place: str, value: Any) -> Any:
    return load_json(_text(place, value).encode("utf-8", "backslashreplace"), place)


def _b64(place: str, value: Any) -> str:
    try:
        return base64.b64decode(_text(place, value), validate=True).decode()
    except (binascii.Error, ValueError):
        raise Unreadable(Reason.WRONG_ENCODING, f"{place}: {shown(value)} is not text in base64") from None


def _csv(place: str, value: Any) -> list[str]:
    lines = _text(place, value).splitlines()
    try:
        return next(csv.reader(lines[:1], strict=True), [])
    except csv.Error as error:
        raise Unreadable(Reason.WRONG_TYPE, f"{place}: {shown(value)} is no CSV line: {error}") from None


def _float(place: str, value: Any) -> float:
    if type(value) in {int, float, str} and len(str(value) if type(value) is str else "") <= 64:
        try:
            number = float(value)
        except (ValueError, OverflowError):
            number = math.nan
        if math.isfinite(number):
            return number
    raise Unreadable(Reason.WRONG_TYPE, f"{place} is {shown(value)}, not a number")


def _int(place: str, value: Any) -> int:
    if type(value) is int:
        return value
    if type(value) is str and len(value) <= 64:
        try:
            return int(value)
        except ValueError:
            pass
    number = _float(place, value)
    if not number.is_integer():
        raise Unreadable(Reason.WRONG_TYPE, f"{place} is {shown(value)}, not an integer")
    return int(number)


def _str(place: str, value: Any) -> str:
    text = as_text(value)
    if text is None:
        raise Unreadable(Reason.WRONG_TYPE, f"{place} is {shown(value)}, not text or a number")
    return text


def _lower(place: str, value: Any) -> str:
    return _text(place, value).lower()


def _argmax(place: str, value: Any) -> Any:
    """The index (of an array) or the name (of an object) of the greatest number, the first of equals; null if empty."""
    numbers = _numbers(place, value)
    return max(numbers, key=lambda pair: pair[1])[0] if numbers else None


def _max(place: str, value: Any) -> float | None:
    return max((number for _, number in _numbers(place, value)), default=None)


def _at(index: int, place: str, value: Any) -> Any:
    if type(value) is not list:
        raise Unreadable(Reason.WRONG_TYPE, f"{place}: {shown(value)} is not an array")
    return value[index] if -len(value) <= index < len(value) else None


def _threshold(threshold: float, place: str, value: Any) -> int:
    return int(_float(place, value) >= threshold)


def _numbers(place: str, value: Any) -> list[tuple[Any, float]]:
    if type(value) is dict:
        return [(name, _float(place, number)) for name, number in value.items()]
    if type(value) is list:
        return [(index, _float(place, number)) for index, number in enumerate(value)]
    raise Unreadable(Reason.WRONG_TYPE, f"{place}: {shown(value)} is not an array or an object")


def _text(place: str, value: Any) -> str:
    if type(value) is not str:
        raise Unreadable(Reason.WRONG_TYPE, f"{place}: {shown(value)} is not text")
    return str(value)


_PLAIN: dict[str, Callable[[str, Any], Any]] = {
    "json": _json, "b64": _b64, "csv": _csv, "float": _float, "int": _int, "str": _str, "lower": _lower,
    "argmax": _argmax, "max": _max,
}  # fmt: skip
