"""A Kafka consumer that feeds a stage: micro-batches per partition, from the stage's own position, bounded.

A source has its own group and one poll thread, the only one that changes the assignment. It keeps these rules:

1. A partition is read only when its state is loaded, from the stage's position (`membership.py`, `fetching.py`).
2. Offsets arrive in order, each once per assignment; a jump is taken only when read twice (`assignment.py`).
3. Nothing is skipped in silence: a log that begins above the position goes to `Stage.lost_rows`, one that ends
   below it ends the worker (`watch.py`).
4. What is out with the stage is bounded (`inflight.py`); a full stage pauses its partitions, polling goes on.
5. No broker, no matter how long, is waited for; what cannot heal goes to `fail`, once.

confluent-kafka lets one thread at a time into a consumer and gives no turns, so a call beside a running poll may
wait for ever. Therefore nobody but the poll thread touches the consumer; other threads ask through `_inquiry`, a
second one in the same group that never joins it.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaError, Message

from streams.runtime.kafka.arrivals import sort_out
from streams.runtime.kafka.assignment import Assignment, Partition, key_of
from streams.runtime.kafka.client import SILENCE, Log, TopicPartitionKey
from streams.runtime.kafka.commits import Commits
from streams.runtime.kafka.consumer_properties import consumer_properties
from streams.runtime.kafka.ends import Ends
from streams.runtime.kafka.fetching import Fetching
from streams.runtime.kafka.inflight import InFlight
from streams.runtime.kafka.membership import Membership
from streams.runtime.kafka.stage import Batch, Limits, Stage, Stats
from streams.runtime.kafka.watch import Watch

_REFRESH_S = 0.1  # how old the group membership for transactions may be
_QUIET_S = 0.02  # a poll while something else is to be looked after soon


class Source:
    """One consumer of `topics` in `group`, feeding `stage` through `deliver`. See the module for its rules.

    `client` are librdkafka properties: where the broker is and who is asking. `deliver` and `Stage.revoked` run in
    the poll thread and must not block for long; `fail` may be called from any thread and is called once.
    `clock_ms` is the wall clock. With `at_end`, batches say when a partition is at its end, and a partition that
    stays there delivers an empty batch every `Limits.end_check_s`. `instance_id` makes the membership static (a quick
    restart then moves nothing), `protocol` "consumer" uses the newer group protocol (broker settings rule it).
    """

    def __init__(
        self,
        name: str,
        topics: Sequence[str],
        group: str,
        stage: Stage,
        client: Mapping[str, Any],
        *,
        deliver: Callable[[Batch], None],
        fail: Callable[[BaseException], None],
        clock_ms: Callable[[], int],
        log: Log = SILENCE,
        limits: Limits | None = None,
        at_end: bool = False,
        read_committed: bool = False,
        instance_id: str | None = None,
        protocol: str = "classic",
    ) -> None:
        self.name, self.topics, self.group = name, list(topics), group
        self.stats = Stats()
        self.limits = limits = limits or Limits()
        self._stage, self._deliver_batch, self._on_fail, self._clock_ms = stage, deliver, fail, clock_ms
        self._at_end = at_end
        self._ahead: frozenset[TopicPartitionKey] = frozenset()
        self._group_metadata: Any = None
        self._refresh_s = 0.0
        self._failed = threading.Event()
        self._stopping, self._released, self._closed = threading.Event(), threading.Event(), threading.Event()
        self._assignment, self._in_flight, self._commits = Assignment(), InFlight(limits), Commits()
        self._watch = Watch(
            name, topics, stage, self._assignment,
            at_end=self._still_at_end if at_end else None, stats=self.stats, limits=limits, log=log,
        )  # fmt: skip
        properties = consumer_properties(
            name, group, client, limits, at_end=at_end, read_committed=read_committed, instance_id=instance_id,
            protocol=protocol,
        ) | {"error_cb": self._watch.client_error, "on_commit": self._commits.committed_by_broker}  # fmt: skip
        self._consumer = Consumer(properties)
        self._fetching = Fetching(self._consumer, self._assignment, self.stats)
        self._membership = Membership(
            name, stage, self._assignment, self._fetching, self._commits,
            stats=self.stats, limits=limits, log=log, fail=self._fail,
        )  # fmt: skip
        self._inquiry = Consumer({**properties, "client.id": f"streams-{name}-inquiry", "error_cb": _ignore})
        self._ends = Ends(name, self._inquiry, clock_ms, self._fail)
        self._watch.attach(self._consumer, self._fetching, self._ends)
        self._thread = threading.Thread(target=self._run, name=f"{name}-poll", daemon=True)

    # What the runtime calls, from any thread.

    @property
    def lock(self) -> threading.Lock:
        """Hold it around `current` and the application of a batch."""
        return self._assignment.lock

    def start(self) -> None:
        """Join the group and begin to read."""
        self._membership.loader.start()
        self._ends.start()
        self._thread.start()

    def current(self, batch: Batch) -> bool:
        """Whether the partition is still owned under the assignment the batch was read in. Hold `lock`."""
        return self._assignment.epoch(batch.key) == batch.epoch

    def done(self, batch: Batch) -> None:
        """The stage is finished with a batch, whether it was current or not. Once for each batch."""
        self._in_flight.done(batch, self._assignment.get(batch.key))

    def hold_back(self, keys: frozenset[TopicPartitionKey]) -> None:
        """Read all partitions but these from now on: they are ahead of others in event time."""
        self._ahead = keys

    def commit(self, offsets: Mapping[TopicPartitionKey, tuple[int, str]]) -> None:
        """Commit group offsets (next offset, metadata) soon; the newest of a partition counts. Does not wait."""
        self._commits.put(offsets)

    def commit_now(self, offsets: Mapping[TopicPartitionKey, tuple[int, str]], timeout_s: float = 30.0) -> None:
        """Commit and wait for the broker's word; not from the poll thread. Raises KafkaException, UnavailableError."""
        self._commits.put_and_wait(offsets, timeout_s, self._closed)

    def committed(
        self, tps: Sequence[TopicPartitionKey], timeout_s: float = 30.0
    ) -> dict[TopicPartitionKey, tuple[int, str] | None]:
        """The group's committed offsets and metadata; None where there is none. Raises like `commit_now`."""
        return self._commits.committed(self._inquiry, tps, timeout_s)

    def group_metadata(self) -> Any:
        """The group membership as transactions need it; None before the first. Ask anew for each round and refusal."""
        return self._group_metadata

    def assigned(self) -> list[TopicPartitionKey]:
        """The partitions being read: owned, and their state is loaded."""
        return self._assignment.ready()

    def loading(self) -> list[TopicPartitionKey]:
        """The partitions owned whose state is not loaded yet."""
        return self._assignment.loading()

    def lag(self) -> dict[TopicPartitionKey, int]:
        """Rows between what was read and the log's end when last asked, per partition being read."""
        return self._assignment.lag()

    @property
    def in_flight(self) -> int:
        """Batches out with the stage."""
        return self._in_flight.batches

    @property
    def down(self) -> bool:
        """No broker can be reached at the moment."""
        return self._watch.outage.down

    def stop(self, drain: Callable[[], None] | None = None, timeout_s: float = 8.0) -> bool:
        """Stop reading, let the stage finish what it has, call `drain`, commit, leave the group.

        `drain` runs in the caller's thread. Returns within about `timeout_s` plus what `drain` takes, also without a
        broker; whether the group was left in order.
        """
        until_s = time.monotonic() + timeout_s
        self._stopping.set()
        if not self._thread.is_alive():
            return self._closed.is_set()
        self._in_flight.wait_empty(timeout_s / 2)
        try:
            if drain is not None:
                drain()
        finally:
            self._released.set()
        return self._closed.wait(max(1.0, until_s - time.monotonic()))

    # The poll thread.

    def _run(self) -> None:
        try:
            member = self._membership
            self._consumer.subscribe(
                self.topics, on_assign=member.assigned, on_revoke=member.revoked, on_lost=member.lost
            )
            while not self._stopping.is_set():
                self._turn()
            self._fetching.pause_all()
            while not self._released.is_set():  # paused: no rows come, but the membership is kept
                self._consumer.consume(1, _QUIET_S)
                self._commits.send(self._consumer, self._assignment)
            self._commits.send(self._consumer, self._assignment)
            self._close()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the worker ends with it
            self._fail(error)
            self._close()
        finally:
            self._closed.set()

    def _turn(self) -> None:
        self._membership.finish_loads()
        self._commits.send(self._consumer, self._assignment)
        self._watch.turn()
        self._fetching.hold_ahead(self._ahead)
        now_s = time.monotonic()
        if now_s >= self._refresh_s:
            self._refresh_s = now_s + _REFRESH_S
            self._group_metadata = self._consumer.consumer_group_metadata()
        if self._has_room():
            self._deliver(self._poll())
        self._fetching.let_go(self.limits.max_partition_rows // 2)

    def _poll(self) -> list[Message]:
        busy = self._membership.loader.pending or self._ends.asking or self._ahead
        messages = self._consumer.consume(1, _QUIET_S if busy else self.limits.first_wait_s)
        if not messages:
            return []
        key = key_of(messages[0])
        epoch = self._assignment.epoch(key)
        messages += self._consumer.consume(self.limits.poll_rows - 1, self.limits.more_wait_s)
        if self._assignment.epoch(key) != epoch:
            del messages[0]  # a rebalance came between the two: it belongs to an assignment that is over
        return messages

    def _has_room(self) -> bool:
        if self._fetching.paused:
            if not self._in_flight.room(0.5):
                self._deliver(self._consumer.consume(1, _QUIET_S))  # serves rebalances
                self._in_flight.wait_room(self.limits.grace_s, 0.5)
                return False
            self._fetching.resume_all()
        elif not self._in_flight.wait_room(self.limits.grace_s):
            self.stats.paused += 1
            self._fetching.pause_all()
            return False
        return True

    def _deliver(self, messages: Sequence[Message]) -> None:
        read_ms = self._clock_ms()
        arrived = sort_out(messages)
        for key, error in arrived.errors:
            self._watch.message_error(key, error)
        for key in arrived.rows.keys() | arrived.ends.keys():
            self._hand_over(key, arrived.rows.get(key, []), arrived.ends.get(key), read_ms)

    def _hand_over(self, key: TopicPartitionKey, rows: list[Message], end: int | None, read_ms: int) -> None:
        partition = self._assignment.get(key)
        if partition is None or not partition.ready:
            self.stats.stale += len(rows)
            return
        taken, jump = partition.take(rows)
        if jump is None and end is not None and end > partition.next:
            # The log ends in something that is no message (a transaction marker): the same rule as for any jump.
            jump = partition.reach(end)
        caught_up = jump is None and end == partition.next
        if taken or (caught_up and self._at_end):
            self._send(key, partition, taken, caught_up and self._at_end, read_ms)
        if jump is not None:
            self.stats.jumps += 1
            self._fetching.restart(key, partition)

    def _send(
        self, key: TopicPartitionKey, partition: Partition, rows: list[Message], caught_up: bool, read_ms: int
    ) -> None:
        batch = Batch(*key, partition.epoch, rows, partition.next, caught_up, read_ms, sum(map(len, rows)))
        partition.seen_s = time.monotonic()
        self._in_flight.add(batch, partition)
        self.stats.batches += 1
        self.stats.rows += len(rows)
        self._deliver_batch(batch)
        if partition.rows > self.limits.max_partition_rows:
            self._fetching.hold(key)

    def _still_at_end(self, key: TopicPartitionKey, partition: Partition, asked_ms: int) -> None:
        if self._in_flight.room():
            self._send(key, partition, [], caught_up=True, read_ms=asked_ms)

    def _fail(self, error: BaseException) -> None:
        if not self._failed.is_set():
            self._failed.set()
            self._membership.silent = True
            self._stopping.set()
            self._released.set()
            self._on_fail(error)

    def _close(self) -> None:
        """Leave the group. A client with another thread inside is not closed but left to the garbage collector."""
        self._membership.loader.stop()
        self._consumer.close()
        quiet = self._ends.stop()
        if self._commits.close() and quiet:
            self._inquiry.close()


def _ignore(_error: KafkaError) -> None:
    """What the inquiring client meets shows in its answers."""
