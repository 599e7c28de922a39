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
OTHER = RULES.replace("recall-low", "recall-bad").replace("0.9", "0.95")
BUDGET = """
schema = 1
[[slo]]
name = "recall"
target = 0.9
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


def test_a_worker_that_is_steered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rules.toml").write_text(RULES)
    with ExitStack() as stack:
        broker = stack.enter_context(EmbeddedBroker())
        job = stack.enter_context(Job(EmbeddedCluster(broker), tmp_path, tables=SETTINGS))
        worker = job.start_ready()
        web = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{worker.port}", timeout=30))

        def play(begin: int, end: int) -> None:
            job.play_lines(sorted(traffic(begin, end), key=lambda line: line.delivered_ms))

        def active() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = web.get("/v1/alerts").json().get("alerts", [])
            return found

        def muted_by() -> set[tuple[str, ...]]:
            return {tuple(row["muted_by"]) for row in active()}

        def mutes() -> dict[str, dict[str, Any]]:
            return {mute["name"]: mute for mute in web.get("/v1/mutes").json()["mutes"]}

        def command(*arguments: str) -> tuple[int, str, str]:
            capsys.readouterr()
            code = main(["mute", *arguments, "-c", str(job.file)])
            said = capsys.readouterr()
            return code, said.out, said.err

        def metric(name: str) -> float:
            return float(
                next(line for line in web.get("/metrics").text.splitlines() if line.startswith(name)).split()[1]
            )

        play(0, 4)
        job.wait(lambda: len(active()) == 2, "two classes fire")
        assert muted_by() == {()}

        # by command: what is judged next is muted
        asked = ("reindex", "--match", "model=clf", "--match", "class=fraud|ok", "--for", "5h", "--reason", "INC-7")
        code, out, err = command(*asked)
        assert (code, err) == (0, "")
        assert "recall-low of clf 1 fraud (firing)" in out
        play(4, 6)
        job.wait(lambda: muted_by() == {("reindex",)}, "the next steps are muted")
        assert set(mutes()["reindex"]["covers"]) == {row["fingerprint"] for row in active()}
        code, out, _ = command("--list", "--json")
        [listed] = json.loads(out)["mutes"]
        assert (listed["name"], listed["reason"], len(listed["covers"])) == ("reindex", "INC-7", 2)
        code, _, err = command("longer", "--match", "rule=recal-low", "--for", "31d")
        assert (code, err.count("\n")) == (1, 1)
        assert all(text in err for text in ("more than 30d", "Did you mean", "needs a reason"))
        assert command("--end", "nothing")[0] == 1

        # over the web: added and ended
        bad = web.post("/v1/mutes", json={"name": "a b", "match": {"modl": "clf"}, "clock": "sun", "for": "2"})
        assert bad.status_code == 400
        assert {problem["key"] for problem in bad.json()["problems"]} >= {
            "name",
            "match.modl",
            "clock",
            "for",
            "reason",
        }
        body = {"name": "web", "match": {"class": "ok"}, "for": "9h", "reason": "r", "author": "a"}
        added = web.post("/v1/mutes", json=body)
        assert (added.status_code, added.json()["state"]) == (202, "now")
        jsonschema.validate({k: v for k, v in added.json().items() if k not in {"state", "covers"}}, schema("mute"))
        job.wait(lambda: set(mutes()) == {"reindex", "web"}, "both mutes are there")
        assert web.delete("/v1/mutes/reindex").status_code == 202
        job.wait(lambda: set(mutes()) == {"web"}, "one of them is over")
        assert web.delete("/v1/mutes/reindex").status_code == 404
        play(6, 8)
        job.wait(lambda: muted_by() == {(), ("web",)}, "one class is muted, the other one told")
        assert command("--end", "web")[:1] == (0,)
        job.wait(lambda: mutes() == {}, "no mute is left")

        # wrong rules change nothing, right ones are taken at once
        before = web.get("/v1/rules").json()
        (tmp_path / "rules.toml").write_text(WRONG)
        refused = web.post("/-/reload")
        assert refused.status_code == 400
        assert {problem["code"] for problem in refused.json()["problems"]} >= {"E103", "E119", "E120"}
        assert metric("quality_config_last_reload_successful") == 0
        assert web.get("/v1/rules").json() == before
        assert web.get("/v1/config").json()["last_reload"]["ok"] is False
        (tmp_path / "rules.toml").write_text(OTHER)
        taken = web.post("/-/reload")
        assert (taken.status_code, taken.json()["rules"]) == (200, ["recall-bad"])
        assert metric("quality_config_last_reload_successful") == 1
        play(8, 10)
        job.wait(lambda: {row["rule"] for row in active()} == {"recall-bad"}, "the new rules hold")
        config = web.get("/v1/config").json()
        assert config["rules"]["hash"] == taken.json()["rules_hash"] == config["rules"]["judged_by"]["clf"]
        ends = [row.value for row in job.rows("alert-log") if row.value["kind"] == "resolved"]
        assert {(row["rule"], row["reason"]) for row in ends} == {("recall-low", "rule_removed")}

        # a signal does the same
        (tmp_path / "rules.toml").write_text(WRONG)
        worker.signal(signal.SIGHUP)
        job.wait(lambda: metric("quality_config_last_reload_successful") == 0, "the signal was heard")
        (tmp_path / "rules.toml").write_text(BUDGET)
        worker.signal(signal.SIGHUP)
        job.wait(lambda: web.get("/v1/slos").json() == {"slos": ["recall"]}, "the budget is asked")
        play(10, 12)
        job.wait(lambda: web.get("/v1/slos/recall").json()["burning"], "the budget burns")
        budget = web.get("/v1/slos/recall").json()
        assert budget["tiers"][0]["tiers"][0]["floor"] == pytest.approx(0.63)
        assert web.get("/v1/slos/recal").status_code == 404
        assert web.post("/v1/rules/test", content=OTHER).json()["rules"] == ["recall-bad"]
        assert web.get("/v1/slos").json() == {"slos": ["recall"]}
        assert web.post("/v1/mutes", content=b"x" * 300_000).status_code == 413
        assert worker.stop() == 0
        job.check_logs()
