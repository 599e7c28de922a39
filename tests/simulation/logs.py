"""What the broker keeps: ledger, tallies, group offsets and the compacted outputs; and a producer in front of it.

A producer keeps the order of its own records within a log partition, and nothing else. A crash cuts each of its
queues somewhere: what is in the log stays, the rest is gone. Outputs are fenced: only the newest generation writes.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from streams.ledger.position import SourceId
from streams.quality.rows import OutputRow

RowKey = tuple[str, str]
Row = dict[str, Any]
Place = tuple[str, int]
"""A log's name and partition."""


class SimulationError(AssertionError):
    """The simulation saw something that must never be."""


@dataclass(slots=True)
class Outputs:
    """The compacted rows of one tallies partition, its generation, and the position written with them."""

    fenced: bool = True
    generation: int = 0
    position: int = 0
    newest: dict[RowKey, Row] = field(default_factory=dict)

    def init(self) -> int:
        """A new generation: older ones cannot write any more."""
        self.generation += 1
        return self.generation

    def commit(self, generation: int, rows: list[OutputRow], position: int, *, member: bool) -> bool:
        """One transaction: the rows and the position, or nothing. False for a fenced writer or a stale member."""
        if self.fenced and (generation != self.generation or not member):
            return False
        for row in rows:
            key, value = (row.stream, row.key), row.value
            before = self.newest.get(key)
            if before is not None and before["revision"] >= value["revision"]:
                raise SimulationError(f"revision {value['revision']} after {before['revision']} of {key}")
            if before is not None and before["status"] == "final":
                raise SimulationError(f"{key} was final and is written again")
            self.newest[key] = value
        self.position = position
        return True


class Broker:
    """The logs of one run."""

    def __init__(self, ledger_partitions: int, tallies_partitions: int) -> None:
        self.logs: dict[Place, list[bytes]] = {("ledger", p): [] for p in range(ledger_partitions)}
        self.logs |= {("tallies", p): [] for p in range(tallies_partitions)}
        self.source_offsets: dict[SourceId, int] = {}
        self.ledger_offsets: dict[int, int] = {}
        self.outputs = [Outputs() for _ in range(tallies_partitions)]

    def append(self, place: Place, record: bytes) -> None:
        """A record at the end of a log."""
        self.logs[place].append(record)


Queue = deque[tuple[bytes, Callable[[int], None]]]


class Producer:
    """What one worker sent and the broker does not have yet.

    `deaf`: acknowledgements do not come back. `stuck`: nothing arrives, until all of it does at once.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._queues: dict[Place, Queue] = {}
        self.deaf = False
        self.stuck = False

    def send(self, place: Place, record: bytes, acknowledge: Callable[[int], None]) -> None:
        """Put a record on its way."""
        self._queues.setdefault(place, deque()).append((record, acknowledge))

    def deliver(self, rng: Random) -> None:
        """Some of it arrives, more for one partition than for another."""
        for place in [] if self.stuck else list(self._queues):
            self._arrive(place, rng.choice((0, 1, 2, 5, 20)))

    def deliver_all(self) -> None:
        """All of it arrives."""
        for place, queue in self._queues.items():
            self._arrive(place, len(queue))

    def _arrive(self, place: Place, most: int) -> None:
        queue = self._queues[place]
        for _ in range(min(most, len(queue))):
            record, acknowledge = queue.popleft()
            self._broker.append(place, record)
            if not self.deaf:
                acknowledge(len(self._broker.logs[place]) - 1)
