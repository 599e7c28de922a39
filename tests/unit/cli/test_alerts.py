"""`streams alerts` over a folder, a topic and a worker's pages."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import orjson
import pytest

from streams.alerts.instance import Change, Instance, Phase, Transition, fingerprint, labels_of
from streams.alerts.rows import Context, alert_row, mute_row, pulse_row
from streams.alerts.rules.model import Mute, Severity
from streams.alerts.verdict import Evidence
from streams.cli.alerts_asking import Found
from streams.cli.alerts_table import numbers, render
from streams.cli.main import main
from streams.ledger.times import rfc3339
from streams.runtime.kafka.embedded import EmbeddedBroker
from streams.runtime.kafka.producer import Producer

HOUR = 3_600_000
T0 = 20_000 * 24 * HOUR
BUDGET: Evidence = {"value": 0.62, "n_long": 50, "bad_long": 19, "target": 0.9, "threshold": 3.7, "burn_long": 3.8}
Row = dict[str, object]
Ask = Callable[..., tuple[int, str, str]]


def row(cls: str, phase: Phase, change: Change = Change.FIRING, t: int = T0, **more: Any) -> Row:
    labels = labels_of(model="m", version="2", **{"class": cls})
    log = more.pop("log", False)
    instance = Instance(
        "recall", "slo", labels, fingerprint("recall", labels), phase, T0, T0, severity=Severity.PAGE,
        evidence=BUDGET, **more,
    )  # fmt: skip
    context = Context("0" * 16, t, runbook="https://runbooks.example/quality/ErrorBudgetBurn")
    schema = "quality.alert_log.v1" if log else "quality.alert.v1"
    return alert_row(schema, instance, t, context, Transition(instance.fingerprint, change, t, T0))


def log(cls: str) -> list[Row]:
    """An alert that fired and was resolved; its firing is said twice, as after a crash."""
    fired = row(cls, Phase.FIRING, log=True)
    resolved = row(cls, Phase.INACTIVE, Change.RESOLVED, T0 + HOUR, log=True) | {"reason": "recovered"}
    return [fired, fired, resolved]


def rows_of(*states: Row) -> list[Row]:
    return [*states, pulse_row("m", T0, T0, {}, "0" * 16), mute_row(Mute("night", (), T0, T0 + HOUR))]


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Ask:
    monkeypatch.setenv("COLUMNS", "160")

    def command(*arguments: str) -> tuple[int, str, str]:
        code = main(["alerts", *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def folder(path: Path, states: list[Row], transitions: list[Row]) -> str:
    for name, rows in (("alerts", states), ("alert_log", transitions)):
        (path / f"{name}.jsonl").write_bytes(b"".join(orjson.dumps(r) + b"\n" for r in rows))
    return str(path)


def test_what_is_firing_is_a_table_and_an_exit_code(ask: Ask, tmp_path: Path) -> None:
    spam = row("spam", Phase.FIRING)
    where = folder(tmp_path, rows_of(spam, row("ham", Phase.FIRING, muted_by=("night",))), [])
    code, said, _ = ask("--replay", where)
    assert code == 1
    line = next(line for line in said.splitlines() if "m 2 spam" in line)
    told = ("page", "recall", "0.6200", "50", "0.6300", " 10-04 00:00")
    assert [cell for cell in told if cell not in line] == []
    assert str(spam["fingerprint"])[:8] in line
    assert "by night" in next(line for line in said.splitlines() if "m 2 ham" in line)
    assert "night" not in line
    assert "told" not in said
    assert "recall: https://runbooks.example/quality/ErrorBudgetBurn" in said
    assert "judged: m up to 2024-10-04 00:00" in said


@pytest.mark.parametrize(
    ("states", "code", "firing"),
    [
        ([], 0, 0),
        ([row("spam", Phase.PENDING)], 0, 0),
        ([row("spam", Phase.FIRING, muted_by=("night",))], 0, 0),
        ([row("spam", Phase.FIRING), row("spam", Phase.INACTIVE)], 0, 0),
        ([row("spam", Phase.RECOVERING)], 1, 1),
        ([row("spam", Phase.FIRING, inhibited_by=("f" * 32,)), row("ham", Phase.FIRING)], 1, 2),
    ],
)
def test_the_exit_code_says_whether_an_alert_is_active_that_no_mute_covers(
    ask: Ask, tmp_path: Path, states: list[Row], code: int, firing: int
) -> None:
    found, said, _ = ask("--replay", folder(tmp_path, rows_of(*states), []), "--json")
    assert (found, json.loads(said)["firing"]) == (code, firing)


def test_json_has_whole_rows_of_the_model_that_is_asked_for(ask: Ask, tmp_path: Path) -> None:
    where = folder(tmp_path, rows_of(row("spam", Phase.FIRING)), [])
    code, said, _ = ask("--replay", where, "--json", "--model", "m")
    assert code == 1
    assert json.loads(said)["alerts"] == [row("spam", Phase.FIRING)]
    assert json.loads(said)["judged"] == {"m": "2024-10-04T00:00:00.000Z"}


def test_a_model_that_nobody_knows_is_not_well(ask: Ask, tmp_path: Path) -> None:
    where = folder(tmp_path, rows_of(), [])
    assert ask("--replay", where, "--model", "m")[0] == 0
    code, said, error = ask("--replay", where, "--model", "other")
    assert (code, said, error) == (1, "", "there is no model 'other'; there are m.\n")
    where = folder(tmp_path, [], [])
    assert ask("--replay", where, "--model", "m")[::2] == (1, "there is no model 'm'; none has been judged yet.\n")


def test_where_it_is_narrow_what_an_alert_is_about_stands_below_its_rule(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    muted = row("ham", Phase.FIRING, muted_by=("night",))
    where = folder(tmp_path, rows_of(row("spam", Phase.FIRING), muted), [])
    monkeypatch.setenv("COLUMNS", "80")
    lines = [line.strip() for line in ask("--replay", where)[1].splitlines()]
    assert max(map(len, lines)) <= 80
    spam, ham = lines.index("m 2 spam"), lines.index("m 2 ham")
    assert [lines[at - 1].split()[:2] for at in (spam, ham)] == [["page", "recall"]] * 2
    assert lines[ham + 1] == "held back by night"
    assert lines.count("held back by night") == 1


def test_the_history_of_one_alert_by_its_first_digits(ask: Ask, tmp_path: Path) -> None:
    where = folder(tmp_path, [], [*log("spam"), *log("ham")])
    print_of = str(log("spam")[0]["fingerprint"])
    code, said, _ = ask("--replay", where, "--history", print_of[:8], "--json")
    assert code == 0
    assert [row["kind"] for row in json.loads(said)["transitions"]] == ["firing", "resolved"]
    code, said, _ = ask("--replay", where, "--history", print_of)
    assert code == 0
    assert f"recall of m 2 spam ({print_of})" in said
    assert "resolved, recovered" in said
    assert "runbook: https://runbooks.example/quality/ErrorBudgetBurn" in said


def test_a_history_that_is_not_there_is_a_sentence(ask: Ask, tmp_path: Path) -> None:
    where = folder(tmp_path, [], log("spam"))
    code, _, error = ask("--replay", where, "--history", "0123abcd")
    assert (code, error) == (1, "no alert that begins with 0123abcd is in the log\n")
    code, _, error = ask("--replay", where, "--history", "recall")
    assert code == 2
    assert "is not a fingerprint" in error


def test_a_beginning_that_means_several_is_refused(ask: Ask, tmp_path: Path) -> None:
    one, other = log("spam")[0], log("ham")[0]
    where = folder(tmp_path, [], [one | {"fingerprint": "abcd1"}, other | {"fingerprint": "abcd2"}])
    code, _, error = ask("--replay", where, "--history", "abcd")
    assert (code, error) == (78, "several alerts begin so: abcd1, abcd2. Write more of the one you mean.\n")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "say where to read"),
        (["--url", "http://x", "--replay", "y"], 2, "say where to read"),
        (["--url", "nowhere"], 78, "is no address of a worker"),
        (["--url", "http://127.0.0.1:1"], 69, "does not answer"),
        (["--replay", "no/such/folder"], 78, "cannot be read"),
    ],
)
def test_a_place_that_cannot_be_read_is_one_sentence(ask: Ask, arguments: list[str], code: int, said: str) -> None:
    found, _, error = ask(*arguments)
    assert found == code
    assert said in error


def test_a_file_of_something_else_is_named_with_its_line(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "alerts.jsonl").write_text("{}\n[1]\n")
    code, _, error = ask("--replay", str(tmp_path))
    assert (code, error) == (78, f"{tmp_path}/alerts.jsonl:2 is not a row of alerts.\n")


@contextmanager
def worker(answers: Callable[[str, dict[str, list[str]]], tuple[int, object]]) -> Iterator[str]:
    """A web server with the answers of a worker; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlparse(self.path)
            status, body = answers(asked.path, parse_qs(asked.query))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body if isinstance(body, bytes) else orjson.dumps(body))

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_worker_is_asked_by_its_pages(ask: Ask) -> None:
    spam, ham = row("spam", Phase.FIRING), row("ham", Phase.RECOVERING) | {"fired_at": rfc3339(T0 - 1)}

    def answers(path: str, query: dict[str, list[str]]) -> tuple[int, object]:
        if path == "/v1/alerts":
            rows = {"firing": spam, "recovering": ham}
            return 200, {"alerts": [row for phase, row in rows.items() if [phase] == query["phase"]], "judged": {}}
        if path == f"/v1/alerts/{str(spam['fingerprint'])[:6]}/history":
            return 200, {"transitions": [spam], "whole": True}
        return 404, {"error": "no alert"}

    with worker(answers) as url:
        code, said, _ = ask("--url", url, "--json")
        assert (code, json.loads(said)["alerts"]) == (1, [ham, spam])  # as from topics: the oldest first
        code, said, _ = ask("--url", url, "--history", str(spam["fingerprint"])[:6], "--json")
        assert (code, json.loads(said)["transitions"]) == (0, [spam])
        assert ask("--url", url, "--history", "f" * 32)[0] == 1
        assert ask("--url", url, "--history", "ffff")[0] == 1


