"""How often does a 95 % interval hold the true number? Simulated, seeded.

    python -m benchmarks.interval_coverage [--quick]

160 settings: 5 numbers of classes x 4 smallest supports x equal and skewed supports (the largest ten times the
smallest) x 4 mean recalls, around which the recalls of the classes spread. In each, windows are drawn anew and again:
labels by multinomial or fixed supports, hits by binomial, misses spread over the other classes. The intervals are
those of the product; Wald's stands beside it for comparison. The exit code is 1 when the mean coverage of balanced
accuracy lies outside 94-96 %.
"""

import argparse
import sys
from collections.abc import Iterator
from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.quality.measures.intervals import (
    Z95,
    balanced_accuracy_interval,
    bounded_mean_interval,
    macro_f1_interval,
    wilson,
)

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

CLASSES = (2, 3, 5, 10, 50)
SMALLEST = (5, 10, 30, 100)
SKEW = (1, 10)
RECALLS = (0.5, 0.7, 0.9, 0.97)
WINDOWS, QUICK_WINDOWS = 2000, 200
WANTED = (0.94, 0.96)
DEAR = 5.0
"""The cost of predicting the last class wrongly as the first; every other mistake costs 1."""


class Setting(NamedTuple):
    """What windows are drawn from."""

    classes: int
    smallest: int
    skew: int
    recall: float

    @property
    def supports(self) -> Ints:
        """(K,) labels of each class, from the largest to the smallest, evenly on a logarithmic scale."""
        return np.rint(np.geomspace(self.smallest * self.skew, self.smallest, self.classes)).astype(np.int64)

    @property
    def recalls(self) -> Floats:
        """(K,) recalls, spread around their mean without reaching 1."""
        spread = min(0.15, (1 - self.recall) / 2)
        return self.recall + np.linspace(spread, -spread, self.classes)

    @property
    def cells(self) -> Floats:
        """(K, K) shares of all labelled predictions; misses fall on nearer classes more often."""
        k = np.arange(self.classes)
        miss = 1.0 / np.maximum(1, np.abs(k[:, None] - k[None, :]))
        np.fill_diagonal(miss, 0.0)
        rows = miss / miss.sum(axis=1, keepdims=True) * (1 - self.recalls)[:, None]
        np.fill_diagonal(rows, self.recalls)
        cells: Floats = rows * (self.supports / self.supports.sum())[:, None]
        return cells


class Coverage(NamedTuple):
    """Shares of windows whose interval holds the truth."""

    balanced_accuracy: float
    wald: float
    accuracy: float
    macro_f1: float
    cost: float


def settings() -> Iterator[Setting]:
    """All 160."""
    for classes in CLASSES:
        for smallest in SMALLEST:
            for skew in SKEW:
                for recall in RECALLS:
                    yield Setting(classes, smallest, skew, recall)


def coverage(setting: Setting, rng: np.random.Generator, windows: int) -> Coverage:
    """The coverage in one setting."""
    supports, recalls, cells = setting.supports, setting.recalls, setting.cells
    # Balanced accuracy and Wald: supports are what they are.
    hits = rng.binomial(supports, recalls, (windows, setting.classes))
    truth = float(recalls.mean())
    pairs = [list(zip(row, supports.tolist(), strict=True)) for row in hits.tolist()]
    balanced = sum(holds(balanced_accuracy_interval(row), truth) for row in pairs)
    plain = sum(holds(wald(row / supports, supports), truth) for row in hits)
    # The others: labels fall on classes by chance, too.
    n = int(supports.sum())
    tables = rng.multinomial(n, cells.ravel(), windows).reshape(windows, setting.classes, setting.classes)
    correct = np.trace(tables, axis1=1, axis2=2).tolist()
    right = float(np.trace(cells))
    accuracy = sum(holds(wilson(c / n, n), right) for c in correct)
    f1_truth = f1_of(cells)
    f1 = sum(holds(macro_f1_interval(f1_of(table), margins(table)), f1_truth) for table in tables)
    costs = (1.0 - np.eye(setting.classes)) * 1.0
    costs[-1, 0] = DEAR
    dear = tables[:, -1, 0].tolist()
    cost = sum(
        holds(bounded_mean_interval([(0.0, c), (1.0, n - c - d), (DEAR, d)], 0.0, DEAR), float((cells * costs).sum()))
        for c, d in zip(correct, dear, strict=True)
    )
    return Coverage(*(held / windows for held in (balanced, plain, accuracy, f1, cost)))


def holds(interval: tuple[float, float], truth: float) -> bool:
    """Whether an interval holds a number."""
    return interval[0] <= truth <= interval[1]


def wald(recalls: Floats, supports: Ints) -> tuple[float, float]:
    """The textbook interval of a mean of recalls: a normal one with the variance as observed."""
    mean = float(recalls.mean())
    half = Z95 * sqrt(float((recalls * (1 - recalls) / supports).sum())) / len(supports)
    return mean - half, mean + half


def f1_of(table: NDArray[np.generic]) -> float:
    """Macro F1 of counts or shares, over the classes that are there."""
    both = table.sum(axis=0) + table.sum(axis=1)
    return float((2 * np.diag(table)[both > 0] / both[both > 0]).mean())


def margins(table: Ints) -> list[tuple[int, int, int]]:
    """(hits, support, predicted) of each class that is there."""
    columns = (np.diag(table), table.sum(axis=1), table.sum(axis=0))
    return [(t, s, p) for t, s, p in zip(*(column.tolist() for column in columns), strict=True) if s + p]


def simulate(windows: int, seed: int = 1) -> list[tuple[Setting, Coverage]]:
    """The coverage in every setting; each draws from a seed of its own."""
    every = list(settings())
    seeds = np.random.SeedSequence(seed).spawn(len(every))
    return [(one, coverage(one, np.random.default_rng(s), windows)) for one, s in zip(every, seeds, strict=True)]


def table(found: list[tuple[Setting, Coverage]]) -> str:
    """Mean and worst by number of classes, by smallest support and over all, percent."""
    lines = [f"{'':22}" + "".join(f"{name:>22}" for name in Coverage._fields)]
    groups = [("all 160", found)]
    groups += [(f"{k} classes", [each for each in found if each[0].classes == k]) for k in CLASSES]
    groups += [(f"smallest support {m}", [each for each in found if each[0].smallest == m]) for m in SMALLEST]
    for name, some in groups:
        values = np.array([cover for _, cover in some])
        cells = [
            f"{mean:.1f} (worst {worst:.1f})"
            for mean, worst in zip(*(100 * np.array([values.mean(axis=0), values.min(axis=0)])), strict=True)
        ]
        lines.append(f"{name:22}" + "".join(f"{text:>22}" for text in cells))
    return "\n".join(lines)


def main() -> int:
    """Simulate, print the table; 1 when the mean coverage is not what is promised."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the windows")
    found = simulate(QUICK_WINDOWS if parser.parse_args().quick else WINDOWS)
    print(table(found))
    worst = min(found, key=lambda each: each[1].balanced_accuracy)[0]
    print(f"worst for balanced accuracy: {worst}")
    mean = sum(cover.balanced_accuracy for _, cover in found) / len(found)
    return 0 if WANTED[0] <= mean <= WANTED[1] else 1


if __name__ == "__main__":
    sys.exit(main())
