"""When is each slot final? A heap of times: only what ends is looked at. Derived from the counts, so never kept."""

from collections.abc import Iterator
from heapq import heappop, heappush


class Endings:
    """Slots by the time (ms) at which their pane can no longer change."""

    def __init__(self) -> None:
        self._times: list[int] = []  # a heap, each time once
        self._slots: dict[int, set[int]] = {}

    def add(self, slot: int, end_ms: int) -> None:
        """A slot is final at `end_ms`; said again it changes nothing."""
        slots = self._slots.get(end_ms)
        if slots is None:
            slots = self._slots[end_ms] = set()
            heappush(self._times, end_ms)
        slots.add(slot)

    def take(self, watermark_ms: int) -> Iterator[set[int]]:
        """The slots that are final at a watermark, each once."""
        while self._times and self._times[0] <= watermark_ms:
            yield self._slots.pop(heappop(self._times))
