"""A judge of other windows, step by step. Panes are one minute; a window is final six minutes after its end."""

from dataclasses import replace
from typing import Any

from streams.quality.judge import Judge
from streams.quality.rows import OutputRow
from streams.quality.spec import parse_window
from tests.support.judged import spec_of
from tests.support.told import Told, at


def adopt(told: Told, *windows: str, **changes: Any) -> None:
    """Go on with other windows."""
    old = told.judge
    spec = replace(old.spec, windows=tuple(parse_window(w) for w in windows), **changes)
    told.judge = Judge.adopt(spec, old.partition, old.dump())


def minutes(rows: list[OutputRow]) -> set[tuple[int, int]]:
    """From where to where the windows of rows go."""
    texts = ((str(row.value["window_start"]), str(row.value["window_end"])) for row in rows)
    return {(int(start[14:16]), int(end[14:16])) for start, end in texts}


def test_a_window_that_lost_a_pane_is_never_shown_whatever_it_is_made_of_later() -> None:
    told = Told(spec_of("5m"))
    told.say((at(1), 1), (at(7), 1), (at(12), 1))
    told.say(minute=20)  # [10, 15) is the first window that is not final
    adopt(told, "20m", "2m")
    assert minutes(told.say((at(14), 1))) == {(14, 16)}  # [0, 20) has lost ten panes
    assert minutes(told.say((at(22), 1), minute=20)) == {(20, 40), (22, 24)}
    adopt(told, "15m/5m")
    assert minutes(told.say((at(14), 1))) == {(10, 25), (15, 30), (20, 35)}  # [5, 20) has lost five


def test_new_windows_come_with_all_their_rows_and_none_of_what_was_never_shown() -> None:
    told = Told(spec_of("5m"))
    for country, n in (("ch", 3), ("de", 2), ("fr", 1)):
        told.say((at(1, "a", "a", country=country), n))
    adopt(told, "5m", "6m", max_segment_values=1)
    rows = told.say(minute=1)
    shown = {(row.value["window"], row.value["segment"], row.value["predictions"]) for row in windows(rows)}
    assert shown == {
        ("5m", "all", 6), ("5m", "country=ch", 3), ("5m", "country=other", 3),
        ("5m", "country=de", 0), ("5m", "country=fr", 0),  # they had rows of their own
        ("6m", "all", 6), ("6m", "country=ch", 3), ("6m", "country=other", 3),
    }  # fmt: skip
    assert sum(row.stream == "confusion" for row in rows) == len(shown)
    assert told.say(minute=2) == []


def windows(rows: list[OutputRow]) -> list[OutputRow]:
    return [row for row in rows if row.stream == "windows"]
