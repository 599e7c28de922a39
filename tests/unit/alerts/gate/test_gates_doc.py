"""docs/gates.md says what is so."""

import json
import re
import tomllib
from pathlib import Path

import msgspec

from streams.alerts.gate.arms import gate_judgement
from streams.alerts.rules.model import Canary
from streams.runtime.rules.load import parse_rules
from tests.unit.alerts.gate.test_arms import CANARY, GOOD, Race

PAGE = (Path(__file__).parents[4] / "docs" / "gates.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    [found] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def test_the_example_is_a_rule_and_has_every_key_with_its_default() -> None:
    [canary] = parse_rules("schema = 1\n" + block("toml"), "rules.toml").rules.canaries
    named = Canary("fraud-clf-gate", "fraud-clf")
    assert msgspec.structs.replace(canary, about=named.about) == named
    [written] = tomllib.loads(block("toml"))["canary"]
    fields = {{"cls": "class"}.get(field, field.removesuffix("_ms")) for field in Canary.__struct_fields__}
    assert set(written) == fields - {"metric", "ready", "severity", "about"}


def test_the_answer_is_one() -> None:
    said, body = json.loads(block("json")), Race().hour(GOOD, GOOD).body
    assert list(said) == list(body)
    assert {name: type(value) for name, value in said.items() if value is not None} == {
        name: type(body[name]) if body[name] is not None else type(said[name])
        for name in said
        if said[name] is not None
    }
    assert list(said["classes"][0]) == list(body["classes"][0])


def test_the_evidence_is_that_of_the_judgement() -> None:
    evidence = gate_judgement(CANARY, Race().hour(GOOD, GOOD)).evidence
    [told] = re.findall(r"Its evidence: (.*?)\.\n", PAGE, re.DOTALL)
    assert re.findall(r"`(\w+)`", told.replace("(one-sided at `alpha`)", "")) == list(evidence)
