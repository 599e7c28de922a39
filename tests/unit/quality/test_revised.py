"""A window is judged once: corrections revise its other rows; what is kept for judging does not grow with time."""

from typing import Any

from streams.quality.rows import OutputRow, Stream
from tests.support.judged import ALL_ONLY, spec_of
from tests.support.told import Told, at


def of(rows: list[OutputRow], stream: str) -> list[OutputRow]:
    return [row for row in rows if row.stream == stream and row.value["segment"] == "all"]


def test_a_correction_after_the_verdict_revises_rows_and_judges_nothing_again() -> None:
    told = Told(spec_of("5m"))
    told.say((at(1, "a", "a"), 60), (at(1, "b", "b"), 40))
    settled = told.say(minute=7)
    assert {row.value["n"] for row in of(settled, Stream.DRIFT) if row.value["kind"] == "label"} == {100}
    corrected = told.say((at(1, "a", "a"), -50), (at(1, "a", "b"), 50))
    (window,) = of(corrected, Stream.WINDOWS)
    assert (window.value["accuracy"], window.value["status"]) == (0.5, "settled")
    assert (of(settled, Stream.WINDOWS)[0].value["revision"], window.value["revision"]) == (1, 2)
    assert [row.value["tp"] for row in of(corrected, Stream.CLASSES)] == [10, 40]
    final = told.say(minute=11)
    assert of(final, Stream.WINDOWS)[0].value["accuracy"] == 0.5
    assert of(corrected, Stream.DRIFT) == of(final, Stream.DRIFT) == []


def test_a_window_whose_first_prediction_comes_after_its_border_is_told_and_not_judged() -> None:
    told = Told(spec_of("5m"))
    told.say(minute=7)
    rows = told.say((at(1, "a", "a"), 60))
    assert [row.value["status"] for row in of(rows, Stream.WINDOWS)] == ["settled"]
    assert of(rows + told.say(minute=11), Stream.DRIFT) == []


def test_what_came_after_the_border_of_a_partition_is_told_and_not_judged() -> None:
    told = Told(spec_of("5m", ledger_partitions=2))
    told.say((at(1, "a", "a"), 60), minute=7)
    told.say((at(1, "b", "b"), 7))
    settled = told.say(minute=7, partition=1)
    assert of(settled, Stream.WINDOWS)[0].value["predictions"] == 67
    assert {row.value["n"] for row in of(settled, Stream.DRIFT) if row.value["kind"] == "prediction"} == {60}


def test_what_is_kept_to_judge_by_does_not_grow_with_windows_and_segments() -> None:
    told = Told(spec_of("5m", max_segment_values=2, ledger_partitions=2))
    sizes: list[dict[str, int]] = []
    for minute in range(0, 400, 5):
        countries = ("ch", f"c{minute % 7}", f"d{minute % 11}")
        told.say(*((at(minute, "a", "a", country=country), 3) for country in countries), minute=minute)
        told.say((at(max(0, minute - 2), "a", "a", country="ch"), 1))  # ahead of the other partition
        sizes.append(kept(told))
        told.say((at(minute, "b", country="ch"), 1), minute=minute, partition=1)
    # As the values come and go, so do their series: of all predictions, and twice as many as have rows.
    most = [{name: max(size[name] for size in part) for name in part[0]} for part in (sizes[20:50], sizes[50:])]
    assert most[0] == most[1]
    assert most[0]["series"] == 1 + 2 * 2
    assert all(most[0].values())
    for day in (7, 90):
        for partition in range(2):
            told.say(minute=day * 24 * 60, partition=partition)
        left = {name: n for name, n in kept(told).items() if n}
        assert left == ({"series": 5, "matured": 1} if day == 7 else {})


def kept(told: Told) -> dict[str, int]:
    state: Any = told.judge.dump()
    analyst, windows = state["analyst"], state["windows"]
    return {
        "series": len(analyst["series"]),
        "matured": len(analyst["maturing"]),
        "unfinished": sum(len(dumped["unfinished"]) for *_, dumped in analyst["maturing"]),
        "ahead": len(state["ahead"]),
        **{name: len(windows[name]) for name in ("scores", "outlooks")},
    }


def test_segments_that_nobody_watches_are_not_judged() -> None:
    told = Told(spec_of("5m", settings=ALL_ONLY))
    told.say((at(1, "a", "a"), 60))
    drift = [row.value["segment"] for row in told.say(minute=7) if row.stream == Stream.DRIFT]
    assert set(drift) == {"all"}
