"""Mutes of the members of a rollup: it does not bring back what is muted, and nothing is lost by that."""

import pytest

from streams.alerts.grouping import muted_by_members
from streams.alerts.instance import Instance, Labels, Phase, fingerprint, labels_of
from streams.alerts.rules.conditions import OF_ROLLUPS, parse_condition
from streams.alerts.rules.model import Rollup
from tests.support.rule_cases import told

RULES = """
[[slo]]
name = "recall"
target = 0.9
tiers = [{ name = "fast", severity = "ticket", long = "30m", short = "5m", alpha = 1e-4, drop = 0.3 }]
[[rollup]]
name = "degraded"
of = "recall"
when = "firing_classes >= 2"
"""
MUTE = """
[[mute]]
name = "planned"
match = {{ {match} }}
start = 2026-01-05T00:00:00Z
end = {end}
"""
WELL = "{ steps = 6, classes = { a = { n = 20, fn = 1 }, b = { n = 20, fn = 1 }, c = { n = 20, fn = 1 } } }"
BAD = "{ steps = 24, classes = { a = { n = 20, fn = 15 }, b = { n = 20, fn = 15 }, c = { n = 20, fn = NN } } }"
AFTER = "{ steps = 24, classes = { a = { n = 20, fn = 0 }, b = { n = 20, fn = 0 }, c = { n = 20, fn = 0 } } }"


def of_rollup(match: str, *, third: int, end: str = "2026-01-20T00:00:00Z") -> tuple[list[str], set[str]]:
    """What is told of the rollup, and the rules of everything told, with a mute and `third` misses of class c."""
    case = f"rollup = 'degraded'\ncounts = [{WELL}, {BAD.replace('NN', str(third))}, {AFTER}]"
    found = told(RULES + MUTE.format(match=match, end=end), case)
    return [kind for rule, kind, *_ in found if rule == "degraded"], {rule for rule, *_ in found}


@pytest.mark.parametrize(
    ("match", "third", "rollup", "rules"),
    [
        ('model = "other"', 1, ["firing", "resolved"], {"degraded"}),
        ('rule = "recall"', 1, [], set()),
        ('model = "m", rule = "recall", class = "*"', 15, [], set()),
        ('class = "a"', 1, [], {"recall"}),
        ('class = "a"', 15, ["firing", "resolved"], {"degraded"}),
        ('class = "a|b"', 15, [], {"recall"}),
    ],
)
def test_a_rollup_is_told_only_if_it_would_be_without_the_muted_members(
    match: str, third: int, rollup: list[str], rules: set[str]
) -> None:
    assert of_rollup(match, third=third) == (rollup, rules)


def test_it_is_told_when_the_mute_of_its_members_ends_before_they_do() -> None:
    assert of_rollup('rule = "recall"', third=1, end="2026-01-05T01:30:00Z")[0] == ["firing", "resolved"]


def test_one_that_was_told_is_told_to_be_over_though_its_members_were_muted_since() -> None:
    mute = MUTE.format(match='rule = "recall"', end="2026-01-20T00:00:00Z").replace("05T00:00", "05T01:30")
    found = told(RULES + mute, f"rollup = 'degraded'\ncounts = [{WELL}, {BAD.replace('NN', '1')}, {AFTER}]")
    assert [kind for rule, kind, *_ in found if rule == "degraded"] == ["firing", "resolved"]


def alert(rule: str, phase: Phase, name: str | None = None, member_mutes: tuple[str, ...] = ()) -> Instance:
    labels: Labels = labels_of(model="m", version="1", **{"class": name})
    return Instance(rule, "", labels, fingerprint(rule, labels), phase, member_mutes=member_mutes)


ROLLUP = Rollup("degraded", "recall", parse_condition("firing_share >= 0.5", OF_ROLLUPS))


def muted(rollup: Instance, *members: Instance, classes: int = 4) -> tuple[str, ...]:
    """The mutes of a rollup whose members of the classes x and y are muted."""
    rollup.evidence = {"classes": classes}
    names = {"x": ("late", "early"), "y": ("late",)}
    return muted_by_members(ROLLUP, rollup, members, lambda one: names.get(dict(one.labels)["class"], ()))


def test_the_mutes_are_named_as_long_as_the_others_are_too_few() -> None:
    firing = [alert("recall", Phase.FIRING, name) for name in ("a", "x", "y")]
    assert muted(alert("degraded", Phase.FIRING), *firing) == ("early", "late")
    assert muted(alert("degraded", Phase.FIRING), *firing, alert("recall", Phase.RECOVERING, "b")) == ()
    assert muted(alert("degraded", Phase.FIRING), *firing, alert("recall", Phase.PENDING, "b")) == ("early", "late")
    assert muted(alert("degraded", Phase.FIRING), *firing, classes=2) == ()
    assert muted(alert("degraded", Phase.FIRING), alert("recall", Phase.FIRING, "a")) == (), "nobody is muted"


def test_what_recovers_stays_as_it_was_when_it_fired() -> None:
    left = alert("recall", Phase.FIRING, "a")
    assert muted(alert("degraded", Phase.RECOVERING, member_mutes=("late",)), left) == ("late",)
    assert muted(alert("degraded", Phase.RECOVERING), alert("recall", Phase.FIRING, "x")) == ()
    assert muted(alert("degraded", Phase.INACTIVE, member_mutes=("late",)), left) == ()
