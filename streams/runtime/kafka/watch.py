"""What a source looks after besides reading: the log's ends and ranges, silence, errors and outages. Poll thread.

Waiting heals most of it and is never given up. Positions outside the log, missing topics and refusals end in a
sentence, after a patience that a restarting broker or a topic just made does not exhaust.
"""

import contextlib
import time
from collections.abc import Callable, Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException

from streams.runtime.errors import StateError, TopicError, UnavailableError
from streams.runtime.kafka.assignment import Assignment, Partition
from streams.runtime.kafka.bounds import bounds_of
from streams.runtime.kafka.client import (
    ALL_BROKERS_DOWN,
    AUTHENTICATION,
    LOG_TRUNCATION,
    OUT_OF_PATIENCE_S,
    OUT_OF_RANGE,
    UNKNOWN_TOPIC,
    Log,
    Outage,
    Patience,
    TopicPartitionKey,
    not_accepted,
    verdict,
)
from streams.runtime.kafka.ends import Answer, Ends
from streams.runtime.kafka.fetching import Fetching
from streams.runtime.kafka.stage import Limits, Stage, Stats

STILL_S = 75.0
"""How long a partition is read again and again before a new client, in a new worker, must do it."""

UNANSWERED_S = 15.0
"""How long the ends are asked for in vain before that is an outage, although the reading client says nothing."""

_RANGE_TIMEOUT_S = 2.0


