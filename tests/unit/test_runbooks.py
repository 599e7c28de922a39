"""Every shipped alert has a runbook, every runbook an alert, and what they say can be typed in."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
import yaml
from typer.core import TyperGroup

from streams.cli.main import app
from streams.runtime.deliver.runbooks import PAGES as DELIVERED
from streams.runtime.deliver.trial import RULE as TEST
from streams.runtime.quality_series import SERIES
from streams.runtime.telemetry import METRICS

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "runbooks"
INDEX = FOLDER / "README.md"
PAGES = {path.stem: path.read_text() for path in sorted(FOLDER.glob("*.md")) if path != INDEX}
OPERATIONS = {"RestoreFromBackup", "ReplayAndBackfill", "RetireVersion"}
"""Runbooks of what is done on purpose: no alert leads to them."""

QUESTIONS = [
    "1. Is it the labels?",
    "2. Is it one class, segment, version?",
    "3. Did something ship?",
    "4. Stop the bleeding",
    "5. Budget, and who decides",
    "6. Mute it, with an end",
    "7. Is it over?",
    "8. Links and last incidents",
]


def of_prometheus() -> Iterator[tuple[str, str]]:
    """Alerts of the rules for Prometheus with their runbook's address."""
    for path in sorted((ROOT / "deploy" / "prometheus").glob("*.rules.yml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                if "alert" in rule:
                    yield rule["alert"], rule["annotations"]["runbook_url"]


def of_default_rules() -> set[str]:
    """Runbooks that the job's default rules name."""
    rules = tomllib.loads((ROOT / "streams" / "runtime" / "rules" / "default.toml").read_text())
    tables = [table for value in rules.values() if isinstance(value, list) for table in value]
    assert tables
    assert [table["name"] for table in tables if "runbook" not in table and "summary" in table] == []
    return {table["runbook"] for table in tables if "runbook" in table}


def names_in_sources() -> set[str]:
    """Whatever the sources call an alert of their own: constants such as `QualityPipelineStalled`."""
    sources = (path.read_text() for path in (ROOT / "streams").rglob("*.py"))
    trees = (ast.parse(text) for text in sources if '"Quality' in text)
    assigned = (node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Assign))
    texts = (node.value for value in assigned for node in ast.walk(value) if isinstance(node, ast.Constant))
    return {text for text in texts if isinstance(text, str) and re.fullmatch(r"Quality[A-Z]\w+", text)}


def test_whatever_the_deliverer_says_itself_has_a_runbook_that_names_it() -> None:
    assert names_in_sources() - {TEST} == set(DELIVERED)
    for alert, page in DELIVERED.items():
        assert alert in PAGES[page]


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    named = (
        {address.rpartition("/")[2] for _, address in of_prometheus()} | of_default_rules() | set(DELIVERED.values())
    )
    assert named == set(PAGES) - OPERATIONS
    assert set(PAGES) >= OPERATIONS


def test_the_addresses_of_runbooks_have_one_base() -> None:
    assert {address.rpartition("/")[0] for _, address in of_prometheus()} == {"https://runbooks.example.com/quality"}


def test_a_runbook_of_prometheus_names_the_alerts_that_lead_to_it() -> None:
    for alert, address in of_prometheus():
        page = address.rpartition("/")[2]
        assert alert in PAGES[page] or alert == f"Quality{page}"


@pytest.mark.parametrize("name", sorted(set(PAGES) - OPERATIONS))
def test_a_runbook_answers_the_eight_questions_in_order(name: str) -> None:
    title, *parts = PAGES[name].split("\n## ")
    assert title.startswith(f"# {name}\n\n")
    assert title.partition("\n\n")[2].strip(), "what it means"
    assert [part.partition("\n")[0] for part in parts] == QUESTIONS
    for part in parts:
        assert part.partition("\n")[2].strip(), part.partition("\n")[0]


def test_the_index_lists_every_runbook_once() -> None:
    listed = re.findall(r"^\| \[(\w+)\]\((\w+)\.md\)", INDEX.read_text(), re.MULTILINE)
    assert all(name == target for name, target in listed)
    assert sorted(name for name, _ in listed) == sorted(PAGES)


def command_lines(text: str) -> Iterator[list[str]]:
    """What is to be typed in: `streams ...` in code, up to a pipe."""
    blocks = re.findall(r"```[^\n]*\n(.*?)```", text, re.DOTALL)
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    for line in [*spans, *(line for block in blocks for line in block.splitlines())]:
        words = line.partition("|")[0].split()
        if words[:1] == ["streams"]:
            yield words[1:]


def problems(words: list[str]) -> list[str]:
    """What the command line would refuse."""
    commands = typer.main.get_command(app)
    assert isinstance(commands, TyperGroup)
    if not words:
        return []
    command = commands.commands.get(words[0])
    if command is None:
        return [f"there is no command {words[0]}"]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    return [f"{words[0]} has no {word}" for word in words[1:] if word.startswith("-") and word not in known]


@pytest.mark.parametrize("name", sorted(PAGES))
def test_every_command_exists_with_its_options(name: str) -> None:
    assert [problem for words in command_lines(PAGES[name]) for problem in problems(words)] == []


def test_a_command_that_does_not_exist_is_found() -> None:
    page = "`streams stat` and\n```\nstreams status -c x --whatch | less\n```\n"
    found = [problem for words in command_lines(page) for problem in problems(words)]
    assert found == ["there is no command stat", "status has no --whatch"]


def test_every_metric_that_is_named_exists() -> None:
    known = {str(metric.name) for metric in METRICS} | {str(series.name) for series in SERIES} | {"quality_hash"}
    for name, page in PAGES.items():
        named = set(re.findall(r"(?<![\w:])quality_[a-z_]+(?![\w:*])", page))
        assert named <= known, name


def test_links_lead_somewhere() -> None:
    for path in FOLDER.glob("*.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
            assert (FOLDER / target).exists(), f"{path.name}: {target}"
