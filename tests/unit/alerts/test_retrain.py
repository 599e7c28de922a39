"""Requests to retrain: what they need, asked once, answered, withdrawn or expired."""

from typing import Any

import msgspec
import pytest

from streams.alerts.instance import Ending, Instance, Transition, digest, fingerprint, labels_of
from streams.alerts.machine import end, step
from streams.alerts.retrain import ClassState, Facts, RetrainState, answered, judge_retrain
from streams.alerts.rules.model import DAY, HOUR, Retrain
from streams.alerts.verdict import Verdict

T0 = 20_000 * DAY
RULE = Retrain("again", "m", "recall")


def of_class(remaining: float | None = -0.2, name: str = "fraud", version: str = "1", **more: Any) -> ClassState:
    return ClassState(version, name, remaining, 1000, 150, 800)._replace(**more)


def facts(*classes: ClassState, **more: Any) -> Facts:
    return Facts("m", classes, 1.0)._replace(**more)


BAD, WELL = facts(of_class()), facts(of_class(0.3))


class Story:
    """A rule's state and alert, hour by hour."""

    def __init__(self, rule: Retrain = RULE) -> None:
        labels = labels_of(model="m")
        self.rule, self.state, self.t = rule, RetrainState(), T0
        self.alert = Instance(rule.name, "retrain", labels, fingerprint(rule.name, labels))

    def hour(self, what: Facts) -> list[Transition]:
        self.t += HOUR
        return self.now(what)

    def now(self, what: Facts) -> list[Transition]:
        self.state = msgspec.json.decode(msgspec.json.encode(self.state), type=RetrainState)
        answer = judge_retrain(self.rule, self.state, what, self.t)
        if answer.ending is not None:
            return end(self.alert, self.t, answer.ending)
        return step(self.alert, answer.judgement, self.t, HOUR, refuted=answer.refuted)

    def days(self, what: Facts, count: float) -> list[tuple[float, str, str | None]]:
        """Days since the beginning, and what changed."""
        found = []
        for _ in range(round(count * 24)):
            found += [((each.t - T0) / DAY, str(each.change), each.reason) for each in self.hour(what)]
        return found


def test_it_asks_after_enough_bad_slices() -> None:
    assert Story().days(BAD, 6) == [(3.0, "firing", None)]


def test_bad_days_need_not_follow_each_other_but_be_within_five() -> None:
    story = Story()
    assert [story.days(what, 1) for what in (BAD, WELL, BAD, WELL)] == [[]] * 4
    assert story.days(BAD, 1) == [(5.0, "firing", None)]
    story = Story()
    assert [story.days(what, 1) for what in (BAD, WELL, WELL, BAD, WELL, BAD)] == [[]] * 6


def test_a_slice_is_told_by_its_end() -> None:
    story = Story()
    assert story.days(BAD, 2.9) + story.days(WELL, 0.1) + story.days(BAD, 0.9) == []
    assert story.days(BAD, 0.1) == [(4.0, "firing", None)]


def test_a_different_class_each_day_is_nobody() -> None:
    story = Story()
    assert [story.days(facts(of_class(name=name), of_class(0.5, "ok")), 1) for name in "abcde"] == [[]] * 5


def test_it_does_not_ask_when_the_budget_is_no_more_overspent() -> None:
    story = Story(msgspec.structs.replace(RULE, slices_bad=1))
    assert story.days(BAD, 23 / 24) == []
    story.t += HOUR
    judge_retrain(story.rule, story.state, facts(of_class(), gate_open=True), story.t)
    assert story.days(WELL, 3) == []


def test_an_alert_that_is_active_for_long_asks_too() -> None:
    story = Story()
    firing = facts(of_class(0.4, firing_since=T0 + 5 * HOUR))
    assert story.days(firing, 4) == [(77 / 24, "firing", None)]
    assert story.alert.evidence["reason"] == "alert active for long"
    assert story.alert.evidence["first_bad"] == "2024-10-05T00:00:00.000Z"


@pytest.mark.parametrize(
    ("change", "blocked"),
    [
        ({"labels_broken_since": T0}, "labels or data are missing"),
        ({"completeness": 0.94}, "labels are not complete enough"),
        ({"completeness": None}, "labels are not complete enough"),
        ({"gate_open": True}, "a gate is open"),
        ({"muted": True}, "muted"),
        ({"others_asked_ms": T0 - 3 * DAY}, "asked not long ago"),
        ({"classes": (of_class(new_labels=499),)}, "too few new labels"),
    ],
)
def test_it_waits_for_what_it_requires(change: dict[str, Any], blocked: str) -> None:
    story = Story()
    assert story.days(BAD._replace(**change), 3.5) == []
    answer = judge_retrain(RULE, story.state, BAD._replace(**change), story.t + 1)
    assert answer.judgement.evidence == {"blocked": blocked}
    assert answer.judgement.verdict is Verdict.HOLD
    assert story.days(BAD, 1) == [(3 + 13 / 24, "firing", None)]


def test_classes_without_enough_new_labels_do_not_hold_the_others_up() -> None:
    story = Story()
    story.days(facts(of_class(name="rare", new_labels=3), of_class(name="fraud")), 3)
    assert story.state.request is not None
    assert story.state.request.affected == (("1", "fraud"),)
    assert story.alert.evidence["too_few_new_labels"] == 1


