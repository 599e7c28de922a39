"""The state machine: each cell of its table, what counts, what ends an episode, and who may be told."""

from streams.alerts.instance import Change, Ending, Instance, Phase, fingerprint, labels_of
from streams.alerts.machine import TABLE, end, set_muted, step
from streams.alerts.rules.model import Severity
from streams.alerts.verdict import Evidence, Judgement, Policy, Verdict

MIN = 60_000
DT = 5 * MIN
T0 = 1_760_000_000_000 // DT * DT
BREACH, CLEAR, HOLD, NODATA = Verdict.BREACH, Verdict.CLEAR, Verdict.HOLD, Verdict.NODATA
SOON = Policy(keep_firing_ms=2 * DT)
PATIENT = Policy(for_ms=2 * DT, keep_firing_ms=2 * DT, pending_ttl_ms=3 * DT)


def fresh() -> Instance:
    labels = labels_of(model="m", version="1", **{"class": "a"})
    return Instance("recall", "slo", labels, fingerprint("recall", labels))


class Story:
    """An instance and its steps, five minutes each."""

    def __init__(self, policy: Policy = SOON) -> None:
        self.instance, self.policy, self.t = fresh(), policy, T0

    def says(
        self,
        verdict: Verdict,
        severity: Severity | None = Severity.TICKET,
        tier: str | None = "slow",
        support: int = 1,
        *,
        refuted: bool = False,
        evidence: Evidence | None = None,
    ) -> list[str]:
        self.t += DT
        found = (severity, tier) if verdict is BREACH else (None, None)
        judgement = Judgement(verdict, self.policy, *found, support, evidence or {})
        return [str(each.change) for each in step(self.instance, judgement, self.t, DT, refuted=refuted)]

    def run(self, *verdicts: Verdict) -> list[list[str]]:
        return [self.says(verdict) for verdict in verdicts]


def test_the_table_has_every_phase_with_every_verdict() -> None:
    assert set(TABLE) == {(phase, verdict) for phase in Phase for verdict in Verdict}


def test_without_a_wait_the_first_breach_fires_and_only_that_is_said() -> None:
    story = Story()
    assert story.says(BREACH) == ["firing"]
    assert (story.instance.phase, story.instance.episode, story.instance.fired_at) == (Phase.FIRING, story.t, story.t)


def test_a_breach_must_last_before_it_fires() -> None:
    story = Story(PATIENT)
    assert story.run(BREACH, BREACH, BREACH) == [["pending"], [], ["firing"]]
    assert (story.instance.episode, story.instance.fired_at) == (T0 + DT, T0 + 3 * DT)


def test_holding_between_breaches_neither_counts_nor_starts_again() -> None:
    story = Story(PATIENT)
    assert story.run(BREACH, HOLD, BREACH, NODATA, BREACH) == [["pending"], [], [], [], ["firing"]]


def test_a_pending_one_expires_when_too_long_nothing_can_be_said() -> None:
    story = Story(PATIENT)
    assert story.run(BREACH, HOLD, NODATA, HOLD) == [["pending"], [], [], ["expired"]]
    assert story.instance.phase is Phase.INACTIVE


def test_every_episode_has_the_whole_time_to_live() -> None:
    story = Story(PATIENT)
    story.run(BREACH, HOLD, HOLD, CLEAR)
    assert story.run(BREACH, HOLD, HOLD, HOLD) == [["pending"], [], [], ["expired"]]


def test_a_pending_one_that_is_clear_is_cancelled() -> None:
    story = Story(PATIENT)
    assert story.run(BREACH, CLEAR) == [["pending"], ["cancelled"]]
    assert story.instance.phase is Phase.INACTIVE


def test_a_louder_breach_while_pending_fires_by_its_own_wait() -> None:
    story = Story(PATIENT)
    story.says(BREACH)
    story.policy = SOON
    assert story.says(BREACH, Severity.PAGE, "fast") == ["firing"]
    assert (story.instance.severity, story.instance.tier) == (Severity.PAGE, "fast")


