"""What each kind of receiver is sent: bodies, headers, severities, and nothing that is secret in what is shown."""

import hashlib
import hmac
from typing import Any

import orjson
import pytest

from streams.alerts.telling.told import Batch, Kind, Reason, Telling, batches_of
from streams.ledger.times import rfc3339
from streams.runtime.deliver.credentials import receiver_of
from streams.runtime.deliver.receivers.call import Call, Resolved, Watchdog
from streams.runtime.deliver.receivers.webhook import signature

NOW = 1_767_225_600_000
RESEND_MS = 60_000
LABELS = (("class", "charge<back>"), ("model", "fraud"), ("segment.country", "DE"), ("version", "42"))
URL = "https://hooks.example/T0/secret-part"


def resolved(kind: Any, secret: str | None = "the-key") -> Resolved:  # noqa: S107 -- of this test alone
    return Resolved("r", kind, URL, secret)


def telling(kind: Kind = Kind.FIRING, severity: str = "page", **more: Any) -> Telling:
    told: dict[str, Any] = {
        "reason": "first", "static": (("team", "risk"),), "summary": "recall is low", "evidence": {"value": 0.5},
        "runbook": "https://books.example/recall", "t": NOW, **more,
    }  # fmt: skip
    return Telling(
        id="i" * 32, kind=kind, fingerprint="f" * 32, rule="recall", rule_kind="slo", labels=LABELS, episode=NOW,
        severity=severity, n=0, fired_at=NOW, **told,
    )  # fmt: skip


def batch(*tellings: Telling) -> Batch:
    [made] = batches_of("r", tellings or (telling(),), NOW, NOW)
    return made


def bodies(kind: Any, *tellings: Telling, now_ms: int = NOW) -> list[Any]:
    calls = receiver_of(resolved(kind), RESEND_MS, "job").calls(batch(*tellings), now_ms)
    return [orjson.loads(call.body) for call in calls]


def test_a_webhook_has_what_fires_and_what_is_over() -> None:
    [body] = bodies("webhook", telling(), telling(Kind.RESOLVED, resolved_at=NOW))
    assert (body["schema"], body["status"], body["severity"]) == ("quality.webhook.v1", "firing", "page")
    assert [told["rule"] for told in body["firing"]] == [told["rule"] for told in body["resolved"]] == ["recall"]
    assert body["title"] == "fraud 42: 1 firing, 1 resolved"
    assert body["group"] == {"model": "fraud", "version": "42"}


