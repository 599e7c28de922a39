"""The two kinds of state that are kept: of what log, made how, and what configuration it depends on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from streams.alerts.judge import AlertingJudge
from streams.ledger.join import Join
from streams.runtime.checkpoints.rules import Lineage
from streams.runtime.config.job import Config, TopicNoun

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StateKind(Generic[T]):
    """The states of one stage, one for each partition of its log.

    `fresh` is the state before the first record, `load` the one in a dump (raises ValueError when there is none),
    `depends_on` names the configuration that the fold depends on, what is pinned before a `+`. `adopt`, where there is
    one, makes a state of a dump of another configuration with the same pins.
    """

    stage: str
    log: TopicNoun
    partitions: Callable[[Config], int]
    depends_on: Callable[[Config], str]
    fresh: Callable[[Config, int], T]
    load: Callable[[Config, int, Mapping[str, Any]], T]
    dump: Callable[[T], Mapping[str, Any]]
    adopt: Callable[[Config, int, Mapping[str, Any]], T] | None = None

    def lineage(self, config: Config, topic_id: Callable[[str], str]) -> Lineage:
        """What states of this job belong to now; `topic_id` tells the id of a topic by name."""
        return Lineage(topic_id(config.topic(self.log)), self.depends_on(config))


JOIN: StateKind[Join] = StateKind(
    "join",
    "ledger",
    partitions=lambda config: config.ledger.partitions,
    depends_on=lambda config: config.config_hash,
    fresh=lambda config, partition: Join(config.ledger, partition),
    load=lambda config, partition, state: Join.load(config.ledger, partition, state),
    dump=lambda join: join.dump(),
)

JUDGE: StateKind[AlertingJudge] = StateKind(
    "judge",
    "tallies",
    partitions=lambda config: config.ledger.tallies_partitions,
    depends_on=lambda config: f"{config.config_hash}+{config.quality_hash}",
    fresh=lambda config, partition: AlertingJudge(config.quality, partition),
    load=lambda config, partition, state: AlertingJudge.load(config.quality, partition, state),
    dump=lambda judge: judge.dump(),
    adopt=lambda config, partition, state: AlertingJudge.adopt(config.quality, partition, state),
)
