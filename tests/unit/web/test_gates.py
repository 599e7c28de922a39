"""The gate's pages: what a rollout controller is answered, and what anybody else may try."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from streams.web.gates import gate_routes
from streams.web.pages import Page
from streams.web.routes import Asked, answered

BODY = {"verdict": "inconclusive", "id": "0f", "delta": None}


class Board:
    """Gates by name; each says the same of every candidate."""

    def __init__(self, verdict: str = "inconclusive", why: str | None = None) -> None:
        self.verdict, self.why = verdict, why
        self.asked: list[tuple[str, str, str | None]] = []

    def reading(self) -> str | None:
        return self.why

    def gates(self) -> dict[str, str]:
        return {"b-gate": "spam", "a-gate": "fraud"}

    def gate(self, name: str, candidate: str, baseline: str | None) -> dict[str, Any]:
        self.asked.append((name, candidate, baseline))
        return {**BODY, "verdict": self.verdict}


def ask(
    board: Board,
    path: str = "/v1/gates/{gate}",
    gate: str = "a-gate",
    query: Mapping[str, tuple[str, ...]] | None = None,
    tag: str | None = None,
    body: bytes = b"",
) -> Page:
    [route] = [route for route in gate_routes(board) if route.pattern == path]
    return answered(route, Asked({"gate": gate}, {"candidate": ("42",)} if query is None else query, tag, body))


APPROVE, ROLLBACK = "/v1/gates/{gate}/approve", "/v1/gates/{gate}/rollback"


@pytest.mark.parametrize("verdict", ["pass", "fail", "inconclusive"])
def test_every_verdict_is_answered_with_200(verdict: str) -> None:
    page = ask(Board(verdict))
    assert (page.status, page.content_type) == (200, "application/json")
    assert json.loads(page.body)["verdict"] == verdict
    assert dict(page.headers)["ETag"] == 'W/"0f"'


def test_the_baseline_may_be_said() -> None:
    board = Board()
    ask(board, query={"candidate": ("42",), "baseline": ("41",)})
    ask(board)
    assert board.asked == [("a-gate", "42", "41"), ("a-gate", "42", None)]


def test_the_gates_by_name() -> None:
    page = ask(Board(), "/v1/gates", query={})
    assert json.loads(page.body) == {
        "gates": [{"gate": "a-gate", "model": "fraud"}, {"gate": "b-gate", "model": "spam"}],
    }  # fmt: skip
    assert ask(Board(), "/v1/gates").status == 400


@pytest.mark.parametrize("tag", ['W/"0f"', '"0f"', '"aa", W/"0f"', "*"])
def test_an_evaluation_that_is_known_is_not_sent_again(tag: str) -> None:
    page = ask(Board(), tag=tag)
    assert (page.status, page.body) == (304, b"")
    assert dict(page.headers)["ETag"] == 'W/"0f"'


@pytest.mark.parametrize("tag", ['"0e"', "0f0f", "", '"'])
def test_another_evaluation_is_sent(tag: str) -> None:
    assert ask(Board(), tag=tag).status == 200


def test_an_unknown_gate_is_told_those_that_there_are() -> None:
    page = ask(Board(), gate="c-gate")
    assert page.status == 404
    assert json.loads(page.body) == {
        "error": "there is no gate of this name; known: a-gate, b-gate", "gates": ["a-gate", "b-gate"],
    }  # fmt: skip


def test_before_everything_is_read_nothing_is_said() -> None:
    for path in ("/v1/gates", "/v1/gates/{gate}", APPROVE, ROLLBACK):
        query: dict[str, tuple[str, ...]] | None = {} if path == "/v1/gates" else None
        page = ask(Board("pass", why="the alerts are being read"), path, query=query)
        assert (page.status, json.loads(page.body)) == (503, {"error": "the alerts are being read"})


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({}, "say which version: ?candidate=VERSION, or `candidate` in the metadata of a webhook"),
        ({"candidate": ("",)}, "candidate is empty"),
        ({"candidate": ("1", "2")}, "parameter candidate is given 2 times"),
        ({"candidate": ("a\nb",)}, "candidate has characters that cannot be printed"),
        ({"candidate": ("\x00",)}, "candidate has characters that cannot be printed"),
        ({"candidate": ("x" * 257,)}, "candidate has more than 256 characters"),
        ({"canditate": ("42",)}, "unknown parameter 'canditate'; known: baseline, candidate"),
        ({"candidate": ("42",), "<script>": ("1",)}, "unknown parameter '<script>'; known: baseline, candidate"),
        ({"x" * 500: ("1",)}, f"unknown parameter '{'x' * 40}...'; known: baseline, candidate"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(query: dict[str, tuple[str, ...]], sentence: str) -> None:
    page = ask(Board(), query=query)
    assert (page.status, json.loads(page.body)) == (400, {"error": sentence})


def test_a_hostile_gate_name_is_refused() -> None:
    assert ask(Board(), gate="../\x1b[2J").status == 400
    assert ask(Board(), gate="a" * 300).status == 400
    assert ask(Board(), gate="<script>").status == 404
    assert b"<script>" not in ask(Board(), gate="<script>").body


@pytest.mark.parametrize(
    ("verdict", "approve", "rollback"), [("pass", 200, 409), ("fail", 409, 200), ("inconclusive", 409, 409)]
)
def test_flagger_is_answered_yes_or_no(verdict: str, approve: int, rollback: int) -> None:
    assert ask(Board(verdict), APPROVE).status == approve
    assert ask(Board(verdict), ROLLBACK).status == rollback
    assert json.loads(ask(Board(verdict), APPROVE).body)["verdict"] == verdict


def test_flaggers_own_body_names_the_versions() -> None:
    board = Board("pass")
    posted = {
        "name": "podinfo", "namespace": "test", "phase": "Progressing", "checksum": "85d557f47b",
        "metadata": {"candidate": "42", "baseline": "41", "other": "ignored"},
    }  # fmt: skip
    assert ask(board, APPROVE, query={}, body=json.dumps(posted).encode()).status == 200
    assert board.asked == [("a-gate", "42", "41")]


def test_the_query_goes_before_the_body() -> None:
    board = Board("pass")
    ask(board, APPROVE, query={"candidate": ("43",)}, body=b'{"metadata": {"candidate": "42"}}')
    assert board.asked == [("a-gate", "43", None)]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"{", "the body is no JSON; post nothing, or what Flagger posts"),
        (b"\xff\xfe", "the body is no JSON; post nothing, or what Flagger posts"),
        (b"[" * 100_000, "the body is no JSON; post nothing, or what Flagger posts"),
        (b"[1]", "the body is no JSON object; post nothing, or what Flagger posts"),
        (b'{"metadata": [1]}', "metadata is no JSON object"),
        (b'{"metadata": {"candidate": 42}}', "metadata.candidate is no text; quote the version"),
        (b'{"metadata": {"candidate": ""}}', "candidate is empty"),
        (b'{"metadata": null}', "say which version: ?candidate=VERSION, or `candidate` in the metadata of a webhook"),
    ],
)
def test_a_body_that_makes_no_sense_is_refused(body: bytes, sentence: str) -> None:
    page = ask(Board("pass"), APPROVE, query={}, body=body)
    assert (page.status, json.loads(page.body)) == (400, {"error": sentence})
