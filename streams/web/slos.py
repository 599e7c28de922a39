"""What does an error budget promise, where does each of its tiers begin, and what is burning now?"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from streams.web.pages import Page
from streams.web.routes import Asked, RefusedError, Route, json_page, parameters

Body = Mapping[str, Any]


class SloDesk(Protocol):
    """The error budgets of the rules of this worker. Every method may raise RefusedError."""

    def names(self) -> Sequence[str]:
        """The names of all, sorted."""

    def slo(self, name: str) -> Body:
        """Targets and tiers of a known one, and its alerts that are not inactive."""


def slo_routes(desk: SloDesk) -> list[Route]:
    """GET the names of the budgets, and one."""
    return [
        Route("GET", "/v1/slos", lambda asked: _names(desk, asked)),
        Route("GET", "/v1/slos/{name}", lambda asked: _slo(desk, asked)),
    ]


def _names(desk: SloDesk, asked: Asked) -> Page:
    parameters(asked, ())
    return json_page({"slos": list(desk.names())})


def _slo(desk: SloDesk, asked: Asked) -> Page:
    parameters(asked, ())
    name, known = asked.path["name"], list(desk.names())
    if name not in known:
        there = f"known: {', '.join(known)}" if known else "the rules have none ([[slo]])"
        raise RefusedError(404, f"there is no error budget of this name; {there}", slos=known)
    return json_page(desk.slo(name))
