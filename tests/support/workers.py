"""A worker as the tests of the source need it: a stage that remembers offsets, and a thread that applies batches."""

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from streams.runtime.kafka.client import TopicPartitionKey
from streams.runtime.kafka.source import Source
from streams.runtime.kafka.stage import Batch, Limits
from tests.support.clusters import Cluster

DEADLINE_S = 120.0
SESSION_MS = 3_000  # the embedded broker keeps a member that left until its session ends


def wait_for(condition: Callable[[], object], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Wait until a condition holds; fail the test with `what` when it does not."""
    until = time.monotonic() + deadline_s
    tick = threading.Event()
    while not condition():
        assert time.monotonic() < until, f"not in {deadline_s:.0f} s: {what}"
        tick.wait(0.02)


def holds_for(condition: Callable[[], object], what: str, seconds: float) -> None:
    """Fail the test with `what` as soon as a condition does not hold, within so many seconds."""
    until = time.monotonic() + seconds
    tick = threading.Event()
    while time.monotonic() < until:
        assert condition(), what
        tick.wait(0.02)


@dataclass
class Journal:
    """A log that a test can read: the events in order."""

    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def info(self, event: str, /, **fields: Any) -> None:
        self.events.append((event, fields))

    def warning(self, event: str, /, **fields: Any) -> None:
        self.events.append((event, fields))

    def count(self, event: str) -> int:
        return sum(1 for name, _ in self.events if name == event)


class Store:
    """What survives a worker: per partition the offsets that were counted, and the position that goes with them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.rows: dict[TopicPartitionKey, list[int]] = {}
        self.positions: dict[TopicPartitionKey, int] = {}

    def save(self, key: TopicPartitionKey, rows: list[int], position: int) -> None:
        with self._lock:
            if position >= self.positions.get(key, 0):
                self.rows[key], self.positions[key] = list(rows), position

    def load(self, key: TopicPartitionKey) -> tuple[list[int], int]:
        with self._lock:
            return list(self.rows.get(key, [])), self.positions.get(key, 0)


class Worker:
    """One source and a stage whose state is the list of offsets it was given, kept in `store` between workers."""

    def __init__(
        self,
        cluster: Cluster,
        topics: list[str],
        group: str,
        store: Store | None = None,
        *,
        limits: Limits | None = None,
        skip_lost: bool = True,
        before_load: Callable[[TopicPartitionKey], None] = lambda _key: None,
        session_ms: int = SESSION_MS,
        **options: Any,
    ) -> None:
        self.store = store or Store()
        self.memory: dict[TopicPartitionKey, tuple[list[int], int]] = {}
        self.loads: list[TopicPartitionKey] = []
        self.gone: list[tuple[TopicPartitionKey, bool]] = []
        self.lost: list[tuple[TopicPartitionKey, int, int]] = []
        self.failures: list[BaseException] = []
        self.batches: list[tuple[TopicPartitionKey, int, int, bool, int]] = []
        self.payloads: list[bytes | None] = []
        self.most_in_flight = 0
        self.journal = Journal()
        self.gate = threading.Event()  # closed: the stage takes batches and is not done with them
        self.gate.set()
        self._skip_lost, self._before_load = skip_lost, before_load
        self._queue: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
        self.source = Source(
            "test", topics, group, self, {**cluster.client, **options.pop("client", {})},
            deliver=self._queue.put, fail=self.failures.append, clock_ms=lambda: int(time.time() * 1000),
            log=self.journal, limits=replace(limits or Limits(), session_ms=session_ms), **options,
        )  # fmt: skip
        self._thread = threading.Thread(target=self._apply_all, daemon=True)
        self._thread.start()
        self.source.start()

    # The stage.

    def position(self, tp: TopicPartitionKey) -> int | None:
        state = self.memory.get(tp)
        return None if state is None else state[1]

    def load(self, tps: list[TopicPartitionKey]) -> None:
        for key in tps:
            self._before_load(key)
            self.loads.append(key)
            self.memory[key] = self.store.load(key)

    def revoked(self, tps: list[TopicPartitionKey], lost: bool) -> None:
        for key in tps:
            self.gone.append((key, lost))
            state = self.memory.pop(key, None)
            if state is not None and not lost:
                self.store.save(key, *state)

    def lost_rows(self, tp: TopicPartitionKey, wanted: int, low: int) -> None:
        self.lost.append((tp, wanted, low))
        if not self._skip_lost:
            from streams.runtime.errors import StateError  # noqa: PLC0415

            raise StateError("rows were lost")
        self.memory[tp] = (self.memory[tp][0], low)

    # What the runtime does.

    def _apply_all(self) -> None:
        while (batch := self._queue.get()) is not None:
            self.most_in_flight = max(self.most_in_flight, self.source.in_flight)
            self.gate.wait()
            with self.source.lock:
                if self.source.current(batch):
                    self._apply(batch)
            self.source.done(batch)

    def _apply(self, batch: Batch) -> None:
        rows, position = self.memory[batch.key]
        offsets = [m.offset() or 0 for m in batch.messages]
        if offsets and offsets[0] < position:
            self.failures.append(AssertionError(f"{batch.key}: {offsets[0]} was given again, position {position}"))
        rows += offsets
        self.memory[batch.key] = (rows, batch.end)
        self.payloads += [m.value() for m in batch.messages]
        self.batches.append((batch.key, offsets[0] if offsets else -1, batch.end, batch.caught_up, batch.read_ms))

    def count(self) -> int:
        """Rows in memory."""
        return sum(len(rows) for rows, _ in list(self.memory.values()))

    def rows(self, key: TopicPartitionKey) -> list[int]:
        """Offsets of a partition in memory."""
        return list(self.memory.get(key, ([], 0))[0])

    def wait_rows(self, key: TopicPartitionKey, count: int) -> None:
        """Wait until a partition has given so many rows."""
        wait_for(lambda: len(self.rows(key)) >= count, f"{count} rows of {key}")

    def failed(self) -> bool:
        """Something failed."""
        return bool(self.failures)

    def check(self) -> None:
        """Nothing failed."""
        assert not self.failures, self.failures

    def stop(self, timeout_s: float = 8.0) -> bool:
        """Leave in order: everything is in the store afterwards."""
        self.gate.set()
        left = self.source.stop(self._drain, timeout_s)
        self._queue.put(None)
        self._thread.join(5)
        return left

    def _drain(self) -> None:
        for key in self.source.assigned():
            if key in self.memory:
                self.store.save(key, *self.memory[key])
