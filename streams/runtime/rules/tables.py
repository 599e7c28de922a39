"""The rules file as typed tables: every key, its type, its default and its bounds.

One class a table; a field's alias is the key in the file. Unknown keys are errors. What one table says of another, of
the job or of its own parts together is asked where it is compiled. Each key is described in docs/rules.md.
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from streams.alerts.rules.model import DAY, HOUR, Canary, Mute, NoData, Retrain, RuleSet, Severity, Slo
from streams.runtime.config.problems import problem
from streams.runtime.config.table import Table
from streams.runtime.rules.codes import RuleCode
from streams.runtime.rules.values import (
    DayOfWeek,
    Duration,
    DurationOrNever,
    DurationOrZero,
    Events,
    Inside,
    Labels,
    Match,
    MinuteOfDay,
    Moment,
    Name,
    Pattern,
    SeverityName,
    Share,
    Sli,
    Slices,
    Summary,
)

PERIOD_MS = 28 * DAY
_GATE, _ASK = Canary("", ""), Retrain("", "", "")


class AboutTable(Table):
    """What is told with every alert of a rule."""

    summary: Summary | None = None
    runbook: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    labels: Labels = Field(default={})


class ReadyTable(Table):
    """`ready`: how many of the labels that usually are there must be."""

    label_completeness: Share = 0.9


class SupportTable(Table):
    """`min_support`: labelled predictions that each class must have."""

    per_class: Events = 0


class NoDataTable(Table):
    """`no_data`: the alert about missing data."""

    enabled: bool = True
    for_ms: Duration = Field(default=NoData().for_ms, alias="for")
    severity: SeverityName = Severity.TICKET
    resolve_after_ms: DurationOrNever = Field(default=None, alias="resolve_after")


class DefaultsTable(Table):
    """`[defaults]`: what holds where a rule says nothing."""

    period_ms: Duration = Field(default=PERIOD_MS, alias="period")
    step_ms: Duration | None = Field(default=None, alias="step")
    group_by: list[Literal["model", "version"]] = Field(default=["model", "version"], min_length=2, max_length=2)
    runbook_base: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    labels: Labels = Field(default={})
    ready: ReadyTable = ReadyTable()
    no_data: NoDataTable = NoDataTable()
    max_page_age_ms: Duration = Field(default=RuleSet("").max_page_age_ms, alias="max_page_age")
    retire_after_ms: Duration = Field(default=RuleSet("").retire_after_ms, alias="retire_after")
    replaced_after_ms: Duration = Field(default=RuleSet("").replaced_after_ms, alias="replaced_after")
    heartbeat_ms: Duration = Field(default=RuleSet("").heartbeat_ms, alias="heartbeat")


class TierTable(Table):
    """One of `tiers`: a pair of windows of a budget."""

    name: Name
    severity: SeverityName
    long_ms: Duration = Field(alias="long")
    short_ms: Duration = Field(alias="short")
    alpha: Inside
    drop: Annotated[float, Field(ge=0, lt=1)] | None = None
    burn: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    for_ms: DurationOrZero = Field(default=0, alias="for")
    keep_firing_ms: DurationOrZero = Field(default=HOUR, alias="keep_firing_for")


def _auto(value: object) -> object:
    if isinstance(value, str) and value != "auto":
        raise problem(RuleCode.WRONG_VALUE, f'{value[:60]!r} is no list of tiers. Write "auto", or the tiers in [ ].')
    return None if value == "auto" else value


Tiers = Annotated[Annotated[list[TierTable], Field(min_length=1, max_length=8)] | None, BeforeValidator(_auto)]
"""A list of tiers; None is "auto"."""


class SloTable(AboutTable):
    """`[[slo]]`: an error budget."""

    name: Name
    model: Pattern = "*"
    version: Pattern = "*"
    cls: Pattern = Field(default="*", alias="class")
    match: Match = Field(default={})
    sli: Sli = "recall"
    target: Inside
    class_target: dict[str, Inside] = Field(default={})
    tiers: Tiers = None
    by: list[str] = Field(default=[])
    period_ms: Duration | None = Field(default=None, alias="period")
    min_n: Annotated[int, Field(ge=1, le=10**9)] = Slo("", (), 0.5).min_n
    min_bad: Annotated[int, Field(ge=1, le=10**9)] = Slo("", (), 0.5).min_bad
    ready: ReadyTable | None = None
    no_data: NoDataTable | None = None


class RuleTable(AboutTable):
    """`[[rule]]`: a threshold with hysteresis."""

    name: Name
    metric: str
    match: Match = Field(default={})
    by: list[str] = Field(default=[])
    window_ms: Duration = Field(alias="window")
    dimension: str | None = None
    fire_when: str
    resolve_when: str | None = None
    min_support: SupportTable = SupportTable()
    for_ms: DurationOrZero = Field(default=0, alias="for")
    keep_firing_ms: DurationOrZero = Field(default=HOUR, alias="keep_firing_for")
    pending_ttl_ms: Duration = Field(default=6 * HOUR, alias="pending_ttl")
    severity: SeverityName = Severity.TICKET
    ready: ReadyTable | None = None
    no_data: NoDataTable | None = None
    inhibits: Literal["none", "model"] = "none"


class DriftRuleTable(AboutTable):
    """`[[drift]]`: incidents of the detectors."""

    name: Name
    kinds: list[Pattern] = Field(min_length=1)
    match: Match = Field(default={})
    windows: list[Pattern] = Field(default=["*"], min_length=1)
    min_window_ms: Duration | None = Field(default=None, alias="min_window")
    segments: bool = True
    min_effect: Share = 0.0
    severity: SeverityName = Severity.TICKET


class RollupTable(AboutTable):
    """`[[rollup]]`: a model version that fails as a whole speaks once."""

    name: Name
    of: str
    when: str
    by: list[str] = Field(default=["model", "version"])
    severity: SeverityName = Severity.PAGE
    inhibits: Literal["members", "none"] = "members"


class CanaryTable(AboutTable):
    """`[[canary]]`: a gate between two versions."""

    name: Name
    model: Pattern
    candidate: Annotated[str, Field(min_length=1)] = _GATE.candidate
    baseline: Annotated[str, Field(min_length=1)] = _GATE.baseline
    cls: Pattern = Field(default=_GATE.cls, alias="class")
    metric: str = _GATE.metric
    margin: Inside = _GATE.margin
    class_margin: Inside = _GATE.class_margin
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = _GATE.alpha
    test: str = _GATE.test
    design: Literal["split", "shadow"] = "split"
    min_support: SupportTable = SupportTable(per_class=_GATE.min_support)
    max_duration_ms: Duration = Field(default=_GATE.max_duration_ms, alias="max_duration")
    ready: ReadyTable | None = None
    severity: SeverityName = Severity.TICKET


class WeeklyTable(Table):
    """`weekly` of a mute: a time of the week by the clock of a zone."""

    day: DayOfWeek
    from_minute: MinuteOfDay = Field(alias="from")
    to_minute: MinuteOfDay = Field(alias="to")
    zone: str


class MuteTable(Table):
    """`[[mute]]`: nothing that matches is told meanwhile."""

    name: Name
    match: Match = Field(default={})
    start_ms: Moment | None = Field(default=None, alias="start")
    end_ms: Moment | None = Field(default=None, alias="end")
    weekly: WeeklyTable | None = None
    clock: Literal["event", "wall"] = "event"
    budget: Literal["count", "exclude"] = "count"
    reason: Annotated[str, Field(max_length=500)] = Mute("", ()).reason
    author: Annotated[str, Field(max_length=200)] = Mute("", ()).author


class RetrainWhenTable(Table):
    """`when` of `[[retrain]]`."""

    budget_exhausted: str
    slices_bad: Slices = (_ASK.slices_bad, _ASK.slices)
    slice_ms: Duration = Field(default=_ASK.slice_ms, alias="slice")
    ticket_active_ms: Duration = Field(default=_ASK.ticket_active_ms, alias="ticket_active")


class RetrainRequireTable(Table):
    """`require` of `[[retrain]]`."""

    new_labels_per_class: Events = _ASK.new_labels_per_class
    label_completeness: Share = _ASK.label_completeness
    no_data: Literal[False] = False


class RetrainTable(AboutTable):
    """`[[retrain]]`: when to ask for retraining."""

    name: Name
    model: Pattern
    when: RetrainWhenTable
    require: RetrainRequireTable = RetrainRequireTable()
    cooldown_ms: Duration = Field(default=_ASK.cooldown_ms, alias="cooldown")
    expires_ms: Duration = Field(default=_ASK.expires_ms, alias="expires")
    mode: Literal["propose", "trigger"] = "propose"


class RulesDocument(Table):
    """The whole file."""

    schema_number: Literal[1] = Field(alias="schema")
    aliases: dict[str, dict[str, Annotated[str, Field(min_length=1)]]] = Field(default={})
    defaults: DefaultsTable = DefaultsTable()
    slo: list[SloTable] = Field(default=[])
    rule: list[RuleTable] = Field(default=[])
    drift: list[DriftRuleTable] = Field(default=[])
    rollup: list[RollupTable] = Field(default=[])
    canary: list[CanaryTable] = Field(default=[])
    mute: list[MuteTable] = Field(default=[])
    retrain: list[RetrainTable] = Field(default=[])


LISTS: dict[str, type[Table]] = {
    "slo": SloTable,
    "rule": RuleTable,
    "drift": DriftRuleTable,
    "rollup": RollupTable,
    "canary": CanaryTable,
    "mute": MuteTable,
    "retrain": RetrainTable,
}
"""The lists of named tables, in the order in which they are told of."""