def test_the_machine_leaves_an_inactive_one_alone() -> None:
    story = Story()
    before = fresh()
    assert story.run(HOLD, CLEAR, NODATA) == [[], [], []]
    before.last_t = story.t
    assert story.instance == before


def test_it_is_over_when_it_was_clear_for_long_enough() -> None:
    story = Story()
    assert story.run(BREACH, CLEAR, CLEAR, CLEAR) == [["firing"], ["recovering"], [], ["resolved"]]
    assert (story.instance.ending, story.instance.resolved_at) == (Ending.RECOVERED, story.t)


def test_holds_and_missing_data_do_not_count_towards_the_end() -> None:
    story = Story()
    assert story.run(BREACH, CLEAR, HOLD, CLEAR, NODATA, CLEAR) == [
        ["firing"],
        ["recovering"],
        [],
        [],
        [],
        ["resolved"],
    ]


def test_being_clear_needs_events() -> None:
    story = Story(SOON._replace(clear_support=10))
    story.says(BREACH)
    said = [story.says(CLEAR, support=3) for _ in range(4)]
    assert said == [["recovering"], [], [], ["resolved"]]
    story.says(BREACH)
    assert [story.says(CLEAR, support=2) for _ in range(5)] == [["recovering"], [], [], [], ["resolved"]]


def test_a_detector_with_a_memory_of_its_own_ends_it_in_one_step() -> None:
    story = Story(Policy(keep_firing_ms=0))
    assert story.run(BREACH, CLEAR) == [["firing"], ["resolved"]]


def test_a_relapse_is_the_same_episode_and_its_calm_begins_again() -> None:
    story = Story()
    assert story.run(BREACH, CLEAR, CLEAR, BREACH) == [["firing"], ["recovering"], [], ["relapsed"]]
    assert (story.instance.flaps, story.instance.episode) == (1, T0 + DT)
    assert story.run(CLEAR, CLEAR, CLEAR) == [["recovering"], [], ["resolved"]]


def test_the_calm_of_an_earlier_recovery_is_forgotten() -> None:
    story = Story(SOON._replace(clear_support=4))
    story.run(BREACH, CLEAR, CLEAR, BREACH)
    assert story.run(CLEAR, CLEAR, CLEAR, CLEAR) == [["recovering"], [], [], ["resolved"]]


def test_severity_rises_and_never_falls_within_an_episode() -> None:
    story = Story()
    story.says(BREACH)
    assert story.says(BREACH, Severity.PAGE, "fast") == ["escalated"]
    assert story.says(BREACH, Severity.PAGE, "medium") == []
    assert story.instance.tier == "medium"
    assert story.says(BREACH, Severity.TICKET, "slow") == []
    assert (story.instance.severity, story.instance.tier) == (Severity.PAGE, "medium")


def test_a_louder_relapse_escalates() -> None:
    story = Story()
    story.run(BREACH, CLEAR)
    assert story.says(BREACH, Severity.PAGE, "fast") == ["relapsed", "escalated"]


def test_a_longer_wait_does_not_demote_what_fires() -> None:
    story = Story()
    story.says(BREACH)
    story.policy = PATIENT
    assert story.says(BREACH) == []
    assert story.instance.phase is Phase.FIRING


def test_missing_data_ends_it_only_where_that_is_asked_for() -> None:
    story = Story()
    assert story.run(BREACH, *[NODATA] * 1000) == [["firing"], *[[]] * 1000]
    assert story.instance.nodata_ms == 1000 * DT
    patient = Story(SOON._replace(nodata_resolves_ms=2 * DT))
    assert patient.run(BREACH, NODATA, HOLD, NODATA, NODATA) == [["firing"], [], [], [], ["resolved"]]
    assert patient.instance.ending == Ending.NO_DATA
    assert patient.run(BREACH, CLEAR, NODATA, NODATA) == [["firing"], ["recovering"], [], ["resolved"]]


def test_it_says_that_its_evidence_was_taken_back() -> None:
    story = Story()
    story.run(BREACH, CLEAR, CLEAR)
    story.t += DT
    (resolved,) = step(story.instance, Judgement(CLEAR, SOON, support=1), story.t, DT, refuted=True)
    assert (resolved.change, resolved.reason) == (Change.RESOLVED, Ending.CORRECTED)
    assert story.instance.ending == Ending.CORRECTED


