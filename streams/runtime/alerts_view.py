"""The alerts and gates topics, read by a thread of their own: any worker answers for every model.

It joins no group and commits nothing; a restart reads again from the beginning. A broker that is away is waited for:
what was known before goes on being answered. Nothing here can end the worker.
"""

import threading
from collections.abc import Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams.runtime.alerts_board import AlertsBoard
from streams.runtime.clock import monotonic_s
from streams.runtime.config.job import Config, TopicNoun
from streams.runtime.kafka.bounds import bounds_of
from streams.runtime.kafka.client import ALL_BROKERS_DOWN, COMMON, PARTITION_EOF, Log, error_of

NOUNS: tuple[TopicNoun, ...] = ("gates", "alerts", "alert-log")

AGAIN_AFTER_S = 5.0
"""How long after a failure a new client tries."""

SILENT_AFTER_S = 60.0
"""A client that has lost all its brokers for so long is replaced: librdkafka can lose them for good."""

_BATCH = 500
_WAIT_S = 0.2
_PATIENCE_S = 10.0

Place = tuple[str, int]


class AlertsView:
    """Feeds a board. `start` once, `stop` can be repeated."""

    def __init__(
        self, client: Mapping[str, Any], topics: Mapping[str, TopicNoun], board: AlertsBoard, log: Log
    ) -> None:
        """`topics` are the nouns of the topics to read, by name."""
        self._client, self._topics, self._board, self._log = dict(client), dict(topics), board, log
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alerts-view", daemon=True)
        self._next: dict[Place, int] = {}  # what has been taken is not taken again by the next client
        self._behind: dict[Place, int] | None = None  # the ends that are not reached yet; None before they are known
        self._lost_s: float | None = None
        self._is_failing = False

    @classmethod
    def of(cls, config: Config, board: AlertsBoard, log: Log) -> "AlertsView":
        """The view of a job."""
        return cls(config.client, {config.topic(noun): noun for noun in NOUNS}, board, log)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """Read no more."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._read()
            except KafkaException as exception:
                if not self._is_failing:  # said once, not for as long as a broker is away
                    self._log.info("the alerts cannot be read; trying again", reason=error_of(exception).str())
                self._is_failing = True
            self._stop.wait(AGAIN_AFTER_S)

    def _read(self) -> None:
        """Read until told to stop, or until this client is of no use any more."""
        consumer = Consumer({
            **self._client, **COMMON, "group.id": "streams-alerts-view", "enable.auto.commit": False,
            "enable.partition.eof": True, "auto.offset.reset": "earliest", "isolation.level": "read_committed",
        })  # fmt: skip
        try:
            self._lost_s = None
            self._begin(consumer)
            self._is_failing = False
            while not self._stop.is_set() and not self._is_lost():
                for message in consumer.consume(_BATCH, _WAIT_S):
                    self._take(message)
                if self._behind is not None and not self._behind:
                    self._board.caught_up()
                    self._behind = None
        finally:
            consumer.close()

    def _begin(self, consumer: Consumer) -> None:
        places = []
        ends: dict[Place, int] = {}
        for topic in sorted(self._topics):
            found = consumer.list_topics(topic, _PATIENCE_S).topics[topic]
            if found.error is not None:
                raise KafkaException(found.error)
            for partition in found.partitions:
                place = topic, partition
                low, high = bounds_of(consumer, place, _PATIENCE_S)
                begin = max(low, self._next.get(place, low))
                places.append(TopicPartition(topic, partition, begin))
                if high > begin:
                    ends[place] = high
        if self._board.reading() is not None:
            self._behind = ends
        consumer.assign(places)

    def _take(self, message: Message) -> None:
        place = message.topic() or "", message.partition() or 0
        error = message.error()
        if error is not None:
            self._hear(error, place)
            return
        self._lost_s = None
        offset = message.offset() or 0
        self._next[place] = offset + 1
        self._board.take(self._topics[place[0]], (message.key() or b"").decode(errors="replace"), message.value())
        if self._behind is not None and offset + 1 >= self._behind.get(place, offset + 2):
            del self._behind[place]

    def _hear(self, error: KafkaError, place: Place) -> None:
        if error.code() == PARTITION_EOF:
            self._lost_s = None
            if self._behind is not None:
                self._behind.pop(place, None)
        elif error.code() == ALL_BROKERS_DOWN and self._lost_s is None:
            self._lost_s = monotonic_s()

    def _is_lost(self) -> bool:
        return self._lost_s is not None and monotonic_s() - self._lost_s > SILENT_AFTER_S
