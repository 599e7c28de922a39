"""The demo's verdict: equal only where something was compared and every figure is equal."""

import copy
import json
from typing import Any

import pytest

from streams.cli.demo_answers import Comparison, compare_days, compare_segments
from streams.cli.demo_board import Board
from streams.cli.demo_job import ANSWERS, KNOWN_ALERTS
from streams.cli.demo_summary import LABELS, PREDICTIONS, outcome
from streams.ledger.times import rfc3339

Rows = list[dict[str, Any]]
TRUTH: dict[str, Any] = json.loads(ANSWERS.read_bytes())
COUNTS = {"n_predictions": "predictions", "n_labelled": "labelled"}
SAME = ("classes_with_support", "coverage", "accuracy", "balanced_accuracy")


def row(answer: dict[str, Any], window: str, segment: str) -> dict[str, Any]:
    out = {name: answer[name] for name in SAME} | {name: answer[theirs] for theirs, name in COUNTS.items()}
    start = rfc3339(answer["window_start"])
    place = {"model_version": answer["model_version"], "window": window, "window_start": start, "segment": segment}
    return {**out, **place, "status": "final", "revision": 1}


def right() -> tuple[Rows, Rows, Rows]:
    """Days, classes and weeks as a job that counts rightly writes them."""
    days = [row(answer, "24h", "all") for answer in TRUTH["windows"]]
    classes = [
        {**row(answer, "24h", "all"), **cells, "class": name}
        for answer in TRUTH["windows"]
        for name, cells in answer["per_class"].items()
        if cells["support"] or cells["predicted"]  # the job writes no row of a class that does not occur
    ]
    weeks = [row(answer, "7d", f"airport={answer['segment']}") for answer in TRUTH["segment_windows"]]
    return days, classes, weeks


def test_rows_that_are_right_are_all_equal() -> None:
    days, classes, weeks = right()
    found = compare_days(TRUTH, days, classes)
    assert found.sentence() == "98 windows, 2,748 figures: all equal"
    assert compare_segments(TRUTH, weeks, "airport").sentence() == "42 windows, 252 figures: all equal"


@pytest.mark.parametrize("name", [*COUNTS.values(), *SAME])
def test_every_figure_of_a_window_can_differ(name: str) -> None:
    days, classes, _ = copy.deepcopy(right())
    days[5][name] += 1e-9 if isinstance(days[5][name], float) else 1
    found = compare_days(TRUTH, days, classes)
    assert not found.is_equal
    (line,) = found.differences
    assert name in line
    assert "1 differ" in found.sentence()


@pytest.mark.parametrize("cell", ["tp", "fp", "fn", "tn", "support", "predicted"])
def test_every_cell_of_a_class_can_differ(cell: str) -> None:
    days, classes, _ = copy.deepcopy(right())
    classes[7][cell] += 1
    assert len(compare_days(TRUTH, days, classes).differences) == 1


def test_missing_and_surplus_windows_and_classes_differ() -> None:
    days, classes, weeks = copy.deepcopy(right())
    assert len(compare_days(TRUTH, days[1:], classes).differences) == 1
    assert len(compare_days(TRUTH, [*days, {**days[0], "model_version": "x"}], classes).differences) == 1
    used = next(n for n, c in enumerate(classes) if c["tp"])
    assert len(compare_days(TRUTH, days, [*classes[:used], *classes[used + 1 :]]).differences) == 1
    assert len(compare_segments(TRUTH, weeks[:-1], "airport").differences) == 1


def test_an_undefined_figure_is_not_a_number() -> None:
    found = Comparison()
    found.figure("here", "accuracy", None, 0)
    found.figure("here", "accuracy", 0.5, None)
    assert len(found.differences) == 2
    found.figure("here", "accuracy", None, None)
    assert len(found.differences) == 2


def test_nothing_compared_is_not_equal() -> None:
    assert not Comparison().is_equal


def board(days: Rows, classes: Rows, weeks: Rows) -> Board:
    filled = Board()
    for n, (noun, value) in enumerate([("windows", r) for r in (*days, *weeks)] + [("classes", r) for r in classes]):
        filled.take(noun, str(n), value)
    parts = dict.fromkeys([f"predictions_{p}" for p in PREDICTIONS] + [f"labels_{p}" for p in LABELS], 0)
    counts = {"predictions_labelled": 6, "labels_winning": 5, "predictions_received": 6, "labels_received": 5}
    for p in range(2):
        place = {"ledger_partition": p, "position": 1, "watermark": None, "balanced": True}
        filled.take("audit", str(p), {**parts, **counts, **place})
    for n, known in enumerate(json.loads(KNOWN_ALERTS.read_bytes())):
        transition = {**known, "transition_id": str(n), "fingerprint": known["rule"], "episode": known["t"]}
        filled.take("alert-log", known["rule"], transition)
    return filled


def test_a_good_outcome_needs_every_part_of_it() -> None:
    days, classes, weeks = right()
    good = outcome(board(days, classes, weeks), 22, 2, is_final=True)
    assert good.is_good
    assert not outcome(board(days, classes, weeks), 22, 2, is_final=False).is_good
    assert not outcome(board(days, classes, weeks), 23, 2, is_final=True).is_good, "a record did not come through"
    assert not outcome(board(days, classes, weeks), 22, 3, is_final=True).is_good, "a partition has no audit"
    assert not outcome(board(days[1:], classes, weeks), 22, 2, is_final=True).is_good
    assert not outcome(board(days, classes, weeks[1:]), 22, 2, is_final=True).is_good
    quiet = board(days, classes, weeks)
    quiet.transitions.clear()
    assert not outcome(quiet, 22, 2, is_final=True).is_good, "nothing was told"


def test_an_audit_is_added_up_again_and_not_believed() -> None:
    days, classes, weeks = right()
    filled = board(days, classes, weeks)
    filled.audits["0"] = {**filled.audits["0"], "labels_winning": 4}
    assert filled.audits["0"]["balanced"]
    assert not outcome(filled, 22, 2, is_final=True).is_balanced
