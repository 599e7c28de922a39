"""A real job with rules, and a deliverer, on a real Kafka, both killed at random: everything is heard once."""

import os
import random
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest

from streams.formats.reasons import Kind
from streams.ledger.times import rfc3339
from streams.runtime.play import Delivery
from tests.support.clusters import RealCluster
from tests.support.job import Job, WorkerProcess
from tests.support.receiver import Answer, Got, LoopbackReceiver
from tests.support.topic_rows import newest

pytestmark = pytest.mark.system

START = 1_767_225_600_000  # 2026-01-01T00:00:00Z
MINUTE, HOUR = 60_000, 3_600_000
HOURS, CHUNKS, EACH_STEP = 6, 4, 50

RULES = """
schema = 1
[[rule]]
name = "recall-low"
metric = "recall"
match = { model = "*" }
by = ["version", "class"]
window = "10m"
fire_when = "value < 0.7"
resolve_when = "value >= 0.8"
min_support = { per_class = 5 }
keep_firing_for = "5m"
severity = "ticket"
"""

TABLES = """
[windows]
sizes = ["1h"]
pane = "5m"
horizon = "10m"
slack = "1m"
settle = "5m"
[time]
max_disorder = "1m"
[alerts]
rules = "rules.toml"
[deliver]
max_notify_age = "36500d"
repeat_interval = "36500d"
stall_for = "36500d"
[[receivers]]
name = "hook"
kind = "webhook"
url = "{url}"
rate = 6000
"""


def traffic() -> Iterator[Delivery]:
    """Two models of two classes; each is bad at one class for half an hour, then at the other, then at none."""
    rng = random.Random(7)
    for n in range(HOURS * 12 * EACH_STEP):
        event = START + n * 5 * MINUTE // EACH_STEP
        model, true = ("fraud", "churn")[n % 2], rng.choice(["yes", "no"])
        spell = (event - START) // (30 * MINUTE) + (model == "churn")
        is_bad = (true == "yes" and spell % 3 == 1) or (true == "no" and spell % 3 == 2)
        said = true if rng.random() < (0.4 if is_bad else 0.97) else {"yes": "no", "no": "yes"}[true]
        key = f"p{n}"
        row = {
            "prediction_id": key, "model": model, "model_version": "1", "predicted_class": said,
            "event_time": rfc3339(event),
        }  # fmt: skip
        label = {"prediction_id": key, "true_class": true, "label_time": rfc3339(event + 30_000)}
        yield Delivery(event, Kind.PREDICTION, key.encode(), orjson.dumps(row))
        yield Delivery(event + 30_000, Kind.LABEL, key.encode(), orjson.dumps(label))


def flaky(seed: int) -> Any:
    """A receiver that fails now and then, before or after it took what came."""
    rng = random.Random(seed)

    def answer(_: Got) -> Answer:
        return (503, {"Retry-After": "0"}) if rng.random() < 0.2 else (200, {})

    return answer


