"""The page about alerts on the real log sets: what an alert is, whether it was right, and where targets come from."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import real_sets_alerts
from benchmarks.real_sets_alerts import rules_text, slo_targets
from benchmarks.real_sets_alerts_tables import Told, episodes, parts, recalls
from benchmarks.real_sets_known import SETS, Known
from benchmarks.real_sets_tables import with_parts
from streams.cli.score_changes import Change
from streams.ledger.times import rfc3339

HOUR = 3_600_000
SETTLE = 6 * HOUR
CHANGE = Change("break: all at once", 20 * HOUR, 20 * HOUR)


def row(hour: int, kind: str, severity: str = "page", **changes: Any) -> dict[str, Any]:
    about = {"rule": "recall", "model_version": "1", "class": "a", "window": None, "subject": None, "reason": None}
    when = {"t": rfc3339(hour * HOUR), "settled_at": rfc3339(hour * HOUR + SETTLE), "episode": "1"}
    said = {"kind": kind, "severity": severity, "summary": f"{severity} at {hour}", "fingerprint": "f"}
    return {**about, **when, **said, **changes}


def hourly(recall: float, first: int = 0, last: int = 48) -> list[dict[str, Any]]:
    place = {"window": "1h", "segment": "all", "status": "final", "model_version": "1", "class": "a"}
    counts = {"support": 100, "tp": round(100 * recall)}
    return [{**place, **counts, "window_start": rfc3339(hour * HOUR)} for hour in range(first, last)]


def told(log: list[dict[str, Any]], classes: list[dict[str, Any]]) -> dict[str, str]:
    facts = Known((CHANGE,), (), (), "1h", {})
    return parts([Told("set", 7.0, facts, {"a": 0.9}, episodes(log), recalls(classes))])


def cells(text: str, first: str) -> list[str]:
    """The cells of the last table row that begins with a word."""
    line = [line for line in text.splitlines() if line.startswith(f"| {first}")][-1]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_an_alert_is_told_when_it_has_settled_and_wakes_when_it_first_is_a_page() -> None:
    log = [
        row(21, "firing", "ticket"),
        row(22, "escalated"),
        row(25, "recovering"),
        row(30, "resolved", reason="recovered"),
    ]
    (one,) = episodes(log)
    assert (one.fired, one.told, one.paged) == (21 * HOUR, 27 * HOUR, 28 * HOUR)
    assert (one.over, one.ended, one.reason, one.summary) == (30 * HOUR, 36 * HOUR, "recovered", "page at 22")


def test_alerts_of_one_rule_are_told_apart_by_episode_and_fingerprint() -> None:
    log = [row(1, "firing"), row(5, "resolved"), row(9, "firing", episode="2"), row(9, "firing", fingerprint="g")]
    assert [one.over for one in episodes(log)] == [5 * HOUR, None, None]


def test_a_page_is_right_where_final_labels_say_so() -> None:
    log = [row(21, "firing"), row(30, "resolved", reason="recovered")]
    bad, good = (cells(told(log, hourly(recall))["summary"], "set") for recall in (0.5, 0.95))
    assert bad == ["set", "1", "1", "1", "0", "0", "0", "7.0 h"]
    assert good == ["set", "1", "1", "0", "0", "0", "0", "not told"]


def test_only_the_hours_of_the_alert_count() -> None:
    log = [row(21, "firing"), row(30, "resolved", reason="recovered")]
    good = [*hourly(0.1, 0, 15), *hourly(0.95, 15, 30), *hourly(0.1, 30, 48)]
    assert "| 95% |" in told(log, good)["set budget"]


def test_a_page_before_the_change_does_not_answer_it() -> None:
    assert cells(told([row(19, "firing")], hourly(0.5))["summary"], "set")[-1] == "it fired before"
    assert cells(told([row(69, "firing")], hourly(0.5, 0, 99))["summary"], "set")[-1] == "not told"


def test_default_rules_are_counted_by_themselves() -> None:
    log = [
        row(21, "firing", "ticket", rule="performance-drift", window="24h", subject="performance"),
        row(23, "firing", "ticket", rule="label-completeness-low/no-data", fingerprint="g"),
        row(24, "firing", "ticket", rule="recall/no-data", fingerprint="h"),
    ]
    text = told(log, hourly(0.95))["summary"].split("A budget")
    assert cells(text[0], "set") == ["set", "7.0", "0", "2", "1", "1", "2.0", "7.0 h"]
    assert cells(text[1], "set") == ["set", "1", "0", "0", "0", "0", "1", "not told"]


def test_targets_are_the_recalls_of_the_first_tenth_rounded_down(tmp_path: Path) -> None:
    first = {"a": {"support": 200, "tp": 179}, "b": {"support": 99, "tp": 99}, "c": {"support": 100, "tp": 4}}
    later = {name: {"support": 1000, "tp": 0} for name in first}
    perfect = {**first, "d": {"support": 100, "tp": 100}}
    windows = [{"window_start": hour * HOUR, "per_class": perfect if hour < 1 else later} for hour in range(10)]
    (tmp_path / "expected.json").write_text(json.dumps({"window_s": 3600, "windows": windows}))
    assert slo_targets(tmp_path) == {"a": 0.85, "d": 0.95}
    assert 'class = "a|d"\ntarget = 0.85\nclass_target = { "a" = 0.85, "d" = 0.95 }' in rules_text(
        slo_targets(tmp_path)
    )


def test_the_page_has_a_place_for_every_part() -> None:
    facts = Known((), (), (), "1h", {})
    text = real_sets_alerts.PAGE.read_text(encoding="utf-8")
    with_parts(text, parts([Told(name, 1.0, facts, {"a": 0.9}, [], {}) for name in SETS]))


def test_a_missing_set_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["real_sets_alerts", "--data", str(tmp_path)])
    assert real_sets_alerts.main() == 78
    assert "has no log set flights" in capsys.readouterr().err
