"""Who speaks for whom: versions that fail as a whole, and alerts that make others pointless.

A rollup is an alert of its own, judged by how many alerts of one rule are active. Who is inhibited is judged and logged
all the same, and told when nobody speaks for it any more. An alert that is muted speaks for nobody, so a mute never
hides what it does not match. Nor does a rollup bring back what is muted: where its condition does not hold of the
members that are not muted it is muted, too, and those are told by themselves.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from streams.alerts.instance import ACTIVE, Ending, Instance, Labels, Phase
from streams.alerts.machine import RANK
from streams.alerts.missing import no_data_name
from streams.alerts.rules.model import HOUR, AllOf, AnyOf, Condition, Op, Rollup
from streams.alerts.verdict import Evidence, Judgement, Policy, Verdict

MOST_NAMED = 20
"""Classes that the evidence of a rollup names; of further ones it has the number."""

_HOLDS: Mapping[Op, Callable[[float, float], bool]] = {
    Op.LT: lambda a, b: a < b,
    Op.LE: lambda a, b: a <= b,
    Op.GT: lambda a, b: a > b,
    Op.GE: lambda a, b: a >= b,
}


class Group(NamedTuple):
    """What a rollup is about: its identity labels, and the alerts of its rule that are in it, by fingerprint."""

    labels: Labels
    members: tuple[Instance, ...]


def groups(rollup: Rollup, instances: Iterable[Instance]) -> list[Group]:
    """The groups of a rollup, by labels.

    `instances` are those of the rule it is of, and its own: a group is there as long as its rollup is remembered,
    also when it has no members left. Others are passed over.
    """
    found: dict[Labels, list[Instance]] = {}
    for one in instances:
        if one.rule == rollup.name:
            found.setdefault(one.labels, [])
        elif one.rule == rollup.of:
            labels = tuple((name, value) for name, value in one.labels if name in rollup.by)
            found.setdefault(labels, []).append(one)
    return [
        Group(labels, tuple(sorted(members, key=lambda one: one.fingerprint)))
        for labels, members in sorted(found.items())
    ]


def judge_rollup(rollup: Rollup, group: Group, classes: int) -> Judgement:
    """Whether a group fails as a whole, after its members were judged at the same step.

    Firing are the classes with an active alert, recovering ones too; an alert without a class counts as one.
    `classes` is how many the model has: a share of none is 0. BREACH where the condition holds, else CLEAR: both are
    known at every step, since alerts about which nothing can be said stay as they are. It is over after an hour, or as
    soon as no member is active; with that it does not come and go with one class.
    """
    active = [one for one in group.members if one.phase in ACTIVE]
    names = _class_names(active)
    share = _share(names, classes)
    holds = _fails(rollup, names, classes)
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    evidence: Evidence = {
        "of": rollup.of,
        "firing_classes": len(names),
        "firing_share": share if classes else None,
        "classes": classes,
        "firing": ", ".join(names[:MOST_NAMED]) + more,
    }
    policy = Policy(keep_firing_ms=HOUR if active else 0)
    if holds:
        return Judgement(Verdict.BREACH, policy, rollup.severity, None, len(active), evidence)
    return Judgement(Verdict.CLEAR, policy, None, None, len(active), evidence)


def muted_by_members(
    rollup: Rollup, one: Instance, members: Iterable[Instance], mutes: Callable[[Instance], tuple[str, ...]]
) -> tuple[str, ...]:
    """Names of the mutes of its members that mute a rollup `one`, sorted; ask after it was judged at the step.

    While it fires: those of all its active members, if some are muted and its condition does not hold of the others;
    else none. While it recovers its condition holds of nobody, and what it was when it last fired stays. `members` are
    alerts of the rule it is of, those of other groups are passed over; `mutes` gives the mutes of an alert.
    """
    if one.phase is Phase.RECOVERING:
        return one.member_mutes
    if one.phase is not Phase.FIRING:
        return ()
    active = [member for member in members if member.phase in ACTIVE and _is_in(member, one)]
    by = {member.fingerprint: mutes(member) for member in active}
    heard = [member for member in active if not by[member.fingerprint]]
    classes = one.evidence.get("classes")
    if len(heard) == len(active) or _fails(rollup, _class_names(heard), classes if isinstance(classes, int) else 0):
        return ()
    return tuple(sorted({name for names in by.values() for name in names}))


def note_members(one: Instance, members: Iterable[Instance]) -> None:
    """Note in a rollup `one` which of its members were active since it fired; call it at every step, after all of them.

    What is noted of a member is its class, and None from when its evidence was taken back until it fires again. It
    stays when the member begins another episode. `members` are alerts of the rule it is of.
    """
    if one.phase in ACTIVE:
        one.standing = _standing(one, (member for member in members if _is_in(member, one)))


def is_refuted(rollup: Rollup, one: Instance | None, group: Group) -> bool:
    """Whether a rollup `one` would not have fired without the members whose evidence was taken back since it did.

    All others that were active at some time since count for it, of as many classes as the model had then. Ask it
    after the members were judged.
    """
    if one is None or one.phase not in ACTIVE:
        return False
    standing = _standing(one, group.members)
    stood = sorted({name for name in standing.values() if name is not None})
    classes = one.fired_evidence.get("classes")
    known = classes if isinstance(classes, int) else 0
    return None in standing.values() and not _fails(rollup, stood, known)


def _standing(one: Instance, members: Iterable[Instance]) -> dict[str, str | None]:
    standing = dict(one.standing)
    for member in members:
        if member.phase in ACTIVE:
            standing[member.fingerprint] = _class_name(member)
        elif member.fingerprint in standing and member.ending == Ending.CORRECTED:
            standing[member.fingerprint] = None
    return standing


def inhibitions(
    instances: Iterable[Instance], rollups: Iterable[Rollup], of_model: Iterable[str], muted: Callable[[Instance], bool]
) -> dict[str, tuple[str, ...]]:
    """Which alerts speak for others: fingerprints by the fingerprint of whom they inhibit, sorted.

    `instances` are all of a model after every one was judged at the step, the rollups too. `of_model` are the names of
    rules that inhibit a whole model version: while an alert of theirs is active, all others of that version (without
    a version: of the model) are inhibited that are not more severe, so that a ticket hides no page; but not each other,
    nor what says that there is nothing for them to go on. A rollup inhibits its members that are not more severe than
    itself. `muted` says whether a mute covers an alert at this step.
    """
    known = sorted(instances, key=lambda one: one.fingerprint)
    speaking = [one for one in known if one.phase in ACTIVE and not muted(one)]
    names = frozenset(of_model)
    spared = names | {no_data_name(name) for name in names}
    over = [one for one in speaking if one.rule in names]
    by_rollup = {rollup.name: rollup for rollup in rollups if rollup.inhibits == "members"}
    rolled = [(one, by_rollup[one.rule]) for one in speaking if one.rule in by_rollup]
    found: dict[str, tuple[str, ...]] = {}
    for one in known:
        by = {speaker.fingerprint for speaker in over if one.rule not in spared and _is_over(speaker, one)}
        by |= {speaker.fingerprint for speaker, rollup in rolled if _is_member(one, speaker, rollup)}
        if by:
            found[one.fingerprint] = tuple(sorted(by))
    return found


def _is_over(speaker: Instance, one: Instance) -> bool:
    """Whether an alert is of a speaker's model version, and not more severe."""
    labels = dict(one.labels)
    same = all(labels.get(name) == value for name, value in speaker.labels if name in {"model", "version"})
    return same and RANK[one.severity] <= RANK[speaker.severity]


