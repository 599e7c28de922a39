"""What a receiver is told: tellings with ids that no restart changes, in batches; and what it was told before.

`telling_id` has no time in it where a replay could choose another one. A batch is what one receiver is told of one
group after one step; it is written to the log of tellings before it is sent, so that a crash in between sends the same
again and never decides anew.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any

import msgspec

from streams.alerts.instance import Labels, digest
from streams.alerts.telling.state import RANKS
from streams.alerts.verdict import Evidence

MOST_IN_BATCH = 100
MOST_CHARACTERS = 150_000
"""Bounds of one batch, its text about: far below what a record and the body of a request may have."""

_OVERHEAD = 1_000  # characters of a telling besides its texts, about


class Kind(StrEnum):
    """Kinds of tellings."""

    FIRING = "firing"
    RESOLVED = "resolved"
    NOTICE = "notice"  # a sentence about alerts, nothing to resolve


class Reason(StrEnum):
    """Why something is told, besides the endings of a resolution."""

    FIRST = "first"
    LATE = "late"  # it fired before: muted, inhibited, or while nobody was told
    ESCALATED = "escalated"
    REPEAT = "repeat"
    CATCH_UP = "catch_up"  # a notice: what began and ended while nobody was told
    MUTE_ENDS = "mute_ends"  # a notice: a mute ends within the hour and an alert is active beneath
    TEST = "test"


class Telling(msgspec.Struct, frozen=True):
    """One thing that one receiver is told. Times are ms of event time, 0 where there is none."""

    id: str
    kind: Kind
    reason: str | None  # a Reason, or of a resolution the ending; None: not known any more
    fingerprint: str
    rule: str
    rule_kind: str
    labels: Labels  # identity
    episode: int
    severity: str
    n: int  # the number of the repetition
    t: int
    fired_at: int
    resolved_at: int = 0
    tier: str | None = None
    flaps: int = 0
    was: str | None = None  # of an escalation: the severity told before
    static: Labels = ()
    summary: str | None = None
    runbook: str | None = None
    evidence: Evidence = {}
    members: tuple[dict[str, Any], ...] = ()  # of a notice: the alerts it is about

    @property
    def dedup_key(self) -> str:
        """What receivers tell episodes apart by."""
        return f"{self.fingerprint}-{self.episode // 1000}"


class Batch(msgspec.Struct, frozen=True):
    """What one receiver is told of one group after one step, in order."""

    id: str
    receiver: str
    group: Labels
    t: int
    planned_ms: int  # wall clock
    tellings: tuple[Telling, ...]

    @property
    def severity(self) -> str:
        """The loudest of its tellings."""
        return max((telling.severity for telling in self.tellings), key=lambda s: RANKS.get(s, 0))


def firing_id(fingerprint: str, episode: int, receiver: str, severity: str, n: int) -> str:
    """The id of a telling that an alert fires (design 3.5)."""
    return digest(f"{fingerprint}|{episode}|{receiver}|firing|{severity}|{n}")


def resolved_id(fingerprint: str, episode: int, receiver: str) -> str:
    """The id of a telling that an episode is over: when a replay is live must not change it, so it has no time."""
    return digest(f"{fingerprint}|{episode}|{receiver}|resolved")


def batches_of(receiver: str, tellings: Iterable[Telling], t: int, now_ms: int) -> Iterator[Batch]:
    """The batches of a step, by model and version."""
    groups: dict[Labels, list[Telling]] = {}
    for telling in tellings:
        group = tuple((name, value) for name, value in telling.labels if name in {"model", "version"})
        groups.setdefault(group, []).append(telling)
    for group, members in sorted(groups.items()):
        key = "|".join(f"{name}={value}" for name, value in group)
        for some in _cut(members):
            ids = ",".join(sorted(telling.id for telling in some))
            yield Batch(digest(f"{receiver}|{key}|{ids}"), receiver, group, t, now_ms, some)


def _cut(tellings: list[Telling]) -> Iterator[tuple[Telling, ...]]:
    """The tellings in order, in parts of a bounded size; each has at least one."""
    some: list[Telling] = []
    size = 0
    for telling in tellings:
        weight = _OVERHEAD + len(telling.summary or "") + sum(len(value) for _, value in telling.labels)
        weight += _OVERHEAD * len(telling.members)
        if some and (len(some) == MOST_IN_BATCH or size + weight > MOST_CHARACTERS):
            yield tuple(some)
            some, size = [], 0
        some.append(telling)
        size += weight
    if some:
        yield tuple(some)


class Told(msgspec.Struct):
    """The last episode of an alert that one receiver was told of. `over`: its end was told, too."""

    last: Telling  # the newest that said it fires
    over: bool = False

    @property
    def episode(self) -> int:
        """The episode told of."""
        return self.last.episode


class ToldBook:
    """Who was told what: a fold over batches, in whatever order they are read and however often."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], Told] = {}
        self._open: dict[str, dict[str, set[str]]] = {}  # model: fingerprint: receivers that wait for its end
        self._notices: set[str] = set()

    def take(self, batch: Batch) -> None:
        """What is in a batch is told from here on, whether or not it has arrived."""
        for telling in batch.tellings:
            if telling.kind == Kind.NOTICE:
                self._notices.add(telling.id)
            else:
                self._take(batch.receiver, telling)

    def get(self, receiver: str, fingerprint: str) -> Told | None:
        """What a receiver was last told of an alert."""
        return self._told.get((receiver, fingerprint))

    def noticed(self, telling_id: str) -> bool:
        """Whether a notice was told."""
        return telling_id in self._notices

    def open_of(self, model: str) -> set[str]:
        """Fingerprints of a model's alerts that somebody was told of and not yet that they are over."""
        return {fingerprint for fingerprint, waiting in self._open.get(model, {}).items() if waiting}

    def _take(self, receiver: str, telling: Telling) -> None:
        key = (receiver, telling.fingerprint)
        told = self._told.get(key)
        if told is None or told.episode < telling.episode:
            told = self._told[key] = Told(telling)
        elif told.episode > telling.episode:
            return
        if telling.kind == Kind.RESOLVED:
            told.over = True
        elif _order(told.last) < _order(telling):
            told.last = telling
        waiting = self._open.setdefault(dict(telling.labels).get("model", ""), {}).setdefault(
            telling.fingerprint, set()
        )
        (waiting.discard if told.over else waiting.add)(receiver)


def _order(telling: Telling) -> tuple[bool, int, int]:
    """Severity only grows in an episode, and so does the number; that it fires says more than that it is over."""
    return telling.kind == Kind.FIRING, RANKS.get(telling.severity, 0), telling.n