class Crashing:
    """A job and its deliverer, which can be killed and started again."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.worker: WorkerProcess = job.start()
        self._deliverer = self._deliver(0)
        self.starts = 1
        self.asleep: list[subprocess.Popen[bytes]] = []

    def kill_worker(self) -> None:
        self.worker.kill()
        self.worker = self.job.start()

    def kill_deliverer(self) -> None:
        self._deliverer.send_signal(signal.SIGKILL)
        self._deliverer.wait(10)
        self._deliverer = self._deliver(self.starts)
        self.starts += 1

    def replace_deliverer(self) -> None:
        """Let it sleep while another one takes its place; it believes that all is its own when it wakes up."""
        self._deliverer.send_signal(signal.SIGSTOP)
        self.asleep.append(self._deliverer)
        self._deliverer = self._deliver(self.starts)
        self.starts += 1

    def wake(self) -> list[int]:
        """Wake up those that were replaced, and wait until they end by themselves; their exit codes."""
        for process in self.asleep:
            process.send_signal(signal.SIGCONT)
        return [process.wait(60) for process in self.asleep]

    def stop(self) -> int:
        self._deliverer.send_signal(signal.SIGTERM)
        return self._deliverer.wait(20)

    def kill_for_good(self) -> None:
        for process in (self._deliverer, *self.asleep):
            process.kill()
            process.wait(10)

    def logs(self) -> str:
        files = sorted(self.job.folder.glob("deliver-*.log"))
        return "\n".join(f"--- {file.name}\n{file.read_text()[-2000:]}" for file in files)

    def _deliver(self, number: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "streams.cli.main", "deliver", "-c", str(self.job.file)]
        with (self.job.folder / f"deliver-{number}.log").open("wb") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env={**os.environ})


def expected(job: Job) -> dict[str, set[tuple[str, str]]]:
    """(fingerprint, episode) of every alert that fired, and of every one that is over, as the log has them."""
    log = [row.value for row in job.rows("alert-log")]
    return {
        kind: {(row["fingerprint"], row["episode"]) for row in log if row["kind"] == kind}
        for kind in ("firing", "resolved")
    }


def heard(hook: LoopbackReceiver) -> dict[str, set[tuple[str, str]]]:
    """The same as the receiver took it."""
    return {
        kind: {(told["fingerprint"], told["episode"]) for told in hook.tellings(kind)}
        for kind in ("firing", "resolved")
    }


def test_everything_is_heard_once_although_both_are_killed(cluster: RealCluster, tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text(RULES)
    lines = sorted(traffic(), key=lambda line: line.delivered_ms)
    rng = random.Random(11)
    size = -(-len(lines) // CHUNKS)
    with LoopbackReceiver(flaky(3)) as hook:
        tables = TABLES.replace("{url}", hook.url)
        with Job(cluster, tmp_path, tables=tables, kafka_lines='static_member = "one"') as job:
            job.start_ready().kill()  # the topics are there
            crashing = Crashing(job)
            try:
                for number in range(CHUNKS):
                    before = len(hook.got)
                    job.play_lines(lines[number * size : (number + 1) * size])
                    wanted = before + rng.randrange(1, 8)
                    job.wait(partial(_has, hook, wanted), "something is told")
                    if number % 2:
                        crashing.kill_worker()
                    if number == 1:
                        crashing.replace_deliverer()
                    else:
                        crashing.kill_deliverer()
                assert all(crashing.wake())  # its name in the group is another's
                job.finish()
                job.wait(lambda: expected(job) == heard(hook), "everything is heard")
                assert crashing.stop() == 0
            except AssertionError as error:
                raise AssertionError(f"{error}\n{crashing.logs()}") from error
            finally:
                crashing.kill_for_good()
            assert {row["state"] for row in newest(job.rows("tellings")).values()} == {"sent"}
            check(hook, expected(job))
            job.check_logs()


def _has(hook: LoopbackReceiver, count: int) -> bool:
    return len(hook.got) >= count


def check(hook: LoopbackReceiver, wanted: dict[str, set[tuple[str, str]]]) -> None:
    """Each firing and each end has one id and one content, its end comes after it, and there are enough to tell."""
    assert len(wanted["firing"]) > 8
    assert wanted["resolved"] <= wanted["firing"]
    ids: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    contents: dict[str, set[bytes]] = defaultdict(set)
    first: dict[str, int] = {}
    for number, told in enumerate(hook.tellings()):
        ids[told["status"], told["fingerprint"], told["episode"]].add(told["telling_id"])
        contents[told["telling_id"]].add(orjson.dumps(told, option=orjson.OPT_SORT_KEYS))
        first.setdefault(told["telling_id"], number)
    assert {len(found) for found in ids.values()} == {len(found) for found in contents.values()} == {1}
    assert len(ids) == len(wanted["firing"]) + len(wanted["resolved"])
    for fingerprint, episode in wanted["resolved"]:
        [firing], [resolved] = ids["firing", fingerprint, episode], ids["resolved", fingerprint, episode]
        assert first[firing] < first[resolved]