class Watch:
    """Notices what goes wrong with what a source reads. `at_end` is told of partitions that stay at their end."""

    def __init__(
        self,
        name: str,
        topics: Sequence[str],
        stage: Stage,
        assignment: Assignment,
        *,
        at_end: Callable[[TopicPartitionKey, Partition, int], None] | None,
        stats: Stats,
        limits: Limits,
        log: Log,
    ) -> None:
        self._name, self._topics, self._stage, self._assignment = name, set(topics), stage, assignment
        self._at_end, self._stats, self._limits, self._log = at_end, stats, limits, log
        self.outage, self._patience = Outage(name, log), Patience()
        self._missing: set[str] = set()
        self._doom: BaseException | None = None  # seen by a callback, raised by the next turn
        self._next_s = 0.0
        # where a partition stands still (epoch, offset), and since when
        self._still: dict[TopicPartitionKey, tuple[tuple[int, int], float]] = {}
        self._suspected: int | None = None  # the question that was out when brokers seemed to be gone

    def attach(self, consumer: Consumer, fetching: Fetching, ends: Ends) -> None:
        """What it watches; the consumer needs its callbacks first."""
        self._consumer, self._fetching, self._ends = consumer, fetching, ends

    def turn(self) -> None:
        """Look after what is due. Raises what ends the worker."""
        if self._doom is not None:
            raise self._doom
        now_s = time.monotonic()
        if now_s >= self._next_s:
            self._look(now_s)
        for answer in self._ends.answers():
            self._hear(answer)

    def message_error(self, key: TopicPartitionKey, error: KafkaError) -> None:
        """An error in the place of a message."""
        code, partition = error.code(), self._assignment.get(key)
        if code == OUT_OF_RANGE:
            if partition is not None and partition.ready:
                partition.doubt, self._next_s = True, 0.0
        elif code == LOG_TRUNCATION:
            raise StateError(f"topic {key[0]} partition {key[1]} was truncated below the state: {error.str()}")
        elif code in UNKNOWN_TOPIC:
            self._missing.update({key[0]} & self._topics or self._topics)
            self._next_s = 0.0
        else:
            self.client_error(error)

    def client_error(self, error: KafkaError) -> None:
        """An error of the client as a whole; may run in a callback, so what ends the worker waits for the turn."""
        code = error.code()
        if code == ALL_BROKERS_DOWN:
            # One client may still be reconnecting when another is through: a question put after this decides.
            self._suspected, self._next_s = self._ends.asked, 0.0
        elif code in AUTHENTICATION:
            if self._patience.lasted("login") > OUT_OF_PATIENCE_S:
                self._doom = not_accepted(self._name, error)
        else:
            self._doom = self._doom or verdict(error, f"reading {', '.join(sorted(self._topics))}")

    def _look(self, now_s: float) -> None:
        doubts = [(key, partition) for key, partition in self._assignment.items() if partition.doubt]
        often = self._at_end or self.outage.down or self._suspected is not None or self._missing or doubts
        self._next_s = now_s + (self._limits.end_check_s if often else self._limits.lag_check_s)
        for key, partition in doubts:
            self._check_range(key, partition)
        self._ends.ask(self._assignment.ready(), topics=bool(self._missing))

    def _hear(self, answer: Answer) -> None:
        decides = self._suspected is not None and answer.number > self._suspected
        if not answer.reached:
            # The asking client may be the one that lost its brokers (`runtime/lifeline.py`): nobody else would say so.
            if self._patience.lasted("ends") > UNANSWERED_S or decides:
                self.outage.begin("no answer")
                self._still.clear()  # what stands still for want of a broker is not the client's fault
            return
        if decides:
            self._suspected = None
        self._patience.over("ends")
        self.outage.end()
        self._patience.over("login")
        if answer.topics is not None:
            self._judge_missing(answer.topics)
        for key, high in answer.ends.items():
            partition = self._assignment.get(key)
            if partition is not None and partition.ready:
                partition.high = high
                if partition.next < high:
                    self._check_silence(key, partition)
                else:
                    self._still.pop(key, None)
                    partition.seen_s = time.monotonic()
                    if self._at_end is not None:
                        self._at_end(key, partition, answer.asked_ms)

    def _check_silence(self, key: TopicPartitionKey, partition: Partition) -> None:
        """A partition that gives nothing although its log goes on is read again."""
        if self._fetching.holds(key):
            self._still.pop(key, None)
            return
        silent_s = time.monotonic() - partition.seen_s
        if silent_s > self._limits.stall_s and not partition.doubt:
            self._log.warning(
                "a partition stood still; reading it again", source=self._name, topic=key[0], partition=key[1]
            )
            self._check_lost_broker(key, partition)
            self._fetching.restart(key, partition)

    def _check_lost_broker(self, key: TopicPartitionKey, partition: Partition) -> None:
        """A partition that gives nothing however often it is read again: this client is of no use any more.

        Another one of the process reaches the broker, or nobody would know that the log goes on. What may be behind it
        is told in `runtime/lifeline.py`.
        """
        known, at = self._still.get(key), (partition.epoch, partition.next)
        now_s = time.monotonic()
        since_s = now_s if known is None or known[0] != at else known[1]
        self._still[key] = at, since_s
        if now_s - since_s > STILL_S:
            raise UnavailableError(
                f"{key[0]}[{key[1]}] gives nothing since {STILL_S:.0f} s although its log goes on: its client is of "
                f"no use any more. Start the worker again; nothing is lost"
            )

    def _check_range(self, key: TopicPartitionKey, partition: Partition) -> None:
        """The position is not in the log: below its start rows are lost, above its end the log is another one."""
        topic, number = key
        if partition.batches:
            return  # a gap is declared only when the stage has everything that lies before it
        try:
            low, high = bounds_of(self._consumer, key, _RANGE_TIMEOUT_S)
        except KafkaException:
            return  # asked again by the next look
        if low > partition.next:
            self._log.warning(
                "the log begins above the position",
                source=self._name, topic=topic, partition=number, wanted=partition.next, low=low,
            )  # fmt: skip
            self._stage.lost_rows(key, partition.next, low)
            self._stats.lost_rows += low - partition.next
            partition.next = low
        elif high < partition.next:
            # A leader that was just elected may not know its own end yet.
            if self._patience.lasted((key, "short")) < self._limits.truncated_s:
                return
            raise StateError(
                f"topic {topic} partition {number} ends at {high}, but the state is at {partition.next}: the topic "
                "was truncated, deleted or made again; going on would lose or double counts"
            )
        self._patience.over((key, "short"))
        self._fetching.restart(key, partition)

    def _judge_missing(self, topics: frozenset[str]) -> None:
        for topic in self._missing - topics:
            if self._patience.lasted((topic, "missing")) > OUT_OF_PATIENCE_S:
                raise TopicError(f"topic {topic} does not exist; create it, or correct its name in the configuration")
        found = self._missing & topics
        for topic in found:
            self._patience.over((topic, "missing"))
        if found:
            with contextlib.suppress(KafkaException):  # the consumer itself would notice only at its next refresh
                self._consumer.list_topics(timeout=_RANGE_TIMEOUT_S)
        self._missing -= topics
