"""Flagger's template and canary: what its webhooks and its check make of each verdict."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from tests.support.gate_answers import GATE, VERDICTS, asked
from tests.support.promtool import check_query

FOLDER = Path(__file__).parents[3] / "deploy" / "flagger"
TEMPLATE = yaml.safe_load((FOLDER / "metric-template.yaml").read_text())
CANARY = yaml.safe_load((FOLDER / "canary.yaml").read_text())
ANALYSIS = CANARY["spec"]["analysis"]
WEBHOOKS = {hook["type"]: hook for hook in ANALYSIS["webhooks"]}
PHASES = {"confirm-promotion": "WaitingPromotion", "rollback": "Progressing"}


def posted(kind: str, candidate: str) -> int:
    """The status that Flagger gets when it calls a webhook about a candidate."""
    hook = WEBHOOKS[kind]
    _, version, gates, gate, action = urlsplit(hook["url"]).path.split("/")
    assert (version, gates) == ("v1", "gates")
    body = {
        "name": CANARY["metadata"]["name"], "namespace": CANARY["metadata"]["namespace"], "phase": PHASES[kind],
        "checksum": "85d557f47b", "metadata": {**hook["metadata"], "candidate": candidate},
    }  # fmt: skip
    return asked("POST", "/v1/gates/{gate}/" + action, None, json.dumps(body).encode(), gate).status


@pytest.mark.parametrize(("candidate", "verdict"), VERDICTS.items())
def test_only_a_pass_promotes_and_only_a_fail_rolls_back(candidate: str, verdict: str) -> None:
    assert (posted("confirm-promotion", candidate) == 200) is (verdict == "pass")
    assert (posted("rollback", candidate) == 200) is (verdict == "fail")
    assert {posted(kind, candidate) for kind in PHASES} <= {200, 409}


def test_only_a_fail_is_out_of_range() -> None:
    [metric] = ANALYSIS["metrics"]
    assert metric["thresholdRange"] == {"min": 0}
    assert [code for code in (1, 0, -1) if code < metric["thresholdRange"]["min"]] == [-1]


def query() -> str:
    """The template's query with the variables of the canary."""
    [metric] = ANALYSIS["metrics"]
    text = str(TEMPLATE["spec"]["query"]).strip()
    for name, value in metric["templateVariables"].items():
        text = text.replace("{{ variables." + name + " }}", value)
    return text


@pytest.mark.parametrize(
    ("said", "value"), [({"a": 1}, 1), ({"a": 0}, 0), ({"a": -1}, -1), ({"a": 1, "b": -1}, -1), ({}, 0)]
)
def test_the_query_has_one_value_also_when_nothing_is_known(tmp_path: Path, said: dict[str, int], value: int) -> None:
    """An empty answer is a failed check in Flagger."""
    series = {f'quality_canary_verdict{{gate="{GATE}",candidate="42",instance="{i}"}}': v for i, v in said.items()}
    other = {f'quality_canary_verdict{{gate="{GATE}",candidate="43",instance="a"}}': -1}
    check_query(tmp_path, query(), series | other, {"{}": value})


def test_the_check_names_a_template_and_every_variable_of_it() -> None:
    [metric] = ANALYSIS["metrics"]
    assert metric["templateRef"]["name"] == TEMPLATE["metadata"]["name"]
    for name in metric["templateVariables"]:
        assert "{{ variables." + name + " }}" in TEMPLATE["spec"]["query"]
    assert "{{" not in query()


def test_the_same_candidate_everywhere() -> None:
    [metric] = ANALYSIS["metrics"]
    named = {metric["templateVariables"]["candidate"], *(hook["metadata"]["candidate"] for hook in WEBHOOKS.values())}
    assert named == {"42"}
    assert {urlsplit(hook["url"]).path.split("/")[3] for hook in WEBHOOKS.values()} == {
        metric["templateVariables"]["gate"]
    }
