"""What a worker shows of itself: what is configured, and each tick its sources, as levels and counts since the last."""

from collections.abc import Mapping, Sequence

from streams import __version__
from streams.runtime.config.job import Config
from streams.runtime.kafka.client import TopicPartitionKey
from streams.runtime.kafka.source import Source
from streams.runtime.telemetry import Count, Level, Telemetry


def tell_configuration(config: Config, telemetry: Telemetry, now_ms: int) -> None:
    """Who this is, by which rules it judges since now, and the bounds that alerts about the job compare with."""
    telemetry.set(Level.BUILD_INFO, 1, version=__version__)
    telemetry.set(Level.CONFIG_INFO, 1, hash=config.config_hash, quality_hash=config.quality_hash)
    if config.alerts.enabled:
        telemetry.set(Level.RULES_INFO, 1, hash=config.alerts.rules.hash)
        telemetry.set(Level.RELOAD_OK, 1)
        telemetry.set(Level.RELOAD_TIME, now_ms / 1000)
    telemetry.set(Level.MAX_DISORDER, max(config.ledger.max_disorder_ms, config.ledger.label_disorder_ms) / 1000)
    if config.run.checkpoint_interval_ms:
        telemetry.set(Level.CHECKPOINT_INTERVAL, config.run.checkpoint_interval_ms / 1000)
    if config.run.max_held_bytes is not None:
        telemetry.set(Level.HELD_LIMIT, config.run.max_held_bytes)


class SourceGauges:
    """Reads the sources' own counters into the metrics. Series of partitions that moved away are dropped."""

    def __init__(self, telemetry: Telemetry) -> None:
        """`telemetry` is the worker's."""
        self._telemetry = telemetry
        self._rebalances: dict[str, int] = {}
        self._down: dict[str, bool] = {}
        self._lagging: dict[str, set[TopicPartitionKey]] = {}
        self._clocks: set[TopicPartitionKey] = set()
        self._ahead: set[TopicPartitionKey] = set()

    def look(self, sources: Sequence[Source]) -> None:
        """Bring everything about the sources up to date."""
        telemetry = self._telemetry
        for source in sources:
            stage, loaded = source.name, len(source.assigned())
            telemetry.set(Level.BATCHES_IN_FLIGHT, source.in_flight, stage=stage)
            telemetry.set(Level.ASSIGNED_PARTITIONS, loaded + len(source.loading()), stage=stage)
            telemetry.set(Level.LOADED_PARTITIONS, loaded, stage=stage)
            telemetry.count(Count.REBALANCES, source.stats.rebalances - self._rebalances.get(stage, 0), stage=stage)
            self._rebalances[stage] = source.stats.rebalances
            if source.down and not self._down.get(stage, False):
                telemetry.count(Count.BROKER_OUTAGES, stage=stage)
            self._down[stage] = source.down
            self._lag(stage, source.lag())

    def clocks(
        self, now_ms: int, clocks: Mapping[TopicPartitionKey, int], ahead_ms: Mapping[TopicPartitionKey, int]
    ) -> None:
        """How far the clock of each source partition here lies behind the wall clock, and of those that wait ahead."""
        for topic, partition in self._clocks - clocks.keys():
            self._telemetry.drop(Level.SOURCE_LAG, topic=topic, partition=partition)
        for (topic, partition), clock_ms in clocks.items():
            self._telemetry.set(Level.SOURCE_LAG, (now_ms - clock_ms) / 1000, topic=topic, partition=partition)
        self._clocks = set(clocks)
        for topic, partition in self._ahead - ahead_ms.keys():
            self._telemetry.drop(Level.SOURCE_AHEAD, topic=topic, partition=partition)
        for (topic, partition), by_ms in ahead_ms.items():
            self._telemetry.set(Level.SOURCE_AHEAD, by_ms / 1000, topic=topic, partition=partition)
        self._ahead = set(ahead_ms)

    def _lag(self, stage: str, lag: Mapping[TopicPartitionKey, int]) -> None:
        for topic, partition in self._lagging.get(stage, set()) - lag.keys():
            self._telemetry.drop(Level.CONSUMER_LAG, topic=topic, partition=partition)
        for (topic, partition), records in lag.items():
            self._telemetry.set(Level.CONSUMER_LAG, records, topic=topic, partition=partition)
        self._lagging[stage] = set(lag)