@pytest.mark.parametrize(
    ("status", "body", "code", "said"),
    [
        (503, {"error": "the alerts are being read"}, 69, "the alerts are being read"),
        (400, {"error": "parameter phase"}, 78, "parameter phase"),
        (404, {"error": "nothing"}, 78, "is it a worker of this version?"),
        (200, b"<html>", 78, "is no page of a worker"),
    ],
)
def test_what_a_worker_refuses_is_one_sentence(ask: Ask, status: int, body: object, code: int, said: str) -> None:
    with worker(lambda *_: (status, body)) as url:
        found, _, error = ask("--url", url)
    assert found == code
    assert said in error
    assert error.count("\n") == 1


def test_what_an_alert_fired_with_stands_below_what_it_is_now(ask: Ask, tmp_path: Path) -> None:
    fired: Evidence = BUDGET | {"tier": "quick"}
    well: Evidence = BUDGET | {"value": 1.0, "n_long": 1, "threshold": 1.0, "tier": "long"}
    states = rows_of(row("spam", Phase.FIRING) | {"evidence": well, "fired_evidence": fired, "tier": "medium"})
    lines = ask("--replay", folder(tmp_path, states, []))[1].splitlines()
    at = next(n for n, line in enumerate(lines) if "m 2 spam" in line)
    now, then = lines[at].split(), lines[at + 1].split()
    assert [now[:3], now[-6:-3]] == [["page", "recall", "(long)"], ["1.0000", "1", "0.9000"]]
    assert then == ["(medium)", "fired", "with", "(quick)", "0.6200", "50", "0.6300"]


