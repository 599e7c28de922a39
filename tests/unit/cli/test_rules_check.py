"""`streams check` of rules: what is asked, every problem, and the warnings that need to know what was seen."""

import json
from pathlib import Path
from typing import Any

import pytest

from streams.cli.main import main
from streams.runtime.config.job import parse
from streams.runtime.rules.load import load_rules, parse_rules
from streams.runtime.rules.rates import ModelRates, Rates, read_rates

WHOLE = Path(__file__).parents[1] / "rules" / "whole.toml"
SLO = 'schema = 1\n[[slo]]\nname = "recall"\ntarget = 0.9\nrunbook = "x"\n'


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(WHOLE.read_text())
    return path


def test_rules_are_told_in_a_few_lines(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(rules)]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith(f"ok  {rules}: 1 budget, 1 threshold, 1 rollup, 1 gate, 1 mute, 1 retrain trigger\n")
    assert "people are woken by: recall, model-version-degraded\n" in shown.out
    assert "gate fraud-clf-gate: 42 against 41 of fraud-clf, always_valid\n" in shown.out
    assert "not asked without -c CONFIG" in shown.out
    assert shown.err == ""


def test_who_wakes_nobody_in_this_job_is_not_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules, job = tmp_path / "rules.toml", tmp_path / "job.toml"
    late = '[[slo]]\nname = "late"\ntarget = 0.9\nrunbook = "x"\nmodel = "b"\nno_data.severity = "page"\n'
    rules.write_text(f'{SLO}{late}[[rollup]]\nname = "all"\nof = "late"\nwhen = "firing_classes > 1"\nrunbook = "x"\n')
    job.write_text('[[predictions]]\ntopic = "p"\n[models.b]\nsettle = "8h"\n')
    assert main(["check", str(rules)]) == 0
    assert "people are woken by: late, recall, all, late/no-data\n" in capsys.readouterr().out
    assert main(["check", str(rules), "-c", str(job)]) == 0
    assert "people are woken by: recall (not for b: a ticket by the age rule)\n" in capsys.readouterr().out


def test_every_problem_is_a_line_and_the_exit_code_is_that_of_configurations(
    rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules.write_text(SLO + 'taget = 1\n[[rollup]]\nname = "r"\nof = "x"\nwhen = "value > 1"\nrunbook = "y"\n')
    assert main(["check", str(rules)]) == 78
    shown = capsys.readouterr()
    assert shown.out == ""
    assert [line.split()[:2] for line in shown.err.splitlines()] == [
        [f"{rules}:6:", "E103"],
        [f"{rules}:9:", "E124"],
        [f"{rules}:10:", "E119"],
    ]


def test_json_tells_the_same_to_tools(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(rules), "--json"]) == 0
    good = json.loads(capsys.readouterr().out)
    assert (good["ok"], good["slos"], good["warnings"]) == (True, ["recall"], [])
    assert good["rules_hash"] == load_rules(rules).rules.hash
    rules.write_text("schema = 1\nnonsense = 2\n")
    assert main(["check", str(rules), "--json"]) == 78
    bad = json.loads(capsys.readouterr().out)
    assert [(p["file"], p["line"], p["code"], p["key"]) for p in bad["problems"]] == [
        (str(rules), 2, "E103", "nonsense")
    ]