def test_a_request_says_what_to_train_and_why() -> None:
    story = Story()
    worst = of_class(-0.5, "theft", "2", share=0.7, n=200, bad=50)
    story.days(facts(of_class(), worst, of_class(0.5, "ok")), 3)
    told = dict(story.alert.evidence)
    assert told["request_id"] == digest(f"m|again|{T0 + DAY}")
    assert (told["versions"], told["classes"]) == ("1, 2", "1/fraud, 2/theft")
    assert (told["worst_version"], told["worst_class"], told["value"], told["n"]) == ("2", "theft", 0.75, 200)
    assert told["lower95"] == pytest.approx(0.6857, abs=1e-4)
    assert told["upper95"] == pytest.approx(0.8049, abs=1e-4)
    assert (told["mode"], told["budget"], told["reason"]) == ("propose", "recall", "budget exhausted")
    assert told["training_cutoff"] == "2024-10-07T00:00:00.000Z"


def test_it_does_not_depend_on_the_order_of_classes() -> None:
    classes = [of_class(name=name, version=version) for name in "abc" for version in "12"]
    stories = [Story(), Story()]
    stories[0].days(facts(*classes), 4)
    stories[1].days(facts(*reversed(classes)), 4)
    assert (stories[0].state, stories[0].alert) == (stories[1].state, stories[1].alert)


def test_the_names_in_a_request_are_bounded() -> None:
    story = Story()
    story.days(facts(*(of_class(name=f"c{i:03}") for i in range(100))), 3)
    assert str(story.alert.evidence["classes"]).endswith("1/c019 and 80 more")


def test_it_is_withdrawn_when_the_budget_recovers() -> None:
    story = Story()
    story.days(BAD, 3.5)
    assert story.days(facts(of_class(0.1, firing_since=T0)), 1) == []
    assert story.days(facts(of_class(None)), 1) == []
    assert story.days(WELL, 1) == [(5.5 + 1 / 24, "resolved", "recovered")]


def test_it_is_withdrawn_when_its_version_is_gone() -> None:
    story = Story()
    story.days(BAD, 3.5)
    assert story.days(facts(of_class(name="fraud", version="2")), 1) == [(3.5 + 1 / 24, "resolved", "recovered")]


def test_it_is_withdrawn_when_labels_were_the_cause() -> None:
    story = Story()
    story.days(BAD, 3)
    assert story.hour(BAD._replace(labels_broken_since=story.t - HOUR))[0].reason == Ending.CORRECTED
    story = Story()
    story.days(BAD, 3)
    assert story.hour(facts(of_class(0.2, corrected=True)))[0].reason == Ending.CORRECTED


def test_labels_that_break_long_after_it_are_not_the_cause() -> None:
    story = Story()
    story.days(BAD, 5)
    assert story.hour(BAD._replace(labels_broken_since=story.t)) == []


def test_it_asks_once_in_a_cooldown_and_then_about_something_new() -> None:
    story = Story()
    story.days(BAD, 4)
    first = story.alert.evidence["request_id"]
    assert story.days(WELL, 1) == [(4 + 1 / 24, "resolved", "recovered")]
    assert story.days(BAD, 6) == [(10.0, "firing", None)]
    assert story.alert.evidence["request_id"] not in {first, None}


def test_slices_and_hours_before_a_request_do_not_count_again() -> None:
    story = Story(msgspec.structs.replace(RULE, cooldown_ms=DAY))
    story.days(BAD, 3.5)
    assert story.days(WELL, 0.5)[0][1] == "resolved"
    assert story.days(BAD, 3) == [(7.0, "firing", None)]
    story = Story(msgspec.structs.replace(RULE, cooldown_ms=DAY))
    firing = facts(of_class(0.4, firing_since=T0))
    assert story.days(firing, 4) == [(3.0, "firing", None)]
    assert story.state.request is not None
    first = story.state.request.id
    assert answered(story.state, first, "rejected")
    assert story.days(firing, 3) == [(4 + 1 / 24, "resolved", "rejected"), (6.0, "firing", None)]
    assert story.state.request.id != first


def test_one_that_is_not_answered_expires_and_is_asked_again() -> None:
    story = Story()
    assert story.days(BAD, 20) == [
        (3.0, "firing", None),
        (17.0, "resolved", "expired"),
        (17 + 1 / 24, "firing", None),
    ]


def test_an_acknowledged_one_has_the_whole_time_again() -> None:
    story = Story()
    story.days(BAD, 13)
    assert story.state.request is not None
    assert answered(story.state, story.state.request.id, "acknowledged")
    assert story.days(BAD, 14) == []
    assert story.days(BAD, 1)[0] == (27 + 1 / 24, "resolved", "expired")


@pytest.mark.parametrize("became", ["completed", "rejected"])
def test_an_answer_ends_it(became: str) -> None:
    story = Story()
    story.days(BAD, 4)
    assert story.state.request is not None
    assert not answered(story.state, "another", became)
    assert story.hour(BAD) == []
    assert answered(story.state, story.state.request.id, became)
    assert story.days(BAD, 1) == [(4 + 2 / 24, "resolved", became)]
    assert not answered(story.state, "another", became)


def test_asking_twice_about_a_step_changes_nothing() -> None:
    story = Story()
    for _ in range(18 * 24):
        story.hour(BAD)
        before = (msgspec.json.encode(story.state), msgspec.json.encode(story.alert))
        assert story.now(BAD) == []
        assert (msgspec.json.encode(story.state), msgspec.json.encode(story.alert)) == before
