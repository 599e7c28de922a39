"""A real worker with a gate: its verdict on two versions by HTTP, on the topic and by the command, and its alert."""

import json
import random
from collections.abc import Iterator
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
from tests.support.topic_rows import newest

pytestmark = pytest.mark.embedded

START = 1_767_225_600_000  # 2026-01-01T00:00:00Z
HOUR = 3_600_000
RULES = """
schema = 1
[[canary]]
name = "fraud-gate"
model = "fraud"
margin = 0.05
"""
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
RECALLS = {"1": 0.95, "2": 0.95, "3": 0.6}
"""Version 2 is as good as 1, version 3 is much worse than 2."""


def traffic(hours: int, each: int) -> Iterator[Delivery]:
    """Events of two classes: version 1 all the time, the others from the second and third hour on."""
    rng = random.Random(6)
    for n in range(hours * each):
        event = START + n * HOUR // each
        versions = [v for v, begin in (("1", 0), ("2", 1), ("3", 2)) if event >= START + begin * HOUR]
        true = rng.choice(["fraud", "ok"])
        version = rng.choice(versions)
        said = true if rng.random() < RECALLS[version] else {"fraud": "ok", "ok": "fraud"}[true]
        row = {
            "prediction_id": f"p{n}", "model": "fraud", "model_version": version, "predicted_class": said,
            "event_time": rfc3339(event),
        }  # fmt: skip
        label = {"prediction_id": f"p{n}", "true_class": true, "label_time": rfc3339(event + 60_000)}
        yield Delivery(event, Kind.PREDICTION, row["prediction_id"].encode(), orjson.dumps(row))
        yield Delivery(event + 60_000, Kind.LABEL, row["prediction_id"].encode(), orjson.dumps(label))


def test_a_gate_from_the_events_to_the_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rules.toml").write_text(RULES)
    with EmbeddedBroker() as broker, Job(EmbeddedCluster(broker), tmp_path, tables=SETTINGS) as job:
        worker = job.start_ready()
        assert worker.get("v1/gates") == (200, '{"gates":[{"gate":"fraud-gate","model":"fraud"}]}')
        job.play_lines(sorted(traffic(12, 1_000), key=lambda line: line.delivered_ms))
        job.finish()

        def verdict(candidate: str) -> dict[str, Any]:
            status, text = worker.get(f"v1/gates/fraud-gate?candidate={candidate}")
            assert status == 200
            body: dict[str, Any] = json.loads(text)
            return body

        job.wait(lambda: verdict("3")["verdict"] == "fail", "the worse version fails")
        job.wait(lambda: verdict("2")["verdict"] == "pass", "the equal version passes")
        assert verdict("3")["baseline"]["version"] == "2"
        assert verdict("1")["reason"] == "version 1 has not been compared with any other version yet"
        assert verdict("3")["watermark_lag_s"] > 0

        url = f"http://127.0.0.1:{worker.port}"
        ways = [(candidate, way) for candidate in ("2", "3") for way in ("approve", "rollback")]
        posted = {w: httpx.post(f"{url}/v1/gates/fraud-gate/{w[1]}", params={"candidate": w[0]}) for w in ways}
        assert [posted[way].status_code for way in ways] == [200, 409, 409, 200]
        capsys.readouterr()
        for arguments in (["--url", url], ["-c", str(job.file)]):
            codes = [main(["gate", "fraud", "--candidate", v, "--json", *arguments]) for v in ("1", "2", "3")]
            assert codes == [2, 0, 1]
            said = json.loads(capsys.readouterr().out.splitlines()[-1])
            assert said["id"] == verdict("3")["id"]

        rows = newest(job.rows("gates"))
        assert set(rows) == {"fraud-gate|2|1", "fraud-gate|3|2"}
        for row in rows.values():
            jsonschema.Draft202012Validator(schema("gate")).validate(row)

        history = [row.value for row in job.rows("alert-log") if row.value["rule"] == "fraud-gate"]
        assert next(row["kind"] for row in history if row["model_version"] == "3") == "firing"
        status, text = worker.get(f"v1/alerts/{history[0]['fingerprint']}/history")
        assert (status, json.loads(text)["transitions"][0]) == (200, history[0])
        assert worker.stop() == 0
