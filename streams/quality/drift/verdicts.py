"""What a comparison means: quiet or alarm, and the numbers of the row that say why.

A test alarms when chance explains it badly (p < .001), the change is large enough to matter, and there is enough to
compare. Where one kind looks at two statistics its p is twice the smaller (Bonferroni), so that looking twice does
not ring twice as often.
"""

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

import numpy as np
from scipy.special import betainc, gammaincc, ndtr

from streams.quality.drift.chisquare import Comparison, distances, tail
from streams.quality.drift.comparisons import LabelComparison, PredictionComparison, ScoreComparison
from streams.quality.drift.finding import Level, Why
from streams.quality.drift.performance import Matched
from streams.quality.drift.spread import ENOUGH, Spread
from streams.quality.drift.tally import Ints
from streams.quality.measures.multiple import benjamini_hochberg

P_ALARM = 0.001
SHARES_BOUND = 0.03
"""Debiased total variation from which on a change of shares matters."""

RECALL_BOUND = 0.02
"""Drop of mean recall from which on it matters."""

MEAN_BOUND = 0.02
"""Difference of mean confidence from which on it matters."""

LEAST_N = 50
"""What a window needs to be judged by its shares: predictions, labels, errors."""

LEAST_ROW = 20
"""Errors that a true class needs on both sides to be looked at by itself."""

SWING_WINDOWS = 20


class Verdict(NamedTuple):
    """What is said of a window before incidents; `level` is None where nothing could be judged."""

    n: int
    level: Level | None
    said: dict[str, object]
    why: dict[str, Why]
    otherwise: Why
    subject: str | None = None


def unjudged(n: int, why: Why, said: dict[str, object] | None = None) -> Verdict:
    """Nothing can be said, for one reason."""
    return Verdict(n, None, said or {}, {}, why)


def _level(*, alarm: bool) -> Level:
    return Level.ALARM if alarm else Level.QUIET


def _of_spread(spread: Spread) -> tuple[dict[str, object], dict[str, Why]]:
    return {"overdispersion": spread.overdispersion}, {} if spread.known else {"overdispersion": Why.FEW_WINDOWS}


def _shown(window: Ints, reference: Ints) -> dict[str, object]:
    found = distances(window, reference)
    return {} if found is None else {"psi": found.psi, "js": found.js, "kl": found.kl}


def _p(of: Comparison, spread: Spread) -> float:
    return float(tail(of, spread.overdispersion, spread.spread)[0])


def _why_not(window: Ints, reference: Ints, empty: Why) -> Why:
    """Why two samples by class cannot be compared."""
    if not window.sum() or not reference.sum():
        return empty
    return Why.ONE_CLASS if np.count_nonzero(window + reference) < 2 else Why.FEW


def _chi(comparison: Comparison, spread: Spread, p: float) -> tuple[dict[str, object], dict[str, Why]]:
    said, why = _of_spread(spread)
    said |= {
        "statistic": float(comparison.statistic[0]),
        "expected": float(comparison.mean[0]),
        "p_value": p,
        "effect": max(0.0, float(comparison.change[0])),
        "effect_bound": SHARES_BOUND,
    }
    return said, why


def of_shares(window: Ints, reference: Ints, comparison: Comparison | None, spread: Spread, empty: Why) -> Verdict:
    """Whether the shares of classes changed."""
    n = int(window.sum())
    if comparison is None:
        return unjudged(n, _why_not(window, reference, empty), {"effect_bound": SHARES_BOUND})
    p = _p(comparison, spread)
    said, why = _chi(comparison, spread, p)
    alarm = p < P_ALARM and float(comparison.change[0]) >= SHARES_BOUND and n >= LEAST_N
    return Verdict(n, _level(alarm=alarm), said | _shown(window, reference), why, empty)


def of_predictions(compared: PredictionComparison, spread: Spread) -> Verdict:
    """Whether other classes are predicted."""
    return of_shares(compared.window, compared.reference, compared.shares, spread, Why.NO_PREDICTIONS)


def of_labels(compared: LabelComparison, spread: Spread) -> Verdict:
    """Whether other classes are true."""
    here, there = compared.window.support, compared.reference.support
    return of_shares(here, there, compared.shares, spread, Why.NOTHING_LABELLED)


def of_scores(compared: ScoreComparison, bins: Spread, mean: Spread) -> Verdict:
    """Whether scores changed: their mean (two-sided) or their distribution over quantiles of the reference."""
    window, n = compared.window, int(compared.window.sum())
    if compared.bins is None and compared.mean is None:
        why_not = _why_not(window, compared.reference, Why.NO_SCORES)
        return unjudged(n, why_not, {"effect_bound": SHARES_BOUND})
    said: dict[str, object] = _shown(window, compared.reference)
    why: dict[str, Why] = {}
    p_bins = p_mean = None
    if compared.bins is not None:
        p_bins = _p(compared.bins, bins)
        chi, why = _chi(compared.bins, bins, p_bins)
        said |= chi
    if compared.mean is not None:
        p_mean = 2 * float(ndtr(-abs(compared.mean.z) / sqrt(mean.overdispersion)))
    tested = [p for p in (p_bins, p_mean) if p is not None]
    p = said["p_value"] = min(1.0, len(tested) * min(tested))
    by_mean = p_mean is not None and (p_bins is None or p_mean < p_bins)
    if by_mean and compared.mean is not None:
        of_spread, why = _of_spread(mean)
        said |= of_spread | {"statistic": compared.mean.z**2, "expected": 1.0}
        said |= {"effect": abs(compared.mean.difference), "effect_bound": MEAN_BOUND}
        large = abs(compared.mean.difference) >= MEAN_BOUND
    else:
        large = compared.bins is not None and float(compared.bins.change[0]) >= SHARES_BOUND
    alarm = p < P_ALARM and large and n >= LEAST_N
    return Verdict(n, _level(alarm=alarm), said, why, Why.ONE_CLASS, "mean" if by_mean else "distribution")


