"""One partition of the alerts as this deliverer has it: read back from two logs, then fold and log of tellings.

What is decided is written to the log of tellings in one transaction with the position, before anything is sent: a
crash at any moment either decides again what nobody was told, or sends again what was decided. The transactional id is
the partition's, so a deliverer that lost it cannot decide any more.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from confluent_kafka import Message

from streams.alerts.telling.planner import Planner
from streams.alerts.telling.redrive import REDRIVE, DeadLetters
from streams.alerts.telling.rows import Entry, Fate, entry_of, entry_row
from streams.alerts.telling.told import Batch
from streams.runtime.config.job import Config
from streams.runtime.errors import StateError
from streams.runtime.kafka.client import TopicPartitionKey
from streams.runtime.kafka.partition_reader import PartitionReader
from streams.runtime.kafka.transactions import Record, RoundProducer

BROKEN = (KeyError, ValueError, TypeError)
"""What a row that is none raises."""


@dataclass(slots=True)
class Part:
    """See the module. `finished` are batches that were done before, in the order of the log."""

    number: int
    planner: Planner
    producer: RoundProducer
    position: int = 0  # the next offset to read
    hold: int | None = None  # the first row that a summary still needs
    kept: int = 0  # what the group has as position
    due: list[Batch] = field(default_factory=list)  # decided and written, not yet on their way
    finished: list[Entry] = field(default_factory=list)
    planned: list[Batch] = field(default_factory=list)  # decided and not written
    outcomes: list[Entry] = field(default_factory=list)  # of batches, not written
    letters: DeadLetters = field(default_factory=DeadLetters)
    caught_up: bool = False
    ready: bool = True

    @property
    def commit(self) -> int:
        """The position that a successor begins at."""
        return self.position if self.hold is None else self.hold

    def take(self, messages: Iterable[Message], end: int, now_ms: Callable[[], int]) -> None:
        """Rows of the alerts topic; what is decided because of them is in `planned` then."""
        for message in messages:
            offset = message.offset() or 0
            key, row = decoded(message)
            try:
                if row is not None and row.get("schema") == REDRIVE:
                    self._redrive(row, now_ms())
                else:
                    self.planned += self.planner.take(key, row, now_ms())
            except BROKEN as error:
                raise broken(message, error) from error
            if self.hold is None and self.planner.misses(now_ms()):
                self.hold = offset
            elif self.hold is not None and not self.planner.misses(now_ms()):
                self.hold = None
        self.position = max(self.position, end)

    def tick(self, now_ms: int) -> None:
        """Decide what the clock asks for."""
        self.planned += self.planner.tick(now_ms)
        if self.hold is not None and not self.planner.misses(now_ms):
            self.hold = None

    def finish(self, entry: Entry) -> None:
        """What became of a batch; to be written."""
        self.outcomes.append(entry)
        self.letters.note(entry)

    def records(self, topic: str) -> list[Record]:
        """The records of everything that is not written yet."""
        entries = [*(Entry(batch) for batch in self.planned), *self.outcomes]
        return [
            Record(topic, self.number, orjson.dumps(entry_row(entry)), entry.batch.id.encode(), entry.finished_ms)
            for entry in entries
        ]

    def _redrive(self, row: Mapping[str, Any], now_ms: int) -> None:
        """A dead letter is asked for. One that is dead no more, or died anew since, is another one."""
        letter = self.letters.asked(row)
        for entry in self.planner.redrive(letter, now_ms) if letter is not None else ():
            if entry.fate == Fate.DUE:
                self.letters.note(entry)
                self.planned.append(entry.batch)
            else:
                self.finish(entry)

    def written(self) -> list[Batch]:
        """Everything is written; the batches that may be sent now."""
        batches, self.planned, self.outcomes = self.planned, [], []
        return batches


def read_back(
    config: Config,
    number: int,
    planner: Planner,
    producer: RoundProducer,
    committed: int | None,
    upto: int | None,
    now_ms: Callable[[], int],
) -> Part:
    """A partition as it goes on: the present out of the alerts before the position, and what was told.

    `planner` is a new one. `committed` is the group's position, None before the first. With `upto` rows from there to
    it are decided on again: they were read by this deliverer, which could not write what it had decided.
    """
    alerts, tellings = (config.topic("alerts"), number), (config.topic("tellings"), number)
    part = Part(number, planner, producer)
    with PartitionReader(config.client, f"{config.name}-deliver-read") as reader:
        for entry in newest_entries(reader, tellings):
            planner.adopt(entry.batch)
            part.letters.note(entry)
            if entry.fate == Fate.DUE:
                part.due.append(entry.batch)
            else:
                part.finished.append(entry)
        low, high = reader.bounds(alerts)
        part.position = min(high, max(low, committed or 0))
        part.kept = -1 if committed is None else part.position  # that telling began is to be known at once
        again: list[Message] = []
        for message in reader.records(alerts, low) if high > low else ():
            offset = message.offset() or 0
            if offset < part.position:
                key, row = decoded(message)
                try:
                    planner.recall(key, row)
                except BROKEN as error:
                    raise broken(message, error) from error
            elif upto is not None and offset < upto:
                again.append(message)
            else:
                break
        if upto is not None:
            part.take(again, upto, now_ms)
    return part


def newest_entries(reader: PartitionReader, tellings: TopicPartitionKey) -> Sequence[Entry]:
    """The newest entry of each batch of a partition of the log of tellings, in the order of their decision."""
    low, high = reader.bounds(tellings)
    newest: dict[str, Entry] = {}
    for message in reader.records(tellings, low) if high > low else ():
        key, row = decoded(message)
        if row is None:
            newest.pop(key, None)
            continue
        try:
            newest[key] = entry_of(row)
        except BROKEN as error:
            raise broken(message, error) from error
    return list(newest.values())


def decoded(message: Message) -> tuple[str, dict[str, Any] | None]:
    """The key and the row of a record. Raises StateError when it holds no JSON object."""
    value = message.value()
    key = (message.key() or b"").decode(errors="replace")
    if value is None:
        return key, None
    try:
        row = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise broken(message, error) from error
    if not isinstance(row, dict):
        raise broken(message, TypeError("no JSON object"))
    return key, row


def broken(message: Message, error: Exception) -> StateError:
    """What is said of a record that nobody of this job wrote."""
    where = f"{message.topic()}[{message.partition()}] offset {message.offset()}"
    return StateError(f"{where}: {type(error).__name__} {error}. Only this job may write to its topics")
