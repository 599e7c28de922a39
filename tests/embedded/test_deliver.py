"""`streams deliver` on the embedded broker: from a row of the alerts topic to the request of a receiver."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import orjson
import pytest

from streams.runtime.config.job import Config, load
from streams.runtime.kafka.embedded import EmbeddedBroker
from streams.runtime.topic_plans import own_plans
from tests.support.real_kafka import free_ports
from tests.support.receiver import LoopbackReceiver
from tests.support.receiver_rows import STEP, ModelRows, write
from tests.support.topic_rows import newest, read_topic
from tests.support.workers import wait_for

pytestmark = pytest.mark.embedded

SECRET = "a-key-that-nobody-may-see"  # noqa: S105 -- of this test alone


def now() -> int:
    """The end of the newest step, a little ago."""
    return (int(time.time() * 1000) - 1_000) // STEP * STEP


class Deliverer:
    """`streams deliver` as a process of its own."""

    def __init__(self, config: Path, env: Mapping[str, str], log: Path) -> None:
        self.log_file = log
        command = [sys.executable, "-m", "streams.cli.main", "deliver", "-c", str(config), "--embedded"]
        with log.open("ab") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, **env})

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


class Bench:
    """A job's topics on a broker, a receiver, and deliverers that are gone afterwards."""

    def __init__(self, folder: Path, broker: EmbeddedBroker, hook: LoopbackReceiver) -> None:
        self.folder, self.broker, self.hook = folder, broker, hook
        self.file = folder / "job.toml"
        self.file.write_text(f"""
name = "told"
[kafka]
bootstrap = "{broker.bootstrap}"
[ledger]
partitions = 2
tallies_partitions = 2
[[predictions]]
topic = "predictions"
[[labels]]
topic = "labels"
[deliver]
resend = "1s"
stall_for = "30d"
[[receivers]]
name = "hook"
kind = "webhook"
url = "{hook.url}"
secret = "$HOOK_KEY"
rate = 6000
""")
        self.config: Config = load(self.file, {})
        for plan in own_plans(self.config):
            broker.create_topic(plan.name, plan.partitions)
        self.deliverers: list[Deliverer] = []

    def change(self, before: str, after: str) -> None:
        """Write another line into the configuration, before anything is started."""
        self.file.write_text(self.file.read_text().replace(before, after))

    def deliver(self) -> Deliverer:
        started = Deliverer(self.file, {"HOOK_KEY": SECRET}, self.folder / f"deliver-{len(self.deliverers)}.log")
        self.deliverers.append(started)
        return started

    def write(self, *rows: tuple[str, dict[str, object]], partition: int = 0) -> None:
        write(self.broker.client, self.config.topic("alerts"), list(rows), partition)

    def fates(self) -> dict[str, str]:
        """What became of each batch."""
        rows = newest(read_topic(self.broker.client, self.config.topic("tellings")))
        return {key: row["state"] for key, row in rows.items()}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with EmbeddedBroker() as broker, LoopbackReceiver() as hook:
        made = Bench(tmp_path, broker, hook)
        try:
            yield made
        finally:
            for deliverer in made.deliverers:
                deliverer.kill()


def test_an_alert_is_told_when_it_fires_and_when_it_is_over(bench: Bench) -> None:
    rows, t = ModelRows(), now() - 2 * STEP
    deliverer = bench.deliver()
    bench.write(rows.fires("chargeback", t), rows.pulse(t))
    wait_for(lambda: bench.hook.tellings("firing"), "the alert is told")
    [firing] = bench.hook.tellings("firing")
    assert (firing["rule"], firing["reason"], firing["labels"]["class"]) == ("recall", "first", "chargeback")
    bench.write(rows.resolves("chargeback", t + STEP), rows.pulse(t + STEP))
    wait_for(lambda: bench.hook.tellings("resolved"), "its end is told")
    [resolved] = bench.hook.tellings("resolved")
    assert resolved["dedup_key"] == firing["dedup_key"]
    assert resolved["reason"] == "recovered"
    wait_for(lambda: list(bench.fates().values()) == ["sent", "sent"], "both are in the log as sent")
    assert deliverer.stop() == 0
    assert SECRET not in deliverer.log
    assert bench.hook.url not in deliverer.log


