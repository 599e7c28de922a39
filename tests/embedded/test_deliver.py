"""`streams deliver` on the embedded broker: from a row of the alerts topic to the request of a receiver."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import orjson
import pytest

from streams.runtime.config.job import Config, load
from streams.runtime.kafka.embedded import EmbeddedBroker
from streams.runtime.topic_plans import own_plans
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

    def __init__(self, folder: Path, broker: EmbeddedBroker, hook: LoopbackReceiver, stall_for: str = "30d") -> None:
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
stall_for = "{stall_for}"
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


def test_what_was_told_before_a_kill_is_not_told_again_and_the_rest_is(bench: Bench) -> None:
    rows, t = ModelRows(), now() - 4 * STEP
    first = bench.deliver()
    bench.write(rows.fires("a", t), rows.pulse(t))
    wait_for(lambda: list(bench.fates().values()) == ["sent"], "the first is told and in the log")
    first.kill()
    bench.write(rows.fires("b", t + STEP), rows.resolves("a", t + STEP), rows.pulse(t + STEP))
    bench.deliver()
    wait_for(lambda: len(bench.hook.tellings()) == 3, "the rest is told")
    told = [(one["status"], one["labels"]["class"]) for one in bench.hook.tellings()]
    assert sorted(told) == [("firing", "a"), ("firing", "b"), ("resolved", "a")]


def test_a_telling_that_was_not_taken_comes_again_with_the_same_ids_after_a_kill(bench: Bench) -> None:
    bench.hook.answer = lambda _: (503, {})
    rows, t = ModelRows(), now() - STEP
    first = bench.deliver()
    bench.write(rows.fires("a", t), rows.pulse(t))
    wait_for(lambda: bench.hook.got, "it is tried")
    first.kill()
    tried = bench.hook.got[0]
    bench.hook.answer = lambda _: (200, {})
    bench.deliver()
    wait_for(lambda: bench.hook.taken, "it is taken")
    [taken] = bench.hook.taken
    assert taken.headers["idempotency-key"] == tried.headers["idempotency-key"]
    assert taken.json["firing"] == tried.json["firing"]


def test_a_second_deliverer_takes_over_and_tells_nothing_twice(bench: Bench) -> None:
    rows, t = ModelRows(), now() - 3 * STEP
    first = bench.deliver()
    bench.write(rows.fires("a", t), rows.pulse(t))
    wait_for(lambda: list(bench.fates().values()) == ["sent"], "the first is told")
    bench.deliver()
    bench.write(rows.fires("b", t + STEP), rows.pulse(t + STEP))
    wait_for(lambda: len(bench.hook.tellings()) == 2, "one of the two tells it")
    first.kill()
    bench.write(rows.resolves("a", t + 2 * STEP), rows.pulse(t + 2 * STEP))
    wait_for(lambda: bench.hook.tellings("resolved"), "the other one tells the end")
    told = [(one["status"], one["labels"]["class"]) for one in bench.hook.tellings()]
    assert sorted(told) == [("firing", "a"), ("firing", "b"), ("resolved", "a")]


def test_what_a_receiver_refuses_is_a_dead_letter(bench: Bench) -> None:
    bench.hook.answer = lambda _: (400, {})
    rows, t = ModelRows(), now() - STEP
    bench.deliver()
    bench.write(rows.fires("a", t), rows.pulse(t))
    wait_for(lambda: list(bench.fates().values()) == ["dead"], "it is a dead letter")
    command = [sys.executable, "-m", "streams.cli.main", "deliver", "-c", str(bench.file), "--dead-letters", "--json"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 1
    [letter] = [orjson.loads(line) for line in done.stdout.splitlines()]
    assert (letter["receiver"], letter["error"]) == ("hook", "it answered 400")
    assert len(bench.hook.got) == 1


def test_a_job_that_stands_still_is_told_and_that_it_goes_on(bench: Bench) -> None:
    bench.file.write_text(bench.file.read_text().replace('"30d"', '"15m"'))
    rows, old = ModelRows(), now() - 6 * STEP
    bench.write(rows.pulse(old))
    bench.deliver()
    wait_for(lambda: bench.hook.tellings("firing"), "the stall is told")
    [stall] = bench.hook.tellings("firing")
    assert (stall["rule"], stall["severity"], stall["labels"]) == ("QualityPipelineStalled", "page", {"job": "told"})
    bench.write(rows.pulse(now()))
    wait_for(lambda: bench.hook.tellings("resolved"), "its end is told")
    assert [one["dedup_key"] for one in bench.hook.tellings("resolved")] == [stall["dedup_key"]]
