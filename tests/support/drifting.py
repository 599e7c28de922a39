"""Windows for the drift detectors: exact counts from recalls, or random ones of a seed."""

from collections.abc import Sequence

import numpy as np

from streams.formats.columns import CONFIDENCE_SCALE
from streams.ledger.cells import CONFIDENCE_BINS
from streams.quality.counts.counted import BinnedCells, Cells, Counted, counted
from streams.quality.drift.finding import Finding, Kind
from streams.quality.drift.series import Series
from streams.quality.settings import ReferenceKind, ReferenceSpec

HOUR = 3_600_000
FIRST = ReferenceSpec(ReferenceKind.FIRST)


def table(hits: Sequence[int], support: Sequence[int]) -> list[list[int]]:
    """A confusion table whose errors go to the next class."""
    k = len(hits)
    matrix = [[0] * k for _ in range(k)]
    for i, (right, n) in enumerate(zip(hits, support, strict=True)):
        matrix[i][i] += right
        matrix[i][(i + 1) % k] += n - right
    return matrix


def random_table(chance: np.random.Generator, recall: Sequence[float], n: int) -> list[list[int]]:
    """A table of about n labels in equal classes; errors go to any other class."""
    k = len(recall)
    support = chance.multinomial(n, np.full(k, 1 / k))
    hits = chance.binomial(support, recall)
    error = (1 - np.eye(k)) / max(1, k - 1) if k > 1 else np.ones((1, 1))
    matrix = chance.multinomial(support - hits, error)
    matrix[np.arange(k), np.arange(k)] += hits
    rows: list[list[int]] = matrix.tolist()
    return rows


def scored(by_bin: Sequence[int]) -> Counted:
    """Predictions of one class with these counts by confidence bin, each at the middle of its bin."""
    n = np.array(by_bin, np.int64)
    middle = (np.arange(CONFIDENCE_BINS) * 2 + 1) * (CONFIDENCE_SCALE // (2 * CONFIDENCE_BINS))
    bins = np.flatnonzero(n)
    nobody = np.zeros(len(bins), np.int64)
    sums = np.zeros((CONFIDENCE_BINS, 3), np.int64)
    sums[:, 2] = n * middle
    return Counted(
        ("a",),
        Cells.none(),
        np.array([n.sum()]),
        scored=BinnedCells(bins, nobody - 1, nobody, n[bins]),
        confidence_sum=sums,
        confidence_squares=np.array([0, 0, int((n * middle**2).sum())]),
    )


def judged(series: Series, windows: Sequence[Counted], first: int = 0, size: int = HOUR) -> list[dict[str, Finding]]:
    """What is said of windows in a row, from the number of the first one on, by kind."""
    return [
        {one.kind: one for one in series.judge((first + i) * size, (first + i + 1) * size, window)}
        for i, window in enumerate(windows)
    ]


def of_kind(found: Sequence[dict[str, Finding]], kind: Kind) -> list[Finding]:
    """One kind of what was found."""
    return [one[kind] for one in found]


def quiet_windows(seed: int, k: int = 4, n: int = 400, count: int = 20, recall: float = 0.85) -> list[Counted]:
    """Windows in which nothing happens."""
    chance = np.random.default_rng(seed)
    return [counted(random_table(chance, [recall] * k, n)) for _ in range(count)]
