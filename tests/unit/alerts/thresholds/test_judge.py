import msgspec
import numpy as np
import pytest

from streams.alerts.budget.codes import BREACH, CLEAR, HOLD, NODATA
from streams.alerts.evidence.series import Completeness, Counts
from streams.alerts.rules.conditions import OF_RULES, parse_condition
from streams.alerts.rules.model import HOUR, MINUTE, Condition, NoData, Rule, Severity
from streams.alerts.thresholds.judge import RuleStep, judge_rule
from streams.alerts.thresholds.metrics import events, measure
from streams.alerts.verdict import Verdict

MATCH = (("model", "*"),)


def condition(text: str) -> Condition:
    return parse_condition(text, OF_RULES)


def rule(metric: str, fire: str, resolve: str | None = None, min_support: int = 0) -> Rule:
    by = () if metric in {"balanced_accuracy", "accuracy", "label_completeness"} else ("class",)
    return Rule(
        "low", metric, MATCH, 6 * HOUR, condition(fire), None if resolve is None else condition(resolve), by,
        min_support=min_support, for_ms=15 * MINUTE, severity=Severity.PAGE,
    )  # fmt: skip


def of(*classes: tuple[int, int]) -> Counts:
    """(hits, support) of each class; what is missed is said to be the next one."""
    hits, support = (np.array(column) for column in zip(*classes, strict=True))
    predicted = hits + np.roll(support - hits, 1)
    return Counts(support, hits, predicted, predicted)


def judged(asked: Rule, counts: Counts, before: Counts | None = None, *, ready: bool = True) -> RuleStep:
    baseline = None if before is None else measure(asked.metric, before)
    return judge_rule(asked, measure(asked.metric, counts), events(asked.metric, counts), baseline, ready)


LOW = rule("balanced_accuracy", "upper95 < 0.85", "value >= 0.87", 30)


def test_it_fires_by_the_bound_and_resolves_by_the_value() -> None:
    assert judged(LOW, of((300, 400), (300, 400))).verdict.tolist() == [BREACH]
    assert judged(LOW, of((33, 40), (33, 40))).verdict.tolist() == [HOLD]  # 0.825, and nothing sure of it
    assert judged(LOW, of((344, 400), (344, 400))).verdict.tolist() == [HOLD]  # between the two
    assert judged(LOW, of((350, 400), (350, 400))).verdict.tolist() == [CLEAR]


def test_too_little_support_holds_whatever_the_number() -> None:
    assert judged(LOW, of((0, 29), (300, 400))).verdict.tolist() == [HOLD]
    assert judged(LOW, of((0, 30), (300, 400))).verdict.tolist() == [BREACH]
    assert judged(LOW, of((400, 400), (29, 29))).verdict.tolist() == [HOLD]
    by_class = rule("recall", "value < 0.5", min_support=10)
    assert judged(by_class, of((0, 9), (0, 10), (10, 10))).verdict.tolist() == [HOLD, BREACH, CLEAR]


def test_without_a_resolve_condition_it_is_clear_when_fire_is_surely_false() -> None:
    asked = rule("recall", "value < 0.5 and support >= 5")
    assert judged(asked, of((4, 10), (6, 10), (0, 0))).verdict.tolist() == [BREACH, CLEAR, CLEAR]
    undefined = rule("recall", "value < 0.5 or support >= 5")
    assert judged(undefined, of((0, 0), (0, 1))).verdict.tolist() == [HOLD, BREACH]


def test_an_undefined_term_is_never_true_and_never_false() -> None:
    for fire in ("value < 0.5", "value >= 0.5", "lower99 > 0.1", "upper99 < 0.9"):
        assert judged(rule("recall", fire), of((0, 0), (9, 10))).verdict[0] == HOLD
    without = Rule("low", "support", MATCH, HOUR, condition("upper95 < 5"), by=("class",))
    assert judged(without, of((1, 2))).verdict.tolist() == [HOLD]  # a count has no interval


def test_breach_goes_before_clear_where_a_rule_says_both() -> None:
    assert judged(rule("recall", "value < 0.9", "value > 0.1"), of((5, 10))).verdict.tolist() == [BREACH]


def test_delta_is_the_value_less_that_of_the_week_before() -> None:
    asked = rule("recall", "delta(baseline) < -0.1")
    step = judged(asked, of((75, 100), (85, 100), (5, 10)), of((900, 1000), (900, 1000), (0, 0)))
    assert step.verdict.tolist() == [BREACH, CLEAR, HOLD]
    evidence = step.judgement(0).evidence
    assert evidence["baseline"] == 0.9
    assert evidence["delta"] == pytest.approx(-0.15)
    assert judged(asked, of((75, 100))).verdict.tolist() == [HOLD]


def test_a_window_without_its_labels_is_no_data_unless_labels_do_not_matter() -> None:
    assert judged(LOW, of((300, 400), (300, 400)), ready=False).verdict.tolist() == [NODATA]
    share = rule("prediction_share", "value > 0.4")
    assert judged(share, of((50, 50), (10, 10)), ready=False).verdict.tolist() == [BREACH, CLEAR]
    lacking = rule("label_completeness", "upper95 < 0.8", "value >= 0.9")
    found = measure("label_completeness", of((1, 1)), Completeness(1000, 300, 0.6))
    assert judge_rule(lacking, found, np.array([1000]), ready=False).verdict.tolist() == [BREACH]


def test_a_judgement_has_its_evidence_policy_and_support() -> None:
    found = judged(rule("recall", "value < 0.9", min_support=20), of((40, 50), (95, 100))).judgement(0)
    assert (found.verdict, found.severity, found.tier, found.support) == (Verdict.BREACH, Severity.PAGE, None, 50)
    assert found.evidence == {
        "value": 0.8,
        "lower95": pytest.approx(0.669, abs=1e-3),
        "upper95": pytest.approx(0.888, abs=1e-3),
        "support": 50,
        "baseline": None,
        "delta": None,
    }
    assert (found.policy.for_ms, found.policy.keep_firing_ms, found.policy.clear_support) == (15 * MINUTE, HOUR, 20)
    clear = judged(rule("recall", "value < 0.9"), of((95, 100))).judgement()
    assert (clear.verdict, clear.severity, clear.policy.clear_support) == (Verdict.CLEAR, None, 1)


def test_being_well_is_earned_except_where_silence_is_what_is_asked() -> None:
    asked = msgspec.structs.replace(rule("support", "value < 5"), no_data=NoData(resolve_after_ms=HOUR))
    policy = judged(asked, of((9, 9))).judgement().policy
    assert (policy.clear_support, policy.nodata_resolves_ms) == (0, HOUR)


def test_what_cannot_be_said_is_none() -> None:
    evidence = judged(rule("recall", "value < 0.5"), of((0, 0), (1, 1))).judgement(0).evidence
    assert {name for name, value in evidence.items() if value is None} == {
        "value", "lower95", "upper95", "baseline", "delta",
    }  # fmt: skip
    assert evidence["support"] == 0
