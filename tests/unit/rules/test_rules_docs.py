"""docs/rules.md has every key with its default, every code, metric, kind of drift and label; and nothing else."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from streams.alerts.rules.conditions import OF_ROLLUPS, OF_RULES
from streams.alerts.thresholds.metrics import OF_CLASS, STEP_METRICS, WINDOW_METRICS
from streams.runtime.config.durations import format_duration
from streams.runtime.rules.cases import CasesDocument
from streams.runtime.rules.codes import RuleCode
from streams.runtime.rules.drifts import DRIFT_KINDS
from streams.runtime.rules.metrics import METRICS
from streams.runtime.rules.tables import AboutTable, NoDataTable, ReadyTable, RulesDocument, TierTable

PAGE = (Path(__file__).parents[3] / "docs" / "rules.md").read_text()
FOLDER = Path(__file__).parent
SHARED = (ReadyTable, NoDataTable)


def table_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (table_in(part) for part in getattr(annotation, "__args__", ()))
    return next((table for table in found if table is not None), None)


def keys(model: type[BaseModel], at: tuple[str, ...] = ()) -> Iterator[tuple[str, FieldInfo]]:
    """Every key that holds a value. What several kinds have stands by itself, without the kind."""
    for name, field in model.model_fields.items():
        key = field.alias or name
        inner = table_in(field.annotation)
        if issubclass(model, AboutTable) and name in AboutTable.model_fields:
            yield key, field
        elif inner is TierTable:
            yield ".".join((*at, key)), field
            yield from keys(inner, (key,))
        elif inner in SHARED and at != ("defaults",):
            assert inner is not None
            yield from ((f"{key}.{part}", FieldInfo(annotation=str)) for part, _ in keys(inner))
        elif inner is not None:
            yield from keys(inner, (*at, key))
        else:
            yield ".".join((*at, key)), field


ALL = dict([*keys(RulesDocument), *keys(CasesDocument)])


def test_every_key_is_documented_and_the_reverse() -> None:
    documented = re.findall(r"^\| `([a-z_.]+)` \| (?!a (?:version|class))", PAGE, re.MULTILINE)
    assert sorted(documented) == sorted(ALL)


def plain_defaults() -> Iterator[tuple[str, str]]:
    for key, field in ALL.items():
        if (
            field.is_required()
            or field.default is None
            or key in {"retrain.when.slices_bad", "case.start", "slo.tiers"}
        ):
            continue
        default = field.get_default(call_default_factory=True)
        if isinstance(default, bool):
            written = str(default).lower()
        elif any("duration" in repr(part) for part in field.metadata) and isinstance(default, int):
            written = f'"{format_duration(default)}"'
        elif isinstance(default, str):
            written = f'"{default}"'
        else:
            written = str(default).replace("'", '"')
        yield key, written


@pytest.mark.parametrize(("key", "default"), [*plain_defaults(), ("retrain.when.slices_bad", '"3 of 5"')])
def test_the_documented_default_is_the_default(key: str, default: str) -> None:
    default = {"canary.min_support.per_class": "30"}.get(key, default)
    assert f"| `{key}` | `{default}` |" in PAGE


@pytest.mark.parametrize("key", [key for key, field in ALL.items() if field.is_required() and "." in key])
def test_a_key_without_a_default_is_said_to_be_required(key: str) -> None:
    shared = {"ready", "no_data"}
    assert key.partition(".")[0] in shared or f"| `{key}` | required |" in PAGE


def test_every_code_is_documented_in_order() -> None:
    assert re.findall(r"^\| ([EW]\d+) \|", PAGE, re.MULTILINE) == [code.value for code in RuleCode]


def test_metrics_are_as_they_are_documented() -> None:
    rows = re.findall(
        r"^\| `([a-z_0-9]+)` \| a (version|class) \| (yes|no) \| (yes|no) \| ([^|]*) \|", PAGE, re.MULTILINE
    )
    documented = {name: (of == "class", interval == "yes", delta == "yes", "configured" in window)
                  for name, of, interval, delta, window in rows}  # fmt: skip
    assert documented == {
        name: (metric.of_class, metric.has_interval, metric.has_baseline, metric.of_window)
        for name, metric in METRICS.items()
    }


def test_metrics_are_those_that_are_judged() -> None:
    assert set(METRICS) == STEP_METRICS | WINDOW_METRICS
    assert {name for name, metric in METRICS.items() if metric.of_class} == OF_CLASS
    assert {name for name, metric in METRICS.items() if metric.of_window} == WINDOW_METRICS


def test_subjects_and_kinds_are_named() -> None:
    assert all(re.search(rf"\b{name}\b", PAGE) for name in (*OF_RULES, *OF_ROLLUPS))
    (row,) = re.findall(r"^\| `drift.kinds` .*$", PAGE, re.MULTILINE)
    assert set(re.findall(r"`([a-z_]+)`", row)) == set(DRIFT_KINDS)


def test_the_examples_are_those_that_are_run() -> None:
    whole, case = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert whole == (FOLDER / "whole.toml").read_text()
    assert case in (FOLDER / "whole.test.toml").read_text()
