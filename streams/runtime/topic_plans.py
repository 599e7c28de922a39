"""Which topics does this job need, and how must each be? The one list that `run`, `topics` and tests go by.

The job's own logs have the partitions of the configuration and keep everything; its outputs are upserts that are
compacted; raw topics belong to others and only have to exist.
"""

from streams.runtime.config.durations import UNITS_MS
from streams.runtime.config.job import Config, TopicNoun
from streams.runtime.kafka.topics import CHECKPOINT_CONFIG, LOG_CONFIG, TopicPlan, output_config

ROWS_KEPT_MS = 400 * UNITS_MS["d"]
"""How long rows nobody revises any more are kept: longer than a year, so that a year can be compared with the last."""

LOOKED_INTO_MS = 30 * UNITS_MS["d"]
"""How long rejects, samples, audits and the workers' status are kept: long enough to look into what happened."""

EVERY_STATE_MS = 3 * UNITS_MS["d"]
"""A deliverer that was away for less sees every state of an alert, later ones only the newest."""


def own_plans(config: Config) -> list[TopicPlan]:
    """The topics that the job makes and writes, those first that the others follow from."""
    joins, judges = config.ledger.partitions, config.ledger.tallies_partitions
    states = {**output_config(ROWS_KEPT_MS), "min.compaction.lag.ms": str(EVERY_STATE_MS)}
    log = output_config(ROWS_KEPT_MS, compacted=False)
    rows, looked_into = output_config(ROWS_KEPT_MS), output_config(LOOKED_INTO_MS)
    partitions_and_settings: dict[TopicNoun, tuple[int, dict[str, str]]] = {
        "ledger": (joins, dict(LOG_CONFIG)),
        "tallies": (judges, dict(LOG_CONFIG)),
        "checkpoints": (max(joins, judges), dict(CHECKPOINT_CONFIG)),
        "windows": (judges, rows),
        "classes": (judges, rows),
        "confusion": (judges, rows),
        "drift": (judges, rows),
        "calibration": (judges, rows),
        "delays": (judges, rows),
        "groups": (judges, rows),
        "label_sources": (judges, rows),
        "samples": (judges, looked_into),
        "alerts": (judges, states),
        "alert-log": (judges, log),
        "gates": (judges, rows),
        "tellings": (judges, states),
        "rejects": (judges, looked_into),
        "audit": (1, looked_into),
        "status": (1, looked_into),
    }
    return [
        TopicPlan(config.topic(noun), partitions, settings, config.replication)
        for noun, (partitions, settings) in partitions_and_settings.items()
    ]


def raw_plans(config: Config) -> list[TopicPlan]:
    """The topics of predictions and labels: they must exist, with any number of partitions."""
    return [TopicPlan(source.topic, 0) for source in (*config.prediction_sources, *config.label_sources)]
