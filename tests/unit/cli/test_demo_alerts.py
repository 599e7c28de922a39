"""The demo's verdict on alerts: right only where the known ones fired and were over, each at about the known time."""

import copy
import json
from typing import Any

import pytest
from rich.console import Console

from streams.cli.demo_alerts import alerts_table, compare_alerts, episodes, told
from streams.cli.demo_job import KNOWN_ALERTS

KNOWN: list[dict[str, Any]] = json.loads(KNOWN_ALERTS.read_bytes())


def log() -> list[dict[str, Any]]:
    """The known alerts as rows of the log, with what is told of none of them between."""
    rows: list[dict[str, Any]] = []
    began: dict[str, str] = {}
    for known in copy.deepcopy(KNOWN):
        rule = known["rule"]
        if known["kind"] == "firing":
            began[rule] = known["t"]
        place = {"fingerprint": rule, "episode": began[rule], "summary": f"why {rule}"}
        rows += [{**known, **place}, {**known, **place, "kind": "recovering"}]
    return rows


def test_the_known_alerts_are_right() -> None:
    found = compare_alerts(KNOWN, log())
    assert found.is_right
    assert found.sentence() == "4 fired, 3 of them over: as in a replay"


def test_known_alerts_have_a_page_that_fired_and_was_over() -> None:
    kinds = [entry["kind"] for entry in KNOWN if entry["severity"] == "page"]
    assert kinds == ["firing", "resolved"]


@pytest.mark.parametrize("at", range(len(KNOWN)))
def test_a_missing_alert_and_a_surplus_one_differ(at: int) -> None:
    rows = told(log())
    missing = compare_alerts(KNOWN, [*rows[:at], *rows[at + 1 :]])
    surplus = compare_alerts(KNOWN, [*rows, {**rows[at], "t": "2013-09-10T00:00:00.000Z"}])
    for found in (missing, surplus):
        assert not found.is_right
        assert len(found.differences) == 1
        assert rows[at]["rule"] in found.differences[0]
        assert "1 not as in a replay" in found.sentence()


@pytest.mark.parametrize("name", ["severity", "rule", "model_version", "class", "segment", "subject"])
def test_another_alert_differs(name: str) -> None:
    rows = told(log())
    rows[2] = {**rows[2], name: "another"}
    assert not compare_alerts(KNOWN, rows).is_right


def test_an_alert_may_be_a_day_off_and_no_more() -> None:
    rows = told(log())
    rows[2] = {**rows[2], "t": "2013-09-02T23:00:00.000Z"}
    assert compare_alerts(KNOWN, rows).is_right
    rows[2] = {**rows[2], "t": "2013-09-03T00:00:00.000Z"}
    (line,) = compare_alerts(KNOWN, rows).differences
    assert line == (
        "page on-time-recall 2013.2 on_time fired: at 2013-09-03T00:00:00.000Z, should be at 2013-09-01T23:00:00.000Z"
    )


def test_no_alert_is_never_right() -> None:
    assert not compare_alerts([], []).is_right
    fired = [row for row in log() if row["kind"] == "firing"]
    assert not compare_alerts(fired, fired).is_right, "nothing was over"


def test_an_episode_lasts_until_its_own_end() -> None:
    found = episodes(reversed(log()))
    assert [(fired["rule"], over and over["t"]) for fired, over in found] == [
        ("score-drift", "2013-09-02T00:00:00.000Z"),
        ("performance-drift", "2013-09-06T00:00:00.000Z"),
        ("on-time-recall", "2013-09-05T10:00:00.000Z"),
        ("score-drift", None),
    ]


def test_the_table_says_what_fired_when_why_and_until_when() -> None:
    console = Console(width=100, record=True, color_system=None)
    with console.capture() as captured:
        console.print(alerts_table(episodes(log())))
    lines = [" ".join(line.split()) for line in captured.get().splitlines()]
    assert "page on-time-recall 09-01 23:00 09-05 10:00 2013.2: why on-time-recall" in lines
    assert "ticket score-drift 09-07 00:00 still fires 2013.2: why score-drift" in lines
