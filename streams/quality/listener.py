"""What the judge tells whoever listens: changes of counts as partitions say them, and windows as they settle.

Told in every round, whether or not rows are built, and a function of the log like everything else here.
"""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from streams.quality.counts.counted import Counted
from streams.quality.counts.names import Names
from streams.quality.counts.shares import Changes
from streams.quality.drift.finding import Finding


class Settled(NamedTuple):
    """A segment of a tumbling window as it was judged: `[start, end)`, ms, what was counted and what was found."""

    model: str
    version: str
    segment: str
    window: str
    start_ms: int
    end_ms: int
    counts: Counted
    findings: tuple[Finding, ...]


class Listener(Protocol):
    """Hears of counts and of windows, in the order of the log."""

    def counted(self, stood: int, changes: Changes, names: Names) -> None:
        """A ledger partition whose watermark stood at a time, ms or NO_TIME, said something new."""

    def settled(self, window: Settled) -> None:
        """A window was judged in this round."""

    def closing(self, watermark: int, names: Names) -> Iterator[None]:
        """A round is over, and all that settled in it was told. `watermark` in ms. In small pieces, to be used up."""
