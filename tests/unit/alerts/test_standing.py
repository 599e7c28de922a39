"""How budgets stand is what alerts about them say, and there before any alert."""

from random import Random
from typing import Any

import pytest

from streams.alerts.judge import AlertingJudge
from streams.alerts.orders import RulesOrder, encode
from streams.alerts.rules.model import RuleSet, Severity, Slo, Tier
from streams.alerts.watching.standing import Standing
from tests.support.judged import PANE, random_histories, records, spec_of

TIERS = (
    Tier("fast", Severity.PAGE, 3 * PANE, PANE, 1.0, 0.2, keep_firing_ms=PANE),
    Tier("slow", Severity.TICKET, 6 * PANE, 2 * PANE, 1.0, 0.0, keep_firing_ms=2 * PANE),
)
SLO = Slo("recall", (("model", "*"),), 0.6, tiers=TIERS, period_ms=60 * PANE, min_n=1, min_bad=1, no_data=None)
SPEC = spec_of("3m", ledger_partitions=2)


def played(seed: int, slo: Slo = SLO) -> tuple[AlertingJudge, list[tuple[dict[str, Any], list[Standing]]]]:
    """A judge at the end of a random history, and each budget alert of a newest step with how budgets stood then."""
    judge, found = AlertingJudge(SPEC, 0), []
    log = records(Random(seed), random_histories(Random(seed), SPEC, 80, finish=False), crossings_of=SPEC)
    for offset, record in enumerate([encode(RulesOrder(RuleSet("0" * 16, PANE, slos=(slo,)))), *log]):
        rows = [row.value for row in judge.apply(offset, record) if row.stream == "alerts"]
        newest = {row["model"]: row["t"] for row in rows if row["schema"] == "quality.alert_pulse.v1"}
        alerts = [row for row in rows if row.get("rule") == slo.name and row["t"] == newest.get(row["model"])]
        standing = list(judge.standing())
        found += [(row, standing) for row in alerts]
    return judge, found


def test_an_alert_says_what_its_budget_shows() -> None:
    compared = 0
    for seed in range(15):
        for row, standing in played(seed)[1]:
            of = [one for one in standing if one[1:4] == (row["model"], row["model_version"], row["class"])]
            evidence = row["evidence"]
            if not of or evidence.get("n_long") is None or row["tier"] != evidence["tier"]:
                continue
            (one,) = of
            tier = next(tier for tier in one.tiers if tier.tier == evidence["tier"])
            said = (evidence["burn_long"], evidence["burn_short"], evidence["threshold"], evidence["target"])
            assert (tier.long, tier.short, tier.threshold, one.target) == pytest.approx(said)
            assert one.remaining == pytest.approx(evidence["budget_remaining"])
            compared += 1
    assert compared > 10


def test_budgets_are_there_without_an_alert_and_in_order() -> None:
    quiet = Slo("recall", SLO.match, 0.01, tiers=TIERS, period_ms=60 * PANE, no_data=None)
    judge, rows = played(3, quiet)
    standing = list(judge.standing())
    assert standing
    assert rows == []
    assert [one[1:4] for one in standing] == sorted(one[1:4] for one in standing)
    assert {tier.tier for one in standing for tier in one.tiers} == {"fast", "slow"}


def test_only_the_classes_that_a_budget_is_about_are_told() -> None:
    narrow = Slo("recall", (("class", "spam"),), 0.6, tiers=TIERS, period_ms=60 * PANE, no_data=None)
    assert {one.cls for one in played(3, narrow)[0].standing()} == {"spam"}


def test_without_rules_nothing_stands() -> None:
    assert list(AlertingJudge(SPEC, 0).standing()) == []
