"""docs/outputs.md shows rows that the schemas allow, and explains every field and every reason."""

import json
import re
from pathlib import Path

import jsonschema
import pytest

from streams.quality.measures import Undefined
from tests.support.schemas import schema

DOC = (Path(__file__).parents[3] / "docs" / "outputs.md").read_text(encoding="utf-8")
EXAMPLES = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", DOC, re.DOTALL)]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda row: row["schema"])
def test_an_example_is_a_row_with_its_fields_in_order(example: dict[str, object]) -> None:
    name = str(example["schema"]).split(".")[1]
    jsonschema.Draft202012Validator(schema(name)).validate(example)
    assert list(example) == schema(name)["required"]


def test_there_is_an_example_of_every_row_of_a_window() -> None:
    assert [row["schema"] for row in EXAMPLES] == [
        f"quality.{n}.v1" for n in ("window", "class", "confusion", "calibration", "group", "label_source")
    ]


@pytest.mark.parametrize("name", ["window", "class", "confusion", "calibration", "reject", "audit"])
def test_every_field_is_explained_as_in_its_schema(name: str) -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", DOC, re.MULTILINE))
    shared = set(schema("window")["properties"])
    for field, said in schema(name)["properties"].items():
        assert field == "schema" or field in rows, field
        if field not in shared and name != "audit":
            line = f"| `{field}` | {said['description']} |".replace("model|", "model\\|")
            assert line in DOC


def test_every_reason_is_explained() -> None:
    for reason in Undefined:
        assert f"| {reason} |" in DOC
