"""What is asked of the models, how is this worker configured, and would other rules be right? And reload them.

Nothing here shows a secret: of the configuration only names and hashes are told.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from streams.web.pages import Page
from streams.web.routes import Asked, RefusedError, Route, json_page, parameters

Body = Mapping[str, Any]


class RulesDesk(Protocol):
    """Knows the rules of this worker. Every method may raise RefusedError."""

    def config(self) -> Body:
        """Names and hashes of the configuration, where its rules are from and when they were taken."""

    def rules(self) -> Body:
        """The rules, whole."""

    def test(self, text: str) -> Body:
        """What `streams check` says of rules: `ok`, `problems` and what they ask. Nothing is changed."""

    def reload(self) -> Body:
        """Read the rules again. 400 with every problem when the file is wrong; the old rules hold then."""


def rules_routes(desk: RulesDesk) -> list[Route]:
    """GET the configuration and the rules, POST rules to be tested, POST that they are to be read again."""
    return [
        Route("GET", "/v1/config", lambda asked: _shown(asked, desk.config)),
        Route("GET", "/v1/rules", lambda asked: _shown(asked, desk.rules)),
        Route("POST", "/v1/rules/test", lambda asked: _test(desk, asked), is_work=True),
        Route("POST", "/-/reload", lambda asked: _shown(asked, desk.reload), is_work=True),
    ]


def _shown(asked: Asked, answer: Callable[[], Body]) -> Page:
    parameters(asked, ())
    return json_page(answer())


def _test(desk: RulesDesk, asked: Asked) -> Page:
    parameters(asked, ())
    if not asked.body.strip():
        raise RefusedError(400, "the body is empty; post the text of a file of rules")
    try:
        text = asked.body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RefusedError(400, "the body is not UTF-8, which TOML must be") from None
    answer = desk.test(text)
    return json_page(answer, status=200 if answer["ok"] else 400)
