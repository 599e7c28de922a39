"""Producers on the embedded broker: order, acknowledgements, back-pressure, faults."""

import threading
from collections.abc import Iterator

import pytest

from streams.runtime.errors import InternalError, UnavailableError
from streams.runtime.kafka import producer as module
from streams.runtime.kafka.embedded import EmbeddedBroker
from streams.runtime.kafka.producer import Producer
from streams.runtime.kafka.topics import Topics
from streams.runtime.kafka.transactions import FencedError, IdempotentRounds, Record, round_producer
from tests.support.clusters import EmbeddedCluster
from tests.support.workers import Journal, Worker, wait_for

pytestmark = pytest.mark.embedded

PRODUCE = 0
INVALID_RECORD, NOT_LEADER, TOPIC_AUTHORIZATION_FAILED = 87, 6, 29


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as running:
        running.create_topic("t", 2)
        yield running


def test_records_keep_their_order_and_tell_their_offset(broker: EmbeddedBroker) -> None:
    failures: list[BaseException] = []
    producer = Producer("p", broker.client, fail=failures.append)
    acks: list[int] = []
    broker.push_errors(PRODUCE, NOT_LEADER, NOT_LEADER)
    for i in range(500):
        producer.send("t", 1, str(i).encode(), b"k", on_ack=acks.append)
    assert producer.flush(20)
    assert acks == list(range(500))
    assert producer.outstanding == 0
    assert producer.close()
    assert failures == []
    worker = Worker(EmbeddedCluster(broker), ["t"], "g")
    wait_for(lambda: worker.count() == 500, "everything is read")
    worker.stop()
    assert worker.payloads == [str(i).encode() for i in range(500)]


def test_nothing_is_given_up_while_the_broker_is_gone(broker: EmbeddedBroker) -> None:
    failures: list[BaseException] = []
    journal = Journal()
    producer = Producer("p", broker.client, fail=failures.append, log=journal)
    producer.send("t", 0, b"first")
    assert producer.flush(10)
    broker.broker_down()
    for i in range(100):
        producer.send("t", 0, str(i).encode())
    wait_for(lambda: producer.down, "the outage is noticed")
    assert not producer.flush(0.5)
    broker.broker_up()
    assert producer.flush(20)
    assert producer.close()
    assert failures == []
    assert Topics(broker.client).end_offsets([("t", 0)]) == {("t", 0): 101}
    assert journal.count("the broker is back") == 1


def test_a_full_queue_holds_the_sender_back(broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DURABLE", {**module.DURABLE, "queue.buffering.max.messages": 10})
    monkeypatch.setattr(module, "QUEUE_RECORDS", 10)
    failures: list[BaseException] = []
    producer = Producer("p", broker.client, fail=failures.append)
    broker.broker_down()
    sent: list[int] = []

    def send() -> None:
        for i in range(30):
            producer.send("t", 0, b"x")
            sent.append(i)

    sender = threading.Thread(target=send)
    sender.start()
    wait_for(lambda: len(sent) == 10, "the queue is full")
    assert not producer.has_room()
    sender.join(1.0)
    assert len(sent) == 10
    broker.broker_up()
    sender.join(20)
    assert len(sent) == 30
    assert producer.close()
    assert failures == []


def test_a_record_that_is_refused_ends_the_worker(broker: EmbeddedBroker) -> None:
    failures: list[BaseException] = []
    producer = Producer("p", broker.client, fail=failures.append)
    broker.push_errors(PRODUCE, INVALID_RECORD)
    producer.send("t", 0, b"x")
    wait_for(lambda: failures, "it fails")
    assert isinstance(failures[0], InternalError)
    with pytest.raises(InternalError, match="has failed"):
        producer.send("t", 0, b"y")
    producer.close(0.1)
    assert len(failures) == 1


def test_a_record_that_is_too_large_is_refused_at_once(broker: EmbeddedBroker) -> None:
    failures: list[BaseException] = []
    producer = Producer("p", broker.client, fail=failures.append)
    with pytest.raises(InternalError, match="MSG_SIZE_TOO_LARGE"):
        producer.send("t", 0, b"x" * (module.MAX_RECORD_BYTES + 1))
    assert producer.close()
    assert failures == []


def test_an_acknowledgement_that_breaks_ends_the_worker(broker: EmbeddedBroker) -> None:
    failures: list[BaseException] = []
    producer = Producer("p", broker.client, fail=failures.append)

    def broken(_offset: int) -> None:
        raise ZeroDivisionError

    producer.send("t", 0, b"x", on_ack=broken)
    wait_for(lambda: failures, "it fails")
    assert isinstance(failures[0], ZeroDivisionError)
    producer.close(0.1)


def test_without_transactions_rounds_are_written_in_order(broker: EmbeddedBroker) -> None:
    rounds = round_producer("r", "judge-0", broker.client, fenced=False)
    assert isinstance(rounds, IdempotentRounds)
    rounds.init()
    for i in range(3):
        records = [Record("t", 0, f"{i}-{j}".encode(), b"k") for j in range(4)]
        rounds.commit_round(records, {("tallies", 0): (i, "")}, lambda: None, deadline_s=10)
    with pytest.raises(FencedError):
        rounds.commit_round([Record("t", 0, b"late")], {}, lambda: None, owner=lambda: False)
    assert Topics(broker.client).end_offsets([("t", 0)]) == {("t", 0): 12}
    broker.broker_down()
    with pytest.raises(UnavailableError):
        rounds.commit_round([Record("t", 0, b"x")], {}, lambda: None, deadline_s=0.5)
    rounds.close()
