"""`streams gate`: the verdict is the exit code, whoever is asked."""

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import orjson
import pytest

from streams.alerts.gate.body import Body, gate_row
from streams.cli import gate as command
from streams.cli.main import main
from streams.ledger.times import rfc3339
from streams.web.gates import gate_routes
from streams.web.routes import Asked, answered
from tests.unit.alerts.gate.test_arms import BAD, GOOD, Race, Rates

DAY = 86_400_000
START = 1_767_225_600_000  # 2026-01-01T00:00:00Z
FULL: Rates = {"fraud": (1000, 900), "ok": (9000, 8550)}
WORSE: Rates = {"fraud": (1000, 600), "ok": (9000, 8550)}
FEW: Rates = {"fraud": (20, 18), "ok": (100, 95)}
EXIT_CODES = (Path(__file__).parents[3] / "docs" / "exit-codes.md").read_text(encoding="utf-8")


def row(version: str, day: int, name: str, counts: tuple[int, int], **other: Any) -> dict[str, Any]:
    """What a replay writes of one class in one window, as far as the gate reads it."""
    n, hits = counts
    return {
        "schema": "quality.class.v1", "model": "m", "model_version": version, "segment": "all", "window": "24h",
        "view": "prediction_time", "window_start": rfc3339(START + day * DAY),
        "window_end": rfc3339(START + (day + 1) * DAY), "revision": 1, "class": name,
        "tp": hits, "fn": n - hits, "fp": 3, "predictions_of_class": hits + 3, **other,
    }  # fmt: skip


def history(folder: Path, versions: Mapping[str, Rates], *more: Mapping[str, Any], days: int = 4) -> str:
    """A replay's folder in which each version has the same counts every day."""
    rows = [
        row(version, day, name, counts)
        for version, rates in versions.items()
        for day in range(days)
        for name, counts in rates.items()
    ]
    path = folder / "classes.jsonl"
    path.write_bytes(b"".join(orjson.dumps(r, option=orjson.OPT_APPEND_NEWLINE) for r in (*rows, *more)))
    return str(folder)


def ask(*arguments: str) -> int:
    return main(["gate", "m", "--candidate", "42", *arguments])


@pytest.mark.parametrize(("own", "code", "word"), [(FULL, 0, "pass"), (WORSE, 1, "fail"), (FEW, 2, "inconclusive")])
def test_a_replay_is_compared_by_its_windows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], own: Rates, code: int, word: str
) -> None:
    folder = history(tmp_path, {"41": FULL, "42": own})
    assert ask("--replay", folder) == code
    assert capsys.readouterr().out.startswith(f"{word}  42 against 41\n")


def test_the_answer_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ask("--replay", history(tmp_path, {"41": FULL, "42": WORSE}))
    said = capsys.readouterr().out
    assert "class fraud is worse: -0.3000, at most -" in said
    assert re.search(r"balanced accuracy +0.7750 against 0.9250 *\n", said)
    assert re.search(r"difference +-0.1500, from -0\.\d{4} to -0\.\d{4} *\n", said)
    assert re.search(r"margin +0.02; alpha 0.05, valid at every look *\n", said)
    assert re.search(r"hours of both +2026-01-01 00:00 to 2026-01-05 00:00 UTC *\n", said)
    assert re.search(r"fraud +4,000 +4,000 +-0.3000 +worse *\n", said)
    assert re.search(r"ok +36,000 +36,000 +\+0.0000 *\n", said)


def test_the_answer_for_tools_is_the_body_of_the_endpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ask("--json", "--replay", history(tmp_path, {"41": FULL, "42": FEW}, days=1))
    body = json.loads(capsys.readouterr().out)
    assert list(body) == list(Race().hour(GOOD, GOOD).body)
    assert body["reason"] == "class fraud: 20 of 30 candidate events"
    assert body["gate"] == "replay"


