"""How good are the models, for Prometheus? The series that `quality_series` lists, from rows as they are written.

The judge stage hands over every row after its round is written, the join its audits; this keeps the newest values of
what may be shown. Windows count from when they settle. Of each model the two versions that came last are shown
(`max_versions`), others are asked for by row; a version without predictions for a week of event time is dropped, and so
is everything of a partition that moves to another worker. Safe from any thread.
"""

import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from streams.alerts.watching.standing import Standing
from streams.quality.rows import ALL, VIEW
from streams.quality.spec import QualitySpec
from streams.runtime.quality_alert_series import OF_SLO, READ, AlertSeries
from streams.runtime.quality_outcomes import NEVER, Change, Seen, SettledCounts
from streams.runtime.quality_series import BY_NAME, SERIES, Labels, Name, SeriesStore, moment_ms, printable

DELAY_BUCKETS_S = (
    60, 300, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200, 86_400, 172_800, 259_200, 432_000, 604_800, 1_209_600,
    2_592_000, 5_184_000, 7_776_000,
)  # fmt: skip
"""Upper bounds of the label delays' buckets, a choice of the edges that delay rows have."""

RETIRE_MS = 7 * 86_400_000
"""A version without predictions for so long, in event time, is not shown any more."""

_MOST_VERSIONS = 1_000  # of a model that are remembered

_OUTCOMES = ("tp", "fn", "fp")
_OF_CLASS = {
    Name.RECALL: "recall",
    Name.RECALL_LOWER: "recall_lower",
    Name.RECALL_UPPER: "recall_upper",
    Name.PRECISION: "precision",
    Name.PRECISION_LOWER: "precision_lower",
    Name.PRECISION_UPPER: "precision_upper",
    Name.SUPPORT: "support",
}
_OF_WINDOW = {
    Name.BALANCED_ACCURACY: "balanced_accuracy",
    Name.BALANCED_ACCURACY_LOWER: "balanced_accuracy_lower",
    Name.BALANCED_ACCURACY_UPPER: "balanced_accuracy_upper",
    Name.COMPLETENESS: "coverage",
}
_OF_VERSIONS = tuple(series.name for series in SERIES if series.labels[:2] == ("model", "version"))

_OF_WINDOWS = frozenset({"quality.window.v1", "quality.class.v1", "quality.delay.v1"})
_READ = _OF_WINDOWS | {"quality.audit.v1"} | READ

Row = Mapping[str, Any]


