"""What do alerts, gates and mutes look like on /metrics? Series from their rows as they were written."""

from collections.abc import Mapping
from typing import Any

from streams.alerts.watching.standing import Standing
from streams.runtime.quality_series import Labels, Name, SeriesStore, moment_ms

Row = Mapping[str, Any]

_IDENTITY = ("rule", "model", "model_version", "class", "segment", "window", "subject")
_DELTAS = {Name.CANARY_DELTA: "delta", Name.CANARY_DELTA_LOWER: "lower", Name.CANARY_DELTA_UPPER: "upper"}
_VERDICTS = {"pass": 1.0, "inconclusive": 0.0, "fail": -1.0}
_OF_GATE = (Name.CANARY_VERDICT, *_DELTAS)
_GATE_KEPT_MS = 7 * 86_400_000

READ = frozenset({
    "quality.alert.v1", "quality.alert_log.v1", "quality.alert_pulse.v1", "quality.mute.v1", "quality.gate.v1",
})  # fmt: skip
"""The schemas of the rows that are read."""

_MOST_HEARD = 100_000

OF_SLO = (Name.SLO_TARGET, Name.SLO_BURN, Name.SLO_THRESHOLD, Name.SLO_REMAINING, Name.SLO_EXHAUSTION)
"""The names whose labels begin with budget, model, version and class."""


class AlertSeries:
    """Writes the newest state of alerts, gates and mutes into a store."""

    def __init__(self, store: SeriesStore, max_alerts: int) -> None:
        """At most `max_alerts` alerts are shown; further ones are refused and counted."""
        self._store, self._max = store, max_alerts
        self._alerts: dict[str, tuple[Labels, Labels]] = {}  # labels of what is shown, by fingerprint
        self._slos: dict[Labels, set[tuple[Name, Labels]]] = {}  # what is shown of each budget
        self._heard: set[str] = set()  # alerts and gates that were taken, whatever became of them
        self._gates: dict[Labels, tuple[str, int]] = {}  # model and newest step

    def take(self, schema: str, row: Row) -> None:
        """One row, by the name of its schema; others pass."""
        if schema in {"quality.alert.v1", "quality.gate.v1"} and len(self._heard) < _MOST_HEARD:
            self._heard.add(_name(row))
        if schema == "quality.alert.v1":
            self._alert(row)
        elif schema == "quality.alert_log.v1":
            self._store.add(Name.TRANSITIONS, (row["rule"], row["kind"]), 1)
        elif schema == "quality.alert_pulse.v1":
            self._store.set(Name.ALERT_STEP, (row["model"],), moment_ms(row["t"]) / 1000)
        elif schema == "quality.mute.v1":
            for name, field in ((Name.MUTE_START, "start"), (Name.MUTE_END, "end")):
                self._store.set(name, (row["name"],), None if row[field] is None else moment_ms(row[field]) / 1000)
        elif schema == "quality.gate.v1":
            self._gate(row)

    def remember(self, row: Row) -> None:
        """A row from before: shown unless something newer was taken of the same alert or gate."""
        schema = str(row.get("schema", ""))
        if schema in {"quality.alert.v1", "quality.gate.v1"} and _name(row) not in self._heard:
            self.take(schema, row)

    def take_slo(self, now: Standing) -> None:
        """How an error budget stands; replaces what was shown of it."""
        key = (now.slo, now.model, now.version, now.cls)
        values: dict[tuple[Name, Labels], float | None] = {
            (Name.SLO_TARGET, key): now.target,
            (Name.SLO_REMAINING, key): now.remaining,
            (Name.SLO_EXHAUSTION, key): now.exhaustion_s,
        }
        for tier in now.tiers:
            values[Name.SLO_BURN, (*key, tier.tier, "long")] = tier.long
            values[Name.SLO_BURN, (*key, tier.tier, "short")] = tier.short
            values[Name.SLO_THRESHOLD, (*key, tier.tier)] = tier.threshold
        for name, labels in self._slos.get(key, set()) - values.keys():
            self._store.set(name, labels, None)
        for (name, labels), value in values.items():
            self._store.set(name, labels, value)
        if key in self._slos or len(self._slos) < self._max:
            self._slos[key] = {*values}

    def drop_model(self, model: str) -> None:
        """Nothing is known here of the alerts of a model any more; their series are dropped by its name."""
        self._heard.clear()  # other models' alerts are not remembered anew as long as they stay
        self._alerts = {fingerprint: labels for fingerprint, labels in self._alerts.items() if labels[0][1] != model}
        for key in [key for key, (of, _) in self._gates.items() if of == model]:
            self._forget_gate(key)
        self._slos = {key: shown for key, shown in self._slos.items() if key[1] != model}

    def _alert(self, row: Row) -> None:
        fingerprint = row["fingerprint"]
        key = tuple(str(row.get(name) or "") for name in _IDENTITY)
        self._forget(fingerprint)
        if row["phase"] == "inactive":
            return
        if len(self._alerts) >= self._max:
            self._store.add(Name.REFUSED, (Name.ALERT_PHASE.value,), 1)
            return
        of_phase = (*key, row["severity"] or "", row["phase"])
        self._alerts[fingerprint] = (key, of_phase)
        self._store.set(Name.ALERT_PHASE, of_phase, 1)
        self._store.set(Name.ALERT_MUTED, key, float(bool(row["muted_by"])))
        self._store.set(Name.ALERT_INHIBITED, key, float(bool(row["inhibited_by"])))
        self._store.set(Name.ALERT_NO_DATA, key, float(row["no_data_s"] > 0))

    def _forget(self, fingerprint: str) -> None:
        key, of_phase = self._alerts.pop(fingerprint, ((), ()))
        self._store.set(Name.ALERT_PHASE, of_phase, None)
        self._store.set(Name.ALERT_MUTED, key, None)
        self._store.set(Name.ALERT_INHIBITED, key, None)
        self._store.set(Name.ALERT_NO_DATA, key, None)

    def _gate(self, row: Row) -> None:
        key, t = (row["gate"], row["candidate"], row["baseline"]), moment_ms(row["t"])
        self._gates[key] = (row["model"], t)
        old = [k for k, (_, at) in self._gates.items() if k[0] == key[0] and t - at > _GATE_KEPT_MS]
        for gone in old:
            self._forget_gate(gone)
        self._store.set(Name.CANARY_VERDICT, key, _VERDICTS.get(row["verdict"]))
        for name, field in _DELTAS.items():
            self._store.set(name, key, row[field])

    def _forget_gate(self, key: Labels) -> None:
        del self._gates[key]
        for name in _OF_GATE:
            self._store.set(name, key, None)


def _name(row: Row) -> str:
    """What an alert or a gate is known by."""
    return str(row.get("fingerprint") or (row["gate"], row["candidate"], row["baseline"]))
