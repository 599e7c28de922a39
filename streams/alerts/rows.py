"""The rows of alerts: their state, every transition, and what goes with them (the contract is docs/alert-events.md).

State rows are upserts by fingerprint, in the order of steps; the log has one row for each transition. Both are a
function of the job's log: no wall clock, nothing of who was told.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from streams.alerts.instance import Change, Instance, Labels, Transition, digest
from streams.alerts.rules.model import Mute, Weekly
from streams.alerts.verdict import Evidence
from streams.ledger.times import rfc3339

HEARTBEAT = "heartbeat"
"""The kind of a state row without a transition: still active, with new numbers."""

ALERTS, ALERT_LOG, GATES = "alerts", "alert_log", "gates"
"""The streams of these rows."""

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Context(NamedTuple):
    """What rows say besides the instance."""

    rules_hash: str
    watermark: int  # of the model when the step was judged: when its evidence had settled, ms
    summary: str | None = None
    runbook: str | None = None
    labels: Labels = ()  # static ones


def dedup_key(instance: Instance) -> str:
    """What receivers tell episodes apart by."""
    return f"{instance.fingerprint}-{instance.episode // 1000}"


def alert_row(
    schema: str, instance: Instance, t: int, context: Context, transition: Transition | None
) -> dict[str, object]:
    """A state row (`quality.alert.v1`) or a row of the log (`quality.alert_log.v1`), fields in order."""
    identity = dict(instance.labels)
    kind = HEARTBEAT if transition is None else transition.change.value
    row: dict[str, object] = {
        "schema": schema,
        "fingerprint": instance.fingerprint,
        "transition_id": digest(f"{instance.fingerprint}|{instance.episode}|{kind}|{t}"),
        "kind": kind,
        "reason": None if transition is None else transition.reason,
        "rule": instance.rule,
        "rule_kind": instance.rule_kind,
        "rules_hash": context.rules_hash,
        "model": identity.get("model"),
        "model_version": identity.get("version"),
        "class": identity.get("class"),
        "segment": next((f"{k[8:]}={v}" for k, v in instance.labels if k.startswith("segment.")), None),
        "window": identity.get("window"),
        "subject": identity.get("kind"),
        "phase": instance.phase.value,
        "severity": None if instance.severity is None else instance.severity.value,
        "tier": instance.tier,
        "t": rfc3339(t),
        "settled_at": rfc3339(context.watermark),
        "episode": _time(instance.episode),
        "fired_at": _time(instance.fired_at),
        "resolved_at": _time(instance.resolved_at),
        "dedup_key": dedup_key(instance),
        "flaps": instance.flaps,
        "muted": bool(instance.muted_by or instance.inhibited_by),
        "muted_by": list(instance.muted_by),
        "inhibited_by": list(instance.inhibited_by),
        "replaced": instance.replaced,
        "no_data_s": instance.nodata_ms // 1000,
        "summary": context.summary,
        "runbook": context.runbook,
        "labels": dict(context.labels),
        "evidence": dict(instance.evidence),
        "fired_evidence": dict(instance.fired_evidence),
    }
    return row


def pulse_row(model: str, t: int, settled_at: int, active: Evidence, rules_hash: str) -> dict[str, object]:
    """`quality.alert_pulse.v1`, key `pulse|MODEL`: the newest step that was judged of a model, alerts or not.

    `active` counts instances by phase, severity and muted, and the segment values that no rule is asked about.
    Receivers know by it that time goes on: repeats and the watch on a stalled job go by it.
    """
    return {
        "schema": "quality.alert_pulse.v1",
        "model": model,
        "t": rfc3339(t),
        "settled_at": rfc3339(settled_at),
        "rules_hash": rules_hash,
        **active,
    }


def mute_row(mute: Mute) -> dict[str, object]:
    """`quality.mute.v1`, key `mute|NAME`: one mute, of the rules or added at run time. `mute_of` reads it."""
    weekly = mute.weekly
    return {
        "schema": "quality.mute.v1",
        "name": mute.name,
        "match": dict(mute.match),
        "start": None if mute.start_ms is None else rfc3339(mute.start_ms),
        "end": None if mute.end_ms is None else rfc3339(mute.end_ms),
        "day": None if weekly is None else DAYS[weekly.day],
        "from": None if weekly is None else _of_day(weekly.from_minute),
        "to": None if weekly is None else _of_day(weekly.to_minute),
        "zone": None if weekly is None else weekly.zone,
        "clock": mute.clock,
        "budget": mute.budget,
        "reason": mute.reason,
        "author": mute.author,
    }


def mute_of(row: Mapping[str, Any]) -> Mute:
    """The mute of a row that `mute_row` made. Raises KeyError or ValueError for another one."""
    weekly = None
    if row["day"] is not None:
        weekly = Weekly(DAYS.index(row["day"]), _minute(row["from"]), _minute(row["to"]), row["zone"])
    start_ms, end_ms = (None if row[name] is None else _ms(row[name]) for name in ("start", "end"))
    told = (row[name] for name in ("clock", "budget", "reason", "author"))
    return Mute(row["name"], tuple(row["match"].items()), start_ms, end_ms, weekly, *told)


def is_telling(change: Change) -> bool:
    """Whether a transition can be something to tell people (what is told is the deliverer's)."""
    return change in {Change.FIRING, Change.ESCALATED, Change.RESOLVED, Change.MUTED, Change.UNMUTED}


def _time(ms: int) -> str | None:
    return rfc3339(ms) if ms else None


def _ms(text: str) -> int:
    return int(np.datetime64(text.removesuffix("Z"), "ms").astype(np.int64))


def _of_day(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _minute(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)
