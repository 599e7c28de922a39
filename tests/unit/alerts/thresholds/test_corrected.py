"""A threshold's alert whose evidence was taken back ends as corrected, and no other one does."""

import pytest

from streams.alerts.evidence.ring import Windows
from streams.alerts.rules.model import DAY, HOUR, MINUTE
from tests.support.rule_cases import told

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
