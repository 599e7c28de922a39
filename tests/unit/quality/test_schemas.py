"""The published schemas are valid, closed, described, and know every reason."""

import jsonschema
import pytest

from streams.formats.reasons import Reason
from tests.support.schemas import SCHEMAS, schema

OURS = ("window", "class", "confusion", "reject", "audit")


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