def test_other_endings_are_not_corrections() -> None:
    story = Story(SOON._replace(nodata_resolves_ms=DT))
    story.says(BREACH)
    assert story.says(NODATA, refuted=True) == ["resolved"]
    assert story.instance.ending == Ending.NO_DATA


def test_a_step_of_the_past_has_no_effect() -> None:
    story = Story()
    story.says(BREACH)
    story.t -= DT
    assert story.says(CLEAR) == []
    story.t -= 3 * DT
    assert story.says(CLEAR) == []
    assert story.instance.phase is Phase.FIRING


def test_evidence_is_the_newest_word_and_that_of_firing_stays() -> None:
    story = Story()
    story.says(BREACH, evidence={"n": 50})
    story.says(HOLD)
    assert story.instance.evidence == {"n": 50}
    story.says(BREACH, evidence={"n": 60})
    assert (story.instance.evidence, story.instance.fired_evidence) == ({"n": 60}, {"n": 50})


def test_a_new_episode_knows_nothing_of_the_last_one() -> None:
    story = Story()
    story.says(BREACH, Severity.PAGE, "fast", evidence={"n": 50})
    story.run(CLEAR, BREACH, CLEAR, CLEAR, CLEAR)
    first = story.instance.episode
    assert story.says(BREACH) == ["firing"]
    now = story.instance
    assert (now.episode > first, now.flaps, now.severity, now.ending, now.resolved_at) == (
        True,
        0,
        Severity.TICKET,
        None,
        0,
    )
    assert (now.evidence, now.fired_evidence) == ({}, {})


def test_a_version_that_is_gone_ends_what_is_active_and_cancels_what_is_pending() -> None:
    story = Story()
    assert end(story.instance, T0, Ending.VERSION_RETIRED) == []
    story.says(BREACH)
    (resolved,) = end(story.instance, story.t, Ending.VERSION_RETIRED)
    assert (resolved.change, resolved.reason, resolved.t) == (Change.RESOLVED, "version_retired", story.t)
    assert end(story.instance, story.t, Ending.VERSION_RETIRED) == []
    story.policy = PATIENT
    story.says(BREACH)
    (cancelled,) = end(story.instance, T0, Ending.RULE_REMOVED)
    assert (cancelled.change, cancelled.reason, cancelled.t) == (Change.CANCELLED, None, story.t)


def test_nothing_is_judged_at_the_step_it_ended_at() -> None:
    story = Story()
    story.says(BREACH)
    end(story.instance, story.t + DT, Ending.RULE_REMOVED)
    assert story.says(BREACH) == []
    assert story.says(BREACH) == ["firing"]


def muted(story: Story, mutes: tuple[str, ...] = (), inhibitors: tuple[str, ...] = ()) -> list[str]:
    return [str(each.change) for each in set_muted(story.instance, mutes, inhibitors, story.t)]


def test_muting_begins_and_ends_under_an_active_alert() -> None:
    story = Story()
    story.says(BREACH)
    assert muted(story) == []
    story.says(BREACH)
    assert muted(story, ("night",)) == ["muted"]
    story.says(HOLD)
    assert muted(story, ("weekend",)) == []
    story.says(CLEAR)
    assert muted(story, (), ("f00",)) == []
    story.says(CLEAR)
    assert muted(story) == ["unmuted"]
    assert story.says(CLEAR) == ["resolved"]


def test_one_that_fires_muted_says_so_by_its_own_row() -> None:
    story = Story()
    story.says(BREACH)
    assert muted(story, ("night",)) == []
    assert story.instance.muted_by == ("night",)


def test_nothing_is_said_of_muting_where_nothing_is_active() -> None:
    story = Story(PATIENT)
    assert muted(story, ("night",)) == []
    story.says(BREACH)
    assert muted(story) == []
    story.run(BREACH, BREACH)
    assert story.instance.phase is Phase.FIRING
    story.run(CLEAR, CLEAR, CLEAR)
    assert muted(story, ("night",)) == []
