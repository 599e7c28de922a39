"""Which tellings were given up, and asking for them to be sent again: read off one log, asked in the other.

Nobody but the deliverer that owns a partition may decide what is sent, so the request is a row in the log that it
follows: it waits there for one that runs.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from streams.alerts.telling.redrive import redrive_key, redrive_row
from streams.alerts.telling.rows import Fate
from streams.runtime.clock import monotonic_s, wall_ms
from streams.runtime.config.job import Config
from streams.runtime.errors import TopicError, UnavailableError
from streams.runtime.kafka.producer import Producer
from streams.runtime.kafka.tail import read_rows
from streams.runtime.kafka.topics import Topics

TAKEN_WITHIN_S = 30.0
"""How long a broker may take to take the requests."""


class Letter(NamedTuple):
    """The newest row of a batch, and its partition."""

    partition: int
    row: Mapping[str, Any]

    @property
    def id(self) -> str:
        """The batch's id."""
        return str(self.row["batch_id"])

    def is_as(self, other: "Letter") -> bool:
        """Whether nothing became of it since."""
        return all(self.row[name] == other.row[name] for name in ("state", "finished_at", "tellings"))


def dead_letters(config: Config, receiver: str | None = None) -> list[Letter]:
    """The batches that are dead, by the time at which they were given up; of one receiver, if it is named."""
    newest: dict[str, Letter] = {}
    for row in read_rows(config.client, config.topic("tellings"), from_start=True, follow=False):
        if row is not None and "state" in row.value:
            newest[row.key] = Letter(row.partition, dict(row.value))
    dead = (letter for letter in newest.values() if letter.row["state"] == Fate.DEAD)
    wanted = (letter for letter in dead if receiver in (None, letter.row["receiver"]))
    return sorted(wanted, key=lambda letter: (letter.row["finished_at"], letter.id))


def ask_again(config: Config, letters: Sequence[Letter]) -> None:
    """Ask for dead letters to be sent again.

    Raises TopicError where there is no topic of alerts, UnavailableError when no broker takes it in time.
    """
    topic, now_ms = config.topic("alerts"), wall_ms()
    if not Topics(config.client).describe([topic])[topic].exists:
        raise TopicError(f"there is no topic {topic}; has the job run, and is the prefix right?")
    failures: list[BaseException] = []
    producer = Producer("redrive", config.client, fail=failures.append)
    try:
        for letter in letters:
            row = redrive_row(letter.id, letter.row["receiver"], letter.row["finished_at"], now_ms)
            producer.send(topic, letter.partition, orjson.dumps(row), redrive_key(letter.id).encode(), now_ms)
        if not producer.flush(TAKEN_WITHIN_S) and not failures:
            raise UnavailableError(f"no broker took the request within {TAKEN_WITHIN_S:.0f} s")
    finally:
        producer.close(0.1)
    if failures:
        raise failures[0]


def await_answers(config: Config, asked: Sequence[Letter], within_s: float) -> dict[str, Letter]:
    """What became of letters that were asked for, by their ids; those of which nobody took notice are left out.

    Waits until each is on its way and arrived, withdrawn or dead again, at most `within_s`.
    """
    before, found = {letter.id: letter for letter in asked}, dict[str, Letter]()
    until_s = monotonic_s() + within_s

    def stop() -> bool:
        ended = sum(letter.row["state"] != Fate.DUE for letter in found.values())
        return ended == len(before) or monotonic_s() > until_s

    for row in read_rows(config.client, config.topic("tellings"), from_start=False, follow=True, stop=stop):
        if row is not None and row.key in before:
            letter = Letter(row.partition, dict(row.value))
            found[row.key] = letter
            if letter.is_as(before[row.key]):
                del found[row.key]
    return found
