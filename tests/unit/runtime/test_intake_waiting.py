"""Batches that wait for company: gathered in order, bounded in all, and counted apart from what the source counts."""

from collections import defaultdict

import pytest
from confluent_kafka import Message
from hypothesis import given
from hypothesis import strategies as st

from streams.runtime.kafka.arrivals import sort_out
from streams.runtime.kafka.assignment import offset_of
from streams.runtime.kafka.client import TopicPartitionKey
from streams.runtime.kafka.stage import Batch
from streams.runtime.stages import waiting
from streams.runtime.stages.waiting import Waiting


def batch(partition: int, begin: int, end: int, *, read_ms: int = 0, caught_up: bool = False, size: int = 0) -> Batch:
    """A batch of one topic."""
    messages = [Message(topic="t", partition=partition, offset=offset) for offset in range(begin, end)]
    return Batch("t", partition, 1, messages, end, caught_up, read_ms, size)


def test_batches_of_a_source_become_one_in_order() -> None:
    """Rows, end and size add up; each source by itself."""
    held = Waiting()
    for part in (batch(0, 0, 3, read_ms=10, size=5), batch(1, 7, 9), batch(0, 3, 5, read_ms=20, size=6)):
        assert held.add(part) == []
    assert held.sources() == [("t", 0), ("t", 1)]
    gathered = held.take(("t", 0))
    assert gathered is not None
    assert list(gathered.batch.offsets()) == [0, 1, 2, 3, 4]
    assert (gathered.batch.end, gathered.batch.read_ms, gathered.batch.size_bytes) == (5, 20, 11)
    assert gathered.at_end_ms is None
    assert held.take(("t", 0)) is None
    assert held.sources() == [("t", 1)]


def test_the_end_is_told_with_the_time_of_the_last_row() -> None:
    """A look at the end later than the last row moves the time at the end alone; a row takes it back."""
    held = Waiting()
    held.add(batch(0, 0, 2, read_ms=10))
    held.add(batch(0, 2, 2, read_ms=99, caught_up=True))
    gathered = held.take(("t", 0))
    assert gathered is not None
    assert (gathered.batch.read_ms, gathered.at_end_ms) == (10, 99)
    held.add(batch(0, 2, 2, read_ms=100, caught_up=True))
    held.add(batch(0, 2, 3, read_ms=110))
    gathered = held.take(("t", 0))
    assert gathered is not None
    assert (gathered.batch.read_ms, gathered.at_end_ms) == (110, None)


def test_what_the_source_delivered_stays_as_it_was() -> None:
    """The source subtracts a batch from what is out by its size, after the stage took it."""
    held, first = Waiting(), batch(0, 0, 3, size=5)
    held.add(first)
    held.add(batch(0, 3, 5, size=6))
    assert (len(first), first.size_bytes, first.end) == (3, 5, 3)


def test_enough_rows_of_a_source_go_and_too_many_of_all_send_the_fullest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both bounds, in rows and in bytes."""
    monkeypatch.setattr(waiting, "ENOUGH_ROWS", 10)
    monkeypatch.setattr(waiting, "MOST_ROWS", 14)
    monkeypatch.setattr(waiting, "MOST_BYTES", 100)
    held = Waiting()
    assert held.add(batch(0, 0, 9)) == []
    assert held.add(batch(0, 9, 10)) == [("t", 0)]
    held.take(("t", 0))
    assert held.add(batch(1, 0, 8)) == []
    assert held.add(batch(2, 0, 6)) == []
    assert held.add(batch(3, 0, 1)) == [("t", 1)]
    held.take(("t", 1))
    assert held.add(batch(4, 0, 1, size=101)) == [("t", 4)]
    held.take(("t", 4))
    assert held.add(batch(5, 0, 1)) == []


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 2), st.integers(1, 9)), max_size=20))
def test_a_poll_is_sorted_by_partition(runs: list[tuple[str, int, int]]) -> None:
    """Whatever the runs: each row is in its partition once and in order."""
    expected: dict[TopicPartitionKey, list[int]] = defaultdict(list)
    messages: list[Message] = []
    for topic, partition, length in runs:
        for _ in range(length):
            offset = len(messages)
            expected[topic, partition].append(offset)
            messages.append(Message(topic=topic, partition=partition, offset=offset))
    arrived = sort_out(messages)
    assert {key: [offset_of(m) for m in rows] for key, rows in arrived.rows.items()} == dict(expected)
    assert not arrived.ends
    assert not arrived.errors