def test_a_webhook_is_signed_and_has_the_same_key_each_time() -> None:
    hook = receiver_of(resolved("webhook"), RESEND_MS, "job")
    [first], [again] = hook.calls(batch(), NOW), hook.calls(batch(), NOW + 60_000)
    assert first.body == again.body
    assert first.headers["Idempotency-Key"] == again.headers["Idempotency-Key"] == batch().id
    stamp, mac = (part.partition("=")[2] for part in first.headers["Streams-Signature"].split(","))
    assert stamp == str(NOW // 1000)
    assert mac == hmac.new(b"the-key", f"{stamp}.".encode() + first.body, hashlib.sha256).hexdigest()
    assert first.headers["Streams-Signature"] != again.headers["Streams-Signature"]
    assert signature("another", first.body, NOW) != first.headers["Streams-Signature"]


def test_a_webhook_without_a_key_is_not_signed() -> None:
    [call] = receiver_of(resolved("webhook", None), RESEND_MS, "job").calls(batch(), NOW)
    assert "Streams-Signature" not in call.headers


def test_alertmanager_has_names_and_times_that_it_takes() -> None:
    [[alert]] = bodies("alertmanager", telling())
    assert alert["labels"] == {
        "alertname": "recall", "severity": "page", "model": "fraud", "version": "42", "class": "charge<back>",
        "segment_country": "DE", "team": "risk", "job": "job", "fingerprint": "f" * 32,
    }  # fmt: skip
    assert (alert["startsAt"], alert["endsAt"]) == (rfc3339(NOW), rfc3339(NOW + 4 * RESEND_MS))
    assert alert["annotations"]["runbook_url"] == "https://books.example/recall"
    assert alert["annotations"]["evidence_value"] == "0.5"


def test_alertmanager_hears_of_an_escalation_as_an_end_and_a_begin() -> None:
    [[before, after]] = bodies("alertmanager", telling(was="ticket", t=NOW + 5), now_ms=NOW + 9)
    assert [one["labels"]["severity"] for one in (before, after)] == ["ticket", "page"]
    assert before["startsAt"] == after["startsAt"] == rfc3339(NOW)
    assert (before["endsAt"], after["endsAt"]) == (rfc3339(NOW + 5), rfc3339(NOW + 9 + 4 * RESEND_MS))


def test_alertmanager_hears_of_an_end_also_of_what_it_was_before() -> None:
    [alerts] = bodies("alertmanager", telling(Kind.RESOLVED, resolved_at=NOW + 7))
    assert [(one["labels"]["severity"], one["endsAt"]) for one in alerts] == [
        ("page", rfc3339(NOW + 7)),
        ("ticket", rfc3339(NOW + 7)),
    ]


def test_alertmanager_is_told_the_present_again_with_a_later_end() -> None:
    words = receiver_of(resolved("alertmanager"), RESEND_MS, "job")
    [call] = words.present([telling()], [telling(Kind.RESOLVED, "ticket", resolved_at=NOW)], NOW + 1)
    assert [one["endsAt"] for one in orjson.loads(call.body)] == [rfc3339(NOW), rfc3339(NOW + 1 + 4 * RESEND_MS)]
    assert call.url == f"{URL}/api/v2/alerts"
    assert call.headers["Authorization"] == "Bearer the-key"
    assert words.present([], [], NOW) == []


@pytest.mark.parametrize(("severity", "theirs"), [("page", "critical"), ("ticket", "warning")])
def test_pagerduty_gets_one_event_an_alert(severity: str, theirs: str) -> None:
    trigger, resolve = bodies("pagerduty", telling(severity=severity), telling(Kind.RESOLVED, severity))
    assert (trigger["event_action"], resolve["event_action"]) == ("trigger", "resolve")
    assert trigger["dedup_key"] == resolve["dedup_key"] == f"{'f' * 32}-{NOW // 1000}"
    assert trigger["payload"]["severity"] == theirs
    assert trigger["routing_key"] == "the-key"
    assert "payload" not in resolve


def test_pagerduty_is_not_told_that_a_mute_ends() -> None:
    assert bodies("pagerduty", telling(Kind.NOTICE, "ticket", reason=Reason.MUTE_ENDS)) == []


def test_slack_gets_a_message_in_which_no_name_is_a_link() -> None:
    [body] = bodies("slack", telling())
    assert body["text"].splitlines() == [
        "PAGE: recall fraud 42 class charge&lt;back&gt; segment.country DE: recall is low",
        "<https://books.example/recall|runbook>",
    ]


def test_slack_names_only_so_many() -> None:
    text = bodies("slack", *[telling()] * 30)[0]["text"]
    assert text.count("•") == 20
    assert "... and 10 more" in text


@pytest.mark.parametrize("kind", ["webhook", "alertmanager", "pagerduty", "slack"])
def test_nothing_secret_is_in_what_is_shown(kind: Any) -> None:
    receiver = resolved(kind)
    [call] = receiver_of(receiver, RESEND_MS, "job").calls(batch(), NOW)
    for shown in (repr(receiver), repr(call), str(call)):
        assert "the-key" not in shown
        assert "secret-part" not in shown
    assert isinstance(call, Call)


@pytest.mark.parametrize(("kind", "rings"), [("webhook", 1), ("alertmanager", 1), ("pagerduty", 0), ("slack", 0)])
def test_who_has_a_watchdog(kind: Any, rings: int) -> None:
    assert len(receiver_of(resolved(kind), RESEND_MS, "job").watchdog(Watchdog("job"), NOW)) == rings


@pytest.mark.parametrize(("kind", "where"), [("webhook", "runbook"), ("alertmanager", "runbook_url")])
def test_a_watchdog_says_where_its_runbook_is(kind: Any, where: str) -> None:
    [call] = receiver_of(resolved(kind), RESEND_MS, "job").watchdog(Watchdog("job", "https://books/Watchdog"), NOW)
    body = orjson.loads(call.body)
    about = body if kind == "webhook" else body[0]["annotations"]
    assert about[where] == "https://books/Watchdog"
