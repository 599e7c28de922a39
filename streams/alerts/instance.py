"""One alert: who it is, and what is remembered of it between steps.

Who it is never depends on severity, numbers, the rule's text or the worker: only on the rule's name and the identity
labels. An episode is known by the event time of its first breach, never by a counter, so that a replay from anywhere
gives the same ids.
"""

import hashlib
from enum import StrEnum
from typing import NamedTuple

import msgspec
import orjson

from streams.alerts.rules.model import Severity
from streams.alerts.verdict import Evidence

IDENTITY = ("model", "version", "class")
"""Identity labels besides `segment.NAME`; `window`, `kind` and `segment` are those of drift alerts."""

Labels = tuple[tuple[str, str], ...]
"""Identity labels, sorted by name; empty ones are left out."""


class Phase(StrEnum):
    """Where an instance is."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RECOVERING = "recovering"


ACTIVE = (Phase.FIRING, Phase.RECOVERING)
"""Phases of an alert that people are to know of."""


class Change(StrEnum):
    """Kinds of transitions: every one is in the log."""

    PENDING = "pending"
    FIRING = "firing"
    ESCALATED = "escalated"  # fires with a higher severity than before
    RECOVERING = "recovering"
    RELAPSED = "relapsed"
    RESOLVED = "resolved"
    CANCELLED = "cancelled"  # was pending and is clear
    EXPIRED = "expired"  # was pending and nothing could be said for too long
    MUTED = "muted"  # not told from here on: a mute, or an alert that inhibits it
    UNMUTED = "unmuted"


class Ending(StrEnum):
    """Why an alert was resolved."""

    RECOVERED = "recovered"
    CORRECTED = "corrected"  # later labels took its evidence away: it was wrong to fire
    NO_DATA = "no_data"
    VERSION_RETIRED = "version_retired"
    RULE_REMOVED = "rule_removed"
    COMPLETED = "completed"  # of a request to retrain: the trainer did
    REJECTED = "rejected"  # the trainer will not
    EXPIRED = "expired"  # nobody did in time


class Instance(msgspec.Struct):
    """What is remembered of one alert. Times are ms of event time, 0 where there is none."""

    rule: str
    rule_kind: str  # slo, threshold, drift, no_data, rollup, canary, retrain
    labels: Labels
    fingerprint: str
    phase: Phase = Phase.INACTIVE
    episode: int = 0  # of the present one, or of the last
    fired_at: int = 0
    resolved_at: int = 0
    ending: str | None = None
    breach_ms: int = 0
    clear_ms: int = 0
    clear_support: int = 0
    hold_ms: int = 0
    nodata_ms: int = 0
    severity: Severity | None = None  # the highest of the episode
    tier: str | None = None
    last_t: int = 0
    told_t: int = 0  # the step of the last row
    flaps: int = 0
    muted_by: tuple[str, ...] = ()  # names of mutes by event time, sorted
    inhibited_by: tuple[str, ...] = ()  # fingerprints of alerts that speak for this one, sorted
    member_mutes: tuple[str, ...] = ()  # of a rollup: mutes of members without whom its condition would not hold
    replaced: bool = False  # others have taken over from its version for an hour or more
    altered: bool = False  # its rule was changed since it fired: what it fired on says nothing of the new one
    standing: dict[str, str | None] = {}  # of a rollup: members since it fired, by fingerprint; `grouping.note_members`
    evidence: Evidence = {}  # of the newest step that said something while it was not inactive
    fired_evidence: Evidence = {}  # of the step at which it fired; with it one can tell that it was corrected away


class Transition(NamedTuple):
    """One change of an instance at a step. `reason` is an `Ending` of RESOLVED, None otherwise."""

    fingerprint: str
    change: Change
    t: int
    episode: int
    reason: str | None = None

    @property
    def id(self) -> str:
        """The same whoever folds the log, however often."""
        return digest(f"{self.fingerprint}|{self.episode}|{self.change}|{self.t}")


def fingerprint(rule: str, labels: Labels) -> str:
    """The identity of an alert, 32 hex digits."""
    identity = {"v": 1, "rule": rule, "labels": dict(labels)}
    return hashlib.sha256(orjson.dumps(identity, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def digest(text: str) -> str:
    """The first 32 hex digits of the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def labels_of(**values: str | None) -> Labels:
    """Identity labels from names and values; None and "" are left out. `segment__NAME` stands for `segment.NAME`."""
    return tuple(sorted((name.replace("__", ".", 1), value) for name, value in values.items() if value))
