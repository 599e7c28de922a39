"""The rules for Prometheus, checked and tried by its own tool."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.runtime.config.job import load
from streams.runtime.quality_series import SERIES
from streams.runtime.telemetry import METRICS
from tests.support.debian_packages import MissingPackageError, binary, required

FOLDER = Path(__file__).parents[3] / "deploy" / "prometheus"
RULE_FILES = sorted(FOLDER.glob("*.rules.yml"))
TEST_FILES = sorted((FOLDER / "tests").glob("*.test.yml"))
KNOWN = {str(m.name): m.labels for m in METRICS} | {str(s.name): s.labels for s in SERIES}
SEVERITIES = {"page", "ticket", "none", None}


@pytest.fixture(scope="module")
def promtool() -> Path:
    try:
        return binary("promtool")
    except MissingPackageError as error:
        if required():
            raise
        pytest.skip(str(error))


def ask(promtool: Path, *arguments: str | Path) -> tuple[int, str]:
    done = subprocess.run([promtool, *arguments], capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout + done.stderr


def rules() -> Iterator[dict[str, Any]]:
    for path in RULE_FILES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from group["rules"]


ALERTS = {rule["alert"]: rule for rule in rules() if "alert" in rule}
RECORDS = {rule["record"]: rule for rule in rules() if "record" in rule}


def unit_tests() -> Iterator[dict[str, Any]]:
    for path in TEST_FILES:
        yield from yaml.safe_load(path.read_text())["tests"]


def test_the_rules_and_the_configuration_are_what_prometheus_reads(promtool: Path) -> None:
    code, said = ask(promtool, "check", "rules", *RULE_FILES)
    assert code == 0, said
    code, said = ask(promtool, "check", "config", FOLDER / "prometheus.yml")
    assert code == 0, said


def test_people_are_told_by_the_deliverer_or_by_prometheus_and_not_by_both() -> None:
    text = (FOLDER / "prometheus.yml").read_text()
    config = yaml.safe_load(text)
    by_prometheus = "quality-alerts.rules.yml"
    assert [path.name for path in RULE_FILES] == sorted([*config["rule_files"], by_prometheus])
    assert f"  #- {by_prometheus}\n" in text


def test_prometheus_calls_the_job_what_the_deliverer_and_the_alerts_call_it() -> None:
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    name = load(None, {}).name
    scraped = [scrape["job_name"] for scrape in config["scrape_configs"]]
    assert scraped == [name, f"{name}-deliver"]
    absent = re.findall(r'up\{job="([^"]*)"\}', " ".join(expressions(rule) for rule in ALERTS.values()))
    assert sorted(absent) == scraped


def test_the_ports_are_those_of_the_examples() -> None:
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    ports = [int(c["static_configs"][0]["targets"][0].split(":")[1]) for c in config["scrape_configs"]]
    compose = load(FOLDER.parent / "compose.toml", {})
    assert ports == [compose.run.http_port, compose.deliver.http_port]
    assert f"\n#http_port = {ports[1]}\n" in (FOLDER.parent / "streams.toml").read_text()


@pytest.mark.parametrize("path", TEST_FILES, ids=lambda path: path.name)
def test_alerts_fire_and_stay_quiet_as_their_tests_say(promtool: Path, path: Path) -> None:
    code, said = ask(promtool, "test", "rules", path)
    assert code == 0, said


def test_a_rule_that_says_something_else_does_not_pass(promtool: Path, tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "rules")
    path = tmp_path / "rules" / "quality-alerts.rules.yml"
    text = path.read_text()
    path.write_text(text.replace("quality_canary_verdict == 0", "quality_canary_verdict == 1"))
    assert path.read_text() != text
    code, said = ask(promtool, "test", "rules", path.parent / "tests" / "quality-alerts-of-days.test.yml")
    assert code != 0
    assert "QualityCanaryInconclusive" in said


def test_every_alert_fires_in_one_test_and_stays_quiet_in_another() -> None:
    asked = [ask for test in unit_tests() for ask in test.get("alert_rule_test", ())]
    firing = {ask["alertname"] for ask in asked if ask.get("exp_alerts")}
    quiet = {ask["alertname"] for ask in asked if not ask.get("exp_alerts")}
    assert firing == set(ALERTS)
    assert quiet == set(ALERTS) - {"QualityWatchdog"}


def test_every_recording_rule_has_a_test() -> None:
    asked = " ".join(ask["expr"] for test in unit_tests() for ask in test.get("promql_expr_test", ()))
    assert {name for name in RECORDS if name not in asked} == set()


def test_a_name_says_level_metric_and_operation() -> None:
    for name in RECORDS:
        level, metric, operation = name.split(":")
        assert re.fullmatch(r"(job|model|receiver)(_version)?(_class)?", level)
        assert metric.startswith("quality_")
        assert operation


def expressions(rule: dict[str, Any]) -> str:
    return str(rule["expr"])


@pytest.mark.parametrize("rule", [*ALERTS.values(), *RECORDS.values()], ids=lambda r: r.get("alert", r.get("record")))
def test_a_rule_asks_only_for_what_there_is(rule: dict[str, Any]) -> None:
    text = expressions(rule)
    asked = {name for name in re.findall(r"(?<![\w:])quality_[a-z_]+(?![\w:])", text) if name != "quality_hash"}
    metrics = {name.removesuffix("_bucket") for name in asked}
    assert metrics <= set(KNOWN)
    assert set(re.findall(r"[a-z_]+:[a-z_]+:\w+", text)) <= set(RECORDS)
    for name, matchers in re.findall(r"(quality_[a-z_]+)\{([^}]*)\}", text):
        labels = set(re.findall(r"(\w+)\s*[=!]~?", matchers))
        assert labels <= {*KNOWN[name.removesuffix("_bucket")], "job"}


def test_the_labels_that_rules_group_by_are_labels_of_what_they_ask_for() -> None:
    known = {label for labels in KNOWN.values() for label in labels} | {"job", "instance", "le"}
    for rule in rules():
        for listed in re.findall(r"\b(?:by|on|without|ignoring) \(([^)]*)\)", expressions(rule)):
            assert {label.strip() for label in listed.split(",")} <= known


def test_every_alert_says_how_loud_it_is_what_is_wrong_and_what_to_do() -> None:
    for name, rule in ALERTS.items():
        assert name.startswith("Quality")
        assert rule.get("labels", {}).get("severity") in SEVERITIES
        assert set(rule["annotations"]) == {"summary", "runbook_url"}
    # those that pass on what the job judged have the severity of what they pass on
    quiet = {name for name, rule in ALERTS.items() if "severity" not in rule.get("labels", {})}
    assert quiet == {"QualityErrorBudgetBurn", "QualityNoData", "QualityCanaryFailed", "QualityAlertActive"}


def test_no_alert_judges_a_budget_anew_from_its_gauges() -> None:
    gauges = ("quality_slo_burn_rate", "quality_slo_burn_threshold", "quality_slo_error_budget_remaining_ratio")
    assert [name for name, rule in ALERTS.items() if any(gauge in expressions(rule) for gauge in gauges)] == []
