"""A real worker that is steered: mutes by command and by HTTP, rules that are reloaded, wrong ones that are not."""

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import orjson
import pytest

from streams.cli.main import main
from streams.formats.reasons import Kind
from streams.ledger.times import rfc3339
from streams.runtime.kafka.embedded import EmbeddedBroker
from streams.runtime.play import Delivery
from tests.support.clusters import EmbeddedCluster
from tests.support.job import Job
from tests.support.schemas import schema

pytestmark = pytest.mark.embedded

START = 1_767_225_600_000  # 2026-01-01T00:00:00Z
HOUR = 3_600_000
EACH = 240
RULES = """
schema = 1
[[rule]]
name = "recall-low"
metric = "recall"
by = ["class"]
window = "1h"
fire_when = "value < 0.9"
"""
OTHER = RULES.replace("recall-low", "recall-bad").replace("[[rule]]", '[defaults]\nstep = "10m"\n[[rule]]')
BUDGET = """
schema = 1
[[slo]]
name = "recall"
target = 0.95
runbook = "ErrorBudgetBurn"
"""
WRONG = 'schema = 1\n[[rule]]\nname = "x"\nmetric = "recal"\nwindow = "7m"\nfire_when = "value < 2 <"\nmin_suport = 1\n'
SETTINGS = """
[windows]
sizes = ["1h"]
pane = "5m"
horizon = "1h"
slack = "5m"
settle = "30m"
[alerts]
rules = "rules.toml"
"""


def traffic(begin: int, end: int) -> Iterator[Delivery]:
    """Events of two classes from one hour to another; the model misses each fifth of both."""
    for n in range(begin * EACH, end * EACH):
        event = START + n * HOUR // EACH
        true = ("fraud", "ok")[n % 2]
        said = true if n // 2 % 5 else {"fraud": "ok", "ok": "fraud"}[true]
        row = {
            "prediction_id": f"p{n}", "model": "clf", "model_version": "1", "predicted_class": said,
            "event_time": rfc3339(event),
        }  # fmt: skip
        label = {"prediction_id": f"p{n}", "true_class": true, "label_time": rfc3339(event + 60_000)}
        yield Delivery(event, Kind.PREDICTION, row["prediction_id"].encode(), orjson.dumps(row))
        yield Delivery(event + 60_000, Kind.LABEL, row["prediction_id"].encode(), orjson.dumps(label))


