"""What the broker keeps: ledger, tallies, checkpoints, group offsets and the compacted outputs; and a producer.

A producer keeps the order of its own records within a log partition, and nothing else. A crash cuts each of its
queues somewhere: what is in the log stays, the rest is gone. Logs are trimmed from below; who reads what is no longer
there is told so. Outputs are fenced: only the newest generation writes. Many rows are written as several transactions,
of which only the last one moves the position: what a crash cuts off there comes again.
"""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from streams.alerts.rows import ALERT_LOG, ALERTS, GATES
from streams.ledger.position import SourceId
from streams.quality.rows import OutputRow
from streams.runtime.checkpoints.rules import Manifest
from tests.simulation.compacted import Compacted

RowKey = tuple[str, str]
Row = dict[str, Any]
Place = tuple[str, int]
"""A log's name and partition."""

OF_ALERTS = frozenset({ALERTS, ALERT_LOG, GATES})
"""Streams that are logs of what was said, besides being compacted."""


class SimulationError(AssertionError):
    """The simulation saw something that must never be."""


@dataclass(slots=True)
class Log:
    """One partition: all that was ever appended, for the checks, and the offset where what is still there begins."""

    records: list[bytes] = field(default_factory=list)
    low: int = 0

    @property
    def end(self) -> int:
        """The next offset."""
        return len(self.records)

    def at(self, offset: int) -> bytes | None:
        """The record at an offset, None where there is none any more or yet."""
        return self.records[offset] if self.low <= offset < self.end else None

    def trim(self, low: int) -> None:
        """Delete what lies below, as DeleteRecords does."""
        self.low = max(self.low, min(low, self.end))


@dataclass(frozen=True, slots=True)
class Transaction:
    """Some of the rows of a round, which may end after the partition moved; `position` is that behind the whole round.

    `first`: the round begins with it; `last`: it ends with it, and the position moves.
    """

    generation: int
    rows: list[OutputRow]
    position: int
    first: bool = True
    last: bool = True


@dataclass(slots=True)
class Outputs:
    """The rows of one tallies partition, its generation, and the position written with them.

    `newest` are the compacted rows of windows; `said` is everything that was said of alerts, a list for each stretch
    of rounds that no crash cut off; `loose` are the rows of rounds that were not written whole, by where those end.
    """

    fenced: bool = True
    generation: int = 0
    position: int = 0
    newest: dict[RowKey, Row] = field(default_factory=dict)
    said: list[list[OutputRow]] = field(default_factory=lambda: [[]])
    loose: dict[RowKey, int] = field(default_factory=dict)
    open: bool = False

    def init(self) -> int:
        """A new generation: older ones cannot write any more, and what they began is void."""
        self.generation += 1
        return self.generation

    def allows(self, generation: int, *, member: bool) -> bool:
        """Whether a transaction may begin: not of a fenced writer, nor of one that the group does not know any more."""
        return not self.fenced or (generation == self.generation and member)

    def commit(self, some: Transaction) -> bool:
        """The end of a transaction: the rows and the position, or nothing and False for a writer fenced meanwhile."""
        if self.fenced and some.generation != self.generation:
            return False
        if some.first and self.open:
            self.said.append([])
        self.open = not some.last
        for row in some.rows:
            if row.stream in OF_ALERTS:
                self.said[-1].append(row)
            else:
                self._replace((row.stream, row.key), row.value)
                if not some.last:
                    self.loose[row.stream, row.key] = some.position
        if some.last:
            self.position = some.position
            self.loose = {key: position for key, position in self.loose.items() if position > some.position}
        return True

    def _replace(self, key: RowKey, value: Row) -> None:
        before = self.newest.get(key)
        if before is not None and key in self.loose:
            if before["revision"] == value["revision"] and before != value:
                raise SimulationError(f"{key} comes again at revision {value['revision']}, and is another one")
        elif before is not None and before["revision"] >= value["revision"]:
            raise SimulationError(f"revision {value['revision']} after {before['revision']} of {key}")
        elif before is not None and before["status"] == "final":
            raise SimulationError(f"{key} was final and is written again")
        self.newest[key] = value


class Broker:
    """The logs of one run."""

    def __init__(self, ledger_partitions: int, tallies_partitions: int) -> None:
        self.logs: dict[Place, Log] = {("ledger", p): Log() for p in range(ledger_partitions)}
        self.logs |= {("tallies", p): Log() for p in range(tallies_partitions)}
        self.checkpoints = [Compacted() for _ in range(max(ledger_partitions, tallies_partitions))]
        self.source_offsets: dict[SourceId, int] = {}
        self.ledger_offsets: dict[int, int] = {}
        self.written: list[Manifest] = []  # checkpoints, also those that were removed since
        self.happened = Counter[str]()
        self.outputs = [Outputs() for _ in range(tallies_partitions)]

    def append(self, place: Place, record: bytes) -> int:
        """A record at the end of a log; its offset."""
        log = self.logs[place]
        log.records.append(record)
        return log.end - 1


SLOW, RECOVER = 0.04, 0.2
"""How likely in a turn a partition begins to take long, and how likely that ends."""

Queue = deque[tuple[Callable[[], int], Callable[[int], None]]]


class Producer:
    """What one worker sent and the broker does not have yet.

    `deaf`: acknowledgements do not come back. `stuck`: nothing arrives, until all of it does at once. One partition may
    take long while the others go on, as when its leader is away.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._queues: dict[Place, Queue] = {}
        self._slow: set[Place] = set()
        self.deaf = False
        self.stuck = False

    def send(self, place: Place, record: bytes, acknowledge: Callable[[int], None]) -> None:
        """Put a record on its way to a log."""
        self._put(place, lambda: self._broker.append(place, record), acknowledge)

    def keep(self, partition: int, key: bytes, value: bytes | None, acknowledge: Callable[[int], None]) -> None:
        """Put a record on its way to a partition of the checkpoints; None is a tombstone."""
        topic = self._broker.checkpoints[partition]
        self._put(("checkpoints", partition), lambda: topic.append(key, value), acknowledge)

    def deliver(self, rng: Random) -> None:
        """Some of it arrives, more for one partition than for another."""
        for place in [] if self.stuck else list(self._queues):
            if rng.random() < (RECOVER if place in self._slow else SLOW):
                self._slow ^= {place}
            if place not in self._slow:
                self._arrive(self._queues[place], rng.choice((0, 1, 2, 5, 20)))

    def deliver_all(self) -> None:
        """All of it arrives, also what is sent because something arrived."""
        while any(self._queues.values()):
            for queue in list(self._queues.values()):
                self._arrive(queue, len(queue))

    def _put(self, place: Place, arrive: Callable[[], int], ack: Callable[[int], None]) -> None:
        self._queues.setdefault(place, deque()).append((arrive, ack))

    def _arrive(self, queue: Queue, most: int) -> None:
        for _ in range(min(most, len(queue))):
            arrive, acknowledge = queue.popleft()
            offset = arrive()
            if not self.deaf:
                acknowledge(offset)