def test_what_speaks_for_an_alert_is_named(ask: Ask, tmp_path: Path) -> None:
    whole = row("spam", Phase.FIRING) | {
        "rule": "degraded", "rule_kind": "rollup", "fingerprint": "a" * 32, "class": None,
        "summary": "recall: spam (1 of 2 classes)", "evidence": {"firing_classes": 1},
    }  # fmt: skip
    member = row("spam", Phase.FIRING, inhibited_by=("a" * 32,))
    said = ask("--replay", folder(tmp_path, rows_of(whole, member), []))[1]
    assert "by degraded" in next(line for line in said.splitlines() if "m 2 spam" in line)
    assert "recall: spam (1 of 2 classes)" in said


def test_mutes_by_the_wall_clock_are_those_of_now(ask: Ask) -> None:
    spam = row("spam", Phase.FIRING)

    def answers(path: str, query: dict[str, list[str]]) -> tuple[int, object]:
        if path == "/v1/alerts":
            return 200, {"alerts": [spam] if query["phase"] == ["firing"] else [], "judged": {"m": rfc3339(T0)}}
        assert query == {"state": ["now"]}
        return 200, {"mutes": [{"name": "nights", "clock": "wall", "covers": [spam["fingerprint"]]}]}

    with worker(answers) as url:
        code, said, _ = ask("--url", url)
    assert code == 0
    assert "by nights (wall clock)" in " ".join(said.split())


