"""The configuration file as typed tables: every key, its type, its default and its bounds.

One class a table; a field's alias is the key in the file, its name says the unit. Unknown keys are errors. Nothing
here reads files, the environment or a clock. Each key is described in docs/configuration.md and deploy/streams.toml.
"""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from streams.formats.classes import ClassNames
from streams.formats.expressions import MappingError
from streams.formats.spec import ClassSpec, Limits
from streams.ledger.spec import MAX_GROUPS, LedgerSpec, Timing
from streams.runtime.config.durations import UNITS_MS
from streams.runtime.config.problems import Code, problem
from streams.runtime.config.receivers import DeliverTable, ReceiverTables
from streams.runtime.config.settings_tables import (
    AlertsTable,
    CostTable,
    DriftTable,
    GroupsTable,
    ModelReferenceTable,
    ReferenceTable,
    SamplesTable,
    ScoresTable,
)
from streams.runtime.config.table import Table
from streams.runtime.config.values import (
    Candidates,
    Detail,
    DimensionName,
    Duration,
    DurationOrZero,
    Expression,
    JobName,
    Seconds,
    StartValue,
    Tick,
    TopicName,
    Views,
    Window,
)

_LIMITS, _LEDGER, _TIMING = Limits(), LedgerSpec(), Timing()
_MINUTE_MS, _HOUR_MS, _DAY_MS = UNITS_MS["m"], UNITS_MS["h"], UNITS_MS["d"]


def _property_values(value: object) -> object:
    """Librdkafka takes text; numbers and booleans of the file become what it reads."""
    if not isinstance(value, dict):
        return value
    return {k: str(v).lower() if isinstance(v, (bool, int, float)) else v for k, v in value.items()}


class KafkaTable(Table):
    """`[kafka]`: where the brokers are and how the job's own topics are made."""

    bootstrap: str = Field(default="localhost:9092", min_length=1)
    static_member: JobName | None = None
    group_protocol: Literal["classic", "consumer"] = "classic"
    replication: int = Field(default=1, ge=1, le=32_767)
    create_topics: bool = True
    client: Annotated[dict[str, str], BeforeValidator(_property_values)] = Field(default={})


class PredictionMapTable(Table):
    """`[predictions.map]`: where the fields of a prediction are; a key that is not set has the usual names."""

    id: Candidates | None = None
    time: Candidates | None = None
    model: Candidates | None = None
    version: Candidates | None = None
    cls: Candidates | None = Field(default=None, alias="class")
    score: Candidates | None = None
    scope: Candidates | None = None
    delivery: Candidates | None = None


class LabelMapTable(Table):
    """`[labels.map]`: where the fields of a label are; a key that is not set has the usual names."""

    id: Candidates | None = None
    time: Candidates | None = None
    cls: Candidates | None = Field(default=None, alias="class")
    source: Candidates | None = None
    scope: Candidates | None = None
    delivery: Candidates | None = None


class PredictionsTable(Table):
    """`[[predictions]]`: one topic of predictions."""

    topic: TopicName
    start: StartValue = "earliest"
    map: PredictionMapTable = PredictionMapTable()
    segments: dict[DimensionName, Candidates] | None = None
    required: list[Literal["model", "version", "score", "scope", "delivery"]] = Field(default=[])
    default_model: str = Field(default="default", min_length=1)
    default_version: str = Field(default="(none)", min_length=1)


def _values_listed(value: object) -> object:
    if not isinstance(value, dict):
        return value
    return {k: v if isinstance(v, list) else [v] for k, v in value.items()}


class LabelsTable(Table):
    """`[[labels]]`: one topic of labels."""

    topic: TopicName
    start: StartValue = "earliest"
    map: LabelMapTable = LabelMapTable()
    ranks: dict[str, Annotated[int, Field(ge=0, le=255)]] = Field(default={})
    human: list[Annotated[str, Field(min_length=1)]] = Field(default=[])
    delete_when: Annotated[dict[Expression, list[str | int | bool]], BeforeValidator(_values_listed)] | None = None
    required: list[Literal["source", "scope", "delivery"]] = Field(default=[])


class ClassesTable(Table):
    """`[classes]`: how class names of both sides become the same text."""

    aliases: dict[str, list[str]] = Field(default={})
    expected: list[str] = Field(default=[])
    unknown: Literal["keep", "reject"] = "keep"
    positive: str | None = None

    def spec(self) -> ClassSpec:
        """What the decoder takes."""
        aliases = tuple((name, tuple(spellings)) for name, spellings in sorted(self.aliases.items()))
        return ClassSpec(aliases, tuple(self.expected), self.unknown, self.positive)

    @model_validator(mode="after")
    def _spellings_are_told_apart(self) -> Self:
        try:
            ClassNames(self.spec(), _LIMITS.max_name_chars)
        except MappingError as error:
            key = "aliases" if self.aliases else "expected"
            why = str(error).partition(": ")[2]
            raise problem(Code.CONFLICT, f"{why}. Give every spelling to one class.", (key,)) from None
        if self.unknown == "reject" and not self.expected:
            text = "no class would be known: expected is empty. List the classes in expected, or keep unknown ones."
            raise problem(Code.CONFLICT, text, ("unknown",))
        return self


class ModelTable(Table):
    """`[models."NAME"]`: what is different for one model."""

    expected_classes: list[str] = Field(default=[])
    horizon_ms: Duration | None = Field(default=None, alias="horizon")
    slack_ms: DurationOrZero | None = Field(default=None, alias="slack")
    settle_ms: DurationOrZero | None = Field(default=None, alias="settle")
    paired: bool = False
    reference: ModelReferenceTable = ModelReferenceTable()
    cost: CostTable | None = None


