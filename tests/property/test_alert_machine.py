"""Alerts over random histories: what is promised to whoever is woken holds whatever verdicts come in which order.

Each example is a seed.
"""

from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.alerts.instance import ACTIVE, Change, Ending, Instance, Phase, Transition, fingerprint, labels_of
from streams.alerts.machine import RANK, TABLE, end, set_muted, step
from streams.alerts.rules.model import Severity
from streams.alerts.verdict import Judgement, Policy, Verdict

DT = 300_000
T0 = 1_760_000_100_000
LABELS = labels_of(model="m", version="1", **{"class": "a"})


class Act(NamedTuple):
    """One step of a history."""

    judgement: Judgement
    skip: int = 1  # steps of event time since the last one
    mutes: tuple[str, ...] = ()
    inhibitors: tuple[str, ...] = ()
    refuted: bool = False
    ending: Ending | None = None  # instead of the judgement


often = settings(max_examples=150, deadline=None)


def policy_of(rng: Random) -> Policy:
    return Policy(
        for_ms=rng.choice([0, 0, DT, 3 * DT]),
        keep_firing_ms=rng.choice([0, DT, 4 * DT]),
        clear_support=rng.choice([0, 5]),
        pending_ttl_ms=rng.choice([2 * DT, 10 * DT]),
        nodata_resolves_ms=rng.choice([None, None, 2 * DT]),
    )


def history_of(seed: int) -> list[Act]:
    """Steps under one policy, which other rules may replace; long enough to get anywhere."""
    rng = Random(seed)
    policy, found = policy_of(rng), []
    for _ in range(rng.choice([3, 10, 60])):
        verdict = rng.choice(list(Verdict))
        if rng.random() < 0.05:
            policy = policy_of(rng)
        severity, tier = None, None
        if verdict is Verdict.BREACH:
            severity, tier = rng.choice(list(Severity)), rng.choice(["fast", "slow"])
        found.append(
            Act(
                Judgement(verdict, policy, severity, tier, rng.randrange(5), {"n": rng.randrange(10)}),
                rng.choice([1, 1, 1, 7]),
                rng.choice([(), (), ("night",), ("night", "sunday")]),
                rng.choice([(), (), (), ("f00d",)]),
                rng.random() < 0.3,
                rng.choice([Ending.VERSION_RETIRED, Ending.RULE_REMOVED]) if rng.random() < 0.05 else None,
            )
        )
    return found


HISTORIES = st.integers(0, 1 << 32).map(history_of)


def fresh() -> Instance:
    return Instance("recall", "slo", LABELS, fingerprint("recall", LABELS))


def act(instance: Instance, what: Act, t: int) -> list[Transition]:
    if what.ending is not None:
        said = end(instance, t, what.ending)
    else:
        said = step(instance, what.judgement, t, DT, refuted=what.refuted)
    return said + set_muted(instance, what.mutes, what.inhibitors, t)


def run(history: Sequence[Act], instance: Instance | None = None, t: int = T0) -> list[list[Transition]]:
    instance = fresh() if instance is None else instance
    said = []
    for what in history:
        t += what.skip * DT
        said.append(act(instance, what, t))
    return said


def log(history: Sequence[Act]) -> list[Transition]:
    return [each for step_of in run(history) for each in step_of]


def stored(instance: Instance) -> bytes:
    return msgspec.msgpack.encode(instance)


@often
@given(HISTORIES)
def test_ids_are_unique(history: list[Act]) -> None:
    ids = [each.id for each in log(history)]
    assert len(set(ids)) == len(ids)


@often
@given(HISTORIES)
def test_an_episode_begins_later_than_the_last_one_ended(history: list[Act]) -> None:
    ended, episode = 0, 0
    for each in log(history):
        assert each.episode >= episode
        if each.episode > episode:
            assert each.episode > ended
            assert each.change in {Change.PENDING, Change.FIRING}
            assert each.t == each.episode
        episode = each.episode
        if each.change in {Change.RESOLVED, Change.CANCELLED, Change.EXPIRED}:
            ended = each.t


