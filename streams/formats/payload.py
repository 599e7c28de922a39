"""The bytes of a record's value as a JSON object, or the reason why they are none.

Rule: a limit is checked before anything is parsed, and no bytes whatever raise anything but `Unreadable`. What strict
readers refuse only for a text or number that the mapping may not even read (half an emoji, 1e400) is accepted.
"""

import json
from typing import Any, NoReturn

import orjson

from streams.formats.reasons import Reason
from streams.formats.values import Unreadable, shown

_UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")


def load_object(value: bytes, max_bytes: int) -> dict[str, Any]:
    """The JSON object in a record's value; raises `Unreadable`. Of duplicate names the last counts."""
    if len(value) > max_bytes:
        raise Unreadable(Reason.VALUE_TOO_LARGE, f"the value has {len(value)} bytes, more than {max_bytes}")
    loaded = load_json(value, "value")
    if type(loaded) is dict:
        return loaded
    if loaded is None:
        raise Unreadable(Reason.NULL_VALUE, "the value is JSON null")
    raise Unreadable(Reason.WRONG_TYPE, f"the value is {shown(loaded)}, not an object")


def load_json(data: bytes, what: str) -> Any:
    """Any JSON in `data`; raises `Unreadable`. `what` names it in the detail."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        why = error.msg
    if data[:2] in _UTF16_BOMS:
        raise Unreadable(Reason.WRONG_ENCODING, f"{what} begins with the mark of UTF-16, not UTF-8")
    if data[:1] == b"\x00" and len(data) > 5:
        raise Unreadable(Reason.NOT_JSON, f"{what} begins with byte 00: framed by a schema registry?")
    if b"\x00" in data[:4]:
        raise Unreadable(Reason.WRONG_ENCODING, f"{what} has zero bytes like UTF-16 or UTF-32, not UTF-8")
    try:
        text = data.removeprefix(_UTF8_BOM).decode()
    except UnicodeDecodeError as error:
        raise Unreadable(Reason.WRONG_ENCODING, f"{what} is not UTF-8 at byte {error.start}") from None
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Unreadable(Reason.NOT_JSON, f"{what} is not JSON: {why}; it begins {shown(text[:40])}") from None


def _no_constant(name: str) -> NoReturn:
    """NaN and Infinity are not JSON."""
    raise ValueError(name)
