"""Writing rounds: some records and the position they belong to, all or nothing, by one owner at a time.

Rows and alert states live in compacted topics, where the last write wins; a stale owner must not be the last. So
each judge partition has a transactional producer whose `init` shuts out every predecessor, and each round carries
the position with the group's membership, so that an owner which initialises late is refused by the group.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from streams.runtime.errors import InternalError, UnavailableError
from streams.runtime.kafka.client import FENCED, SILENCE, TIMED_OUT, Log, TopicPartitionKey, error_of, verdict
from streams.runtime.kafka.producer import DURABLE, delivery_error

TRANSACTION_MS = 10_000
"""After this the broker aborts the round of an owner that went silent."""

_CALL_S, _PAUSE_S = 2.0, 0.1

_FENCED = frozenset({FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH})
_GROUP_MOVED = frozenset({
    KafkaError.ILLEGAL_GENERATION, KafkaError.UNKNOWN_MEMBER_ID, KafkaError.FENCED_INSTANCE_ID,
    KafkaError.STALE_MEMBER_EPOCH, KafkaError.REBALANCE_IN_PROGRESS,
})  # fmt: skip

# A broker that died between the end of a transaction and its answer refuses the repeated question, and the client
# is of no use after it. The round is written again by a new one: rows are upserts, and the group still guards.
_OUTCOME_UNKNOWN = frozenset({KafkaError.INVALID_TXN_STATE})


class FencedError(Exception):
    """Another worker owns the partition now; this one must stop writing it. Not the end of the worker."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a round."""

    topic: str
    partition: int
    value: bytes | None
    key: bytes | None = None
    timestamp_ms: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()


Offsets = Mapping[TopicPartitionKey, tuple[int, str]]


class RoundProducer(Protocol):
    """Writes rounds. Every call may block: not from an event loop."""

    def init(self, deadline_s: float | None = None) -> None:
        """Shut out every predecessor. Before the state is loaded. Raises UnavailableError after the deadline."""

    def commit_round(
        self,
        records: Sequence[Record],
        offsets: Offsets,
        group_metadata: Callable[[], Any],
        *,
        owner: Callable[[], bool] = lambda: True,
        deadline_s: float | None = None,
    ) -> None:
        """Write the records and commit the offsets (next offset, metadata), all or nothing.

        When a broker dies at the wrong moment a round may be written twice, whole both times. Repeats what can
        heal; `group_metadata` is asked anew each time. Raises FencedError when another worker took over or
        `owner()` no longer holds, UnavailableError after the deadline (close it and make another), InternalError
        when the producer is beyond repair.
        """

    def close(self) -> None:
        """End; a round under way in another thread raises UnavailableError."""


