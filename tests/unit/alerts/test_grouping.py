"""Rollups and inhibition: a version that fails as a whole speaks once, and nothing is lost by it."""

import pytest

from streams.alerts.grouping import Group, groups, inhibitions, is_refuted, judge_rollup, note_members
from streams.alerts.instance import Instance, Labels, Phase, fingerprint, labels_of
from streams.alerts.machine import set_muted, step
from streams.alerts.rules.conditions import OF_ROLLUPS, parse_condition
from streams.alerts.rules.model import HOUR, Rollup, Severity
from streams.alerts.verdict import Judgement, Policy, Verdict
from tests.support.rule_cases import told

T = 1_000 * HOUR
ROLLUP = Rollup("degraded", "recall", parse_condition("firing_classes >= 3 or firing_share >= 0.5", OF_ROLLUPS))


def alert(
    rule: str,
    name: str | None = None,
    phase: Phase = Phase.FIRING,
    severity: Severity = Severity.TICKET,
    version: str | None = "1",
) -> Instance:
    labels: Labels = labels_of(model="m", version=version, **{"class": name})
    return Instance(rule, "slo", labels, fingerprint(rule, labels), phase, T, T, severity=severity, last_t=T)


def judged(firing: int, classes: int, phase: Phase = Phase.FIRING) -> Judgement:
    members = [alert("recall", f"c{i:02}", phase) for i in range(firing)]
    (group,) = groups(ROLLUP, [*members, alert("degraded", phase=Phase.INACTIVE)])
    return judge_rollup(ROLLUP, group, classes)


@pytest.mark.parametrize(
    ("firing", "classes", "verdict"),
    [
        (0, 10, Verdict.CLEAR),
        (2, 10, Verdict.CLEAR),
        (3, 10, Verdict.BREACH),
        (2, 4, Verdict.BREACH),
        (1, 3, Verdict.CLEAR),
        (2, 0, Verdict.CLEAR),
    ],
)
def test_a_version_fails_as_a_whole_by_the_number_or_share_of_its_classes(
    firing: int, classes: int, verdict: Verdict
) -> None:
    assert judged(firing, classes).verdict is verdict


def test_what_recovers_still_counts_and_what_is_pending_does_not() -> None:
    assert judged(3, 10, Phase.RECOVERING).verdict is Verdict.BREACH
    assert judged(3, 10, Phase.PENDING).verdict is Verdict.CLEAR


def test_its_evidence_names_the_classes() -> None:
    judgement = judged(3, 10)
    assert judgement.severity is Severity.PAGE
    assert judgement.evidence == {
        "of": "recall",
        "firing_classes": 3,
        "firing_share": 0.3,
        "classes": 10,
        "firing": "c00, c01, c02",
    }
    assert str(judged(25, 30).evidence["firing"]).endswith("c19 and 5 more")
    assert judged(2, 0).evidence["firing_share"] is None


def test_brackets_mean_what_they_say() -> None:
    when = parse_condition("firing_classes >= 2 and (firing_share >= 0.9 or firing_classes > 4)", OF_ROLLUPS)
    rollup = Rollup("degraded", "recall", when)
    said = []
    for firing, classes in ((1, 1), (2, 2), (4, 8), (5, 50)):
        members = tuple(alert("recall", f"c{i}") for i in range(firing))
        said.append(judge_rollup(rollup, Group((), members), classes).verdict is Verdict.BREACH)
    assert said == [False, True, False, True]


def test_it_does_not_come_and_go_with_one_class_but_goes_with_the_last() -> None:
    assert judged(1, 10).policy.keep_firing_ms == HOUR
    assert judged(0, 10).policy.keep_firing_ms == 0


def test_groups_are_by_model_and_version_whatever_the_segment() -> None:
    eu = labels_of(model="m", version="1", segment__region="eu", **{"class": "a"})
    members = [alert("recall", "a"), Instance("recall", "slo", eu, fingerprint("recall", eu))]
    found = groups(ROLLUP, [*members, alert("recall", "a", version="2"), alert("other", "a")])
    assert [(dict(group.labels)["version"], len(group.members)) for group in found] == [("1", 2), ("2", 1)]


def test_a_rollup_without_members_left_is_still_judged() -> None:
    (group,) = groups(ROLLUP, [alert("degraded")])
    assert group == Group(labels_of(model="m", version="1"), ())
    assert judge_rollup(ROLLUP, group, 10).verdict is Verdict.CLEAR