class Steered:
    """A worker with rules, asked by its pages and by commands."""

    def __init__(self, job: Job, web: httpx.Client, capsys: pytest.CaptureFixture[str]) -> None:
        self.job, self.web, self._capsys = job, web, capsys
        self.rules = job.folder / "rules.toml"

    def play(self, begin: int, end: int) -> None:
        self.job.play_lines(sorted(traffic(begin, end), key=lambda line: line.delivered_ms))

    def active(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.web.get("/v1/alerts").json().get("alerts", [])
        return found

    def muted_by(self) -> set[tuple[str, ...]]:
        return {tuple(row["muted_by"]) for row in self.active()}

    def mutes(self) -> dict[str, dict[str, Any]]:
        return {mute["name"]: mute for mute in self.web.get("/v1/mutes").json()["mutes"]}

    def mute(self, *arguments: str) -> tuple[int, str, str]:
        """What the command says."""
        self._capsys.readouterr()
        code = main(["mute", *arguments, "-c", str(self.job.file)])
        said = self._capsys.readouterr()
        return code, said.out, said.err

    def reloaded(self) -> float:
        name = "quality_config_last_reload_successful"
        lines = self.web.get("/metrics").text.splitlines()
        return float(next(line for line in lines if line.startswith(name)).split()[1])


def by_command(desk: Steered) -> None:
    """What is judged next is muted."""
    asked = ("reindex", "--match", "model=clf", "--match", "class=fraud|ok", "--for", "5h", "--reason", "INC-7")
    code, out, err = desk.mute(*asked)
    assert (code, err) == (0, "")
    assert "recall-low of clf 1 fraud (firing)" in out
    desk.play(4, 6)
    desk.job.wait(lambda: desk.muted_by() == {("reindex",)}, "the next steps are muted")
    assert set(desk.mutes()["reindex"]["covers"]) == {row["fingerprint"] for row in desk.active()}
    [listed] = json.loads(desk.mute("--list", "--json")[1])["mutes"]
    assert (listed["name"], listed["reason"], len(listed["covers"])) == ("reindex", "INC-7", 2)
    code, _, err = desk.mute("longer", "--match", "rule=recall-l", "--for", "31d")
    assert (code, err.count("\n")) == (1, 1)
    assert desk.mute("--end", "nothing")[0] == 1


def over_the_web(desk: Steered) -> None:
    """Mutes are added and ended, wrong ones are refused as a whole."""
    bad = desk.web.post("/v1/mutes", json={"name": "a b", "match": {"modl": "clf"}, "clock": "sun", "for": "2"})
    assert bad.status_code == 400
    assert {problem["key"] for problem in bad.json()["problems"]} >= {"name", "match.modl", "clock", "for", "reason"}
    body = {"name": "web", "match": {"class": "ok"}, "for": "9h", "reason": "r", "author": "a"}
    added = desk.web.post("/v1/mutes", json=body)
    assert (added.status_code, added.json()["state"]) == (202, "now")
    jsonschema.validate({k: v for k, v in added.json().items() if k not in {"state", "covers"}}, schema("mute"))
    desk.job.wait(lambda: set(desk.mutes()) == {"reindex", "web"}, "both mutes are there")
    assert desk.web.delete("/v1/mutes/reindex").status_code == 202
    desk.job.wait(lambda: set(desk.mutes()) == {"web"}, "one of them is over")
    assert desk.web.delete("/v1/mutes/reindex").status_code == 404
    desk.play(6, 8)
    desk.job.wait(lambda: desk.muted_by() == {(), ("web",)}, "one class is muted, the other one told")
    assert desk.mute("--end", "web")[0] == 0
    desk.job.wait(lambda: desk.mutes() == {}, "no mute is left")


def reloads(desk: Steered) -> None:
    """Wrong rules change nothing, right ones hold from the next step on."""
    before = desk.web.get("/v1/rules").json()
    desk.rules.write_text(WRONG)
    refused = desk.web.post("/-/reload")
    assert refused.status_code == 400
    assert {problem["code"] for problem in refused.json()["problems"]} >= {"E103", "E119", "E120"}
    assert desk.reloaded() == 0
    assert desk.web.get("/v1/rules").json() == before
    desk.rules.write_text(OTHER)
    taken = desk.web.post("/-/reload")
    assert (taken.status_code, taken.json()["rules"]) == (200, ["recall-bad"])
    assert desk.reloaded() == 1
    desk.play(8, 10)
    desk.job.wait(lambda: {row["rule"] for row in desk.active()} == {"recall-bad"}, "the new rules hold")
    config = desk.web.get("/v1/config").json()
    assert config["rules"]["hash"] == taken.json()["rules_hash"] == config["rules"]["judged_by"]["clf"]
    ends = [row.value for row in desk.job.rows("alert-log") if row.value["kind"] == "resolved"]
    assert {(row["rule"], row["reason"]) for row in ends} == {("recall-low", "rule_removed")}


def signals(desk: Steered) -> None:
    """SIGHUP does the same; what a budget promises is told, and what burns."""
    worker, web = desk.job.workers[0], desk.web
    desk.rules.write_text(WRONG)
    worker.signal(signal.SIGHUP)
    desk.job.wait(lambda: desk.reloaded() == 0, "the signal was heard")
    desk.rules.write_text(BUDGET)
    worker.signal(signal.SIGHUP)
    desk.job.wait(lambda: web.get("/v1/slos").json() == {"slos": ["recall"]}, "the budget is asked")
    desk.play(10, 12)
    desk.job.wait(lambda: web.get("/v1/slos/recall").json()["burning"], "the budget burns")
    assert web.get("/v1/slos/recall").json()["tiers"][0]["tiers"][0]["floor"] == pytest.approx(0.665)
    assert web.get("/v1/slos/recal").status_code == 404
    assert web.post("/v1/rules/test", content=OTHER).json()["rules"] == ["recall-bad"]
    assert web.get("/v1/slos").json() == {"slos": ["recall"]}


def test_a_worker_that_is_steered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rules.toml").write_text(RULES)
    with ExitStack() as stack:
        broker = stack.enter_context(EmbeddedBroker())
        job = stack.enter_context(Job(EmbeddedCluster(broker), tmp_path, tables=SETTINGS))
        worker = job.start_ready()
        web = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{worker.port}", timeout=30))
        desk = Steered(job, web, capsys)
        desk.play(0, 4)
        job.wait(lambda: len(desk.active()) == 2, "two classes fire")
        assert desk.muted_by() == {()}
        for chapter in (by_command, over_the_web, reloads, signals):
            chapter(desk)
        assert worker.stop() == 0
        job.check_logs()
