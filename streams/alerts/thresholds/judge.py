"""Does a threshold rule breach at this step? With hysteresis: what fires and what resolves are two conditions.

A term about an undefined number is neither true nor false, so where nothing can be said the verdict is HOLD. So it
is where a number rests on fewer events than the rule asks for.
"""

import math

import numpy as np
from numpy.typing import NDArray

from streams.alerts.budget.codes import BREACH, CLEAR, HOLD, NODATA, VERDICTS, Codes
from streams.alerts.rules.model import Comparison, Rule
from streams.alerts.thresholds.metrics import WITHOUT_LABELS, Floats, Ints, Measured
from streams.alerts.thresholds.truth import Flags, truth
from streams.alerts.verdict import Evidence, Judgement, Policy
from streams.quality.measures.intervals import Z95, Z99

_BOUNDS = {"lower95": (Z95, 0), "upper95": (Z95, 1), "lower99": (Z99, 0), "upper99": (Z99, 1)}


class RuleStep:
    """The verdicts of one step: `verdict` (K,) holds codes of `budget.codes`; K is 1 where `by` has no class."""

    def __init__(self, rule: Rule, measured: Measured, newest: Ints, baseline: Measured | None, ready: bool) -> None:
        self._rule, self._measured, self._newest, self._baseline = rule, measured, newest, baseline
        self._bounds: dict[float, tuple[Floats, Floats]] = {}
        self.verdict = self._judge(ready)

    def judgement(self, c: int = 0) -> Judgement:
        """The verdict on class c, or on the version, with its evidence."""
        breaches = self.verdict[c] == BREACH
        return Judgement(
            VERDICTS[self.verdict[c]],
            policy_of(self._rule),
            self._rule.severity if breaches else None,
            None,
            int(self._newest[c]),
            self._evidence(c),
        )

    def _judge(self, ready: bool) -> Codes:
        rule, events = self._rule, self._measured.events
        verdict = np.full(len(events), HOLD, np.int8)
        if not ready and rule.metric not in WITHOUT_LABELS:
            verdict[:] = NODATA
            return verdict
        enough: Flags = events >= rule.min_support
        fire = truth(rule.fire_when, self._subject)
        well = fire.false if rule.resolve_when is None else truth(rule.resolve_when, self._subject).true
        verdict[enough & well] = CLEAR
        verdict[enough & fire.true] = BREACH
        return verdict

    def _subject(self, term: Comparison) -> Floats:
        """The numbers of a term; undefined for what this metric does not have."""
        name = term.subject
        if name == "value":
            return self._measured.value
        if name == "support":
            return self._measured.events.astype(np.float64)
        if name == "delta":
            return self._delta()
        if name in _BOUNDS:
            z, side = _BOUNDS[name]
            return self._interval(z)[side]
        return np.full(len(self._measured.value), np.nan)

    def _interval(self, z: float) -> tuple[Floats, Floats]:
        if z not in self._bounds:
            asked = self._measured.interval
            unsaid = np.full(len(self._measured.value), np.nan)
            self._bounds[z] = (unsaid, unsaid) if asked is None else asked(z)
        return self._bounds[z]

    def _delta(self) -> Floats:
        value = self._measured.value
        unsaid: Floats = np.full(len(value), np.nan)
        return unsaid if self._baseline is None else value - self._baseline.value

    def _evidence(self, c: int) -> Evidence:
        lower, upper = self._interval(Z95)
        baseline = None if self._baseline is None else _said(self._baseline.value, c)
        return {
            "value": _said(self._measured.value, c),
            "lower95": _said(lower, c),
            "upper95": _said(upper, c),
            "support": int(self._measured.events[c]),
            "baseline": baseline,
            "delta": _said(self._delta(), c),
            **self._measured.further,
        }


def judge_rule(
    rule: Rule, measured: Measured, newest: Ints, baseline: Measured | None = None, ready: bool = True
) -> RuleStep:
    """Judge a rule at one step.

    `measured` is the rule's metric in its window (`metrics.measure`, `settled.measure_settled`), `newest` the events
    that the step brought to it (`metrics.events`), `baseline` the metric in the 7 d before the window. `ready` says
    whether the window has the labels that it usually has; metrics that are not about labels do not ask.
    """
    return RuleStep(rule, measured, newest, baseline, ready)


def policy_of(rule: Rule) -> Policy:
    """How an alert of a rule goes from phase to phase.

    It is over only after as many events while it was clear as the rule asks for, at least one. A rule about too
    little support is the exception: there silence is what it says.
    """
    resolves = None if rule.no_data is None else rule.no_data.resolve_after_ms
    earned = 0 if rule.metric == "support" else max(1, rule.min_support)
    return Policy(rule.for_ms, rule.keep_firing_ms, earned, rule.pending_ttl_ms, resolves)


def _said(numbers: NDArray[np.float64], c: int) -> float | None:
    number = float(numbers[c])
    return None if math.isnan(number) else number