def test_the_value_of_a_gate_is_the_difference_that_its_bound_is_of() -> None:
    gate: Evidence = {"value": 0.6555, "baseline_value": 0.2439, "delta": 0.4116, "threshold": -0.02, "n": 1280}
    assert numbers(gate) == ("0.4116", "1280", "-0.0200")


def test_a_floor_is_the_recall_at_which_the_budget_burns_too_fast() -> None:
    assert numbers(BUDGET) == ("0.6200", "50", "0.6300")
    assert numbers({"value": 0.7, "support": 12}) == ("0.7000", "12", "-")
    assert numbers({"effect": 0.01, "n": 5, "value": None}) == ("0.0100", "5", "-")
    assert numbers({}) == ("-", "-", "-")


def test_nothing_known_is_not_shown_as_well() -> None:
    assert "no model yet" in str(render(Found([], {})).renderables[1])  # type: ignore[union-attr]


@pytest.mark.embedded
def test_the_topics_are_read_without_a_worker(ask: Ask, tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    with EmbeddedBroker() as broker:
        for noun in ("alerts", "alert-log"):
            broker.create_topic(f"q.{noun}.v1", 1)
        path.write_text(f'name = "q"\n[kafka]\nbootstrap = "{broker.bootstrap}"\n')
        producer = Producer("test", {"bootstrap.servers": broker.bootstrap}, fail=lambda e: pytest.fail(str(e)))
        for cls, phase in (("spam", Phase.FIRING), ("ham", Phase.FIRING), ("ham", Phase.INACTIVE)):
            value = row(cls, phase)
            producer.send("q.alerts.v1", 0, orjson.dumps(value), key=str(value["fingerprint"]).encode())
        for value in log("ham"):
            producer.send("q.alert-log.v1", 0, orjson.dumps(value), key=str(value["fingerprint"]).encode())
        assert producer.close(30)
        code, said, _ = ask("-c", str(path), "--json")
        assert (code, [alert["class"] for alert in json.loads(said)["alerts"]]) == (1, ["spam"])
        code, said, _ = ask("--brokers", broker.bootstrap, "--prefix", "q.", "--json", "--history", "0000")
        assert code == 1
        wanted = str(log("ham")[0]["fingerprint"])
        code, said, _ = ask("--brokers", broker.bootstrap, "--prefix", "q.", "--json", "--history", wanted)
        assert [transition["kind"] for transition in json.loads(said)["transitions"]] == ["firing", "resolved"]
        assert ask("--brokers", broker.bootstrap, "--prefix", "never.")[0] == 76
