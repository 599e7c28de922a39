"""How the demo looks: it fits the terminal at every moment, and a log line says how far it is."""

from typing import Any

import pytest
from rich.console import Console

from streams.cli.demo_board import Board
from streams.cli.demo_view import Picture, Progress, log_line
from streams.ledger.times import rfc3339

DAY = 86_400_000


def row(day: int, version: str, value: float | None, **changes: Any) -> dict[str, Any]:
    place = {"model_version": version, "window": "24h", "segment": "all", "window_start": rfc3339(day * DAY)}
    counts = {"predictions": 1_234, "labelled": 1_000, "coverage": 0.81, "status": "open", "revision": day}
    measures = {"balanced_accuracy": value, "balanced_accuracy_lower": value, "balanced_accuracy_upper": value}
    return {**place, **counts, **measures, **changes}


def filled(days: int) -> Board:
    board = Board()
    for day in range(days):
        for version in ("2013.1", "2013.2"):
            for window in ("24h", "7d"):
                value = None if day == 3 else 0.2 + day / 100
                board.take("windows", f"{window}{day}{version}", row(day, version, value, window=window))
    audit = {"ledger_partition": 0, "position": 1, "watermark": rfc3339(days * DAY), "predictions_received": 7}
    board.take("audit", "0", audit)
    return board


def drawn(board: Board, width: int, height: int) -> list[str]:
    console = Console(width=width, height=height, record=True, force_terminal=True, color_system=None)
    progress = Progress(21_000, 42_561, 12.4, 1_234.5, "eight weeks of flights, played fast")
    with console.capture() as captured:
        console.print(Picture(board, progress))
    return captured.get().splitlines()


@pytest.mark.parametrize("width", [80, 100, 120])
@pytest.mark.parametrize("height", [24, 30, 50])
def test_the_picture_has_the_same_height_at_every_moment_and_fits(width: int, height: int) -> None:
    heights = set()
    for days in (0, 1, 2, 30, 200):
        lines = drawn(filled(days), width, height)
        heights.add(len(lines))
        assert max(len(line) for line in lines) <= width
    assert len(heights) == 1
    assert heights.pop() < height


def test_the_picture_has_a_bar_for_each_day_and_a_dot_where_little_is_known() -> None:
    board = filled(8)
    board.take("windows", "24h72013.2", row(7, "2013.2", 0.9, coverage=0.1, revision=9))
    lines = drawn(board, 80, 40)
    assert any("2013.1  ▁▂▃·▅▆▇█ 0.270" in line for line in lines)
    assert any("2013.2  ▁▂▃·▅▆▇· 0.260" in line for line in lines)


def transition(n: int, kind: str) -> dict[str, Any]:
    about = {"rule": "recall-low", "model_version": "2013.2", "severity": "page", "summary": "on_time recall 30%"}
    return {**about, "t": rfc3339(n * DAY), "kind": kind, "transition_id": str(n), "fingerprint": "f", "episode": "e"}


@pytest.mark.parametrize("width", [80, 120])
def test_the_picture_has_the_newest_alerts_and_room_for_them(width: int) -> None:
    board = filled(30)
    before = len(drawn(board, width, 30))
    for n, kind in enumerate(("firing", "escalated", "recovering", "relapsed", "resolved", "firing")):
        board.take("alert-log", "f", transition(n, kind))
    lines = drawn(board, width, 30)
    assert len(lines) == before
    assert max(len(line) for line in lines) <= width
    at = next(n for n, line in enumerate(lines) if line.startswith("alerts   2 fired, 1 of them over"))
    assert [line[:28].rstrip() for line in lines[at + 1 : at + 5]] == [
        "01-06 00:00  page    fired", "01-05 00:00  page    over", "01-02 00:00  page    louder", "",
    ]  # fmt: skip
    assert "recall-low 2013.2: on_time recall 30%" in lines[at + 1]


def test_a_log_line_says_how_far_it_is() -> None:
    line = log_line(filled(8), Progress(21_000, 42_000, 12.4, 1.0, ""))
    assert "12 s   50%  21,000 records  watermark 1970-01-09 00:00" in line
    assert "16 days, 0 final  2013.1 0.270  2013.2 0.270" in line


def test_before_anything_came_there_is_nothing_to_divide_by() -> None:
    assert "watermark -" in log_line(Board(), Progress(0, 42_000, 0.0, 0.0, ""))


def test_an_older_revision_does_not_replace_a_newer_one() -> None:
    board = Board()
    for revision in (3, 1):
        board.take("windows", "k", row(0, "a", revision / 10, revision=revision))
        board.take("classes", "k", row(0, "a", revision / 10, revision=revision))
    assert board.windows["k"].newest["revision"] == 3
    assert board.windows["k"].revisions == 2
    assert board.classes["k"]["revision"] == 3
