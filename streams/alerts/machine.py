"""What a step does to an alert: a table of phases and verdicts, and how each of its actions changes an instance.

The invariants: the past is never judged again (a step at or before the last one has no effect); silence and missing
data never resolve; an episode that was announced as firing is resolved exactly once; severity only rises within an
episode. Time is event time: a step counts with its own length, never with the gap since the step before.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum

from streams.alerts.instance import ACTIVE, Change, Ending, Instance, Phase, Transition
from streams.alerts.rules.model import Severity
from streams.alerts.verdict import Judgement, Verdict

RANK: Mapping[Severity | None, int] = {None: 0, Severity.TICKET: 1, Severity.PAGE: 2}
"""Severities by how loud they are."""


class Action(StrEnum):
    """What is done in a cell of the table, in the words of docs/alert-events.md."""

    NOTHING = "-"
    OPEN = "an episode begins: `pending`, or `firing` at once when `for` is 0"
    BUILD = "the breach grows by the step; from `for` on `firing`"
    WAIT = "the wait grows by the step; from the time to live on inactive, `expired`"
    CANCEL = "inactive, `cancelled`"
    STAY = "stays; with a higher severity `escalated`"
    FREEZE = "frozen"
    MISS = "frozen; after `resolve_after` (default: never) `resolved`, reason no_data"
    RECOVER = "`recovering`; `resolved` at once when `keep_firing_for` is 0"
    RELAPSE = "`firing` again, `relapsed`; with a higher severity `escalated`"
    CALM = "the calm grows by the step; from `keep_firing_for` on, with enough events, `resolved`"


TABLE: Mapping[tuple[Phase, Verdict], Action] = {
    (Phase.INACTIVE, Verdict.BREACH): Action.OPEN,
    (Phase.INACTIVE, Verdict.HOLD): Action.NOTHING,
    (Phase.INACTIVE, Verdict.CLEAR): Action.NOTHING,
    (Phase.INACTIVE, Verdict.NODATA): Action.NOTHING,
    (Phase.PENDING, Verdict.BREACH): Action.BUILD,
    (Phase.PENDING, Verdict.HOLD): Action.WAIT,
    (Phase.PENDING, Verdict.CLEAR): Action.CANCEL,
    (Phase.PENDING, Verdict.NODATA): Action.WAIT,
    (Phase.FIRING, Verdict.BREACH): Action.STAY,
    (Phase.FIRING, Verdict.HOLD): Action.FREEZE,
    (Phase.FIRING, Verdict.CLEAR): Action.RECOVER,
    (Phase.FIRING, Verdict.NODATA): Action.MISS,
    (Phase.RECOVERING, Verdict.BREACH): Action.RELAPSE,
    (Phase.RECOVERING, Verdict.HOLD): Action.FREEZE,
    (Phase.RECOVERING, Verdict.CLEAR): Action.CALM,
    (Phase.RECOVERING, Verdict.NODATA): Action.MISS,
}
"""Every phase with every verdict."""


def step(instance: Instance, judgement: Judgement, t: int, dt: int, *, refuted: bool = False) -> list[Transition]:
    """Take the verdict of the step of `dt` ms that ends at `t` in, and say what changed, in order.

    `refuted`: the evidence at which it fired was later taken back, so a recovery now is a correction, unless the rule
    was changed since then. A step at or
    before the last one has no effect, which covers redelivery, replay and late corrections. An inactive instance is
    changed by a breach alone (besides `last_t`), so other verdicts on it need not be asked for. A BREACH without
    severity counts as a ticket.
    """
    if t <= instance.last_t:
        return []
    instance.last_t = t
    action = TABLE[instance.phase, judgement.verdict]
    if action is Action.NOTHING:
        return []
    if action is Action.OPEN:
        _open(instance, t)
    if judgement.evidence:
        instance.evidence = judgement.evidence
    instance.nodata_ms = instance.nodata_ms + dt if judgement.verdict is Verdict.NODATA else 0
    changes = _ACTIONS[action](instance, judgement, t, dt)
    if refuted and not instance.altered and Change.RESOLVED in changes and instance.ending == Ending.RECOVERED:
        instance.ending = Ending.CORRECTED.value
    return [_transition(instance, change, t) for change in changes]


def end(instance: Instance, t: int, ending: Ending) -> list[Transition]:
    """Close the episode for a reason that is no verdict: the version or the rule is gone, or it was answered.

    An active one is resolved, a pending one cancelled, of an inactive one nothing is said. It may end in the step
    that it was judged at; an end before that is dated by that step, since nothing is said of the past.
    """
    t = max(t, instance.last_t)
    instance.last_t = t
    if instance.phase is Phase.PENDING:
        instance.phase = Phase.INACTIVE
        return [_transition(instance, Change.CANCELLED, t)]
    if instance.phase in ACTIVE:
        return [_transition(instance, change, t) for change in _resolve(instance, t, ending)]
    return []


def set_muted(instance: Instance, muted_by: tuple[str, ...], inhibited_by: tuple[str, ...], t: int) -> list[Transition]:
    """Note who keeps it from being told, after the step at `t`, and say whether that began or ended.

    Both are sorted. Call it once a step, with both, before the step's rows are made: a row says whether it may be
    told. There is a transition only under an alert that was active before `t`: one that fires at `t` says by its own
    row that it is muted. The phase never changes.
    """
    was = bool(instance.muted_by or instance.inhibited_by)
    instance.muted_by, instance.inhibited_by = muted_by, inhibited_by
    muted = bool(muted_by or inhibited_by)
    if muted == was or instance.phase not in ACTIVE or instance.fired_at >= t:
        return []
    return [_transition(instance, Change.MUTED if muted else Change.UNMUTED, t)]


def _transition(instance: Instance, change: Change, t: int) -> Transition:
    reason = instance.ending if change is Change.RESOLVED else None
    return Transition(instance.fingerprint, change, t, instance.episode, reason)


def _open(instance: Instance, t: int) -> None:
    """Forget the last episode; a new one begins."""
    instance.episode = t
    instance.fired_at = instance.resolved_at = instance.flaps = 0
    instance.breach_ms = instance.clear_ms = instance.clear_support = instance.hold_ms = instance.nodata_ms = 0
    instance.ending = instance.severity = instance.tier = None
    instance.evidence, instance.fired_evidence, instance.standing = {}, {}, {}
    instance.altered = False


def _louder(instance: Instance, judgement: Judgement) -> bool:
    """Take the severity of a breach over; whether it is above that of the episode so far.

    The tier is that of the newest breach among the loudest: it is the one that has to become clear.
    """
    severity = judgement.severity or Severity.TICKET
    before = RANK[instance.severity]
    if RANK[severity] >= before:
        instance.severity, instance.tier = severity, judgement.tier
    return RANK[severity] > before


def _breach(instance: Instance, judgement: Judgement, t: int) -> list[Change]:
    """Fire, or wait for the breach to last."""
    _louder(instance, judgement)
    if instance.breach_ms >= judgement.policy.for_ms:
        instance.phase, instance.fired_at = Phase.FIRING, t
        instance.fired_evidence = judgement.evidence
        return [Change.FIRING]
    began = instance.phase is Phase.INACTIVE
    instance.phase = Phase.PENDING
    return [Change.PENDING] if began else []


def _begin(instance: Instance, judgement: Judgement, t: int, _dt: int) -> list[Change]:
    return _breach(instance, judgement, t)


def _build(instance: Instance, judgement: Judgement, t: int, dt: int) -> list[Change]:
    instance.breach_ms += dt
    return _breach(instance, judgement, t)


def _wait(instance: Instance, judgement: Judgement, _t: int, dt: int) -> list[Change]:
    instance.hold_ms += dt
    if instance.hold_ms < judgement.policy.pending_ttl_ms:
        return []
    instance.phase = Phase.INACTIVE
    return [Change.EXPIRED]


def _cancel(instance: Instance, _judgement: Judgement, _t: int, _dt: int) -> list[Change]:
    instance.phase = Phase.INACTIVE
    return [Change.CANCELLED]


def _stay(instance: Instance, judgement: Judgement, _t: int, _dt: int) -> list[Change]:
    return [Change.ESCALATED] if _louder(instance, judgement) else []


def _freeze(_instance: Instance, _judgement: Judgement, _t: int, _dt: int) -> list[Change]:
    return []


def _miss(instance: Instance, judgement: Judgement, t: int, _dt: int) -> list[Change]:
    patience = judgement.policy.nodata_resolves_ms
    if patience is None or instance.nodata_ms < patience:
        return []
    return _resolve(instance, t, Ending.NO_DATA)


def _recover(instance: Instance, judgement: Judgement, t: int, _dt: int) -> list[Change]:
    instance.phase, instance.clear_ms, instance.clear_support = Phase.RECOVERING, 0, judgement.support
    return _calm(instance, judgement, t, 0) or [Change.RECOVERING]


def _relapse(instance: Instance, judgement: Judgement, _t: int, _dt: int) -> list[Change]:
    instance.phase = Phase.FIRING
    instance.flaps += 1
    return [Change.RELAPSED, Change.ESCALATED] if _louder(instance, judgement) else [Change.RELAPSED]


def _more_calm(instance: Instance, judgement: Judgement, t: int, dt: int) -> list[Change]:
    instance.clear_support += judgement.support
    return _calm(instance, judgement, t, dt)


def _calm(instance: Instance, judgement: Judgement, t: int, dt: int) -> list[Change]:
    """Resolve when it was clear for long enough, by enough events."""
    policy = judgement.policy
    instance.clear_ms += dt
    if instance.clear_ms < policy.keep_firing_ms or instance.clear_support < policy.clear_support:
        return []
    return _resolve(instance, t, Ending.RECOVERED)


def _resolve(instance: Instance, t: int, ending: Ending) -> list[Change]:
    instance.phase, instance.resolved_at, instance.ending = Phase.INACTIVE, t, ending.value
    return [Change.RESOLVED]


_ACTIONS: Mapping[Action, Callable[[Instance, Judgement, int, int], list[Change]]] = {
    Action.OPEN: _begin,
    Action.BUILD: _build,
    Action.WAIT: _wait,
    Action.CANCEL: _cancel,
    Action.STAY: _stay,
    Action.FREEZE: _freeze,
    Action.MISS: _miss,
    Action.RECOVER: _recover,
    Action.RELAPSE: _relapse,
    Action.CALM: _more_calm,
}
