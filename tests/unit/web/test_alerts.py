"""The pages about alerts."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from streams.web.alerts import MOST_ALERTS, History, alert_routes
from streams.web.pages import Page
from streams.web.routes import Asked, answered

PRINT = "0123456789abcdef" * 2
OTHER = "0123" + "f" * 28


def row(model: str = "fraud", severity: str = "page", phase: str = "firing") -> dict[str, Any]:
    return {"fingerprint": PRINT, "model": model, "severity": severity, "phase": phase}


class Board:
    def __init__(self, rows: Sequence[Mapping[str, Any]] = (), why: str | None = None, *, whole: bool = True) -> None:
        self.rows, self.why, self.whole = rows, why, whole

    def reading(self) -> str | None:
        return self.why

    def alerts(self) -> Sequence[Mapping[str, Any]]:
        return self.rows

    def judged(self) -> Mapping[str, str]:
        return {"fraud": "2026-11-20T06:00:00.000Z"}

    def fingerprints(self, begins: str) -> Sequence[str]:
        return [name for name in (PRINT, OTHER) if name.startswith(begins)]

    def history(self, fingerprint: str) -> History:
        return History(self.rows if fingerprint == PRINT else [], self.whole)


def get(board: Board, **query: str) -> Page:
    [route] = [route for route in alert_routes(board) if route.pattern == "/v1/alerts"]
    return answered(route, Asked({}, {name: (value,) for name, value in query.items()}))


def history(board: Board, fingerprint: str, **query: str) -> Page:
    [route] = [route for route in alert_routes(board) if route.pattern.endswith("history")]
    asked = Asked({"fingerprint": fingerprint}, {name: (value,) for name, value in query.items()})
    return answered(route, asked)


ROWS = [row(), row("spam", "ticket"), row(phase="recovering"), row("spam", phase="pending")]


def phases(page: Page) -> list[tuple[str, str, str]]:
    return [(r["model"], r["severity"], r["phase"]) for r in json.loads(page.body)["alerts"]]


def test_alerts_that_are_active_and_up_to_when_models_were_judged() -> None:
    page = get(Board(ROWS))
    assert page.status == 200
    assert json.loads(page.body) == {
        "alerts": ROWS[:3], "total": 3, "judged": {"fraud": "2026-11-20T06:00:00.000Z"},
    }  # fmt: skip


def test_they_can_be_chosen_by_model_severity_and_phase() -> None:
    assert phases(get(Board(ROWS), model="spam")) == [("spam", "ticket", "firing")]
    assert phases(get(Board(ROWS), severity="page")) == [("fraud", "page", "firing"), ("fraud", "page", "recovering")]
    assert phases(get(Board(ROWS), phase="pending")) == [("spam", "page", "pending")]
    assert phases(get(Board(ROWS), model="fraud", phase="recovering")) == [("fraud", "page", "recovering")]
    assert phases(get(Board(ROWS), model="nobody")) == []


def test_an_answer_is_bounded_and_says_how_many_there_are() -> None:
    answer = json.loads(get(Board([row()] * (MOST_ALERTS + 5))).body)
    assert (len(answer["alerts"]), answer["total"]) == (MOST_ALERTS, MOST_ALERTS + 5)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"severity": "critical"}, "parameter severity is 'critical'; it is one of page, ticket"),
        ({"phase": "inactive"}, "parameter phase is 'inactive'; it is one of firing, pending, recovering"),
        ({"phase": "x" * 200}, f"parameter phase is '{'x' * 40}...'; it is one of firing, pending, recovering"),
        ({"modell": "a"}, "unknown parameter 'modell'; known: model, phase, severity"),
        ({"model": "a\x1b[2J"}, "model has characters that cannot be printed"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(query: dict[str, str], sentence: str) -> None:
    page = get(Board(ROWS), **query)
    assert (page.status, json.loads(page.body)) == (400, {"error": sentence})


def test_the_history_of_one() -> None:
    answer = json.loads(history(Board(ROWS, whole=False), PRINT).body)
    assert answer == {"fingerprint": PRINT, "transitions": ROWS, "whole": False}


@pytest.mark.parametrize("fingerprint", ["0", "x" * 32, PRINT.upper(), PRINT + "0", "../../etc/passwd"])
def test_what_is_no_fingerprint_is_refused(fingerprint: str) -> None:
    page = history(Board(ROWS), fingerprint)
    assert (page.status, json.loads(page.body)) == (
        400,
        {"error": "a fingerprint has 32 hexadecimal digits; its first 4 or more will do"},
    )


def test_the_first_digits_will_do_where_they_mean_one() -> None:
    assert json.loads(history(Board(ROWS), PRINT[:5]).body)["fingerprint"] == PRINT
    page = history(Board(ROWS), "0123")
    assert page.status == 400
    assert f"several alerts begin so: {PRINT}, {OTHER}" in json.loads(page.body)["error"]


def test_an_alert_that_nobody_knows_is_not_found() -> None:
    assert history(Board(ROWS), "f" * 32).status == 404
    assert history(Board(ROWS), PRINT, limit="3").status == 400


def test_before_everything_is_read_nothing_is_said() -> None:
    for page in (get(Board(ROWS, "wait")), history(Board(ROWS, "wait"), PRINT)):
        assert (page.status, json.loads(page.body)) == (503, {"error": "wait"})
