"""Where the logs of a source end, asked by a thread of its own so that a slow broker never holds the poll thread.

One question is out at a time: one ListOffsets for all partitions, no matter how many. An answer is also the proof
that a broker is there, and that a partition at its end was still at its end when the question was asked.
"""

import collections
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from confluent_kafka import OFFSET_END, Consumer, KafkaException, TopicPartition

from streams.runtime.kafka.client import TopicPartitionKey

_TIMEOUT_S = 1.0  # also how long a stop may have to wait for a question that is out


@dataclass(slots=True)
class Answer:
    """What the brokers said: the ends of partitions (those that could be asked), and which topics exist.

    `asked_ms` is the wall clock when the question was put. `reached` is False when no broker answered.
    `topics` is None when it was not asked for. `number` counts the questions.
    """

    number: int
    asked_ms: int
    reached: bool
    ends: dict[TopicPartitionKey, int] = field(default_factory=dict)
    topics: frozenset[str] | None = None


class Ends:
    """`ask` for ends, `answers` gives what came back since."""

    def __init__(
        self, name: str, consumer: Consumer, clock_ms: Callable[[], int], fail: Callable[[BaseException], None]
    ) -> None:
        self._consumer, self._clock_ms, self._fail = consumer, clock_ms, fail
        self._questions: queue.SimpleQueue[tuple[list[TopicPartitionKey], bool] | None] = queue.SimpleQueue()
        self._answers: collections.deque[Answer] = collections.deque()
        self._thread = threading.Thread(target=self._run, name=f"{name}-ends", daemon=True)
        self.asking = False
        self.asked = 0

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> bool:
        """End the thread; whether it has ended, so that the consumer may be closed."""
        self._questions.put(None)
        self._thread.join(3 * _TIMEOUT_S)
        return not self._thread.is_alive()

    def ask(self, keys: Sequence[TopicPartitionKey], topics: bool = False) -> None:
        """Ask where these end, and with `topics` which topics exist. Ignored while a question is out."""
        if not self.asking:
            self.asking = True
            self.asked += 1
            self._questions.put((list(keys), topics))

    def answers(self) -> list[Answer]:
        """The answers since the last call, oldest first."""
        found = []
        while self._answers:
            found.append(self._answers.popleft())
        return found

    def _run(self) -> None:
        try:
            while (question := self._questions.get()) is not None:
                self._answers.append(self._ask(*question))
                self.asking = False
        except BaseException as error:  # noqa: BLE001 - whatever it is, the worker ends with it
            self._fail(error)

    def _ask(self, keys: list[TopicPartitionKey], topics: bool) -> Answer:
        answer = Answer(self.asked, self._clock_ms(), reached=False)
        try:
            if topics or not keys:
                answer.topics = frozenset(
                    name
                    for name, topic in self._consumer.list_topics(timeout=_TIMEOUT_S).topics.items()
                    if topic.error is None
                )
            if keys:
                # As with ListOffsets itself, the "time" -1 asks for the end.
                wanted = [TopicPartition(topic, number, OFFSET_END) for topic, number in keys]
                found = self._consumer.offsets_for_times(wanted, timeout=_TIMEOUT_S)
                answer.ends = {
                    (tp.topic, tp.partition): tp.offset for tp in found if tp.error is None and tp.offset >= 0
                }
            answer.reached = bool(answer.ends) or not keys
        except KafkaException:
            return answer  # not reached: what to do about it is the source's business
        return answer
