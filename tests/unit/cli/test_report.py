"""`streams report`: a page of a real replay, from a folder or from topics, and a sentence for what cannot be drawn."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.cli import report as command
from streams.cli.demo_job import DATA
from streams.cli.main import main
from streams.runtime.errors import TopicError
from streams.runtime.kafka.tail import Row
from tests.unit.report.made import Rows, make, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(make(windows=12, versions=["a"]), tmp_path / "rows")


def test_a_replay_of_the_demos_data_becomes_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = ["-p", str(DATA / "predictions.jsonl.gz"), "-l", str(DATA / "labels.jsonl.gz")]
    assert main(["replay", *files, "--window", "24h", "--horizon", "3d", "--out", str(tmp_path / "rows")]) == 0
    capsys.readouterr()
    out, png = tmp_path / "pages" / "report.html", tmp_path / "report.png"
    assert main(["report", str(tmp_path / "rows"), "--out", str(out), "--png", str(png)]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert shown.out == f"{out} and {png}: nyc-departure-delay, 2 versions, windows of 24h\n"
    html = out.read_text()
    assert "2013.1" in html
    assert "Balanced accuracy over time" in html
    assert png.read_bytes().startswith(b"\x89PNG")


def test_a_page_can_be_about_one_version(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(make(windows=12, versions=["a", "b", "c"]), folder)
    arguments = ["report", str(folder), "-o", str(tmp_path / "r.html"), "--version", "c", "--version", "a"]
    assert main(arguments) == 0
    assert capsys.readouterr().out.endswith("zoo, 2 versions, windows of 24h\n")


def test_without_the_extra_the_command_says_what_to_install(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith(("streams.report.", "matplotlib"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["report", str(folder), "-o", str(tmp_path / "r.html")]) == 78
    said = capsys.readouterr().err
    assert said == (
        "drawing needs libraries that are not installed; install them with: pip install 'streams[report]'\n"
    )
    assert not (tmp_path / "r.html").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["none"], 78, "none is not a folder"),
        (["."], 78, "there are no window rows (windows.jsonl)"),
        ([], 2, "a FOLDER of `streams replay`, or --topics"),
        ([".", "--topics", "--brokers", "localhost:1"], 2, "a FOLDER of `streams replay`, or --topics"),
        (["--topics"], 2, "-c CONFIG, or --brokers"),
        ([".", "--brokers", "localhost:1"], 2, "go with --topics"),
    ],
)
def test_what_cannot_be_read_is_a_sentence(
    arguments: list[str], code: int, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(["report", *arguments]) == code
    assert sentence in " ".join(capsys.readouterr().err.replace("│", " ").split())


def test_a_page_that_cannot_be_written_is_a_sentence(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["report", str(folder), "-o", str(tmp_path / "file" / "r.html")]) == 78
    assert "cannot be written" in capsys.readouterr().err
    assert main(["report", str(folder), "-o", str(tmp_path)]) == 78
    assert "cannot be written: Is a directory" in capsys.readouterr().err


def topics_of(rows: Rows, asked: list[str]) -> Any:
    """A broker that has a topic for each stream."""

    def read(client: dict[str, Any], topic: str, *, from_start: bool, follow: bool) -> Iterator[Row | None]:
        assert client == {"bootstrap.servers": "kafka:9092"}
        assert (from_start, follow) == (True, False)
        asked.append(topic)
        stream = topic.removeprefix("mine.").removesuffix(".v1")
        if stream not in rows:
            raise TopicError(f"there is no topic {topic}")
        yield None
        for offset, row in enumerate(rows[stream]):
            yield Row(0, offset, 0, row["metric_key"], json.dumps(row).encode(), row)
            yield None

    return read


def test_topics_say_the_same_as_files(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = make(windows=12, versions=["a"])
    asked: list[str] = []
    monkeypatch.setattr(command, "read_rows", topics_of(rows, asked))
    live, filed = tmp_path / "live.html", tmp_path / "filed.html"
    assert main(["report", "--topics", "--brokers", "kafka:9092", "--prefix", "mine.", "-o", str(live)]) == 0
    assert main(["report", str(folder), "-o", str(filed)]) == 0
    assert live.read_bytes() == filed.read_bytes()
    assert asked == [f"mine.{n}.v1" for n in ("windows", "classes", "confusion", "calibration", "drift", "delays")]


def test_a_topic_that_is_not_there_was_not_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = make(windows=12, versions=["a"])
    del rows["drift"]
    monkeypatch.setattr(command, "read_rows", topics_of(rows, []))
    live = tmp_path / "live.html"
    assert main(["report", "--topics", "--brokers", "kafka:9092", "--prefix", "mine.", "-o", str(live)]) == 0
    assert "Not recorded: there are no drift rows." in live.read_text()
    rows["classes"][0]["support"] = "many"
    assert main(["report", "--topics", "--brokers", "kafka:9092", "--prefix", "mine.", "-o", str(live)]) == 78
    assert "mine.classes.v1, partition 0, offset 0: support must be a count." in capsys.readouterr().err
