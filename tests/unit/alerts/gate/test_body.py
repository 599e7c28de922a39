"""The answer of a gate, and its row."""

import jsonschema
import orjson
import pytest

from streams.alerts.gate.body import Body, GateResult, body_of, gate_key, gate_row
from streams.alerts.rules.model import Canary, Severity
from tests.support.schemas import schema
from tests.unit.alerts.gate.test_arms import BAD, GOOD, NOTHING, Race, Rates

DESIGN = """schema gate verdict code reason candidate baseline delta lower upper margin alpha test classes window
label_completeness watermark_lag_s id"""


def results() -> dict[str, GateResult]:
    """One of each verdict, and one of nothing."""
    few: Rates = {"fraud": (18, 16), "ok": (1000, 950)}
    return {
        "nothing": Race().hour(NOTHING, GOOD),
        "too few": Race().hour(few, GOOD),
        "inconclusive": Race().hour(GOOD, GOOD),
        "fail": list(Race().hours(6, BAD, GOOD))[-1],
        "pass": list(Race().hours(48, GOOD, GOOD))[-1],
    }


@pytest.mark.parametrize("kind", results())
def test_a_row_is_as_its_schema_says_and_gives_the_body_back(kind: str) -> None:
    result = results()[kind]
    row = gate_row("fraud", result, "split", "0123456789abcdef")
    jsonschema.Draft202012Validator(schema("gate")).validate(row)
    assert list(row) == schema("gate")["required"]
    assert body_of(row) == result.body
    assert list(body_of(row)) == list(result.body) == DESIGN.split()
    assert body_of(row, 41)["watermark_lag_s"] == 41


def test_a_body_has_no_number_that_json_has_not() -> None:
    for result in results().values():
        assert b"NaN" not in orjson.dumps(result.body)
        assert _nulls(result.body) == _nulls(orjson.loads(orjson.dumps(result.body)))  # orjson makes null of NaN


def _nulls(body: Body) -> list[str]:
    return [name for name, value in body.items() if value is None]


def test_codes_go_with_verdicts() -> None:
    assert {kind: result.body["code"] for kind, result in results().items()} == {
        "nothing": 0, "too few": 0, "inconclusive": 0, "fail": -1, "pass": 1,
    }  # fmt: skip


def test_a_key_can_be_told_apart() -> None:
    assert gate_key("g", "a|b", "c") == "g|a%7Cb|c"
    assert gate_key("g", "a", "b|c") == "g|a|b%7Cc"


def test_who_is_told_of_a_fail_does_not_change_the_answer() -> None:
    there = Race(Canary("fraud-gate", "fraud", severity=Severity.PAGE)).hour(GOOD, GOOD)
    assert there.body == Race().hour(GOOD, GOOD).body
