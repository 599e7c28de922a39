"""Prometheus Alertmanager, API v2: alerts are told again each minute, since it forgets what nobody repeats.

An alert there is its labels, and the severity is one of them: an escalation ends the old label set and begins a new one
with the same start, and `deploy/alertmanager/alertmanager.yml` inhibits the ticket while the page is there. The end of
what is inhibited is not notified of either, so the end of a page says again that the ticket is over.

Two alerts with the same labels are one there. So each has the label `fingerprint`, which tells segments and notices
apart, and `job`, by which alerts of one job inhibit nothing of another.
"""

import re
from collections.abc import Mapping, Sequence

import orjson

from streams.alerts.rules.model import Severity
from streams.alerts.telling.told import Batch, Kind, Telling
from streams.ledger.times import rfc3339
from streams.runtime.deliver.receivers.call import Call, Resolved, Watchdog
from streams.runtime.deliver.receivers.words import labels_of, sentence

NOTICE_MS = 3_600_000
"""How long a notice is there."""

MOST_ALERTS = 500
"""Alerts of one request."""

WATCHDOG = "QualityWatchdog"
"""What the alert that always fires is called."""

_PATH = "/api/v2/alerts"


def label_name(name: str) -> str:
    """A name that Prometheus takes: `segment.country` is `segment_country`."""
    clean = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return f"_{clean}" if clean[:1].isdigit() else clean


class Alertmanager:
    """See the module. An alert that is not told again for four times `resend_ms` is over there."""

    def __init__(self, receiver: Resolved, resend_ms: int, job: str) -> None:
        """`job` is the name of the configuration; a static label of the rules goes before it."""
        self._receiver, self._resend_ms, self._job = receiver, resend_ms, job

    def calls(self, batch: Batch, now_ms: int) -> Sequence[Call]:
        """See Receiver."""
        return self._post([alert for telling in batch.tellings for alert in self._alerts(telling, now_ms)])

    def present(self, active: Sequence[Telling], over: Sequence[Telling], now_ms: int) -> Sequence[Call]:
        """See Receiver."""
        return self._post([alert for telling in (*over, *active) for alert in self._alerts(telling, now_ms)])

    def watchdog(self, about: Watchdog, now_ms: int) -> Sequence[Call]:
        """See Receiver."""
        labels = {"alertname": WATCHDOG, "severity": "none", "job": about.job}
        notes = {"summary": "always fires: when it stops, the deliverer or its way to you is broken"}
        if about.runbook:
            notes["runbook_url"] = about.runbook
        return self._post([_alert(labels, notes, now_ms, self._until(now_ms))])

    def _alerts(self, telling: Telling, now_ms: int) -> list[dict[str, object]]:
        labels = {label_name(name): value for name, value in labels_of(telling).items()}
        labels = {"job": self._job, **labels, "fingerprint": telling.fingerprint}
        labels |= {"alertname": telling.rule, "severity": telling.severity}
        about = {"summary": sentence(telling), "dedup_key": telling.dedup_key}
        if telling.runbook:
            about["runbook_url"] = telling.runbook
        about |= {f"evidence_{k}": f"{v}" for k, v in sorted(telling.evidence.items()) if v is not None}
        start = telling.fired_at
        if telling.kind == Kind.NOTICE:
            return [_alert(labels, about, start, max(now_ms, start) + NOTICE_MS)]
        if telling.kind == Kind.RESOLVED:
            # also what it was before it escalated: while the page was there its end was inhibited
            ended = {Severity.PAGE.value: [Severity.TICKET.value]}.get(telling.severity, [])
            until = max(start, telling.resolved_at)
            return [_alert({**labels, "severity": one}, about, start, until) for one in (telling.severity, *ended)]
        found = [_alert(labels, about, start, self._until(now_ms))]
        if telling.was is not None:
            found.insert(0, _alert({**labels, "severity": telling.was}, about, start, max(start, telling.t)))
        return found

    def _until(self, now_ms: int) -> int:
        return now_ms + 4 * self._resend_ms

    def _post(self, alerts: list[dict[str, object]]) -> list[Call]:
        headers = {"Content-Type": "application/json"}
        if self._receiver.secret is not None:
            headers["Authorization"] = f"Bearer {self._receiver.secret}"
        url = self._receiver.url.rstrip("/") + _PATH
        parts = [alerts[begin : begin + MOST_ALERTS] for begin in range(0, len(alerts), MOST_ALERTS)]
        return [Call(url, orjson.dumps(part), headers) for part in parts]


def _alert(labels: Mapping[str, str], about: Mapping[str, str], start_ms: int, end_ms: int) -> dict[str, object]:
    return {
        "labels": {name: value for name, value in labels.items() if value},
        "annotations": {label_name(name): value for name, value in about.items()},
        "startsAt": rfc3339(start_ms),
        "endsAt": rfc3339(end_ms),
    }
