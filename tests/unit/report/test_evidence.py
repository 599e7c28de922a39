"""Which rows count: the newest revision of one model's, one window size's and one segment's, checked."""

import json
from pathlib import Path
from typing import Any

import pytest

from streams.report.evidence import Evidence, Wish, gather
from streams.report.reading import Folder, ReportError
from tests.unit.report.made import HOUR_MS, START_MS, Made, Rows, make, write


def gathered(rows: Rows, **wish: Any) -> Evidence:
    return gather(Made(rows), Wish(**wish))


def revised(row: dict[str, Any], revision: int, **fields: Any) -> dict[str, Any]:
    return {**row, "revision": revision, **fields}


@pytest.mark.parametrize("order", [1, -1])
def test_the_highest_revision_is_the_truth_wherever_it_stands(order: int) -> None:
    rows = make(windows=12, versions=["a"])
    row = rows["windows"][0]
    rows["windows"] = [revised(row, 8, labelled=111), revised(row, 9, labelled=222), revised(row, 7, labelled=333)][
        ::order
    ]
    assert [window.labelled for window in gathered(rows).windows["a"]] == [222]


def test_cells_and_classes_have_keys_of_their_own() -> None:
    rows = make(windows=1, versions=["a"], classes=["x", "y"])
    cell = rows["confusion"][0]
    rows["confusion"] = [revised(cell, 1, count=5), revised(cell, 2, count=6), revised(cell, 1, predicted="z", count=7)]
    rows["delays"] = [revised(rows["delays"][0], 1, count=3), revised(rows["delays"][0], 1, **{"class": "x"}, count=4)]
    found = gathered(rows)
    assert found.cells is not None
    assert found.delays is not None
    assert sorted(cell.labelled for cell in found.cells["a"]) == [6, 7]
    assert sorted(delay.labels for delay in found.delays["a"]) == [3, 4]


def test_versions_stand_in_the_order_they_appeared() -> None:
    rows = make(windows=12, versions=["10", "9", "8"])
    rows["windows"].reverse()
    assert gathered(rows).versions == ("10", "9", "8")


def test_rows_of_other_models_segments_windows_and_views_are_left_out() -> None:
    rows = make(windows=12, versions=["a"])
    count = len(rows["windows"])
    other = [
        revised(row, 7, **{name: value}, metric_key=f"{number}{name}")
        for name, value in (("segment", "country=NL"), ("window", "1h"), ("view", "label_time"), ("window_start", None))
        for number, row in enumerate(rows["windows"])
    ]
    rows["windows"] += other
    assert len(gathered(rows).windows["a"]) == count
    assert gathered(rows).window == "24h", "the day is preferred"
    assert gathered(rows, window="1h").window == "1h"
    assert len(gathered(rows, segment="country=NL").windows["a"]) == count


def test_a_window_whose_predictions_were_all_taken_back_is_not_there() -> None:
    rows = make(windows=12, versions=["a"])
    gone = rows["windows"][3]
    rows["windows"].append(revised(gone, 8, predictions=0, labelled=0))
    found = gathered(rows)
    assert len(found.windows["a"]) == 11
    assert found.cells is not None
    assert START_MS + 3 * 24 * HOUR_MS not in {cell.start_ms for cell in found.cells["a"]}
    assert START_MS + 2 * 24 * HOUR_MS in {cell.start_ms for cell in found.cells["a"]}


def test_only_the_versions_asked_for() -> None:
    assert gathered(make(windows=12, versions=["a", "b", "c"]), versions=("c", "a")).versions == ("a", "c")


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({"model": "none"}, "there are no window rows of segment all, model none."),
        ({"window": "5h"}, "there are no window rows of segment all, window 5h."),
        ({"versions": ("v9",)}, "there are no window rows of segment all, version v9."),
        ({"segment": "country=NL"}, "there are no window rows of segment country=NL."),
    ],
)
def test_what_is_not_there_is_said(wish: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ReportError) as caught:
        gathered(make(windows=2), **wish)
    assert str(caught.value) == sentence


def test_of_several_models_or_windows_one_must_be_chosen() -> None:
    rows = {"windows": [*make(model="a")["windows"], *make(model="b")["windows"]]}
    with pytest.raises(ReportError, match=r"several models \(a and b\); say which: --model"):
        gathered(rows)
    assert gathered(rows, model="b").model == "b"
    rows = {"windows": [*make(hours=1)["windows"], *make(hours=2)["windows"]]}
    with pytest.raises(ReportError, match=r"several sizes \(1h and 2h\); say which: --window"):
        gathered(rows)
    assert gathered(rows, window="2h").window == "2h"


def test_without_window_rows_there_is_no_page() -> None:
    with pytest.raises(ReportError, match=r"no window rows \(windows.jsonl\)"):
        gathered({"classes": []})
    rows = make(windows=2)
    for row in rows["windows"]:
        row["predictions"] = 0
    with pytest.raises(ReportError, match="every prediction of zoo in windows of 24h was taken back"):
        gathered(rows)


@pytest.mark.parametrize(
    ("stream", "damage", "sentence"),
    [
        ("windows", {"predictions": -1}, "windows 2: predictions must be a count."),
        ("windows", {"labelled": True}, "windows 2: labelled must be a count."),
        ("windows", {"balanced_accuracy": "high"}, "windows 2: balanced_accuracy must be a number or null."),
        ("windows", {"status": None}, "windows 2: status must be text."),
        ("windows", {"window_end": "soon"}, "windows 2: window_end must be a time such as 2026-01-31T00:00:00.000Z."),
        ("windows", {"window_end": "2026-01-01T00:00:00"}, "windows 2: window_end must be a time such as"),
        ("windows", {"revision": None}, "windows 2: revision must be a whole number."),
        ("calibration", {"confidence_lower": None}, "confidence_lower and confidence_upper must be numbers."),
        ("delays", {"delay_from_s": None}, "delays 2: delay_from_s must be a number."),
        ("drift", {"kind": 7}, "drift 2: kind must be text."),
    ],
)
def test_a_damaged_row_is_named(stream: str, damage: dict[str, Any], sentence: str) -> None:
    rows = make(windows=12, versions=["a"])
    rows[stream][1].update(damage)
    with pytest.raises(ReportError) as caught:
        gathered(rows)
    assert sentence in str(caught.value)


def test_files_say_the_same_as_rows(tmp_path: Path) -> None:
    rows = make(windows=12)
    assert gather(Folder(write(rows, tmp_path / "out")), Wish()) == gathered(rows)


@pytest.mark.parametrize(
    ("line", "sentence"), [('{"schema": ', "windows.jsonl, line 2: not JSON"), ("[1]", "line 2: not a row but list.")]
)
def test_a_line_that_is_no_row_is_named(tmp_path: Path, line: str, sentence: str) -> None:
    row = json.dumps(make(windows=2)["windows"][0])
    (tmp_path / "windows.jsonl").write_text(f"{row}\n{line}\n")
    with pytest.raises(ReportError) as caught:
        gather(Folder(tmp_path), Wish())
    assert sentence in str(caught.value)


def test_a_folder_must_be_one(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="is not a folder"):
        Folder(tmp_path / "none")
