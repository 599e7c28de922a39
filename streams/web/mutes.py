"""Which mutes are there, and how does one add or end one? POST and DELETE write an order into the job's log.

It holds from the next step that is judged, so they answer 202: the mute is on its way.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from streams.web.pages import Page
from streams.web.routes import Asked, Route, json_object, json_page, one_of, parameters

STATES = ("now", "later", "over")

Body = Mapping[str, Any]


class MuteDesk(Protocol):
    """Adds and ends mutes. Every method may raise RefusedError."""

    def mutes(self) -> Sequence[Body]:
        """All mutes, those that are over, too: their rows with `state` and `covers`."""

    def add(self, body: Body) -> Body:
        """Add a mute, and what it is then. Every error at once, 400."""

    def end(self, name: str) -> Body:
        """End a mute now, and what it is then. 404 for one that nobody knows."""


def mute_routes(desk: MuteDesk) -> list[Route]:
    """GET the mutes that are not over, POST one, DELETE one."""
    return [
        Route("GET", "/v1/mutes", lambda asked: _mutes(desk, asked)),
        Route("POST", "/v1/mutes", lambda asked: _add(desk, asked), is_work=True),
        Route("DELETE", "/v1/mutes/{name}", lambda asked: _end(desk, asked), is_work=True),
    ]


def _mutes(desk: MuteDesk, asked: Asked) -> Page:
    state = one_of("state", parameters(asked, ("state",)).get("state"), STATES)
    wanted = ("now", "later") if state is None else (state,)
    return json_page({"mutes": [mute for mute in desk.mutes() if mute["state"] in wanted]})


def _add(desk: MuteDesk, asked: Asked) -> Page:
    parameters(asked, ())
    return json_page(desk.add(json_object(asked.body)), status=202)


def _end(desk: MuteDesk, asked: Asked) -> Page:
    parameters(asked, ())
    return json_page(desk.end(asked.path["name"]), status=202)
