"""Which tellings were given up? Read off the log of tellings; nothing is moved."""

from typing import Any

from streams.alerts.telling.rows import Fate
from streams.runtime.config.job import Config
from streams.runtime.kafka.tail import read_rows


def dead_letters(config: Config) -> list[dict[str, Any]]:
    """The newest rows of batches that are dead, by the time at which they were given up."""
    newest: dict[str, dict[str, Any]] = {}
    for row in read_rows(config.client, config.topic("tellings"), from_start=True, follow=False):
        if row is not None:
            newest[row.key] = dict(row.value)
    dead = (row for row in newest.values() if row.get("state") == Fate.DEAD)
    return sorted(dead, key=lambda row: (row["finished_at"], row["batch_id"]))
