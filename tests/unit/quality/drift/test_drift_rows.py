"""The schema, docs/outputs.md and docs/drift.md tell of every field, kind and reason of a finding."""

import json
import re
from pathlib import Path

import jsonschema
import pytest

from streams.quality.drift.finding import NUMBERS, RATE_NUMBERS, Explains, Finding, IncidentStatus, Kind, Level, Why
from streams.quality.settings import ReferenceKind
from tests.support.schemas import schema

DOCS = Path(__file__).parents[4] / "docs"
OUTPUTS = (DOCS / "outputs.md").read_text(encoding="utf-8")
DRIFT = (DOCS / "drift.md").read_text(encoding="utf-8")
SECTION = OUTPUTS.partition("## A drift row\n")[2].partition("\n## ")[0]
LISTED = DRIFT.partition("## Which numbers a kind has\n")[2].partition("\n## ")[0]
IDENTITY = 12
"""Fields that say which window it is."""


def test_the_schema_is_valid_closed_and_has_the_fields_of_a_finding_in_order() -> None:
    drift = schema("drift")
    jsonschema.Draft202012Validator.check_schema(drift)
    assert drift["additionalProperties"] is False
    assert drift["required"] == list(drift["properties"])
    assert drift["required"][:IDENTITY] == schema("window")["required"][:IDENTITY]
    assert drift["required"][IDENTITY:] == list(Finding._fields)
    assert drift["properties"]["schema"]["const"] == "quality.drift.v1"


def test_the_schema_knows_every_name_that_a_field_can_have() -> None:
    fields = schema("drift")["properties"]
    assert set(fields["level"]["enum"]) == {level.value for level in Level}
    assert set(fields["incident_status"]["enum"]) == {*(status.value for status in IncidentStatus), None}
    assert set(fields["explains"]["enum"]) == {*(which.value for which in Explains), None}
    assert set(fields["reference"]["enum"]) == {*(kind.value for kind in ReferenceKind), None} - {"auto"}
    assert all(kind.value in fields["kind"]["description"] for kind in Kind)


@pytest.mark.parametrize("name", Finding._fields)
def test_every_field_is_explained_as_in_the_schema(name: str) -> None:
    assert f"| `{name}` | {schema('drift')['properties'][name]['description']} |" in SECTION


@pytest.mark.parametrize("why", Why)
def test_every_reason_is_explained(why: Why) -> None:
    assert re.search(rf"^\| {why} \| .+ \|$", SECTION, re.MULTILINE)


def test_the_example_is_a_row() -> None:
    (example,) = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", DRIFT, re.DOTALL)]
    jsonschema.Draft202012Validator(schema("drift")).validate(example)
    assert list(example) == schema("drift")["required"]


@pytest.mark.parametrize("kind", [*Kind, "a rate"])
def test_the_numbers_of_every_kind_are_listed(kind: str) -> None:
    numbers = set(NUMBERS.get(kind, RATE_NUMBERS))
    (line,) = re.findall(rf"^\| {kind} \| (.*) \|$", LISTED, re.MULTILINE)
    groups = [{"cusum", "evidence"}, {"psi", "js", "kl"}, {"prevalence_effect", "recall_effect"}]
    assert [x.strip() for x in line.split("|")] == ["yes" if group <= numbers else "" for group in groups]
    assert not any(group & numbers and not group <= numbers for group in groups)
