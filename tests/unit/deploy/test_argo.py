"""The analysis templates of Argo Rollouts: their conditions on what the endpoint and Prometheus really answer."""

import math
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from tests.support.expr_lang import ConditionError, holds, phase
from tests.support.gate_answers import GATE, VERDICTS, asked, body_of
from tests.support.promtool import check_query

FOLDER = Path(__file__).parents[3] / "deploy" / "argo"
TEMPLATES = {t["metadata"]["name"]: t for t in yaml.safe_load_all((FOLDER / "analysis-template.yaml").read_text())}
ROLLOUT = yaml.safe_load((FOLDER / "rollout.yaml").read_text())
WEB, PROMETHEUS = TEMPLATES["balanced-accuracy-gate"], TEMPLATES["balanced-accuracy-gate-prometheus"]
PHASES = {"pass": "Successful", "fail": "Failed", "inconclusive": "Inconclusive"}


def metric(template: dict[str, Any]) -> dict[str, Any]:
    [found] = template["spec"]["metrics"]
    assert isinstance(found, dict)
    return found


def measured(template: dict[str, Any], result: Any) -> str:
    one = metric(template)
    return phase(result, one.get("successCondition"), one.get("failureCondition"))


def filled(template: dict[str, Any], text: str, **given: str) -> str:
    """A text with the template's arguments in it."""
    values = {arg["name"]: given.get(arg["name"], arg.get("value")) for arg in template["spec"]["args"]}
    for name, value in values.items():
        text = text.replace("{{args." + name + "}}", str(value))
    assert "{{" not in text
    return text


@pytest.mark.parametrize(("candidate", "verdict"), VERDICTS.items())
def test_each_body_is_measured_as_its_verdict(candidate: str, verdict: str) -> None:
    assert measured(WEB, body_of(candidate)) == PHASES[verdict]


def test_what_is_no_verdict_neither_promotes_nor_aborts() -> None:
    assert measured(WEB, {}) == "Inconclusive"
    assert measured(WEB, {"verdict": None}) == "Inconclusive"
    assert measured(WEB, None) == "Error"  # tried again, up to consecutiveErrorLimit
    assert measured(WEB, "oops") == "Error"


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ([1.0], "Successful"),
        ([0.0], "Inconclusive"),
        ([-1.0], "Failed"),
        ([], "Inconclusive"),
        ([math.nan], "Inconclusive"),
    ],
)
def test_each_value_of_prometheus_is_measured_as_its_verdict(result: list[float], expected: str) -> None:
    assert measured(PROMETHEUS, result) == expected


def test_the_address_is_a_route_that_answers() -> None:
    url = urlsplit(filled(WEB, metric(WEB)["provider"]["web"]["url"], candidate="pass"))
    assert url.path == f"/v1/gates/{GATE}"
    assert parse_qs(url.query) == {"candidate": ["pass"]}
    assert asked("GET", "/v1/gates/{gate}", "pass", gate=url.path.rpartition("/")[2]).status == 200
    assert metric(WEB)["provider"]["web"]["jsonPath"] == "{$}"


@pytest.mark.parametrize(
    ("said", "value"), [({"a": 1}, 1), ({"a": 0}, 0), ({"a": -1}, -1), ({"a": 1, "b": -1}, -1), ({}, None)]
)
def test_the_query_takes_the_worst_that_any_worker_says(
    tmp_path: Path, said: dict[str, int], value: int | None
) -> None:
    query = filled(PROMETHEUS, metric(PROMETHEUS)["provider"]["prometheus"]["query"], candidate="42")
    series = {f'quality_canary_verdict{{gate="{GATE}",candidate="42",instance="{i}"}}': v for i, v in said.items()}
    other = {f'quality_canary_verdict{{gate="{GATE}",candidate="43",instance="a"}}': -1}
    check_query(tmp_path, query, series | other, {} if value is None else {"{}": value})


@pytest.mark.parametrize("template", [WEB, PROMETHEUS], ids=["web", "prometheus"])
def test_only_a_pass_ends_it_well_and_one_fail_ends_it(template: dict[str, Any]) -> None:
    one = metric(template)
    assert (one["consecutiveSuccessLimit"], one["failureLimit"]) == (1, 0)
    assert one["inconclusiveLimit"] >= one["count"]  # "not yet" never ends it
    assert one["consecutiveErrorLimit"] * 10 >= 600  # an outage of ten minutes does not, either


def test_the_rollout_looks_in_a_step_and_says_which_version() -> None:
    [analysis] = [step["analysis"] for step in ROLLOUT["spec"]["strategy"]["canary"]["steps"] if "analysis" in step]
    [named] = analysis["templates"]
    assert named["templateName"] in TEMPLATES
    template = TEMPLATES[named["templateName"]]
    needed = {arg["name"] for arg in template["spec"]["args"] if "value" not in arg}
    assert {arg["name"] for arg in analysis["args"]} == needed
    label = analysis["args"][0]["valueFrom"]["fieldRef"]["fieldPath"]
    assert label == "metadata.labels['model-version']"
    assert ROLLOUT["metadata"]["labels"]["model-version"] == "42"


@pytest.mark.parametrize(
    ("condition", "result", "expected"),
    [
        ('result.verdict == "pass"', {"verdict": "pass"}, True),
        ('result.verdict != "pass" && result.code >= 0', {"verdict": "x", "code": 0}, True),
        ("len(result) > 0 && result[0] == 1", [], False),
        ("len(result) == 0 || result[0] == 1", [], True),
        ("!(result[0] < 1) && result[0] <= 1.5", [1.2], True),
        ("result == nil", None, True),
        ("result.a == nil", {}, True),
        ('"x" == nil', None, False),
        ("result == -1", -1.0, True),
        ("true || result.a.b == 1", {}, True),
        ("false && -result > len(result)", {}, False),
    ],
)
def test_the_evaluator_knows_the_language(condition: str, result: object, expected: object) -> None:
    assert holds(condition, result) is expected


@pytest.mark.parametrize(
    ("condition", "result"),
    [
        ("result[0] == 1", []),
        ("result.a.b == 1", {}),
        ("result.code > 0", {}),
        ("result.code", {"code": 1}),
        ("result", "yes"),
        ("other == 1", 1),
        ("result ==", 1),
        ("result = 1", 1),
        ("len(result) > 0", None),
        ("result && true", 1),
    ],
)
def test_the_evaluator_is_as_strict_as_the_language(condition: str, result: object) -> None:
    with pytest.raises(ConditionError):
        holds(condition, result)