class SegmentsTable(Table):
    """`[segments]`: bounds of segment dimensions."""

    max_values: int = Field(default=100, ge=1, le=100_000)


class WindowsTable(Table):
    """`[windows]`: over which windows quality is told, and when it settles and is final."""

    pane_ms: Seconds = Field(default=_LEDGER.pane_ms, alias="pane")
    origin_ms: DurationOrZero = Field(default=0, alias="origin")
    detail_ms: Detail | None = Field(default=None, alias="detail")
    sizes: list[Window] = Field(default=["1h", "24h", "7d"], min_length=1, max_length=32)
    horizon_ms: Duration = Field(default=_TIMING.horizon_ms, alias="horizon")
    slack_ms: DurationOrZero = Field(default=_TIMING.slack_ms, alias="slack")
    settle_ms: DurationOrZero = Field(default=_TIMING.settle_ms, alias="settle")
    min_support: int = Field(default=5, ge=0)
    views: Views = Field(default=[])


class TimeTable(Table):
    """`[time]`: how far records may be out of order, and when a silent source is idle."""

    max_disorder_ms: DurationOrZero = Field(default=_LEDGER.max_disorder_ms, alias="max_disorder")
    label_disorder_ms: DurationOrZero = Field(default=_LEDGER.label_disorder_ms, alias="label_disorder")
    idle_after_ms: Duration = Field(default=_LEDGER.idle_after_ms, alias="idle_after")
    live_within_ms: Duration = Field(default=_LEDGER.live_within_ms, alias="live_within")
    max_skew_ms: DurationOrZero = Field(default=_LIMITS.max_skew_ms, alias="max_skew")


class LedgerTable(Table):
    """`[ledger]`: how many partitions the job's own logs have."""

    partitions: int = Field(default=_LEDGER.partitions, ge=1, le=1024)
    tallies_partitions: int = Field(default=_LEDGER.tallies_partitions, ge=1, le=1024)


class LimitsTable(Table):
    """`[limits]`: bounds of what is accepted; what is beyond them is rejected with a reason."""

    value_bytes: int = Field(default=_LIMITS.max_value_bytes, ge=1_000)
    id_bytes: int = Field(default=_LIMITS.max_id_bytes, ge=16, le=65_536)
    name_chars: int = Field(default=_LIMITS.max_name_chars, ge=8, le=4_096)
    max_classes: int = Field(default=_LEDGER.max_classes, ge=2, le=65_534)
    max_groups: int = Field(default=_LEDGER.max_groups, ge=1)
    max_models: int = Field(default=_LEDGER.max_models, ge=1)

    @model_validator(mode="after")
    def _groups_can_be_numbered(self) -> Self:
        if self.max_groups + self.max_models > MAX_GROUPS:
            text = f"max_groups + max_models is {self.max_groups + self.max_models}, more than {MAX_GROUPS}. Lower one."
            key = "max_groups" if self.max_groups > self.max_models else "max_models"
            raise problem(Code.CONFLICT, text, (key,))
        return self


class RunTable(Table):
    """`[run]`: one worker's rhythm, its web server and its logs; not part of what the logs are pinned to."""

    tick_ms: Tick = Field(default=1_000, alias="tick")
    flush_interval_ms: Tick = Field(default=1_000, alias="flush_interval")
    checkpoint_interval_ms: DurationOrZero = Field(default=10 * _MINUTE_MS, alias="checkpoint_interval")
    cache_dir: str | None = Field(default=None, min_length=1)
    max_held_bytes: int | None = Field(default=None, ge=1_000_000)
    max_ahead_ms: Seconds = Field(default=24 * 60 * _MINUTE_MS, alias="max_ahead")
    http_host: str = Field(default="127.0.0.1", min_length=1)
    http_port: int = Field(default=9400, ge=1, le=65_535)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "text"] = "json"


def _key_is_long(value: str) -> str:
    if value and len(re.sub(r"\s", "", value)) < 16:
        raise problem(Code.WRONG_VALUE, "the key is shorter than 16 characters, so ids could be found by trying keys.")
    return value


class Document(Table):
    """The whole file."""

    name: JobName = "quality"
    prefix: TopicName | None = None
    privacy_key: Annotated[str, AfterValidator(_key_is_long)] = Field(default="", repr=False)
    kafka: KafkaTable = Field(default=KafkaTable(), repr=False)
    predictions: list[PredictionsTable] = Field(default=[])
    labels: list[LabelsTable] = Field(default=[])
    classes: ClassesTable = ClassesTable()
    models: dict[str, ModelTable] = Field(default={})
    segments: SegmentsTable = SegmentsTable()
    scores: ScoresTable = ScoresTable()
    samples: SamplesTable = SamplesTable()
    reference: ReferenceTable = ReferenceTable()
    drift: DriftTable = DriftTable()
    alerts: AlertsTable = AlertsTable()
    cost: CostTable | None = None
    groups: GroupsTable = GroupsTable()
    windows: WindowsTable = WindowsTable()
    time: TimeTable = TimeTable()
    ledger: LedgerTable = LedgerTable()
    limits: LimitsTable = LimitsTable()
    run: RunTable = RunTable()
    deliver: DeliverTable = DeliverTable()
    receivers: ReceiverTables = Field(default=[])