def test_a_broken_file_of_rules_is_known_by_its_name(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules.write_text("schema = \n")
    assert main(["check", str(rules)]) == 78
    assert capsys.readouterr().err.startswith(f"{rules}:1: E114 ")
    rules.write_text("")
    assert main(["check", str(rules)]) == 78
    assert capsys.readouterr().err.startswith(f"{rules}:1: E115 schema: ")
    other = rules.with_name("job.toml")
    other.write_text("name = \n")
    assert main(["check", str(other)]) == 78
    assert capsys.readouterr().err.startswith(f"{other}:1: C102 ")


def test_rules_without_a_schema_are_rules_all_the_same(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules.write_text('[[slo]]\nname = "a"\ntarget = 0.9\nrunbook = "x"\n')
    assert main(["check", str(rules)]) == 78
    assert 'E115 schema: the key "schema" is missing' in capsys.readouterr().err


def test_a_job_says_which_rules_it_is_judged_by(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules.write_text(SLO)
    job = rules.with_name("job.toml")
    job.write_text(
        '[[predictions]]\ntopic = "p"\n[[labels]]\ntopic = "l"\n[windows]\nsettle = "7h"\n'
        '[alerts]\nrules = "rules.toml"\n'
    )
    assert main(["check", str(job)]) == 0
    shown = capsys.readouterr().out
    assert f"alerts: {rules}: 1 budget\n" in shown
    assert f"warning  {rules}:2: W201 slo.recall.tiers: windows of every model settle 7h after their end" in shown
    assert "1 warning; the rules are right all the same (exit code 0)" in shown
    assert main(["check", str(job), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["alerts"]
    assert (told["enabled"], told["slos"], told["warnings"][0]["code"]) == (True, ["recall"], "W201")
    job.write_text(job.read_text() + "enabled = false\n")
    assert main(["check", str(job)]) == 0
    assert "alerts: off\n" in capsys.readouterr().out
    assert main(["check", str(job), "-c", str(job)]) == 2


# ---- what was seen


def row(hour: int, cls: str | None = None, **changed: Any) -> str:
    start = f"2026-01-01T{hour:02}:00:00.000Z"
    known: dict[str, Any] = {
        "schema": "quality.class.v1" if cls else "quality.window.v1",
        "metric_key": f"m|1|all|1h|prediction_time|{start}",
        "model": "m",
        "model_version": "1",
        "segment": "all",
        "window": "1h",
        "view": "prediction_time",
        "window_start": start,
        "revision": 7,
    }
    known |= {"class": cls, "support": 10} if cls else {"label_delay_p50_s": 3600.0}
    known |= changed
    known["metric_key"] = "|".join(str(known[k]) for k in ("model", "model_version", "segment", "window", "view"))
    return json.dumps(known | {"metric_key": f"{known['metric_key']}|{known['window_start']}"}) + "\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "counted"
    path.mkdir()
    classes = [row(w, cls, support=n) for w in range(10) for cls, n in (("rare", w % 2), ("often", 50))]
    classes += [row(0, "rare", support=1, revision=6), row(0, "often", support=500, segment="a=b")]
    classes += [row(0, "often", support=500, view="label_time"), row(0, "often", support=900, window="24h")]
    classes += [row(w, "often", support=n, model_version=v) for v, n in (("2", 100), ("3", 20)) for w in range(2)]
    (path / "classes.jsonl").write_text("".join(classes))
    windows = [row(w, label_delay_p50_s=s) for w, s in enumerate([7200.0, None, 3600.0, 1.0])]
    (path / "windows.jsonl").write_text("".join(windows))
    return path


def test_rates_are_those_of_the_newest_rows_of_the_shortest_windows(folder: Path) -> None:
    rates = read_rates(folder)
    assert rates.models == {"m": ModelRates(("1", "2", "3"), {"often": 100.0, "rare": 0.5}, 3600.0)}


def test_rates_that_cannot_be_read_are_a_sentence(
    folder: Path, rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "windows.jsonl").write_text('{"schema": "other"}\n')
    assert main(["check", str(rules), "--rates", str(folder)]) == 78
    assert capsys.readouterr().err == f"{folder}/windows.jsonl:1 is not a row of quality.window.v1.\n"
    (folder / "classes.jsonl").unlink()
    assert main(["check", str(rules), "--rates", str(folder)]) == 78
    assert "Name the folder that `streams replay --out` wrote." in capsys.readouterr().err
    (folder / "classes.jsonl").write_text(row(0, "a", window="24h/1h"))
    assert main(["check", str(rules), "--rates", str(folder)]) == 78
    assert "no rows of classes of a tumbling window" in capsys.readouterr().err


def test_rare_classes_are_warned_of(folder: Path, rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules.write_text(SLO)
    assert main(["check", str(rules), "--rates", str(folder)]) == 0
    shown = capsys.readouterr().out
    (line,) = [line for line in shown.splitlines() if "W202" in line]
    assert line.startswith(
        f'warning  {rules}:2: W202 slo.recall.tiers: class "rare" has 0.5 positives/h: to notice recall 0.50 takes '
    )
    assert line.endswith("h, and tier fast looks at 1h. Longer tiers may, later.")


def warnings_of(text: str, rates: Rates, job: str = "") -> list[str]:
    return [w.written("r") for w in parse_rules(text, "r", parse(job, "j.toml", {}), rates).warnings]


def test_too_many_false_pages_are_warned_of_with_an_alpha_that_is_better() -> None:
    seen = Rates("counted", {"m": ModelRates(("1", "2", "3"), {f"c{n}": 50.0 for n in range(40)})})
    tiers = 'tiers = [{{ name = "fast", severity = "page", long = "1h", short = "5m", alpha = {}, drop = 0.05 }}]\n'
    (warning,) = warnings_of(SLO + tiers.format("1e-3"), seen)
    assert warning.startswith("r:6: W203 slo.recall.tiers: 40 classes x 3 versions: expect up to ")
    better = warning.partition("alpha = ")[2].split()[0]
    assert 1e-9 < float(better) < 1e-4
    assert warning.endswith(" gives 0.2.")
    assert warnings_of(SLO + tiers.format(better), seen) == []
    assert warnings_of(SLO + tiers.format("1e-3").replace("page", "ticket"), seen) == []


def test_labels_that_come_after_windows_settle_are_warned_of() -> None:
    seen = Rates("counted", {"m": ModelRates(("1",), {"a": 1000.0}, 38 * 3600.0)})
    (warning,) = warnings_of(SLO, seen)
    assert warning.startswith(
        "r:2: W201 slo.recall.tiers: median label delay of m is 38h, and its windows settle after 6h"
    )
    (warning,) = warnings_of(SLO, seen, '[windows]\nsettle = "40h"\n')
    assert "windows of every model settle 40h after their end" in warning


def test_a_rule_about_a_model_that_was_not_seen_is_warned_of() -> None:
    seen = Rates("counted", {"m": ModelRates(("1",), {"a": 1000.0})})
    drift = 'schema = 1\n[[drift]]\nname = "d"\nkinds = ["*"]\nmatch = {{ model = "{}" }}\n'
    (warning,) = warnings_of(drift.format("m|n"), seen)
    assert warning == 'r:2: W204 drift.d: no model "n" was seen in counted; seen were m. The rule waits for it.'
    assert warnings_of(drift.format("!n"), seen) == warnings_of(drift.format("*"), seen) == []


@pytest.mark.parametrize("data", [b"", b"# nothing\n", b"schema = 1\n[[slo]\n", b"\xff\xfe\x00", b"a = " + b"[" * 5000])
def test_a_file_that_cannot_be_read_is_one_of_rules_when_a_job_is_named(
    data: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job, path = tmp_path / "quality.toml", tmp_path / "asked.toml"
    job.write_text('name = "x"\n')
    path.write_bytes(data)
    assert main(["check", str(path), "-c", str(job)]) == 78
    shown = capsys.readouterr()
    assert shown.err.startswith(f"{path}:")
    assert [line.split()[1][:2] for line in shown.err.splitlines()] == ["E1"]