def speaks_for(*instances: Instance, muted: tuple[Instance, ...] = ()) -> dict[str, list[str]]:
    """Rule and class of whom somebody speaks for, and the rules of those."""
    names = {one.fingerprint: "/".join((one.rule, *dict(one.labels).get("class", ""))) for one in instances}
    quiet = {one.fingerprint for one in muted}
    found = inhibitions(instances, [ROLLUP], ["labels", "join"], lambda one: one.fingerprint in quiet)
    return {names[one]: [names[by] for by in speakers] for one, speakers in found.items()}


def test_a_rollup_speaks_for_its_members_and_nobody_else() -> None:
    others = (alert("recall", "z", version="2"), alert("other", "b"))
    assert speaks_for(alert("degraded", severity=Severity.PAGE), alert("recall", "a"), *others) == {
        "recall/a": ["degraded"]
    }


def test_a_rollup_that_is_over_or_waits_speaks_for_nobody() -> None:
    for phase in (Phase.INACTIVE, Phase.PENDING):
        assert speaks_for(alert("degraded", phase=phase), alert("recall", "a")) == {}


def test_a_rollup_can_be_told_to_speak_for_nobody() -> None:
    rollup = Rollup("degraded", "recall", ROLLUP.when, inhibits="none")
    assert inhibitions([alert("degraded"), alert("recall", "a")], [rollup], [], lambda _: False) == {}


def test_a_ticket_never_speaks_for_a_page_of_its_members() -> None:
    page = alert("recall", "a", severity=Severity.PAGE)
    assert speaks_for(alert("degraded", severity=Severity.TICKET), page, alert("recall", "b")) == {
        "recall/b": ["degraded"]
    }


def test_an_alert_about_the_data_speaks_for_every_other_one_of_the_version() -> None:
    found = speaks_for(
        alert("labels", severity=Severity.PAGE),
        alert("degraded", severity=Severity.PAGE),
        alert("recall", "a"),
        alert("recall", "b", version="2"),
    )
    assert {name: sorted(by) for name, by in found.items()} == {
        "degraded": ["labels"],
        "recall/a": ["degraded", "labels"],
    }


def test_a_ticket_about_the_data_never_speaks_for_a_page() -> None:
    page = alert("recall", "a", severity=Severity.PAGE)
    assert speaks_for(alert("labels"), page, alert("recall", "b")) == {"recall/b": ["labels"]}


def test_an_alert_about_the_data_does_not_speak_for_the_one_that_there_is_none() -> None:
    found = speaks_for(alert("labels"), alert("labels/no-data"), alert("recall/no-data"))
    assert found == {"recall/no-data": ["labels"]}


def test_an_alert_about_the_data_of_the_model_speaks_for_all_its_versions() -> None:
    assert speaks_for(alert("labels", version=None), alert("recall", "a"), alert("recall", "b", version="2")) == {
        "recall/a": ["labels"],
        "recall/b": ["labels"],
    }


def test_two_that_speak_for_all_others_do_not_silence_each_other() -> None:
    assert speaks_for(alert("labels"), alert("join")) == {}


def test_who_is_muted_speaks_for_nobody() -> None:
    rollup = alert("degraded", severity=Severity.PAGE)
    assert speaks_for(rollup, alert("recall", "a"), muted=(rollup,)) == {}


def test_members_are_told_again_when_the_rollup_is_over() -> None:
    rollup, member = alert("degraded", severity=Severity.PAGE), alert("recall", "a")
    said: list[str] = []
    for hour in (1, 2, 3):
        t = T + hour * HOUR
        verdict = Verdict.BREACH if hour == 1 else Verdict.CLEAR
        step(rollup, Judgement(verdict, Policy(keep_firing_ms=HOUR), Severity.PAGE), t, HOUR)
        by = inhibitions([rollup, member], [ROLLUP], [], lambda _: False).get(member.fingerprint, ())
        said += [str(each.change) for each in set_muted(member, (), by, t)]
    assert said == ["muted", "unmuted"]


