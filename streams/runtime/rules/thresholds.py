"""`[[rule]]` compiled: thresholds whose conditions can be asked of their metric and never flap."""

from math import inf

from streams.alerts.rules.conditions import ConditionError, comparisons, parse_condition, written
from streams.alerts.rules.model import HOUR, AllOf, Comparison, Condition, Op, Rule
from streams.alerts.rules.overlap import can_both_hold, negated
from streams.quality.spec import format_length
from streams.runtime.config.durations import format_duration
from streams.runtime.config.lines import KeyPath
from streams.runtime.config.problems import closest
from streams.runtime.rules.codes import RuleCode
from streams.runtime.rules.facts import BASELINE_MS
from streams.runtime.rules.metrics import METRICS, Metric
from streams.runtime.rules.scope import Scope
from streams.runtime.rules.sheet import Read
from streams.runtime.rules.slos import matched_segments
from streams.runtime.rules.tables import RuleTable

_SHARES = ("value", "lower95", "upper95", "lower99", "upper99")


def compile_rule(scope: Scope, read: Read) -> Rule | None:
    """One threshold; None where its metric or condition cannot be read. What is wrong with it is noted."""
    table = read.table
    assert isinstance(table, RuleTable)  # noqa: S101 -- the list says so
    path = read.path
    metric = METRICS.get(table.metric) if scope.knows(path, "metric") else None
    if metric is None:
        text = f'the metric "{table.metric[:60]}" is not known.{closest(table.metric, list(METRICS))}'
        scope.tell(RuleCode.METRIC, (*path, "metric"), text)
    window_ms = _window(scope, read, table, metric)
    by = scope.by(read, table.by, ["class"])
    fire = resolve = None
    if scope.knows(path, "fire_when"):
        fire = _condition(scope, (*path, "fire_when"), table.fire_when, metric)
    if table.resolve_when is not None:
        resolve = _condition(scope, (*path, "resolve_when"), table.resolve_when, metric)
    if metric is not None:
        _suits(scope, read, table, metric, by)
    matched_segments(scope, read, dict(table.match), by)
    if metric is not None and "class" in table.match and not metric.of_class:
        text = f'{table.metric} is not said of one class. Remove "class" from match.'
        scope.tell(RuleCode.GROUPING, (*path, "match", "class"), text)
    _excludes(scope, path, fire, resolve)
    if scope.knows(path, "window"):
        _reaches(scope, (*path, "window"), window_ms, fire, resolve)
    no_data = scope.no_data(read, table.no_data) if table.no_data or scope.says_no_data else None
    rule = Rule(
        name=table.name,
        metric=table.metric,
        match=scope.match(path, dict(table.match)),
        window_ms=window_ms,
        fire_when=fire or Comparison("value", Op.LT, 0.0),
        resolve_when=resolve,
        by=by,
        dimension=table.dimension,
        min_support=table.min_support.per_class,
        for_ms=scope.of_steps(table.for_ms, (*path, "for")),
        keep_firing_ms=scope.of_steps(table.keep_firing_ms, (*path, "keep_firing_for")),
        pending_ttl_ms=scope.of_steps(table.pending_ttl_ms, (*path, "pending_ttl")),
        severity=table.severity,
        ready=scope.ready(table.ready),
        no_data=no_data,
        inhibits=table.inhibits,
        about=scope.about(read, scope.severities(read, no_data)),
    )
    return rule if metric is not None and fire is not None else None


def _window(scope: Scope, read: Read, table: RuleTable, metric: Metric | None) -> int:
    path: KeyPath = (*read.path, "window")
    scope.kept(table.window_ms, path, f"window {format_duration(table.window_ms)}")
    if metric is None:
        return table.window_ms
    if not metric.of_window:
        return scope.of_steps(table.window_ms, path)
    tumbling = scope.facts.tumbling
    if tumbling is not None and table.window_ms not in tumbling:
        listing = ", ".join(name for _, name in sorted(tumbling.items())) or "none"
        text = (
            f"{table.metric} is known of the configured tumbling windows only ({listing}), and "
            f"{format_length(table.window_ms)} is none of them. Choose one, or add it to windows.sizes."
        )
        scope.tell(RuleCode.WINDOW, path, text)
    return table.window_ms


