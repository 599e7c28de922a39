"""Group offsets of a source: sent by the poll thread without waiting, awaited by whoever needs to be sure.

Commits of a partition that was given up are dropped: its new owner commits. A commit that a rebalance refused is
not repeated by itself; the stage commits again at its next tick, and a start from an older offset only re-reads.

Errors that arrive in a callback are a code and nothing more: `retriable()` is always False there. So all but known
refusals are taken for passing: a coordinator that moves, a broker that restarts, a rebalance.
"""

import threading
import time
from collections.abc import Iterable, Mapping, Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams.runtime.errors import UnavailableError
from streams.runtime.kafka.assignment import Assignment
from streams.runtime.kafka.client import TopicPartitionKey, error_of, verdict

_TIMEOUT_S = 1.0  # also how long a close may have to wait for a question that is out
_CLOSE_S = 3.0
_AGAIN_S = 0.1
_INVALID_ARGUMENT: int = KafkaError._INVALID_ARG  # noqa: SLF001
_REFUSALS = frozenset({
    KafkaError.OFFSET_METADATA_TOO_LARGE, KafkaError.INVALID_COMMIT_OFFSET_SIZE, KafkaError.TOPIC_EXCEPTION,
    KafkaError.INVALID_REQUEST, _INVALID_ARGUMENT,
})  # fmt: skip
"""What the broker will say again however often it is asked."""

Offsets = Mapping[TopicPartitionKey, tuple[int, str]]


class Commits:
    """What is to be committed, and who waits for it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._todo: dict[TopicPartitionKey, tuple[int, str]] = {}
        self._results: dict[tuple[TopicPartitionKey, int], KafkaError | None] = {}
        self._awaited: set[tuple[TopicPartitionKey, int]] = set()
        self._given_up: set[tuple[TopicPartitionKey, int]] = set()  # awaited, and dropped unsent
        self._asking = 0
        self._closed = False

    def put(self, offsets: Offsets) -> None:
        """Commit these soon."""
        with self._changed:
            self._todo.update(offsets)

    def put_and_wait(self, offsets: Offsets, timeout_s: float, closed: threading.Event) -> None:
        """Commit these and wait until the broker has; repeats what a rebalance or an outage refused.

        Raises UnavailableError when it did not in time, and at once when a partition was given up meanwhile.
        """
        until_s, said = time.monotonic() + timeout_s, ""
        wanted = {(key, offset): note for key, (offset, note) in offsets.items()}
        with self._changed:
            while wanted:
                self._awaited.update(wanted)
                self._todo.update({key: (offset, note) for (key, offset), note in wanted.items()})
                while not any(item in self._results for item in wanted):
                    if time.monotonic() > until_s or closed.is_set():
                        self._awaited.difference_update(wanted)
                        raise UnavailableError(f"no broker confirmed a commit within {timeout_s:.0f} s{said}")
                    if not self._given_up.isdisjoint(wanted):
                        self._awaited.difference_update(wanted)
                        self._given_up.difference_update(wanted)
                        raise UnavailableError("a partition was given up before its commit")
                    self._changed.wait(0.1)
                for item in [item for item in wanted if item in self._results]:
                    error = self._results.pop(item)
                    self._awaited.discard(item)
                    if error is None:
                        del wanted[item]
                    elif final := _final(error):
                        self._awaited.difference_update(wanted)
                        raise final
                    else:
                        said = f" ({error.str()})"
                if wanted:
                    self._changed.wait(_AGAIN_S)  # lets the poll thread on; refusals come at once

    def send(self, consumer: Consumer, owned: Assignment, also: Iterable[TopicPartitionKey] = ()) -> None:
        """Send what is due for owned partitions and those in `also`. Poll thread; does not wait."""
        if not self._todo:
            return
        mine = {key for key, _ in owned.items()} | set(also)
        with self._changed:
            todo, self._todo = self._todo, {}
            dropped = {(key, offset) for key, (offset, _) in todo.items() if key not in mine}
            self._given_up |= dropped & self._awaited
            if self._given_up:
                self._changed.notify_all()
        tps = [TopicPartition(*key, offset, metadata=note) for key, (offset, note) in todo.items() if key in mine]
        if tps:
            try:
                consumer.commit(offsets=tps, asynchronous=True)
            except KafkaException as error:
                self.committed_by_broker(error_of(error), tps)

    def committed_by_broker(self, error: KafkaError | None, tps: list[TopicPartition]) -> None:
        """The broker's answer. Poll thread, inside `consume`."""
        with self._changed:
            for tp in tps:
                item = ((tp.topic, tp.partition), tp.offset)
                if item in self._awaited:
                    self._results[item] = error or tp.error
            self._changed.notify_all()

    def committed(
        self, consumer: Consumer, keys: Sequence[TopicPartitionKey], timeout_s: float
    ) -> dict[TopicPartitionKey, tuple[int, str] | None]:
        """What the group has committed of these. Not from the poll thread."""
        until_s = time.monotonic() + timeout_s
        while True:
            found = self._ask(consumer, keys)
            if isinstance(found, dict):
                return found
            final = verdict(found, "asking for committed offsets")
            if final is not None:
                raise final
            if time.monotonic() > until_s:
                raise UnavailableError(f"no broker told the committed offsets within {timeout_s:.0f} s ({found.str()})")

    def close(self) -> bool:
        """Let nobody ask any more; whether nobody is asking, so that the consumer may be closed."""
        with self._changed:
            self._closed = True
            return self._changed.wait_for(lambda: self._asking == 0, _CLOSE_S)

    def _ask(
        self, consumer: Consumer, keys: Sequence[TopicPartitionKey]
    ) -> dict[TopicPartitionKey, tuple[int, str] | None] | KafkaError:
        with self._changed:
            if self._closed:
                raise UnavailableError("the source was stopped")
            self._asking += 1
        try:
            tps = consumer.committed([TopicPartition(*key) for key in keys], timeout=_TIMEOUT_S)
        except KafkaException as error:
            return error_of(error)
        finally:
            with self._changed:
                self._asking -= 1
                self._changed.notify_all()
        for tp in tps:
            if tp.error is not None:
                return tp.error
        return {(tp.topic, tp.partition): (tp.offset, tp.metadata or "") if tp.offset >= 0 else None for tp in tps}


def _final(error: KafkaError) -> Exception | None:
    """Why a commit need not be tried again; None when it may pass."""
    refused = KafkaException(error) if error.code() in _REFUSALS else None
    return verdict(error, "committing offsets") or refused