@pytest.mark.parametrize(
    ("endings", "refuted"),
    [
        (["corrected", "corrected", "corrected"], True),
        (["corrected", "recovered", "recovered"], True),
        (["corrected", "recovered", "recovered", "recovered"], False),
        (["corrected", None, None], True),
        (["corrected", None, None, None], False),
        (["recovered", "recovered"], False),
    ],
)
def test_a_rollup_is_wrong_if_too_few_members_were_right(endings: list[str | None], refuted: bool) -> None:
    rollup, group = fired([f"c{i}" for i in range(len(endings))])
    for member, ending in zip(group.members, endings, strict=True):
        finish(member, ending)
    assert is_refuted(ROLLUP, rollup, group) is refuted
    rollup.phase = Phase.INACTIVE
    assert not is_refuted(ROLLUP, rollup, group)
    assert not is_refuted(ROLLUP, None, group)


def fired(classes: list[str]) -> tuple[Instance, Group]:
    """A rollup that fired of ten classes, and its members."""
    members = tuple(alert("recall", name) for name in classes)
    rollup = alert("degraded", severity=Severity.PAGE)
    rollup.fired_evidence = {"classes": 10}
    note_members(rollup, members)
    return rollup, Group(rollup.labels, members)


def finish(member: Instance, ending: str | None) -> None:
    if ending is not None:
        member.phase, member.ending, member.resolved_at = Phase.INACTIVE, ending, T + HOUR


@pytest.mark.parametrize("phase", [Phase.PENDING, Phase.INACTIVE])
@pytest.mark.parametrize(("ending", "refuted"), [("recovered", False), ("corrected", True)])
def test_a_member_counts_as_it_ended_also_when_another_episode_began(phase: Phase, ending: str, refuted: bool) -> None:
    rollup, group = fired(["a", "b", "c", "d"])
    for member, how in zip(group.members, ["corrected", ending, "recovered", "recovered"], strict=True):
        finish(member, how)
    note_members(rollup, group.members)
    again = group.members[1]
    step(again, Judgement(Verdict.BREACH, Policy(for_ms=HOUR)), T + 2 * HOUR, HOUR)
    if phase is Phase.INACTIVE:
        step(again, Judgement(Verdict.CLEAR, Policy(for_ms=HOUR)), T + 3 * HOUR, HOUR)
    assert again.phase is phase
    assert is_refuted(ROLLUP, rollup, group) is refuted
    assert is_refuted(ROLLUP, rollup, group._replace(members=())) is refuted


def test_a_member_that_fires_again_counts_again() -> None:
    rollup, group = fired(["a", "b", "c"])
    finish(group.members[0], "corrected")
    note_members(rollup, group.members)
    assert is_refuted(ROLLUP, rollup, group)
    step(group.members[0], Judgement(Verdict.BREACH, Policy()), T + 2 * HOUR, HOUR)
    assert not is_refuted(ROLLUP, rollup, group)


def test_members_that_were_over_before_it_fired_say_nothing_of_it() -> None:
    rollup, group = fired(["b", "c"])
    before = alert("recall", "a", Phase.INACTIVE)
    before.ending, before.resolved_at = "corrected", T - HOUR
    assert not is_refuted(ROLLUP, rollup, group._replace(members=(before, *group.members)))


def test_a_rollup_forgets_its_members_with_its_episode() -> None:
    rollup, group = fired(["a"])
    assert list(rollup.standing.values()) == ["a"]
    rollup.phase = Phase.INACTIVE
    note_members(rollup, group.members)
    step(rollup, Judgement(Verdict.BREACH, Policy(for_ms=HOUR)), T + HOUR, HOUR)
    assert rollup.standing == {}


def test_members_that_are_corrected_correct_the_rollup() -> None:
    rules = (
        '[[rule]]\nname = "low"\nmetric = "recall"\nby = ["class"]\nwindow = "1h"\nfire_when = "upper95 < 0.8"\n'
        '[[rollup]]\nname = "degraded"\nof = "low"\nwhen = "firing_classes >= 1"\n'
    )
    case = (
        'rollup = "degraded"\nlabels = { model = "m", version = "1", class = "a" }\n'
        "counts = [{ steps = 24, n = 20, fn = 1 }, { steps = 12, n = 20, fn = 15 }, { steps = 36, n = 20, fn = 1 }]\n"
    )
    assert told(rules, case)[-1] == ("degraded", "resolved", "page", "recovered")
    away = "revise = { steps = [24, 36], at = 37, n = 20, fn = 0 }\n"
    assert told(rules, case + away)[-1] == ("degraded", "resolved", "page", "corrected")
