import dataclasses
from typing import Any

import pytest

from streams.formats.access import Access, Message, compile_access
from streams.formats.classes import ClassNames
from streams.formats.expressions import ExpressionError
from streams.formats.reasons import Reason
from streams.formats.spec import ClassSpec
from streams.formats.values import Unreadable

NAMES = ClassNames(ClassSpec(aliases=(("fraud", ("1", "true")),)), 256)
MESSAGE = Message("logs", 7, 100, {}, b"k-1", [("a", b"1"), ("b", None), ("a", b"2")], 1_700_000_000_000)


def read(text: str, value: Any = None, **changes: Any) -> Any:
    access: Access = compile_access(text, NAMES)
    return access.read(dataclasses.replace(MESSAGE, value={"x": value}, **changes))


@pytest.mark.parametrize(
    ("text", "value", "result"),
    [
        ("value.x.a.b", {"a": {"b": 3}}, 3),
        ("value.x.a.b", {"a": [1]}, None),
        ("value.x[0]", [4, 5], 4),
        ("value.x[-2]", [4, 5], 4),
        ("value.x[2]", [4, 5], None),
        ("value.x[-3]", [4, 5], None),
        ("value.x[0]", {"0": 1}, None),
        ("value.x[name=b].v", [{"name": "a", "v": 1}, {"name": "b", "v": 2}, {"name": "b", "v": 3}], 2),
        ("value.x[name=c].v", [{"name": "a"}, 3], None),
        ("value.x | json", '{"a":[1]}', {"a": [1]}),
        ("value.x | b64", "aMOp", "hé"),
        ("value.x | b64 | json", "eyJhIjoxfQ==", {"a": 1}),
        ("value.x | csv", 'a,"b,c",d\nsecond', ["a", "b,c", "d"]),
        ("value.x | csv | at(0) | float", "0.25,3", 0.25),
        ("value.x | csv", "", []),
        ("value.x | at(1)", [7, 8], 8),
        ("value.x | at(2)", [7, 8], None),
        ("value.x | at(-1)", [7, 8], 8),
        ("value.x | float", "1e-3", 0.001),
        ("value.x | float", 2, 2.0),
        ("value.x | int", "42", 42),
        ("value.x | int", 42.0, 42),
        ("value.x | int", "9007199254740993", 9007199254740993),
        ("value.x | str", 1.0, "1"),
        ("value.x | str", True, "true"),
        ("value.x | lower", "AbC", "abc"),
        ("value.x | argmax", [0.1, 0.7, 0.7], 1),
        ("value.x | argmax", {"a": 0.2, "b": 0.8}, "b"),
        ("value.x | argmax", [], None),
        ("value.x | max", [0.1, 0.7], 0.7),
        ("value.x | max", {"a": 0.2, "b": 1}, 1.0),
        ("value.x | threshold(0.5)", 0.5, 1),
        ("value.x | threshold(0.5)", "0.49", 0),
        ("value.x | class", True, "fraud"),
        ("value.x | class", " ok ", "ok"),
        ("value.x | ts", "2026-10-01T12:34:56.789Z", 1790858096789),
        ("value.x | tz(Europe/Berlin)", "2026-07-01 12:00:00", 1782900000000),
        ("value.x | tz(Europe/Berlin)", "2026-01-01 12:00:00", 1767265200000),
        ("value.x | tz(Europe/Berlin)", "2026-01-01T12:00:00Z", 1767268800000),
        ("value.x | float", None, None),
        ("'yes' | class", None, "yes"),
    ],
)
def test_a_part_of_the_value_is_found_and_piped(text: str, value: Any, result: Any) -> None:
    found = read(text, value)
    assert found == result
    assert type(found) is type(result)


@pytest.mark.parametrize(
    ("text", "value", "reason"),
    [
        ("value.x | json", "{", Reason.NOT_JSON),
        ("value.x | json", '"\ud800', Reason.NOT_JSON),
        ("value.x | json", 3, Reason.WRONG_TYPE),
        ("value.x | b64", "a", Reason.WRONG_ENCODING),
        ("value.x | b64", "/w==", Reason.WRONG_ENCODING),
        ("value.x | csv", 'a,"b', Reason.WRONG_TYPE),
        ("value.x | at(0)", "text", Reason.WRONG_TYPE),
        ("value.x | float", True, Reason.WRONG_TYPE),
        ("value.x | float", "nan", Reason.WRONG_TYPE),
        ("value.x | float", "9" * 400, Reason.WRONG_TYPE),
        ("value.x | int", 1.5, Reason.WRONG_TYPE),
        ("value.x | str", [1], Reason.WRONG_TYPE),
        ("value.x | lower", 1, Reason.WRONG_TYPE),
        ("value.x | argmax", "ab", Reason.WRONG_TYPE),
        ("value.x | max", [1, "b"], Reason.WRONG_TYPE),
        ("value.x | threshold(1)", False, Reason.WRONG_TYPE),
        ("value.x | ts", "yesterday", Reason.NOT_A_TIME),
        ("value.x | ts", "2026-01-01T00:00:00", Reason.TIME_WITHOUT_ZONE),
    ],
)
def test_what_a_pipe_cannot_read_has_a_reason_and_names_the_expression(text: str, value: Any, reason: Reason) -> None:
    with pytest.raises(Unreadable) as raised:
        read(text, value)
    assert raised.value.reason is reason
    assert "value.x" in raised.value.detail


def test_records_have_keys_headers_and_coordinates() -> None:
    assert read("key") == "k-1"
    assert read("key", key=None) is None
    assert read("key.id[0]", key=b'{"id":["a"]}') == "a"
    assert read("header.a") == "2"
    assert read("header.b") is None
    assert read("header.c") is None
    assert [read(f"kafka.{part}") for part in ("timestamp", "topic", "partition", "offset")] == [
        1_700_000_000_000, "logs", 7, 100,
    ]  # fmt: skip
    with pytest.raises(Unreadable):
        read("key", key=b"\xff")


def test_a_record_timestamp_is_in_ms_whatever_its_magnitude() -> None:
    assert read("kafka.timestamp | ts", timestamp=5) == 5


def test_a_time_zone_that_does_not_exist_is_shown() -> None:
    with pytest.raises(ExpressionError) as raised:
        compile_access("value.x | tz(Europe/Atlantis)", NAMES)
    assert raised.value.position == 13
