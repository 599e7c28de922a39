"""The job that the demo runs: its configuration, its topics, its data, and the history it is shown.

Windows of an hour, a day and a week; labels count for three days and may come two days late, so that windows become
final while one watches.
"""

import socket
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from streams.formats.reasons import Kind
from streams.runtime.config.job import Config, parse
from streams.runtime.kafka.topic_spec import TopicPlan
from streams.runtime.topic_plans import own_plans

DATA = Path(str(files("streams.cli") / "demo_data"))
LOGS = ((Kind.PREDICTION, DATA / "predictions.jsonl.gz"), (Kind.LABEL, DATA / "labels.jsonl.gz"))
ANSWERS = DATA / "expected.json"
RULES, KNOWN_ALERTS = DATA / "rules.toml", DATA / "alerts.json"

PARTITIONS = {Kind.PREDICTION: 4, Kind.LABEL: 2}
SEGMENT = "airport"

_TEMPLATE = """\
# The job of `streams demo`.
name = "{name}"
prefix = "{prefix}"

[kafka]
bootstrap = "{bootstrap}"
create_topics = {create}

[[predictions]]
topic = "{prefix}predictions"

[predictions.segments]
{segment} = "value.segment"

[[labels]]
topic = "{prefix}labels"

[windows]
sizes = ["1h", "24h", "7d"]
horizon = "3d"
slack = "2d"
settle = "6h"

[alerts]
rules = "{rules}"

[ledger]
partitions = 4
tallies_partitions = 4

[run]
tick = "250ms"
flush_interval = "250ms"
http_port = {port}
log_format = "text"
"""


@dataclass(frozen=True, slots=True)
class DemoJob:
    """A job under a name of its own on a broker; `embedded` when the broker is the one inside the demo."""

    config: Config
    embedded: bool

    @property
    def topics(self) -> dict[Kind, tuple[str, int]]:
        """The raw topics: name and partitions."""
        return {
            Kind.PREDICTION: (self.config.prediction_sources[0].topic, PARTITIONS[Kind.PREDICTION]),
            Kind.LABEL: (self.config.label_sources[0].topic, PARTITIONS[Kind.LABEL]),
        }

    def raw_plans(self) -> list[TopicPlan]:
        """The raw topics as a broker is to make them: their records are of 2013 and must not expire."""
        settings = {"retention.ms": "-1", "message.timestamp.type": "CreateTime"}
        return [TopicPlan(name, partitions, settings) for name, partitions in self.topics.values()]

    def plans(self) -> list[TopicPlan]:
        """Every topic, raw ones first."""
        return [*self.raw_plans(), *own_plans(self.config)]


def config_text(name: str, bootstrap: str, *, embedded: bool) -> str:
    """The TOML of the demo's job. Its topics begin with the name and a dot."""
    return _TEMPLATE.format(
        name=name, prefix=f"{name}.", bootstrap=bootstrap, create=str(not embedded).lower(), port=free_port(),
        segment=SEGMENT, rules=RULES.as_posix(),
    )  # fmt: skip


def topic_layout(name: str) -> list[tuple[str, int]]:
    """The topics of a job of that name, before there is a broker."""
    job = DemoJob(parse(config_text(name, "127.0.0.1:1", embedded=True), "demo", {}), embedded=True)
    return [(plan.name, plan.partitions) for plan in job.plans()]


def free_port() -> int:
    """A port of loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
