"""Which alerts are there now, and what became of one? Any worker answers for every model."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from streams.web.pages import Page
from streams.web.routes import Asked, RefusedError, Route, json_page, one_of, parameters

SEVERITIES = ("page", "ticket")
ACTIVE = ("firing", "recovering")
PHASES = ("pending", *ACTIVE)

MOST_ALERTS = 1_000
"""Alerts of one answer; `total` says how many there are."""

_FINGERPRINT = re.compile(r"[0-9a-f]{4,32}")

Row = Mapping[str, Any]


class History(NamedTuple):
    """Transitions of one alert, oldest first; `is_whole` says that none was dropped for want of room."""

    transitions: Sequence[Row]
    is_whole: bool


class AlertBoard(Protocol):
    """The newest state of each alert."""

    def reading(self) -> str | None:
        """Why nothing can be said yet, None when everything that was written is known."""

    def alerts(self) -> Sequence[Row]:
        """The rows of all alerts that are not inactive, the loudest and oldest first."""

    def judged(self) -> Mapping[str, str]:
        """Up to when each model has been judged, RFC 3339."""

    def fingerprints(self, begins: str) -> Sequence[str]:
        """The fingerprints in the log that begin so, sorted."""

    def history(self, fingerprint: str) -> History:
        """What is known of one alert; no transitions for one that nobody knows."""


def alert_routes(board: AlertBoard) -> list[Route]:
    """GET the alerts that are active now, and the transitions of one."""
    return [
        Route("GET", "/v1/alerts", lambda asked: _alerts(board, asked)),
        Route("GET", "/v1/alerts/{fingerprint}/history", lambda asked: _history(board, asked)),
    ]


def _alerts(board: AlertBoard, asked: Asked) -> Page:
    given = parameters(asked, ("model", "severity", "phase"))
    severity = one_of("severity", given.get("severity"), SEVERITIES)
    phase = one_of("phase", given.get("phase"), PHASES)
    _check_ready(board)
    phases = ACTIVE if phase is None else (phase,)
    found = [
        row
        for row in board.alerts()
        if row["phase"] in phases
        and (severity is None or row["severity"] == severity)
        and ("model" not in given or row["model"] == given["model"])
    ]
    return json_page({"alerts": found[:MOST_ALERTS], "total": len(found), "judged": dict(board.judged())})


def _history(board: AlertBoard, asked: Asked) -> Page:
    parameters(asked, ())
    fingerprint = asked.path["fingerprint"]
    if not _FINGERPRINT.fullmatch(fingerprint):
        raise RefusedError(400, "a fingerprint has 32 hexadecimal digits; its first 4 or more will do")
    _check_ready(board)
    found = board.fingerprints(fingerprint)
    if len(found) > 1:
        raise RefusedError(400, f"several alerts begin so: {', '.join(found[:5])}; write more of the one you mean")
    if not found:
        raise RefusedError(404, "no alert of this fingerprint is in the log")
    [fingerprint] = found
    history = board.history(fingerprint)
    return json_page({"fingerprint": fingerprint, "transitions": list(history.transitions), "whole": history.is_whole})


def _check_ready(board: AlertBoard) -> None:
    why = board.reading()
    if why is not None:
        raise RefusedError(503, why)
