"""How often does a gate that is looked at after every step mislead, and how soon does it decide?

    python -m benchmarks.gate_peeking [--quick]

Two versions, a class's events split between them; after each of 300 steps the gate is asked. A wrong pass is one where
the candidate is worse by exactly the margin, a wrong fail one where it is as good. "uneven": recalls from .70 to .99,
the rarest class a tenth of the most frequent, nine of ten events to the baseline. "near 1": recalls of .985, where
misses are rare and normal limits slow to come. "pairs": both versions score each event, and agree far more often than
chance would have it. What is simulated in one go is computed in one go; a sample of it is compared with `compare`.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.alerts.gate.comparison import Arms, Paired, Terms, compare
from streams.alerts.gate.sequential import TAU, parse_test, spending_bounds
from streams.alerts.gate.verdict import GateVerdict

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

SEED = 20_261_121
STEPS = 300
LOOKS = 25
RUNS = 10_000
AT_ONCE = 250
SPOT_CHECKS = 40
MARGIN, CLASS_MARGIN, ALPHA, FLOOR = 0.02, 0.05, 0.05, 30


@dataclass(frozen=True)
class Setting:
    """One kind of traffic: recalls of the baseline, and events of each class and step in both arms, or in pairs."""

    name: str
    recall: Floats
    n: Ints
    n_base: Ints
    paired: bool = False

    @property
    def classes(self) -> int:
        """How many."""
        return len(self.recall)


def settings() -> list[Setting]:
    """Every kind that is simulated."""
    found = []
    for k in (2, 10):
        ten, nine = np.full(k, 10), np.full(k, 0.9)
        sizes = np.linspace(2, 20, k).astype(np.int64)
        found += [
            Setting("even", nine, ten, ten),
            Setting("uneven", np.linspace(0.70, 0.99, k)[::-1].copy(), sizes, sizes * 9),
            Setting("near 1", np.full(k, 0.985), ten, ten),
            Setting("pairs", nine, ten, ten, paired=True),
        ]
    return found


class Counts(NamedTuple):
    """Cumulated counts of shape (runs, steps, K); of pairs: both right, only the candidate, only the baseline."""

    n: Ints
    hits: Ints
    n_base: Ints
    hits_base: Ints
    only: Ints | None = None
    only_base: Ints | None = None


class Bounds(NamedTuple):
    """What the gate computes at each look, of shape (runs, steps); `worse` says that a class has a veto."""

    delta: Floats
    lower_se: Floats  # standard errors of the bounds for pass and fail
    upper_se: Floats
    class_delta: Floats  # (runs, steps, K)
    class_se: Floats
    looked: Flags  # enough events of each class


def drawn(setting: Setting, drop: Floats, runs: int, rng: np.random.Generator) -> Counts:
    """Runs of a candidate whose recalls are lower by `drop`."""
    shape = (runs, STEPS, setting.classes)
    steps = np.arange(1, STEPS + 1)[None, :, None]
    n, n_base = (np.broadcast_to(steps * each, shape) for each in (setting.n, setting.n_base))
    if not setting.paired:
        hits = rng.binomial(setting.n, setting.recall - drop, shape).cumsum(axis=1)
        return Counts(n, hits, n_base, rng.binomial(setting.n_base, setting.recall, shape).cumsum(axis=1))
    gained = np.full(setting.classes, 0.02)  # of a hundred events two that only the candidate gets right
    lost = gained + drop
    both = setting.recall - lost
    cells = rng.multinomial(setting.n, np.stack([both, gained, lost, 1 - both - gained - lost], axis=-1), shape)
    both_right, only, only_base = (cells[..., c].cumsum(axis=1) for c in range(3))
    return Counts(n, both_right + only, n, both_right + only_base, only, only_base)


def bounds(counts: Counts) -> Bounds:
    """`compare` up to its critical values, over whole arrays."""
    n, hits, n_base, hits_base, only, only_base = counts
    k = n.shape[2]
    delta = hits / n - hits_base / n_base
    if only is None or only_base is None:
        q = (hits + hits_base + 1) / (n + n_base + 2)
        own, base = (hits + 1) / (n + 2), (hits_base + 1) / (n_base + 2)
        null = q * (1 - q) * (1 / n + 1 / n_base)
        actual = own * (1 - own) / n + base * (1 - base) / n_base
    else:
        a, b, m = only + 0.5, only_base + 0.5, n + 2.0
        null, actual = (a + b) / m**2, (a + b - (a - b) ** 2 / m) / m**2
    looked: Flags = np.all((n >= FLOOR) & (n_base >= FLOOR), axis=2)
    se = [np.sqrt(v.sum(axis=2)) / k for v in (actual, null)]
    return Bounds(delta.mean(axis=2), se[0], se[1], delta, np.sqrt(null), looked)


def mixture(se: Floats, alpha: float) -> Floats:
    """`mixture_bound` over whole arrays."""
    ratio = (se / TAU) ** 2
    found: Floats = np.sqrt((1 + ratio) * np.log((1 + 1 / ratio) / (2 * alpha) ** 2))
    return found


def says(b: Bounds, test: str) -> tuple[Flags, Flags]:
    """At which looks a test passes and fails, of shape (runs, steps)."""
    k = b.class_delta.shape[2]
    looked = b.looked
    crit: tuple[Floats, Floats, Floats]
    if test == "always_valid":
        crit = mixture(b.lower_se, ALPHA), mixture(b.upper_se, ALPHA), mixture(b.class_se, ALPHA / k)
    else:
        looks = 1 if test == "fixed" else LOOKS
        at = np.arange(STEPS) * looks // STEPS
        shared, own = (np.array(spending_bounds(looks, alpha))[at][None, :] for alpha in (ALPHA, ALPHA / k))
        crit = shared, shared, own[..., None]
        if looks > 1:
            looked = looked & ((np.arange(1, STEPS + 1) * looks % STEPS) == 0)[None, :]
    veto = ((b.class_delta + crit[2] * b.class_se < 0) & (b.class_delta <= -CLASS_MARGIN)).any(axis=2)
    fail = looked & (((b.delta + crit[1] * b.upper_se < 0) & (b.delta <= -MARGIN)) | veto)
    return looked & ~fail & (b.delta - crit[0] * b.lower_se > -MARGIN), fail


def check(counts: Counts, verdicts: tuple[Flags, Flags], paired: bool, rng: np.random.Generator) -> None:
    """Some cells anew by `compare`; what differs ends the run."""
    names = [str(c) for c in range(counts.n.shape[2])]
    for _ in range(SPOT_CHECKS):
        i, j = int(rng.integers(counts.n.shape[0])), int(rng.integers(STEPS))
        n, hits, n_base, hits_base = (column[i, j] for column in counts[:4])
        pairs = None
        if counts.only is not None and counts.only_base is not None:
            only, only_base = counts.only[i, j], counts.only_base[i, j]
            pairs = Paired(hits - only, only, only_base, n - hits - only_base)
        arms = Arms(names, n, hits, n_base, hits_base) if pairs is None else pairs.arms(names)
        terms = Terms(MARGIN, CLASS_MARGIN, ALPHA, FLOOR, parse_test("always_valid"))
        said = compare(arms, terms, pairs).verdict
        expected = GateVerdict.PASS if verdicts[0][i, j] else GateVerdict.FAIL if verdicts[1][i, j] else None
        if said is not (expected or GateVerdict.INCONCLUSIVE):
            raise SystemExit(f"compare says {said} and the simulation {expected}: paired={paired}, run {i}, step {j}")


def simulated(setting: Setting, drop: Floats, runs: int) -> Iterator[tuple[Counts, Bounds]]:
    """Runs in parts, from one seed."""
    rng = np.random.default_rng([SEED, setting.classes, int(1e6 * drop.sum()), len(setting.name)])
    for begin in range(0, runs, AT_ONCE):
        counts = drawn(setting, drop, min(AT_ONCE, runs - begin), rng)
        found = bounds(counts)
        check(counts, says(found, "always_valid"), setting.paired, rng)
        yield counts, found


def errors(setting: Setting, runs: int) -> dict[str, tuple[float, float]]:
    """How often each test ever says a wrong pass, and a wrong fail, when asked at each of its looks."""
    found = {}
    tests = ("always_valid", f"obf:{LOOKS}", "fixed")
    wrong = {test: [0, 0] for test in tests}
    for which, worse in enumerate((MARGIN, 0.0)):
        for _, b in simulated(setting, np.full(setting.classes, worse), runs):
            for test in tests:
                wrong[test][which] += int(says(b, test)[which].any(axis=1).sum())
    for test, (passes, fails) in wrong.items():
        found[test] = passes / runs, fails / runs
    return found


def power(setting: Setting, drop: Floats, runs: int, which: int) -> tuple[float, float | None]:
    """The share of runs that pass (0) or fail (1), and the median step at which they do, None below a half."""
    firsts = []
    for _, b in simulated(setting, drop, runs):
        said = says(b, "always_valid")[which]
        firsts.append(np.where(said.any(axis=1), said.argmax(axis=1) + 1.0, np.inf))
    first = np.concatenate(firsts)
    median = float(np.median(first))
    return float(np.isfinite(first).mean()), median if np.isfinite(median) else None


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="seconds: few runs, numbers that say little")
    runs = 250 if parser.parse_args().quick else RUNS
    print(f"Wrong verdicts in {STEPS} looks ({LOOKS} of obf), of {runs} runs each; alpha {ALPHA}, margin {MARGIN}\n")
    print("| classes | traffic | always_valid: pass, fail | obf: pass, fail | fixed, looked at as often: pass, fail |")
    print("| --- | --- | --- | --- | --- |")
    for setting in settings():
        said = errors(setting, runs)
        cells = " | ".join(f"{passes:.4f}, {fails:.4f}" for passes, fails in said.values())
        print(f"| {setting.classes} | {setting.name} | {cells} |", flush=True)
    print("\nPower of always_valid: share decided, events of a class in the candidate's arm at the median\n")
    print(
        "| classes | traffic | as good: pass | all .05 worse: fail | all .10 worse: fail | one class .20 worse: fail |"
    )
    print("| --- | --- | --- | --- | --- | --- |")
    for setting in settings():
        if setting.name not in {"even", "pairs"}:
            continue
        k = setting.classes
        one = np.zeros(k)
        one[0] = 0.2
        shares = []
        for drop, which in ((np.zeros(k), 0), (np.full(k, 0.05), 1), (np.full(k, 0.1), 1), (one, 1)):
            share, median = power(setting, drop, runs // 5, which)
            shares.append(f"{share:.3f}, {'-' if median is None else f'{median * int(setting.n[0]):.0f}'}")
        print(f"| {k} | {setting.name} | {' | '.join(shares)} |", flush=True)


if __name__ == "__main__":
    main()