def test_only_the_newest_rows_of_the_smallest_tumbling_windows_of_everything_count(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noise = [
        row("42", 0, "fraud", (10**6, 0), segment="region=eu"),
        row("42", 0, "fraud", (10**6, 0), view="label_time"),
        row("42", 0, "fraud", (10**6, 0), window="24h/1h"),
        row("42", 0, "fraud", (10**6, 0), window="decayed-6h", window_start=None),
        row("42", 0, "fraud", (10**6, 0), window="7d", window_end=rfc3339(START + 7 * DAY)),
        row("42", 0, "fraud", (10**6, 0), model="other"),
        row("42", 0, "fraud", (2000, 1800), revision=2),
        row("42", 0, "fraud", (10**6, 0), revision=0),
    ]
    ask("--json", "--replay", history(tmp_path, {"41": FULL, "42": FULL}, *noise))
    body = json.loads(capsys.readouterr().out)
    assert [(c["class"], c["n"], c["n_base"]) for c in body["classes"]] == [("fraud", 5000, 4000), ("ok", 36000, 36000)]


def test_the_version_before_is_the_baseline_unless_another_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    later = [row(version, 9, "ok", (1000, 950)) for version in ("40", "41", "42")]
    folder = history(tmp_path, {"40": FULL}, row("41", 5, "ok", (1000, 950)), *later)
    for more, baseline in (((), "41"), (("--baseline", "40"), "40")):
        ask("--json", "--replay", folder, *more)
        assert json.loads(capsys.readouterr().out)["baseline"]["version"] == baseline


def test_a_replay_with_a_gate_of_its_own_says_what_that_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = history(tmp_path, {"41": FULL, "42": FULL})
    failed = list(Race().hours(6, BAD, GOOD))[-1]
    gates = Path(folder) / "gates.jsonl"
    gates.write_bytes(orjson.dumps(gate_row("m", failed, "split", "0" * 16), option=orjson.OPT_APPEND_NEWLINE))
    assert ask("--replay", folder) == 1
    assert ask("--replay", folder, "--gate", "fraud-gate") == 1
    capsys.readouterr()
    assert ask("--replay", folder, "--gate", "other") == 78
    assert "has no verdict of the gate other on m 42. Leave --gate out" in capsys.readouterr().err
    assert ask("--replay", folder, "--baseline", "40") == 78  # it knows no such version
    with gates.open("ab") as more:
        other = failed.body | {"gate": "second-gate"}
        more.write(orjson.dumps(gate_row("m", failed._replace(body=other), "split", "0" * 16)))
    capsys.readouterr()
    assert ask("--replay", folder) == 78
    assert capsys.readouterr().err == "m has several gates; name one with --gate: fraud-gate, second-gate.\n"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b"", "classes.jsonl has no model m; it has: none."),
        (orjson.dumps(row("42", 0, "a", (1, 1), model="x")), "has no model m; it has: x."),
        (
            orjson.dumps(row("42", 0, "a", (1, 1), window="24h/1h")),
            "has no windows of the model m that tumble, such as",
        ),
        (b"{}\n", "classes.jsonl:1 is not a row of quality.class.v1."),
        (b"{\n", "classes.jsonl:1 is not a row of quality.class.v1."),
        (orjson.dumps(row("42", 0, "a", (1, 1), tp="x")), "classes.jsonl:1 is not a row of quality.class.v1."),
        (orjson.dumps(row("42", 0, "a", (1, 1), window_end="x")), "classes.jsonl:1 is not a row of quality.class.v1."),
        (orjson.dumps(row("41", 0, "a", (1, 1))), "has no version 42 of m; it has: 41."),
        (orjson.dumps(row("42", 0, "a", (1, 1))), "say which version to compare 42 with: --baseline, of none."),
        (None, "classes.jsonl cannot be read: No such file or directory. Name the folder that"),
    ],
)
def test_what_is_no_folder_of_a_replay_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: bytes | None, sentence: str
) -> None:
    if line is not None:
        (tmp_path / "classes.jsonl").write_bytes(line)
    assert ask("--replay", str(tmp_path)) == 78
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["m"],
        ["m", "--candidate", "42"],
        ["m", "--candidate", "42", "--nonsense"],
        ["m", "--candidate", "42", "--url", "http://127.0.0.1:1", "--replay", "x"],
        ["m", "--candidate", "42", "--url", "http://127.0.0.1:1", "-c", "x"],
        ["m", "--candidate", "42", "--url", "http://127.0.0.1:1", "--wait", "soon"],
        ["m", "--candidate", "42", "--replay", "x", "--wait", "5m"],
    ],
)
def test_wrong_usage_is_not_mistaken_for_a_verdict(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gate", *arguments]) == command.WRONG_USAGE == 64
    assert "Usage: streams gate" in capsys.readouterr().err


def test_the_exit_codes_are_documented() -> None:
    assert re.search(r"\| 64 \| .*`gate`", EXIT_CODES)
    assert re.search(r"\| 2 \| .*`gate`.*inconclusive", EXIT_CODES)
    assert re.search(r"\| 1 \| .*`gate`", EXIT_CODES)


# ---------------------------------------------------------------- a worker


class Board:
    """A gate whose verdicts come one after the other; the last one stays."""

    def __init__(self, verdicts: list[str], why: str | None = None) -> None:
        self.verdicts, self.whys = verdicts, [why]
        self.asked: list[tuple[str, str, str | None]] = []

    def reading(self) -> str | None:
        return self.whys.pop(0) if len(self.whys) > 1 else self.whys[0]

    def gates(self) -> dict[str, str]:
        return {"a/gate": "m", "spam-gate": "spam"}

    def gate(self, name: str, candidate: str, baseline: str | None) -> Body:
        self.asked.append((name, candidate, baseline))
        verdict = self.verdicts.pop(0) if len(self.verdicts) > 1 else self.verdicts[0]
        return Race().hour(GOOD, GOOD).body | {"gate": name, "verdict": verdict}


Serve = Callable[[Board], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve a board as a worker does; its address."""
    servers: list[ThreadingHTTPServer] = []

    def start(board: Board) -> str:
        routes = {route.pattern: route for route in gate_routes(board)}

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                url = urlsplit(self.path)
                query = {name: tuple(values) for name, values in parse_qs(url.query, keep_blank_values=True).items()}
                parts = url.path.strip("/").split("/")
                pattern = "/v1/gates/{gate}" if len(parts) == 3 else url.path
                path = {"gate": unquote(parts[2])} if len(parts) == 3 else {}
                page = answered(routes[pattern], Asked(path, query))
                self.send_response(page.status)
                self.end_headers()
                self.wfile.write(page.body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.02,), daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(("verdict", "code"), [("pass", 0), ("fail", 1), ("inconclusive", 2)])
def test_a_worker_is_asked(serve: Serve, verdict: str, code: int) -> None:
    board = Board([verdict])
    assert ask("--url", serve(board), "--baseline", "41") == code
    assert board.asked == [("a/gate", "42", "41")]


def test_waiting_ends_with_the_first_verdict_that_says_something(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "LOOK_EVERY_S", 0.01)
    board = Board(["inconclusive", "inconclusive", "pass", "fail"])
    board.whys = ["still reading", "still reading", None]
    assert ask("--url", serve(board), "--wait", "60s") == 0
    assert len(board.asked) == 3


def test_waiting_ends_when_its_time_is_over(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "LOOK_EVERY_S", 0.01)
    now_s = iter(range(1_000))
    monkeypatch.setattr(command, "monotonic_s", lambda: float(next(now_s)))
    board = Board(["inconclusive"])
    assert ask("--url", serve(board), "--wait", "5s") == 2
    assert len(board.asked) == 5


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["gate", "m", "--candidate", ""], 78, "candidate is empty"),
        (["gate", "m", "--candidate", "42", "--gate", "b"], 78, "there is no gate of this name; known: a/gate, spam-g"),
        (["gate", "x", "--candidate", "42"], 78, "x has no gate there; name one with --gate: a/gate, spam-gate."),
    ],
)
def test_what_a_worker_refuses_is_told(
    serve: Serve, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, sentence: str
) -> None:
    assert main([*arguments, "--url", serve(Board(["pass"]))]) == code
    assert sentence in capsys.readouterr().err


def test_a_worker_that_cannot_say_anything_yet_is_unavailable(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask("--url", serve(Board(["pass"], "the alerts are being read"))) == 69
    assert capsys.readouterr().err.endswith("/v1/gates: the alerts are being read\n")


def test_an_address_without_a_worker_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert ask("--url", "http://127.0.0.1:9") == 69
    assert "http://127.0.0.1:9 does not answer (" in capsys.readouterr().err
    assert ask("--url", "127.0.0.1:9400") == 78
    assert "is no address of a worker; write one such as" in capsys.readouterr().err
