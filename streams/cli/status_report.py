"""How is a job? Its newest statuses, audits and ends put side by side, and one sentence about all of it.

Pure: everything comes in as arguments, the present as well. Invariant: a job that nobody writes for, or whose books do
not balance, is never called running.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from streams.ledger.position import offset_of
from streams.ledger.times import rfc3339
from streams.runtime.config.durations import format_duration
from streams.runtime.kafka.groups import Group
from streams.runtime.state import PartitionStatus, SourceStatus

RETIRED = "retired"
"""What the ledger says of a source that was taken out."""

QUIET_S = 15.0
"""A status comes each second; a partition without one for this long has no worker, or one that stands still."""

BEHIND = 1_000
"""Records that a running job may be behind at a glance."""


@dataclass(frozen=True, slots=True)
class SourceReport:
    """One source over all ledger partitions; offsets, times in ms. `end` None: its topic is not there any more."""

    name: str
    applied: int | None
    end: int | None
    clock_ms: int | None
    live: bool | None
    idle: bool
    why: str

    @property
    def lag(self) -> int | None:
        """Records between what is applied and the end of now."""
        return None if self.end is None else max(self.end - (self.applied or 0), 0)


@dataclass(frozen=True, slots=True)
class JobReport:
    """Everything `streams status` shows. `missing` are ledger partitions that never wrote a status."""

    headline: str
    ok: bool
    sources: tuple[SourceReport, ...] = ()
    partitions: tuple[PartitionStatus, ...] = ()
    missing: tuple[int, ...] = ()
    unbalanced: Mapping[int, str] = field(default_factory=dict)
    balanced: frozenset[int] = frozenset()
    workers: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    groups: tuple[Group, ...] | None = None
    now_ms: int = 0

    def age_s(self, status: PartitionStatus) -> float:
        """How long ago a status was written."""
        return max(self.now_ms - status.written_ms, 0) / 1000


def report(
    statuses: Sequence[PartitionStatus],
    ends: Mapping[str, int],
    audits: Mapping[str, Mapping[str, Any]],
    groups: Sequence[Group] | None,
    *,
    partitions: int,
    now_ms: int,
) -> JobReport:
    """The report of a job of so many ledger partitions. `ends` are offsets by source, `audits` rows by partition."""
    sources = tuple(_source(name, statuses, ends.get(name)) for name in _names(statuses, ends))
    unbalanced = {int(key): _imbalance(row) for key, row in audits.items() if not row["balanced"]}
    workers: dict[str, list[int]] = {}
    for status in statuses:
        workers.setdefault(status.worker, []).append(status.partition)
    here = {status.partition for status in statuses}
    missing = tuple(p for p in range(partitions) if p not in here)
    wrong = _wrong(statuses, missing, unbalanced, now_ms)
    return JobReport(
        headline=wrong or _running(sources, statuses, len(workers), now_ms),
        ok=not wrong,
        sources=sources,
        partitions=tuple(statuses),
        missing=missing,
        unbalanced=unbalanced,
        balanced=frozenset(int(key) for key, row in audits.items() if row["balanced"]),
        workers={name: tuple(owned) for name, owned in sorted(workers.items())},
        groups=None if groups is None else tuple(groups),
        now_ms=now_ms,
    )


def _names(statuses: Sequence[PartitionStatus], ends: Mapping[str, int]) -> list[str]:
    return sorted({*ends, *(name for status in statuses for name in status.sources)})


def _source(name: str, statuses: Sequence[PartitionStatus], end: int | None) -> SourceReport:
    """A source is as far as the ledger partition that is least far with it; that one also says why it waits."""
    known = [status.sources[name] for status in statuses if name in status.sources]
    if not known:
        return SourceReport(name, None, end, None, None, idle=False, why="not in the ledger yet")
    least = min(known, key=lambda s: -1 if s.applied is None else s.applied)
    clocks = [s.clock_ms for s in known]
    return SourceReport(
        name,
        None if least.applied is None else offset_of(least.applied),
        end,
        None if None in clocks else min(clock for clock in clocks if clock is not None),
        least.live,
        all(s.idle for s in known),
        _why(least, statuses, name),
    )


def _why(least: SourceStatus, statuses: Sequence[PartitionStatus], name: str) -> str:
    """Why a source holds time back; nothing when time has moved on beyond its clock."""
    if least.applied is None:
        return least.why
    for status in statuses:
        source = status.sources.get(name)
        if source is not None and source.why and (source.why == RETIRED or not _is_past(status, source)):
            return source.why
    return ""


def _is_past(status: PartitionStatus, source: SourceStatus) -> bool:
    """Whether the watermark is beyond the clock of a source: an `advance` moved it."""
    mark = status.watermark_ms
    return mark is not None and (source.clock_ms is None or mark > source.clock_ms)


def _imbalance(row: Mapping[str, Any]) -> str:
    """The numbers of an audit that do not add up."""

    def total(kind: str, parts: Sequence[str]) -> int:
        return sum(int(row[f"{kind}_{part}"]) for part in parts)

    predictions = total("predictions", ("counted", "duplicate", "conflict", "late", "rejected"))
    counted = total("predictions", ("labelled", "waiting", "expired"))
    labels = total(
        "labels",
        ("winning", "beaten", "duplicate", "beyond_horizon", "waiting", "orphan", "late", "deletion", "rejected"),
    )
    sides = (
        ("predictions received", row["predictions_received"], predictions),
        ("predictions counted", row["predictions_counted"], counted),
        ("labels received", row["labels_received"], labels),
    )
    return ", ".join(f"{name} {left:,} but {right:,} told of" for name, left, right in sides if left != right)


def _wrong(
    statuses: Sequence[PartitionStatus], missing: Sequence[int], unbalanced: Mapping[int, str], now_ms: int
) -> str:
    """What is wrong with a job, most serious first; empty when nothing is."""
    if unbalanced:
        first = next(iter(unbalanced))
        return f"WRONG: the audit of ledger partition {first} does not balance: {unbalanced[first]}"
    if not statuses:
        return "not running: no worker has ever written a status. Start one with `streams run`"
    quiet = [s.partition for s in statuses if now_ms - s.written_ms > QUIET_S * 1000]
    if len(quiet) == len(statuses):
        newest_s = (now_ms - max(s.written_ms for s in statuses)) // 1000
        return f"not running: no worker has written for {format_duration(newest_s * 1000)}"
    if quiet or missing:
        parts = ", ".join(str(p) for p in sorted([*quiet, *missing]))
        return f"partly running: nobody writes for ledger partitions {parts}; a worker may be loading or gone"
    return ""


def _running(sources: Sequence[SourceReport], statuses: Sequence[PartitionStatus], workers: int, now_ms: int) -> str:
    """What a job that runs is doing: behind, held back and by whom, or up to date."""
    who = f"{workers} worker{'s' if workers != 1 else ''}"
    unread = [s for s in sources if s.applied is None and s.why != RETIRED]
    if unread:
        return f"running ({who}), but time is held back by {_listed(unread)}: {unread[0].why}"
    lag = sum(s.lag or 0 for s in sources)
    if lag > BEHIND:
        return f"running ({who}), {lag:,} records behind"
    if any(status.advance_waiting for status in statuses):
        return f"running ({who}); an `advance` waits until every source is read to where it ended then"
    holding = [s for s in sources if s.why and s.why != RETIRED and not s.why.startswith("idle")]
    alive = [s.live for s in sources if s.live is not None and s.why != RETIRED]
    if holding and not (alive and all(alive)):
        return f"running ({who}), everything is read; time is held back by {_listed(holding)}: {holding[0].why}"
    marks = [status.watermark_ms for status in statuses]
    if None in marks:
        return f"running ({who}), everything is read; no event time yet"
    if statuses and all(_is_past(status, s) for status in statuses for s in status.sources.values()):
        first = min(mark for mark in marks if mark is not None)
        return f"running ({who}), everything is read; the history was ended, event time is {rfc3339(first)}"
    behind_ms = max(now_ms - min(mark for mark in marks if mark is not None), 0)
    return f"running ({who}), everything is read; the watermark is {format_duration(behind_ms // 1000 * 1000)} ago"


def _listed(sources: Sequence[SourceReport], most: int = 3) -> str:
    names = [source.name.rpartition("@")[0] or source.name for source in sources]
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
