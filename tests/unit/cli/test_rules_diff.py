"""`streams diff`: which rules and which alerts appear, vanish and change."""

import json
from pathlib import Path

import pytest

from streams.alerts.instance import fingerprint, labels_of
from streams.cli.main import main

WHOLE = (Path(__file__).parents[1] / "rules" / "whole.toml").read_text()
RUNBOOKS = "https://runbooks.example.com/quality"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old.toml"
    path.write_text(WHOLE)
    return path


def written(old: Path, *changes: tuple[str, str]) -> Path:
    text = WHOLE
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    path = old.with_name("new.toml")
    path.write_text(text)
    return path


def told(capsys: pytest.CaptureFixture[str], old: Path, new: Path, *more: str) -> tuple[int, str]:
    code = main(["diff", str(old), str(new), *more])
    return code, capsys.readouterr().out


def test_comments_are_no_difference(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new = written(old, ("schema = 1", "schema = 1 # here"))
    assert told(capsys, old, new) == (0, "ok  nothing is different\n")


def test_a_target_says_what_it_does_to_tiers(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, shown = told(capsys, old, written(old, ("target  = 0.90", "target  = 0.95")))
    assert code == 1
    assert "changes   [[slo]] recall\n            target: 0.9 -> 0.95\n" in shown
    assert "tier fast: page below 0.630 (burn 3.70) over 1h and 5m, " in shown
    assert "-> page below 0.665 (burn 6.70) over 1h and 5m, " in shown
    assert "chargeback" not in shown


def test_every_kind_of_change_is_a_sentence(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new = written(
        old,
        ('step         = "5m"', 'step         = "15m"'),
        ('name   = "weekly-reindex"', 'name   = "reindex"'),
        ('"upper95 < 0.85"', '"upper95 < 0.84"'),
        ('runbook = "balanced-accuracy-low"', 'runbook = "Low"'),
        ('["version", "segment.region"]', '["version"]'),
        ("class_target = { chargeback = 0.80 }", "class_target = { chargeback = 0.70 }"),
        ('"firing_classes >= 3 or firing_share >= 0.5"', '"firing_classes >= 4"'),
        ('candidate = "alias:challenger"', 'candidate = "43"'),
    )
    code, shown = told(capsys, old, new)
    assert code == 1
    lines = [line.strip() for line in shown.splitlines() if "tier " not in line]
    assert lines == [
        "changes   step: 5m -> 15m",
        "changes   [[rule]] balanced-accuracy-low",
        f"about.runbook: {RUNBOOKS}/balanced-accuracy-low -> {RUNBOOKS}/Low",
        "by: segment.region -> (none)",
        "fire_when: upper95 < 0.85 -> upper95 < 0.84",
        "its alerts are told apart otherwise: they all end, and begin with new fingerprints",
        "changes   [[canary]] fraud-clf-gate",
        "candidate: 42 -> 43",
        "changes   [[rollup]] model-version-degraded",
        "when: firing_classes >= 3 or firing_share >= 0.5 -> firing_classes >= 4",
        "changes   [[slo]] recall",
        "class_target: chargeback 0.8 -> chargeback 0.7",
        "appears   [[mute]] reindex",
        "vanishes  [[mute]] weekly-reindex",
    ]
    assert "tier fast of class chargeback: page below 0.560" in shown


def test_listed_labels_say_which_alerts_there_are(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new = written(old, ('class   = "*"', 'class   = "!ok"'), ('["version", "segment.region"]', '["version"]'))
    labels = ["--labels", "model=fraud-clf,version=42,class=ok", "--labels", "model=other,version=1,class=ok"]
    labels += ["--labels", "model=fraud-clf,version=42,class=fraud,segment.region=eu"]
    code, shown = told(capsys, old, new, *labels, "--json")
    assert code == 1
    found = {(one["rule"], one["labels"].get("class")): one for one in json.loads(shown)["alerts"]}
    assert {key: one["what"] for key, one in found.items() if key[0] == "recall"} == {
        ("recall", "fraud"): "stays",
        ("recall", "ok"): "vanishes",
    }
    ok = found["recall", "ok"]
    assert ok["fingerprint"] == fingerprint("recall", tuple(sorted(ok["labels"].items())))
    low = [one for one in json.loads(shown)["alerts"] if one["rule"] == "balanced-accuracy-low"]
    assert sorted((one["what"], one["labels"].get("segment.region")) for one in low) == [
        ("appears", None),
        ("vanishes", "eu"),
    ]


def alert_row(rule: str, **labels: str) -> str:
    identity = labels_of(**labels)
    row = dict.fromkeys(("model", "model_version", "class", "segment", "window", "subject"))
    row |= {"model": labels["model"], "model_version": labels["version"], "class": labels.get("class")}
    row |= {"window": labels.get("window"), "subject": labels.get("kind")}
    if "segment__region" in labels:
        row["segment"] = f"region={labels['segment__region']}"
    return json.dumps({"schema": "quality.alert.v1", "rule": rule, "fingerprint": fingerprint(rule, identity), **row})


def test_alerts_that_were_seen_stay_or_vanish(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen = [
        alert_row("recall", model="fraud-clf", version="42", **{"class": "ok"}),
        alert_row("recall", model="fraud-clf", version="42", **{"class": "fraud"}),
        alert_row("recall", model="fraud-clf", version="42", **{"class": "fraud"}),
        alert_row("recall/no-data", model="fraud-clf", version="42"),
        alert_row("balanced-accuracy-low", model="fraud-clf", version="42", segment__region="eu"),
        alert_row("precise", model="fraud-clf", version="42", segment__region="eu"),
        alert_row("balanced-accuracy-low/no-data", model="fraud-clf", version="42"),
        alert_row("gone", model="fraud-clf", version="42", kind="label", window="24h"),
        '{"schema": "quality.alert_pulse.v1"}',
    ]
    (old.parent / "alerts.jsonl").write_text("\n".join(seen))
    new = written(
        old,
        ('class   = "*"', 'class   = "!ok"'),
        ('name   = "balanced-accuracy-low"', 'name   = "precise"'),
        ('["version", "segment.region"]', '["version"]'),
    )
    code, shown = told(capsys, old, new, "--alerts", str(old.parent), "--json")
    assert code == 1
    found = [(one["rule"], one["labels"].get("class"), one["what"]) for one in json.loads(shown)["alerts"]]
    assert found == [
        ("balanced-accuracy-low", None, "vanishes"),
        ("balanced-accuracy-low/no-data", None, "vanishes"),
        ("gone", None, "vanishes"),
        ("precise", None, "vanishes"),
        ("recall", "fraud", "stays"),
        ("recall", "ok", "vanishes"),
        ("recall/no-data", None, "stays"),
    ]
    prints = {json.loads(line)["fingerprint"] for line in seen[:-1]}
    assert {one["fingerprint"] for one in json.loads(shown)["alerts"]} == prints


def test_a_drift_alert_of_a_kind_or_window_that_is_not_meant_any_more_vanishes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, after, seen = (tmp_path / name for name in ("old.toml", "new.toml", "alerts.jsonl"))
    drift = 'schema = 1\n[[drift]]\nname = "d"\nkinds = ["{}"]\nwindows = ["{}"]\n'
    before.write_text(drift.format("*", "*"))
    after.write_text(drift.format("agreement|label", "24h"))
    meant = (("agreement/review", "24h"), ("label", "1h"), ("label", "24h"), ("score", "24h"))
    seen.write_text("\n".join(alert_row("d", model="m", version="1", kind=k, window=w) for k, w in meant))
    found = json.loads(told(capsys, before, after, "--alerts", str(seen), "--json")[1])["alerts"]
    assert {(one["labels"]["kind"], one["labels"]["window"]) for one in found if one["what"] == "stays"} == {
        ("agreement/review", "24h"),
        ("label", "24h"),
    }
    assert len(found) == 4


def test_the_problems_of_both_files_are_told(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old.write_text("schema = 2\n")
    new = written(old, ("schema = 1", "schema = 3"))
    assert main(["diff", str(old), str(new)]) == 78
    assert [line.split()[:2] for line in capsys.readouterr().err.splitlines()] == [
        [f"{old}:1:", "E117"],
        [f"{new}:2:", "E117"],
    ]


def test_wrong_labels_and_rows_are_a_sentence(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", str(old), str(old), "--labels", "fraud"]) == 2
    assert "write model=fraud,version=42,class=ok" in capsys.readouterr().err
    assert main(["diff", str(old), str(old), "--labels", "modl=fraud"]) == 2
    assert "'modl' is no label that alerts have." in capsys.readouterr().err
    assert main(["diff", str(old), str(old), "--labels", "model=a,model=b"]) == 2
    assert "says model twice" in capsys.readouterr().err
    rows = old.with_name("rows.jsonl")
    rows.write_text('{"schema": "quality.alert.v1"}\n')
    assert main(["diff", str(old), str(old), "--alerts", str(rows)]) == 78
    assert capsys.readouterr().err == f"{rows}:1 is not a row of quality.alert.v1.\n"
    for rule, model in ((["recall"], '"m"'), ('"recall"', "3"), ('"recall"', '["m"]')):
        rows.write_text(f'{{"schema": "quality.alert.v1", "fingerprint": "f", "rule": {rule}, "model": {model}}}\n')
        assert main(["diff", str(old), str(old), "--alerts", str(rows)]) == 78
        assert capsys.readouterr().err == f"{rows}:1 is not a row of quality.alert.v1.\n"
    assert main(["diff", str(old), str(old), "--alerts", str(old.with_name("no"))]) == 78