@often
@given(HISTORIES)
def test_what_fired_is_resolved_once_or_still_active_and_nothing_else_is(history: list[Act]) -> None:
    instance = fresh()
    said = [each for step_of in run(history, instance) for each in step_of]
    fired = Counter(each.episode for each in said if each.change is Change.FIRING)
    resolved = Counter(each.episode for each in said if each.change is Change.RESOLVED)
    still = {instance.episode} if instance.phase in ACTIVE else set()
    assert set(fired.values()) | set(resolved.values()) <= {1}
    assert set(fired) - set(resolved) == still
    assert set(resolved) <= set(fired)


@often
@given(HISTORIES)
def test_only_an_episode_that_did_not_fire_is_cancelled_or_expires(history: list[Act]) -> None:
    said = log(history)
    fired = {each.episode for each in said if each.change is Change.FIRING}
    assert not fired & {each.episode for each in said if each.change in {Change.CANCELLED, Change.EXPIRED}}


@often
@given(HISTORIES)
def test_holding_and_missing_data_never_resolve(history: list[Act]) -> None:
    for what, said in zip(history, run(history), strict=True):
        resolved = [each for each in said if each.change is Change.RESOLVED]
        if not resolved or what.ending is not None:
            continue
        verdict, patience = what.judgement.verdict, what.judgement.policy.nodata_resolves_ms
        asked_for = verdict is Verdict.NODATA and patience is not None and resolved[0].reason == Ending.NO_DATA
        assert verdict is Verdict.CLEAR or asked_for


@often
@given(HISTORIES, HISTORIES)
def test_a_firing_alert_waits_through_any_silence(history: list[Act], silence: list[Act]) -> None:
    instance = fresh()
    run(history, instance)
    phase, policy = instance.phase, Policy(nodata_resolves_ms=None, pending_ttl_ms=1 << 60)
    for number, what in enumerate(silence):
        verdict = Verdict.HOLD if what.judgement.verdict in {Verdict.HOLD, Verdict.CLEAR} else Verdict.NODATA
        assert step(instance, Judgement(verdict, policy), instance.last_t + (number + 1) * DT, DT) == []
    assert instance.phase is phase


@often
@given(HISTORIES)
def test_a_recovery_has_lasted_and_had_events(history: list[Act]) -> None:
    calm = support = 0
    instance = fresh()
    t = T0
    for what in history:
        t += what.skip * DT
        before = instance.phase
        said = [each.change for each in act(instance, what, t)]
        if what.ending is None and what.judgement.verdict is Verdict.CLEAR and before in ACTIVE:
            calm, support = (0, 0) if before is Phase.FIRING else (calm + DT, support)
            support += what.judgement.support
            policy = what.judgement.policy
            assert (Change.RESOLVED in said) is (calm >= policy.keep_firing_ms and support >= policy.clear_support)


@often
@given(HISTORIES)
def test_severity_only_rises_within_an_episode_and_says_so(history: list[Act]) -> None:
    instance, t = fresh(), T0
    for what in history:
        t += what.skip * DT
        before, loud, phase = instance.episode, RANK[instance.severity], instance.phase
        said = [each.change for each in act(instance, what, t)]
        if instance.episode == before:
            assert RANK[instance.severity] >= loud
            rose = RANK[instance.severity] > loud
            assert (Change.ESCALATED in said) is (rose and phase in ACTIVE)


@often
@given(HISTORIES, st.data())
def test_from_any_dumped_state_it_goes_on_the_same(history: list[Act], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(history)))
    whole = fresh()
    said = run(history[:cut], whole)
    copy = msgspec.msgpack.decode(stored(whole), type=Instance)
    assert stored(copy) == stored(whole)
    now = T0 + sum(what.skip for what in history[:cut]) * DT
    assert run(history[cut:], copy, now) == run(history[cut:], whole, now)
    assert stored(copy) == stored(whole)
    assert len(said) == cut


