"""What a worker knows of alerts and gates, out of the records of their topics."""

from typing import Any

import orjson
import pytest

from streams.alerts.gate.body import gate_key, gate_row
from streams.alerts.rules.model import Canary
from streams.runtime import alerts_board
from streams.runtime.alerts_board import AlertsBoard
from tests.unit.alerts.gate.test_arms import GOOD, Race

NOW_MS = 1_000_000_000_000
CANARY = Canary("fraud-gate", "fraud", margin=0.01, alpha=0.02, test="fixed")


def board(*canaries: Canary) -> AlertsBoard:
    return AlertsBoard(lambda: canaries, lambda: NOW_MS)


def alert(fingerprint: str, phase: str = "firing", severity: str = "page", **more: Any) -> bytes:
    row = {
        "schema": "quality.alert.v1", "fingerprint": fingerprint, "phase": phase, "severity": severity,
        "fired_at": "2026-11-20T06:00:00.000Z", "episode": None,
    }  # fmt: skip
    return orjson.dumps(row | more)


def transition(fingerprint: str, number: int) -> bytes:
    return orjson.dumps({"schema": "quality.alert_log.v1", "fingerprint": fingerprint, "transition_id": str(number)})


def gate(candidate: str = "42", baseline: str = "41", hours: int = 1) -> tuple[str, bytes]:
    result = list(Race().hours(hours, GOOD, GOOD))[-1]
    body = {**result.body, "candidate": {**result.body["candidate"], "version": candidate}}
    body["baseline"] = {**body["baseline"], "version": baseline}
    row = gate_row("fraud", result._replace(body=body), "split", "0" * 16)
    return gate_key("fraud-gate", candidate, baseline), orjson.dumps(row)


def prints(of: AlertsBoard) -> list[str]:
    return [row["fingerprint"] for row in of.alerts()]


def test_nothing_is_said_before_everything_was_read() -> None:
    known = board()
    assert known.reading() == "the alerts are being read; ask again in a moment"
    known.caught_up()
    assert known.reading() is None


def test_the_newest_state_of_each_alert_counts_and_what_is_over_is_gone() -> None:
    known = board()
    known.take("alerts", "a", alert("a", "pending"))
    known.take("alerts", "b", alert("b"))
    known.take("alerts", "a", alert("a", "firing"))
    known.take("alerts", "b", alert("b", "inactive"))
    known.take("alerts", "c", alert("c"))
    known.take("alerts", "c", None)
    known.take("alerts", "d", alert("d", "inactive"))
    assert [(row["fingerprint"], row["phase"]) for row in known.alerts()] == [("a", "firing")]


def test_the_loudest_and_oldest_come_first() -> None:
    known = board()
    for row in (
        alert("a", severity="ticket"),
        alert("b", fired_at="2026-11-21T00:00:00.000Z"),
        alert("c"),
        alert("d", "pending", severity=None),  # type: ignore[arg-type]
    ):
        known.take("alerts", orjson.loads(row)["fingerprint"], row)
    assert prints(known) == ["c", "b", "a", "d"]


@pytest.mark.parametrize("value", [b"", b"{", b"[1]", b'"x"', b"{}", b'{"schema": "quality.mute.v1", "name": "x"}'])
@pytest.mark.parametrize("noun", ["alerts", "alert-log", "gates"])
def test_records_of_no_use_are_passed_over(noun: str, value: bytes) -> None:
    known = board()
    known.take(noun, "x", value)
    assert (prints(known), known.gates(), known.judged()) == ([], {}, {})


def test_gates_are_those_of_the_rules_and_those_with_rows() -> None:
    known = board(Canary("other-gate", "spam"))
    assert known.gates() == {"other-gate": "spam"}
    known.take("gates", *gate())
    assert known.gates() == {"other-gate": "spam", "fraud-gate": "fraud"}


def test_a_gate_says_what_its_row_says_and_how_old_that_is() -> None:
    known = board(CANARY)
    key, value = gate()
    known.take("gates", key, value)
    assert known.gate("fraud-gate", "42", None)["watermark_lag_s"] is None
    pulse = {"schema": "quality.alert_pulse.v1", "model": "fraud", "t": "x", "settled_at": "2001-09-09T01:45:59.500Z"}
    known.take("alerts", "pulse|fraud", orjson.dumps(pulse))
    body = known.gate("fraud-gate", "42", "41")
    assert body["watermark_lag_s"] == 41
    assert body["candidate"] == {"version": "42", "balanced_accuracy": 0.925}
    assert known.judged() == {"fraud": "x"}


def test_without_a_baseline_the_newest_comparison_counts() -> None:
    known = board(CANARY)
    known.take("gates", *gate(baseline="40", hours=2))
    known.take("gates", *gate(baseline="41", hours=1))
    assert known.gate("fraud-gate", "42", None)["baseline"]["version"] == "40"
    assert known.gate("fraud-gate", "42", "41")["baseline"]["version"] == "41"


def test_a_candidate_that_was_not_compared_is_inconclusive_on_the_terms_of_the_rule() -> None:
    known = board(CANARY)
    body = known.gate("fraud-gate", "43", None)
    assert (body["verdict"], body["code"]) == ("inconclusive", 0)
    assert body["reason"] == "version 43 has not been compared with any other version yet"
    assert (body["margin"], body["alpha"], body["test"]) == (0.01, 0.02, "fixed")
    assert known.gate("fraud-gate", "43", "7")["reason"] == "version 43 has not been compared with version 7 yet"
    assert list(body) == list(orjson.loads(orjson.dumps(Race().hour(GOOD, GOOD).body)))


def test_a_gate_that_the_rules_do_not_know_any_more_keeps_its_terms() -> None:
    known = board()
    known.take("gates", *gate())
    assert known.gate("fraud-gate", "43", None)["margin"] == 0.02


def test_a_gate_that_is_gone_is_forgotten() -> None:
    known = board()
    key, value = gate()
    known.take("gates", key, value)
    known.take("gates", key, None)
    assert known.gates() == {}


def test_the_history_of_an_alert_is_in_order_and_has_each_transition_once() -> None:
    known = board()
    for number in (1, 2, 2, 3):
        known.take("alert-log", "a", transition("a", number))
    known.take("alert-log", "b", transition("b", 9))
    history = known.history("a")
    assert [row["transition_id"] for row in history.transitions] == ["1", "2", "3"]
    assert history.is_whole
    assert known.history("nobody").transitions == []


def test_the_past_is_bounded_and_says_what_was_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts_board, "MOST_TRANSITIONS", 3)
    known = board()
    for fingerprint, number in (("a", 1), ("b", 2), ("a", 3), ("a", 4), ("c", 5)):
        known.take("alert-log", fingerprint, transition(fingerprint, number))
    assert [row["transition_id"] for row in known.history("a").transitions] == ["3", "4"]
    assert not known.history("a").is_whole
    assert known.history("b").transitions == []
    known.take("alert-log", "b", transition("b", 6))
    assert not known.history("b").is_whole
    assert known.history("c").is_whole
