"""What people say to the alerts of a run: rules at the start, then at any moment other ones, mutes, ends.

Every tallies partition has a copy of each, as in production; when is a matter of the seed.
"""

from random import Random

from msgspec.structs import replace

from streams.alerts.mutes import MuteChange
from streams.alerts.orders import EndOrder, MuteOrder, Order, RulesOrder, TrainedOrder
from streams.alerts.rules.model import Canary, Comparison, Mute, Op, RuleSet
from streams.ledger.spec import MINUTE
from tests.simulation.raw import ORIGIN, PANE
from tests.support.touchy_rules import ALL, touchy_rules

PANE_MS = PANE * MINUTE
WINDOW_MS = 2 * PANE_MS


def _rules(step_ms: int) -> RuleSet:
    rules = touchy_rules(step_ms, "segment", "b", WINDOW_MS, ORIGIN)
    low, slow, *others = rules.rules
    slow = replace(slow, fire_when=Comparison("value", Op.GE, 1800.0), keep_firing_ms=step_ms)
    return replace(rules, slos=tuple(replace(slo, min_n=1) for slo in rules.slos), rules=(low, slow, *others))


FIRST = _rules(PANE_MS)
OTHER = replace(
    FIRST,
    hash="1111111111111111",
    slos=(replace(FIRST.slos[0], target=0.9), *FIRST.slos[1:]),
    rules=FIRST.rules[1:],
    canaries=(Canary("shadow", "m", min_support=1, margin=0.3, design="shadow"),),
    mutes=(),
)
LONG_STEPS = replace(_rules(3 * PANE_MS), hash="3333333333333333")
"""Windows of two panes settle between steps of three."""

RULE_SETS = (FIRST, OTHER, LONG_STEPS)
RATES = (0.0, 0.1, 0.1, 0.3)
"""How likely something is said in a turn; each run has one of them."""


class People:
    """Those who give orders to the job of one run."""

    def __init__(self, rng: Random, span_ms: int) -> None:
        self._rng, self._span_ms = rng, span_ms
        self._rate = rng.choice(RATES)
        self._rules: RuleSet = rng.choice((FIRST, FIRST, LONG_STEPS))

    def first(self) -> Order:
        """What every worker says as it starts."""
        return RulesOrder(self._rules)

    def turn(self) -> list[Order]:
        """What is said in a turn."""
        return [self._something()] if self._rng.random() < self._rate else []

    def _something(self) -> Order:
        rng = self._rng
        what = rng.random()
        if what < 0.2:  # a worker began
            return RulesOrder(self._rules)
        if what < 0.5:
            self._rules = rng.choice(RULE_SETS)
            return RulesOrder(self._rules)
        at = ORIGIN + rng.randrange(self._span_ms) // PANE_MS * PANE_MS
        if what < 0.7:
            name, match = rng.choice((("all", ALL), ("a", (("class", "a"),)), ("gate", (("rule", "gate"),))))
            length_ms, budget = rng.randint(1, 12) * PANE_MS, rng.choice(("count", "exclude"))
            return MuteOrder(MuteChange(at, Mute(name, match, start_ms=at, end_ms=at + length_ms, budget=budget)))
        if what < 0.8:
            return MuteOrder(MuteChange(at, end=rng.choice(("all", "a", "b"))))
        if what < 0.9:
            return TrainedOrder(rng.choice("mn"), "no-such-request", "rejected")
        return EndOrder(at)
