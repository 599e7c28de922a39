"""A producer says that it is full before a send would have to wait; what a record that was not taken means."""

from confluent_kafka import KafkaError

from streams.runtime.errors import UnavailableError
from streams.runtime.kafka.producer import QUEUE_KIB, Producer, delivery_error

NOBODY = {"bootstrap.servers": "127.0.0.1:1"}


def test_a_few_large_records_fill_the_room_before_the_queue_is_full() -> None:
    failures: list[BaseException] = []
    producer = Producer("test", NOBODY, fail=failures.append)
    large = b"x" * 500_000
    sent = 0
    while producer.has_room():
        producer.send("topic", 0, large)
        sent += 1
    assert 0 < sent * len(large) < QUEUE_KIB * 1024 * 0.9
    producer.close(0.1)
    assert failures == []


def test_a_send_after_the_end_does_not_wait_for_a_broker_that_never_comes() -> None:
    producer = Producer("test", NOBODY, fail=lambda _: None)
    producer.close(0.1)
    for _ in range(300):
        producer.send("topic", 0, b"x" * 500_000)


def test_a_topic_that_a_broker_does_not_know_is_looked_for_by_who_starts_again() -> None:
    error = delivery_error(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART), "ledger")
    assert isinstance(error, UnavailableError)
    assert str(error).startswith("writing to topic ledger: the broker does not know it. Start again")
