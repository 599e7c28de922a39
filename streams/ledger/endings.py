"""When is each slot final? Heaps of times: only what ends is looked at. Derived from the counts, so never kept.

A slot ends twice. When its pane is final, its confusion table can no longer change: what is unlabelled stays so. When
its detail is final, too, it is forgotten. The first pane of a detail holds the cells of the whole detail, the others
end both ways at once.
"""

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush

from streams.ledger.names import Names
from streams.ledger.spec import GROUP_BITS, NO_TIME

_GROUP = (1 << GROUP_BITS) - 1


class _Times:
    """Slots by a time (ms)."""

    def __init__(self) -> None:
        self._times: list[int] = []  # a heap, each time once
        self._slots: dict[int, set[int]] = {}

    def add(self, slot: int, end_ms: int) -> None:
        """A slot ends at `end_ms`; said again it changes nothing."""
        slots = self._slots.get(end_ms)
        if slots is None:
            slots = self._slots[end_ms] = set()
            heappush(self._times, end_ms)
        slots.add(slot)

    def take(self, watermark_ms: int) -> Iterator[set[int]]:
        """The slots that end at a watermark, each once."""
        while self._times and self._times[0] <= watermark_ms:
            yield self._slots.pop(heappop(self._times))


class Endings:
    """Slots by when their panes and details can no longer change."""

    def __init__(self, names: Names) -> None:
        """No slots; `names` has the groups that slots are numbered by."""
        self._names = names
        self._panes, self._details = _Times(), _Times()
        self._taken_ms = NO_TIME

    def load(self, slots: Iterable[int], watermark_ms: int) -> None:
        """Go on with slots of which those that end at a watermark were taken."""
        self._taken_ms = watermark_ms
        self.add(slots)

    def add(self, slots: Iterable[int]) -> None:
        """These slots changed; said again it changes nothing."""
        spec, final_ms = self._names.spec, self._names.final_ms
        panes = spec.detail_ms // spec.pane_ms
        for slot in slots:
            pane, final = slot >> GROUP_BITS, int(final_ms[slot & _GROUP])
            end_ms = (pane + 1) * spec.pane_ms + final
            # a pane that is over does not begin again when the details of others change its slot
            if end_ms > self._taken_ms:
                self._panes.add(slot, end_ms)
            self._details.add(slot, end_ms if pane % panes else (pane + panes) * spec.pane_ms + final)

    def take(self, watermark_ms: int) -> tuple[list[set[int]], list[set[int]]]:
        """(slots whose pane is over since the last time, slots of which nothing can change any more)."""
        self._taken_ms = max(self._taken_ms, watermark_ms)
        return list(self._panes.take(watermark_ms)), list(self._details.take(watermark_ms))
