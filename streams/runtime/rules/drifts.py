"""`[[drift]]` and `[[rollup]]` compiled: what listens to detectors, and what speaks for many alerts at once."""

from streams.alerts.rules.conditions import OF_ROLLUPS, ConditionError, parse_condition, written
from streams.alerts.rules.model import AllOf, Comparison, Condition, DriftRule, Match, Op, Rollup, selects
from streams.alerts.rules.overlap import can_both_hold
from streams.quality.drift.finding import Kind
from streams.quality.measures.label_quality import RateKind
from streams.runtime.config.problems import closest
from streams.runtime.rules.codes import RuleCode
from streams.runtime.rules.scope import ALWAYS_BY, Scope
from streams.runtime.rules.sheet import Read
from streams.runtime.rules.tables import DriftRuleTable, RollupTable
from streams.runtime.rules.values import names_in

DRIFT_KINDS = (*(kind.value for kind in Kind), *(kind.value for kind in RateKind))
"""Every kind of drift row."""

_POSSIBLE = AllOf((Comparison("firing_share", Op.LE, 1.0), *(Comparison(name, Op.GE, 0.0) for name in OF_ROLLUPS)))
_NOTHING_FIRES = AllOf(tuple(Comparison(name, op, 0.0) for name in OF_ROLLUPS for op in (Op.GE, Op.LE)))


def compile_drift(scope: Scope, read: Read) -> DriftRule:
    """One rule on incidents; what is wrong with it is noted."""
    table = read.table
    assert isinstance(table, DriftRuleTable)  # noqa: S101 -- the list says so
    path = read.path
    for index, pattern in enumerate(table.kinds):
        for name in names_in(pattern):
            if name not in DRIFT_KINDS:
                text = f'"{name}" is not a kind of drift.{closest(name, DRIFT_KINDS)}'
                scope.tell(RuleCode.DRIFT_KIND, (*path, "kinds", index), text)
    known = scope.facts.tumbling
    for index, pattern in enumerate(table.windows):
        for name in names_in(pattern):
            if known is not None and name not in known.values():
                listing = ", ".join(found for _, found in sorted(known.items())) or "none"
                text = f'"{name}" is not a configured tumbling window ({listing}); only those have detectors.'
                scope.tell(RuleCode.WINDOW, (*path, "windows", index), text)
    if "class" in table.match:
        text = 'drift alerts are not told apart by class. Remove "class" from match.'
        scope.tell(RuleCode.GROUPING, (*path, "match", "class"), text)
    matched = {name: pattern for name, pattern in table.match.items() if name != "class"}
    return DriftRule(
        name=table.name,
        kinds=tuple(sorted(set(table.kinds))),
        match=(*scope.match(path, matched), *_no_segments(scope, read, table)),
        windows=_windows(scope, table),
        min_effect=table.min_effect,
        severity=table.severity,
        about=scope.about(read, scope.severities(read)),
    )


def _no_segments(scope: Scope, read: Read, table: DriftRuleTable) -> Match:
    """What keeps alerts about single segment values out: their labels, of every dimension of the job, must be empty."""
    if table.segments:
        return ()
    for name in table.match:
        if name.startswith("segment."):
            text = f'"{name}" is matched, and segments = false. Remove one of them.'
            scope.tell(RuleCode.CONFLICT, (*read.path, "segments"), text)
    return tuple((f"segment.{name}", "") for name in sorted(scope.facts.dimensions or ()))


def _windows(scope: Scope, table: DriftRuleTable) -> tuple[str, ...]:
    """The windows that are listened to. Of the job's as many as are long enough, or else the longest one."""
    patterns = tuple(sorted(set(table.windows)))
    known = scope.facts.tumbling
    if table.min_window_ms is None or not known:
        return patterns
    meant = {ms: name for ms, name in sorted(known.items()) if any(selects(pattern, name) for pattern in patterns)}
    long = [name for ms, name in meant.items() if ms >= table.min_window_ms] or list(meant.values())[-1:]
    return tuple(sorted(long)) or patterns


def compile_rollup(scope: Scope, read: Read) -> Rollup | None:
    """One rollup; None where its condition cannot be read. What is wrong with it is noted."""
    table = read.table
    assert isinstance(table, RollupTable)  # noqa: S101 -- the list says so
    path = read.path
    known = scope.sheet.named("slo", "rule")
    if table.of not in known and scope.sheet.knows_names("slo", "rule"):
        text = f'there is no budget or threshold "{table.of[:60]}" to roll up.{closest(table.of, known)}'
        scope.tell(RuleCode.UNKNOWN_RULE, (*path, "of"), text)
    for index, name in enumerate(table.by):
        if name not in ALWAYS_BY:
            text = f'a rollup is by model and version, not by "{name[:60]}". Remove it.'
            scope.tell(RuleCode.GROUPING, (*path, "by", index), text)
    condition = _condition(scope, read, table.when)
    rollup = Rollup(
        name=table.name,
        of=table.of,
        when=condition or _NOTHING_FIRES,
        by=ALWAYS_BY,
        severity=table.severity,
        inhibits=table.inhibits,
        about=scope.about(read, scope.severities(read)),
    )
    return rollup if condition is not None else None


def _condition(scope: Scope, read: Read, text: str) -> Condition | None:
    path = (*read.path, "when")
    try:
        condition = parse_condition(text, OF_ROLLUPS)
    except ConditionError as error:
        scope.tell(RuleCode.CONDITION, path, f'"{text[:60]}" cannot be read: {error}.')
        return None
    if not can_both_hold(condition, _POSSIBLE):
        scope.tell(RuleCode.CONDITION, path, f"{written(condition)} can never hold. Mend its numbers.")
    elif can_both_hold(condition, _NOTHING_FIRES):
        told = f"{written(condition)} holds while nothing fires. Ask for some, such as firing_classes >= 3."
        scope.tell(RuleCode.CONDITION, path, told)
    return condition
