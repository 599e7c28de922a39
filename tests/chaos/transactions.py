"""A scenario about raw topics with transactions and compaction: markers, aborted records, holes in the offsets."""

import functools
import threading
from random import Random

from confluent_kafka import KafkaError, Message, Producer

from streams.formats.reasons import Kind
from tests.chaos.feed import Event, Feed
from tests.chaos.loader import Loader
from tests.chaos.sources import places, set_topic
from tests.chaos.stuck import committed
from tests.chaos.trial import Trial
from tests.support.job import Job
from tests.support.topic_rows import read_records

ABORTED = 0.2
"""The share of transactions that come to nothing."""

SILENT_MS = 4_000
"""After this the broker ends the transaction of a producer that died."""

COMPACTED = {
    "cleanup_policy": "compact", "min_cleanable_dirty_ratio": 0.01, "segment_ms": 1, "max_compaction_lag_ms": 1,
}  # fmt: skip


class TransactionalLoader(Loader):
    """Sends in transactions, some of which are aborted: what was in those is not there for anybody."""

    def __init__(self, job: Job, feed: Feed) -> None:
        super().__init__(job, feed)
        self._chance = Random(feed.events[0].value)
        self._transactions = self._new("loader", 60_000)
        self._transactions.begin_transaction()
        self._open: list[tuple[Event, str, int, int]] = []
        self._left = 1

    def _new(self, name: str, timeout_ms: int) -> Producer:
        producer = Producer({
            **self._job.cluster.client, "transactional.id": f"{self._job.name}-{name}",
            "transaction.timeout.ms": timeout_ms, "log_level": 0,
        })  # fmt: skip
        producer.init_transactions(30)
        return producer

    def send(self, event: Event, topic: str, partition: int) -> None:
        """As part of the transaction that is open; its last one ends it."""
        heard = functools.partial(self._heard, event, topic, partition)
        key = f"{event.id} {event.row}".encode()  # compaction keeps one of equal rows
        self._transactions.produce(topic, event.value, key, partition, on_delivery=heard, timestamp=event.delivered_ms)
        self._left -= 1
        if not self._left:
            self._end()
            self._transactions.begin_transaction()

    def complete(self) -> None:
        """End the last transaction; leave another one open, as a producer does that dies."""
        self._end()
        self.dying = self._new("dying", SILENT_MS)
        self.dying.begin_transaction()
        for event in self._feed.events[:2]:
            self.dying.produce(self._job.raw[event.kind], event.value, partition=0, timestamp=event.delivered_ms)
        assert self.dying.flush(30) == 0

    def _end(self) -> None:
        self._transactions.flush(60)
        if self._chance.random() < ABORTED:
            self._transactions.abort_transaction(60)
        else:
            self._transactions.commit_transaction(60)
            for placed in self._open:
                self.place(*placed)
        self._open.clear()
        self._left = self._chance.choice((1, 2, 20, 300))

    def _heard(self, event: Event, topic: str, partition: int, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self.failures.append(AssertionError(error))
        self._open.append((event, topic, partition, message.offset() or 0))


def transactions(trial: Trial) -> None:
    """Records come in transactions, some aborted, one left open; labels are compacted while no worker runs."""
    trial.open(rate_per_s=1_000)
    trial.start_ready(2)
    loader = trial.load(TransactionalLoader)
    trial.lull(trial.seconds / 3, trial.seconds / 2)
    trial.kill(trial.alive[0])
    trial.start()
    trial.lull(trial.seconds / 6, trial.seconds / 4)
    trial.stop_all()
    job, labels = trial.job, places(trial.job, Kind.LABEL)
    read = committed(job.cluster.client, f"{job.config.name}-intake", labels)
    trial.wait(lambda: not loader.is_alive(), "everything is sent")
    topic = job.raw[Kind.LABEL]
    set_topic(trial, topic, **COMPACTED)
    compacted(trial)
    set_topic(trial, topic, cleanup_policy="delete", segment_ms=604_800_000)
    left = remaining(trial)  # only now nothing changes any more
    trial.note("compaction")
    trial.unread = {
        place for place in loader.placed if place[:2] in read and place[2] >= read[place[:2]] and place not in left
    }
    assert trial.unread, "nothing was compacted beyond what was read"
    trial.start_ready(2)


def compacted(trial: Trial) -> None:
    """Wait until the label topic was compacted and stays as it is."""
    topic = trial.job.raw[Kind.LABEL]
    seen: list[set[tuple[str, int, int]]] = [set()]

    def settled() -> bool:
        roll_segments(trial)
        threading.Event().wait(2.0)
        seen.append(there(trial))
        return seen[-1] & sent == seen[-2] & sent < sent

    sent = {place for place in trial.loader.placed if place[0] == topic}
    trial.wait(settled, "the labels are compacted")


def remaining(trial: Trial) -> set[tuple[str, int, int]]:
    """The places of the labels that are left, once two looks in a row see the same."""
    seen = [there(trial)]

    def same() -> bool:
        threading.Event().wait(1.0)
        seen.append(there(trial))
        return seen[-1] == seen[-2]

    trial.wait(same, "the labels stay as they are")
    return seen[-1]


def there(trial: Trial) -> set[tuple[str, int, int]]:
    """The places of the labels that can be read now."""
    topic = trial.job.raw[Kind.LABEL]
    return {(topic, record.partition, record.offset) for record in read_records(trial.job.cluster.client, topic)}


def roll_segments(trial: Trial) -> None:
    """Only what lies before the newest segment is compacted: one more record, which is no label, begins another."""
    newest_ms = max(event.delivered_ms for event in trial.loader.placed.values()) + 10
    producer = Producer({**trial.job.cluster.client, "log_level": 0})
    for topic, partition in places(trial.job, Kind.LABEL):
        event = Event(0.0, newest_ms, Kind.LABEL, "", None, b"{")

        def heard(_error: object, message: Message, event: Event = event) -> None:
            trial.loader.place(event, message.topic() or "", message.partition() or 0, message.offset() or 0)

        producer.produce(topic, event.value, str(newest_ms), partition, on_delivery=heard, timestamp=newest_ms)
    assert producer.flush(30) == 0
