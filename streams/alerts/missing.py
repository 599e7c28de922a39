"""Is data missing? Labels below what is usual, or no predictions where there always are some.

Two questions, kept apart. *Can a window be judged?* (`is_ready`) asks for labels only: a window without predictions
lacks none, the rule that looks at it has nothing to say, and the night is no alarm. *Is something broken?*
(`judge_missing`) is an alert of its own, about labels and about silence. It never resolves another one.

Labels are complete relative to what is usual for the version when its steps settle, in the same hours of the days
before (`evidence/usual.py`): a topic that only ever gets 60 % of its labels is complete at 60 %, and one that gets
them by the next morning is complete in the evening with few. Both questions are answered by one rule: labels are
missing where there are fewer than `ready` times the usual share of them, and fewer than chance explains on the worst
day that is still like the others. Without history nothing is usual yet, and what there is counts.
`watching/lacks.py` sees to it that a break does not come to be usual at once.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from streams.alerts.evidence.series import Completeness
from streams.alerts.rules.model import DAY, HOUR, NoData
from streams.alerts.verdict import Evidence, Judgement, Policy, Verdict

ALPHA = 1e-3
"""Fewer labels than usual are a lack only where chance explains them worse than this, even on the worst usual day."""

USUAL_SHARE = 0.9
"""Silence is unusual where so large a share of equally long stretches had predictions."""

LOOK_BACK = 7 * DAY
LEAST_HISTORY = DAY

Ints = NDArray[np.int64]


class Silence(NamedTuple):
    """How long nothing was predicted, and the share of equally long stretches before that had predictions.

    `usual` is None where it is not known: under a day between the first and the last hour with predictions.
    `replaced`: others took over its predictions (`watching/service.py`), so this one was taken out of service.
    """

    silent_ms: int
    usual: float | None
    replaced: bool = False


def no_data_name(rule: str) -> str:
    """The name under which the alert about the missing data of a rule is known; it is part of its fingerprint."""
    return f"{rule}/no-data"


def is_ready(found: Completeness, ready: float) -> bool:
    """Whether a window can be judged: its labelled share is not below `ready` times the usual one.

    True without predictions, where nothing is usual yet, and where the lack is explained by chance on a day with the
    `least` share (binomial tail above 0.001, so that a handful of predictions is not called incomplete for one label).
    """
    return not _is_less(found, ready) or _tail(found) > ALPHA


def silence(hour_starts: Ints, t: int, for_ms: int, *, replaced: bool = False) -> Silence:
    """How long a version has been silent at `t`, and whether that is unusual.

    `hour_starts` (ms, ascending) are the whole hours that had predictions, of the last 7 d before the silence at
    least. Time is looked at in hours: the silence begins at the end of the last one, and stretches of `for_ms`,
    rounded up to hours, end at each hour of the 7 d before it. What is usual is taken from before the silence, so that
    a long one does not come to be usual itself. `replaced`: other versions took over what it used to predict.
    """
    if not len(hour_starts):
        return Silence(0, None)
    last = int(hour_starts[-1]) + HOUR
    silent_ms = max(0, t - last)
    if silent_ms and replaced:
        return Silence(silent_ms, None, replaced=True)
    first = max(int(hour_starts[0]), last - LOOK_BACK)
    if last - first < LEAST_HISTORY:
        return Silence(silent_ms, None)
    length = -(-for_ms // HOUR)
    busy = np.zeros((last - first) // HOUR, np.int64)
    busy[(hour_starts[hour_starts >= first] - first) // HOUR] = 1
    upto = np.concatenate(([0], np.cumsum(busy)))
    stretches = upto[length:] - upto[:-length]
    return Silence(silent_ms, float(np.mean(stretches > 0)) if len(stretches) else None)


def judge_missing(no_data: NoData, ready: float, found: Completeness, quiet: Silence, newest: int) -> Judgement:
    """The verdict of the alert about missing data of a version.

    `found` is over the last `no_data.for_ms`, `newest` the predictions of the newest step. BREACH: silent for
    `for_ms` where that is unusual, at once; or too few labels, lasting for `for_ms`. CLEAR: predictions with as many
    labels as usual, or replaced: a version that was taken out of service misses nothing. HOLD: no predictions for a
    shorter time or where that is usual, too few labels by chance or on a day that is still like others.
    """
    evidence: Evidence = {
        "predictions": found.predictions,
        "labelled": found.labelled,
        "completeness": found.labelled / found.predictions if found.predictions else None,
        "usual_completeness": found.usual,
        "least_completeness": found.least,
        "ready": ready,
        "silent_s": quiet.silent_ms // 1000,
        "usual_share_of_hours": quiet.usual,
        "p_value": None,
        "missing": None,
    }
    policy = Policy(for_ms=0, keep_firing_ms=HOUR, clear_support=0 if quiet.replaced else 1)
    if quiet.replaced and not found.predictions:
        return Judgement(Verdict.CLEAR, policy, evidence=evidence)
    if quiet.silent_ms >= no_data.for_ms and quiet.usual is not None and quiet.usual >= USUAL_SHARE:
        evidence["missing"] = "predictions"
        return Judgement(Verdict.BREACH, policy, no_data.severity, None, newest, evidence)
    if _is_less(found, ready):
        evidence["p_value"] = p = _tail(found)
        if p > ALPHA:
            return Judgement(Verdict.HOLD, policy, evidence=evidence)
        evidence["missing"] = "labels"
        policy = policy._replace(for_ms=no_data.for_ms)
        return Judgement(Verdict.BREACH, policy, no_data.severity, None, newest, evidence)
    verdict = Verdict.CLEAR if found.predictions else Verdict.HOLD
    return Judgement(verdict, policy, None, None, newest, evidence)


def _is_less(found: Completeness, ready: float) -> bool:
    if not found.predictions or found.usual is None:
        return False
    return found.labelled < ready * found.usual * found.predictions


def _tail(found: Completeness) -> float:
    """The chance of so few labels or fewer if they came as on the worst usual day. `usual` must be known."""
    least = found.usual if found.least is None else found.least
    return float(bdtr(found.labelled, found.predictions, min(1.0, least or 0.0)))
