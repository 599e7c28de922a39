"""Sends a feed at its pace from a thread of its own, whatever happens to the broker, and knows where all of it lies."""

import functools
import threading
import time
import zlib

from streams.formats.reasons import Kind
from tests.chaos.feed import Event, Feed
from tests.support.job import Job
from tests.support.ledger import Row

Place = tuple[str, int, int]
"""Topic, partition, offset."""

FLUSH_S = 240.0
"""A broker may be away for minutes while records wait."""


class Loader(threading.Thread):
    """Plays a feed into the raw topics of a job. What is in `placed` was acknowledged; `failures` must stay empty."""

    def __init__(self, job: Job, feed: Feed) -> None:
        super().__init__(daemon=True)
        self._job, self._feed = job, feed
        self._topics = {kind: (job.raw[kind], n) for kind, n in zip(job.raw, job.raw_partitions, strict=True)}
        self._tick = threading.Event()
        self._producer = job.producer()
        self.placed: dict[Place, Event] = {}
        self.failures: list[BaseException] = []

    @property
    def rows(self) -> list[Row]:
        """The rows that were sent, without those that cannot be decoded."""
        return [event.row for event in self.placed.values() if event.row is not None]

    def count(self, kind: Kind) -> int:
        """How many records of a kind were sent."""
        return sum(event.kind is kind for event in self.placed.values())

    def run(self) -> None:
        """Send everything, and wait until it is acknowledged."""
        try:
            begin_s = time.monotonic()
            for event in self._feed.events:
                ahead_s = begin_s + event.at_s - time.monotonic()
                if ahead_s > 0.01:
                    self._tick.wait(ahead_s)
                topic, partitions = self._topics[event.kind]
                self.send(event, topic, zlib.crc32(event.id.encode()) % partitions)
            self.complete()
        except BaseException as error:  # noqa: BLE001 - told by who waits for it
            self.failures.append(error)
        finally:
            self._producer.close(0.1)

    def send(self, event: Event, topic: str, partition: int) -> None:
        """Send one event; it may be on its way for long."""
        placed = functools.partial(self.place, event, topic, partition)
        self._producer.send(topic, partition, event.value, timestamp_ms=event.delivered_ms, on_ack=placed)

    def place(self, event: Event, topic: str, partition: int, offset: int) -> None:
        """It lies there now."""
        self.placed[topic, partition, offset] = event

    def complete(self) -> None:
        """Have everything acknowledged. Raises TimeoutError."""
        if not self._producer.flush(FLUSH_S):
            raise TimeoutError(f"what was sent was not acknowledged within {FLUSH_S:.0f} s")
