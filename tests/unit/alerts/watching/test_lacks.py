"""Labels that stay away: the alerts last, do not come to be usual at once, and a new level is accepted in the end."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytest

from streams.alerts.evidence.book import ModelBook
from streams.alerts.fold import Alerts
from streams.alerts.orders import RulesOrder
from streams.alerts.rows import ALERT_LOG
from streams.alerts.rules.model import DAY, HOUR, Comparison, NoData, Op, Rule, RuleSet, Severity, Slo, Tier
from streams.alerts.watching.lacks import Lacks
from streams.alerts.watching.roster import Roster
from streams.alerts.watching.wanted import Asked
from streams.formats.columns import Group
from streams.ledger.spec import Timing
from streams.quality.counts.details import SHIFT, UNLABELLED
from streams.quality.counts.names import Names
from streams.quality.counts.shares import Changes
from streams.quality.spec import QualitySpec, parse_window

SPEC = QualitySpec((parse_window("24h"),), HOUR, Timing(settle_ms=HOUR), detail_ms=HOUR)
ALL = (("model", "*"),)
LABELS_LOW = Rule(
    "labels-low",
    "label_completeness",
    ALL,
    6 * HOUR,
    Comparison("upper95", Op.LT, 0.8),
    resolve_when=Comparison("value", Op.GE, 0.9),
    for_ms=HOUR,
    keep_firing_ms=HOUR,
    severity=Severity.TICKET,
    inhibits="model",
    no_data=NoData(),
)
RECALL = Slo("recall", ALL, 0.9, tiers=(Tier("fast", Severity.PAGE, 2 * HOUR, HOUR, 1e-4, 0.3),), no_data=NoData())

T = 20_000 * DAY

Step = tuple[int, int, int]
"""Predictions of an hour: right, wrong, without a label."""

WELL: Step = (98, 2, 0)
BEFORE = 8 * 24
"""Hours in which all is well."""


class Told(NamedTuple):
    """A transition, so many hours after all was well."""

    hour: int
    rule: str
    kind: str
    reason: str | None


def lived(rules: RuleSet, steps: Sequence[Step], *, restart_every: int = 0) -> list[Told]:
    alerts, names = Alerts(SPEC), Names(SPEC)
    alerts.order(RulesOrder(rules))
    told: list[Told] = []
    for n, (right, wrong, without) in enumerate([WELL] * BEFORE + list(steps)):
        if restart_every and n % restart_every == 0:
            state, alerts = alerts.dump(), Alerts(SPEC)
            alerts.load(state)
        a, b = names.class_number("a"), names.class_number("b")
        cells = [(a, a, right), (a, b, wrong), (UNLABELLED, a, without)]
        cells = [cell for cell in cells if cell[2]]
        group = names.group_number(Group("m", "1", ()))
        columns = (
            [group] * len(cells),
            [n] * len(cells),
            [actual << SHIFT | predicted for actual, predicted, _ in cells],
            [count for *_, count in cells],
        )
        changes = Changes(*(np.array(column, np.int64) for column in columns))
        alerts.counted((n + 1) * HOUR + HOUR - 1, changes, names)
        for _ in alerts.closing((n + 1) * HOUR + HOUR, names):
            pass
        for row in alerts.take_rows():
            value = row.value
            if row.stream == ALERT_LOG:
                told.append(Told(n + 1 - BEFORE, str(value["rule"]), str(value["kind"]), _text(value["reason"])))
    return told


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def ends(told: Sequence[Told], rule: str) -> list[tuple[int, str | None]]:
    return [(one.hour, one.reason) for one in told if one.rule == rule and one.kind == "resolved"]


def fired(told: Sequence[Told], rule: str) -> list[int]:
    return [one.hour for one in told if one.rule == rule and one.kind == "firing"]


LOW = RuleSet("h", HOUR, rules=(LABELS_LOW,))
BUDGET = RuleSet("h", HOUR, slos=(RECALL,))
NO_LABELS: Step = (0, 0, 100)


def test_a_budget_does_not_judge_by_the_few_labels_that_come_while_labels_are_missing() -> None:
    told = lived(BUDGET, [(10, 20, 70)] * 24 * 10)
    assert fired(told, "recall/no-data") == [pytest.approx(3, abs=1)]
    assert min(fired(told, "recall")) >= 8 * 24, "until these few are what is usual"
    assert ends(told, "recall/no-data")[0][0] <= 8 * 24 + 2


@pytest.mark.parametrize("silent", [0, 3])
def test_labels_that_are_gone_never_come_to_be_usual_however_it_began(silent: int) -> None:
    told = lived(LOW, [(0, 0, 0)] * silent + [NO_LABELS] * 24 * 16)
    assert len(fired(told, "labels-low/no-data")) == 1
    assert ends(told, "labels-low/no-data") == []
    assert ends(told, "labels-low") == []


def test_a_label_now_and_then_is_no_level() -> None:
    told = lived(LOW, ([NO_LABELS] * 11 + [(5, 0, 95)]) * 2 * 16)
    assert len(fired(told, "labels-low/no-data")) == 1
    assert ends(told, "labels-low/no-data") == []


@pytest.mark.parametrize("days", [3, 9])
def test_when_labels_are_back_all_alerts_about_them_end_together(days: int) -> None:
    told = lived(LOW, [NO_LABELS] * 24 * days + [WELL] * 48)
    (missing, _), *more = ends(told, "labels-low/no-data")
    (low, _), *_ = ends(told, "labels-low")
    assert more == []
    assert 0 < missing - 24 * days <= 4
    assert 0 < low - 24 * days <= 8, "its window is of 6 h"


@pytest.mark.parametrize("silent", [0, 3])
def test_a_lower_level_is_accepted_after_a_week_and_a_day(silent: int) -> None:
    told = lived(LOW, [(0, 0, 0)] * silent + [(50, 0, 50)] * 24 * 20)
    for rule in ("labels-low", "labels-low/no-data"):
        (end, reason), *more = ends(told, rule)
        assert more == []
        assert 7 * 24 < end <= 8 * 24 + 14
        assert reason == "recovered"
    assert len(fired(told, "labels-low")) == 1, "and stays"


def test_it_is_the_same_with_restarts() -> None:
    steps = [(0, 0, 0)] * 3 + [NO_LABELS] * 24 * 9 + [WELL] * 24
    both = RuleSet("h", HOUR, slos=(RECALL,), rules=(LABELS_LOW,))
    assert lived(both, steps, restart_every=5) == lived(both, steps)


def test_it_is_kept_as_plain_values_and_a_damaged_one_is_said() -> None:
    asked = Asked(LOW, "m")

    def empty() -> Lacks:
        return Lacks(asked, ModelBook("m", asked.windows(), ()), Roster())

    lacks = empty()
    lacks.load([["1", T, 0.9, None, 0], ["2", T, 0.8, 0.7, T + DAY]])
    assert lacks.dump() == [["1", T, 0.9, None, 0], ["2", T, 0.8, 0.7, T + DAY]]
    with pytest.raises(ValueError, match="a damaged lack of labels"):
        empty().load([["1", T, "0.9", None, 0]])
