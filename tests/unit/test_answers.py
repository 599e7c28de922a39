"""The comparison that end-to-end tests rely on finds what it must find."""

import copy
from typing import Any

import pytest

from tests.support.answers import compare_segments, compare_windows

CELLS = {"tp": 3, "fp": 1, "fn": 1, "tn": 1, "support": 4, "predicted": 4}
ANSWER = {
    "window_start": 0, "model_version": "1", "n_predictions": 7, "n_labelled": 6, "coverage": 6 / 7,
    "accuracy": 4 / 6, "balanced_accuracy": None, "classes_with_support": 1, "per_class": {"a": CELLS},
}  # fmt: skip
IDENTITY = {
    "segment": "all", "window": "1h", "window_start": "1970-01-01T00:00:00.000Z", "model_version": "1", "revision": 2,
    "status": "final",
}  # fmt: skip
WINDOW: dict[str, Any] = {
    **IDENTITY, "predictions": 7, "labelled": 6, "coverage": 6 / 7, "accuracy": 4 / 6, "balanced_accuracy": None,
    "classes_with_support": 1,
}  # fmt: skip
CLASS: dict[str, Any] = {**IDENTITY, "class": "a", **CELLS}


def test_equal_rows_have_no_difference_and_older_revisions_do_not_count() -> None:
    old = {**WINDOW, "revision": 1, "predictions": 1, "status": "open"}
    assert compare_windows([WINDOW, old], [CLASS], [ANSWER], "1h") == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("predictions", 8), ("labelled", 5), ("classes_with_support", 2), ("coverage", 0.5), ("accuracy", None),
        ("balanced_accuracy", 0.0), ("status", "settled"),
    ],
)  # fmt: skip
def test_a_wrong_figure_of_a_window_is_found(field: str, value: object) -> None:
    assert len(compare_windows([{**WINDOW, field: value}], [CLASS], [ANSWER], "1h")) == 1


@pytest.mark.parametrize("cell", [*CELLS, "status"])
def test_a_wrong_cell_of_a_class_is_found(cell: str) -> None:
    assert len(compare_windows([WINDOW], [{**CLASS, cell: 9}], [ANSWER], "1h")) == 1


def test_missing_and_unknown_rows_are_found() -> None:
    assert "missing" in compare_windows([], [], [ANSWER], "1h")[0]
    assert "missing" in compare_windows([WINDOW], [], [ANSWER], "1h")[0]
    assert "do not have" in compare_windows([WINDOW], [CLASS], [], "1h")[0]


def test_sums_of_a_segment_are_compared_and_a_wrong_one_is_found() -> None:
    answer = {**ANSWER, "segment": "x", "balanced_accuracy": 3 / 4, "accuracy": 3 / 6}
    window, cls = {**WINDOW, "segment": "segment=x"}, {**CLASS, "segment": "segment=x"}
    assert compare_segments([window], [cls], [answer], "1h") == []
    wrong: dict[str, Any] = copy.deepcopy(answer)
    wrong["per_class"]["a"]["fn"] = 2
    assert len(compare_segments([window], [cls], [wrong], "1h")) == 1
    assert compare_segments([window], [cls], [{**answer, "n_labelled": 5}], "1h")
    assert compare_segments([window], [cls], [], "1h")
