"""Which of two versions was right where both predicted the same: pairs of settled windows, pooled for shadow gates.

Pairs are counted at the grain of details, by windows that settle; of several sizes the smallest that has any is taken,
so that no event counts twice.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from streams.alerts.gate.evaluation import Pairs
from streams.ledger.cells import PairOutcome
from streams.quality.listener import Settled
from streams.quality.rows import ALL

Key = tuple[str, str]
"""A version, and one that sorts before it."""

_SWAPPED = (PairOutcome.BOTH, PairOutcome.ONLY_OTHER, PairOutcome.ONLY_OWN, PairOutcome.NEITHER)
_STRAIGHT = (PairOutcome.BOTH, PairOutcome.ONLY_OWN, PairOutcome.ONLY_OTHER, PairOutcome.NEITHER)


class Pairing:
    """The pairs of one model's versions by window, for as long as it is told to keep them."""

    def __init__(self) -> None:
        self._length_ms = 0
        self._windows: dict[Key, dict[int, dict[str, list[int]]]] = {}  # by start, class and outcome

    def take(self, found: Iterable[Settled]) -> None:
        """Count the pairs of windows that have just settled, of one model."""
        for window in found:
            if window.segment != ALL or not len(window.counts.pairs.n):
                continue
            length_ms = window.end_ms - window.start_ms
            if self._length_ms and length_ms > self._length_ms:
                continue
            if length_ms != self._length_ms:
                self._length_ms, self._windows = length_ms, {}
            self._add(window)

    def between(self, candidate: str, baseline: str, start: int, end: int) -> Pairs | None:
        """The pairs of windows that reach into `[start, end)`; None where there are none."""
        is_straight = candidate > baseline
        windows = self._windows.get((candidate, baseline) if is_straight else (baseline, candidate), {})
        pooled: dict[str, list[int]] = {}
        for begin, classes in windows.items():
            if begin + self._length_ms > start and begin < end:
                for name, counts in classes.items():
                    _add_to(pooled.setdefault(name, [0] * len(PairOutcome)), counts)
        order = _STRAIGHT if is_straight else _SWAPPED
        found = {
            name: (counts[order[0]], counts[order[1]], counts[order[2]], counts[order[3]])
            for name, counts in sorted(pooled.items())
        }
        return found or None

    def forget(self, before: int) -> None:
        """Drop windows that ended before a time."""
        for key, windows in list(self._windows.items()):
            for begin in [begin for begin in windows if begin + self._length_ms <= before]:
                del windows[begin]
            if not windows:
                del self._windows[key]

    def dump(self) -> list[object]:
        """Everything, of plain values; for `load`."""
        windows = [
            [*key, begin, name, *counts]
            for key, by_start in self._windows.items()
            for begin, classes in by_start.items()
            for name, counts in classes.items()
        ]
        return [self._length_ms, windows]

    @classmethod
    def load(cls, state: Sequence[object]) -> "Pairing":
        """What `dump` gave. Raises ValueError when it is damaged."""
        pairing = cls()
        try:
            length_ms, windows = state
            pairing._length_ms = int(length_ms)  # type: ignore[call-overload]
            for version, other, begin, name, *counts in windows:  # type: ignore[attr-defined]
                if len(counts) != len(PairOutcome):
                    raise ValueError("an outcome of pairs is missing")
                by_start = pairing._windows.setdefault((str(version), str(other)), {})
                by_start.setdefault(int(begin), {})[str(name)] = [int(n) for n in counts]
        except TypeError as error:
            raise ValueError(f"damaged pairs of versions: {error}") from error
        return pairing

    def _add(self, window: Settled) -> None:
        counts = window.counts
        pairs = counts.pairs
        for number in np.unique(pairs.version).tolist():
            ours = pairs.version == number
            classes: dict[str, list[int]] = {}
            for true, outcome, n in zip(
                pairs.true[ours].tolist(), pairs.outcome[ours].tolist(), pairs.n[ours].tolist(), strict=True
            ):
                classes.setdefault(counts.classes[true], [0] * len(PairOutcome))[outcome] += n
            self._windows.setdefault((window.version, counts.versions[number]), {})[window.start_ms] = classes


def _add_to(total: list[int], counts: Sequence[int]) -> None:
    for i, n in enumerate(counts):
        total[i] += n
