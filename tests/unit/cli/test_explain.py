"""`streams explain`: the numbers of a budget, by usual rates or those of a replay, and sentences for mistakes."""

import json
from pathlib import Path
from typing import Any

import pytest

from streams.alerts.budget.forecast import detection_ms, false_alarms_per_month
from streams.alerts.rules.model import AUTO_TIERS, HOUR, MINUTE, Severity, Slo
from streams.cli.explain_budget import USUAL_RATES, Watched, expected_of
from streams.cli.main import main
from streams.ledger.times import rfc3339

RULES = """
schema = 1
[defaults]
runbook_base = "https://runbooks.example.com/"
[[slo]]
name = "recall"
model = "fraud-clf"
target = 0.90
class_target = { chargeback = 0.80 }
runbook = "ErrorBudgetBurn"
"""
JOB = """
[[predictions]]
topic = "p"
[classes]
expected = ["ok", "chargeback"]
[models.fraud-clf]
settle = "38h"
"""
START = 1_767_225_600_000
SLO = Slo("recall", (("model", "*"),), 0.9)


def write(folder: Path, labels: dict[str, int], hours: int = 24, model: str = "fraud-clf") -> Path:
    """The rows of a replay: so many labels of each class in each hour."""
    with (folder / "classes.jsonl").open("w", encoding="utf-8") as file:
        for hour in range(hours):
            for cls, support in labels.items():
                row = {
                    "schema": "quality.class.v1", "metric_key": f"{model}|{hour}", "model": model,
                    "model_version": "42", "segment": "all", "window": "1h", "view": "prediction_time",
                    "window_start": rfc3339(START + hour * HOUR), "class": cls, "support": support, "revision": hour,
                }  # fmt: skip
                file.write(json.dumps(row) + "\n")
    (folder / "windows.jsonl").write_text("", encoding="utf-8")
    return folder


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(RULES, encoding="utf-8")
    return path


