"""Rows of groups and label sources: as their schemas say, and every field and reason explained in docs/outputs.md."""

from pathlib import Path

import jsonschema
import pytest

from streams.quality.counts.counted import Cells, Counted, PairCells, SourceCells, counted
from streams.quality.measures.groups import GroupMeasures, GroupsUndefined, compare_groups
from streams.quality.measures.label_quality import SourceMeasures, SourceUndefined, label_sources
from streams.quality.settings import GroupsSpec
from tests.support.schemas import schema

DOC = (Path(__file__).parents[3] / "docs" / "outputs.md").read_text(encoding="utf-8")
IDENTITY = {
    "metric_key": "m|v1|all|24h|prediction_time|2026-01-01T00:00:00.000Z",
    "model": "m",
    "model_version": "v1",
    "segment": "all",
    "window": "24h",
    "view": "prediction_time",
    "window_start": "2026-01-01T00:00:00.000Z",
    "window_end": "2026-01-02T00:00:00.000Z",
    "status": "final",
    "revision": 7,
    "watermark": None,
}
TABLE = [[40, 10], [5, 45]]


def measured() -> list[tuple[str, tuple[str, ...], tuple[object, ...]]]:
    """(schema, fields, values) of rows with everything, and with as little as can be."""
    groups = [("a", counted(TABLE)), ("b", counted([[20, 30], [5, 45]]))]
    whole = counted([[60, 40], [10, 90]])
    spec = GroupsSpec(protected=("region",))
    full, empty = compare_groups("region", groups, whole, 0, spec), compare_groups("region", [], whole, 200, spec)
    cells = counted(TABLE)
    by = SourceCells(cells.cells.true * 0, *cells.cells)
    pair = PairCells(by.source, by.source + 1, by.first, by.second, by.n)
    sources = Counted(cells.classes, Cells(*cells.cells), cells.unlabelled, 15, sources=("crew", "review"))
    sources = Counted(**vars(sources) | {"labelled_by": by, "agreement": pair, "corrections": by})
    rows = label_sources(sources, ("crew",), frozenset({"c0000"})) + label_sources(sources, ())
    assert {(row.source, row.other) for row in rows} == {("crew", None), ("crew", "review"), ("review", None)}
    return [
        *(("group", GroupMeasures._fields, values) for values in (full, empty)),
        *(("label_source", SourceMeasures._fields, values) for values in rows),
    ]


@pytest.mark.parametrize(("name", "fields", "values"), measured())
def test_a_row_is_as_its_schema_says(name: str, fields: tuple[str, ...], values: tuple[object, ...]) -> None:
    row = {"schema": f"quality.{name}.v1"} | IDENTITY | dict(zip(fields, values, strict=True))
    jsonschema.Draft202012Validator(schema(name)).validate(row)
    assert list(row) == schema(name)["required"]


@pytest.mark.parametrize("name", ["group", "label_source"])
def test_a_schema_is_valid_closed_described_and_explained(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema(name))
    assert schema(name)["additionalProperties"] is False
    assert schema(name)["required"] == list(schema(name)["properties"])
    for field, said in schema(name)["properties"].items():
        assert field in {"schema", *IDENTITY} or f"| `{field}` | {said['description']} |" in DOC


@pytest.mark.parametrize("reason", [*GroupsUndefined, *SourceUndefined])
def test_every_reason_is_explained(reason: str) -> None:
    assert f"| {reason} |" in DOC
