"""Conditions: what is read, what is refused with which sentence, and when two can hold together."""

import random

import pytest

from streams.alerts.rules.conditions import (
    MOST_TERMS,
    OF_RULES,
    ConditionError,
    comparisons,
    parse_condition,
    written,
)
from streams.alerts.rules.model import AllOf, AnyOf, Comparison, Condition, Op
from streams.alerts.rules.overlap import can_both_hold, negated

LISTED = "value, lower95, upper95, lower99, upper99, delta(baseline), support"

READ = [
    ("value < 0.5", "value < 0.5"),
    ("  upper95<=.85 ", "upper95 <= 0.85"),
    ("delta( baseline ) >= -1e-2", "delta(baseline) >= -0.01"),
    ("value < 0.5 and support >= 30 and lower99 > 0", "value < 0.5 and support >= 30 and lower99 > 0"),
    ("(value < 0.5)", "value < 0.5"),
    ("((value<.5)and(support>3))or value<.1", "(value < 0.5 and support > 3) or value < 0.1"),
    ("(value < 0.5 or value < 0.4) or value < 0.3", "value < 0.5 or value < 0.4 or value < 0.3"),
    ("value < 0.5 and\n support > 3", "value < 0.5 and support > 3"),
]

REFUSED = [
    ("", f"a subject must come here ({LISTED}), and nothing does (character 1)"),
    ("< 0.5", f'a subject must come here ({LISTED}), not "<" (character 1)'),
    ("value < 0.5 and", f"a subject must come here ({LISTED}), and nothing does (character 16)"),
    ("value < 0.5 and and", f'a subject must come here ({LISTED}), not "and" (character 17)'),
    ("0.5 > value", f'a subject must come here ({LISTED}), not "0.5" (character 1)'),
    ("value", "<, <=, > or >= must follow value (character 6)"),
    ("value 0.5", "<, <=, > or >= must follow value (character 7)"),
    ("value = 0.5", '"=" is not known; write <= or >= (character 7)'),
    ("value == 0.5", '"==" is not known; write <= or >= (character 7)'),
    ("value != 0.5", '"!=" is not known; write < or > (character 7)'),
    ("value <", "a number must follow < (character 8)"),
    ("value << 0.5", "a number must follow < (character 8)"),
    ("value < support", "a number must follow < (character 9)"),
    ("value < 85%", "write 0.85 instead of 85% (character 9)"),
    ("value < 5m", "5m is no number; shares are within 0 and 1 (character 9)"),
    ("value < 1e999", "1e999 is too large (character 9)"),
    ("value ~ 3", '"~" means nothing here (character 7)'),
    ("valu < 0.5", '"valu" is not known; did you mean "value"? (character 1)'),
    ("recall < 0.5", f'"recall" is not known; known are {LISTED} (character 1)'),
    ("firing_share > 0", f'"firing_share" is not known here; known are {LISTED} (character 1)'),
    ("burn(1h) > 3", "burn is said of a budget only; an [[slo]] has it in its tiers (character 1)"),
    ("value(3) < 1", "value takes no brackets (character 6)"),
    ("delta < 0.1", "delta needs brackets; write delta(baseline) (character 1)"),
    ("delta(week) < 0.1", "only delta(baseline) is known (character 7)"),
    ("delta(baseline < 0.1", "write delta(baseline) (character 7)"),
    ("(value < 0.5", 'the "(" of character 1 is never closed (character 13)'),
    ("(value < 0.5 && support > 3)", '"&&" is not known; write and (character 14)'),
    ("value < 0.5)", 'a ")" without its "(" (character 12)'),
    ("value < 0.5 value", '"and" or "or" must follow, not "value" (character 13)'),
    ("value < 0.5 || support > 3", '"||" is not known; write or (character 13)'),
    ("value < 0.5 AND support > 3", '"AND" is not known; write and (character 13)'),
    (
        "value < 0.5 and support > 3 or value < 0.2",
        '"and" and "or" are mixed; put brackets around what belongs together (character 29)',
    ),
    ("(" * 30 + "value < 0.5" + ")" * 30, f"the brackets are nested too deep (character {MOST_TERMS + 1})"),
    (" or ".join(["value < 0.5"] * 17), "more than 16 comparisons; split it into two rules (character 241)"),
    ("value < 0.5" + " " * 500, "it is longer than 500 characters; split it into two rules (character 1)"),
]


@pytest.mark.parametrize(("text", "canonical"), READ)
def test_a_condition_is_read_and_written_again(text: str, canonical: str) -> None:
    condition = parse_condition(text, OF_RULES)
    assert written(condition) == canonical
    assert parse_condition(canonical, OF_RULES) == condition


