"""How do two versions of a classifier differ in balanced accuracy, how sure is that, and what follows from it?

    d   = mean over classes of (recall of the candidate - recall of the baseline), nothing adjusted
    vF  = variance under "no difference": recalls pooled over both arms, an event of each kind added to each class
    vP  = variance of the two recalls as they are, each with an event of each kind added
    U   = d + crit(vF) sqrt(vF)        L = d - crit(vP) sqrt(vP)

`fail` when U < 0 and d <= -margin: significantly worse, and materially so; or when one class is, by its own interval
(alpha / K) and its own margin: a veto, since a mean can hide a class. `pass` when L > -margin: not inferior. Anything
else, and too few events of any class, is `inconclusive`.

Where both versions scored the same events the arms are pairs. With c and b events that only one of them got right,
`d = (c - b) / n` and `Var = (c + b - (c - b)^2 / n) / n^2`; half an event is added to each of the four cells (Agresti
and Min 2005), so that no variance is 0. Under "no difference" the square is left out (McNemar).

Nothing here knows versions, windows or rules.
"""

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.alerts.gate.sequential import Plan, critical
from streams.alerts.gate.verdict import ClassDifference, Comparison, GateVerdict

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Arms(NamedTuple):
    """Labelled events (n) and those of them that were right (hits) by true class, each of shape (K,)."""

    classes: Sequence[str]
    n: Ints
    hits: Ints
    n_base: Ints
    hits_base: Ints


class Paired(NamedTuple):
    """Labelled events that both versions scored, by true class and who was right, each of shape (K,)."""

    both: Ints
    candidate_only: Ints
    baseline_only: Ints
    neither: Ints

    def arms(self, classes: Sequence[str]) -> Arms:
        """The arms that these pairs make."""
        n = self.both + self.candidate_only + self.baseline_only + self.neither
        return Arms(classes, n, self.both + self.candidate_only, n, self.both + self.baseline_only)


class Terms(NamedTuple):
    """What is asked of the candidate; shares within [0, 1]."""

    margin: float = 0.02
    class_margin: float = 0.05
    alpha: float = 0.05  # below 0.5
    min_support: int = 30  # events of each class in each arm, at least 1
    plan: Plan = Plan("always_valid", 0)
    look: int = 1  # which of the planned looks this is, from 1


def compare(arms: Arms, terms: Terms, paired: Paired | None = None, deff: float = 1.0) -> Comparison:
    """Compare two arms; `arms` are those of `paired` where there is one.

    `deff` (at least 1) is the design effect: how many times the variance of a difference is that of independent
    events. Without any class the answer is inconclusive.
    """
    floor = max(1, terms.min_support)
    known, known_base = arms.n >= floor, arms.n_base >= floor
    enough = known & known_base
    n, n_base = np.maximum(arms.n, 1), np.maximum(arms.n_base, 1)  # the others are not used
    recall, recall_base = arms.hits / n, arms.hits_base / n_base
    delta = recall - recall_base
    null, actual = _variances(arms, n, n_base) if paired is None else _paired_variances(paired)
    null, actual = null * deff, actual * deff
    k = len(arms.classes)
    classes = []
    for c, name in enumerate(arms.classes):
        if not enough[c]:
            classes.append(ClassDifference(name, int(arms.n[c]), int(arms.n_base[c]), None, None, veto=False))
            continue
        upper = float(delta[c]) + _reach(float(null[c]), terms, terms.alpha / k)
        veto = upper < 0 and float(delta[c]) <= -terms.class_margin
        classes.append(ClassDifference(name, int(arms.n[c]), int(arms.n_base[c]), float(delta[c]), upper, veto))
    too_few = tuple(c for c, is_enough in zip(classes, enough.tolist(), strict=True) if not is_enough)
    candidate = float(recall.mean()) if k and known.all() else None
    baseline = float(recall_base.mean()) if k and known_base.all() else None
    if candidate is None or baseline is None:
        return Comparison(
            GateVerdict.INCONCLUSIVE, candidate, baseline, None, None, None, tuple(classes), too_few
        )  # fmt: skip
    d = float(delta.mean())
    upper = d + _reach(float(null.sum()) / k**2, terms, terms.alpha)
    lower = d - _reach(float(actual.sum()) / k**2, terms, terms.alpha)
    verdict = GateVerdict.INCONCLUSIVE
    if (upper < 0 and d <= -terms.margin) or any(c.veto for c in classes):
        verdict = GateVerdict.FAIL
    elif lower > -terms.margin:
        verdict = GateVerdict.PASS
    return Comparison(verdict, candidate, baseline, d, lower, upper, tuple(classes), too_few)


def _reach(variance: float, terms: Terms, alpha: float) -> float:
    """How far a bound lies from the estimate."""
    return critical(terms.plan, terms.look, variance, alpha) * sqrt(variance)


def _variances(arms: Arms, n: Ints, n_base: Ints) -> tuple[Floats, Floats]:
    """The variance of each class's difference between independent arms: under no difference, and as it is."""
    q = (arms.hits + arms.hits_base + 1) / (arms.n + arms.n_base + 2)
    own, base = (arms.hits + 1) / (arms.n + 2), (arms.hits_base + 1) / (arms.n_base + 2)
    return q * (1 - q) * (1 / n + 1 / n_base), own * (1 - own) / n + base * (1 - base) / n_base


def _paired_variances(paired: Paired) -> tuple[Floats, Floats]:
    """The same of pairs."""
    only, only_base = paired.candidate_only + 0.5, paired.baseline_only + 0.5
    n = paired.both + paired.neither + only + only_base + 1.0
    return (only + only_base) / n**2, (only + only_base - (only - only_base) ** 2 / n) / n**2
