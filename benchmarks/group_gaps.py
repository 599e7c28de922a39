"""How often is a gap between groups flagged where there is none, and how often is a real one found?

    python -m benchmarks.group_gaps [--quick]

Drives `compare_groups` over simulated windows: groups of equal sizes or of sizes that fall as 1 / rank, classes whose
shares fall by exp(-0.5), labels Poisson, hits binomial with the same recall everywhere, but for the drop of the first
group. Beside it stands a normal test of the same difference, as the alternative that was not taken.
"""

import argparse
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from streams.quality.counts.counted import Counted, counted
from streams.quality.measures.groups import SIGNIFICANT_Q, GroupMeasures, compare_groups
from streams.quality.measures.multiple import benjamini_hochberg
from streams.quality.settings import GroupsSpec

SEED = 20_261_121
SPEC = GroupsSpec(protected=("group",))
GROUPS, CLASSES, LABELS, RECALLS, SKEWS = (2, 5, 20, 100), (2, 10), (50, 500), (0.6, 0.95, 0.99), (0, 1)
POWER = ((2, 3, 500), (5, 3, 500), (20, 3, 500), (100, 3, 500), (20, 3, 2_000), (100, 10, 2_000))

Ints = NDArray[np.int64]


class Setting(NamedTuple):
    """`labels` a group on average, in all classes; `drop` of the first group's recalls."""

    groups: int
    classes: int
    labels: int
    recall: float
    skew: int
    drop: float = 0.0


class Shares(NamedTuple):
    """Shares of windows, in per cent: flagged, by a normal test, parity intervals above 0, the first group worst."""

    gap: float
    normal: float
    opportunity: float
    parity: float
    first_is_worst: float


def windows(setting: Setting, count: int, chance: np.random.Generator) -> Iterator[tuple[Ints, Ints]]:
    """(support, hits), each (groups, classes), of some windows."""
    groups, classes = setting.groups, setting.classes
    size = 1.0 / np.arange(1, groups + 1) ** setting.skew
    share = np.exp(-0.5 * np.arange(classes))
    mean = setting.labels * groups * np.outer(size / size.sum(), share / share.sum())
    recall = np.full((groups, classes), setting.recall)
    recall[0] -= setting.drop
    for _ in range(count):
        support = chance.poisson(mean)
        yield support, chance.binomial(support, recall)


def compared(support: Ints, hits: Ints) -> GroupMeasures:
    """The measures of a window; misses go to the next class."""
    k = np.arange(support.shape[1])
    tables = np.zeros((len(support), len(k), len(k)), np.int64)
    tables[:, k, k] = hits
    tables[:, k, (k + 1) % len(k)] += support - hits
    groups: list[tuple[str, Counted]] = [(f"g{i:03d}", counted(table)) for i, table in enumerate(tables)]
    return compare_groups("group", groups, counted(tables.sum(axis=0)), 0, SPEC)


def normal_flags(support: Ints, hits: Ints) -> bool:
    """Whether a normal test of the same differences would flag the window."""
    rest, rest_hits = support.sum(axis=0) - support, hits.sum(axis=0) - hits
    taken = (support >= 5) & (rest >= 5)
    k = np.maximum(taken.sum(axis=1), 1)
    n, m = np.maximum(support, 1), np.maximum(rest, 1)
    q = (hits + rest_hits + 0.5) / (support + rest + 1)
    difference = np.where(taken, rest_hits / m - hits / n, 0).sum(axis=1) / k
    variance = np.where(taken, q * (1 - q) * (1 / n + 1 / m), 0).sum(axis=1) / k**2
    some = taken.any(axis=1)
    p = 2 * ndtr(-np.abs(difference[some]) / np.sqrt(variance[some]))
    return some.sum() > 1 and min(benjamini_hochberg(p.tolist())) <= SIGNIFICANT_Q


def shares(setting: Setting, count: int, seed: int) -> Shares:
    """What is said of `count` windows of a setting."""
    flags = []
    for support, hits in windows(setting, count, np.random.default_rng(seed)):
        said = compared(support, hits)
        flags.append(
            (
                bool(said.gap_significant),
                normal_flags(support, hits),
                (said.equal_opportunity_lower or 0) > 0,
                (said.demographic_parity_lower or 0) > 0,
                said.worst_by_balanced_accuracy == "g000",
            )
        )
    return Shares(*(100 * np.mean(flags, axis=0)).tolist())


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the windows")
    count = 100 if parser.parse_args().quick else 1_000
    print("No difference between groups: per cent of windows flagged, mean of 24 settings (worst)")
    print("groups  windows   gap            normal test    opportunity    parity")
    for groups in GROUPS:
        each = count if groups < 100 else count * 3 // 10
        found = [
            shares(Setting(groups, *rest), each, SEED + i)
            for i, rest in enumerate(product(CLASSES, LABELS, RECALLS, SKEWS))
        ]
        columns = list(zip(*found, strict=True))[:4]
        cells = [f"{np.mean(column):5.2f} ({max(column):5.2f})" for column in columns]
        print(f"{groups:6d}  {each:7d}  {'  '.join(cells)}", flush=True)
    print("One group 10 points worse than .85: per cent of windows with a significant gap, and with that group worst")
    for i, (groups, classes, labels) in enumerate(POWER):
        said = shares(Setting(groups, classes, labels, 0.85, 0, 0.1), count // 5, SEED + 100 + i)
        setting = f"{groups:4d} groups, {classes:2d} classes, {labels:4d} labels a group"
        print(f"{setting}: {said.gap:5.1f} {said.first_is_worst:5.1f}", flush=True)


if __name__ == "__main__":
    main()
