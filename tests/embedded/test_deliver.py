"""`streams deliver` on the embedded broker: from a row of the alerts topic to the request of a receiver."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import orjson
import pytest

from streams.runtime.kafka.embedded import EmbeddedBroker
from tests.support.clusters import EmbeddedCluster
from tests.support.deliver_bench import SECRET, Bench, now
from tests.support.real_kafka import free_ports
from tests.support.receiver import LoopbackReceiver
from tests.support.receiver_rows import STEP, ModelRows
from tests.support.workers import wait_for

pytestmark = pytest.mark.embedded


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with EmbeddedBroker() as broker, LoopbackReceiver() as hook:
        made = Bench(tmp_path, EmbeddedCluster(broker), hook)
        made.make_topics()
        try:
            yield made
        finally:
            made.close()


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