def _condition(scope: Scope, path: KeyPath, text: str, metric: Metric | None) -> Condition | None:
    known = metric or Metric(has_interval=True, has_baseline=True, is_duration=True, high=None)
    try:
        condition = parse_condition(text, known.subjects, durations=known.is_duration)
    except ConditionError as error:
        scope.tell(RuleCode.CONDITION, path, f'"{text[:60]}" cannot be read: {error}.')
        return None
    impossible = [comparison for comparison in comparisons(condition) if _is_beyond(scope, path, comparison, known)]
    possible = _within(known)
    if impossible:
        return None
    if not can_both_hold(condition, possible):
        scope.tell(RuleCode.CONDITION, path, f"{written(condition)} can never hold. Mend its numbers.")
        return None
    if not can_both_hold(negated(condition), possible):
        scope.tell(RuleCode.CONDITION, path, f"{written(condition)} always holds. Mend its numbers.")
        return None
    return condition


def _within(metric: Metric) -> Condition:
    """The numbers that there are."""
    least = [Comparison(name, Op.GE, 0.0) for name in (*_SHARES, "support")]
    most = [Comparison(name, Op.LE, metric.high) for name in _SHARES] if metric.high is not None else []
    return AllOf((*least, *most))


def _is_beyond(scope: Scope, path: KeyPath, comparison: Comparison, metric: Metric) -> bool:
    """Whether a number is beyond those that there are: mostly a percentage."""
    name, number = comparison.subject, comparison.number
    told = "delta(baseline)" if name == "delta" else name
    if name == "support" or (name in _SHARES and metric.high is None):
        least, most = 0.0, inf
    else:
        least, most = -1.0 if name == "delta" else 0.0, 1.0
    if least <= number <= most:
        return False
    within = f"within {least:g} and {most:g}" if most < inf else f"at least {least:g}"
    hint = f" For {number:g} percent write {number / 100:g}." if number > most else ""
    scope.tell(RuleCode.CONDITION, path, f"{told} is {within}, and {number:g} is not.{hint}")
    return True


def _suits(scope: Scope, read: Read, table: RuleTable, metric: Metric, by: tuple[str, ...]) -> None:
    """Whether `by` and `dimension` are what the metric needs."""
    path: KeyPath = (*read.path, "by")
    if metric.of_class and "class" not in by and scope.knows(read.path, "by"):
        text = f'{table.metric} is said of one class. Add "class" to by.'
        scope.tell(RuleCode.GROUPING, path, text)
    if not metric.of_class and "class" in by:
        scope.tell(RuleCode.GROUPING, path, f'{table.metric} is not said of one class. Remove "class" from by.')
    if metric.needs_dimension and any(name.startswith("segment.") for name in by):
        text = f"{table.metric} compares the values of a dimension. Remove the segment from by."
        scope.tell(RuleCode.GROUPING, path, text)
    if metric.needs_dimension and table.dimension is None and scope.knows(read.path, "dimension"):
        text = f"{table.metric} compares the values of a dimension. Name it in dimension."
        scope.tell(RuleCode.GROUPING, read.path, text)
    if table.dimension is None:
        return
    at: KeyPath = (*read.path, "dimension")
    if not metric.needs_dimension:
        scope.tell(RuleCode.GROUPING, at, f"{table.metric} has no dimension. Remove it, or use by.")
        return
    protected = scope.facts.protected
    if protected is not None and table.dimension not in protected:
        text = (
            f'"{table.dimension}" is not a protected dimension, so its groups are not compared.'
            f"{closest(table.dimension, protected)} Add it to groups.protected."
        )
        scope.tell(RuleCode.DIMENSION, at, text)


def _excludes(scope: Scope, path: KeyPath, fire: Condition | None, resolve: Condition | None) -> None:
    if fire is None or resolve is None or not can_both_hold(fire, resolve):
        return
    advice = "Make them exclude each other."
    if isinstance(fire, Comparison) and fire.subject in _SHARES:
        side = "above" if fire.op in {Op.LT, Op.LE} else "below"
        advice = f"Resolve {side} {fire.number:g}."
    text = (
        f"resolve_when ({written(resolve)}) can hold while fire_when ({written(fire)}) holds: the alert would flap. "
        f"{advice}"
    )
    scope.tell(RuleCode.FLAPS, (*path, "resolve_when"), text)


def _reaches(scope: Scope, path: KeyPath, window_ms: int, *conditions: Condition | None) -> None:
    """A baseline is what is left of the last days without the window."""
    asked = [term.subject for condition in conditions if condition is not None for term in comparisons(condition)]
    if "delta" in asked and window_ms > BASELINE_MS - HOUR:  # what is left is looked at by whole hours
        text = (
            f"window {format_duration(window_ms)} leaves less than an hour of the {format_duration(BASELINE_MS)} that "
            "delta(baseline) compares with. Shorten it."
        )
        scope.tell(RuleCode.RETENTION, path, text)
