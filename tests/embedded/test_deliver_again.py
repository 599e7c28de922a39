"""`streams deliver` where not all is as it should be: no topics yet, dead letters, letters of others."""

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from streams.alerts.telling.planner import Address, Planner, Timing
from streams.alerts.telling.rows import Entry, Fate, entry_row
from streams.cli.main import main
from streams.runtime.deliver.topics import Awaited, Found
from streams.runtime.kafka.embedded import EmbeddedBroker
from tests.support.clusters import EmbeddedCluster
from tests.support.deliver_bench import Bench, now
from tests.support.real_kafka import free_ports
from tests.support.receiver import LoopbackReceiver
from tests.support.receiver_rows import STEP, ModelRows, write
from tests.support.topic_rows import read_topic
from tests.support.workers import Journal, wait_for

pytestmark = pytest.mark.embedded


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with EmbeddedBroker() as broker, LoopbackReceiver() as hook:
        made = Bench(tmp_path, EmbeddedCluster(broker), hook)
        try:
            yield made
        finally:
            made.close()


def test_a_deliverer_that_is_there_before_the_job_says_so_and_can_be_stopped(bench: Bench) -> None:
    [port] = free_ports(1)
    bench.change("[deliver]", f"[deliver]\nhttp_port = {port}")
    deliverer = bench.deliver()
    wait_for(lambda: "waiting for the topics" in deliverer.log, "it says that it waits")
    answer = httpx.get(f"http://127.0.0.1:{port}/readyz")
    assert answer.status_code == 503
    assert "[-] topics: waiting for told.alerts.v1 and told.tellings.v1" in answer.text
    assert httpx.get(f"http://127.0.0.1:{port}/livez").status_code == 200
    assert deliverer.stop() == 0


def test_topics_are_waited_for_until_both_are_there_and_that_is_said_once(bench: Bench) -> None:
    journal, found = Journal(), list[Found | None]()
    awaited = Awaited(bench.config, journal)
    thread = threading.Thread(target=lambda: found.append(awaited.wait(threading.Event())))
    thread.start()
    wait_for(lambda: awaited.sentence, "it waits")
    bench.make_topics()
    thread.join(30)
    assert [one.partitions for one in found if one is not None] == [2]
    assert awaited.sentence == ""
    assert (
        journal.count("waiting for the topics of the job; a worker makes them when it starts for the first time") == 1
    )


def test_the_commands_about_dead_letters_do_not_wait(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("--dead-letters", "--redrive"):
        assert main(["deliver", "-c", str(bench.file), command]) == 76
        [line] = capsys.readouterr().err.splitlines()
        assert "there is no topic told.tellings.v1" in line


def test_dead_letters_are_sent_again_once_with_the_same_ids_as_far_as_they_are_true(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.make_topics()
    bench.hook.answer = lambda _: (400, {})
    rows, t = ModelRows(), now() - 4 * STEP
    bench.deliver()
    for step in (
        (rows.fires("a", t), rows.pulse(t)),
        (rows.fires("b", t + STEP), rows.pulse(t + STEP)),
        (rows.resolves("a", t + 2 * STEP), rows.pulse(t + 2 * STEP)),
    ):
        known = len(bench.fates())
        bench.write(*step)
        wait_for(lambda known=known: list(bench.fates().values()) == ["dead"] * (known + 1), "it is dead")  # type: ignore[misc]
    tried = {got.headers["idempotency-key"]: got.json for got in bench.hook.got}
    command = ["deliver", "-c", str(bench.file), "--redrive"]
    assert main([*command, "--receiver", "hook"]) == 1
    assert Counter(bench.fates().values()) == Counter(dead=2, withdrawn=1)
    shown = capsys.readouterr().out
    assert "withdrawn" in shown
    assert "it answered 400" in shown
    bench.hook.answer = lambda _: (200, {})
    assert main(command) == 0
    assert "firing recall b" in capsys.readouterr().out
    assert Counter(bench.fates().values()) == Counter(sent=2, withdrawn=1)
    assert [one["labels"]["class"] for one in bench.hook.tellings("firing")] == ["b"]
    assert [one["labels"]["class"] for one in bench.hook.tellings("resolved")] == ["a"]
    assert all(got.json == tried[got.headers["idempotency-key"]] for got in bench.hook.taken)
    assert main(command) == 0
    assert capsys.readouterr().out == "no dead letters to send again\n"


def test_letters_for_somebody_else_are_left_alone(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.make_topics()
    rows, fold = ModelRows(), Planner((Address("gone"),), Timing())
    fold.take(*rows.fires("a", now()), now())
    [batch] = fold.take(*rows.pulse(now()), now())
    row = entry_row(Entry(batch, Fate.DEAD, 0, now(), "no such receiver"))
    write(bench.broker.client, bench.config.topic("tellings"), [(batch.id, row)])
    assert main(["deliver", "-c", str(bench.file), "--redrive"]) == 1
    assert "left alone: dead letters for gone" in capsys.readouterr().err
    assert read_topic(bench.broker.client, bench.config.topic("alerts")) == []