@often
@given(HISTORIES, st.data())
def test_steps_that_come_again_change_nothing(history: list[Act], data: st.DataObject) -> None:
    history = [what._replace(ending=None) for what in history]
    again = data.draw(st.lists(st.integers(0, len(history) - 1), max_size=10))
    instance, t, times = fresh(), T0, list[int]()
    for what in history:
        t += what.skip * DT
        times.append(t)
        act(instance, what, t)
    before = stored(instance)
    for number in again:
        assert step(instance, history[number].judgement, times[number], DT) == []
    assert stored(instance) == before


@often
@given(HISTORIES)
def test_mutes_change_no_phase_and_lose_no_alert(history: list[Act]) -> None:
    def of_phases(acts_of: list[Act]) -> list[Transition]:
        return [each for each in log(acts_of) if each.change not in {Change.MUTED, Change.UNMUTED}]

    loud = [what._replace(mutes=(), inhibitors=()) for what in history]
    assert of_phases(history) == of_phases(loud)
    assert of_phases(loud) == log(loud)


@often
@given(HISTORIES)
def test_whoever_follows_the_log_knows_at_each_step_what_may_be_told(history: list[Act]) -> None:
    """Rows say whether they are muted when they are made; between them only `muted` and `unmuted` change it."""
    instance, t, told = fresh(), T0, False
    for what in history:
        t += what.skip * DT
        was_active = instance.phase in ACTIVE
        for each in act(instance, what, t):
            told = not (instance.muted_by or instance.inhibited_by)
            if each.change in {Change.MUTED, Change.UNMUTED}:
                assert was_active
                assert told is (each.change is Change.UNMUTED)
        if instance.phase in ACTIVE:
            assert told is not bool(what.mutes or what.inhibitors)


@often
@given(HISTORIES)
def test_a_correction_is_said_of_recoveries_alone(history: list[Act]) -> None:
    for what, said in zip(history, run(history), strict=True):
        for each in said:
            if each.change is Change.RESOLVED and what.ending is None and what.judgement.verdict is Verdict.CLEAR:
                assert each.reason == (Ending.CORRECTED if what.refuted else Ending.RECOVERED)
            elif each.change is Change.RESOLVED:
                assert each.reason == (what.ending or Ending.NO_DATA)
            else:
                assert each.reason is None


@pytest.mark.parametrize("cell", sorted(TABLE))
def test_every_cell_of_the_table_takes_its_step(cell: tuple[Phase, Verdict]) -> None:
    def breach(policy: Policy) -> Act:
        return Act(Judgement(Verdict.BREACH, policy, Severity.TICKET))

    waits = Policy(for_ms=DT)
    ways = {
        Phase.INACTIVE: [],
        Phase.PENDING: [breach(waits)],
        Phase.FIRING: [breach(Policy())],
        Phase.RECOVERING: [breach(Policy()), Act(Judgement(Verdict.CLEAR, Policy()))],
    }
    instance = fresh()
    run(ways[cell[0]], instance)
    assert instance.phase is cell[0]
    before = stored(instance)
    step(instance, Judgement(cell[1], waits, Severity.TICKET, None, 1, {"n": 1}), instance.last_t + DT + T0, DT)
    assert stored(instance) != before


def test_random_histories_reach_every_cell_and_every_kind() -> None:
    cells, kinds = set[tuple[Phase, Verdict]](), set[Change]()

    for seed in range(100):
        instance, t = fresh(), T0
        for what in history_of(seed):
            t += what.skip * DT
            if what.ending is None:
                cells.add((instance.phase, what.judgement.verdict))
            kinds.update(each.change for each in act(instance, what, t))
    assert cells == set(TABLE)
    assert kinds == set(Change)
