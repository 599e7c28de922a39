"""A threshold's alert whose evidence was taken back ends as corrected, and no other one does."""

import msgspec
import pytest

from streams.alerts.evidence.ring import Windows
from streams.alerts.judge import AlertingJudge
from streams.alerts.orders import RulesOrder, encode
from streams.alerts.rules.model import DAY, HOUR, MINUTE, About, Comparison, Op, Rule, RuleSet, Slo
from streams.formats.columns import Group
from streams.ledger.cells import CellKind
from streams.ledger.flush import encode as flushed
from tests.support.judged import PANE, History, spec_of
from tests.support.rule_cases import told
from tests.support.touchy_rules import ALL, touchy_rules

RULE = """
[[rule]]
name = "low"
metric = "{metric}"
{by}
window = "1h"
fire_when = "{when}"
severity = "page"
"""
LABELS = 'rule = "low"\nlabels = { model = "m", version = "1", class = "a" }\n'
COUNTS = (
    "counts = [{ steps = 24, n = 20, fn = 1 }, { steps = 12, n = 20, fn = 15 }, { steps = BACK, n = 20, fn = 1 }]\n"
)


def ending(
    metric: str = "recall",
    when: str = "upper95 < 0.8",
    revise: str = "",
    *,
    more: str = "",
    by: str = 'by = ["class"]',
    back: int = 36,
) -> str | None:
    """Why the alert about bad steps 24 to 35 is over."""
    rules = RULE.format(metric=metric, when=when, by=by) + more
    revision = f"revise = {{ {revise} }}\n" if revise else ""
    (*_, (rule, kind, _, reason)) = told(rules, LABELS + COUNTS.replace("BACK", str(back)) + revision)
    assert (rule, kind) == ("low", "resolved")
    return reason


AWAY = "steps = [24, 36], at = 37, n = 20, fn = 0"


@pytest.mark.parametrize(
    ("metric", "when", "by"),
    [
        ("recall", "upper95 < 0.8", 'by = ["class"]'),
        ("recall", "delta(baseline) < -0.2", 'by = ["class"]'),
        ("accuracy", "value < 0.8", ""),
        ("balanced_accuracy", "upper95 < 0.8", ""),
        ("f1", "value < 0.8", 'by = ["class"]'),
    ],
)
def test_labels_that_take_the_evidence_away_correct_it(metric: str, when: str, by: str) -> None:
    assert ending(metric, when, AWAY, by=by) == "corrected"
    assert ending(metric, when, by=by) == "recovered"


@pytest.mark.parametrize(
    ("revise", "reason"),
    [
        ("steps = [24, 36], at = 37, n = 20, fn = 14", "recovered"),  # otherwise, and as bad
        ("steps = [30, 36], at = 37, n = 20, fn = 0", "recovered"),  # what came after it fired
        ("steps = [0, 6], at = 37, n = 20, fn = 9", "recovered"),  # what was before
    ],
)
def test_other_corrections_do_not(revise: str, reason: str) -> None:
    assert ending(revise=revise) == reason


def test_a_rule_that_lets_go_at_once_asks_all_the_same() -> None:
    assert ending(revise=AWAY, more='keep_firing_for = "0s"\n') == "corrected"


def test_labels_may_come_hours_later() -> None:
    late = "steps = [24, 36], at = 90, n = 20, fn = 0"
    rules = RULE.format(metric="recall", when="upper95 < 0.8", by='by = ["class"]') + 'keep_firing_for = "12h"\n'
    found = told(rules, LABELS + COUNTS.replace("BACK", "180") + f"revise = {{ {late} }}\n")
    assert found[-1][1:] == ("resolved", "page", "corrected")


def test_what_is_counted_again_is_kept_in_whole_steps() -> None:
    assert Windows(5 * MINUTE, (HOUR,), (), DAY, HOUR + DAY).steps_ms == HOUR + DAY
    assert Windows(7 * MINUTE, (70 * MINUTE,), (), DAY, DAY).steps_ms == 206 * 7 * MINUTE


