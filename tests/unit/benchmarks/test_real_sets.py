"""The page about the real log sets: which windows are shown, what counts as an error, what a detector can see."""

from pathlib import Path

import pytest

from benchmarks import real_sets
from benchmarks.real_sets_errors import LEAST, Errors, Look, Size, errors, held, main_window
from benchmarks.real_sets_figures import drift_figure, error_figure, svg
from benchmarks.real_sets_found import TOLERANCE_MS, Found, judged_spans, visible
from benchmarks.real_sets_known import SETS, Known, Moment, marks
from benchmarks.real_sets_tables import with_parts
from streams.cli.score_changes import Change
from streams.cli.score_marks import mark
from streams.cli.score_rows import Judged, Watched

HOUR = 3_600_000
V1, V2 = (Watched("1h", "performance", "m", version, "all", "") for version in ("1", "2"))
RATE = Watched("1h", "overrides", "m", "1", "all", "review")
CHANGE = Change("break", 5 * HOUR, 5 * HOUR)


def windows(first: int, last: int, alarms: tuple[int, ...] = (), unjudged: tuple[int, ...] = ()) -> list[Judged]:
    hours = range(first, last)
    incidents = {hour: str(hour) for hour in alarms}
    return [
        Judged(hour * HOUR, (hour + 1) * HOUR, hour not in unjudged, hour in alarms, incidents.get(hour), None)
        for hour in hours
    ]


def known(*changes: Change) -> Known:
    return Known(changes, (Moment(7 * HOUR, "new version at 10 %"),), (Moment(HOUR, "a burst"),), "1h", {})


def look(so_far: float | None, nowcast: float | None = None, truth: float = 0.5) -> Look:
    lower, upper = (None, None) if nowcast is None else (nowcast - 0.1, nowcast + 0.1)
    return Look(so_far, 0.9, nowcast, lower, upper, None, "", truth, truth)


def test_shown_is_the_smallest_size_with_enough_predictions() -> None:
    sizes = [Size("30m", 9, LEAST - 1), Size("1h", 5, LEAST), Size("24h", 1, 5 * LEAST)]
    assert main_window(sizes) == "1h"
    assert main_window(sizes[:1]) == "30m"


def test_errors_are_points_of_what_was_said() -> None:
    off = errors([(0.75, 0.5), (0.0, 0.5), (None, 0.5)])
    assert off == Errors(2, 37.5, -12.5)
    assert errors([(None, 0.5)]) == Errors(0, None, None)


def test_an_interval_holds_the_truth_only_where_there_is_one() -> None:
    assert held([look(0.5, 0.55), look(0.5, 0.65), look(0.5, 0.35), look(0.5)], "truth") == (1, 3)


def test_a_version_is_asked_about_changes_it_could_see() -> None:
    series = {V1: windows(0, 9), V2: windows(6, 9), RATE: windows(0, 9)}
    assert visible(V1, series, known(CHANGE)) == [CHANGE]
    assert visible(V2, series, known(CHANGE)) == []
    assert visible(RATE, series, known(CHANGE)) == []


def test_a_window_without_a_reference_sees_nothing() -> None:
    series = {V1: windows(0, 9, unjudged=tuple(range(9)))}
    assert visible(V1, series, known(CHANGE)) == []


def test_spans_are_broken_where_nothing_was_judged() -> None:
    assert judged_spans(windows(0, 6, unjudged=(0, 3))) == [(HOUR, 3 * HOUR), (4 * HOUR, 6 * HOUR)]
    assert judged_spans(windows(0, 1, unjudged=(0,))) == []


def test_each_part_has_its_place() -> None:
    page = "before\n<!-- begin a -->\nold\n<!-- end -->\nafter\n"
    assert with_parts(page, {"a": "new"}) == "before\n<!-- begin a -->\n\nnew\n<!-- end -->\nafter\n"
    with pytest.raises(ValueError, match="b"):
        with_parts(page, {"a": "new", "b": "lost"})


def test_the_page_has_a_place_for_every_part() -> None:
    parts = {f"{name} {part}": "" for name in SETS for part in ("found", "errors")} | {"summary": ""}
    with_parts(real_sets.PAGE.read_text(encoding="utf-8"), parts)


def test_pictures_are_the_same_bytes_and_name_what_they_mark() -> None:
    series = {V1: windows(0, 9, alarms=(6,))}
    found = Found("1h", (mark(V1, series[V1], [CHANGE], TOLERANCE_MS),), series, ())
    facts = known(CHANGE)
    key = [words for _, _, words in marks(facts)]
    points = {"1": [(hour * HOUR, 0.5 + hour / 20, 0.4, 0.9) for hour in range(9)], "2": []}
    drawn = [svg(lambda: drift_figure(found, facts, points, HOUR, key)) for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert key == ["known change: break", "deployment: new version at 10 %", "noted: a burst"]
    assert all(words in drawn[0] for words in key)


def test_a_set_without_a_nowcast_has_no_line_of_it() -> None:
    looks = {age: [look(0.6)] for age in ("0", "1 h", "6 h", "1 d", "final")}
    assert "nowcast" not in svg(lambda: error_figure(looks))
    assert "nowcast" in svg(lambda: error_figure(looks | {"1 h": [look(0.6, 0.55)]}))


def test_a_missing_folder_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["real_sets", "--data", str(tmp_path / "nowhere")])
    assert real_sets.main() == 78
    assert "--data" in capsys.readouterr().err
