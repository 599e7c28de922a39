"""How one JSON value becomes text, and how what cannot be read is told. The words of every reject's detail.

Rule: a value is checked by its exact type, because to Python `True == 1 == 1.0`. Nothing here is ever silent: what
cannot be read is raised as `Unreadable`, which the record reader turns into a `Rejected`.
"""

import math
import re
from typing import Any

from streams.formats.reasons import Reason

MAX_DETAIL_CHARS = 200
_SHOWN_CHARS = 60
_INT_MIN, _INT_MAX = -(1 << 63), (1 << 64) - 1  # what a JSON reader keeps as an integer
_EXACT = float(1 << 53)

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Category Cc of Unicode, which is closed for ever, and lone surrogates, which have no UTF-8."""


class Unreadable(Exception):  # noqa: N818 - it is about the record, not an error of the job
    """A record cannot be a row, and why. Never leaves `streams.formats`."""

    def __init__(self, reason: Reason, detail: str) -> None:
        self.reason = reason
        self.detail = detail[:MAX_DETAIL_CHARS]
        self.key: bytes | None = None  # the join key, where it was read before
        super().__init__(self.detail)


def shown(value: Any) -> str:
    """How a value is told in a detail: scalars as they are, shortened; containers by their kind."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        cut = value[:_SHOWN_CHARS]
        return f"{cut!r}…" if len(cut) < len(value) else repr(cut)
    if type(value) is int and not is_integer(value):
        return "an integer of more than 64 bits"
    return str(value)[:_SHOWN_CHARS]


def as_text(value: Any) -> str | None:
    """A scalar as canonical text, None when it is none: 1, 1.0 and "1" are "1"; true is "true".

    >>> as_text(1.0), as_text(True), as_text(0.5), as_text([1])
    ('1', 'true', '0.5', None)
    """
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is bool:
        return "true" if value else "false"
    if is_integer(value):
        return str(value)
    if kind is int or kind is float:
        return _float_text(value)
    return None


def _float_text(value: float) -> str | None:
    """A float's text; integers of more than 64 bits are floats to most JSON readers, so they are here."""
    try:
        number = float(value)
    except OverflowError:
        return None
    if not math.isfinite(number):
        return None
    return str(int(number)) if number.is_integer() and abs(number) <= _EXACT else repr(number)


def is_integer(value: Any) -> bool:
    """Whether a value is an integer of at most 64 bits; larger ones are floats to most JSON readers."""
    return type(value) is int and _INT_MIN <= value <= _INT_MAX


def check_name(field: str, text: str, max_chars: int) -> str:
    """`text` if it can be a name: not over `max_chars`, no control characters; else raises `Unreadable`."""
    if len(text) > max_chars:
        raise Unreadable(Reason.NAME_TOO_LONG, f"{field} has {len(text)} characters, more than {max_chars}")
    if CONTROL.search(text):
        raise Unreadable(Reason.CONTROL_CHARACTER, f"{field} has a control character: {shown(text)}")
    return text


def name_text(field: str, value: Any, max_chars: int) -> str:
    """A name's text from a scalar, checked; raises `Unreadable`."""
    text = as_text(value)
    if text is None:
        raise Unreadable(Reason.WRONG_TYPE, f"{field} is {shown(value)}, not text or a number")
    return check_name(field, text, max_chars)
