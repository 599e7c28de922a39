"""`streams score`: late, missed and false alarms by hand, every form of change points, and a sentence for bad files."""

import json
import re
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from streams.cli.main import main
from streams.cli.score_changes import Change, read_changes
from streams.ledger.spec import HOUR
from streams.ledger.times import rfc3339
from streams.quality.drift.finding import Finding
from tests.support.schemas import schema

PAGE = (Path(__file__).parents[3] / "docs" / "scoring.md").read_text(encoding="utf-8")
START = 1_767_225_600_000  # 2026-01-01T00:00:00Z


def hour(n: float) -> str:
    return rfc3339(START + int(n * HOUR))


def row(n: int, level: str = "quiet", incident: int | None = None, **other: Any) -> dict[str, Any]:
    """What a detector said of the n-th hour; `incident` is the hour in which it began."""
    return {
        "schema": "quality.drift.v1",
        "model": "m",
        "model_version": "v1",
        "segment": "all",
        "window": "1h",
        "view": "prediction_time",
        "window_start": hour(n),
        "window_end": hour(n + 1),
        "status": "settled",
        "revision": 100 + n,
        "watermark": hour(n + 7),
        "kind": "performance",
        "subject": "late" if incident is not None else None,
        "level": level,
        "incident": None if incident is None else hour(incident),
        "incident_status": None if incident is None else "open",
        "p_value": 0.5,
    } | other


