"""docs/outputs.md shows rows that the schemas allow, and explains every stream, field and reason."""

import json
import re
from pathlib import Path

import jsonschema
import pytest

from streams.ledger.cells import DELAY_BINS
from streams.quality.aged import FINAL, NOT_TOLD
from streams.quality.measures.confusion import Undefined
from streams.quality.rows import SCHEMAS
from tests.support.schemas import schema

DOC = (Path(__file__).parents[3] / "docs" / "outputs.md").read_text(encoding="utf-8")
EXAMPLES = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", DOC, re.DOTALL)]
OF_THE_JUDGE = [each.split(".")[1] for each in SCHEMAS.values()]
NOT_OF_WINDOWS = ("reject", "audit")


def middle(row: dict[str, object]) -> str:
    """The part of the name of a row's schema that says what it is of."""
    return str(row["schema"]).split(".")[1]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda row: row["schema"])
def test_an_example_is_a_row_with_its_fields_in_order(example: dict[str, object]) -> None:
    name = middle(example)
    jsonschema.Draft202012Validator(schema(name)).validate(example)
    assert list(example) == schema(name)["required"]


def test_there_is_one_example_of_every_row_of_a_window() -> None:
    assert sorted(map(middle, EXAMPLES)) == sorted(OF_THE_JUDGE)


@pytest.mark.parametrize("stream", SCHEMAS)
def test_every_topic_and_file_is_listed(stream: str) -> None:
    assert f"| `quality.{stream}.v1` | `{stream}.jsonl` |" in DOC


@pytest.mark.parametrize("name", [*OF_THE_JUDGE, *NOT_OF_WINDOWS])
def test_every_field_is_explained_as_in_its_schema(name: str) -> None:
    shared = set() if name == "window" else set(schema("window")["properties"]) - {"undefined"}
    for field, said in schema(name)["properties"].items():
        meaning = said["description"].replace("|", "\\|")
        assert field == "schema" or field in shared or f"| `{field}` | {meaning} |" in DOC, field
        assert field == "schema" or f"| `{field}` | " in DOC, field


def test_every_reason_is_explained() -> None:
    for reason in Undefined:
        assert f"| {reason} |" in DOC


def test_every_entry_for_a_group_of_fields_is_explained() -> None:
    _, scores, outlook = NOT_TOLD
    for undefined in (scores.undefined, outlook.undefined, FINAL.undefined):
        assert f"\n| {undefined} | " in DOC


def test_the_bins_of_delays_are_as_many_as_are_said() -> None:
    assert f"The {DELAY_BINS} bins" in DOC
