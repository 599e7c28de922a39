"""Which numbers does a worker show? A closed list: what is not in `Count`, `Level` or `Spread` cannot be recorded.

The list is the documentation (docs/metrics.md is checked against it). Rules: base units, one meaning a name; no series
while a value is unknown, since a made-up 0 would look healthy; series of partitions that moved away are dropped.
Counters follow the worker's processing, so their rate during a catch-up is not the rate of the events.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
"""What `Telemetry.page` is."""

_SLOW_S = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0)
_FAST_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Count(StrEnum):
    """Numbers that only grow."""

    EVENTS = "quality_events_total"
    REJECTED = "quality_rejected_total"
    BYTES_READ = "quality_bytes_read_total"
    FLUSHES = "quality_flushes_total"
    ROWS = "quality_rows_total"
    REBALANCES = "quality_rebalances_total"
    BROKER_OUTAGES = "quality_broker_outages_total"
    CHECKPOINTS = "quality_checkpoints_total"
    NOTIFICATIONS = "quality_notifications_total"


class Level(StrEnum):
    """Numbers as they are now."""

    WATERMARK_LAG = "quality_watermark_lag_seconds"
    WATERMARK_TIME = "quality_watermark_timestamp_seconds"
    MAX_DISORDER = "quality_max_disorder_seconds"
    SOURCE_LAG = "quality_source_lag_seconds"
    SOURCE_AHEAD = "quality_source_ahead_seconds"
    CONSUMER_LAG = "quality_consumer_lag_records"
    HELD_ROWS = "quality_join_held_rows"
    HELD_BYTES = "quality_join_held_bytes"
    HELD_LIMIT = "quality_join_held_limit_bytes"
    AUDIT_BALANCED = "quality_audit_balanced"
    CHECKPOINT_TIME = "quality_checkpoint_timestamp_seconds"
    CHECKPOINT_BYTES = "quality_checkpoint_bytes"
    CHECKPOINT_INTERVAL = "quality_checkpoint_interval_seconds"
    BATCHES_IN_FLIGHT = "quality_batches_in_flight"
    ASSIGNED_PARTITIONS = "quality_assigned_partitions"
    LOADED_PARTITIONS = "quality_loaded_partitions"
    BUILD_INFO = "quality_build_info"
    CONFIG_INFO = "quality_config_info"
    RULES_INFO = "quality_rules_info"
    RELOAD_OK = "quality_config_last_reload_successful"
    RELOAD_TIME = "quality_config_last_reload_success_timestamp_seconds"
    DELIVERY_PENDING = "quality_delivery_pending"
    DELIVERY_OLDEST = "quality_delivery_oldest_seconds"


class Spread(StrEnum):
    """Durations, as histograms."""

    TICK = "quality_tick_duration_seconds"
    BATCH = "quality_batch_duration_seconds"
    CHECKPOINT = "quality_checkpoint_duration_seconds"
    RESTORE = "quality_restore_duration_seconds"
    NOTIFICATION = "quality_notification_duration_seconds"


Name = Count | Level | Spread


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its labels, what it means, and for histograms the upper bounds of its buckets in seconds."""

    name: Name
    labels: tuple[str, ...]
    meaning: str
    buckets: tuple[float, ...] = ()


