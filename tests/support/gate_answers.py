"""What the endpoint of a gate answers, for each verdict: rows through the board and the route, as a worker does."""

import json
from functools import cache
from typing import Any

import orjson

from streams.alerts.gate.body import gate_key, gate_row
from streams.alerts.rules.model import Canary
from streams.runtime.alerts_board import AlertsBoard
from streams.web.gates import gate_routes
from streams.web.pages import Page
from streams.web.routes import Asked, answered
from tests.unit.alerts.gate.test_arms import BAD, GOOD, NOTHING, Race, Rates

GATE = "fraud-clf-gate"
FEW: Rates = {"fraud": (18, 16), "ok": (1000, 950)}

VERDICTS = {
    "pass": "pass", "fail": "fail", "undecided": "inconclusive", "too few": "inconclusive", "nothing": "inconclusive",
    "unseen": "inconclusive",
}  # fmt: skip
"""The verdict on each candidate of the board; the last one has no row."""


@cache
def board() -> AlertsBoard:
    """A board with a candidate of every kind."""
    canary = Canary(GATE, "fraud-clf")
    results = {
        "pass": list(Race(canary).hours(48, GOOD, GOOD))[-1],
        "fail": list(Race(canary).hours(6, BAD, GOOD))[-1],
        "undecided": Race(canary).hour(GOOD, GOOD),
        "too few": Race(canary).hour(FEW, GOOD),
        "nothing": Race(canary).hour(NOTHING, GOOD),
    }
    found = AlertsBoard(lambda: [canary], lambda: 0)
    for candidate, result in results.items():
        body = result.body | {"candidate": result.body["candidate"] | {"version": candidate}}
        row = gate_row("fraud-clf", result._replace(body=body), "split", "0" * 16)
        found.take("gates", gate_key(GATE, candidate, "41"), orjson.dumps(row))
    found.caught_up()
    return found


def asked(method: str, pattern: str, candidate: str | None, body: bytes = b"", gate: str = GATE) -> Page:
    """The page of a route; `candidate` in the query."""
    [route] = [r for r in gate_routes(board()) if (r.method, r.pattern) == (method, pattern)]
    query = {} if candidate is None else {"candidate": (candidate,)}
    return answered(route, Asked({"gate": gate}, query, None, body))


def body_of(candidate: str) -> Any:
    """The JSON that a rollout controller reads."""
    page = asked("GET", "/v1/gates/{gate}", candidate)
    assert page.status == 200
    return json.loads(page.body)
