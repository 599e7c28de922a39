"""What topics must be like: the settings of the job's own, and what is wrong with one that exists.

Pure: what is known of a topic goes in, sentences for the operator come out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

LOG_CONFIG: Mapping[str, str] = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "max.message.bytes": "1048588",
    "message.timestamp.type": "CreateTime",
}
"""Ledger and tallies keep everything; the job trims them itself below its checkpoints."""

CHECKPOINT_CONFIG: Mapping[str, str] = {
    "cleanup.policy": "compact",
    "max.message.bytes": "1048588",
    "segment.bytes": "16777216",
    "segment.ms": "3600000",
    "min.cleanable.dirty.ratio": "0.1",
}
"""Whoever looks for more than the newest checkpoint reads all of a partition: what is obsolete must go soon."""

CHECKED = ("cleanup.policy", "retention.ms")
"""The settings of an existing topic that must be as planned; others are the operator's business."""


def output_config(retention_ms: int, *, compacted: bool = True) -> dict[str, str]:
    """The settings of an output topic: upserts are compacted and also expire."""
    return {
        "cleanup.policy": "compact,delete" if compacted else "delete",
        "retention.ms": str(retention_ms),
    }


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """A topic as it must be. `replication` -1 is the broker's default. Only `CHECKED` settings are compared.

    `partitions` 0: any number will do (the source topics, which are not ours).
    """

    name: str
    partitions: int
    config: Mapping[str, str] = field(default_factory=dict)
    replication: int = -1

    @property
    def command(self) -> str:
        """The command that makes this topic."""
        replication = "" if self.replication < 0 else f" --replication-factor {self.replication}"
        settings = "".join(f" --config {name}={value}" for name, value in self.config.items())
        return (
            f"kafka-topics.sh --bootstrap-server BROKER --create --topic {self.name} "
            f"--partitions {self.partitions or 1}{replication}{settings}"
        )


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as it is. `config` is None when the broker does not tell (embedded) or may not (permission)."""

    name: str
    exists: bool
    partitions: int = 0
    topic_id: str = ""
    config: Mapping[str, str] | None = None


def problems_of(plan: TopicPlan, state: TopicState) -> list[str]:
    """What is wrong with a topic, one line each: what it is, what it must be, what mends it."""
    if not state.exists:
        return [f"topic {plan.name} does not exist; create it: {plan.command}"]
    lines = []
    if plan.partitions and state.partitions != plan.partitions:
        lines.append(
            f"topic {plan.name} has {state.partitions} partitions, the job is configured for {plan.partitions}; "
            f"configure {state.partitions}, or run the job under another name, which makes new topics"
        )
    for name in CHECKED:
        wanted = plan.config.get(name)
        if wanted is None or state.config is None or name not in state.config:
            continue
        found = state.config[name]
        if sorted(found.split(",")) != sorted(wanted.split(",")):
            lines.append(
                f"topic {plan.name} has {name}={found}, it must be {wanted}; change it: kafka-configs.sh "
                f"--bootstrap-server BROKER --alter --entity-type topics --entity-name {plan.name} "
                f"--add-config {name}=[{wanted}]"
            )
    return lines
