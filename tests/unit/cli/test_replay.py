"""`streams replay`: rows and summary over the demo's data, and a sentence for everything that can be wrong with it."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from streams.cli.demo_answers import compare_days
from streams.cli.demo_job import ANSWERS, DATA
from streams.cli.main import main
from streams.runtime import replay as runtime
from streams.runtime.errors import ConfigError

PREDICTIONS, LABELS = DATA / "predictions.jsonl.gz", DATA / "labels.jsonl.gz"
NAMES = {
    "windows", "classes", "confusion", "drift", "calibration", "delays", "groups", "label_sources", "samples",
    "alerts", "alert_log", "gates", "rejects", "audit",
}  # fmt: skip


def sliced(source: Path, to: Path, count: int) -> Path:
    with gzip.open(source, "rb") as lines:
        to.write_bytes(b"".join(line for _, line in zip(range(count), lines, strict=False)))
    return to


@pytest.fixture
def predictions(tmp_path: Path) -> Path:
    return sliced(PREDICTIONS, tmp_path / "p.jsonl", 300)


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    return sliced(LABELS, tmp_path / "l.jsonl", 300)


def rows(out: Path, stream: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / f"{stream}.jsonl").read_bytes().splitlines()]


def test_the_demo_data_give_the_known_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["replay", "-p", str(PREDICTIONS), "-l", str(LABELS), "--window", "24h", "7d", "--horizon", "3d"]
    assert main([*arguments, "--out", str(tmp_path / "out"), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["predictions"], summary["labels"]) == (21_134, 21_427)
    assert summary["rejected"] == {"duplicate_label": 298, "orphan_label": 43}
    assert summary["audit"]["balanced"]
    assert (summary["window"], len(summary["newest"])) == ("7d", 2)
    newest = {
        stream: {row["metric_key"] + str(row.get("class")): row for row in rows(tmp_path / "out", stream)}
        for stream in ("windows", "classes")
    }
    days, classes = (
        [row for row in newest[stream].values() if (row["window"], row["segment"]) == ("24h", "all")]
        for stream in ("windows", "classes")
    )
    found = compare_days(json.loads(ANSWERS.read_bytes()), days, classes)
    assert (found.windows, found.figures, found.differences) == (98, 2_748, [])


def test_the_summary_for_people_says_what_became_of_every_record(
    predictions: Path, labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["replay", "--predictions", str(predictions), str(predictions), "--labels", str(labels)]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr()
    assert shown.err == "", "no bar where nobody sees it"
    assert "Newest windows of 7d of nyc-departure-delay" in shown.out
    assert "600 predictions, 300 labels; a label counts within 30d" in shown.out
    assert re.search(r"not counted: 300 duplicate_prediction, \d+ ", shown.out)
    assert "audit: balances" in shown.out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {f"{name}.jsonl" for name in NAMES}


def test_the_summary_shows_windows_by_the_time_of_the_event_and_with_edges(
    predictions: Path, labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "views.toml"
    config.write_text(
        '[[predictions]]\ntopic = "p"\n[[labels]]\ntopic = "l"\n'
        '[windows]\nsizes = ["24h", "decayed-6h"]\nviews = ["label_time", "maturity-6h"]\n'
    )
    arguments = ["replay", "-c", str(config), "-p", str(predictions), "-l", str(labels), "--json"]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["window"] == "24h"
    assert {row["view"] for row in summary["newest"]} == {"prediction_time"}
    views = {row["view"] for row in rows(tmp_path / "out", "windows")}
    assert views == {"prediction_time", "label_time", "maturity-6h"}


def test_the_times_of_the_command_line_count_for_labels(
    predictions: Path, labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    winning = {}
    for horizon in ("1h", "30d"):
        arguments = ["replay", "-p", str(predictions), "-l", str(labels), "--out", str(tmp_path / horizon), "--json"]
        assert main([*arguments, "--horizon", horizon, "--slack", "2d", "--settle", "1h", "--pane", "1h"]) == 0
        winning[horizon] = json.loads(capsys.readouterr().out)["audit"]["labels_winning"]
    assert 0 <= winning["1h"] < winning["30d"]


def test_records_ahead_of_now_are_rejected(
    predictions: Path, labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["replay", "-p", str(predictions), "-l", str(labels), "--out", str(tmp_path / "o"), "--json"]
    assert main([*arguments, "--now", "2013-07-01T00:00:00Z"]) == 0
    assert json.loads(capsys.readouterr().out)["rejected"] == {"time_ahead": 600}


def prepared(kind: str, folder: Path) -> Path:
    path = folder / f"{kind}.jsonl.gz"
    packed = LABELS.read_bytes()
    content = {
        "plain": b"{}\n",
        "empty": b"",
        "packed empty": gzip.compress(b""),
        "cut": packed[:5_000],
        "damaged": packed[:3_000] + b"\xff" * 3_000,
    }
    if kind == "a folder":
        path.mkdir()
    elif kind == "misnamed":
        path = folder / "misnamed.jsonl"
        path.write_bytes(packed)
    elif kind != "missing":
        path.write_bytes(content[kind])
    return path


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("missing", "no such file"),
        ("a folder", "not a file"),
        ("empty", "empty"),
        ("packed empty", "empty"),
        ("plain", "not a gzip file"),
        ("misnamed", "whose name does not say so"),
        ("cut", "cannot be read to its end"),
        ("damaged", "cannot be read to its end"),
    ],
)
def test_a_file_that_cannot_be_counted_is_a_sentence(
    kind: str, sentence: str, predictions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = prepared(kind, tmp_path), tmp_path / "out"
    assert main(["replay", "-p", str(predictions), "-l", str(path), "--out", str(out)]) == 78
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{path}: ")
    assert sentence in line
    assert not out.exists() or not list(out.iterdir())


def test_a_refused_opening_is_a_sentence(predictions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ConfigError, match=r"Permission denied\. Give a file that you may read"):
        runtime.check_input(predictions)


def test_a_file_in_the_place_of_the_folder_is_a_sentence(
    predictions: Path, labels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = labels.read_bytes()
    assert main(["replay", "-p", str(predictions), "-l", str(labels), "--out", str(labels)]) == 78
    assert "it is a file. Give --out a folder" in capsys.readouterr().err
    assert labels.read_bytes() == before


@pytest.mark.parametrize(
    ("option", "value"),
    [("--window", "7m"), ("--window", "x"), ("--horizon", "0d"), ("--pane", "1ms"), ("--now", "noon")],
)
def test_wrong_values_of_options_end_with_2(
    option: str, value: str, predictions: Path, labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["replay", "-p", str(predictions), "-l", str(labels), "--out", str(tmp_path / "out"), option, value]
    assert main(arguments) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_interrupt_leaves_no_file_and_keeps_those_of_before(
    predictions: Path, labels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    arguments = ["replay", "-p", str(predictions), "-l", str(labels), "--out", str(out)]
    out.mkdir()
    monkeypatch.setattr(runtime.Replay, "_end", interrupt)
    assert main(arguments) == 130
    assert list(out.iterdir()) == []
    monkeypatch.undo()
    assert main(arguments) == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    monkeypatch.setattr(runtime.Replay, "_end", interrupt)
    assert main(arguments) == 130
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt
