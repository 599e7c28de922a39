"""The dashboards ask for what there is, in words that Prometheus reads."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.runtime.quality_series import SERIES
from streams.runtime.telemetry import METRICS
from tests.support.debian_packages import MissingPackageError, binary, required

DEPLOY = Path(__file__).parents[3] / "deploy"
BOARDS = {path.name: json.loads(path.read_text()) for path in sorted((DEPLOY / "grafana").glob("*.json"))}
KNOWN = {str(m.name): m.labels for m in METRICS} | {str(s.name): s.labels for s in SERIES}
OF_THE_PROCESS = {"process_cpu_seconds_total", "process_open_fds", "process_resident_memory_bytes"}
SUFFIXES = re.compile(r"_(bucket|sum|count)$")


def queries(board: dict[str, Any]) -> Iterator[str]:
    for panel in board["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    yield from (annotation["expr"] for annotation in board["annotations"]["list"])


def recorded() -> set[str]:
    rules = yaml.safe_load((DEPLOY / "prometheus" / "recording.rules.yml").read_text())
    return {rule["record"] for group in rules["groups"] for rule in group["rules"]}


def test_there_is_one_for_each_kind_of_reader() -> None:
    assert set(BOARDS) == {"quality-executive.json", "quality-on-call.json", "quality-debug.json"}
    assert {f"{board['uid']}.json" for board in BOARDS.values()} == set(BOARDS)


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_asks_only_for_what_there_is(name: str) -> None:
    for query in queries(BOARDS[name]):
        asked = set(re.findall(r"(?<![\w:])(?:quality|process)_[a-z_]+(?![\w:])", query))
        asked = {found if found in KNOWN else SUFFIXES.sub("", found) for found in asked}
        assert asked <= {*KNOWN, *OF_THE_PROCESS}, query
        assert set(re.findall(r"[a-z_]+:[a-z_]+:\w+", query)) <= recorded(), query
        for metric, matchers in re.findall(r"(quality_[a-z_]+)\{([^}]*)\}", query):
            labels = set(re.findall(r"(\w+)\s*(?:=|!=)~?\"", matchers))
            assert metric not in KNOWN or labels <= {*KNOWN[metric], "job"}, query


@pytest.mark.parametrize("name", BOARDS)
def test_every_query_is_one_that_prometheus_reads(name: str, tmp_path: Path) -> None:
    try:
        promtool = binary("promtool")
    except MissingPackageError as error:
        if required():
            raise
        pytest.skip(str(error))
    rules = [{"record": f"query:{n}", "expr": query} for n, query in enumerate(queries(BOARDS[name]))]
    path = tmp_path / "queries.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": name, "rules": rules}]}))
    done = subprocess.run([promtool, "check", "rules", path], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", BOARDS)
def test_variables_are_known_and_panels_do_not_overlap(name: str) -> None:
    board = BOARDS[name]
    variables = {variable["name"] for variable in board["templating"]["list"]}
    assert {found for query in queries(board) for found in re.findall(r"\$(\w+)", query)} <= variables
    taken = [
        (x, y)
        for panel in board["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24