def of_errors(compared: LabelComparison, spread: Spread, names: Sequence[str]) -> Verdict:
    """Whether the errors of true classes go to other classes: all rows together, and each by itself.

    The p of the rows is the smallest of Benjamini and Hochberg's, which is a p of their being all unchanged (Simes).
    """
    wrong = int(compared.window.support.sum() - compared.window.hits.sum())
    rows = compared.rows
    if rows is None:
        return unjudged(wrong, Why.NO_ERRORS if not wrong else Why.FEW, {"effect_bound": SHARES_BOUND})
    each = tail(rows.each, spread.overdispersion, spread.spread)
    together = _p(rows.together, spread)
    enough = np.flatnonzero((rows.each.n >= LEAST_ROW) & (rows.each.m >= LEAST_ROW))
    n = int(rows.together.n[0])
    p, change, worst = together, float(rows.together.change[0]), int(each.argmin())
    if len(enough):
        adjusted = benjamini_hochberg(each[enough].tolist())
        best = int(np.argmin(adjusted))
        if adjusted[best] < together:
            p, worst = adjusted[best], int(enough[np.argmin(each[enough])])
            change = float(rows.each.change[worst])
        p = min(1.0, 2 * p)
    said, why = _chi(rows.together, spread, p)
    said["effect"] = max(0.0, change)
    alarm = p < P_ALARM and change >= SHARES_BOUND and n >= LEAST_N
    return Verdict(n, _level(alarm=alarm), said, why, Why.FEW, names[int(rows.true[worst])])


class Swings(NamedTuple):
    """How matched drops of some windows vary: against sampling alone, and what is left as a standard deviation."""

    q: float  # Cochran's Q
    windows: int
    beyond: float  # standard deviation beyond sampling (DerSimonian and Laird 1986)


def swings_of(drops: Sequence[tuple[float, float]]) -> Swings:
    """The swings of (drop, variance by sampling), each variance above 0, at least two of them."""
    drop, variance = np.array(drops).T
    weight = 1 / variance
    total = float(weight.sum())
    q = float((weight * (drop - float((weight * drop).sum()) / total) ** 2).sum())
    spare = total - float((weight**2).sum()) / total
    return Swings(q, len(drops), sqrt(max(0.0, (q - (len(drops) - 1)) / spare)))


def of_swings(n: int, drops: Sequence[tuple[float, float]], spread: Spread) -> Verdict:
    """Whether balanced accuracy swings more over the last windows than over the windows of the reference.

    Against sampling alone by chi-square; where the reference windows vary more than that by themselves, against them
    by F, since they are no more windows than these.
    """
    if len(drops) < SWING_WINDOWS:
        return unjudged(n, Why.FEW_WINDOWS, {"effect_bound": RECALL_BOUND})
    found = swings_of(drops)
    free, usual = found.windows - 1, spread.overdispersion
    p = float(gammaincc(free / 2, found.q / 2))
    if usual > 1:
        p = float(betainc(ENOUGH / 2, free / 2, ENOUGH / (ENOUGH + found.q / usual)))
    said: dict[str, object] = {
        "statistic": found.q,
        "expected": free * usual,
        "overdispersion": found.q / free,
        "p_value": p,
        "effect": found.beyond,
        "effect_bound": RECALL_BOUND,
    }
    return Verdict(n, _level(alarm=p < P_ALARM and found.beyond >= RECALL_BOUND), said, {}, Why.FEW_WINDOWS)


def one_sided_p(drop: Matched, spread: Spread) -> float:
    """The chance of a drop at least as large when nothing dropped."""
    return float(ndtr(-drop.normal_z / sqrt(spread.overdispersion)))


def of_skew(parts: Sequence[tuple[str, Verdict]]) -> Verdict:
    """Whether production differs from training in any part of what is known of it; at least one part.

    The part with the smallest p speaks, with its p times the number of parts.
    """
    judged = [(name, part) for name, part in parts if part.level is not None]
    if not judged:
        return parts[0][1]
    name, part = min(judged, key=_p_of)
    said = dict(part.said)
    p = said["p_value"] = min(1.0, len(judged) * _p_of((name, part)))
    alarm = part.level is not Level.QUIET and p < P_ALARM
    return Verdict(part.n, _level(alarm=alarm), said, part.why, part.otherwise, name)


def _p_of(part: tuple[str, Verdict]) -> float:
    p = part[1].said["p_value"]
    return p if isinstance(p, float) else 1.0