def test_a_step_is_told_as_a_whole(bench: Bench) -> None:
    rows, t = ModelRows(), now() - STEP
    bench.deliver()
    bench.write(*(rows.fires(name, t) for name in "abcde"), rows.pulse(t))
    wait_for(lambda: bench.hook.got, "it is told")
    [got] = bench.hook.got
    assert [told["labels"]["class"] for told in got.json["firing"]] == sorted("abcde", key=rows.fingerprint)


def test_a_standby_goes_on_where_a_killed_one_was_with_the_same_ids(bench: Bench) -> None:
    rows, t = ModelRows(), now() - 3 * STEP
    first, other = bench.deliver(), ModelRows("churn")
    bench.write(rows.fires("a", t), rows.pulse(t))
    bench.write(other.fires("a", t), other.pulse(t), partition=1)
    wait_for(lambda: list(bench.fates().values()) == ["sent"] * 2, "the first two are told and in the log")
    bench.deliver()
    bench.hook.answer = lambda _: (503, {})
    bench.write(rows.fires("b", t + STEP), rows.pulse(t + STEP))
    bench.write(other.fires("b", t + STEP), other.pulse(t + STEP), partition=1)
    wait_for(lambda: {got.json["group"]["model"] for got in bench.hook.got[2:]} == {"fraud", "churn"}, "both are tried")
    tried = {got.json["group"]["model"]: got for got in bench.hook.got[2:]}
    first.kill()
    bench.hook.answer = lambda _: (200, {})
    wait_for(lambda: len(bench.hook.taken) == 4, "the standby tells both")
    for taken in bench.hook.taken[2:]:
        before = tried[taken.json["group"]["model"]]
        assert taken.headers["idempotency-key"] == before.headers["idempotency-key"]
        assert taken.json == before.json
    bench.write(rows.resolves("a", t + 2 * STEP), rows.pulse(t + 2 * STEP))
    wait_for(lambda: bench.hook.tellings("resolved"), "the standby tells the end")
    told = Counter((one["status"], one["labels"]["model"], one["labels"]["class"]) for one in bench.hook.tellings())
    assert set(told.values()) == {1}
    assert len(told) == 5


def test_what_a_receiver_refuses_is_a_dead_letter(bench: Bench) -> None:
    bench.hook.answer = lambda _: (400, {})
    [port] = free_ports(1)
    bench.change("[deliver]", f"[deliver]\nhttp_port = {port}")
    rows, t = ModelRows(), now() - STEP
    bench.deliver()
    bench.write(rows.fires("a", t), rows.pulse(t))
    wait_for(lambda: list(bench.fates().values()) == ["dead"], "it is a dead letter")
    wanted = {
        'quality_notifications_total{outcome="dead",receiver="hook"} 1.0',
        'quality_delivery_pending{receiver="hook"} 0.0',
        'quality_delivery_oldest_seconds{receiver="hook"} 0.0',
        'quality_notification_duration_seconds_count{receiver="hook"} 1.0',
    }
    url = f"http://127.0.0.1:{port}/metrics"
    wait_for(lambda: wanted <= set(httpx.get(url).text.splitlines()), "the metrics say so")
    command = [sys.executable, "-m", "streams.cli.main", "deliver", "-c", str(bench.file), "--dead-letters", "--json"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 1
    [letter] = [orjson.loads(line) for line in done.stdout.splitlines()]
    assert (letter["receiver"], letter["error"]) == ("hook", "it answered 400")
    assert len(bench.hook.got) == 1


def test_a_job_that_stands_still_is_told_and_that_it_goes_on(bench: Bench) -> None:
    bench.change('"30d"', '"15m"')
    rows, old = ModelRows(), now() - 12 * STEP
    bench.write(rows.pulse(old))
    bench.deliver()
    wait_for(lambda: bench.hook.tellings("firing"), "the stall is told")
    [stall] = bench.hook.tellings("firing")
    assert (stall["rule"], stall["severity"], stall["labels"]) == ("QualityPipelineStalled", "page", {"job": "told"})
    bench.write(rows.pulse(now()))
    wait_for(lambda: bench.hook.tellings("resolved"), "its end is told")
    assert [one["dedup_key"] for one in bench.hook.tellings("resolved")] == [stall["dedup_key"]]
