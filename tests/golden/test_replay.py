"""A replay writes the same bytes each time, those that are committed, and for real histories the known answers.

`python -m tests.golden.rewrite` writes the committed files anew; what changed in them is read before it is committed.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from streams.formats.reasons import Kind
from streams.quality.spec import parse_window
from streams.runtime.config.job import Config, parse
from streams.runtime.replay import STREAMS, replay
from tests.golden.rewrite import OUTPUT, run
from tests.support.answers import SHARED, SLICE, LogSet, compare_segments, compare_windows

SETS = ["flights", "flights_mini", "elec2", "insects", "nslkdd"]


def known(name: str) -> LogSet:
    """A log set, or a skip that says why; the slice is always there."""
    folder = SLICE if name == "slice" else SHARED / name
    if not (folder / "expected.json").is_file():
        pytest.skip(f"the log set {name} does not lie beside the repository; the slice is tested")
    return LogSet(folder)


def rows(folder: Path, stream: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / f"{stream}.jsonl").read_text(encoding="utf-8").splitlines()]


def for_windows(*sizes: str) -> Config:
    """Windows alone: of months of steps nobody is to be told here."""
    return parse(f"[alerts]\nenabled = false\n[windows]\nsizes = {json.dumps(sorted(set(sizes)))}\n", "test", {})


def replayed(config: Config, logs: LogSet, out: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of windows and classes of a replay."""
    summary = replay(config, [(Kind.PREDICTION, logs.predictions), (Kind.LABEL, logs.labels)], out, now_ms=None)
    assert summary.audit["balanced"] is True
    assert (summary.predictions, summary.labels) == logs.lines()
    return rows(out, "windows"), rows(out, "classes")


def test_a_replay_writes_the_committed_bytes(tmp_path: Path) -> None:
    run(tmp_path)
    for stream in STREAMS:
        fresh, golden = ((folder / f"{stream}.jsonl").read_bytes() for folder in (tmp_path, OUTPUT))
        assert fresh == golden, f"{stream}.jsonl differs; if that is meant: python -m tests.golden.rewrite"


def test_the_golden_files_hold_something_of_everything() -> None:
    assert {path.name for path in OUTPUT.iterdir()} == {f"{stream}.jsonl" for stream in STREAMS}
    windows = rows(OUTPUT, "windows")
    assert {row["status"] for row in windows} == {"open", "settled", "final"}
    assert {row["model_version"] for row in windows} == {"2013.1", "2013.2"}
    assert {row["reason"] for row in rows(OUTPUT, "rejects")} >= {
        "not_json", "missing_field", "duplicate_prediction", "duplicate_label", "orphan_label",
    }  # fmt: skip
    assert any(row["corrected"] for row in windows)
    log = rows(OUTPUT, "alert_log")
    assert {row["kind"] for row in log} >= {
        "firing", "recovering", "relapsed", "resolved", "muted", "unmuted",
    }  # fmt: skip
    assert {row["rule_kind"] for row in log} >= {"slo", "threshold", "rollup"}
    assert any(row["muted_by"] for row in log)
    assert any(row["inhibited_by"] for row in log)
    assert {row["schema"] for row in rows(OUTPUT, "alerts")} == {
        "quality.alert.v1", "quality.alert_pulse.v1", "quality.mute.v1",
    }  # fmt: skip
    assert rows(OUTPUT, "gates")


def test_two_replays_write_identical_bytes(tmp_path: Path) -> None:
    logs = known("slice")
    for folder in ("one", "two"):
        replayed(for_windows("24h"), logs, tmp_path / folder)
    for stream in STREAMS:
        one, two = ((tmp_path / folder / f"{stream}.jsonl").read_bytes() for folder in ("one", "two"))
        assert one == two


@pytest.mark.parametrize("name", ["slice", *SETS])
def test_a_replay_gives_the_answers_of_windows_and_segments(tmp_path: Path, name: str) -> None:
    logs = known(name)
    expected = logs.expected
    wide = parse_window(f"{expected['segment_window_s']}s").name
    windows, classes = replayed(for_windows(logs.window, wide), logs, tmp_path)
    assert compare_windows(windows, classes, expected["windows"], logs.window) == []
    assert compare_windows(windows, classes, expected["segment_windows"], wide) == []
    if "by_segment" in expected:
        assert compare_segments(windows, classes, expected["by_segment"], logs.window) == []


@pytest.mark.parametrize("name", ["slice", *SETS])
def test_a_shorter_horizon_gives_the_answers_of_that_horizon(tmp_path: Path, name: str) -> None:
    logs = known(name)
    answers = logs.expected["horizon"]
    config = for_windows(logs.window)
    timing = replace(config.ledger.timing, horizon_ms=answers["horizon_s"] * 1000)
    shorter = replace(
        config, ledger=replace(config.ledger, timing=timing), quality=replace(config.quality, timing=timing)
    )
    windows, classes = replayed(shorter, logs, tmp_path)
    assert compare_windows(windows, classes, answers["windows"], logs.window) == []
    if name != "slice":
        assert compare_windows(windows, classes, logs.expected["windows"], logs.window) != [], (
            "horizon is without effect"
        )
