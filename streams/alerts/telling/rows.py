"""The rows of the log of tellings (`quality.telling.v1`), and back: what is to be sent, and what became of it.

A row is an upsert by the batch's id: `due` before anything is sent, then `sent` or `dead`; a dead one may be `due`
again, or `withdrawn`. So whoever reads the log knows what was decided and what is still to be done.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from streams.alerts.telling.state import ms_of
from streams.alerts.telling.told import Batch, Kind, Telling
from streams.ledger.times import rfc3339

SCHEMA = "quality.telling.v1"


class Fate(StrEnum):
    """What became of a batch."""

    DUE = "due"  # decided; it may have been sent
    SENT = "sent"  # the receiver acknowledged it
    DEAD = "dead"  # the receiver refused it, or too often did not take it
    WITHDRAWN = "withdrawn"  # it was dead, and when it was asked for nothing of it was true any more


class Entry(NamedTuple):
    """A batch and what became of it. `finished_ms` is by the wall clock, 0 while due; `error`: why it was not sent."""

    batch: Batch
    fate: Fate = Fate.DUE
    attempts: int = 0
    finished_ms: int = 0
    error: str | None = None


def entry_row(entry: Entry) -> dict[str, Any]:
    """The row of an entry, fields in order."""
    batch = entry.batch
    return {
        "schema": SCHEMA,
        "batch_id": batch.id,
        "receiver": batch.receiver,
        "state": entry.fate.value,
        "attempts": entry.attempts,
        "error": entry.error,
        "planned_at": rfc3339(batch.planned_ms),
        "finished_at": rfc3339(entry.finished_ms) if entry.finished_ms else None,
        "group": dict(batch.group),
        "t": rfc3339(batch.t),
        "tellings": [telling_row(telling) for telling in batch.tellings],
    }


def entry_of(row: Mapping[str, Any]) -> Entry:
    """The entry of a row. Raises KeyError, ValueError or TypeError when it is none."""
    if row["schema"] != SCHEMA:
        raise ValueError(f"schema {row['schema']!r} is not {SCHEMA}")
    tellings = tuple(telling_of(telling) for telling in row["tellings"])
    group = tuple(sorted(row["group"].items()))
    batch = Batch(row["batch_id"], row["receiver"], group, ms_of(row["t"]), ms_of(row["planned_at"]), tellings)
    return Entry(batch, Fate(row["state"]), row["attempts"], ms_of(row["finished_at"]), row["error"])


def telling_row(telling: Telling) -> dict[str, Any]:
    """A telling as the log and webhooks have it, fields in order."""
    return {
        "telling_id": telling.id,
        "dedup_key": telling.dedup_key,
        "status": telling.kind.value,
        "reason": telling.reason,
        "fingerprint": telling.fingerprint,
        "rule": telling.rule,
        "rule_kind": telling.rule_kind,
        "severity": telling.severity,
        "escalated_from": telling.was,
        "tier": telling.tier,
        "labels": dict(telling.labels),
        "static_labels": dict(telling.static),
        "episode": rfc3339(telling.episode),
        "number": telling.n,
        "t": rfc3339(telling.t),
        "fired_at": rfc3339(telling.fired_at),
        "resolved_at": rfc3339(telling.resolved_at) if telling.resolved_at else None,
        "flaps": telling.flaps,
        "summary": telling.summary,
        "runbook": telling.runbook,
        "evidence": dict(telling.evidence),
        "members": list(telling.members),
    }


def telling_of(row: Mapping[str, Any]) -> Telling:
    """The telling of a row. Raises KeyError, ValueError or TypeError when it is none."""
    return Telling(
        row["telling_id"], Kind(row["status"]), row["reason"], row["fingerprint"], row["rule"], row["rule_kind"],
        tuple(sorted(row["labels"].items())), ms_of(row["episode"]), row["severity"], row["number"], ms_of(row["t"]),
        ms_of(row["fired_at"]), ms_of(row["resolved_at"]), row["tier"], row["flaps"], row["escalated_from"],
        tuple(sorted(row["static_labels"].items())), row["summary"], row["runbook"], dict(row["evidence"]),
        tuple(row["members"]),
    )  # fmt: skip
