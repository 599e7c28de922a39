"""Writing to a log so that nothing is lost, doubled or reordered: idempotent, all replicas, never giving up.

A record that was sent is either acknowledged or the worker ends: a delivery error is `fail`, and there is no
timeout after which a record is dropped while later ones go through. What waits for the broker is bounded; a full
queue holds the sender back.
"""

import functools
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException, Message

from streams.runtime.errors import InternalError, StreamsError, UnavailableError
from streams.runtime.kafka.client import (
    ALL_BROKERS_DOWN,
    COMMON,
    PURGED,
    SILENCE,
    UNKNOWN_TOPIC,
    Log,
    Outage,
    error_of,
    verdict,
)

MAX_RECORD_BYTES = 1_000_000
"""The largest record, and the largest batch: sources fetch at least that much of a partition at a time."""

QUEUE_RECORDS = 100_000
QUEUE_KIB = 65_536
"""Bounds of what waits for the broker."""

RECORD_BYTES = 100
"""What a record costs in the queue besides its key and value, about."""

DURABLE: Mapping[str, Any] = {
    **COMMON,
    "enable.idempotence": True,
    "acks": "all",
    "linger.ms": 5,
    "compression.type": "lz4",
    "message.max.bytes": MAX_RECORD_BYTES,
    "batch.size": MAX_RECORD_BYTES,
    "queue.buffering.max.messages": QUEUE_RECORDS,
    "queue.buffering.max.kbytes": QUEUE_KIB,
}
"""Properties of every producer, before the operator's own."""

_FULL_WAIT_S = 0.05
_POLL_S = 0.2
_ROOM = 0.5


def delivery_error(error: KafkaError, topic: str | None) -> StreamsError:
    """The sentence for a record that the broker did not take."""
    doing = f"writing to topic {topic}"
    if error.code() in UNKNOWN_TOPIC:
        # Deleted, or a broker that has just started: who starts again looks for as long as it takes, and says which.
        return UnavailableError(f"{doing}: the broker does not know it. Start again; if it is gone, that is said then")
    return verdict(error, doing) or InternalError(f"{doing}: {error.name()}: {error.str()}")


class Producer:
    """A producer with a poll thread of its own. Any thread may send; acknowledgements come in the poll thread."""

    def __init__(
        self,
        name: str,
        client: Mapping[str, Any],
        *,
        fail: Callable[[BaseException], None],
        log: Log = SILENCE,
        linger_ms: int = 5,
    ) -> None:
        self._name, self._on_fail = name, fail
        self._outage = Outage(name, log)
        self._failed, self._closing = threading.Event(), threading.Event()
        self.records = 0  # acknowledged since the start
        self._waiting_bytes, self._count = 0, threading.Lock()
        self._producer = confluent_kafka.Producer(
            {
                **DURABLE,
                **client,
                "client.id": f"streams-{name}",
                "message.timeout.ms": 0,  # a record is never given up
                "linger.ms": linger_ms,
                "error_cb": self._client_error,
            }
        )
        self._thread = threading.Thread(target=self._run, name=f"{name}-acks", daemon=True)
        self._thread.start()

    def send(
        self,
        topic: str,
        partition: int,
        value: bytes | None,
        key: bytes | None = None,
        timestamp_ms: int | None = None,
        on_ack: Callable[[int], None] | None = None,
    ) -> None:
        """Append a record; `on_ack` gets its offset. Records of a partition keep the order in which they were sent.

        Waits while the queue is full (ask `has_room` first where waiting is not possible). Raises InternalError
        when the record is too large or the producer failed before.
        """
        size = len(value or b"") + len(key or b"") + RECORD_BYTES
        delivered = functools.partial(self._delivered, on_ack, size)
        while True:
            if self._failed.is_set():
                raise InternalError(f"{self._name}: the producer has failed")
            if self._closing.is_set():
                return  # nobody waits for it any more; what was not acknowledged is done again by the next worker
            try:
                self._producer.produce(topic, value, key, partition, on_delivery=delivered, timestamp=timestamp_ms or 0)
            except BufferError:
                self._producer.poll(_FULL_WAIT_S)
            except KafkaException as error:
                raise delivery_error(error_of(error), topic) from error
            else:
                with self._count:
                    self._waiting_bytes += size
                return

    def has_room(self) -> bool:
        """Whether a few more records can be sent without waiting, by their number and by their size."""
        return len(self._producer) < QUEUE_RECORDS * _ROOM and self._waiting_bytes < QUEUE_KIB * 1024 * _ROOM

    @property
    def outstanding(self) -> int:
        """Records sent and not yet acknowledged."""
        return len(self._producer)

    @property
    def down(self) -> bool:
        """No broker can be reached at the moment."""
        return self._outage.down

    def flush(self, deadline_s: float) -> bool:
        """Wait until everything sent is acknowledged; whether it is."""
        until_s = time.monotonic() + deadline_s
        while (left_s := until_s - time.monotonic()) > 0 and not self._failed.is_set():
            if self._producer.flush(min(left_s, _POLL_S)) == 0:
                return True
        return len(self._producer) == 0

    def close(self, deadline_s: float = 5.0) -> bool:
        """Flush and end; what could not be written in time is dropped. Whether everything was written."""
        written = self.flush(deadline_s)
        self._closing.set()
        if not written:
            self._producer.purge()
        self._thread.join(2)
        return written

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                self._producer.poll(_POLL_S)
        except BaseException as error:  # noqa: BLE001 - a failing `on_ack`: whatever it is, the worker ends with it
            self._fail(error)

    def _delivered(
        self, on_ack: Callable[[int], None] | None, size: int, error: KafkaError | None, message: Message
    ) -> None:
        with self._count:
            self._waiting_bytes -= size
        if error is not None:
            if not (self._closing.is_set() and error.code() in PURGED):
                self._fail(delivery_error(error, message.topic()))
            return
        self.records += 1
        self._outage.end()
        if on_ack is not None:
            offset = message.offset()
            try:
                on_ack(-1 if offset is None else offset)
            except BaseException as broken:  # noqa: BLE001 - it may run in any thread that polls
                self._fail(broken)

    def _client_error(self, error: KafkaError) -> None:
        if error.code() == ALL_BROKERS_DOWN:
            if len(self._producer):
                self._outage.begin(error.str())
            return
        final = verdict(error, f"writing as {self._name}")
        if final is not None:
            self._fail(final)

    def _fail(self, error: BaseException) -> None:
        if not self._failed.is_set():
            self._failed.set()
            self._on_fail(error)
