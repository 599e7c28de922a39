"""An alert in a silence shows the numbers that it last had, not that there are none now."""

from typing import Any

import pytest

from streams.alerts.judge import AlertingJudge
from streams.alerts.orders import RulesOrder, encode
from streams.alerts.rules.model import Comparison, Op, Rule, RuleSet, Slo, Tier
from streams.formats.columns import Group
from streams.ledger.cells import CellKind
from streams.ledger.flush import encode as flushed
from tests.support.judged import PANE, History, spec_of
from tests.support.touchy_rules import ALL, touchy_rules

SPEC = spec_of("3m")
LOW = Rule("low", "accuracy", ALL, 4 * PANE, Comparison("value", Op.LT, 0.5))
FEW = Rule("low", "recall", ALL, 4 * PANE, Comparison("support", Op.LT, 5.0), by=("class",))
TIERS: tuple[Tier, ...] = touchy_rules(PANE, "country", "spam", 3 * PANE).slos[0].tiers
BURNS = Slo("low", ALL, 0.6, tiers=TIERS, period_ms=60 * PANE, min_n=2, min_bad=1, no_data=None)


def told(asked: Rule | Slo) -> list[dict[str, Any]]:
    """The rows of the alert about spam, or all, of three wrong predictions and a long silence."""
    slos, rules = ((asked,), ()) if isinstance(asked, Slo) else ((), (asked,))
    every = RuleSet("h", PANE, slos, rules, retire_after_ms=30 * PANE, heartbeat_ms=PANE)
    wrong = (0, Group("m", "1", ("de",))), (CellKind.CONFUSION, "ham", "spam"), 3
    history = History(0)
    history.step([wrong])
    history.step(watermark=40 * PANE)
    log = [encode(RulesOrder(every)), *map(flushed, history.flush(0, 2))]
    judge = AlertingJudge(SPEC, 0)
    rows = [row.value for offset, record in enumerate(log) for row in judge.apply(offset, record)]
    return [row for row in rows if row["schema"] == "quality.alert.v1" and row["class"] in {None, "spam"}]


@pytest.mark.parametrize("asked", [LOW, BURNS])
def test_the_numbers_of_before_stay_where_nothing_was_counted(asked: Rule | Slo) -> None:
    said = told(asked)
    assert (said[0]["kind"], said[-1]["kind"]) == ("firing", "resolved")
    assert len(said) > 20, "it was shown all the time"
    for row in said:
        assert row["evidence"]["value"] == 0.0
        assert row["evidence"].get("support", row["evidence"].get("n_long")) == 3


def test_a_rule_about_too_few_events_says_that_there_are_none() -> None:
    said = told(FEW)
    assert (said[0]["evidence"]["support"], said[-1]["evidence"]["support"]) == (3, 0)
