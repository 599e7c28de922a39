"""A round that cannot be finished does not hold up a worker that has lost its partition meanwhile."""

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.runtime.kafka.transactions import FencedError, Record, TransactionalProducer


class Unreached:
    """A client that never finds its coordinator: every call can be resumed, none ends."""

    def __init__(self) -> None:
        self.tried = 0

    def begin_transaction(self) -> None:
        """Local only."""

    def produce(self, *_arguments: Any, **_options: Any) -> None:
        """Local only."""

    def poll(self, _timeout_s: float) -> None:
        """Nothing happened."""

    def commit_transaction(self, _timeout_s: float) -> None:
        self.tried += 1
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "no coordinator", retriable=True))


def test_who_has_lost_the_partition_gives_up_a_round_that_does_not_end() -> None:
    writer = TransactionalProducer("old", "judge-0", {"bootstrap.servers": "127.0.0.1:9"})
    client = Unreached()
    writer._producer = client  # type: ignore[assignment]
    with pytest.raises(FencedError, match="the partition was given up"):
        writer.commit_round([Record("rows", 0, b"1")], {}, lambda: None, owner=lambda: client.tried < 3, deadline_s=30)
    assert client.tried == 3


class Fenced(Unreached):
    """A client that slept: its round must be aborted, and its successor has done that already."""

    def commit_transaction(self, _timeout_s: float) -> None:
        self.tried += 1
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "messages timed out", txn_requires_abort=True))

    def abort_transaction(self, _timeout_s: float) -> None:
        raise KafkaException(KafkaError(KafkaError._FENCED, "fenced by a newer instance", fatal=True))


def test_who_slept_and_was_replaced_gives_up_without_a_word_of_its_own() -> None:
    writer = TransactionalProducer("old", "judge-0", {"bootstrap.servers": "127.0.0.1:9"})
    client = Fenced()
    writer._producer = client  # type: ignore[assignment]
    still = iter((True, True, False))  # it learns that it was replaced right before it would abort
    with pytest.raises(FencedError, match="the partition was given up"):
        writer.commit_round([Record("rows", 0, b"1")], {}, lambda: None, owner=lambda: next(still), deadline_s=30)


class Forgotten(Fenced):
    """A client whose brokers died between the end of a round and its answer, and have forgotten it since."""

    def commit_transaction(self, _timeout_s: float) -> None:
        self.tried += 1
        raise KafkaException(KafkaError(KafkaError.INVALID_TXN_STATE, "invalid state", fatal=True))


def test_who_was_replaced_while_no_broker_was_there_gives_up_too() -> None:
    writer = TransactionalProducer("old", "judge-0", {"bootstrap.servers": "127.0.0.1:9"})
    client = Forgotten()
    writer._producer = client  # type: ignore[assignment]
    with pytest.raises(FencedError, match="the partition was given up"):
        writer.commit_round([Record("rows", 0, b"1")], {}, lambda: None, owner=lambda: client.tried < 1, deadline_s=30)
