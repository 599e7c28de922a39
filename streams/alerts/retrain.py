"""When to ask for retraining: quality is bad for long, on trusted labels, with new data, and nothing else is going on.

A request is an alert of its own, one for each model. It is asked for once in a cooldown, its id is a function of what
it is about, and it ends when it is answered, when it is not needed any more, or when it was not answered in time.
The state is a function of the steps that were judged; asking twice about one step changes nothing.
"""

from collections.abc import Collection
from typing import NamedTuple

import msgspec

from streams.alerts.instance import Ending, digest
from streams.alerts.rules.model import Retrain, Severity
from streams.alerts.verdict import Evidence, Judgement, Policy, Verdict
from streams.ledger.times import rfc3339
from streams.quality.measures.intervals import wilson

POLICY = Policy(for_ms=0, keep_firing_ms=0)
MOST_NAMED = 20
"""Classes that a request names; of further ones it has the number."""

Key = tuple[str, str]
"""Version and class."""

ENDINGS = {"completed": Ending.COMPLETED, "rejected": Ending.REJECTED}
"""What a trainer's answer does; "acknowledged" gives it the whole time again."""


class ClassState(NamedTuple):
    """One class of one version at a step, by the budget that the rule names."""

    version: str
    name: str
    remaining: float | None  # share of the budget that is left, None if it cannot be said
    n: int  # events of the period, and misses among them
    bad: int
    new_labels: int  # labelled events since the version was first seen: those that its training did not have
    share: float | None = None  # of the burn of all classes
    firing_since: int | None = None  # when its active alert fired, ms
    corrected: bool = False  # its last alert was resolved as corrected


class Facts(NamedTuple):
    """What is known of a model at a step."""

    model: str
    classes: Collection[ClassState]
    completeness: float | None  # labelled share relative to the usual one; None if that is not known
    labels_broken_since: int | None = None  # episode of an active alert about missing data or labels, ms
    muted: bool = False  # a mute covers the request
    gate_open: bool = False  # a candidate is being compared
    others_asked_ms: int = 0  # when another rule last asked for the same model


class Slice(msgspec.Struct, frozen=True):
    """The end of a slice, ms, and whose budget was overspent then."""

    end_ms: int
    bad: tuple[Key, ...]


class Request(msgspec.Struct):
    """A request that is open."""

    id: str
    at_ms: int
    affected: tuple[Key, ...]
    patience_from_ms: int  # asked for, or acknowledged
    answer: str | None = None  # of the trainer, not yet taken in


class RetrainState(msgspec.Struct):
    """What is remembered for one rule and model."""

    last_t: int = 0  # end of the last step that was judged
    sliced_ms: int = 0  # end of the last slice that was looked at
    slices: list[Slice] = msgspec.field(default_factory=list)
    asked_ms: int = 0  # when it last asked
    request: Request | None = None


class Answer(NamedTuple):
    """What a step says: an ending that is no verdict (`machine.end`), else a judgement (`machine.step`)."""

    judgement: Judgement
    refuted: bool = False
    ending: Ending | None = None


class _Wanted(NamedTuple):
    """Who needs retraining: why, and the end of the first bad slice, ms."""

    classes: tuple[ClassState, ...]
    reason: str
    first_ms: int


def answered(state: RetrainState, request: str, became: str) -> bool:
    """Take in what a trainer says of a request: acknowledged, completed or rejected. False for one that is not open."""
    if state.request is None or state.request.id != request:
        return False
    state.request.answer = became
    return True


def judge_retrain(rule: Retrain, state: RetrainState, facts: Facts, t: int) -> Answer:
    """Move the state on to the step that ends at `t`, and say what it means for the request's alert.

    Call it at the end of every slice at least. BREACH begins a request. While one is open: CLEAR when it is withdrawn,
    with `refuted` where labels were the cause; an ending when it was answered or expired; HOLD otherwise. Without one:
    HOLD with `blocked` as evidence where only a requirement is missing.
    """
    if t <= state.last_t:
        return Answer(Judgement(Verdict.HOLD, POLICY))
    state.last_t = t
    _slice(rule, state, facts, t)
    if state.request is not None:
        return _follow(rule, state, state.request, facts, t)
    wanted = _wanted(rule, state, facts, t)
    if wanted is None:
        return Answer(Judgement(Verdict.HOLD, POLICY))
    enough = [one for one in wanted.classes if one.new_labels >= rule.new_labels_per_class]
    blocked = _blocked(rule, state, facts, t) or (None if enough else "too few new labels")
    if blocked is not None:
        return Answer(Judgement(Verdict.HOLD, POLICY, evidence={"blocked": blocked}))
    affected = tuple(sorted((one.version, one.name) for one in enough))
    request = Request(digest(f"{facts.model}|{rule.name}|{wanted.first_ms}"), t, affected, t)
    state.request, state.asked_ms = request, t
    evidence = _evidence(rule, request, wanted, enough, facts, t)
    return Answer(Judgement(Verdict.BREACH, POLICY, Severity.TICKET, None, len(enough), evidence))


