"""How often do the drift detectors ring when nothing happened, and how soon when something did?

    python -m benchmarks.false_alarms [--quick]

Drives `Series`, with the first 20 windows as reference, over simulated ones; simple rules stand beside it. Shares of
classes fall as rank ** -a (2 classes: 90/10, 10: a = 1.5, 100: a = 1), recalls are uniform in [.7, .95), errors go to
other classes by shares of their own, confidences are beta distributed. Over-dispersed windows have shares from
Dirichlet(1000 shares), a shock of sd .1 to the logit of all recalls, each recall beta distributed around that as 500
labels would be, and a shock of sd .03 to the mean of the confidences. That makes the simplest rule ring about as
often as the design says it does.
"""

import argparse
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, betainc

from streams.formats.columns import CONFIDENCE_SCALE
from streams.ledger.cells import CONFIDENCE_BINS
from streams.quality.counts.counted import BinnedCells, Cells, Counted
from streams.quality.drift.finding import Finding, Kind, Level
from streams.quality.drift.series import Series
from streams.quality.settings import ReferenceKind, ReferenceSpec

SEED = 20_261_121
HOUR_MS = 3_600_000
REFERENCE = 20
WATCHED = 100
WAIT = 30
"""Windows that a detector has to find a change."""

SPEC = ReferenceSpec(ReferenceKind.FIRST, REFERENCE)
GRID = 240
"""Different confidences that there are."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Setting(NamedTuple):
    """`classes` and predictions `n` of a window; what changes after the reference."""

    classes: int
    n: int
    over: bool
    drop: float = 0.0  # of every recall
    drop_of_one: float = 0.0  # of the recall of the class in the middle
    moved: float = 0.0  # of the predictions, away from the largest class

    def named(self) -> str:
        """For people."""
        return f"K={self.classes:<3d} n={self.n:<5d} {'over-dispersed' if self.over else 'iid           '}"


SIZES = ((2, 100), (10, 1_000), (100, 10_000))
SLOPE = {2: np.log2(9), 10: 1.5, 100: 1.0}


class World:
    """One model: what is true of it, and its windows."""

    def __init__(self, setting: Setting, chance: np.random.Generator) -> None:
        k = setting.classes
        share = np.arange(1, k + 1) ** -float(SLOPE[k])
        self.setting, self._chance = setting, chance
        self._share: Floats = share / share.sum()
        self.middle = k // 2
        self._recall = chance.uniform(0.7, 0.95, k)
        self._error = chance.dirichlet(np.ones(k), k)
        np.fill_diagonal(self._error, 0.0)
        self._error /= self._error.sum(axis=1, keepdims=True)
        self._names = tuple(f"c{i:03d}" for i in range(k))

    def window(self, *, changed: bool) -> Counted:
        """The counts of a window."""
        setting, chance, share, recall = self.setting, self._chance, self._share, self._recall
        shock = 0.0
        if setting.over:
            share = chance.dirichlet(1_000 * share)
            recall = 1 / (1 + (1 / recall - 1) * np.exp(-chance.normal(0, 0.1)))
            recall = chance.beta(500 * recall, 500 * (1 - recall))
            shock = chance.normal(0, 0.03)
        if changed:
            recall = recall - setting.drop
            recall[self.middle] -= setting.drop_of_one
        support = chance.multinomial(setting.n, share)
        hits = chance.binomial(support, np.clip(recall, 0, 1))
        matrix = chance.multinomial(support - hits, self._error)
        np.fill_diagonal(matrix, hits)
        true, predicted = np.nonzero(matrix)
        cells = Cells(true, predicted, matrix[true, predicted])
        bins, sums, squares = self._scores(shock)
        nobody = np.zeros(setting.classes, np.int64)
        return Counted(self._names, cells, nobody, scored=bins, confidence_sum=sums, confidence_squares=squares)

    def predictions(self, *, changed: bool) -> Counted:
        """The counts of a window without labels."""
        share, moved = self._share, self.setting.moved if changed else 0.0
        if self.setting.over:
            share = self._chance.dirichlet(1_000 * share)
        share = share + moved / (len(share) - 1)
        share[0] = max(0.0, share[0] - moved * len(share) / (len(share) - 1))
        n = self._chance.multinomial(self.setting.n, share / share.sum())
        return Counted(self._names, Cells.none(), n)

    def _scores(self, shock: float) -> tuple[BinnedCells, Ints, Ints]:
        a = 8 * np.exp(shock)
        edges = np.arange(GRID + 1) / GRID
        n = self._chance.multinomial(self.setting.n, np.diff(betainc(a, 2, edges)))
        score = ((edges[1:] + edges[:-1]) / 2 * CONFIDENCE_SCALE).astype(np.int64)
        by_bin = n.reshape(CONFIDENCE_BINS, -1).sum(axis=1)
        bins = np.flatnonzero(by_bin)
        nobody = np.zeros(len(bins), np.int64)
        sums = np.zeros((CONFIDENCE_BINS, 3), np.int64)
        sums[:, 0] = (n * score).reshape(CONFIDENCE_BINS, -1).sum(axis=1)
        squares = np.array([int((n * score**2).sum()), 0, 0], np.int64)
        return BinnedCells(bins, nobody, nobody, by_bin[bins]), sums, squares


def balanced_accuracy(of: Counted) -> float:
    """Mean recall of the classes with labels."""
    seen = of.support > 0
    return float(np.mean(of.hits[seen] / of.support[seen]))


class SimpleRules:
    """What people write first: a fixed drop, three standard deviations, a test of each class."""

    def __init__(self, reference: list[Counted]) -> None:
        self._normal = float(np.mean([balanced_accuracy(of) for of in reference]))
        self._recent = deque((balanced_accuracy(of) for of in reference), REFERENCE)
        hits, support = (sum(getattr(of, name) for of in reference) for name in ("hits", "support"))
        self._recall = hits / np.maximum(support, 1)

    def rings(self, window: Counted) -> dict[str, bool]:
        """Which of them ring."""
        now, recent = balanced_accuracy(window), np.array(self._recent)
        self._recent.append(now)
        p = bdtr(window.hits, window.support, self._recall)
        return {
            "BA < reference - .05": now < self._normal - 0.05,
            "BA < mean - 3 sd of 20 windows": now < recent.mean() - 3 * recent.std(ddof=1),
            "any class p < .05": bool((p[window.support > 0] < 0.05).any()),
        }


def watched(setting: Setting, windows: int, seed: int) -> Iterator[tuple[int, World, dict[str, bool], list[Finding]]]:
    """Windows behind a reference without change; their number, what simple rules say, what is found."""
    world = World(setting, np.random.default_rng(seed))
    series, first = Series(SPEC), []
    for i in range(REFERENCE):
        first.append(world.window(changed=False))
        series.judge(i * HOUR_MS, (i + 1) * HOUR_MS, first[-1])
    simple = SimpleRules(first)
    for i in range(REFERENCE, REFERENCE + windows):
        window = world.window(changed=True)
        yield i - REFERENCE, world, simple.rings(window), series.judge(i * HOUR_MS, (i + 1) * HOUR_MS, window)


def false_alarms(setting: Setting, models: int) -> dict[str, float]:
    """Rings per 1000 windows in which nothing happened, by rule and kind of drift."""
    count: dict[str, int] = {}
    for model in range(models):
        for _, _, rings, found in watched(setting, WATCHED, SEED + model):
            for rule, rang in rings.items():
                count[rule] = count.get(rule, 0) + rang
            for one in found:
                count[one.kind] = count.get(one.kind, 0) + (one.level == Level.ALARM)
            count["now badge"] = count.get("now badge", 0) + (found[0].level == Level.NOW)
    return {rule: 1_000 * n / models / WATCHED for rule, n in count.items()}


class Detection(NamedTuple):
    """Share of models in which a change was found within `WAIT` windows, and the median number of windows to it."""

    found: float
    after: float
    named: float  # share of those that named the class in the middle

    def said(self) -> str:
        """For people."""
        return f"{100 * self.found:5.1f} % in {self.after:4.1f}"


def detection(setting: Setting, models: int) -> dict[str, Detection]:
    """How soon a change is found, by the detectors of performance and by simple rules."""
    found: dict[str, list[int]] = {}
    named = 0
    for model in range(models):
        seen: set[str] = set()
        for i, world, rings, findings in watched(setting, WAIT, SEED + 10_000 + model):
            performance = findings[0]
            ring = {"(a) OR (b)": performance.level == Level.ALARM, **rings}
            for rule in [rule for rule, rang in ring.items() if rang and rule not in seen]:
                seen.add(rule)
                found.setdefault(rule, []).append(i + 1)
                named += rule == "(a) OR (b)" and performance.subject == f"c{world.middle:03d}"
    ours = len(found.get("(a) OR (b)", ()))
    return {
        rule: Detection(len(after) / models, float(np.median(after)), named / max(1, ours))
        for rule, after in found.items()
    }


def moved_share(setting: Setting, models: int) -> float:
    """Share of windows with moved predictions in which prediction drift is found, each window by itself."""
    hits = n = 0
    for model in range(models):
        world, series = World(setting, np.random.default_rng(SEED + 20_000 + model)), Series(SPEC)
        for i in range(REFERENCE + 5):
            window = world.predictions(changed=i >= REFERENCE)
            found = series.judge(i * HOUR_MS, (i + 1) * HOUR_MS, window)
            if i >= REFERENCE:
                said = next(one for one in found if one.kind == Kind.PREDICTION)
                hits, n = hits + (said.level == Level.ALARM), n + 1
    return hits / n


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="seconds: a few models, numbers that say little")
    quick = parser.parse_args().quick
    models, others = (2, 2) if quick else (100, 40)
    print(f"False alarms per 1000 windows, {models * WATCHED} windows each")
    for over in (False, True):
        for classes, n in SIZES:
            setting = Setting(classes, n, over)
            said = false_alarms(setting, models)
            print(setting.named(), "  ".join(f"{rule}: {x:.1f}" for rule, x in said.items()), flush=True)
    print(f"A drop of .05 in all classes: found within {WAIT} windows, median windows, of {others} models")
    for over in (False, True):
        for classes, n in SIZES:
            setting = Setting(classes, n, over, drop=0.05)
            rules = detection(setting, others)
            print(setting.named(), "  ".join(f"{rule}: {x.said()}" for rule, x in rules.items()), flush=True)
    print(f"A drop of .40 in one class of 100: the same, of {others} models")
    for over in (False, True):
        setting = Setting(100, 10_000, over, drop_of_one=0.4)
        rules = detection(setting, others)
        named = f"named: {100 * rules['(a) OR (b)'].named:.0f} %" if "(a) OR (b)" in rules else ""
        print(setting.named(), "  ".join(f"{rule}: {x.said()}" for rule, x in rules.items()), named, flush=True)
    print(f"Total variation .15 in the predictions: per cent of windows found, of {5 * others}")
    for over in (False, True):
        for classes, n in SIZES:
            setting = Setting(classes, n, over, moved=0.15)
            print(setting.named(), f"{100 * moved_share(setting, others):.1f}", flush=True)


if __name__ == "__main__":
    main()