def quiet_but(alarms: Sequence[tuple[int, int]], hours: int = 100, **other: Any) -> list[dict[str, Any]]:
    """Hours in which nothing happens but incidents: each from its first hour up to and with its last one."""
    rows = [row(n, **other) for n in range(hours)]
    for first, last in alarms:
        for n in range(first, last + 1):
            rows[n] = row(n, "alarm" if (n - first) % 2 == 0 else "quiet", first, **other)
    return rows


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def changes(folder: Path, text: str, name: str = "changes.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def written(folder: Path, rows: Sequence[dict[str, Any]]) -> Path:
    (folder / "drift.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def scored(
    capsys: pytest.CaptureFixture[str], folder: Path, rows: Sequence[dict[str, Any]], known: str, *options: str
) -> dict[str, Any]:
    written(folder, rows)
    assert main(["score", str(folder), "-c", str(changes(folder, known)), "--json", *options]) == 0
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    return said


def change(at: float, **other: str) -> str:
    more = "".join(f"{name} = {value}\n" for name, value in other.items())
    return f"[[change]]\nat = {hour(at)}\n{more}"


def test_a_change_is_found_by_the_first_alarm_in_its_tolerance(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = scored(capsys, folder, quiet_but([(53, 60)]), change(50.5, name='"sensors replaced"'))
    (found,) = said["changes"]
    assert found == {
        "change": "sensors replaced",
        "at": hour(50.5),
        "window": "1h",
        "kind": "performance",
        "model": "m",
        "version": "v1",
        "segment": "all",
        "subject": "",
        "result": "found",
        "delay_windows": 4,
        "delay_s": 3.5 * 3600,
        "alarm_window_start": hour(53),
        "blamed": "late",
    }
    (kind,) = said["kinds"]
    assert (kind["windows"], kind["alarms"], kind["false_alarms"]) == (100, 1, 0)
    assert (kind["found"], kind["missed"], kind["masked"], kind["not_watched"]) == (1, 0, 0, 0)
    assert (kind["delay_windows_median"], kind["delay_s_median"]) == (4, 3.5 * 3600)


def test_an_alarm_in_the_window_of_the_change_is_a_delay_of_one(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (found,) = scored(capsys, folder, quiet_but([(50, 51)]), change(50.5))["changes"]
    assert (found["result"], found["delay_windows"], found["delay_s"]) == ("found", 1, 1800)


@pytest.mark.parametrize("alarm", [(30, 33), (49, 49), (71, 80)])
def test_an_alarm_before_the_change_or_after_its_tolerance_is_false_and_the_change_missed(
    folder: Path, capsys: pytest.CaptureFixture[str], alarm: tuple[int, int]
) -> None:
    said = scored(capsys, folder, quiet_but([alarm]), change(50.5))
    (kind,) = said["kinds"]
    assert (kind["false_alarms"], kind["found"], kind["missed"]) == (1, 0, 1)
    assert kind["delay_windows_median"] is None
    assert [false["window_start"] for false in said["false_alarms"]] == [hour(alarm[0])]


def test_false_alarms_are_of_a_thousand_windows_apart_from_changes_and_an_incident_is_one(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (kind,) = scored(capsys, folder, quiet_but([(10, 20), (30, 31), (52, 53)]), change(50), "--tolerance", "10h")[
        "kinds"
    ]
    assert (kind["alarms"], kind["false_alarms"]) == (3, 2)
    assert kind["calm_windows"] == 90
    assert kind["false_alarms_per_1000"] == pytest.approx(2 / 90 * 1000)


def test_alarms_without_an_incident_are_one_while_they_follow_each_other(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = quiet_but([])
    for n in (10, 11, 12, 14):
        rows[n]["level"] = "alarm"
    assert scored(capsys, folder, rows, change(50))["kinds"][0]["false_alarms"] == 2


def test_two_incidents_one_after_the_other_are_two(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert scored(capsys, folder, quiet_but([(10, 12), (13, 14)]), change(50))["kinds"][0]["false_alarms"] == 2


def test_a_change_under_an_open_incident_is_masked_not_missed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = scored(capsys, folder, quiet_but([(40, 90)]), change(50.5))
    assert said["changes"][0]["result"] == "masked"


def test_a_change_before_there_is_a_reference_was_not_watched(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row(n, p_value=None) for n in range(30)] + [row(n) for n in range(30, 60)]
    (kind,) = scored(capsys, folder, rows, change(5))["kinds"]
    assert (kind["windows"], kind["calm_windows"], kind["not_watched"], kind["missed"]) == (30, 30, 1, 0)


def test_only_the_windows_that_were_judged_count_as_delay(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = quiet_but([(53, 55)])
    rows[51]["p_value"] = None
    assert scored(capsys, folder, rows, change(50.5))["changes"][0]["delay_windows"] == 3


def test_an_alarm_after_the_next_change_answers_that_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = scored(capsys, folder, quiet_but([(57, 60)]), change(55) + change(50))
    assert [(answer["at"], answer["result"]) for answer in said["changes"]] == [
        (hour(50), "missed"),
        (hour(55), "found"),
    ]


def test_a_gradual_change_may_be_found_until_it_is_over(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = quiet_but([(70, 72)])
    assert scored(capsys, folder, rows, change(40, until=hour(65)))["changes"][0]["delay_windows"] == 31
    assert scored(capsys, folder, rows, change(40))["changes"][0]["result"] == "missed"


def test_a_change_of_one_version_model_or_kind_is_no_other_ones(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = quiet_but([]) + quiet_but([(51, 52)], model_version="v2") + quiet_but([], kind="prediction")
    known = change(50, version='"v2"', kinds='["performance"]') + change(80, model='"another"')
    said = scored(capsys, folder, rows, known)
    assert [(answer["version"], answer["kind"], answer["result"]) for answer in said["changes"]] == [
        ("v2", "performance", "found")
    ]
    assert [(kind["kind"], kind["detectors"], kind["found"]) for kind in said["kinds"]] == [
        ("performance", 2, 1),
        ("prediction", 1, 0),
    ]


def test_segments_are_scored_where_a_change_names_them(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = quiet_but([]) + quiet_but([(51, 52)], segment="site=a") + quiet_but([(9, 9)], segment="site=b")
    said = scored(capsys, folder, rows, change(50, segment='"site=a"'))
    assert [(answer["segment"], answer["result"]) for answer in said["changes"]] == [("site=a", "found")]
    assert said["kinds"][0]["false_alarms"] == 0


def test_a_change_that_nothing_watches_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    known = change(50, name='"typo"', segment='"site=x"', version='"v9"', kinds='["label"]')
    assert scored(capsys, folder, quiet_but([]), known)["changes_without_detector"] == ["typo"]
    assert main(["score", str(folder), "-c", str(changes(folder, known))]) == 0
    said = "nobody watches it: there are no drift rows of version v9, segment site=x, kinds label"
    assert said in capsys.readouterr().out


def test_short_windows_come_first_and_what_was_never_judged_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    rows = [line | {"window": window} for window in ("24h", "6h", "odd", "1h") for line in quiet_but([], hours=30)]
    rows += [row(n, kind=kind, p_value=None) for n in range(30) for kind in ("label", "skew")]
    kinds = scored(capsys, folder, rows, change(20))["kinds"]
    assert [kind["window"] for kind in kinds] == ["1h", "1h", "1h", "6h", "24h", "odd"]
    assert main(["score", str(folder), "-c", str(changes(folder, change(20)))]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[1:5]] == [[w, "performance"] for w in ("1h", "6h", "24h", "odd")]
    assert lines[5] == "1h: no window judged of label, skew"


def test_the_rates_of_two_sources_are_two_detectors(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [line | {"kind": "corrections", "subject": s} for s in ("crew", "review") for line in quiet_but([(51, 52)])]
    said = scored(capsys, folder, rows, change(50))
    assert [(answer["subject"], answer["result"]) for answer in said["changes"]] == [
        ("crew", "found"),
        ("review", "found"),
    ]
    assert said["kinds"][0]["detectors"] == 2


def test_the_newest_row_of_a_window_is_the_truth(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row(51, "alarm", 51, revision=900), *quiet_but([])]
    assert scored(capsys, folder, rows, change(50))["changes"][0]["result"] == "found"


def test_one_window_size_can_be_asked_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = quiet_but([]) + [row(n, window="2h", window_end=hour(n + 2)) for n in range(0, 100, 2)]
    assert {kind["window"] for kind in scored(capsys, folder, rows, change(50))["kinds"]} == {"1h", "2h"}
    assert {kind["window"] for kind in scored(capsys, folder, rows, change(50), "-w", "2h")["kinds"]} == {"2h"}


@pytest.mark.parametrize("at", [hour(50), START + 50 * HOUR])
def test_the_answers_of_a_log_set_are_change_points(
    folder: Path, capsys: pytest.CaptureFixture[str], at: str | int
) -> None:
    drift = {"known": [{"event_time": at, "kind": "abrupt"}], "deploys": []}
    answers = json.dumps({"model": "m", "drift": drift})
    written(folder, quiet_but([(51, 52)]))
    known = changes(folder, answers, "expected.json")
    assert main(["score", str(folder), "-c", str(known), "--json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)["changes"]
    assert (answer["change"], answer["at"], answer["result"]) == ("abrupt", hour(50), "found")


def test_json_has_a_list_of_the_same_and_no_change_makes_every_alarm_false(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(folder, quiet_but([(51, 52)]))
    for text, false in ((json.dumps([{"at": hour(50)}]), 0), ("[]", 1)):
        assert main(["score", str(folder), "-c", str(changes(folder, text, "c.json")), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["kinds"][0]["false_alarms"] == false


def test_people_see_rates_results_and_false_alarms(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    unwatched = [row(n, kind="label", p_value=None) for n in range(100)]
    written(folder, quiet_but([(10, 12), (53, 55)]) + unwatched)
    assert main(["score", str(folder), "-c", str(changes(folder, change(50.5, name='"new [sensors]"')))]) == 0
    shown = capsys.readouterr().out
    for text in (
        "performance",
        "12.7",
        "4 w, 3.5 h",
        "new [sensors]",
        "found",
        "m v1",
        "False alarms",
        "blamed late",
        "1 of 2 detectors judged no window of it",
    ):
        assert text in shown
    assert "2026-01-01 10:00  performance of 1h" in shown


def test_the_page_shows_a_file_of_changes_that_can_be_read(folder: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (known,) = read_changes(changes(folder, example))
    assert (known.name, known.model, known.kinds) == ("sensors replaced", "fraud", ("performance",))
    assert known.until_ms > known.at_ms
    assert set(re.findall(r"`(\w+)`", PAGE.partition("| key |")[2].partition("\n\n")[0])) >= {
        field.name.removesuffix("_ms") for field in fields(Change)
    }


GOOD = f"[[change]]\nat = {hour(50)}\n"


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("c.toml", "[[change]\n", "is not TOML"),
        ("c.json", "[", "is not JSON"),
        ("c.toml", "x = 1\n", "has no list of changes"),
        ("c.json", "[1]", "change 1 is not a table"),
        ("c.toml", "[[change]]\nname = 'a'\n", "change 1 has no time in `at`"),
        ("c.toml", f"{GOOD}[[change]]\nat = 2026-01-01T00:00:00\n", "change 2: `at`"),
        ("c.toml", "[[change]]\nat = 'soon'\n", "'soon' is not a time"),
        ("c.toml", f"{GOOD}until = {hour(49)}\n", "ends before it begins"),
        ("c.toml", f"{GOOD}kinds = ['accuracy']\n", "'accuracy' is no kind of drift. There are performance"),
        ("c.toml", f"{GOOD}kinds = 'label'\n", "`kinds` is not a list"),
        ("c.toml", f"{GOOD}model = 1\n", "`model` is not a text"),
        ("c.toml", f"{GOOD}when = 1\n", "unknown key 'when'"),
    ],
)
def test_a_wrong_file_of_changes_is_one_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str, text: str, says: str
) -> None:
    written(folder, quiet_but([]))
    assert main(["score", str(folder), "-c", str(changes(folder, text, name))]) == 78
    shown = capsys.readouterr()
    assert says in shown.err
    assert (shown.out, len(shown.err.splitlines())) == ("", 1)


def test_a_file_that_is_not_there_is_one_sentence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", str(folder), "-c", str(folder / "none.toml")]) == 78
    assert "none.toml cannot be read" in capsys.readouterr().err
    assert main(["score", str(folder), "-c", str(changes(folder, GOOD))]) == 78
    assert "drift.jsonl cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    "line", ["{", "[]", json.dumps(row(5, level="loud")), json.dumps(row(5, window_end=None)), '{"kind": "label"}']
)
def test_a_line_that_is_no_drift_row_is_named(folder: Path, capsys: pytest.CaptureFixture[str], line: str) -> None:
    (folder / "drift.jsonl").write_text(json.dumps(row(1)) + "\n" + line + "\n")
    assert main(["score", str(folder), "-c", str(changes(folder, GOOD))]) == 78
    assert "drift.jsonl:2 is not a row of quality.drift.v1." in capsys.readouterr().err


def test_nothing_to_score_is_one_sentence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(folder, quiet_but([]))
    assert main(["score", str(folder), "-c", str(changes(folder, GOOD)), "-w", "24h"]) == 78
    assert "has no drift rows of 24h" in capsys.readouterr().err


def test_a_wrong_tolerance_is_wrong_usage(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(folder, quiet_but([]))
    assert main(["score", str(folder), "-c", str(changes(folder, GOOD)), "--tolerance", "long"]) == 2
    assert "is not a duration" in capsys.readouterr().err


def test_the_rows_of_these_tests_have_the_fields_of_a_finding() -> None:
    assert set(row(1)) - set(Finding._fields) == set(list(schema("class")["properties"])[:12]) - {"metric_key"}
