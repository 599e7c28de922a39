"""What a gate says, for rollout controllers: Argo Rollouts and CI read the verdict, Flagger asks yes or no.

An answer is 200 whenever it can be given, also when it is "not enough data": a controller takes anything else for an
outage of the monitor. Only 503 means that nothing can be said yet.
"""

import json
from collections.abc import Mapping
from typing import Any, Protocol

from streams.web.pages import Page
from streams.web.routes import Asked, RefusedError, Route, json_page, parameters

Body = Mapping[str, Any]


class GateBoard(Protocol):
    """The newest verdicts."""

    def reading(self) -> str | None:
        """Why nothing can be said yet, None when everything that was written is known."""

    def gates(self) -> Mapping[str, str]:
        """The model of each gate, by name."""

    def gate(self, name: str, candidate: str, baseline: str | None) -> Body:
        """What a known gate says of a candidate; inconclusive when it has not compared it."""


def gate_routes(board: GateBoard) -> list[Route]:
    """GET the gates, and what one says; POST whether to promote (200 iff pass) or roll back (200 iff fail), or 409."""
    return [
        Route("GET", "/v1/gates", lambda asked: _gates(board, asked)),
        Route("GET", "/v1/gates/{gate}", lambda asked: _verdict(board, asked)),
        Route("POST", "/v1/gates/{gate}/approve", lambda asked: _decision(board, asked, "pass")),
        Route("POST", "/v1/gates/{gate}/rollback", lambda asked: _decision(board, asked, "fail")),
    ]


def _gates(board: GateBoard, asked: Asked) -> Page:
    parameters(asked, ())
    _check_ready(board)
    return json_page({"gates": [{"gate": gate, "model": model} for gate, model in sorted(board.gates().items())]})


def _verdict(board: GateBoard, asked: Asked) -> Page:
    body = _body(board, asked, parameters(asked, ("candidate", "baseline")))
    tag = f'W/"{body["id"]}"'  # weak: the lag in the body moves on while the evaluation is the same
    if _matches(asked.if_none_match, tag):
        return Page(304, "application/json", b"", (("ETag", tag),))
    return json_page(body, headers=(("ETag", tag),))


def _decision(board: GateBoard, asked: Asked, wanted: str) -> Page:
    given = parameters(asked, ("candidate", "baseline"))
    body = _body(board, asked, {**_metadata(asked.body), **given})
    return json_page(body, status=200 if body["verdict"] == wanted else 409)


def _body(board: GateBoard, asked: Asked, given: Mapping[str, str]) -> Body:
    name = asked.path["gate"]
    _check_ready(board)
    known = sorted(board.gates())
    if name not in known:
        there = f"known: {', '.join(known)}" if known else "the rules have none ([[canary]])"
        raise RefusedError(404, f"there is no gate of this name; {there}", gates=known)
    if "candidate" not in given:
        raise RefusedError(400, "say which version: ?candidate=VERSION, or `candidate` in the metadata of a webhook")
    return board.gate(name, given["candidate"], given.get("baseline"))


def _check_ready(board: GateBoard) -> None:
    why = board.reading()
    if why is not None:
        raise RefusedError(503, why)


def _metadata(body: bytes) -> dict[str, str]:
    """`candidate` and `baseline` of the metadata that Flagger posts: {name, namespace, phase, checksum, metadata}."""
    if not body.strip():
        return {}
    try:
        posted = json.loads(body)
    except (ValueError, RecursionError):
        raise RefusedError(400, "the body is no JSON; post nothing, or what Flagger posts") from None
    if not isinstance(posted, dict):
        raise RefusedError(400, "the body is no JSON object; post nothing, or what Flagger posts")
    metadata = posted.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise RefusedError(400, "metadata is no JSON object")
    found = {name: metadata[name] for name in ("candidate", "baseline") if name in metadata}
    for name, value in found.items():
        if not isinstance(value, str):
            raise RefusedError(400, f"metadata.{name} is no text; quote the version")
    return parameters(Asked({}, {name: (value,) for name, value in found.items()}), tuple(found))


def _matches(if_none_match: str | None, tag: str) -> bool:
    """Whether a client has this evaluation already; tags are compared weakly (RFC 9110, 13.1.2)."""
    if if_none_match is None:
        return False
    opaque = tag.removeprefix("W/")
    return any(t.strip() == "*" or t.strip().removeprefix("W/") == opaque for t in if_none_match.split(","))
