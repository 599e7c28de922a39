"""Raw batches that wait for company, so that the ledger gets few and large blocks.

A block of ten rows costs the join nearly what one of a thousand does, and what it brings can show only with the next
progress record. So the batches of a source wait until they are enough, or for the tick. Bounded over all sources:
where they are too many the fullest goes first. Not thread-safe.
"""

from dataclasses import dataclass, replace

from streams.runtime.kafka.client import TopicPartitionKey
from streams.runtime.kafka.stage import Batch

ENOUGH_ROWS = 20_000
"""Rows of one source that go to the ledger without waiting for the tick."""

MOST_ROWS = 150_000
MOST_BYTES = 32 << 20
"""What may wait in all."""


@dataclass(slots=True)
class Gathered:
    """The batches of one source as one. `batch.read_ms` is when its last row was read.

    `at_end_ms` is the wall time at which the source was at its end, None where it was not at last.
    """

    batch: Batch
    at_end_ms: int | None


class Waiting:
    """What waits, by source."""

    def __init__(self) -> None:
        """Nothing waits."""
        self._gathered: dict[TopicPartitionKey, Gathered] = {}
        self._rows = 0
        self._bytes = 0

    def add(self, batch: Batch) -> list[TopicPartitionKey]:
        """One more batch; the sources that should not wait any longer."""
        at_end_ms = batch.read_ms if batch.caught_up else None
        known = self._gathered.get(batch.key)
        if known is None:
            # a copy: the source still counts what it delivered
            self._gathered[batch.key] = Gathered(replace(batch, messages=list(batch.messages)), at_end_ms)
        else:
            whole = known.batch
            whole.messages += batch.messages
            whole.size_bytes += batch.size_bytes
            whole.end = batch.end
            if batch.messages:
                whole.read_ms = batch.read_ms
            known.at_end_ms = at_end_ms
        self._rows += len(batch)
        self._bytes += batch.size_bytes
        if len(self._gathered[batch.key].batch) >= ENOUGH_ROWS:
            return [batch.key]
        if self._rows > MOST_ROWS or self._bytes > MOST_BYTES:
            return [max(self._gathered, key=self._weight)]
        return []

    def take(self, key: TopicPartitionKey) -> Gathered | None:
        """What waits of a source; it waits no longer."""
        gathered = self._gathered.pop(key, None)
        if gathered is not None:
            self._rows -= len(gathered.batch)
            self._bytes -= gathered.batch.size_bytes
        return gathered

    def sources(self) -> list[TopicPartitionKey]:
        """The sources of which something waits."""
        return list(self._gathered)

    def _weight(self, key: TopicPartitionKey) -> float:
        batch = self._gathered[key].batch
        return max(len(batch) / MOST_ROWS, batch.size_bytes / MOST_BYTES)
