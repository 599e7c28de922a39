"""A version that another one took over from: nobody is told again, its alerts end soon, and it may come back."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import numpy as np
import pytest

from streams.alerts.fold import Alerts
from streams.alerts.orders import RulesOrder
from streams.alerts.rules.model import (
    DAY,
    HOUR,
    MINUTE,
    Comparison,
    NoData,
    Op,
    Retrain,
    Rule,
    RuleSet,
    Severity,
    Slo,
    Tier,
)
from streams.alerts.telling.state import state_of
from streams.formats.columns import Group
from streams.ledger.spec import Timing
from streams.quality.counts.details import SHIFT
from streams.quality.counts.names import Names
from streams.quality.counts.shares import Changes
from streams.quality.spec import QualitySpec, parse_window

STEP = 30 * MINUTE
SPEC = QualitySpec((parse_window("24h"),), STEP, Timing(settle_ms=HOUR), detail_ms=STEP)
ALL = (("model", "*"),)
FAST = Tier("fast", Severity.PAGE, 2 * HOUR, STEP, 1e-4, 0.3)
RULES = RuleSet(
    "h",
    STEP,
    slos=(Slo("recall", ALL, 0.9, tiers=(FAST,), no_data=None),),
    rules=(Rule("low", "accuracy", ALL, DAY, Comparison("value", Op.LT, 0.8), no_data=NoData()),),
    retire_after_ms=3 * DAY,
)
WATCHED = RuleSet("h", STEP, slos=(Slo("recall", ALL, 0.9, tiers=(FAST,), no_data=NoData(2 * HOUR)),))
Step = Mapping[str, tuple[int, int]]
"""Predictions of the class a, and wrong ones, by version."""

WELL, BAD, NONE = (20, 0), (20, 15), (0, 0)
ALL_OF_IT = (40, 0)


def rows_of(steps: Iterable[Step], restart_every: int = 0, rules: RuleSet = RULES) -> list[dict[str, Any]]:
    """The rows of the alerts topic over steps from time 0; with `restart_every` nothing is left but checkpoints."""
    alerts, names = Alerts(SPEC), Names(SPEC)
    alerts.order(RulesOrder(rules))
    found: list[dict[str, Any]] = []
    for n, step in enumerate(steps):
        if restart_every and n % restart_every == 0:
            state = msgspec.msgpack.decode(msgspec.msgpack.encode([alerts.dump(), names.dump()]), strict=False)
            alerts, names = Alerts(SPEC), Names(SPEC)
            names.load(state[1])
            alerts.load(state[0])
        for version, (events, wrong) in step.items():
            cells = [("a", "a", events - wrong), ("a", "b", wrong)]
            told = [(a, p, count) for a, p, count in cells if count]
            codes = [names.class_number(a) << SHIFT | names.class_number(p) for a, p, _ in told]
            group = names.group_number(Group("m", version, ()))
            columns = ([group] * len(told), [n] * len(told), codes, [count for *_, count in told])
            changes = Changes(*(np.array(column, np.int64) for column in columns))
            alerts.counted((n + 1) * STEP + HOUR - 1, changes, names)
        for _ in alerts.closing((n + 1) * STEP + HOUR, names):
            pass
        found += [dict(row.value) for row in alerts.take_rows() if row.stream == "alerts"]
    return [row for row in found if row["schema"] == "quality.alert.v1"]


def both(new: tuple[int, int], old: tuple[int, int], hours: int) -> list[Step]:
    return [{"2": new, "1": old}] * (hours * 2)


def ends_of(rows: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """(rule, version, reason) of everything that is resolved."""
    return [(row["rule"], row["model_version"], row["reason"]) for row in rows if row["kind"] == "resolved"]


def at(row: dict[str, Any]) -> float:
    """The hour of a row."""
    return state_of(row).t / HOUR


ROLLED_BACK = [*both(BAD, WELL, 8), *both(NONE, ALL_OF_IT, 30)]


def test_alerts_of_a_version_that_was_rolled_back_end_after_some_hours() -> None:
    rows = [row for row in rows_of(ROLLED_BACK) if row["model_version"] == "2"]
    assert {row["rule"] for row in rows if row["kind"] == "firing"} == {"recall", "low"}
    assert sorted(ends_of(rows)) == [("low", "2", "version_retired"), ("recall", "2", "version_retired")]
    assert {at(row) for row in rows if row["kind"] == "resolved"} == {14.0}
    flagged = {row["rule"]: at(row) for row in reversed(rows) if row["replaced"]}
    assert flagged == {"low": 9.0, "recall": 9.0}, "an hour after its last prediction, whenever the next row is due"
    assert at(rows[-1]) == 14.0, "the window of a day is still below: it is not asked"


def test_it_is_the_same_over_restarts() -> None:
    assert rows_of(ROLLED_BACK, restart_every=1) == rows_of(ROLLED_BACK)


def test_a_version_that_comes_back_is_judged_by_all_that_was_counted_of_it() -> None:
    rows = rows_of([*ROLLED_BACK[: 2 * 18], *both(BAD, WELL, 3)])
    fired = [row for row in rows if row["kind"] == "firing" and row["rule"] == "low"]
    assert [at(row) for row in fired] == [0.5, 18.5]
    assert fired[1]["evidence"]["support"] == 340
    assert not fired[1]["replaced"]


def test_without_another_version_it_is_a_silence_like_every_other() -> None:
    rows = rows_of([*both(BAD, NONE, 4), *both(NONE, NONE, 24 * 4)])
    assert {at(row) for row in rows if row["reason"] == "version_retired"} == {4.0 + 72}
    assert not any(row["replaced"] for row in rows)


def test_a_night_is_no_end() -> None:
    day, dusk = both(BAD, WELL, 12), [{"1": WELL}] * 3
    rows = rows_of([*day, *dusk, *both(NONE, NONE, 10), {"1": WELL}, *day])
    assert {rule for rule, *_ in ends_of(rows)} == set()
    assert [at(row) for row in rows if row["kind"] == "firing" and row["rule"] == "recall"] == [0.5]


@pytest.mark.parametrize(("pause_h", "ended_at"), [(8, []), (3, [76.0])])
def test_a_version_that_often_pauses_is_waited_for(pause_h: int, ended_at: list[float]) -> None:
    seldom = [{"1": WELL, "2": (4, 4) if n % (2 * pause_h) == 0 else NONE} for n in range(6 * 24)]
    quiet = [*seldom, *both(NONE, WELL, 12)]
    rows = [row for row in rows_of(quiet) if row["rule"] == "low"]
    assert [at(row) for row in rows if row["kind"] == "resolved"] == ended_at


def test_a_version_with_little_history_is_waited_for_a_day() -> None:
    rows = [row for row in rows_of([{"1": WELL, "2": BAD}, *both(NONE, ALL_OF_IT, 30)]) if row["model_version"] == "2"]
    assert {at(row) for row in rows if row["kind"] == "resolved"} == {25.0}


def test_nothing_fires_anew_of_a_version_that_is_out_of_service() -> None:
    """The bad hours are a small part of the window of a day at first: below it falls when they are alone in it."""
    served = [*both(NONE, ALL_OF_IT, 1), *both((40, 0), NONE, 22), *both((40, 30), NONE, 2)]
    low = Rule("low", "accuracy", ALL, DAY, Comparison("value", Op.LT, 0.8), severity=Severity.PAGE, no_data=None)
    rules = RuleSet("h", STEP, rules=(low,), retire_after_ms=3 * DAY)
    back = [*served, *both(NONE, ALL_OF_IT, 40)]
    assert rows_of(back, rules=rules) == []
    rows = rows_of([*back, *both((40, 30), NONE, 1)], rules=rules, restart_every=7)
    assert [(row["kind"], row["replaced"], at(row)) for row in rows] == [("firing", False, 65.5)]


def test_what_fires_between_the_rollback_and_the_end_is_flagged() -> None:
    served = [*both(NONE, ALL_OF_IT, 1), *both((40, 40), NONE, 2), *both(WELL, NONE, 18)]
    low = Rule("low", "accuracy", ALL, 22 * HOUR, Comparison("value", Op.GT, 0.89), severity=Severity.PAGE)
    rows = rows_of([*served, *both(NONE, ALL_OF_IT, 12)], rules=RuleSet("h", STEP, rules=(low,)))
    of_old = [(row["kind"], row["replaced"], at(row)) for row in rows if row["model_version"] == "2"]
    assert of_old[0] == ("firing", True, 24.0)


def silences(after: Step, rules: RuleSet = WATCHED) -> list[tuple[str, float]]:
    """When the alert about missing data of version 1 fires and ends; it serves for 2 d and then stops."""
    rows = rows_of([*[{"1": (500, 0), "2": (5, 0)}] * 96, *[after] * 48], rules=rules)
    changed = [row for row in rows if row["rule"] == "recall/no-data" and row["kind"] in {"firing", "resolved"}]
    return [(row["kind"], at(row)) for row in changed if row["model_version"] == "1"]


def test_a_busy_version_that_dies_beside_a_small_canary_is_missed() -> None:
    assert silences({"2": (5, 0)}) == [("firing", 50.0)]
    assert silences({"2": (250, 0)}) == [("firing", 50.0)]


def test_a_version_whose_predictions_another_one_takes_is_not_missed() -> None:
    assert silences({"2": (500, 0)}) == []
    soon = RuleSet("h", STEP, slos=(msgspec.structs.replace(WATCHED.slos[0], no_data=NoData(STEP)),))
    assert silences({"2": (500, 0)}, soon) == [], "within the first hour nobody knows"
    assert silences({"2": (5, 0)}, soon) == [("firing", 49.0)]


def test_a_small_canary_is_replaced_by_night_too() -> None:
    def hour(n: int, canary: bool) -> Step:
        busy = 400 if n % 24 in range(8, 20) else 20
        return {"1": (busy, 0), "2": (busy // 20 if canary else 0, busy // 20 if canary else 0)}

    steps = [hour(n // 2, n < 2 * 68) for n in range(2 * 80)]
    rows = [row for row in rows_of(steps) if row["model_version"] == "2"]
    assert [at(row) for row in rows if row["replaced"]][:1] == [69.0]
    assert {at(row) for row in rows if row["reason"] == "version_retired"} == {74.0}


def test_nobody_is_asked_to_train_a_version_that_was_taken_back() -> None:
    asked = Retrain("again", "m", "recall", new_labels_per_class=10)
    rules = RuleSet("h", STEP, slos=RULES.slos, retrains=(asked,))
    bad = [*both(NONE, ALL_OF_IT, 24), *both((40, 32), NONE, 24 * 2)]
    stays = [row for row in rows_of([*bad, *both((40, 32), NONE, 24 * 4)], rules=rules) if row["rule"] == "again"]
    assert [row["kind"] for row in stays][:1] == ["firing"]
    back = [row for row in rows_of([*bad, *both(NONE, ALL_OF_IT, 24 * 4)], rules=rules) if row["rule"] == "again"]
    assert back == []


def test_a_damaged_state_is_told() -> None:
    alerts = Alerts(SPEC)
    alerts.order(RulesOrder(RULES))
    names = Names(SPEC)
    column = np.array([1], np.int64)
    group = np.array([names.group_number(Group("m", "1", ()))], np.int64)
    code = np.array([names.class_number("a") << SHIFT | names.class_number("a")], np.int64)
    alerts.counted(0, Changes(group, column, code, column), names)
    state: Any = alerts.dump()
    state["models"]["m"]["left"] = [["2", "yesterday"]]
    with pytest.raises(ValueError, match="out of service"):
        Alerts(SPEC).load(state)
    del state["models"]["m"]["left"]
    Alerts(SPEC).load(state)  # one from before there was such a thing
