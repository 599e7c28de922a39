"""What passes is waited for when a worker starts or gets partitions; what does not is told."""

import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from streams.runtime.errors import MismatchError, StateError, UnavailableError
from streams.runtime.kafka import topics as module
from streams.runtime.kafka.client import TopicPartitionKey
from streams.runtime.kafka.embedded import EmbeddedBroker
from streams.runtime.kafka.loader import Loader
from streams.runtime.kafka.topics import Topics
from streams.runtime.pin import ensure_pinned, read_pin
from tests.support.clusters import EmbeddedCluster
from tests.support.job import Job
from tests.support.workers import wait_for

pytestmark = pytest.mark.embedded

LIST_OFFSETS = 2
NOT_LEADER, FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH = 6, 74, 75


def test_a_topic_whose_leader_is_not_known_yet_is_waited_for(tmp_path: Path) -> None:
    with EmbeddedBroker() as broker:
        job = Job(EmbeddedCluster(broker), tmp_path)
        producer = job.producer()
        ensure_pinned(job.config, producer)
        broker.push_errors(LIST_OFFSETS, *[NOT_LEADER] * 3)
        pinned = read_pin(job.config)
        assert pinned is not None
        assert pinned[0] == job.config.config_hash
        producer.close()


def test_another_configuration_is_refused_and_told_what_differs(tmp_path: Path) -> None:
    with EmbeddedBroker() as broker:
        job = Job(EmbeddedCluster(broker), tmp_path)
        producer = job.producer()
        ensure_pinned(job.config, producer)
        other = job.load(job.write_config("other.toml", tables='[windows]\nhorizon = "3d"\n'))
        with pytest.raises(MismatchError, match=r"windows\.horizon is 3d here and 30d in the job's logs"):
            ensure_pinned(other, producer)
        producer.close()


@pytest.mark.parametrize("code", [NOT_LEADER, FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH])
def test_a_leader_that_moves_is_waited_for_when_ends_are_asked(code: int) -> None:
    with EmbeddedBroker() as broker:
        broker.create_topic("t", 1)
        broker.push_errors(LIST_OFFSETS, *[code] * 8)
        assert Topics(broker.client, 20.0).end_offsets([("t", 0)]) == {("t", 0): 0}


def test_a_client_that_never_answers_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with EmbeddedBroker() as broker:
        broker.create_topic("t", 1)
        topics = Topics(broker.client, 20.0)
        ask, never = topics._admin.list_offsets, iter([{TopicPartition("t", 0): Future[Any]()}])
        monkeypatch.setattr(topics._admin, "list_offsets", lambda *a, **o: next(never, None) or ask(*a, **o))
        monkeypatch.setattr(module, "_CALL_S", 0.3)
        assert topics.end_offsets([("t", 0)]) == {("t", 0): 0}


def test_a_load_waits_for_a_broker_and_ends_with_anything_else() -> None:
    failures: list[BaseException] = []
    loads: list[TopicPartitionKey] = []

    def load(keys: list[TopicPartitionKey]) -> None:
        loads.extend(keys)
        if len(loads) < 3:
            raise UnavailableError("no broker")
        if keys == [("t", 1)]:
            raise StateError("gone")

    loader = Loader("stage", load, lambda _key, _epoch: True, failures.append, 1, 1)
    loader.start()
    loader.put(("t", 0), 7)
    assert _loaded(loader) == [(("t", 0), 7)]
    assert (loads, failures) == ([("t", 0)] * 3, [])
    loader.put(("t", 1), 8)
    wait_for(lambda: failures, "a lost log ends the load")
    assert isinstance(failures[0], StateError)
    loader.stop()


def test_a_load_that_waits_ends_when_the_partition_went_or_the_worker_stops() -> None:
    wanted, tried = threading.Event(), threading.Event()
    wanted.set()

    def load(_keys: list[TopicPartitionKey]) -> None:
        tried.set()
        raise UnavailableError("no broker")

    failures: list[BaseException] = []
    loader = Loader("stage", load, lambda _key, _epoch: wanted.is_set(), failures.append, 1, 1)
    loader.start()
    loader.put(("t", 0), 1)
    wait_for(tried.is_set, "it tries")
    wanted.clear()
    wait_for(lambda: not loader.pending, "it is given up")
    wanted.set()
    loader.put(("t", 0), 2)
    loader.stop()
    wait_for(lambda: not any(thread.is_alive() for thread in loader._threads), "its threads end")
    assert (loader.finished(), failures) == ([], [])


def _loaded(loader: Loader) -> list[tuple[TopicPartitionKey, int]]:
    found: list[tuple[TopicPartitionKey, int]] = []

    def look() -> bool:
        found.extend(loader.finished())
        return bool(found)

    wait_for(look, "it is loaded")
    return found
