"""Old evidence wakes nobody: pages whose evidence settled too late are tickets, whichever rule says them."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from streams.alerts.instance import labels_of
from streams.alerts.judge import AlertingJudge
from streams.alerts.orders import RulesOrder, encode
from streams.alerts.rules.model import HOUR, MINUTE, About, RuleSet, Severity
from streams.alerts.verdict import Judgement, Policy, Verdict
from streams.alerts.watching.asking import Asking
from streams.alerts.watching.said import Said
from streams.alerts.watching.waking import as_old_as
from streams.formats.columns import Group
from streams.ledger.cells import CellKind
from streams.ledger.flush import encode as flushed
from tests.support.judged import PANE, History, spec_of
from tests.support.rule_cases import told
from tests.support.touchy_rules import touchy_rules

SPEC = spec_of("3m")
SETTLE_MS = SPEC.timing.settle_ms
KINDS = ("slo", "threshold", "drift", "no_data", "rollup", "canary")


def said_of_every_kind(*_: object, **__: object) -> Iterator[Said]:
    """A page of each kind of rule."""
    page = Judgement(Verdict.BREACH, Policy(), Severity.PAGE, evidence={"n": 7})
    for kind in KINDS:
        yield Said(kind, f"a-{kind}", labels_of(model="m", version="1"), page, About())


def fired(rules: RuleSet) -> list[dict[str, Any]]:
    """The rows of what fires with three wrong predictions."""
    history = History(0)
    history.step([((0, Group("m", "1", ("de",))), (CellKind.CONFUSION, "ham", "spam"), 3)])
    history.step(watermark=10 * PANE)
    judge = AlertingJudge(SPEC, 0)
    log = [encode(RulesOrder(rules)), *map(flushed, history.flush(0, 2))]
    rows = [row.value for offset, record in enumerate(log) for row in judge.apply(offset, record)]
    return [row for row in rows if row["schema"] == "quality.alert.v1" and row["kind"] == "firing"]


@pytest.mark.parametrize(("late_ms", "severity"), [(0, "page"), (1, "ticket")])
def test_no_kind_of_rule_wakes_anybody_with_old_evidence(
    late_ms: int, severity: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Asking, "judge", said_of_every_kind)
    found = fired(RuleSet("h", PANE, max_page_age_ms=SETTLE_MS - late_ms))
    assert {row["rule_kind"]: row["severity"] for row in found} == dict.fromkeys(KINDS, severity)
    aged = {"settled_after_s": SETTLE_MS // 1000} if late_ms else {}
    assert all(row["fired_evidence"] == {"n": 7, **aged} for row in found)


@pytest.mark.parametrize(("late_ms", "severity", "said"), [(0, "page", None), (1, "ticket", SETTLE_MS // 1000)])
def test_a_budget_says_so_of_the_tiers_that_are_pages(late_ms: int, severity: str, said: int | None) -> None:
    rules = touchy_rules(PANE, "country", "spam", 3 * PANE)
    slos = rules.slos[:1]
    (row,) = fired(RuleSet("h", PANE, slos, max_page_age_ms=SETTLE_MS - late_ms))
    assert (row["severity"], row["tier"], row["evidence"].get("settled_after_s")) == (severity, "fast", said)
    slow = msgspec.structs.replace(slos[0], tiers=slos[0].tiers[1:])
    (row,) = fired(RuleSet("h", PANE, (slow,), max_page_age_ms=SETTLE_MS - late_ms))
    assert (row["severity"], row["evidence"].get("settled_after_s")) == ("ticket", None), "it never was a page"


RULES = """
[[slo]]
name = "recall"
target = 0.9
[[rollup]]
name = "degraded"
of = "recall"
when = "firing_classes >= 2"
[[rule]]
name = "low"
metric = "recall"
by = ["class"]
window = "1h"
fire_when = "upper95 < 0.8"
severity = "page"
"""
CASES = {
    "rollup": (
        'rollup = "degraded"\ncounts = [{ steps = 24, classes = { a = { n = 20, fn = 1 }, b = { n = 20, fn = 1 } } },'
        " { steps = 8, classes = { a = { n = 20, fn = 15 }, b = { n = 20, fn = 15 } } }]"
    ),
    "rule": (
        'rule = "low"\nlabels = { model = "m", version = "1", class = "a" }\n'
        "counts = [{ steps = 24, n = 20, fn = 1 }, { steps = 8, n = 20, fn = 15 }]"
    ),
    "slo": (
        'slo = "recall"\nlabels = { model = "m", version = "1", class = "a" }\n'
        "counts = [{ steps = 24, n = 20, fn = 1 }, { steps = 8, n = 20, fn = 15 }]"
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_limit_is_that_of_the_rules(case: str) -> None:
    for settle_ms, severity in ((6 * HOUR, "page"), (6 * HOUR + MINUTE, "ticket")):
        loudest = [loudness for *_, loudness, _ in told(RULES, CASES[case], settle_ms)][-1]
        assert loudest == severity


def test_only_pages_are_touched() -> None:
    ticket = Judgement(Verdict.BREACH, Policy(), Severity.TICKET, evidence={"n": 1})
    page, clear = ticket._replace(severity=Severity.PAGE), ticket._replace(verdict=Verdict.CLEAR, severity=None)
    assert [as_old_as(one, 2_000, 1_999) for one in (ticket, clear)] == [ticket, clear]
    assert as_old_as(page, 2_000, 2_000) == page
    assert as_old_as(page, 2_000, 1_999) == ticket._replace(evidence={"n": 1, "settled_after_s": 2})
