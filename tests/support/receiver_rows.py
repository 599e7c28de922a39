"""Rows of alerts as the judge writes them, for tests of who is told: alerts that are set by hand, step by step."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from confluent_kafka import Producer

from streams.alerts.instance import Change, Instance, Labels, Phase, Transition, fingerprint, labels_of
from streams.alerts.rows import Context, alert_row, pulse_row
from streams.alerts.rules.model import MINUTE, Severity

STEP = 5 * MINUTE

Row = tuple[str, dict[str, Any]]
"""A key and a row."""


class ModelRows:
    """The alerts of one model. Each call gives the rows of what happened; `pulse` ends the step."""

    def __init__(self, model: str = "fraud", *, settle_ms: int = 0, rule: str = "recall", version: str = "42") -> None:
        self.model, self.rule, self.version, self._settle_ms = model, rule, version, settle_ms
        self._instances: dict[str, Instance] = {}

    def labels(self, cls: str) -> Labels:
        return labels_of(model=self.model, version=self.version, **{"class": cls})

    def fingerprint(self, cls: str) -> str:
        return fingerprint(self.rule, self.labels(cls))

    def instance(self, cls: str) -> Instance:
        if cls not in self._instances:
            self._instances[cls] = Instance(self.rule, "slo", self.labels(cls), self.fingerprint(cls))
        return self._instances[cls]

    def fires(self, cls: str, t: int, severity: Severity = Severity.TICKET, *, muted_by: tuple[str, ...] = ()) -> Row:
        instance = self.instance(cls)
        instance.phase, instance.episode, instance.fired_at, instance.resolved_at = Phase.FIRING, t, t, 0
        instance.severity, instance.muted_by = severity, muted_by
        return self._row(instance, t, Change.FIRING)

    def escalates(self, cls: str, t: int) -> Row:
        instance = self.instance(cls)
        instance.severity = Severity.PAGE
        return self._row(instance, t, Change.ESCALATED)

    def mutes(self, cls: str, t: int, *muted_by: str) -> Row:
        instance = self.instance(cls)
        instance.muted_by = muted_by
        return self._row(instance, t, Change.MUTED if muted_by else Change.UNMUTED)

    def recovering(self, cls: str, t: int) -> Row:
        instance = self.instance(cls)
        instance.phase = Phase.RECOVERING
        return self._row(instance, t, Change.RECOVERING)

    def resolves(self, cls: str, t: int, reason: str = "recovered") -> Row:
        instance = self.instance(cls)
        instance.phase, instance.resolved_at, instance.ending = Phase.INACTIVE, t, reason
        return self._row(instance, t, Change.RESOLVED, reason)

    def replaced(self, cls: str, t: int, *, so: bool) -> Row:
        """A heartbeat that says whether another version took over."""
        instance = self.instance(cls)
        instance.replaced = so
        return self._row(instance, t, None)

    def pulse(self, t: int) -> Row:
        return f"pulse|{self.model}", pulse_row(self.model, t, t + self._settle_ms, {"firing": 1}, "r")

    def _row(self, instance: Instance, t: int, change: Change | None, reason: str | None = None) -> Row:
        context = Context(
            "r", t + self._settle_ms, "summary of it", "https://books.example/recall", (("team", "risk"),)
        )
        instance.last_t = t
        transition = None
        if change is not None:
            transition = Transition(instance.fingerprint, change, t, instance.episode, reason)
        return instance.fingerprint, alert_row("quality.alert.v1", instance, t, context, transition)


def write(client: Mapping[str, Any], topic: str, rows: Iterator[Row] | list[Row], partition: int = 0) -> None:
    """Append rows to a partition and wait for them."""
    producer = Producer({**client, "enable.idempotence": True, "linger.ms": 1, "log_level": 0})
    for key, row in rows:
        producer.produce(topic, orjson.dumps(row), key.encode(), partition)
    assert producer.flush(30) == 0