SPEC = spec_of("3m")
ACCURACY = Rule("low", "accuracy", ALL, 4 * PANE, Comparison("value", Op.LT, 0.0), keep_firing_ms=PANE)
BURNS = touchy_rules(PANE, "country", "spam", 3 * PANE).slos[0]


def rules_of(asked: Rule | Slo, floor: float, step_ms: int = PANE, longer: int = 1) -> bytes:
    """The order of a rule that fires below a floor, with windows that are longer by a factor."""
    if isinstance(asked, Slo):
        tiers = tuple(
            msgspec.structs.replace(tier, drop=0.0, long_ms=tier.long_ms * longer, short_ms=tier.short_ms * longer)
            for tier in asked.tiers
        )
        slo = msgspec.structs.replace(asked, target=floor, tiers=tiers)
        return encode(RulesOrder(RuleSet(f"{floor}", step_ms, (slo,))))
    rule = msgspec.structs.replace(
        asked, fire_when=Comparison("value", Op.LT, floor), window_ms=asked.window_ms * longer
    )
    return encode(RulesOrder(RuleSet(f"{floor}", step_ms, rules=(rule,))))


@pytest.mark.parametrize("asked", [ACCURACY, BURNS])
@pytest.mark.parametrize(("floor", "step_ms", "longer"), [(0.1, PANE, 1), (0.6, 2 * PANE, 1), (0.6, PANE, 5)])
def test_another_rule_is_no_correction(asked: Rule | Slo, floor: float, step_ms: int, longer: int) -> None:
    history = History(0)
    group = Group("m", "1", ("de",))
    wrong, right = (CellKind.CONFUSION, "ham", "spam"), (CellKind.CONFUSION, "spam", "spam")
    history.step([((0, group), wrong, 2), ((0, group), right, 1)])
    history.step(watermark=4 * PANE)
    for pane in range(4, 12):
        history.step([((pane, group), right, 9)])
        history.step(watermark=(pane + 3) * PANE)
    first, *rest = [flushed(one) for n in range(0, len(history.steps), 2) for one in history.flush(n, n + 2)]
    log = [rules_of(asked, 0.6), first, rules_of(asked, floor, step_ms, longer), *rest]
    assert endings(log) == ["recovered"]


def endings(log: list[bytes]) -> list[str]:
    judge = AlertingJudge(SPEC, 0)
    rows = [row.value for offset, record in enumerate(log) for row in judge.apply(offset, record)]
    return [str(row["reason"]) for row in rows if row["schema"] == "quality.alert.v1" and row["kind"] == "resolved"]


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (ACCURACY, "corrected"),  # the same rule
        (msgspec.structs.replace(ACCURACY, about=About("{rule} is low")), "corrected"),
        (msgspec.structs.replace(ACCURACY, window_ms=2 * PANE), "recovered"),
        (msgspec.structs.replace(ACCURACY, metric="balanced_accuracy"), "recovered"),
    ],
)
def test_what_fired_by_another_rule_is_not_judged_by_this_one(rule: Rule, reason: str) -> None:
    history = History(0)
    group = Group("m", "1", ("de",))
    wrong, right = (CellKind.CONFUSION, "ham", "spam"), (CellKind.CONFUSION, "spam", "spam")
    history.step([((0, group), right, 9)])
    history.step([((2, group), wrong, 4)], watermark=6 * PANE)
    history.step([((2, group), wrong, -4), ((2, group), right, 4)])
    history.step()
    for pane in range(6, 16):
        history.step([((pane, group), right, 9)])
        history.step(watermark=(pane + 3) * PANE)
    first, *rest = [flushed(one) for n in range(0, len(history.steps), 2) for one in history.flush(n, n + 2)]
    assert endings([rules_of(ACCURACY, 0.8), first, rules_of(rule, 0.8), *rest]) == [reason]