METRICS: tuple[Metric, ...] = (
    Metric(Count.EVENTS, ("kind",), "Rows decoded by intake, by kind (prediction or label)."),
    Metric(Count.REJECTED, ("reason",), "Records that were not counted, by reason; each is in the rejects topic."),
    Metric(Count.BYTES_READ, ("stage",), "Bytes of record values read from Kafka, by stage."),
    Metric(Count.FLUSHES, ("partition",), "Flushes of counts sent to the judges, by ledger partition."),
    Metric(Count.ROWS, ("topic",), "Output rows written, by topic."),
    Metric(Count.REBALANCES, ("stage",), "Changes of the assigned partitions, by stage."),
    Metric(Count.BROKER_OUTAGES, ("stage",), "Times no broker could be reached, by stage."),
    Metric(Count.CHECKPOINTS, ("stage",), "Checkpoints written, by stage."),
    Metric(Count.NOTIFICATIONS, ("receiver", "outcome"), "Tellings that were tried, by receiver and outcome."),
    Metric(Level.WATERMARK_LAG, ("partition",), "Wall clock minus watermark, by ledger partition."),
    Metric(
        Level.WATERMARK_TIME,
        ("partition",),
        "The watermark, Unix time, by ledger partition; its lag goes on growing where nothing is flushed any more.",
    ),
    Metric(Level.MAX_DISORDER, (), "How far the watermark lies behind the newest event by configuration."),
    Metric(Level.SOURCE_LAG, ("topic", "partition"), "Wall clock minus the clock of a source partition."),
    Metric(
        Level.SOURCE_AHEAD,
        ("topic", "partition"),
        "How far a source partition that waits for others is ahead of them in event time.",
    ),
    Metric(Level.CONSUMER_LAG, ("topic", "partition"), "Records between the position and the end of a partition."),
    Metric(Level.HELD_ROWS, ("partition", "table"), "Rows held by the join, by ledger partition and table."),
    Metric(Level.HELD_BYTES, ("partition",), "Bytes of the join's tables and counts, by ledger partition."),
    Metric(Level.HELD_LIMIT, (), "Bytes of held tables at which this worker stops reading; no series without a bound."),
    Metric(Level.AUDIT_BALANCED, ("partition",), "1 when what came in equals what was counted, rejected and held."),
    Metric(
        Level.CHECKPOINT_TIME, ("stage", "partition"), "When the last checkpoint of a partition was written, Unix time."
    ),
    Metric(Level.CHECKPOINT_BYTES, ("stage", "partition"), "Size of the last checkpoint of a partition, compressed."),
    Metric(Level.CHECKPOINT_INTERVAL, (), "After so long a checkpoint is due; no series where there are none."),
    Metric(Level.BATCHES_IN_FLIGHT, ("stage",), "Micro-batches read and not yet applied, by stage."),
    Metric(Level.ASSIGNED_PARTITIONS, ("stage",), "Partitions this worker owns, by stage."),
    Metric(Level.LOADED_PARTITIONS, ("stage",), "Owned partitions whose state is restored, by stage."),
    Metric(Level.BUILD_INFO, ("version",), "Always 1; the version of the program."),
    Metric(Level.CONFIG_INFO, ("hash", "quality_hash"), "Always 1; what the logs and the rows depend on."),
    Metric(Level.RULES_INFO, ("hash",), "Always 1; the rules that alerts are judged by."),
    Metric(Level.RELOAD_OK, (), "1 when the last reload of the rules was taken, 0 when it was refused."),
    Metric(Level.RELOAD_TIME, (), "When rules were last taken, Unix time."),
    Metric(Level.DELIVERY_PENDING, ("receiver",), "Tellings that a receiver has not acknowledged yet."),
    Metric(Level.DELIVERY_OLDEST, ("receiver",), "How long the oldest of them has waited; 0 when there is none."),
    Metric(Spread.TICK, (), "Duration of one tick's work.", _FAST_S),
    Metric(Spread.BATCH, ("stage",), "Duration of applying one micro-batch, by stage.", _FAST_S),
    Metric(Spread.CHECKPOINT, ("stage",), "Duration of writing one checkpoint, by stage.", _SLOW_S),
    Metric(Spread.RESTORE, ("stage",), "Duration of restoring one partition from a checkpoint, by stage.", _SLOW_S),
    Metric(Spread.NOTIFICATION, ("receiver",), "Duration of one request to a receiver.", _SLOW_S),
)
"""Every metric there is, in the order of docs/metrics.md."""


class Telemetry:
    """The metrics of one worker, in a registry of their own. Safe to use from any thread.

    Labels are keywords and must be exactly those of the metric; anything else raises ValueError.
    """

    def __init__(self, *, process: bool = False) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call] # a second series a counter, which nobody reads
        self.registry = CollectorRegistry()
        self._counters: dict[Count, Counter] = {}
        self._gauges: dict[Level, Gauge] = {}
        self._histograms: dict[Spread, Histogram] = {}
        self._shown: set[Level] = set()  # levels without labels that have a value
        self._lock = threading.Lock()
        for metric in METRICS:
            name, labels, meaning = metric.name, metric.labels, metric.meaning
            if isinstance(name, Count):
                self._counters[name] = Counter(name.value, meaning, labels, registry=self.registry)
            elif isinstance(name, Level):
                # without labels it would be 0 from the start: it is not shown before its first value
                self._gauges[name] = Gauge(name.value, meaning, labels, registry=self.registry if labels else None)
            else:
                self._histograms[name] = Histogram(
                    name.value, meaning, labels, buckets=metric.buckets, registry=self.registry
                )
        if process:
            ProcessCollector(registry=self.registry)

    def count(self, name: Count, amount: float = 1, **labels: str | int) -> None:
        """Add to a counter."""
        counter = self._counters[name]
        (counter.labels(**labels) if labels else counter).inc(amount)

    def set(self, name: Level, value: float, **labels: str | int) -> None:
        """Set a level."""
        gauge = self._gauges[name]
        (gauge.labels(**labels) if labels else gauge).set(value)
        if not labels:
            with self._lock:
                if name not in self._shown:
                    self._shown.add(name)
                    self.registry.register(gauge)

    def observe(self, name: Spread, seconds: float, **labels: str | int) -> None:
        """Add a duration to a histogram."""
        histogram = self._histograms[name]
        (histogram.labels(**labels) if labels else histogram).observe(seconds)

    def drop(self, name: Level, **labels: str | int) -> None:
        """Forget one series of a level: its value is not known (here) any more."""
        metric = next(metric for metric in METRICS if metric.name is name)
        values = [str(labels[label]) for label in metric.labels]
        if values:
            self._gauges[name].remove(*values)
            return
        with self._lock:
            if name in self._shown:
                self._shown.discard(name)
                self.registry.unregister(self._gauges[name])

    def drop_partition(self, partition: int, names: Iterable[Level] | None = None, **labels: str) -> None:
        """Forget every series of levels with this `partition` label (and `labels`), of all levels or of those named."""
        for name in Level if names is None else names:
            gauge = self._gauges[name]
            if "partition" in next(metric for metric in METRICS if metric.name is name).labels:
                gauge.remove_by_labels({"partition": str(partition), **labels})

    def page(self) -> bytes:
        """The body of /metrics, in the text format of Prometheus (`CONTENT_TYPE`)."""
        return generate_latest(self.registry)
