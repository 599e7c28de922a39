"""A scenario about sizes: values at the limit and beyond, names as long as they may be, large keys and headers."""

import functools
from random import Random

import orjson
from confluent_kafka import KafkaError, Message, Producer

from tests.chaos.feed import Event, Feed, fields_of
from tests.chaos.loader import Loader
from tests.chaos.sources import set_topic
from tests.chaos.trial import Trial
from tests.support.job import Job
from tests.support.ledger import Prediction, Row

MOST_BYTES = 3_000_000
"""`limits.value_bytes` of this scenario: three times what a batch of the defaults may have."""

RECORD_BYTES = 3_500_000
"""`max.message.bytes` of its raw topics: room for a key, headers and a value beyond the limit."""

LARGE = 0.02
"""The share of events that are large in one way or another."""


class LargeLoader(Loader):
    """Makes some events as large as they may be, and some larger."""

    def __init__(self, job: Job, feed: Feed) -> None:
        super().__init__(job, feed)
        self._chance = Random(feed.events[0].value)
        self._large = Producer({
            **job.cluster.client, "enable.idempotence": True, "message.max.bytes": RECORD_BYTES, "log_level": 0,
            "queue.buffering.max.kbytes": 64 << 10, "compression.type": "lz4",
        })  # fmt: skip
        self.ways = {"at the limit": 0, "beyond it": 0, "not UTF-8": 0, "long names": 0, "large key and headers": 0}

    def send(self, event: Event, topic: str, partition: int) -> None:
        """Most as they are."""
        if self._chance.random() >= LARGE or event.row is None:
            super().send(event, topic, partition)
            return
        way = self._chance.choice(list(self.ways))
        self.ways[way] += 1
        row: Row | None = event.row
        key, value = b"", event.value
        headers: list[tuple[str, str | bytes | None]] = []
        if way == "at the limit":
            value = padded(event.row, MOST_BYTES)
        elif way == "beyond it":
            row, value = None, padded(event.row, MOST_BYTES + 1)
        elif way == "not UTF-8":
            row, value = None, b"\xff" * MOST_BYTES
        elif way == "long names" and isinstance(row, Prediction):
            row = Prediction(row.id, row.time, row.cls, row.version, "\N{CLINKING BEER MUGS}" * 256, None, row.model)
            value = orjson.dumps(fields_of(row))
        else:
            key, headers = b"k" * 200_000, [(f"h{n}", b"v" * 1_000) for n in range(200)]
        changed = Event(event.at_s, event.delivered_ms, event.kind, event.id, row, value)
        heard = functools.partial(self._heard, changed, topic, partition)
        while True:
            try:
                self._large.produce(
                    topic, value, key, partition, on_delivery=heard, timestamp=event.delivered_ms, headers=headers
                )
            except BufferError:
                self._large.poll(0.1)
            else:
                break
        self._large.poll(0)

    def complete(self) -> None:
        """Have both producers' records acknowledged."""
        super().complete()
        if self._large.flush(120):
            raise TimeoutError("the large records were not acknowledged")

    def _heard(self, event: Event, topic: str, partition: int, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self.failures.append(AssertionError(error))
        else:
            self.place(event, topic, partition, message.offset() or 0)


def padded(row: Row, size: int) -> bytes:
    """The row as JSON of exactly so many bytes: a log that says more than the job reads."""
    bare = orjson.dumps({**fields_of(row), "prompt": ""})
    return orjson.dumps({**fields_of(row), "prompt": "x" * (size - len(bare))})


def sizes(trial: Trial) -> None:
    """Values at the limit of 3 MB and beyond, 3 MB that are not UTF-8, names of 1 KiB, keys and headers of 200 kB."""
    trial.open(rate_per_s=300, tables=f"[limits]\nvalue_bytes = {MOST_BYTES}\n")
    for topic in trial.job.raw.values():
        set_topic(trial, topic, max_message_bytes=RECORD_BYTES)
    trial.start_ready(2)
    loader = trial.load(LargeLoader)
    while loader.is_alive():
        trial.lull(3.0, 8.0)
        trial.kill(trial.chance.choice(trial.alive))
        trial.start()
    assert isinstance(loader, LargeLoader)
    for way, count in loader.ways.items():
        trial.outcome.faults[way] = count