def answer(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    assert main(["explain", "recall", "--json", *map(str, arguments)]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_tiers_are_told_for_every_target(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiers = answer(capsys, "-r", rules)["tiers"]
    assert list(tiers) == ["0.9", "0.8"]
    fast, *_, long = tiers["0.9"]
    assert (fast["tier"], fast["severity"], fast["long_ms"]) == ("fast", "page", HOUR)
    assert fast["floor"] == pytest.approx(0.63)
    assert fast["burn"] == pytest.approx(3.7)
    assert fast["events_needed"] == 52
    assert (long["floor"], long["events_needed"]) == (pytest.approx(0.9), None)
    assert tiers["0.8"][0]["burn"] == pytest.approx(2.2)


def test_without_rates_some_usual_ones_are_told_of(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    classes = answer(capsys, "-r", rules)["classes"]
    assert [row["events_per_h"] for row in classes] == list(USUAL_RATES)
    at_50 = classes[2]
    assert at_50["budget_events"] == pytest.approx(3_360)
    assert [found["drop"] for found in at_50["detections"]] == [0.1, 0.3, 0.5]
    assert at_50["detections"][1] == {
        "drop": 0.3, "after_ms": 85 * MINUTE, "tier": "quick", "severity": "page", "page_after_ms": 85 * MINUTE,
    }  # fmt: skip
    assert 0 < at_50["false_pages_a_month"] < 0.005


def test_with_a_replay_the_classes_that_there_are(
    rules: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write(tmp_path, {"ok": 800, "chargeback": 2, "never": 0})
    classes = answer(capsys, "-r", rules, "--rates", folder)["classes"]
    assert [(row["class"], row["events_per_h"], row["target"]) for row in classes] == [
        ("ok", 800, 0.9), ("chargeback", 2, 0.8), ("never", 0, 0.9),
    ]  # fmt: skip
    assert [row["too_small"] for row in classes] == [False, False, True]
    assert classes[2]["detections"][2]["after_ms"] is None
    assert main(["explain", "recall", "-r", str(rules), "--rates", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert "fraud-clf" in shown
    assert "the target of chargeback 0.8" in shown
    assert "too few events to carry a budget (under 10 misses a period): never" in shown


def test_live_rates_are_those_in_the_topics_of_the_job(
    rules: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = (write(tmp_path, {"ok": 800, "chargeback": 2}) / "classes.jsonl").read_text(encoding="utf-8").splitlines()
    rows = {"classes": {str(n): (json.loads(line), START) for n, line in enumerate(lines)}, "windows": {}}
    monkeypatch.setattr("streams.runtime.rules.live_rates.newest_rows", lambda _, noun: rows[noun])
    job = tmp_path / "job.toml"
    job.write_text(JOB, encoding="utf-8")
    classes = answer(capsys, "-r", rules, "-c", job, "--live")["classes"]
    assert [(row["class"], row["events_per_h"]) for row in classes] == [("ok", 800), ("chargeback", 2)]
    assert main(["explain", "recall", "-r", str(rules), "--live"]) == 2
    assert main(["explain", "recall", "-r", str(rules), "-c", str(job), "--live", "--rates", str(tmp_path)]) == 2
    capsys.readouterr()
    rows["classes"] = {}
    assert main(["explain", "recall", "-r", str(rules), "-c", str(job), "--live"]) == 78
    assert "quality.classes.v1 has no rows of classes of a tumbling window" in capsys.readouterr().err


def test_people_see_tiers_and_delays(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "recall", "-r", str(rules), "--deff", "2"]) == 0
    shown = capsys.readouterr().out
    assert "recall: recall by class, target 0.9" in shown
    assert "1h / 5m" in shown
    assert "with a design effect of 2" in shown
    assert "in 28d, at most, of one class exactly on target" in shown


def test_a_class_is_told_of_by_its_soonest_tier_and_pages_that_follow() -> None:
    found = expected_of(SLO, Watched(None, None, 1_000.0), 5 * MINUTE, 1.0).detections[1]
    assert (found.tier, found.severity, found.after_ms) == ("long", Severity.TICKET, 80 * MINUTE)
    assert found.page_after_ms == 85 * MINUTE


def test_late_labels_make_tickets_of_pages() -> None:
    row = expected_of(SLO, Watched(None, None, 50.0), 5 * MINUTE, 1.0, aged=True)
    assert row.false_pages == 0
    assert row.false_tickets > sum(false_alarms_per_month(tier, SLO, 50, 5 * MINUTE) for tier in AUTO_TIERS[3:])
    assert {found.severity for found in row.detections} == {Severity.TICKET}
    assert all(found.page_after_ms is None for found in row.detections)


def test_a_job_says_when_labels_settle(rules: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job = tmp_path / "job.toml"
    job.write_text(JOB, encoding="utf-8")
    found = answer(capsys, "-r", rules, "-c", job)
    assert found["settle_ms"] == 38 * HOUR
    assert all(row["false_pages_a_month"] == 0 for row in found["classes"])
    assert main(["explain", "recall", "-r", str(rules), "-c", str(job)]) == 0
    shown = capsys.readouterr().out
    assert "labels settle 38h after the end of a step: add that to every delay" in shown
    assert "too late to wake anybody" in shown


def test_a_design_effect_leaves_fewer_events_to_go_by() -> None:
    found = expected_of(SLO, Watched(None, None, 50.0), 5 * MINUTE, 5.0).detections[2]
    soonest = min(after for tier in AUTO_TIERS if (after := detection_ms(tier, SLO, 0.9, 10, 0.5, 5 * MINUTE)))
    assert found.after_ms == soonest


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["recal"], 'has no [[slo]] "recal". Did you mean "recall"? It has recall.'),
        (["recall", "--rates", "nowhere"], "cannot be read"),
    ],
)
def test_mistakes_are_one_sentence(
    rules: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    assert main(["explain", *arguments, "-r", str(rules)]) == 78
    assert sentence in capsys.readouterr().err


def test_rates_of_other_models_are_no_answer(rules: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write(tmp_path, {"ok": 5}, model="churn")
    assert main(["explain", "recall", "-r", str(rules), "--rates", str(folder)]) == 78
    assert "has no class that recall watches; seen were churn." in capsys.readouterr().err
