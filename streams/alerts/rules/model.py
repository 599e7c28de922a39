"""What is asked of a model, as checked rules: the form in which they are in the job's log and are folded.

Plain values: a rule set is the same whichever worker compiled it. Where it comes from (TOML, with every error at
once) is `runtime/rules`; nothing here is ever invalid. All times are ms of event time, shares within [0, 1].
"""

from enum import StrEnum

import msgspec

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR

Match = tuple[tuple[str, str], ...]
"""(identity label, pattern) pairs: `model`, `version`, `class`, `segment.NAME`; all must hold. See `selects`."""


class Severity(StrEnum):
    """How loudly people are told."""

    TICKET = "ticket"  # somebody reads it within days
    PAGE = "page"  # somebody is woken


class Op(StrEnum):
    """How a subject is compared with a number."""

    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="


class Comparison(msgspec.Struct, frozen=True, tag="is"):
    """`subject op number`.

    `subject` is value, lower95, upper95, lower99, upper99, delta, support, burn, budget_remaining, firing_classes or
    firing_share; `argument` what stands in its brackets: "baseline" of delta, a duration in ms as text of burn.
    """

    subject: str
    op: Op
    number: float
    argument: str | None = None


class AllOf(msgspec.Struct, frozen=True, tag="and"):
    """Terms joined by `and`."""

    terms: tuple["Comparison | AllOf | AnyOf", ...]


class AnyOf(msgspec.Struct, frozen=True, tag="or"):
    """Terms joined by `or`."""

    terms: tuple["Comparison | AllOf | AnyOf", ...]


Condition = Comparison | AllOf | AnyOf


class About(msgspec.Struct, frozen=True):
    """What is told with every alert of a rule, and never part of its identity."""

    summary: str | None = None  # a template: {class}, {value:.1%}, {n}, {burn:.1f}, {target:.0%}
    runbook: str | None = None  # the whole address
    labels: tuple[tuple[str, str], ...] = ()  # static labels: team, surface


class NoData(msgspec.Struct, frozen=True):
    """The alert about missing data that every budget and threshold rule carries. It never resolves the other one."""

    for_ms: int = 2 * HOUR
    severity: Severity = Severity.TICKET
    resolve_after_ms: int | None = None  # the other alert ends after so much time without data; None: never


class Tier(msgspec.Struct, frozen=True):
    """One pair of windows of a budget. Its burn is `burn`, or follows from the relative `drop` and the target."""

    name: str
    severity: Severity
    long_ms: int
    short_ms: int
    alpha: float  # bound of the binomial tail over the long window
    drop: float | None = None
    burn: float | None = None
    for_ms: int = 0
    keep_firing_ms: int = HOUR


AUTO_TIERS = (
    Tier("fast", Severity.PAGE, HOUR, 5 * MINUTE, 2e-7, 0.30),
    Tier("quick", Severity.PAGE, 2 * HOUR, 10 * MINUTE, 2e-7, 0.20),
    Tier("medium", Severity.PAGE, 6 * HOUR, 30 * MINUTE, 2e-7, 0.15),
    Tier("slow", Severity.TICKET, DAY, 2 * HOUR, 1e-5, 0.05, keep_firing_ms=6 * HOUR),
    Tier("long", Severity.TICKET, 3 * DAY, 6 * HOUR, 1e-5, 0.0, keep_firing_ms=6 * HOUR),
)
"""`tiers = "auto"`: docs/budgets.md says why these, and how often they ring in vain."""


class Slo(msgspec.Struct, frozen=True):
    """An error budget: one alert instance for each (model, version, class) and value of `by`."""

    name: str
    match: Match
    target: float
    sli: str = "recall"  # recall: good TP, bad FN; precision: good TP, bad FP
    class_target: tuple[tuple[str, float], ...] = ()
    tiers: tuple[Tier, ...] = AUTO_TIERS
    by: tuple[str, ...] = ()  # segment.NAME
    period_ms: int = 28 * DAY
    min_n: int = 10
    min_bad: int = 3
    ready: float = 0.9  # label completeness below which a window is no data
    no_data: NoData | None = NoData()
    about: About = About()

    def target_of(self, name: str) -> float:
        """The target of a class."""
        return dict(self.class_target).get(name, self.target)


class Rule(msgspec.Struct, frozen=True):
    """A threshold with hysteresis: one alert instance for each (model, version) and value of `by`."""

    name: str
    metric: str
    match: Match
    window_ms: int
    fire_when: Condition
    resolve_when: Condition | None = None  # None: what fire_when does not say
    by: tuple[str, ...] = ()  # "class", "segment.NAME"; version always
    dimension: str | None = None  # of group_gap
    min_support: int = 0  # labelled predictions of each class
    for_ms: int = 0
    keep_firing_ms: int = HOUR
    pending_ttl_ms: int = 6 * HOUR
    severity: Severity = Severity.TICKET
    ready: float = 0.9
    no_data: NoData | None = None
    inhibits: str = "none"  # "model": all other alerts of the model version are not told meanwhile
    about: About = About()