@pytest.mark.parametrize(("text", "sentence"), REFUSED)
def test_each_way_to_be_wrong_has_its_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ConditionError) as raised:
        parse_condition(text, OF_RULES)
    assert str(raised.value) == sentence


def test_brackets_say_what_belongs_together() -> None:
    a, b, c = (Comparison("value", Op.LT, number) for number in (0.1, 0.2, 0.3))
    texts = [written(x) for x in (a, b, c)]
    assert parse_condition("({} and {}) or {}".format(*texts), OF_RULES) == AnyOf((AllOf((a, b)), c))
    assert parse_condition("{} and ({} or {})".format(*texts), OF_RULES) == AllOf((a, AnyOf((b, c))))


def test_burn_has_a_length_and_durations_are_seconds_where_they_are_numbers() -> None:
    subjects = ("burn", "budget_remaining", "value")
    condition = parse_condition("burn(90m) > 2 and budget_remaining < 0", subjects)
    assert [term.argument for term in comparisons(condition)] == ["5400000", None]
    assert written(condition) == "burn(90m) > 2 and budget_remaining < 0"
    for wrong in ("burn() > 1", "burn(x) > 1", "burn(5) > 1", "burn(0h) > 1", "burn(1.5h) > 1"):
        with pytest.raises(ConditionError, match=r"write burn\(1h\)"):
            parse_condition(wrong, subjects)
    assert parse_condition("value > 2d", subjects, durations=True) == Comparison("value", Op.GT, 172_800.0)
    with pytest.raises(ConditionError, match="2w is no duration"):
        parse_condition("value > 2w", subjects, durations=True)


@pytest.mark.parametrize(
    ("fire", "resolve", "together"),
    [
        ("upper95 < 0.85", "value >= 0.87", False),
        ("upper95 < 0.85", "value >= 0.85", False),
        ("upper95 < 0.85", "value >= 0.8499", True),
        ("upper95 <= 0.85", "value >= 0.85", True),
        ("upper95 < 0.85", "lower99 > 0.85", False),
        ("value < 0.85", "upper95 >= 0.9", True),
        ("lower95 > 0.3", "upper99 <= 0.3", False),
        ("lower95 > 0.3", "value < 0.35", True),
        ("value < 0.5 and support > 100", "value > 0.6 or support < 50", False),
        ("value < 0.5 or support > 100", "value > 0.6", True),
        ("delta(baseline) < -0.1", "value > 0.9", True),
        ("delta(baseline) < -0.1", "delta(baseline) >= -0.1", False),
    ],
)
def test_conditions_that_can_hold_together_are_found(fire: str, resolve: str, together: bool) -> None:
    one, other = (parse_condition(text, OF_RULES) for text in (fire, resolve))
    assert can_both_hold(one, other) is together
    assert can_both_hold(other, one) is together


def test_a_condition_that_contradicts_itself_cannot_hold_with_anything() -> None:
    for text, possible in [
        ("value > 0.2 and value < 0.3", True),
        ("value > 0.3 and value < 0.2", False),
        ("lower95 > 0.3 and value <= 0.3", False),
    ]:
        condition = parse_condition(text, OF_RULES)
        assert can_both_hold(condition, condition) is possible
        assert not can_both_hold(condition, negated(condition))


def test_the_reasoning_agrees_with_numbers() -> None:
    """On a grid, with every interval around every value: what happens is possible, and the reverse."""
    chance = random.Random(6)
    grid = [i / 4 for i in range(-1, 6)]
    seen = {True: 0, False: 0}
    for _ in range(300):
        one, other = _made(chance), _made(chance)
        happens = any(
            _holds(one, point) and _holds(other, point)
            for value in grid
            for low in grid
            for high in grid
            if low <= value <= high
            for point in [{"lower95": low, "value": value, "upper95": high}]
        )
        assert can_both_hold(one, other) is happens
        seen[happens] += 1
    assert min(seen.values()) > 20


def _made(chance: random.Random) -> Condition:
    """A condition over numbers of which two have a point of the grid between them."""
    terms: tuple[Condition, ...] = tuple(
        Comparison(
            chance.choice(["lower95", "value", "upper95"]), chance.choice(list(Op)), chance.choice([0.0, 0.5, 1.0])
        )
        for _ in range(chance.randint(1, 3))
    )
    return AllOf(terms) if chance.random() < 0.5 else AnyOf(terms)


def _holds(condition: Condition, point: dict[str, float]) -> bool:
    if isinstance(condition, AllOf):
        return all(_holds(term, point) for term in condition.terms)
    if isinstance(condition, AnyOf):
        return any(_holds(term, point) for term in condition.terms)
    value, number = point[condition.subject], condition.number
    return {Op.LT: value < number, Op.LE: value <= number, Op.GT: value > number, Op.GE: value >= number}[condition.op]
