"""The newest row of an alert as the deliverer knows it, and the times of rows read back.

Rows are upserts in the order of steps: of rows with the same time the last one counts, an older one is a repetition.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from streams.alerts.instance import ACTIVE, Labels, labels_of
from streams.alerts.rules.model import Severity
from streams.alerts.verdict import Evidence

ALERT, PULSE, MUTE = "quality.alert.v1", "quality.alert_pulse.v1", "quality.mute.v1"
"""Schemas of the rows of the alerts topic; others are passed over."""

RANKS: Mapping[str, int] = {Severity.TICKET.value: 1, Severity.PAGE.value: 2}
"""How loud a severity is; 0 for none."""


class End(msgspec.Struct, frozen=True):
    """How an episode ended: its reason, and when (ms)."""

    episode: int
    reason: str | None
    resolved_at: int


class State(msgspec.Struct, frozen=True):
    """One alert as its newest row has it. Times are ms, 0 where there is none."""

    fingerprint: str
    rule: str
    rule_kind: str
    model: str
    labels: Labels  # identity
    t: int
    settled_at: int
    kind: str
    reason: str | None = None
    phase: str = "inactive"
    severity: str | None = None
    tier: str | None = None
    episode: int = 0
    fired_at: int = 0
    resolved_at: int = 0
    flaps: int = 0
    muted: bool = False
    muted_by: tuple[str, ...] = ()
    replaced: bool = False  # its version is out of use: nobody is told again
    summary: str | None = None
    runbook: str | None = None
    static: Labels = ()
    evidence: Evidence = {}
    end: End | None = None  # of the last episode that ended
    heard: str | None = None  # the highest severity of the present episode while active, not muted, not replaced

    @property
    def active(self) -> bool:
        """Whether people are to know of it."""
        return self.phase in ACTIVE

    def after(self, before: "State | None") -> "State":
        """This row with what rows before it said of the same alert."""
        same = before is not None and before.episode == self.episode
        heard = before.heard if before is not None and same else None
        audible = not (self.muted or self.replaced) and (self.active or (not same and self.fired_at > 0))
        if audible and RANKS.get(self.severity or "", 0) > RANKS.get(heard or "", 0):
            heard = self.severity
        end = End(self.episode, self.reason, self.resolved_at or self.t) if self.kind == "resolved" else None
        return msgspec.structs.replace(self, heard=heard, end=end or (before.end if before is not None else None))


def ms_of(text: str | None) -> int:
    """A time of a row, such as 2026-10-01T12:34:56.789Z, in ms; 0 for none. Raises ValueError for other text."""
    return 0 if text is None else int(np.datetime64(text.removesuffix("Z"), "ms").astype(np.int64))


def state_of(row: Mapping[str, Any]) -> State:
    """A row of `quality.alert.v1`. Raises KeyError, ValueError or TypeError when it is none."""
    segment, eq, value = (row["segment"] or "").partition("=")
    own = {
        "model": row["model"],
        "version": row["model_version"],
        "class": row["class"],
        "window": row["window"],
        "kind": row["subject"],
    }
    labels = labels_of(**own, **({f"segment.{segment}": value} if eq else {}))
    return State(
        row["fingerprint"], row["rule"], row["rule_kind"], row["model"] or "", labels, ms_of(row["t"]),
        ms_of(row["settled_at"]), row["kind"], row["reason"], row["phase"], row["severity"], row["tier"],
        ms_of(row["episode"]), ms_of(row["fired_at"]), ms_of(row["resolved_at"]), row["flaps"], row["muted"],
        tuple(row["muted_by"]), row.get("replaced", False), row["summary"], row["runbook"],
        tuple(sorted(row["labels"].items())), dict(row["evidence"]),
    )  # fmt: skip