class QualityMetrics(Collector):
    """A collector of prometheus-client over the newest rows."""

    def __init__(
        self, spec: QualitySpec, registry: CollectorRegistry | None, *, max_series: int = 2_000, max_versions: int = 2
    ) -> None:
        """`spec` says which windows there are and when they settle; `max_series` bounds each name.

        It is shown on the page of `registry`.
        """
        self._spec, self._max_series, self._max_versions = spec, max_series, max_versions
        tumbling = sorted((w for w in spec.windows if w.step_ms == w.size_ms), key=lambda w: w.size_ms)
        detailed = [w for w in tumbling if w.is_of_details(spec.detail_ms)]
        self._counted = tumbling[0].name if tumbling else None  # windows whose outcomes are added up
        self._delayed = detailed[0].name if detailed else None
        self._lock = threading.Lock()
        self._store = SeriesStore(max_series)
        self._outcomes, self._delays = SettledCounts(), SettledCounts()
        self._buckets: dict[str, list[int]] = {}  # labels by delay bucket, by model
        self._newest: dict[tuple[str, str, str], int] = {}  # end of the newest settled window, by version and window
        self._versions: dict[str, dict[str, int]] = {}  # end of the newest window with predictions, first seen first
        self._alerts = AlertSeries(self._store, max_series)
        self._models: dict[int, set[str]] = {}  # by partition of the judge
        if registry is not None:
            registry.register(self)

    def take(self, stream: str, row: Row, partition: int = 0) -> None:  # noqa: ARG002 - rows name their schema
        """One row of any stream, after it was written; `partition` is the judge's. Streams that say nothing pass."""
        schema = str(row.get("schema", ""))
        if schema not in _READ or (row.get("segment", ALL) != ALL and schema in _OF_WINDOWS):
            return
        with self._lock:
            if isinstance(model := row.get("model"), str):
                self._models.setdefault(partition, set()).add(model)
            if schema == "quality.window.v1":
                self._window(row, partition)
            elif schema == "quality.class.v1":
                self._class(row, partition)
            elif schema == "quality.delay.v1":
                self._delay(row, partition)
            elif schema == "quality.audit.v1":
                self._audit(row)
            else:
                self._alerts.take(schema, row)

    def remember(self, rows: Iterable[Row], partition: int = 0) -> None:
        """Alerts and gates as they stood before this worker had a partition, unless something newer was taken."""
        with self._lock:
            for row in rows:
                self._models.setdefault(partition, set()).add(row["model"])
                self._alerts.remember(row)

    def take_slo(self, now: Standing, partition: int = 0) -> None:
        """How an error budget of a class stands: replaces what was shown of it."""
        with self._lock:
            self._models.setdefault(partition, set()).add(now.model)
            if self._is_shown(now.model, now.version):
                self._alerts.take_slo(now)

    def drop_partition(self, partition: int) -> None:
        """Another worker judges these models from now on: nothing of them is known here. Counters stop."""
        with self._lock:
            for model in self._models.pop(partition, set()):
                self._drop_model(model)
            self._outcomes.drop_partition(partition)
            self._delays.drop_partition(partition)

    def drop_ledger_partition(self, partition: int) -> None:
        """Another worker joins this ledger partition from now on."""
        with self._lock:
            for name in (Name.UNMATCHED, Name.WAITING, Name.LATE):
                self._store.drop(name, lambda labels: labels[0] == str(partition))

    def describe(self) -> Iterator[Metric]:
        """The names, for the registry."""
        return iter([Metric(s.name.removesuffix("_total"), s.meaning, s.kind) for s in SERIES])

    def collect(self) -> Iterator[Metric]:
        """What is known now."""
        with self._lock:
            families = [*self._store.families(), self._delay_family()]
        return iter(families)

    # ------------------------------------------------------------------ windows

    def _window(self, row: Row, partition: int) -> None:
        revision, watermark = _round_of(row)
        self._outcomes.watermark(partition, revision, watermark)
        self._delays.watermark(partition, revision, watermark)
        if not _is_plain(row):
            return
        model, version = row["model"], row["model_version"]
        if row["predictions"]:
            self._seen(model, version, moment_ms(row["window_end"]))
        if row["status"] != "open":
            if row["window"] == self._counted:
                self._outcomes.settle(self._seen_row(row, partition))
            if row["window"] == self._delayed:
                self._delays.settle(self._seen_row(row, partition))
        if not self._begin(row):
            return
        labels = (model, version, row["window"])
        for name, field in _OF_WINDOW.items():
            self._store.set(name, labels, row[field])

    def _class(self, row: Row, partition: int) -> None:
        if not _is_plain(row) or row["status"] == "open":
            return
        model, version, cls = row["model"], row["model_version"], row["class"]
        if row["window"] == self._counted:
            change = self._outcomes.take(
                self._seen_row(row, partition), (version, cls), tuple(row[name] for name in _OUTCOMES)
            )
            if change is not None and self._is_shown(model, version):
                self._count((model, version, cls), change)
        if self._begin(row):
            for name, field in _OF_CLASS.items():
                self._store.set(name, (model, version, cls, row["window"]), row[field])

    def _count(self, key: Labels, change: Change) -> None:
        for outcome, by in zip(_OUTCOMES, change.by, strict=True):
            if not change.is_correction:
                self._store.add(Name.OUTCOMES, (*key, outcome), by)
            elif by:
                sign = "added" if by > 0 else "removed"
                self._store.add(Name.CORRECTIONS, (*key, outcome, sign), abs(by))

    def _delay(self, row: Row, partition: int) -> None:
        if row["window"] != self._delayed or row["class"] is not None or not _is_plain(row):
            return
        change = self._delays.take(
            self._seen_row(row, partition), (row["model_version"], row["delay_from_s"]), (row["count"],)
        )
        if change is None or change.by[0] <= 0:
            return  # a label that was taken back leaves the histogram as it was: it did come after so long
        model, upper_s = row["model"], row["delay_to_s"]
        if model not in self._buckets and len(self._buckets) >= self._max_series:
            self._store.add(Name.REFUSED, (Name.LABEL_DELAY.value,), 1)
            return
        buckets = self._buckets.setdefault(model, [0] * (len(DELAY_BUCKETS_S) + 1))
        buckets[len(DELAY_BUCKETS_S) if upper_s is None else bisect_left(DELAY_BUCKETS_S, upper_s)] += change.by[0]

    def _begin(self, row: Row) -> bool:
        """Whether a row is of the newest settled window of a version that is shown; makes room for a newer one."""
        if row["status"] == "open" or not self._is_shown(row["model"], row["model_version"]):
            return False
        key, end = (row["model"], row["model_version"], row["window"]), moment_ms(row["window_end"])
        newest = self._newest.get(key)
        if newest is not None and end < newest:
            return False
        if newest is None or end > newest:
            self._newest[key] = end
            for name in (*_OF_WINDOW, *_OF_CLASS):
                self._store.drop(name, lambda labels: (*labels[:2], labels[-1]) == key)
            self._store.set(Name.WINDOW_END, key, end / 1000)
            self._store.set(Name.SETTLE, key[:1], self._spec.timing_of(key[0]).settle_ms / 1000)
        return True

    def _seen_row(self, row: Row, partition: int) -> Seen:
        model, end = row["model"], moment_ms(row["window_end"])
        revision, watermark = _round_of(row)
        settles_at = end + self._spec.timing_of(model).settle_ms
        return Seen(partition, (model, end), settles_at, row["status"] == "final", revision, watermark)

    # ------------------------------------------------------------------ versions

    def _seen(self, model: str, version: str, end: int) -> None:
        versions = self._versions.setdefault(model, {})
        if versions.get(version, NEVER) >= end:
            return  # by far the usual case
        before = self._shown(model)
        versions[version] = max(end, versions.get(version, end))
        if len(versions) > _MOST_VERSIONS:
            del versions[next(iter(versions))]
        newest = max(versions.values())
        for old in [name for name, last in versions.items() if newest - last > RETIRE_MS]:
            del versions[old]
        for gone in before - self._shown(model):
            self._drop_version(model, gone)

    def _shown(self, model: str) -> set[str]:
        return {*[*self._versions.get(model, {})][-self._max_versions :]}

    def _is_shown(self, model: str, version: str) -> bool:
        return model not in self._versions or version in self._shown(model)

    def _drop_version(self, model: str, version: str) -> None:
        for name in _OF_VERSIONS:
            self._store.drop(name, lambda labels: labels[:2] == (model, version))
        for name in OF_SLO:
            self._store.drop(name, lambda labels: labels[1:3] == (model, version))
        for key in [key for key in self._newest if key[:2] == (model, version)]:
            del self._newest[key]

    def _drop_model(self, model: str) -> None:
        for name, series in BY_NAME.items():
            if "model" in series.labels:
                at = series.labels.index("model")
                self._store.drop(name, lambda labels, at=at: labels[at] == model)  # type: ignore[misc]
        self._buckets.pop(model, None)
        self._versions.pop(model, None)
        self._newest = {key: end for key, end in self._newest.items() if key[0] != model}
        self._alerts.drop_model(model)

    # ------------------------------------------------------------------ the rest

    def _audit(self, row: Row) -> None:
        partition = str(row["ledger_partition"])
        for kind, gone in (("prediction", "predictions_expired"), ("label", "labels_orphan")):
            self._store.raise_to(Name.UNMATCHED, (partition, kind), row[gone])
            self._store.raise_to(Name.LATE, (partition, kind), row[f"{kind}s_late"])
            self._store.set(Name.WAITING, (partition, kind), row[f"{kind}s_waiting"])

    def _delay_family(self) -> HistogramMetricFamily:
        series = BY_NAME[Name.LABEL_DELAY]
        family = HistogramMetricFamily(series.name, series.meaning, labels=[*series.labels])
        for model, counts in self._buckets.items():
            edges = [*(f"{edge:.1f}" for edge in DELAY_BUCKETS_S), "+Inf"]
            family.add_metric([printable(model)], [*zip(edges, accumulate(counts), strict=True)], None)
        return family


def _is_plain(row: Row) -> bool:
    """Whether a row is by the time of the predictions; rows of segments do not get so far."""
    return bool(row["view"] == VIEW)


def _round_of(row: Row) -> tuple[int, int]:
    watermark = row["watermark"]
    return row["revision"], NEVER if watermark is None else moment_ms(watermark)
