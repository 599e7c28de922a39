"""One evaluation of a gate: what two versions share, compared on the terms of the rule, with its reason.

Nothing is remembered here; when to look and what a verdict is worth later is `gate/arms.py`.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from streams.alerts.evidence.series import Hours
from streams.alerts.gate import reasons
from streams.alerts.gate.body import Evaluation, GateResult, gate_body
from streams.alerts.gate.comparison import Paired, Terms, compare
from streams.alerts.gate.overlap import Overlap, overlap
from streams.alerts.gate.sequential import parse_test
from streams.alerts.gate.verdict import Comparison, GateVerdict
from streams.alerts.rules.model import Canary

Pairs = Mapping[str, tuple[int, int, int, int]]
"""By true class: events that both versions got right, only the candidate, only the baseline, neither."""


def terms_of(canary: Canary) -> Terms:
    """What a rule asks of the candidate. Raises ValueError for a test that does not exist."""
    plan = parse_test(canary.test)
    return Terms(canary.margin, canary.class_margin, canary.alpha, canary.min_support, plan)


def evaluate(
    canary: Canary,
    versions: tuple[str, str],
    shared: Overlap,
    terms: Terms,
    t: int,
    usual: float | None,
    pairs: Pairs | None,
    waits: str,
) -> Evaluation:
    """One evaluation of what two versions share; `waits` says why nothing is decided yet, "" when it may be."""
    is_shadow = canary.design == "shadow"
    paired = _paired(shared.classes, pairs) if is_shadow and pairs is not None else None
    arms = shared.arms if paired is None else paired.arms(shared.classes)
    result = compare(arms, terms, paired, shared.deff)
    why = reasons.reason(result, terms)
    if is_shadow and paired is None and result.delta is not None:
        why += reasons.ASSUMED_INDEPENDENT
    shares = [arm.completeness for arm in (shared.candidate, shared.baseline)]
    completeness = None if shares[0] is None or shares[1] is None else min(shares[0], shares[1])
    if shared.start is None:
        why = reasons.NOTHING_SHARED
    elif waits:
        result, why = _withheld(result), waits
    elif result.delta is not None:
        missing = reasons.incomplete(shared.candidate, shared.baseline, usual, canary.ready)
        if missing is not None:
            result, why = result._replace(verdict=GateVerdict.INCONCLUSIVE), missing
    end = None if shared.end is None else min(shared.end, t)
    return Evaluation(*versions, t, shared.start, end, completeness, result, why)


def judge_history(
    canary: Canary,
    versions: tuple[str, str],
    own: tuple[Sequence[str], Hours],
    base: tuple[Sequence[str], Hours],
    block_ms: int,
) -> GateResult:
    """The verdict on a history that is over, given as (classes, counts by blocks of so many ms) of both versions.

    It is looked at once, at its end: a planned test takes its last look.
    """
    shared = overlap(own, base, block_ms, None, canary.cls)
    terms = terms_of(canary)
    terms = terms._replace(look=max(1, terms.plan.looks))
    t = max((int(hours.start[-1]) + block_ms for _, hours in (own, base) if len(hours.start)), default=0)
    found = evaluate(canary, versions, shared, terms, t, None, None, "")
    return GateResult(found.comparison.verdict, gate_body(canary, found), t, t, is_new=True)


def _paired(classes: tuple[str, ...], pairs: Pairs) -> Paired:
    table = np.array([pairs.get(name, (0, 0, 0, 0)) for name in classes], np.int64).reshape(-1, 4)
    return Paired(table[:, 0], table[:, 1], table[:, 2], table[:, 3])


def _withheld(result: Comparison) -> Comparison:
    """What may be shown before a planned look: the counts and recalls, and nothing that a test says."""
    classes = tuple(c._replace(veto=False) for c in result.classes)
    return result._replace(verdict=GateVerdict.INCONCLUSIVE, lower=None, upper=None, classes=classes)
