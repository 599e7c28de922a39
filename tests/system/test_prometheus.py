"""A real Prometheus scrapes a real worker and evaluates the shipped rules on what it finds."""

import json
import shutil
import signal
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
import yaml

from streams.cli.main import main
from streams.runtime.kafka.embedded import EmbeddedBroker
from tests.support.answers import log_set
from tests.support.clusters import EmbeddedCluster
from tests.support.debian_packages import MissingPackageError, binary, required
from tests.support.job import Job
from tests.support.real_kafka import free_ports
from tests.support.workers import wait_for

pytestmark = pytest.mark.embedded

SHIPPED = Path(__file__).parents[2] / "deploy" / "prometheus"
STOP_S = 15.0
LOUD = """
max without (phase, instance) (
  quality_alert_phase{phase=~"firing|recovering"} * 0 + 1
  - on (rule, model, version, class, segment, window, subject) group_left ()
    ((quality_alert_muted + quality_alert_inhibited) > bool 0)
) == 1
"""
RULES = """\
schema = 1
[[slo]]
name = "recall"
model = "*"
target = 0.95
runbook = "https://runbooks.example.com/quality/ErrorBudgetBurn"
"""


class Prometheus:
    """One Prometheus with every shipped file of rules, that looks every second. A context manager."""

    def __init__(self, program: Path, folder: Path, worker_port: int) -> None:
        for path in SHIPPED.glob("*.yml"):
            shutil.copy(path, folder)
        config = yaml.safe_load((SHIPPED / "prometheus.yml").read_text())
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config["rule_files"] = sorted(path.name for path in SHIPPED.glob("*.rules.yml"))
        del config["alerting"]
        config["scrape_configs"] = config["scrape_configs"][:1]
        config["scrape_configs"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{worker_port}"]}]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        self.port = free_ports(1)[0]
        self.log = folder / "prometheus.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    program, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'tsdb'}",
                    f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn",
                ],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def get(self, path: str, **query: str) -> Any:
        """The data of its API; None while it does not answer."""
        assert self.process.poll() is None, self.log.read_text()
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return json.load(answer)["data"]
        except (OSError, urllib.error.HTTPError):
            return None

    def values(self, expression: str) -> dict[str, float]:
        """What an expression is now, by labels without job and instance."""
        found = self.get("query", query=expression)
        return {
            ",".join(
                f"{k}={v}" for k, v in sorted(one["metric"].items()) if k not in {"job", "instance", "__name__"}
            ): (float(one["value"][1]))
            for one in (found or {"result": []})["result"]
        }

    def rules(self) -> list[dict[str, Any]]:
        """Every rule with its health."""
        found = self.get("rules") or {"groups": []}
        return [rule for group in found["groups"] for rule in group["rules"]]

    def health(self) -> dict[str, str]:
        """How the scrape of each target went."""
        found = self.get("targets") or {"activeTargets": []}
        return {target["scrapeUrl"]: target["health"] for target in found["activeTargets"]}


@pytest.fixture
def program() -> Path:
    try:
        return binary("prometheus")
    except MissingPackageError as error:
        if required():
            raise
        pytest.skip(str(error))


@pytest.fixture
def cluster() -> Iterator[EmbeddedCluster]:
    with EmbeddedBroker() as broker:
        yield EmbeddedCluster(broker)


