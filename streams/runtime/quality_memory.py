"""What stood when a partition came here? A worker that starts shows alerts and gates at once, not with their next row.

They are in the topics that every worker reads for its web pages. Windows are not: they come when the next one settles.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

from streams.runtime.quality_metrics import QualityMetrics


class Board(Protocol):
    """The newest rows of alerts and gates (`runtime/alerts_board.py`)."""

    def reading(self) -> str | None:
        """Why nothing can be said yet."""

    def alerts(self) -> Sequence[Mapping[str, Any]]:
        """The rows of alerts that are not inactive."""

    def gate_rows(self) -> Sequence[Mapping[str, Any]]:
        """The newest row of each gate and pair of versions."""


class QualityMemory:
    """Shows what stood, once for each partition that comes here."""

    def __init__(self, quality: QualityMetrics, board: Board, judge_of: Callable[[str], int]) -> None:
        """`judge_of` is the partition of the judge of a model."""
        self._quality, self._board, self._judge_of = quality, board, judge_of
        self._owned: set[int] = set()

    def look(self, owned: Collection[int]) -> None:
        """`owned` are the partitions of the judge here; nothing happens until all that was written is read."""
        if self._board.reading() is not None:
            return
        for partition in sorted(set(owned) - self._owned):
            rows = [*self._board.alerts(), *self._board.gate_rows()]
            self._quality.remember([row for row in rows if self._judge_of(row["model"]) == partition], partition)
        self._owned = set(owned)
