"""The parts of a source that need no broker: contiguity of offsets, bounds, loading."""

import threading

from confluent_kafka import Message

from streams.runtime.kafka.assignment import Assignment, Partition
from streams.runtime.kafka.client import TopicPartitionKey
from streams.runtime.kafka.inflight import InFlight
from streams.runtime.kafka.loader import Loader
from streams.runtime.kafka.stage import Batch, Limits
from tests.support.workers import wait_for

KEY = ("t", 0)


def messages(*offsets: int) -> list[Message]:
    return [Message(topic="t", partition=0, offset=offset, value=b"x") for offset in offsets]


def taken(partition: Partition, *offsets: int) -> tuple[list[int | None], int | None]:
    rows, jump = partition.take(messages(*offsets))
    return [row.offset() for row in rows], jump


def test_offsets_that_continue_are_taken() -> None:
    partition = Partition(1, 0.0, next=5)
    assert taken(partition, 5, 6, 7) == ([5, 6, 7], None)
    assert partition.next == 8


def test_repeats_are_left_out() -> None:
    partition = Partition(1, 0.0, next=6)
    assert taken(partition, 4, 5, 6, 7) == ([6, 7], None)
    assert taken(partition, 3, 4) == ([], None)
    assert partition.next == 8


def test_a_jump_is_taken_only_when_it_is_read_twice() -> None:
    partition = Partition(1, 0.0, next=5)
    assert taken(partition, 5, 8, 9) == ([5], 8)
    assert partition.next == 6
    partition.restarted(1.0)
    assert taken(partition, 8, 9) == ([8, 9], None)
    assert partition.next == 10


def test_a_jump_that_was_a_fault_of_the_reading_loses_nothing() -> None:
    partition = Partition(1, 0.0, next=5)
    assert taken(partition, 8, 9) == ([], 8)
    partition.restarted(1.0)
    assert taken(partition, 5, 6, 7, 8, 9) == ([5, 6, 7, 8, 9], None)


def test_another_jump_at_the_same_place_is_not_yet_confirmed() -> None:
    partition = Partition(1, 0.0, next=5)
    assert taken(partition, 8) == ([], 8)
    assert taken(partition, 7) == ([], 7)
    assert taken(partition, 7) == ([7], None)


def test_holes_are_trusted_after_the_first_until_a_restart() -> None:
    partition = Partition(1, 0.0, next=0)
    taken(partition, 2)
    assert taken(partition, 2, 4, 7) == ([2, 4, 7], None)
    partition.restarted(1.0)
    assert taken(partition, 9) == ([], 9)


def test_a_batch_of_an_earlier_assignment_is_stale() -> None:
    assignment = Assignment()
    first = assignment.add(KEY, 0.0)
    assert assignment.epoch(KEY) == first.epoch
    assert list(assignment.drop([KEY, ("t", 1)])) == [KEY]
    assert assignment.epoch(KEY) is None
    assert assignment.add(KEY, 0.0).epoch != first.epoch


def batch(rows: int, size_bytes: int = 0) -> Batch:
    return Batch("t", 0, 1, messages(*range(rows)), rows, caught_up=False, read_ms=0, size_bytes=size_bytes)


def test_room_ends_at_each_of_the_three_bounds() -> None:
    partition = Partition(1, 0.0)
    for limits, one in (
        (Limits(max_batches=2), batch(1)),
        (Limits(max_rows=20), batch(10)),
        (Limits(max_bytes=20), batch(1, 10)),
    ):
        flight = InFlight(limits)
        flight.add(one, partition)
        assert flight.room()
        flight.add(one, partition)
        assert not flight.wait_room(0)
        flight.done(one, partition)
        assert flight.wait_room(0)


def test_rows_of_a_partition_that_was_given_up_do_not_count_for_its_next_assignment() -> None:
    flight, again = InFlight(Limits()), Partition(2, 0.0)
    flight.add(batch(3), Partition(1, 0.0))
    flight.done(batch(3), again)
    assert (again.batches, again.rows, flight.batches) == (0, 0, 0)


def test_a_partition_that_comes_back_while_it_loads_is_loaded_again() -> None:
    release, loads, wanted = threading.Event(), list[TopicPartitionKey](), {KEY: 1}

    def load(keys: list[TopicPartitionKey]) -> None:
        loads.extend(keys)
        release.wait(10)

    failures: list[BaseException] = []
    loader = Loader("l", load, lambda key, epoch: wanted[key] == epoch, failures.append, 2, 1)
    loader.start()
    loader.put(KEY, 1)
    wait_for(lambda: loads, "it loads")
    wanted[KEY] = 2
    loader.put(KEY, 2)
    release.set()
    done: list[tuple[TopicPartitionKey, int]] = []

    def collect() -> bool:
        done.extend(loader.finished())
        return bool(done)

    wait_for(collect, "it is loaded")
    loader.stop()
    assert loads == [KEY, KEY]
    assert done == [(KEY, 2)]
    assert not loader.pending
    assert failures == []


def test_a_load_that_breaks_ends_the_worker() -> None:
    def load(_keys: list[TopicPartitionKey]) -> None:
        raise ZeroDivisionError

    failures: list[BaseException] = []
    loader = Loader("l", load, lambda _key, _epoch: True, failures.append, 1, 1)
    loader.start()
    loader.put(KEY, 1)
    wait_for(lambda: failures, "it fails")
    assert isinstance(failures[0], ZeroDivisionError)
