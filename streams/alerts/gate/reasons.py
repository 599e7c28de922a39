"""Why does a gate say what it says? One sentence each, with the class and the numbers."""

from collections.abc import Sequence

from streams.alerts.gate.comparison import Terms
from streams.alerts.gate.overlap import Arm
from streams.alerts.gate.verdict import Comparison, GateVerdict
from streams.alerts.rules.model import DAY, HOUR

NOTHING_SHARED = "there is no hour yet in which both versions have predictions"
NO_LABELS = "neither version has a labelled event yet of a class that is compared"
ASSUMED_INDEPENDENT = "; counts of pairs are not at hand, so both arms were taken as independent, which is cautious"


def reason(result: Comparison, terms: Terms) -> str:
    """What the comparison rests on."""
    if not result.classes:
        return NO_LABELS
    if result.delta is None or result.lower is None or result.upper is None:
        return _too_few(result, terms)
    if result.verdict is GateVerdict.FAIL:
        return "; ".join(_against(result, result.delta, result.upper, terms))
    if result.verdict is GateVerdict.PASS:
        return (
            f"balanced accuracy differs by {result.delta:+.4f}, at least {result.lower:+.4f}: "
            f"above -{terms.margin:g}, so it is not worse by more than the margin"
        )
    return (
        f"balanced accuracy differs by {result.delta:+.4f}, from {result.lower:+.4f} to {result.upper:+.4f}: "
        f"not sure to be above -{terms.margin:g}, nor worse by that and sure to be below 0"
    )


def incomplete(candidate: Arm, baseline: Arm, usual: float | None, ready: float) -> str | None:
    """What is wrong with the labels of two arms, None when nothing is.

    Each arm must have `ready` of the share of labels that is usual, where that is known, and of that of the other arm:
    labels that are missing are seldom missing at random.
    """
    shares = {"candidate": candidate.completeness or 0.0, "baseline": baseline.completeness or 0.0}
    for arm, other in (("candidate", "baseline"), ("baseline", "candidate")):
        share = shares[arm]
        if usual is not None and share < ready * usual:
            return (
                f"{share:.1%} of the {arm}'s predictions have a label; {usual:.1%} is usual, {ready:.0%} of it needed"
            )
        if share < ready * shares[other]:
            return f"{share:.1%} of the {arm}'s predictions have a label and {shares[other]:.1%} of the {other}'s"
    return None


def not_looked(look: int, looks: int, when: str) -> str:
    """A planned look has not come."""
    which = "the one look" if looks == 1 else f"look {look} of {looks}"
    return f"{which} is at {when}"


def undecided(max_duration_ms: int, last: str) -> str:
    """The time is over."""
    days, hours = divmod(max_duration_ms, DAY)
    length = f"{days} d" if not hours else f"{max_duration_ms / HOUR:g} h"
    return f"not decided within {length}, so a person decides; {last}"


def _too_few(result: Comparison, terms: Terms) -> str:
    floor = max(1, terms.min_support)
    first = result.too_few[0]
    arm, n = ("candidate", first.n) if first.n < floor else ("baseline", first.n_base)
    more = len(result.too_few) - 1
    rest = f", and {more} more {'class has' if more == 1 else 'classes have'} too few" if more else ""
    return f"class {first.name}: {n} of {floor} {arm} events{rest}"


def _against(result: Comparison, delta: float, upper: float, terms: Terms) -> Sequence[str]:
    found = []
    if upper < 0 and delta <= -terms.margin:
        found.append(
            f"balanced accuracy is worse: {delta:+.4f}, at most {upper:+.4f}, and the margin is {terms.margin:g}"
        )
    found += [
        f"class {c.name} is worse: {c.delta:+.4f}, at most {c.upper:+.4f}, and the margin of a class is "
        f"{terms.class_margin:g}"
        for c in result.classes
        if c.veto
    ]
    return found
