"""What is told of one alert to one receiver, if anything: a function of its state, what was told, and the step.

The table is that of docs/delivery.md. Muting never loses an alert: what is still active when it ends is told then, and
what was told is also told to be over, muted or not.
"""

from streams.alerts.rules.model import Match, selects
from streams.alerts.telling.model_alerts import Step
from streams.alerts.telling.state import RANKS, State
from streams.alerts.telling.told import Kind, Reason, Telling, Told, firing_id, resolved_id


def is_for(match: Match, state: State) -> bool:
    """Whether a receiver wants to hear of an alert: every pattern means its label, rule or severity."""
    known = {**dict(state.static), **dict(state.labels), "rule": state.rule, "severity": state.severity or ""}
    return all(selects(pattern, known.get(name, "")) for name, pattern in match)


def number_of(state: State, step: Step, repeat_ms: int) -> int:
    """The number of the repetition that is due at a step."""
    return max(0, step.t - state.fired_at) // repeat_ms


def told_firing(
    receiver: str, state: State, told: Told | None, step: Step, *, muted: bool, wanted: bool, repeat_ms: int
) -> Telling | None:
    """That an alert fires, if that is to be told at this step. `muted`: by whatever clock; `wanted`: see `is_for`.

    Of a version that another one took over from nobody is told that anything fires.
    """
    if not state.active or muted or state.replaced or state.severity is None:
        return None
    n, was = number_of(state, step, repeat_ms), None
    if told is None or told.episode < state.episode:
        if not wanted:
            return None
        escalated = state.kind == Reason.ESCALATED and state.t == step.t
        reason = Reason.FIRST if state.fired_at == step.t else Reason.ESCALATED if escalated else Reason.LATE
    elif told.over or told.episode > state.episode:
        return None
    elif RANKS.get(told.last.severity, 0) < RANKS.get(state.severity, 0):
        reason, was = Reason.ESCALATED, told.last.severity
    elif state.phase == "firing" and n > told.last.n:
        reason = Reason.REPEAT
    else:
        return None
    return Telling(
        firing_id(state.fingerprint, state.episode, receiver, state.severity, n), Kind.FIRING, reason,
        state.fingerprint, state.rule, state.rule_kind, state.labels, state.episode, state.severity, n, step.t,
        state.fired_at, 0, state.tier, state.flaps, was, state.static, state.summary, state.runbook, state.evidence,
    )  # fmt: skip


def told_resolved(receiver: str, state: State | None, told: Told | None, step: Step) -> Telling | None:
    """That the episode which was told of is over, if that is to be told at this step; `state` None: it is gone."""
    if told is None or told.over or (state is not None and state.active and state.episode == told.episode):
        return None
    last, end = told.last, None if state is None else state.end
    known = end is not None and end.episode == told.episode
    of_episode = state is not None and state.episode == told.episode
    return Telling(
        resolved_id(last.fingerprint, told.episode, receiver), Kind.RESOLVED, end.reason if end and known else None,
        last.fingerprint, last.rule, last.rule_kind, last.labels, told.episode, last.severity, last.n, step.t,
        last.fired_at, end.resolved_at if end and known else max(step.t, last.fired_at), last.tier,
        state.flaps if state is not None and of_episode else last.flaps, None, last.static, last.summary, last.runbook,
        state.evidence if state is not None and of_episode else last.evidence,
    )  # fmt: skip
