"""What a job said of alerts as it lived is what its log says when it is folded again: the same transitions and ids."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.alerts.judge import AlertingJudge
from streams.alerts.rows import ALERT_LOG, ALERTS
from streams.runtime.kafka.embedded import EmbeddedBroker
from tests.support.answers import log_set
from tests.support.clusters import EmbeddedCluster
from tests.support.job import Job
from tests.support.topic_rows import Row, read_records

pytestmark = pytest.mark.embedded

RULES = """schema = 1
[defaults]
step = "30m"
runbook_base = "https://runbooks.example.com/"
[[slo]]
name = "recall"
target = 0.7
min_n = 3
min_bad = 1
tiers = [{ name = "fast", severity = "ticket", long = "6h", short = "1h", drop = 0.1, alpha = 0.2 }]
[[rule]]
name = "accuracy-low"
metric = "accuracy"
window = "12h"
fire_when = "value < 0.8"
resolve_when = "value >= 0.85"
[[canary]]
name = "gate"
model = "*"
"""


@pytest.fixture
def cluster() -> Iterator[EmbeddedCluster]:
    with EmbeddedBroker() as broker:
        yield EmbeddedCluster(broker)


def by_alert(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Transitions of each alert in order, repeats out: the embedded broker has no transactions to read."""
    found: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for row in rows:
        known = found[row["fingerprint"]].setdefault(row["transition_id"], row)
        assert known == row, "one id, two contents"
    return {name: list(of.values()) for name, of in found.items()}


def newest_states(rows: list[Row]) -> dict[str, dict[str, Any]]:
    return {row.key: row.value for row in rows if "transition_id" in row.value}


def test_lived_over_a_crash_and_folded_again_it_says_the_same(cluster: EmbeddedCluster, tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text(RULES)
    logs = log_set("flights_mini")
    with Job(cluster, tmp_path, tables='[alerts]\nrules = "rules.toml"') as job:
        lines = job.lines_of(logs)
        worker = job.start_ready()
        job.play_lines(lines[: len(lines) // 2])
        job.wait(lambda: job.rows("alert-log"), "an alert is told of")
        worker.kill()
        job.play_lines(lines[len(lines) // 2 :])
        job.start()
        job.finish()
        lived, states = job.rows("alert-log"), job.rows("alerts")
        tallies = read_records(cluster.client, job.config.topic("tallies"))
        config = job.config
    again, last = [], {}
    for partition in range(config.ledger.tallies_partitions):
        judge = AlertingJudge(config.quality, partition)
        for record in sorted((r for r in tallies if r.partition == partition), key=lambda r: r.offset):
            for row in judge.apply(record.offset, record.value or b""):
                if row.stream == ALERT_LOG:
                    again.append(row.value)
                elif row.stream == ALERTS and "transition_id" in row.value:
                    last[row.key] = row.value
    assert {row.value["kind"] for row in lived} >= {"firing", "resolved"}
    assert by_alert([row.value for row in lived]) == by_alert(again)
    assert newest_states(states) == last
