"""Rules that change while the job runs: whatever they asked before, nothing raises and no count falls below zero.

A judge that raises on a record raises on it again after every restart, so an order that does is the end of the job.
"""

from random import Random

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.alerts.evidence.book import ModelBook
from streams.alerts.evidence.ring import COLUMNS, OF_CLASS, SUPPORT, Ring, Windows
from streams.alerts.instance import Instance, fingerprint, labels_of
from streams.alerts.judge import AlertingJudge
from streams.alerts.orders import RulesOrder, encode
from streams.alerts.rules.model import DAY, HOUR, AnyOf, Comparison, DriftRule, Op, Rule, RuleSet, Slo
from streams.alerts.watching.said import identity
from streams.alerts.watching.wanted import Asked
from tests.support.judged import LONG, PANE, random_histories, records, spec_of
from tests.support.touchy_rules import ALL, touchy_rules

SEEDS = st.integers(0, 1 << 32)
TOUCHY = touchy_rules(PANE, "country", "spam", 3 * PANE)
LOW = AnyOf((Comparison("value", Op.LE, 2.0), Comparison("upper99", Op.LT, 2.0)))


def rule(name: str, metric: str, window_ms: int, *by: str) -> Rule:
    return Rule(name, metric, ALL, window_ms, LOW, by=by, keep_firing_ms=0)


RULE_SETS = (
    TOUCHY,
    msgspec.structs.replace(touchy_rules(4 * PANE, "country", "ham", 3 * PANE), retire_after_ms=4 * PANE),
    # names of other rules, for alerts with other labels, over longer windows and without the dimension
    RuleSet(
        "b",
        PANE,
        rules=(
            rule("recall", "accuracy", 60 * PANE),
            rule("accuracy-low", "recall", 40 * PANE, "class"),
            rule("lost", "f1", 3 * PANE, "class"),
            rule("gate", "precision", 5 * PANE, "class"),
        ),
        retire_after_ms=15 * PANE,
    ),
    RuleSet(
        "c",
        5 * PANE,
        slos=(
            Slo("accuracy-low", ALL, 0.9, tiers=TOUCHY.slos[0].tiers),
            Slo("gate", ALL, 0.9, tiers=TOUCHY.slos[0].tiers),
        ),
        rules=(rule("recall", "specificity", 5 * PANE, "class", "segment.country"),),
        retire_after_ms=15 * PANE,
    ),
)


def is_negative(book: ModelBook) -> bool:
    rings = [series.ring for series in book.series.values()]
    return any((a < 0).any() for r in rings for of in (r.sums, r.periods, r.hours) for a in of.values())


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS, order=SEEDS, partitions=st.integers(1, 3))
def test_no_change_of_rules_raises_or_takes_back_what_was_never_counted(seed: int, order: int, partitions: int) -> None:
    spec, random = spec_of("3m", ledger_partitions=partitions, models=(("m2", LONG),)), Random(seed)
    judge = AlertingJudge(spec, 0)
    offset = 0
    for record in records(Random(order), random_histories(random, spec, 25, finish=False), 3, crossings_of=spec):
        orders = [encode(RulesOrder(random.choice(RULE_SETS)))] if random.random() < 0.1 else []
        for one in (*orders, record):
            judge.apply(offset, one)
            offset += 1
        assert not any(is_negative(watch.book) for watch in judge._alerts._watches.values())


@pytest.mark.parametrize("before", RULE_SETS)
@pytest.mark.parametrize("after", RULE_SETS)
def test_alerts_of_rules_that_ask_something_else_under_the_same_name_end(before: RuleSet, after: RuleSet) -> None:
    spec = spec_of("3m")
    log = list(records(Random(3), random_histories(Random(2), spec, 25, finish=True), 3, crossings_of=spec))
    judge, cut = AlertingJudge(spec, 0), 2 * len(log) // 3
    for offset, record in enumerate([encode(RulesOrder(before)), *log[:cut], encode(RulesOrder(after)), *log[cut:]]):
        judge.apply(offset, record)


def test_a_longer_window_counts_no_change_of_a_step_that_was_let_go() -> None:
    ring = Ring(Windows(PANE, (HOUR,), (), DAY), 2, 0)
    prediction, label = np.zeros((2, COLUMNS), np.int64), np.zeros((2, COLUMNS), np.int64)
    prediction[0, OF_CLASS] = label[0, SUPPORT] = 1
    ring.add(PANE, prediction)
    for _ in range(90):
        ring.step()
    longer = ring.rewindowed(Windows(PANE, (3 * HOUR,), (7 * DAY,), 7 * DAY))
    longer.add(PANE, label)
    assert not longer.sums[3 * HOUR].any()
    assert longer.periods[7 * DAY].tolist() == (prediction + label).tolist(), "its hour is kept"


def test_a_version_that_comes_back_after_it_was_retired_keeps_what_is_counted_of_it_already() -> None:
    book = ModelBook("m", Windows(PANE, (HOUR,), (), DAY), ())
    book.begin(0)
    counts = np.zeros((8, COLUMNS), np.int64)
    counts[0, OF_CLASS] = 1
    series = book._begin(("1", "", ""), Ring(book.windows, 8, 0))
    for end in (0, 2 * PANE):
        series.ring.add(end, counts)
    book.retire("1")
    for _ in range(2):
        book.step()
    assert book.series["1", "", ""].ring.sums[HOUR].tolist() == counts.tolist()


def test_an_alert_of_a_class_that_its_rule_does_not_mean_any_more_is_of_no_rule() -> None:
    slo = Slo("recall", (("model", "*"), ("class", "!spam")), 0.9)
    asked = Asked(RuleSet("d", PANE, slos=(slo,)), "m")
    spam, ham = (
        Instance("recall", "slo", labels, fingerprint("recall", labels))
        for labels in (identity("m", "1", None, name) for name in ("spam", "ham"))
    )
    assert (asked.is_of(spam), asked.is_of(ham)) == (False, True)


@pytest.mark.parametrize(
    ("rule", "is_of"),
    [
        (DriftRule("d", ("performance",), ALL), True),
        (DriftRule("d", ("prediction",), ALL), False),
        (DriftRule("d", ("performance",), ALL, windows=("7d",)), False),
        (DriftRule("d", ("performance",), (("segment.country", ""),)), False),
    ],
)
def test_a_drift_alert_that_its_rule_does_not_mean_any_more_is_of_no_rule(rule: DriftRule, is_of: bool) -> None:
    labels = labels_of(model="m", version="1", window="1h", kind="performance", **{"segment.country": "DE"})
    one = Instance("d", "drift", labels, fingerprint("d", labels))
    assert Asked(RuleSet("d", PANE, drifts=(rule,)), "m").is_of(one) == is_of
