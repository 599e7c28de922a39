import json
from pathlib import Path

import pytest

from streams.cli.main import main

GOOD = 'name = "fraud"\n[[predictions]]\ntopic = "p"\n[[labels]]\ntopic = "l"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "c.toml"
    path.write_text(GOOD)
    return path


def test_a_good_file_is_told_in_a_few_lines(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(file)]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("ok  ")
    assert "reads p and l; its own topics begin with fraud." in shown.out
    assert shown.err == ""


def test_windows_that_are_not_of_whole_details_are_named(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(GOOD + '[windows]\nsizes = ["30m", "2h", "6h/90m"]\n')
    assert main(["check", str(file)]) == 0
    assert "no scores, delays or sources of labels of 30m, 6h/90m: windows.detail is 1h" in capsys.readouterr().out
    file.write_text(GOOD + '[windows]\nsizes = ["30m", "2h", "6h/90m"]\ndetail = "30m"\n')
    assert main(["check", str(file)]) == 0
    assert "no scores" not in capsys.readouterr().out


def test_views_and_the_reference_are_named(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(file)]) == 0
    shown = capsys.readouterr().out
    assert "compared with: auto\n" in shown
    assert "further views" not in shown
    views = '[windows]\nviews = ["maturity-1d", "label_time"]\n'
    file.write_text(GOOD + views + '[reference.training]\nversion = "[5]"\npredicted = { a = 1 }\n')
    assert main(["check", str(file)]) == 0
    shown = capsys.readouterr().out
    assert "further views: label_time, maturity-24h\n" in shown
    assert "compared with: auto, training [5]\n" in shown


def test_every_problem_is_a_line_on_standard_error(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(GOOD + "nonsense = 1\n[run]\ntick = 5\n")
    assert main(["check", str(file)]) == 78
    shown = capsys.readouterr()
    assert shown.out == ""
    assert [line.partition(" ")[0] for line in shown.err.splitlines()] == [f"{file}:6:", f"{file}:8:"]


def test_json_tells_the_same_to_tools(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(file), "--json"]) == 0
    good = json.loads(capsys.readouterr().out)
    assert (good["ok"], good["problems"], good["name"]) == (True, [], "fraud")
    assert good["pinned"]["ledger.partitions"] == "8"
    file.write_text(GOOD + "[run]\ntick = 5\n")
    assert main(["check", str(file), "--json"]) == 78
    bad = json.loads(capsys.readouterr().out)
    assert bad["ok"] is False
    (problem,) = bad["problems"]
    assert (problem["line"], problem["code"], problem["key"]) == (7, "C107", "run.tick")


def test_a_missing_file_is_a_problem_in_json_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path / "no.toml"), "--json"]) == 78
    assert json.loads(capsys.readouterr().out)["problems"][0]["code"] == "C101"


def test_a_file_without_topics_is_right_for_replay_only(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text('name = "a"\n')
    assert main(["check", str(file)]) == 78
    assert "no topic of predictions" in capsys.readouterr().err
    assert main(["check", str(file), "--topics-optional"]) == 0


def test_a_secret_of_the_environment_is_not_shown(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", "correct-horse-battery")
    file.write_text('privacy_key = "$KEY"\n' + GOOD)
    assert main(["check", str(file), "--json"]) == 0
    assert "correct-horse" not in capsys.readouterr().out
