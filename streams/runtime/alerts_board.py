"""What is known of alerts and gates, out of their topics: the newest row of each key, and a bounded past.

A fold over records, whoever reads them: the thread of a worker (`runtime/alerts_view.py`), or a test. One thread takes,
others may ask at any time.
"""

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from streams.alerts.gate.body import SCHEMA, body_of, gate_key, unseen_body
from streams.alerts.rules.model import Canary
from streams.web.alerts import PHASES, History

Row = Mapping[str, Any]

MOST_TRANSITIONS = 10_000
"""Rows of the log that are kept, of all alerts together: some 15 MB. The oldest go first."""

_SEVERITIES = ("page", "ticket")
_PULSE = "quality.alert_pulse.v1"
_ALERT = "quality.alert.v1"
_MUTE = "quality.mute.v1"


class AlertsBoard:
    """What the web routes answer from (`streams.web.gates.GateBoard`, `streams.web.alerts.AlertBoard`)."""

    def __init__(self, canaries: Callable[[], Sequence[Canary]], clock_ms: Callable[[], int]) -> None:
        """`canaries` are the gates of the rules in force, `clock_ms` wall time."""
        self._canaries, self._clock_ms = canaries, clock_ms
        self._lock = threading.Lock()
        self._gates: dict[str, Row] = {}
        self._alerts: dict[str, Row] = {}
        self._pulses: dict[str, Row] = {}
        self._mutes: dict[str, Row] = {}
        self._log: defaultdict[str, deque[bytes]] = defaultdict(deque)
        self._order: deque[str] = deque()
        self._dropped: set[str] = set()
        self._waits_for: str | None = "the alerts are being read; ask again in a moment"

    def take(self, noun: str, key: str, value: bytes | None) -> None:
        """A record of one of the topics `alerts`, `alert-log` or `gates`; without a value its key is gone.

        What is no JSON object, or of a kind that nobody asks for, is passed over.
        """
        row = _object(value)
        with self._lock:
            if noun == "alert-log":
                self._note(row, value)
            elif row is None:
                (self._gates if noun == "gates" else self._alerts).pop(key, None)
                if key.startswith("mute|"):
                    self._mutes.pop(key.removeprefix("mute|"), None)
            elif row.get("schema") == SCHEMA:
                self._gates[key] = row
            elif row.get("schema") == _PULSE:
                self._pulses[row["model"]] = row
            elif row.get("schema") == _MUTE:
                self._mutes[row["name"]] = row
            elif row.get("schema") == _ALERT:
                if row["phase"] in PHASES:
                    self._alerts[key] = row
                else:
                    self._alerts.pop(key, None)

    def caught_up(self) -> None:
        """Everything that was written before reading began has been taken."""
        self._waits_for = None

    def reading(self) -> str | None:
        """Why nothing can be said yet, None when everything that was written is known."""
        return self._waits_for

    # ------------------------------------------------------------------ gates

    def gates(self) -> Mapping[str, str]:
        """The model of each gate by name: of the rules, and of rows."""
        with self._lock:
            of_rows = {row["gate"]: row["model"] for row in self._gates.values()}
        return of_rows | {canary.name: canary.model for canary in self._canaries()}

    def gate(self, name: str, candidate: str, baseline: str | None) -> dict[str, Any]:
        """What a known gate says of a candidate: the newest where it has compared it with several baselines."""
        with self._lock:
            if baseline is None:
                rows = [r for r in self._gates.values() if r["gate"] == name and r["candidate"] == candidate]
                row = max(rows, key=lambda r: (r["t"], r["baseline"]), default=None)
            else:
                row = self._gates.get(gate_key(name, candidate, baseline))
            if row is not None:
                return body_of(row, self._lag_s(row["model"]))
            return unseen_body(name, self._terms(name), candidate, baseline)

    def gate_rows(self) -> Sequence[Row]:
        """The newest row of each gate and pair of versions."""
        with self._lock:
            return list(self._gates.values())

    # ------------------------------------------------------------------ alerts

    def alerts(self) -> Sequence[Row]:
        """The rows of all alerts that are not inactive, the loudest and oldest first."""
        with self._lock:
            return sorted(self._alerts.values(), key=_loudest)

    def judged(self) -> Mapping[str, str]:
        """Up to when each model has been judged, RFC 3339."""
        with self._lock:
            return {model: row["t"] for model, row in sorted(self._pulses.items())}

    def judged_by(self) -> Mapping[str, str]:
        """The hash of the rules by which each model was judged last."""
        with self._lock:
            return {model: row["rules_hash"] for model, row in sorted(self._pulses.items())}

    def mutes(self) -> Sequence[Row]:
        """The rows of all mutes by name, those that are over, too."""
        with self._lock:
            return [self._mutes[name] for name in sorted(self._mutes)]

    def fingerprints(self, begins: str) -> Sequence[str]:
        """The fingerprints in the log that begin so, sorted."""
        with self._lock:
            return sorted(name for name in self._log if name.startswith(begins))

    def history(self, fingerprint: str) -> History:
        """The transitions of one alert, oldest first."""
        with self._lock:
            rows = [orjson.loads(value) for value in self._log.get(fingerprint, ())]
        once = {row["transition_id"]: row for row in rows}  # what a worker said again after a crash is the same
        return History(list(once.values()), fingerprint not in self._dropped)

    def _terms(self, gate: str) -> tuple[float, float, str]:
        """The margin, alpha and test of a known gate: of the rules, else of its newest row."""
        for canary in self._canaries():
            if canary.name == gate:
                return canary.margin, canary.alpha, canary.test
        newest = max((row for row in self._gates.values() if row["gate"] == gate), key=lambda row: row["t"])
        return newest["margin"], newest["alpha"], newest["test"]

    def _lag_s(self, model: str) -> int | None:
        """How far the watermark at the newest step of a model lies behind the clock; None before any step."""
        pulse = self._pulses.get(model)
        if pulse is None:
            return None
        settled = datetime.fromisoformat(pulse["settled_at"])
        return max(0, self._clock_ms() // 1000 - int(settled.timestamp()))

    def _note(self, row: dict[str, Any] | None, value: bytes | None) -> None:
        if row is None or value is None or "fingerprint" not in row:
            return
        fingerprint = row["fingerprint"]
        self._log[fingerprint].append(value)
        self._order.append(fingerprint)
        if len(self._order) > MOST_TRANSITIONS:
            oldest = self._order.popleft()
            self._log[oldest].popleft()
            self._dropped.add(oldest)
            if not self._log[oldest]:
                del self._log[oldest]


def _object(value: bytes | None) -> dict[str, Any] | None:
    if value is None:
        return None
    try:
        row = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    return row if isinstance(row, dict) else None


def _loudest(row: Row) -> tuple[int, str, str]:
    severity = row["severity"]
    rank = _SEVERITIES.index(severity) if severity in _SEVERITIES else len(_SEVERITIES)
    return rank, row["fired_at"] or row["episode"] or "", row["fingerprint"]
