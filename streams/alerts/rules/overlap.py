"""Can two conditions hold at the same time? Reasoning on intervals, with what is known of the bounds of a value.

A rule whose fire and resolve conditions can both hold would flap. The reasoning is exact but for one thing: `delta`
and `support` are taken to be free of the value, so that "can" may be said of what cannot happen, never the reverse.
"""

from collections.abc import Iterator
from itertools import product
from math import inf
from typing import NamedTuple

from streams.alerts.rules.model import AllOf, AnyOf, Comparison, Condition, Op

_CHAIN = ("lower99", "lower95", "value", "upper95", "upper99")
"""Each is at most the next, whatever the interval."""


class _Range(NamedTuple):
    """Numbers within (low, high), an end belonging to it unless it is open."""

    low: float = -inf
    low_open: bool = False
    high: float = inf
    high_open: bool = False

    def narrowed(self, comparison: Comparison) -> "_Range":
        number = comparison.number
        strict = comparison.op in {Op.LT, Op.GT}
        if comparison.op in {Op.LT, Op.LE}:
            high, _, is_open = min((self.high, not self.high_open, self.high_open), (number, not strict, strict))
            return self._replace(high=high, high_open=is_open)
        low, is_open = max((self.low, self.low_open), (number, strict))
        return self._replace(low=low, low_open=is_open)


def can_both_hold(one: Condition, other: Condition) -> bool:
    """Whether there are numbers for which both conditions hold.

    >>> from streams.alerts.rules.conditions import parse_condition
    >>> fire = parse_condition("upper95 < 0.85", ["upper95"])
    >>> [can_both_hold(fire, parse_condition(text, ["value"])) for text in ("value >= 0.83", "value >= 0.85")]
    [True, False]
    """
    return any(_is_possible(first + second) for first, second in product(list(_ways(one)), list(_ways(other))))


def negated(condition: Condition) -> Condition:
    """What holds when a condition does not."""
    if isinstance(condition, Comparison):
        op = {Op.LT: Op.GE, Op.LE: Op.GT, Op.GT: Op.LE, Op.GE: Op.LT}[condition.op]
        return Comparison(condition.subject, op, condition.number, condition.argument)
    terms = tuple(negated(term) for term in condition.terms)
    return AnyOf(terms) if isinstance(condition, AllOf) else AllOf(terms)


def _ways(condition: Condition) -> Iterator[tuple[Comparison, ...]]:
    """The sets of comparisons of which one must hold as a whole."""
    if isinstance(condition, Comparison):
        yield (condition,)
    elif isinstance(condition, AllOf):
        for parts in product(*(list(_ways(term)) for term in condition.terms)):
            yield tuple(comparison for part in parts for comparison in part)
    else:
        for term in condition.terms:
            yield from _ways(term)


def _is_possible(comparisons: tuple[Comparison, ...]) -> bool:
    ranges: dict[str, _Range] = {}
    for comparison in comparisons:
        key = comparison.subject if comparison.argument is None else f"{comparison.subject}({comparison.argument})"
        ranges[key] = ranges.get(key, _Range()).narrowed(comparison)
    chain = [ranges.pop(subject, _Range()) for subject in _CHAIN]
    pairs = [(least, most) for i, least in enumerate(chain) for most in chain[i:]]
    pairs += [(alone, alone) for alone in ranges.values()]
    return not any(
        least.low > most.high or (least.low == most.high and (least.low_open or most.high_open))
        for least, most in pairs
    )
