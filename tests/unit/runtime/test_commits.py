"""A commit that is waited for: what passes is tried again until the timeout, what does not is told at once."""

import threading
from typing import cast

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams.runtime.errors import InternalError, NotPermittedError, UnavailableError
from streams.runtime.kafka.assignment import Assignment
from streams.runtime.kafka.client import ALL_BROKERS_DOWN, ASSIGNMENT_LOST, TIMED_OUT, TRANSPORT, TopicPartitionKey
from streams.runtime.kafka.commits import Commits

KEY: TopicPartitionKey = ("t", 0)

PASSING = [
    TRANSPORT, TIMED_OUT, ALL_BROKERS_DOWN, ASSIGNMENT_LOST, KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.NOT_COORDINATOR, KafkaError.REQUEST_TIMED_OUT,
    KafkaError.NETWORK_EXCEPTION, KafkaError.REBALANCE_IN_PROGRESS, KafkaError.ILLEGAL_GENERATION,
    KafkaError.UNKNOWN_MEMBER_ID, KafkaError.STALE_MEMBER_EPOCH, KafkaError.UNKNOWN_TOPIC_OR_PART,
]  # fmt: skip


class Broker:
    """A consumer whose commits are answered with these codes one after the other, the last for ever."""

    def __init__(self, commits: Commits, *codes: int) -> None:
        self._commits, self._codes = commits, list(codes)
        self.asked = 0

    def commit(self, offsets: list[TopicPartition], asynchronous: bool) -> None:
        assert asynchronous
        self.asked += 1
        code = self._codes.pop(0) if len(self._codes) > 1 else self._codes[0]
        self._commits.committed_by_broker(KafkaError(code) if code else None, offsets)


def commit(timeout_s: float, *codes: int) -> Broker:
    """Commit with a poll thread beside, as a source has it."""
    commits, owned, over = Commits(), Assignment(), threading.Event()
    owned.add(KEY, 0.0)
    broker = Broker(commits, *codes)

    def poll() -> None:
        while not over.wait(0.01):
            commits.send(cast("Consumer", broker), owned)

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        commits.put_and_wait({KEY: (7, "note")}, timeout_s, threading.Event())
    finally:
        over.set()
        thread.join(10)
    return broker


@pytest.mark.parametrize("code", PASSING)
def test_what_passes_is_tried_again(code: int) -> None:
    assert not KafkaError(code).retriable(), "errors of callbacks do not say that they can be tried again"
    assert commit(20, code, code, 0).asked == 3


def test_an_outage_that_lasts_ends_in_unavailable_with_the_reason() -> None:
    with pytest.raises(UnavailableError, match=r"within 0 s \(.*[Cc]oordinator"):
        commit(0.35, KafkaError.COORDINATOR_NOT_AVAILABLE)


def test_who_waits_for_a_partition_that_was_given_up_hears_it_at_once() -> None:
    commits, asked, over = Commits(), threading.Event(), threading.Event()

    def poll() -> None:
        while not over.wait(0.01):
            commits.send(cast("Consumer", None), Assignment())

    def wait() -> None:
        with pytest.raises(UnavailableError, match="given up"):
            commits.put_and_wait({KEY: (7, "note")}, 3600.0, threading.Event())
        asked.set()

    threads = [threading.Thread(target=work, daemon=True) for work in (poll, wait)]
    for thread in threads:
        thread.start()
    assert asked.wait(20)
    over.set()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (KafkaError.GROUP_AUTHORIZATION_FAILED, NotPermittedError),
        (KafkaError._FATAL, InternalError),
        (KafkaError.OFFSET_METADATA_TOO_LARGE, KafkaException),
    ],
)
def test_what_does_not_pass_is_told_at_once(code: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        commit(20, code)