def _is_member(one: Instance, speaker: Instance, rollup: Rollup) -> bool:
    return one.rule == rollup.of and _is_in(one, speaker) and RANK[one.severity] <= RANK[speaker.severity]


def _is_in(one: Instance, speaker: Instance) -> bool:
    """Whether an alert has every label of a rollup."""
    labels = dict(one.labels)
    return all(labels.get(name) == value for name, value in speaker.labels)


def _class_names(alerts: Iterable[Instance]) -> list[str]:
    """The classes of alerts, sorted; one without a class is that without a name."""
    return sorted({_class_name(one) for one in alerts})


def _class_name(one: Instance) -> str:
    return dict(one.labels).get("class", "")


def _share(names: Sequence[str], classes: int) -> float:
    return min(1.0, len(names) / classes) if classes else 0.0


def _fails(rollup: Rollup, names: Sequence[str], classes: int) -> bool:
    """Whether the condition holds with alerts of these classes."""
    return _holds(rollup.when, {"firing_classes": float(len(names)), "firing_share": _share(names, classes)})


def _holds(condition: Condition, values: Mapping[str, float]) -> bool:
    if isinstance(condition, AllOf):
        return all(_holds(term, values) for term in condition.terms)
    if isinstance(condition, AnyOf):
        return any(_holds(term, values) for term in condition.terms)
    return _HOLDS[condition.op](values[condition.subject], condition.number)