class DriftRule(msgspec.Struct, frozen=True):
    """Incidents of the detectors: one alert instance for each (model, version), kind, window and segment."""

    name: str
    kinds: tuple[str, ...]  # patterns of kinds of drift rows
    match: Match
    windows: tuple[str, ...] = ("*",)  # patterns of window names
    min_effect: float = 0.0  # where an incident begins with a smaller effect nobody is told
    severity: Severity = Severity.TICKET
    about: About = About()


class Rollup(msgspec.Struct, frozen=True):
    """A model version that fails as a whole speaks once."""

    name: str
    of: str  # name of a budget or threshold rule
    when: Condition  # of firing_classes, firing_share
    by: tuple[str, ...] = ("model", "version")
    severity: Severity = Severity.PAGE
    inhibits: str = "members"  # or "none"
    about: About = About()


class Canary(msgspec.Struct, frozen=True):
    """A gate: is the candidate at least as good as the baseline, less a margin?"""

    name: str
    model: str
    candidate: str = "*"  # pattern of versions
    baseline: str = "previous"  # a version, or "previous": the one that was seen first before the candidate
    cls: str = "*"  # pattern of the classes that are compared
    metric: str = "balanced_accuracy"
    margin: float = 0.02
    class_margin: float = 0.05
    alpha: float = 0.05
    test: str = "always_valid"  # "fixed" or "obf:LOOKS"
    design: str = "split"  # "shadow": both versions scored the same events
    min_support: int = 30
    max_duration_ms: int = 14 * DAY
    ready: float = 0.9
    severity: Severity = Severity.TICKET  # of the alert that a fail raises
    about: About = About()


class Weekly(msgspec.Struct, frozen=True):
    """A time of the week by the clock of a zone; it may pass midnight. Days are 0 (Monday) to 6."""

    day: int
    from_minute: int  # of the day, local
    to_minute: int  # not above from_minute: it ends on the next day
    zone: str  # IANA


class Mute(msgspec.Struct, frozen=True):
    """Nothing that matches is told meanwhile; it is judged and logged all the same."""

    name: str
    match: Match  # also "rule"
    start_ms: int | None = None  # with end_ms, instead of weekly
    end_ms: int | None = None
    weekly: Weekly | None = None
    clock: str = "event"  # "event": the window's end lies inside; "wall": the moment of telling does
    budget: str = "count"  # "exclude": what lies inside does not burn the budget
    reason: str = ""
    author: str = ""


class Retrain(msgspec.Struct, frozen=True):
    """When to ask for retraining, once per model and cooldown."""

    name: str
    model: str  # pattern
    slo: str  # budget whose exhaustion counts
    slices_bad: int = 3
    slices: int = 5
    slice_ms: int = DAY
    ticket_active_ms: int = 72 * HOUR
    new_labels_per_class: int = 500
    label_completeness: float = 0.95
    cooldown_ms: int = 7 * DAY
    expires_ms: int = 14 * DAY
    mode: str = "propose"  # or "trigger"
    about: About = About()


class RuleSet(msgspec.Struct, frozen=True):
    """Everything that is asked. Names are unique over all kinds of rules: they are part of fingerprints."""

    hash: str  # of the text it was compiled from, 16 hex digits
    step_ms: int = 5 * MINUTE  # a multiple of the pane
    slos: tuple[Slo, ...] = ()
    rules: tuple[Rule, ...] = ()
    drifts: tuple[DriftRule, ...] = ()
    rollups: tuple[Rollup, ...] = ()
    canaries: tuple[Canary, ...] = ()
    mutes: tuple[Mute, ...] = ()
    retrains: tuple[Retrain, ...] = ()
    max_page_age_ms: int = 6 * HOUR  # evidence that settles later than this is a ticket
    retire_after_ms: int = 7 * DAY  # a version without predictions for so long is gone
    replaced_after_ms: int = 6 * HOUR  # ... and the alerts of one that another version took over from so long ago
    heartbeat_ms: int = HOUR  # how often the state of an active alert is written anew


def selects(pattern: str, value: str) -> bool:
    """Whether a pattern means a value: `*` anything, `a|b` either, `!x` anything else (of `!a|b` neither).

    >>> selects("a|b", "b"), selects("!a|b", "b"), selects("*", ""), selects("a", "A")
    (True, False, True, False)
    """
    if pattern == "*":
        return True
    if pattern.startswith("!"):
        return value not in pattern[1:].split("|")
    return value in pattern.split("|")
