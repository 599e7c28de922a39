"""An incoming webhook of Slack, or of whatever takes its bodies: one message a batch."""

from collections.abc import Sequence

import orjson

from streams.alerts.telling.told import Batch, Telling
from streams.runtime.deliver.receivers.call import Call, Resolved, Watchdog
from streams.runtime.deliver.receivers.words import sentence, title

MOST_LINES = 20
"""Alerts that one message names."""


def escaped(text: str) -> str:
    """Text as Slack takes it, so that no label becomes a link or a mention."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class Slack:
    """See the module."""

    def __init__(self, receiver: Resolved) -> None:
        self._receiver = receiver

    def calls(self, batch: Batch, now_ms: int) -> Sequence[Call]:  # noqa: ARG002
        """See Receiver."""
        lines = [escaped(title(batch))]
        for telling in batch.tellings[:MOST_LINES]:
            if len(batch.tellings) > 1:
                lines.append(f"• {escaped(sentence(telling))}")
            lines += [f"   {escaped(_short(member))}" for member in telling.members[:MOST_LINES]]
        if len(batch.tellings) > MOST_LINES:
            lines.append(f"... and {len(batch.tellings) - MOST_LINES} more")
        books = sorted({telling.runbook for telling in batch.tellings if telling.runbook})
        lines += [f"<{book}|runbook>" for book in books if not set(book) & set("<>|")]
        return [
            Call(self._receiver.url, orjson.dumps({"text": "\n".join(lines)}), {"Content-Type": "application/json"})
        ]

    def present(self, active: Sequence[Telling], over: Sequence[Telling], now_ms: int) -> Sequence[Call]:  # noqa: ARG002
        """See Receiver. A chat is not to be told again and again."""
        return ()

    def watchdog(self, about: Watchdog, now_ms: int) -> Sequence[Call]:  # noqa: ARG002
        """See Receiver. Nobody wants that in a chat."""
        return ()


def _short(member: dict[str, object]) -> str:
    labels = member.get("labels")
    told = " ".join(str(value) for value in labels.values()) if isinstance(labels, dict) else ""
    return f"{member.get('rule')} {told}, {member.get('fired_at')} to {member.get('resolved_at') or 'now'}"
