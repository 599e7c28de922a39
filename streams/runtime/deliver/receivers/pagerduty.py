"""PagerDuty, Events API v2: one event an alert, known by the dedup key of its episode."""

from collections.abc import Sequence

import orjson

from streams.alerts.telling.told import Batch, Kind, Reason, Telling
from streams.ledger.times import rfc3339
from streams.runtime.deliver.receivers.call import Call, Resolved, Watchdog
from streams.runtime.deliver.receivers.words import labels_of, sentence, where

SEVERITIES = {"page": "critical", "ticket": "warning"}
MOST_SUMMARY = 1024


class PagerDuty:
    """See the module. `secret` is the integration key of a service."""

    def __init__(self, receiver: Resolved) -> None:
        self._receiver = receiver

    def calls(self, batch: Batch, now_ms: int) -> Sequence[Call]:  # noqa: ARG002
        """See Receiver. A mute that ends wakes nobody."""
        return [self._call(telling) for telling in batch.tellings if telling.reason != Reason.MUTE_ENDS]

    def present(self, active: Sequence[Telling], over: Sequence[Telling], now_ms: int) -> Sequence[Call]:  # noqa: ARG002
        """See Receiver. PagerDuty remembers."""
        return ()

    def watchdog(self, about: Watchdog, now_ms: int) -> Sequence[Call]:  # noqa: ARG002
        """See Receiver. An event that comes each minute would be an incident: PagerDuty has heartbeats elsewhere."""
        return ()

    def _call(self, telling: Telling) -> Call:
        event: dict[str, object] = {
            "routing_key": self._receiver.secret,
            "event_action": "resolve" if telling.kind == Kind.RESOLVED else "trigger",
            "dedup_key": telling.dedup_key,
        }
        if telling.kind != Kind.RESOLVED:
            labels = labels_of(telling)
            event["payload"] = {
                "summary": sentence(telling)[:MOST_SUMMARY],
                "source": where(telling) or telling.rule,
                "severity": "info" if telling.kind == Kind.NOTICE else SEVERITIES.get(telling.severity, "warning"),
                "timestamp": rfc3339(telling.fired_at),
                "component": labels.get("model"),
                "group": labels.get("version"),
                "class": telling.rule,
                "custom_details": {
                    "reason": telling.reason,
                    "labels": labels,
                    "evidence": dict(telling.evidence),
                    "members": list(telling.members),
                    "telling_id": telling.id,
                },
            }
            event["client"] = "streams"
            if telling.runbook:
                event["links"] = [{"href": telling.runbook, "text": "runbook"}]
        return Call(self._receiver.url, orjson.dumps(event), {"Content-Type": "application/json"})
