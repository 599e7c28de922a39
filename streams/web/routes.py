"""What is a route, and what does it answer with? JSON over HTTP, from plain inputs; no web server here.

A route refuses what it does not know: an unknown or repeated parameter is 400, so that a typing error never reads as
"no such alert". Every answer has `Cache-Control: no-store`, every refusal one sentence under `error`.
"""

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from streams.web.pages import Page

JSON = "application/json"

LONGEST_VALUE = 256
"""Characters of a parameter: names of models, versions and gates are shorter."""


LONGEST_BODY = 256 * 1024
"""Bytes of what is posted: a file of rules with thousands of lines is shorter."""


class Asked(NamedTuple):
    """One request: `path` has what stands for the names in the route's pattern."""

    path: Mapping[str, str]
    query: Mapping[str, tuple[str, ...]] = {}
    if_none_match: str | None = None
    body: bytes = b""


class Route(NamedTuple):
    """`method` is GET, POST or DELETE; a pattern has names in braces: `/v1/gates/{gate}`.

    `is_work`: it takes long or changes something. It is answered in a thread of its own, and not for a page of another
    site in somebody's browser.
    """

    method: str
    pattern: str
    answer: Callable[[Asked], Page]
    is_work: bool = False


class RefusedError(Exception):
    """A request that gets an answer other than 200; the sentence says why."""

    def __init__(self, status: int, sentence: str, **more: object) -> None:
        """`more` are further fields of the answer."""
        super().__init__(sentence)
        self.page = json_page({"error": sentence, **more}, status=status)


def answered(route: Route, asked: Asked) -> Page:
    """What a route answers, also when it refuses."""
    try:
        for name, value in asked.path.items():
            _check(name, value)
        return route.answer(asked)
    except RefusedError as refused:
        return refused.page


def json_page(value: Mapping[str, Any], status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Page:
    """A page of JSON. A number that JSON has not is a bug: ValueError."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Page(status, JSON, text.encode(), headers)


def parameters(asked: Asked, names: Collection[str]) -> dict[str, str]:
    """The parameters of a request by name; those that were not given are left out.

    Raises RefusedError (400) for an unknown, repeated, empty, overlong or unprintable one.
    """
    found = {}
    for name, values in asked.query.items():
        if name not in names:
            known = ", ".join(sorted(names)) or "there is none"
            raise RefusedError(400, f"unknown parameter {_shown(name)}; known: {known}")
        if len(values) != 1:
            raise RefusedError(400, f"parameter {name} is given {len(values)} times")
        _check(name, values[0])
        found[name] = values[0]
    return found


def json_object(body: bytes) -> dict[str, Any]:
    """What was posted as a JSON object. Raises RefusedError (400) for anything else, or a key that is there twice."""
    try:
        found = json.loads(body, object_pairs_hook=_once)
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode()  # no half characters, no NaN
    except (ValueError, RecursionError):
        raise RefusedError(400, "the body is no JSON object") from None
    if not isinstance(found, dict):
        raise RefusedError(400, "the body is no JSON object")
    return found


def one_of(name: str, value: str | None, known: Collection[str]) -> str | None:
    """A parameter that is one of some words, or was not given. Raises RefusedError (400)."""
    if value is not None and value not in known:
        raise RefusedError(400, f"parameter {name} is {_shown(value)}; it is one of {', '.join(sorted(known))}")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise RefusedError(400, "the body has a key twice")
    return found


def _check(name: str, value: str) -> None:
    if not value:
        raise RefusedError(400, f"{name} is empty")
    if len(value) > LONGEST_VALUE:
        raise RefusedError(400, f"{name} has more than {LONGEST_VALUE} characters")
    if not value.isprintable():
        raise RefusedError(400, f"{name} has characters that cannot be printed")


def _shown(text: str) -> str:
    """Foreign text in an answer: short, and without control characters."""
    return repr(text if len(text) <= 40 else text[:40] + "...")