class TransactionalProducer:
    """A RoundProducer for one judge partition: one small transaction a round, fenced by `transactional_id`."""

    def __init__(self, name: str, transactional_id: str, client: Mapping[str, Any], *, log: Log = SILENCE) -> None:
        self._name, self._log = name, log
        self._closed = threading.Event()
        self._owner: Callable[[], bool] = lambda: True
        self._properties = {
            **DURABLE,
            **client,
            "client.id": f"streams-{name}",
            "transactional.id": transactional_id,
            "transaction.timeout.ms": TRANSACTION_MS,
            "error_cb": _ignore,  # every call here returns its own error
        }
        self._make()

    def init(self, deadline_s: float | None = None) -> None:
        """See RoundProducer."""
        try:
            self._until_done(lambda: self._producer.init_transactions(_CALL_S), _deadline(deadline_s))
        except KafkaException as error:
            raise self._final(error_of(error)) from error

    def commit_round(
        self,
        records: Sequence[Record],
        offsets: Offsets,
        group_metadata: Callable[[], Any],
        *,
        owner: Callable[[], bool] = lambda: True,
        deadline_s: float | None = None,
    ) -> None:
        """See RoundProducer."""
        until_s = _deadline(deadline_s)
        self._owner = owner
        while True:
            if not owner():
                with contextlib.suppress(KafkaException):  # whoever took over may have ended it
                    self._abort(until_s)
                raise FencedError(f"{self._name}: the partition was given up")
            try:
                self._abort(until_s)
                self._attempt(records, offsets, group_metadata, until_s)
            except KafkaException as raised:
                error = error_of(raised)
                if not owner():
                    continue  # whatever it is, the partition is another's now
                if error.code() in _OUTCOME_UNKNOWN:
                    self._make()
                    self.init(None if deadline_s is None else until_s - time.monotonic())
                elif not error.txn_requires_abort() or error.fatal():
                    raise self._final(error) from raised
                self._log.warning("a round is repeated", producer=self._name, reason=error.str())
                self._pause(until_s)
            else:
                return

    def close(self) -> None:
        """See RoundProducer."""
        self._closed.set()

    def _make(self) -> None:
        """A producer without a past."""
        self._open = False  # a transaction was begun and neither committed nor aborted
        self._producer = confluent_kafka.Producer(self._properties)

    def _attempt(
        self, records: Sequence[Record], offsets: Offsets, group_metadata: Callable[[], Any], until_s: float
    ) -> None:
        self._producer.begin_transaction()
        self._open = True
        for record in records:
            self._produce(record, until_s)
        if offsets:
            tps = [TopicPartition(*key, offset, metadata=note) for key, (offset, note) in offsets.items()]
            while (membership := group_metadata()) is None:
                self._pause(until_s)
            self._until_done(lambda: self._producer.send_offsets_to_transaction(tps, membership, _CALL_S), until_s)
        self._until_done(lambda: self._producer.commit_transaction(_CALL_S), until_s)
        self._open = False

    def _produce(self, record: Record, until_s: float) -> None:
        while True:
            try:
                self._producer.produce(
                    record.topic, record.value, record.key, record.partition,
                    timestamp=record.timestamp_ms, headers=list(record.headers),
                )  # fmt: skip
            except BufferError:
                self._pause(until_s)
            else:
                return

    def _abort(self, until_s: float) -> None:
        if self._open:
            self._until_done(lambda: self._producer.abort_transaction(_CALL_S), until_s)
            self._open = False

    def _until_done(self, call: Callable[[], None], until_s: float) -> None:
        """Repeat a call of the transaction protocol while librdkafka says that it can be resumed."""
        while True:
            try:
                call()
            except KafkaException as raised:
                error = error_of(raised)
                resumable = error.retriable() or error.code() == TIMED_OUT
                if error.fatal() or error.txn_requires_abort() or not resumable:
                    raise
                self._pause(until_s)
            else:
                return

    def _pause(self, until_s: float) -> None:
        if time.monotonic() > until_s:
            raise UnavailableError(f"{self._name}: no broker finished the round in time")
        if not self._owner():  # its next owner ends what is open; here it would only hold up the other partitions
            raise FencedError(f"{self._name}: the partition was given up")
        self._producer.poll(0)
        if self._closed.wait(_PAUSE_S):
            raise UnavailableError(f"{self._name}: stopped in the middle of a round")

    def _final(self, error: KafkaError) -> Exception:
        if error.code() in _FENCED or error.code() in _GROUP_MOVED:
            return FencedError(f"{self._name}: another worker has taken over ({error.str()})")
        doing = f"writing a round as {self._name}"
        return verdict(error, doing) or InternalError(f"{doing}: {error.name()}: {error.str()}")


class IdempotentRounds:
    """A RoundProducer without fencing, for brokers without transactions: the embedded one.

    Records are in the log in order and once, but a crash may leave the first part of a round, offsets are not
    committed, and a predecessor is not shut out.
    """

    def __init__(self, name: str, client: Mapping[str, Any]) -> None:
        self._name = name
        self._closed = threading.Event()
        self._error: Exception | None = None
        self._producer = confluent_kafka.Producer(
            {
                **DURABLE,
                **client,
                "client.id": f"streams-{name}",
                "message.timeout.ms": 0,
                "error_cb": _ignore,  # deliveries tell
            }
        )

    def init(self, deadline_s: float | None = None) -> None:
        """Nothing to shut out with."""

    def commit_round(
        self,
        records: Sequence[Record],
        offsets: Offsets,  # noqa: ARG002 - the group's position is for fencing
        group_metadata: Callable[[], Any],  # noqa: ARG002
        *,
        owner: Callable[[], bool] = lambda: True,
        deadline_s: float | None = None,
    ) -> None:
        """See RoundProducer."""
        until_s = _deadline(deadline_s)
        if not owner():
            raise FencedError(f"{self._name}: the partition was given up")
        for record in records:
            while True:
                try:
                    self._producer.produce(
                        record.topic, record.value, record.key, record.partition,
                        on_delivery=self._delivered, timestamp=record.timestamp_ms, headers=list(record.headers),
                    )  # fmt: skip
                except BufferError:
                    self._wait(until_s)
                else:
                    break
        while len(self._producer):
            self._wait(until_s)
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """See RoundProducer."""
        self._closed.set()

    def _wait(self, until_s: float) -> None:
        self._producer.flush(_PAUSE_S)
        if self._closed.is_set() or time.monotonic() > until_s:
            raise UnavailableError(f"{self._name}: no broker took the round in time")

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._error = delivery_error(error, message.topic())


def round_producer(
    name: str, transactional_id: str, client: Mapping[str, Any], *, fenced: bool, log: Log = SILENCE
) -> RoundProducer:
    """The producer of rounds for this broker: fenced where it has transactions."""
    if fenced:
        return TransactionalProducer(name, transactional_id, client, log=log)
    return IdempotentRounds(name, client)


def _ignore(_error: KafkaError) -> None:
    """What a client meets is told by its calls or deliveries."""


def _deadline(deadline_s: float | None) -> float:
    return float("inf") if deadline_s is None else time.monotonic() + deadline_s
