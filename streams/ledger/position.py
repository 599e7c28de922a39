"""Where a row lies in its source: `position = offset << ROW_BITS | row`, one integer that orders (offset, row).

A message can hold many rows and be split over blocks, so an offset alone would not do. Ranges are half-open:
`[begin, end)` with `end = start(offset + 1)` when a message is complete.
"""

from typing import NamedTuple

ROW_BITS = 20
MAX_ROWS = 1 << ROW_BITS
"""Rows that one message can have."""


def start(offset: int) -> int:
    """The position of the first row of the message at `offset`."""
    return offset << ROW_BITS


def offset_of(position: int) -> int:
    """The offset of the message that holds `position`."""
    return position >> ROW_BITS


def row_of(position: int) -> int:
    """The row of `position` within its message."""
    return position & (MAX_ROWS - 1)


class SourceId(NamedTuple):
    """A source is one partition of one life of a topic: a topic deleted and made again is another source."""

    topic: str
    partition: int
    topic_id: str

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}@{self.topic_id}"

    @classmethod
    def parse(cls, text: str) -> "SourceId":
        """The source that `str()` wrote."""
        name, _, topic_id = text.rpartition("@")
        topic, _, partition = name.rpartition("/")
        return cls(topic, int(partition), topic_id)
