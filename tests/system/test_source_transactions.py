"""Rounds on a real Kafka: fencing, atomicity for readers, and sources that read transactional logs."""

import threading

import pytest
from confluent_kafka import Producer

from streams.runtime.errors import StateError
from streams.runtime.kafka.topics import Topics
from streams.runtime.kafka.transactions import FencedError, Record, TransactionalProducer
from tests.support.clusters import RealCluster, fill, new_name, numbers
from tests.support.workers import Worker, wait_for

pytestmark = pytest.mark.system


def no_group() -> None:
    """Rounds without offsets need no membership."""


def test_the_second_producer_fences_the_first(cluster: RealCluster) -> None:
    topic, owner = new_name("t"), new_name("judge")
    cluster.create_topic(topic, 1)
    first = TransactionalProducer("first", owner, cluster.client)
    first.init(20)
    first.commit_round([Record(topic, 0, b"1")], {}, no_group, deadline_s=20)
    second = TransactionalProducer("second", owner, cluster.client)
    second.init(20)
    with pytest.raises(FencedError, match="another worker has taken over"):
        first.commit_round([Record(topic, 0, b"stale")], {}, no_group, deadline_s=20)
    second.commit_round([Record(topic, 0, b"2")], {}, no_group, deadline_s=20)
    reader = Worker(cluster, [topic], new_name("g"), read_committed=True)
    wait_for(lambda: len(reader.payloads) >= 2, "what was committed is read")
    reader.stop()
    assert reader.payloads == [b"1", b"2"]


def test_an_owner_that_initialises_late_is_refused_by_the_group(cluster: RealCluster) -> None:
    """The new owner has written; the old one then takes the transactional id back, with its old membership."""
    tallies, rows, group, owner = new_name("tallies"), new_name("rows"), new_name("g"), new_name("judge")
    cluster.create_topic(tallies, 1)
    cluster.create_topic(rows, 1)
    fill(cluster, tallies, 0, numbers(10))
    old = Worker(cluster, [tallies], group)
    wait_for(lambda: old.count() == 10 and old.source.group_metadata() is not None, "the old owner reads")
    membership = old.source.group_metadata()
    old.stop()
    new = Worker(cluster, [tallies], group)
    wait_for(lambda: new.count() == 10, "the new owner reads")
    writer = TransactionalProducer("new", owner, cluster.client)
    writer.init(20)
    offsets = {(tallies, 0): (10, "note")}
    writer.commit_round([Record(rows, 0, b"new")], offsets, new.source.group_metadata, deadline_s=20)
    late = TransactionalProducer("late", owner, cluster.client)
    late.init(20)
    asked: list[None] = []

    def still_owner() -> bool:
        asked.append(None)
        return len(asked) < 3  # the stale worker learns only later that it lost the partition

    with pytest.raises(FencedError):
        late.commit_round([Record(rows, 0, b"late")], offsets, lambda: membership, owner=still_owner, deadline_s=20)
    assert new.source.committed([(tallies, 0)]) == {(tallies, 0): (10, "note")}
    reader = Worker(cluster, [rows], new_name("g"), read_committed=True)
    wait_for(lambda: reader.payloads, "what was committed is read")
    fill(cluster, rows, 0, [b"end"])
    wait_for(lambda: b"end" in reader.payloads, "the log is read to its end")
    reader.stop()
    new.stop()
    assert reader.payloads == [b"new", b"end"]


def test_a_log_with_transactions_is_read_across_its_markers_to_its_end(cluster: RealCluster) -> None:
    topic = new_name("t")
    cluster.create_topic(topic, 1)
    producer = Producer({**cluster.client, "transactional.id": new_name("x"), "log_level": 0})
    producer.init_transactions(20)
    for i in range(30):
        producer.begin_transaction()
        for j in range(3):
            producer.produce(topic, f"{i}.{j}".encode(), partition=0)
        if i % 10 == 9:
            producer.flush(10)
            producer.abort_transaction(20)
        else:
            producer.commit_transaction(20)
    reader = Worker(cluster, [topic], new_name("g"), read_committed=True, at_end=True)
    wait_for(lambda: reader.batches and reader.batches[-1][3] and reader.batches[-1][2] == 120, "its end is told")
    reader.stop()
    reader.check()
    committed = [f"{i}.{j}".encode() for i in range(30) if i % 10 != 9 for j in range(3)]
    assert reader.payloads == committed
    assert reader.source.stats.restarts <= 2  # one hole is confirmed, the others are trusted


def test_rounds_go_on_after_the_broker_was_killed(cluster: RealCluster) -> None:
    topic = new_name("t")
    cluster.create_topic(topic, 1)
    writer = TransactionalProducer("w", new_name("judge"), cluster.client)
    writer.init(20)
    over, failures = threading.Event(), []

    def write() -> None:
        try:
            for i in range(40):
                writer.commit_round([Record(topic, 0, str(i).encode())], {}, no_group, deadline_s=60)
        except Exception as error:  # noqa: BLE001 - told by the assertion below
            failures.append(error)
        over.set()

    thread = threading.Thread(target=write)
    thread.start()
    topics = Topics(cluster.client)
    wait_for(lambda: topics.end_offsets([(topic, 0)])[topic, 0] > 10, "rounds are written")
    cluster.down()
    cluster.up()
    wait_for(over.is_set, "all rounds are written", 80)
    assert failures == []
    reader = Worker(cluster, [topic], new_name("g"), read_committed=True)
    wait_for(lambda: b"39" in reader.payloads, "all rounds are read")
    reader.stop()
    # The round during which the broker died may have been written twice.
    once = [value for i, value in enumerate(reader.payloads) if i == 0 or reader.payloads[i - 1] != value]
    assert once == [str(i).encode() for i in range(40)]
    assert len(reader.payloads) <= 41


def test_a_topic_that_was_made_again_ends_the_worker(cluster: RealCluster) -> None:
    topic = new_name("t")
    cluster.create_topic(topic, 1)
    fill(cluster, topic, 0, numbers(100))
    worker = Worker(cluster, [topic], new_name("g"))
    wait_for(lambda: worker.count() == 100, "it is read")
    for future in cluster.admin.delete_topics([topic]).values():
        future.result(20)
    wait_for(lambda: topic not in cluster.admin.list_topics(timeout=5).topics, "it is gone")
    cluster.create_topic(topic, 1)
    fill(cluster, topic, 0, numbers(5))
    wait_for(lambda: worker.failures, "it fails")
    assert isinstance(worker.failures[0], StateError)
    worker.stop()
