"""The published schemas are valid, closed, described, and know every reason."""

from dataclasses import fields

import jsonschema
import pytest

from streams.formats.reasons import Kind, Reason
from streams.ledger.audit import Audit
from streams.ledger.position import SourceId
from streams.ledger.rejects import JoinReject, intake_row, join_row
from streams.ledger.spec import NO_TIME
from streams.quality.rows import SCHEMAS as NAMES
from tests.support.schemas import SCHEMAS, schema

OURS = [*(name.split(".")[1] for name in NAMES.values()), "reject", "audit"]
IDENTITY = schema("window")["required"][1 : schema("window")["required"].index("predictions")]
"""What says which window a row is of, and how far it is."""
OF_ALERTS = ("alert", "alert_log", "alert_pulse", "mute", "gate", "telling", "redrive")
"""Tested with the alerts."""


def test_there_is_a_schema_of_every_row_and_no_other() -> None:
    there = {path.name for path in SCHEMAS.glob("*.json")}
    assert there - {f"quality.{name}.v1.json" for name in OF_ALERTS} == {f"quality.{name}.v1.json" for name in OURS}


@pytest.mark.parametrize("name", [name.split(".")[1] for name in NAMES.values()])
def test_every_row_of_a_window_begins_with_what_says_which_one(name: str) -> None:
    assert schema(name)["required"][1 : len(IDENTITY) + 1] == IDENTITY


@pytest.mark.parametrize("name", OURS)
def test_a_schema_is_valid_closed_and_described(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema(name))
    assert schema(name)["additionalProperties"] is False
    assert schema(name)["required"] == list(schema(name)["properties"])
    assert all(field["description"] for field in schema(name)["properties"].values())
    assert schema(name)["properties"]["schema"]["const"] == f"quality.{name}.v1"
    assert (SCHEMAS / schema(name)["$id"]).exists()


def test_a_reject_can_have_every_reason() -> None:
    assert set(schema("reject")["properties"]["reason"]["enum"]) == {reason.value for reason in Reason}


def test_a_reject_row_may_hold_bytes_and_headers_or_neither() -> None:
    row = {
        "schema": "quality.reject.v1",
        "topic": "predictions",
        "partition": 0,
        "offset": 7,
        "row": 0,
        "kind": "label",
        "reason": "late_label",
        "detail": "3 s after horizon and slack",
        "late_by_ms": 3000,
        "id_hash": "00ff",
        "value": None,
        "value_encoding": None,
        "truncated": False,
        "key": None,
        "headers": None,
    }
    validator = jsonschema.Draft202012Validator(schema("reject"))
    validator.validate(row)
    validator.validate(
        row | {"value": "/w==", "value_encoding": "base64", "headers": [["trace", "1"], ["trace", None]]}
    )
    for wrong in ({"reason": "because"}, {"headers": [["trace"]]}, {"id_hash": "XY"}, {"more": 1}):
        assert not validator.is_valid(row | wrong)


def test_the_reject_rows_of_the_ledger_are_as_their_schema_says() -> None:
    kind, reason = Kind.PREDICTION, Reason.NOT_JSON
    _, intake = intake_row(kind, ("t", 0, 1), reason, "?", b"\xff", b"k", [("a", None), ("b", b"1")])
    _, join = join_row(JoinReject(Kind.LABEL, str(SourceId("t", 2, "u")), 7, Reason.LATE_LABEL, "0f", 12))
    for row in (intake, join):
        jsonschema.Draft202012Validator(schema("reject")).validate(row)
        assert list(row) == schema("reject")["required"]


def test_the_audit_row_of_the_ledger_is_as_its_schema_says() -> None:
    counts = {f.name: 0 for f in fields(Audit)} | {"watermark_ms": NO_TIME}
    _, row = Audit(**counts).row()
    jsonschema.Draft202012Validator(schema("audit")).validate(row)
    assert list(row) == schema("audit")["required"]
