"""The gate over the counts of two versions: what it compares, when it decides, and what a decision is worth later."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import numpy as np
import pytest

from streams.alerts.evidence.ring import HITS, OF_CLASS, PREDICTED, SUPPORT, Ring, Windows
from streams.alerts.evidence.series import Hours, Series
from streams.alerts.gate.arms import GateState, gate_judgement, gate_labels, judge_gate
from streams.alerts.gate.body import GateResult
from streams.alerts.gate.evaluation import judge_history
from streams.alerts.rules.model import DAY, HOUR, MINUTE, Canary, Severity
from streams.alerts.verdict import Verdict

STEP = 5 * MINUTE
T0 = 1_000 * DAY
WINDOWS = Windows(STEP, (HOUR,), (), 28 * DAY)
CANARY = Canary("fraud-gate", "fraud", margin=0.02)
Rates = Mapping[str, tuple[int, int]]  # labelled events and hits of each class in an hour


class Version:
    """A version of a model that a test feeds by the hour."""

    def __init__(self, classes: list[str], t: int = T0) -> None:
        self.series = Series("fraud", "v", None, classes, Ring(WINDOWS, len(classes), t))

    def hour(self, rates: Rates, unlabelled: int = 0) -> None:
        """One more hour, all of it in its first step."""
        self.step(rates, unlabelled)
        for _ in range(HOUR // STEP - 1):
            self.series.ring.step()

    def step(self, rates: Rates, unlabelled: int = 0) -> None:
        """One more step."""
        ring = self.series.ring
        delta = np.zeros((len(self.series.classes), 4), np.int64)
        for name, (n, hits) in rates.items():
            c = self.series.classes.index(name)
            delta[c, [SUPPORT, HITS, PREDICTED, OF_CLASS]] += (n, hits, hits, hits)
            delta[0, [PREDICTED, OF_CLASS]] += n - hits  # what it gets wrong it calls the first class
        delta[0, OF_CLASS] += unlabelled
        if delta.any():
            ring.add(ring.t + STEP, delta)
        ring.step()


class Race:
    """Two versions hour by hour, and the gate at each full hour."""

    def __init__(self, canary: Canary = CANARY) -> None:
        self.canary, self.state = canary, GateState()
        classes = ["fraud", "ok"]
        self.own, self.base = Version(classes), Version(classes)

    def hour(self, own: Rates, base: Rates, /, **missing: int) -> GateResult:
        self.own.hour(own, missing.get("own", 0))
        self.base.hour(base, missing.get("base", 0))
        return self.judge()

    def judge(self, pairs: Mapping[str, tuple[int, int, int, int]] | None = None) -> GateResult:
        own, base = self.own.series, self.base.series
        return judge_gate(self.canary, "42", "41", own, base, own.t, 30 * MINUTE, self.state, pairs)

    def hours(self, count: int, own: Rates, base: Rates) -> Iterator[GateResult]:
        for _ in range(count):
            yield self.hour(own, base)


GOOD: Rates = {"fraud": (100, 90), "ok": (1000, 950)}
BAD: Rates = {"fraud": (100, 60), "ok": (1000, 950)}
NOTHING: Rates = {}


def canary(**changes: Any) -> Canary:
    return msgspec.structs.replace(CANARY, **changes)


def test_versions_that_are_equal_pass_as_soon_as_there_is_enough() -> None:
    results = list(Race().hours(48, GOOD, GOOD))
    verdicts = [r.verdict for r in results]
    first = [v.value for v in verdicts].index("pass")
    assert set(verdicts[:first]) == {"inconclusive"}
    assert set(verdicts[first:]) == {"pass"}
    assert results[first].body["reason"].startswith("balanced accuracy differs by +0.0000, at least -0.01")


def test_a_pass_stands_with_the_body_of_its_step_and_is_told_once() -> None:
    results = list(Race().hours(48, GOOD, GOOD))
    decided = [r for r in results if r.verdict == "pass"]
    assert len(decided) > 2
    assert all(r.body == decided[0].body for r in decided)
    assert [r.is_new for r in decided] == [True, *[False] * (len(decided) - 1)]
    assert all(r.is_new for r in results if r.verdict == "inconclusive")
    assert (decided[-1].t, decided[-1].settled_at) == (decided[0].t, decided[0].t + 30 * MINUTE)


def test_a_class_that_is_left_out_keeps_no_gate_undecided_and_vetoes_nothing() -> None:
    rare: Rates = {"fraud": (1, 0), "ok": (1000, 950)}
    whole, part = Race(canary(min_support=100)), Race(canary(min_support=100, cls="!fraud"))
    assert list(whole.hours(48, rare, rare))[-1].verdict == "inconclusive"
    passed = list(part.hours(48, rare, rare))[-1]
    assert (passed.verdict, [c["class"] for c in passed.body["classes"]]) == ("pass", ["ok"])
    assert passed.body["label_completeness"] == 1.0
    assert list(Race(canary(cls="ok")).hours(48, BAD, GOOD))[-1].verdict == "pass"
    nothing = Race(canary(cls="other")).hour(GOOD, GOOD)
    assert nothing.body["reason"] == "neither version has a labelled event yet of a class that is compared"


def test_other_classes_are_another_question() -> None:
    race = Race()
    assert list(race.hours(48, BAD, GOOD))[-1].verdict == "fail"
    race.canary = canary(cls="ok")
    assert race.judge().verdict == "pass"


def test_what_was_said_is_not_said_again() -> None:
    race = Race()
    first = list(race.hours(2, GOOD, GOOD))[-1]
    night = list(race.hours(3, NOTHING, NOTHING))
    assert [(r.is_new, r.body) for r in night] == [(False, first.body)] * 3
    assert race.hour(GOOD, GOOD).is_new


def test_a_candidate_that_passed_and_gets_worse_fails_for_good() -> None:
    race = Race()
    assert list(race.hours(48, GOOD, GOOD))[-1].verdict == "pass"
    worse = list(race.hours(72, {"fraud": (100, 40), "ok": (1000, 950)}, GOOD))
    assert worse[0].verdict == "pass"
    assert worse[-1].verdict == "fail"
    failed = next(r for r in worse if r.verdict == "fail")
    again = list(race.hours(48, {"fraud": (100, 100), "ok": (1000, 1000)}, GOOD))
    assert {r.verdict for r in again} == {"fail"}
    assert again[-1].body == failed.body
    assert not again[-1].is_new


def test_a_fail_names_the_class_and_the_numbers_and_fires() -> None:
    race = Race()
    result = list(race.hours(6, BAD, GOOD))[-1]
    assert result.verdict == "fail"
    assert "class fraud is worse: -0.3000, at most " in result.body["reason"]
    assert "the margin of a class is 0.05" in result.body["reason"]
    judgement = gate_judgement(CANARY, result)
    assert (judgement.verdict, judgement.severity) == (Verdict.BREACH, Severity.TICKET)
    assert judgement.evidence["vetoes"] == "fraud"
    assert judgement.evidence["delta"] == result.body["delta"]
    assert gate_labels("fraud", "42") == (("model", "fraud"), ("version", "42"))


def test_a_pass_is_clear_and_anything_else_says_nothing() -> None:
    race = Race()
    first = race.hour(GOOD, GOOD)
    assert gate_judgement(CANARY, first).verdict is Verdict.HOLD
    assert gate_judgement(CANARY, first).severity is None
    last = list(race.hours(48, GOOD, GOOD))[-1]
    assert gate_judgement(CANARY, last).verdict is Verdict.CLEAR
    assert gate_judgement(CANARY, last).support > 0


def test_only_hours_with_predictions_of_both_count() -> None:
    """The baseline was much better before the candidate came, and is now its equal."""
    race = Race()
    for _ in range(24):
        race.hour(NOTHING, {"fraud": (100, 100), "ok": (1000, 1000)})
    result = list(race.hours(5, GOOD, GOOD))[-1]
    assert result.body["delta"] == 0.0
    assert result.body["classes"] == [
        {"class": "fraud", "n": 500, "n_base": 500, "delta": 0.0, "veto": False},
        {"class": "ok", "n": 5000, "n_base": 5000, "delta": 0.0, "veto": False},
    ]
    assert result.body["window"] == {"from": "1972-09-28T00:00:00.000Z", "to": "1972-09-28T05:00:00.000Z"}


def test_without_a_shared_hour_there_is_nothing_to_say() -> None:
    result = list(Race().hours(3, NOTHING, GOOD))[-1]
    assert result.verdict == "inconclusive"
    assert result.body["reason"] == "there is no hour yet in which both versions have predictions"
    assert result.body["window"] is None
    assert result.body["candidate"] == {"version": "42", "balanced_accuracy": None}
    assert result.body["label_completeness"] is None


def test_a_class_that_the_candidate_has_not_met_is_waited_for() -> None:
    result = Race().hour({"fraud": (18, 16), "ok": (1000, 950)}, GOOD)
    assert result.body["reason"] == "class fraud: 18 of 30 candidate events"
    assert (result.body["verdict"], result.body["code"], result.body["delta"]) == ("inconclusive", 0, None)
    assert result.body["classes"][0] == {"class": "fraud", "n": 18, "n_base": 100, "delta": None, "veto": False}


def test_a_class_that_had_labels_before_the_candidate_came_is_waited_for_too() -> None:
    race = Race()
    race.hour(NOTHING, GOOD)
    only_ok: Rates = {"ok": (1000, 950)}
    result = list(race.hours(30, only_ok, only_ok))[-1]
    assert result.verdict == "inconclusive"
    assert result.body["reason"] == "class fraud: 0 of 30 candidate events"


def test_a_class_that_never_had_a_label_is_no_class_of_balanced_accuracy() -> None:
    only_ok: Rates = {"ok": (1000, 950)}
    result = list(Race().hours(30, only_ok, only_ok))[-1]
    assert [c["class"] for c in result.body["classes"]] == ["ok"]
    assert result.verdict == "pass"


def test_labels_that_are_missing_in_one_arm_hold_the_gate() -> None:
    race = Race()
    results = [race.hour(GOOD, GOOD, own=400) for _ in range(48)]
    assert {r.verdict for r in results} == {"inconclusive"}
    assert results[9].body["reason"] == (  # before a day has shown what is usual
        "73.3% of the candidate's predictions have a label and 100.0% of the baseline's"
    )
    assert results[-1].body["label_completeness"] == pytest.approx(1100 / 1500, abs=1e-6)


def test_labels_that_are_missing_against_what_is_usual_hold_the_gate() -> None:
    race = Race()
    for _ in range(48):
        race.hour(NOTHING, GOOD)
    results = [race.hour(GOOD, GOOD, own=400, base=400) for _ in range(20)]
    assert results[-1].verdict == "inconclusive"
    assert results[-1].body["reason"].startswith("73.3% of the candidate's predictions have a label; 9")


def test_a_topic_that_only_ever_gets_some_of_its_labels_is_complete_with_those() -> None:
    race = Race()
    results = [race.hour(GOOD, GOOD, own=800, base=800) for _ in range(48)]
    assert results[-1].verdict == "pass"


def test_what_is_not_decided_in_time_stays_so_and_a_person_decides() -> None:
    race = Race(canary(margin=0.001, max_duration_ms=12 * HOUR))
    results = list(race.hours(12, GOOD, GOOD))
    assert results[-1].body["reason"].startswith("not decided within 12 h, so a person decides; balanced accuracy")
    after = list(race.hours(24, {"fraud": (1000, 900), "ok": (9000, 8900)}, GOOD))
    assert {r.verdict for r in after} == {"inconclusive"}
    assert all(r.body == results[-1].body and not r.is_new for r in after)


def test_another_question_is_another_gate() -> None:
    race = Race()
    assert list(race.hours(6, BAD, GOOD))[-1].verdict == "fail"
    race.canary = canary(margin=0.5, class_margin=0.5)
    assert race.hour(BAD, GOOD).verdict == "pass"
    race.canary = canary(margin=0.5, class_margin=0.5, severity=Severity.PAGE)
    assert not race.hour(BAD, GOOD).is_new


def test_another_question_is_asked_of_the_same_events() -> None:
    race = Race(canary(margin=0.001, max_duration_ms=12 * HOUR))
    list(race.hours(24, GOOD, GOOD))
    race.canary = canary(margin=0.002, max_duration_ms=12 * HOUR)
    result = race.judge()
    assert result.is_new
    assert [c["n"] for c in result.body["classes"]] == [1200, 12000]
    assert result.body["reason"].startswith("not decided within 12 h")


def test_one_planned_look_says_nothing_before_and_once_then() -> None:
    race = Race(canary(test="fixed", max_duration_ms=8 * HOUR))
    results = list(race.hours(12, BAD, GOOD))
    assert [r.verdict for r in results] == [*["inconclusive"] * 7, *["fail"] * 5]
    assert results[0].body["reason"] == "the one look is at 1972-09-27T08:00:00.000Z"
    assert results[6].body["candidate"]["balanced_accuracy"] == pytest.approx(0.775)
    assert (results[6].body["lower"], results[6].body["upper"]) == (None, None)
    assert not any(c["veto"] for c in results[6].body["classes"])
    assert [r.is_new for r in results[7:]] == [True, False, False, False, False]


def test_planned_looks_are_at_equal_shares_of_the_time() -> None:
    race = Race(canary(test="obf:4", margin=0.005, max_duration_ms=16 * HOUR))
    slightly: Rates = {"fraud": (100, 89), "ok": (1000, 950)}
    results = list(race.hours(20, slightly, GOOD))
    assert results[2].body["reason"] == "look 1 of 4 is at 1972-09-27T04:00:00.000Z"
    assert [i + 1 for i, r in enumerate(results) if r.is_new and i >= 3] == [4, 8, 12, 16]
    reach = [r.body["delta"] - r.body["lower"] for r in (results[3], results[15])]
    assert reach[0] > 4 * reach[1]


def test_a_shadow_gate_without_pairs_says_that_it_is_cautious() -> None:
    result = list(Race(canary(design="shadow")).hours(3, GOOD, GOOD))[-1]
    assert result.body["reason"].endswith("both arms were taken as independent, which is cautious")


def test_a_shadow_gate_with_pairs_decides_on_fewer_events() -> None:
    race = Race(canary(design="shadow"))
    apart = list(race.hours(4, GOOD, GOOD))[-1]
    together = race.judge({"fraud": (358, 2, 2, 38), "ok": (3798, 2, 2, 198)})
    assert (apart.verdict, together.verdict) == ("inconclusive", "pass")
    assert "independent" not in together.body["reason"]


def test_it_is_looked_at_when_its_time_is_over() -> None:
    race = Race(canary(margin=0.0001, max_duration_ms=DAY + HOUR // 2))
    for _ in range(25 * HOUR // STEP):
        for version in (race.own, race.base):
            version.step({"fraud": (10, 9)})
        result = race.judge()
    assert result.t == T0 + DAY + HOUR // 2
    assert result.body["reason"].startswith("not decided within 24.5 h")


def test_after_a_day_it_is_looked_at_as_each_hour_is_full() -> None:
    race = Race(canary(margin=0.0001))
    looked = []
    for _ in range(27 * HOUR // STEP):
        for version in (race.own, race.base):
            version.step({"fraud": (10, 9)})
        if race.judge().is_new:
            looked.append(race.own.series.t - T0)
    day = list(range(STEP, DAY + STEP, STEP))
    assert looked == [*day, DAY + HOUR, DAY + 2 * HOUR, DAY + 3 * HOUR]


def test_a_gate_is_remembered_in_plain_values() -> None:
    there, back = Race(), Race()
    rates = [(GOOD, GOOD)] * 20 + [(BAD, GOOD)] * 20
    for own, base in rates:
        expected = there.hour(own, base)
        found = back.hour(own, base)
        back.state = msgspec.msgpack.decode(msgspec.msgpack.encode(back.state), type=GateState)
        assert found == expected


def test_an_evaluation_has_one_id_whoever_makes_it() -> None:
    first, second = list(Race().hours(4, GOOD, GOOD)), list(Race().hours(4, GOOD, GOOD))
    ids = [r.body["id"] for r in first]
    assert ids == [r.body["id"] for r in second]
    assert len(set(ids)) == 4


def test_differences_that_vary_between_hours_make_it_slower_to_decide() -> None:
    steady, restless = Race(canary(margin=0.012)), Race(canary(margin=0.012))
    for i in range(40):
        last = steady.hour(GOOD, GOOD)
        ok = (1000, 990 if i % 2 else 910)
        moved = restless.hour({"fraud": (100, 90), "ok": ok}, GOOD)
    assert last.verdict == "pass"
    assert moved.body["delta"] == 0.0
    assert moved.verdict == "inconclusive"


@pytest.mark.parametrize(("test", "bound"), [("fixed", 1.645), ("obf:5", 1.740)])
def test_a_history_that_is_over_is_looked_at_for_the_last_time(test: str, bound: float) -> None:
    n = np.array([[3000]])
    counts = Hours(np.array([0]), n, n - 300, n, n)
    result = judge_history(canary(test=test), ("42", "41"), (["a"], counts), (["a"], counts), DAY)
    share = 2701 / 3002
    error = (2 * share * (1 - share) / 3000) ** 0.5
    assert result.body["lower"] == pytest.approx(-bound * error, rel=1e-3)
    assert (result.t, result.body["window"]["to"]) == (DAY, "1970-01-02T00:00:00.000Z")