def _slice(rule: Retrain, state: RetrainState, facts: Facts, t: int) -> None:
    """Note whose budget is overspent where a slice ends; a state that begins within one waits for its end."""
    end_ms = t // rule.slice_ms * rule.slice_ms
    if end_ms <= state.sliced_ms:
        return
    if state.sliced_ms or end_ms == t:
        bad = sorted((one.version, one.name) for one in facts.classes if _overspent(one))
        state.slices.append(Slice(end_ms, tuple(bad)))
    state.sliced_ms = end_ms
    state.slices = [one for one in state.slices if one.end_ms > end_ms - rule.slices * rule.slice_ms]


def _wanted(rule: Retrain, state: RetrainState, facts: Facts, t: int) -> _Wanted | None:
    """Classes whose budget was overspent in enough slices and is, or whose alert is active for long.

    What an earlier request was about does not count again: the next one has slices, hours and an id of its own.
    """
    bad: dict[Key, list[int]] = {}
    for one in state.slices:
        for key in one.bad if one.end_ms > state.asked_ms else ():
            bad.setdefault(key, []).append(one.end_ms)
    spent, active, first = [], [], []
    for each in facts.classes:
        ends = bad.get((each.version, each.name), [])
        since = None if each.firing_since is None else max(each.firing_since, state.asked_ms)
        if len(ends) >= rule.slices_bad and _overspent(each):
            spent.append(each)
            first.append(ends[0])
        elif since is not None and t - since >= rule.ticket_active_ms:
            active.append(each)
            first.append((since // rule.slice_ms + 1) * rule.slice_ms)
    if not first:
        return None
    return _Wanted((*spent, *active), "budget exhausted" if spent else "alert active for long", min(first))


def _blocked(rule: Retrain, state: RetrainState, facts: Facts, t: int) -> str | None:
    """Why nobody is asked now, None if nothing is in the way."""
    last = max(state.asked_ms, facts.others_asked_ms)
    if last and t - last < rule.cooldown_ms:
        return "asked not long ago"
    if facts.labels_broken_since is not None:
        return "labels or data are missing"
    if facts.completeness is None or facts.completeness < rule.label_completeness:
        return "labels are not complete enough"
    if facts.gate_open:
        return "a gate is open"
    return "muted" if facts.muted else None


def _follow(rule: Retrain, state: RetrainState, request: Request, facts: Facts, t: int) -> Answer:
    """An open request: answered, withdrawn, expired, or waiting."""
    hold = Judgement(Verdict.HOLD, POLICY)
    clear = Judgement(Verdict.CLEAR, POLICY)
    answer = None
    broken = facts.labels_broken_since
    known = {(one.version, one.name): one for one in facts.classes}
    affected = [known[key] for key in request.affected if key in known]
    if request.answer == "acknowledged":
        request.answer, request.patience_from_ms = None, t
    if request.answer in ENDINGS:
        answer = Answer(hold, ending=ENDINGS[request.answer])
    elif broken is not None and broken <= request.at_ms + rule.slice_ms:
        answer = Answer(clear, refuted=True)
    elif all(_recovered(one) for one in affected):
        answer = Answer(clear, refuted=bool(affected) and all(one.corrected for one in affected))
    elif t - request.patience_from_ms >= rule.expires_ms:
        answer = Answer(hold, ending=Ending.EXPIRED)
    if answer is None:
        return Answer(hold)
    state.request = None
    return answer


def _overspent(one: ClassState) -> bool:
    return one.remaining is not None and one.remaining < 0


def _recovered(one: ClassState) -> bool:
    return one.firing_since is None and one.remaining is not None and one.remaining >= 0


def _evidence(
    rule: Retrain, request: Request, wanted: _Wanted, enough: Collection[ClassState], facts: Facts, t: int
) -> Evidence:
    worst = min(enough, key=lambda one: (one.remaining if one.remaining is not None else 1.0, one.version, one.name))
    names = [f"{version}/{name}" for version, name in request.affected]
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    lower, upper = wilson(1 - worst.bad / worst.n, worst.n) if worst.n else (None, None)
    return {
        "request_id": request.id,
        "mode": rule.mode,
        "budget": rule.slo,
        "reason": wanted.reason,
        "versions": ", ".join(sorted({version for version, _ in request.affected})),
        "classes": ", ".join(names[:MOST_NAMED]) + more,
        "too_few_new_labels": len(wanted.classes) - len(enough),
        "worst_version": worst.version,
        "worst_class": worst.name,
        "value": 1 - worst.bad / worst.n if worst.n else None,
        "lower95": lower,
        "upper95": upper,
        "n": worst.n,
        "budget_remaining": worst.remaining,
        "share": worst.share,
        "new_labels": min(one.new_labels for one in enough),
        "label_completeness": facts.completeness,
        "first_bad": rfc3339(wanted.first_ms),
        "training_cutoff": rfc3339(t),
    }
