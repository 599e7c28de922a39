"""`[[mute]]` compiled: silence that always ends, by a clock that exists."""

from zoneinfo import available_timezones

from streams.alerts.rules.model import DAY, Mute, Weekly, selects
from streams.runtime.config.durations import format_duration
from streams.runtime.config.lines import KeyPath
from streams.runtime.config.problems import closest
from streams.runtime.rules.codes import RuleCode
from streams.runtime.rules.scope import Scope
from streams.runtime.rules.sheet import Read
from streams.runtime.rules.tables import MuteTable, WeeklyTable
from streams.runtime.rules.values import names_in

LONGEST_MS = 30 * DAY


def compile_mute(scope: Scope, read: Read) -> Mute:
    """One mute; what is wrong with it is noted."""
    table = read.table
    assert isinstance(table, MuteTable)  # noqa: S101 -- the list says so
    path = read.path
    kinds = ("slo", "rule", "drift", "rollup", "canary", "retrain")
    known = scope.sheet.named(*kinds)
    for name in names_in(table.match.get("rule", "*")):
        if name not in known and scope.sheet.knows_names(*kinds):
            text = f'there is no rule "{name[:60]}" to mute.{closest(name, known)}'
            scope.tell(RuleCode.UNKNOWN_RULE, (*path, "match", "rule"), text)
    _check_time(scope, read, table)
    weekly = None
    if table.weekly is not None:
        weekly = _weekly(scope, table.weekly, (*path, "weekly"))
    _check_budget(scope, read, table)
    return Mute(
        name=table.name,
        match=scope.match(path, dict(table.match), with_rule=True),
        start_ms=table.start_ms,
        end_ms=table.end_ms,
        weekly=weekly,
        clock=table.clock,
        budget=table.budget,
        reason=table.reason,
        author=table.author,
    )


def _check_time(scope: Scope, read: Read, table: MuteTable) -> None:
    """A time that ends. What is said and cannot be read is said all the same."""
    path = read.path
    has_start, has_end, has_weekly = (
        value is not None or not scope.knows(path, key)
        for key, value in (("start", table.start_ms), ("end", table.end_ms), ("weekly", table.weekly))
    )
    once = has_start or has_end
    if once and has_weekly:
        text = "both a start or end and weekly are said. Choose one, or write two mutes."
        scope.tell(RuleCode.CONFLICT, (*path, "weekly"), text)
    elif not once and not has_weekly:
        text = "it says no time, and would never end. Give start and end, or weekly."
        scope.tell(RuleCode.MUTE_TIME, path, text)
    elif once and not has_end:
        text = f"it has no end. A mute that nobody ends hides the next failure; give an end within {_days(LONGEST_MS)}."
        scope.tell(RuleCode.MUTE_TIME, (*path, "end"), text)
    elif once and not has_start:
        scope.tell(RuleCode.MUTE_TIME, (*path, "start"), "it has no start. Give one.")
    elif table.start_ms is not None and table.end_ms is not None:
        length_ms = table.end_ms - table.start_ms
        if length_ms <= 0:
            scope.tell(RuleCode.MUTE_TIME, (*path, "end"), "it ends before it begins. Give a later end.")
        elif length_ms > LONGEST_MS:
            text = f"it lasts {_days(length_ms)}, more than {_days(LONGEST_MS)}. End it earlier and renew it."
            scope.tell(RuleCode.MUTE_TIME, (*path, "end"), text)


def _weekly(scope: Scope, table: WeeklyTable, path: KeyPath) -> Weekly:
    known = available_timezones()
    if table.zone not in known:
        text = f'zone "{table.zone[:60]}" unknown.{closest(table.zone, sorted(known))} Zones are those of IANA.'
        scope.tell(RuleCode.MUTE, (*path, "zone"), text)
    if table.from_minute == table.to_minute and scope.knows(path, "from", "to"):
        text = "it begins when it ends, which could be no time or a whole day. Give another end."
        scope.tell(RuleCode.MUTE_TIME, (*path, "to"), text)
    if table.from_minute == 24 * 60:
        scope.tell(RuleCode.MUTE_TIME, (*path, "from"), '"24:00" is an end only. Begin at "00:00" of the next day.')
    return Weekly(table.day, table.from_minute, table.to_minute, table.zone)


def _check_budget(scope: Scope, read: Read, table: MuteTable) -> None:
    """What is left out of a budget must not be most of it."""
    if table.budget != "exclude" or table.start_ms is None or table.end_ms is None:
        return
    if not scope.sheet.knows((*read.path, "match", "rule")):
        return
    length_ms = table.end_ms - table.start_ms
    for period_ms, name in _periods(scope, table):
        if length_ms * 4 > period_ms and length_ms <= LONGEST_MS:
            text = (
                f"window of {_days(length_ms)} is longer than 25% of the period {_days(period_ms)} of {name}: what is "
                'left of the budget would say little. Shorten it, or write budget = "count".'
            )
            scope.tell(RuleCode.MUTE, (*read.path, "end"), text)
            return


def _periods(scope: Scope, table: MuteTable) -> list[tuple[int, str]]:
    """The periods of the budgets that the mute may match, the shortest first."""
    pattern = table.match.get("rule", "*")
    found = [
        (getattr(slo.table, "period_ms", None) or scope.defaults.period_ms, str(getattr(slo.table, "name", "")))
        for slo in scope.slos
        if scope.knows(slo.path, "name", "period") and selects(pattern, str(getattr(slo.table, "name", "")))
        if getattr(slo.table, "period_ms", None) or scope.knows(("defaults",), "period")
    ]
    return sorted(found)


def _days(ms: int) -> str:
    return format_duration(ms) if ms % DAY == 0 or ms < DAY else f"{ms / DAY:.1f}d"