def test_a_worker_is_scraped_and_the_shipped_rules_have_values(
    cluster: EmbeddedCluster, program: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    logs = log_set("flights_mini")
    (tmp_path / "rules.toml").write_text(RULES)
    tables = 'max_held_bytes = 1_000_000_000\n[alerts]\nrules = "rules.toml"'
    with Job(cluster, tmp_path, tables=tables) as job:
        worker = job.start_ready()
        job.play(logs)
        job.finish()
        (folder := tmp_path / "prometheus").mkdir()
        with Prometheus(program, folder, worker.port) as prometheus:
            wait_for(lambda: set(prometheus.health().values()) == {"up"}, "the worker is scraped")
            names = {
                rule.get("alert", rule.get("record"))
                for path in SHIPPED.glob("*.rules.yml")
                for group in yaml.safe_load(path.read_text())["groups"]
                for rule in group["rules"]
            }
            assert {rule["name"] for rule in prometheus.rules()} == names
            wait_for(
                lambda: {rule["health"] for rule in prometheus.rules()} == {"ok"},
                f"all rules are evaluated: {[r for r in prometheus.rules() if r['health'] != 'ok']}",
            )
            recorded = "model:quality_balanced_accuracy_ratio:median7d"
            wait_for(lambda: prometheus.values(recorded), "a recording rule has a value")
            raw = prometheus.values("max by (model, window) (quality_balanced_accuracy_ratio)")
            assert prometheus.values(recorded) == raw
            assert all(0 < value <= 1 for value in raw.values())
            assert prometheus.values('ALERTS{alertname="QualityWatchdog",alertstate="firing"}')
            alone = 'ALERTS{alertname="QualityDelivererDown"}'
            wait_for(lambda: prometheus.values(alone), "it is seen that there is no deliverer")
            down = 'ALERTS{alertname="QualityMonitorDown"}'  # pending until the first scrape
            wait_for(lambda: not prometheus.values(down), "the worker is seen to be up")
            check_page(prometheus, job)
        by_pages, by_topics = (
            alerts(capfd, *where) for where in (("--url", f"http://127.0.0.1:{worker.port}"), ("-c", str(job.file)))
        )
        assert by_pages == by_topics
        last_page = worker.get("metrics")[1]
        assert set(by_pages[1]["judged"]) == {row.value["model"] for row in job.rows("windows")}
        assert worker.stop() == 0
        before = alert_series(last_page)
        assert before
        again = job.start_ready()
        job.wait(lambda: alert_series(again.get("metrics")[1]) == before, "a restarted worker shows the same alerts")
        assert again.stop() == 0
    assert "level=error" not in prometheus.log.read_text()


def alerts(capfd: pytest.CaptureFixture[str], *where: str) -> tuple[int, dict[str, Any]]:
    """What `streams alerts` says, and its exit code."""
    capfd.readouterr()
    code = main(["alerts", *where, "--json"])
    found: dict[str, Any] = json.loads(capfd.readouterr().out)
    assert code == int(found["firing"] > 0)
    return code, found


def alert_series(page: str) -> set[str]:
    """The alerts on a worker's page."""
    return {line for line in page.splitlines() if line.startswith("quality_alert_phase{")}


def check_page(prometheus: Prometheus, job: Job) -> None:
    """What Prometheus has is what the job's own topics say."""
    newest: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in (row.value for row in job.rows("windows")):
        if row["segment"] == "all" and row["view"] == "prediction_time" and row["status"] != "open":
            key = (row["model"], row["model_version"], row["window"])
            known = newest.get(key)
            if known is None or (row["window_end"], row["revision"]) >= (known["window_end"], known["revision"]):
                newest[key] = row
    shown = prometheus.values("quality_balanced_accuracy_ratio")
    told = {
        f"model={model},version={version},window={window}": row["balanced_accuracy"]
        for (model, version, window), row in newest.items()
        if row["balanced_accuracy"] is not None
    }
    assert shown
    assert shown.items() <= told.items()  # of the two newest versions
    assert sum(prometheus.values("quality_events_total").values()) > 0
    waiting = prometheus.values("sum by (kind) (quality_join_waiting_events)")
    assert set(waiting) == {"kind=prediction", "kind=label"}
    assert prometheus.values("quality_join_held_limit_bytes") == {"": 1e9}
    assert len(prometheus.values("quality_rules_info")) == 1
    assert set(prometheus.values("quality_slo_target_ratio").values()) == {0.95}
    assert prometheus.values("quality_slo_burn_threshold")
    models = {row.value["model"] for row in job.rows("windows")}
    assert set(prometheus.values("quality_alert_step_timestamp_seconds")) == {f"model={model}" for model in models}
    lag = "model:quality_alert_step_lag_seconds:max"
    wait_for(lambda: set(prometheus.values(lag)) == {f"model={model}" for model in models}, "each has a lag of judging")
    wait_for(
        lambda: prometheus.values("model_version_class:quality_alert_phase:told") == prometheus.values(LOUD),
        "what is active and not kept quiet is told",
    )
