"""Which incidents were there? Findings of one kind that name the same beginning are one incident."""

from collections.abc import Iterable
from typing import NamedTuple

from streams.report.evidence import Evidence
from streams.report.rows import Finding

OPEN = "open"


class Incident(NamedTuple):
    """One incident of one version: `[start_ms, end_ms)` up to the last window known to belong to it."""

    version: str
    kind: str
    start_ms: int
    end_ms: int
    subjects: tuple[str, ...]
    is_open: bool
    worst: Finding

    @property
    def blame(self) -> str:
        """The class to blame, or the first of several; empty where none is named."""
        return self.subjects[0] if self.subjects else ""


def incidents_of(evidence: Evidence) -> list[Incident] | None:
    """All incidents in order of time; None where drift was not recorded."""
    if evidence.findings is None:
        return None
    found = [incident for rows in evidence.findings.values() for incident in _of_version(rows)]
    return sorted(found, key=lambda incident: (incident.start_ms, incident.version, incident.kind))


def _of_version(rows: Iterable[Finding]) -> list[Incident]:
    groups: dict[tuple[str, int], list[Finding]] = {}
    for row in rows:
        if row.incident_ms is not None:
            groups.setdefault((row.kind, row.incident_ms), []).append(row)
    return [_incident(kind, start_ms, members) for (kind, start_ms), members in groups.items()]


def _incident(kind: str, start_ms: int, members: list[Finding]) -> Incident:
    """Subjects named most often come first; the worst finding is the one least likely by chance."""
    named = [row.subject for row in members if row.subject]
    subjects = sorted(set(named), key=lambda subject: (-named.count(subject), subject))
    worst = min(members, key=lambda row: (1.0 if row.p_value is None else row.p_value, row.start_ms))
    last = members[-1]
    return Incident(last.version, kind, start_ms, last.end_ms, tuple(subjects), last.incident_status == OPEN, worst)
