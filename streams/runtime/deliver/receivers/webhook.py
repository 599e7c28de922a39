"""A generic webhook: one signed JSON object a batch.

The signature is HMAC-SHA256 over `TIME.BODY`, so that an old request cannot be sent again by another: the header is
`Streams-Signature: t=UNIX_SECONDS,v1=HEX`. `Idempotency-Key` is the batch's id, the same at every repetition.
"""

import hashlib
import hmac
from collections.abc import Sequence

import orjson

from streams import __version__
from streams.alerts.instance import digest
from streams.alerts.telling.rows import telling_row
from streams.alerts.telling.told import Batch, Kind, Telling
from streams.ledger.times import rfc3339
from streams.runtime.deliver.receivers.call import Call, Resolved, Watchdog
from streams.runtime.deliver.receivers.words import sentence, title

SIGNATURE, IDEMPOTENCY = "Streams-Signature", "Idempotency-Key"


def signature(secret: str, body: bytes, now_ms: int) -> str:
    """The value of the signature's header."""
    stamp = str(now_ms // 1000)
    mac = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256)
    return f"t={stamp},v1={mac.hexdigest()}"


class Webhook:
    """See the module."""

    def __init__(self, receiver: Resolved) -> None:
        self._receiver = receiver

    def calls(self, batch: Batch, now_ms: int) -> Sequence[Call]:
        """See Receiver."""
        told = {kind: [_told(telling) for telling in batch.tellings if telling.kind == kind] for kind in Kind}
        body = {
            "schema": "quality.webhook.v1",
            "batch_id": batch.id,
            "receiver": batch.receiver,
            "status": "firing" if told[Kind.FIRING] else "resolved" if told[Kind.RESOLVED] else "notice",
            "severity": batch.severity,
            "title": title(batch),
            "group": dict(batch.group),
            "t": rfc3339(batch.t),
            "firing": told[Kind.FIRING],
            "resolved": told[Kind.RESOLVED],
            "notices": told[Kind.NOTICE],
        }
        return [self._call(orjson.dumps(body), batch.id, now_ms)]

    def present(self, active: Sequence[Telling], over: Sequence[Telling], now_ms: int) -> Sequence[Call]:  # noqa: ARG002
        """See Receiver. A webhook remembers."""
        return ()

    def watchdog(self, about: Watchdog, now_ms: int) -> Sequence[Call]:
        """See Receiver."""
        body = {
            "schema": "quality.webhook.v1",
            "status": "watchdog",
            "job": about.job,
            "t": rfc3339(now_ms),
            "runbook": about.runbook,
        }
        return [self._call(orjson.dumps(body), digest(f"{self._receiver.name}|watchdog|{now_ms}"), now_ms)]

    def _call(self, body: bytes, key: str, now_ms: int) -> Call:
        headers = {"Content-Type": "application/json", "User-Agent": f"streams/{__version__}", IDEMPOTENCY: key}
        if self._receiver.secret is not None:
            headers[SIGNATURE] = signature(self._receiver.secret, body, now_ms)
        return Call(self._receiver.url, body, headers)


def _told(telling: Telling) -> dict[str, object]:
    return {**telling_row(telling), "title": sentence(telling)}
