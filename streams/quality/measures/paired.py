"""How two versions of a model did on the same events: the discordant counts of McNemar's test, by true class.

Only models that are paired (`LedgerSpec.paired`) have any. A pair is counted once, with the version whose name sorts
last by bytes; `in_order` says which of two that is.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from streams.ledger.cells import PairOutcome
from streams.quality.counts.counted import Counted, Ints


class Paired(NamedTuple):
    """Labelled events that two versions predicted, K = len(classes), each count of shape (K,)."""

    classes: tuple[str, ...]
    both: Ints  # both versions were right
    only_own: Ints  # only the version of the counts was
    only_other: Ints  # only the other version was
    neither: Ints

    @property
    def n(self) -> Ints:
        """(K,) all events."""
        return self.both + self.only_own + self.only_other + self.neither

    def turned(self) -> "Paired":
        """The same as the other version sees it."""
        return self._replace(only_own=self.only_other, only_other=self.only_own)


def in_order(one: str, other: str) -> tuple[str, str]:
    """Two versions: first the one in whose counts their pairs are.

    >>> in_order("9", "10")
    ('9', '10')
    """
    return (one, other) if one.encode() > other.encode() else (other, one)


def paired(windows: Iterable[Counted], other: str) -> Paired:
    """The pairs with another version in windows of one version, added up; windows that share events count them twice.

    Nothing, without classes, where none of the windows has any. Pairs lie with the event time of the version of the
    windows.
    """
    found: dict[str, Ints] = {}
    for window in windows:
        if other not in window.versions:
            continue
        pairs = window.pairs
        some = np.flatnonzero(pairs.version == window.versions.index(other))
        for true, outcome, n in zip(*(column[some].tolist() for column in pairs[1:]), strict=True):
            found.setdefault(window.classes[true], np.zeros(len(PairOutcome), np.int64))[outcome] += n
    classes = tuple(sorted(found))
    table = np.array([found[name] for name in classes], np.int64).reshape(-1, len(PairOutcome))
    outcomes = PairOutcome.BOTH, PairOutcome.ONLY_OWN, PairOutcome.ONLY_OTHER, PairOutcome.NEITHER
    return Paired(classes, *(table[:, outcome] for outcome in outcomes))
