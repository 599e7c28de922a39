"""The embedded broker by itself, in this process and in one of its own."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from streams.runtime.errors import InternalError, TopicError, UnavailableError
from streams.runtime.kafka.embedded import EmbeddedBroker, parse_topics
from streams.runtime.kafka.topics import TopicPlan, Topics

pytestmark = pytest.mark.embedded

PRODUCE = 0  # the API key of a produce request
NOT_ENOUGH_REPLICAS = 19


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(partitions_default=3) as running:
        yield running


def test_creates_topics_with_the_partitions_asked_for(broker: EmbeddedBroker) -> None:
    broker.create_topic("two", 2)
    broker.create_topic("usual")
    states = Topics(broker.client).describe(["two", "usual", "missing"])
    assert [states[name].partitions for name in ("two", "usual", "missing")] == [2, 3, 0]
    assert not states["missing"].exists
    assert states["two"].topic_id != states["usual"].topic_id
    assert states["two"].config is None


def test_a_topic_is_made_once(broker: EmbeddedBroker) -> None:
    broker.create_topic("t", 1)
    with pytest.raises(TopicError, match="could not create topic t"):
        broker.create_topic("t", 1)


def test_cannot_create_over_the_wire_and_says_so(broker: EmbeddedBroker) -> None:
    with pytest.raises(TopicError, match="cannot create them over the wire"):
        Topics(broker.client).ensure([TopicPlan("own", 2)], create=True)


def test_deleted_records_move_the_start_of_the_log(broker: EmbeddedBroker) -> None:
    broker.create_topic("t", 1)
    producer = Producer({**broker.client, "log_level": 0})
    for _ in range(10):
        producer.produce("t", b"x", partition=0)
    producer.flush(10)
    broker.delete_records("t", 0, 4)
    topics = Topics(broker.client)
    assert topics.low_watermarks([("t", 0)]) == {("t", 0): 4}
    assert topics.end_offsets([("t", 0)]) == {("t", 0): 10}
    assert topics.delete_records({("t", 0): 6}) is False


def test_errors_that_were_pushed_are_met_and_survived(broker: EmbeddedBroker) -> None:
    broker.create_topic("t", 1)
    broker.push_errors(PRODUCE, NOT_ENOUGH_REPLICAS, NOT_ENOUGH_REPLICAS)
    producer = Producer({**broker.client, "enable.idempotence": True, "retry.backoff.ms": 50, "log_level": 0})
    producer.produce("t", b"x", partition=0)
    assert producer.flush(20) == 0
    consumer = Consumer({**broker.client, "group.id": "g", "log_level": 0})
    assert consumer.get_watermark_offsets(TopicPartition("t", 0), timeout=5) == (0, 1)
    consumer.close()


def test_a_closed_broker_can_be_closed_again_and_does_nothing_else() -> None:
    broker = EmbeddedBroker()
    broker.close()
    broker.close()
    with pytest.raises(InternalError, match="closed"):
        broker.create_topic("t", 1)


def test_no_broker_is_said_within_the_time_given() -> None:
    broker = EmbeddedBroker()
    topics = Topics(broker.client, wait_s=1.0)
    broker.close()
    with pytest.raises(UnavailableError, match=f"no broker answered at {broker.bootstrap}"):
        topics.describe(["t"])


@pytest.mark.parametrize("text", ["t", "t:0", ":3", "t:x", "t:3,u"])
def test_what_is_not_a_list_of_topics_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not name:partitions"):
        parse_topics(text)


@pytest.mark.parametrize("ending", ["stdin", "SIGTERM"])
def test_its_own_process_lives_until_its_input_closes_or_it_is_told_to_end(ending: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "streams.runtime.kafka.embedded", "--topics", "raw:4,labels:2"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        bootstrap = json.loads(process.stdout.readline())["bootstrap"]
        states = Topics({"bootstrap.servers": bootstrap}).describe(["raw", "labels"])
        assert {name: state.partitions for name, state in states.items()} == {"raw": 4, "labels": 2}
        assert process.poll() is None
        if ending == "stdin":
            process.stdin.close()
        else:
            process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close() if process.stdout else None
        process.stdin.close() if process.stdin else None
