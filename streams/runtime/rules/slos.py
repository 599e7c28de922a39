"""`[[slo]]` compiled: error budgets whose tiers can fire, over windows that exist."""

from collections.abc import Sequence

from streams.alerts.budget.tiers import burn_of_drop
from streams.alerts.rules.model import AUTO_TIERS, Severity, Slo, Tier
from streams.runtime.config.durations import format_duration
from streams.runtime.config.lines import KeyPath
from streams.runtime.rules.codes import RuleCode
from streams.runtime.rules.facts import PERIOD_GRAIN_MS
from streams.runtime.rules.scope import Scope
from streams.runtime.rules.sheet import Read
from streams.runtime.rules.tables import SloTable, TierTable

PERIOD_SHARE = 4
"""A window is at most this part of the period: a longer one would be most of what the budget is about."""


def compile_slo(scope: Scope, read: Read) -> Slo:
    """One budget; what is wrong with it is noted."""
    table = read.table
    assert isinstance(table, SloTable)  # noqa: S101 -- the list says so
    patterns = _patterns(scope, read, table)
    period_ms = _period(scope, read, table)
    path = read.path
    if scope.knows(path, "model") and scope.sheet.knows((*path, "match", "model")):
        for name in table.class_target:
            scope.classes(patterns["model"], [name], (*path, "class_target", name))
    tiers = _tiers(scope, read, table, period_ms)
    no_data = scope.no_data(read, table.no_data)
    severities = [*_severities(scope, read, table), *scope.severities(read, no_data)]
    return Slo(
        name=table.name,
        match=scope.match(path, patterns),
        target=table.target,
        sli=table.sli,
        class_target=tuple(sorted(table.class_target.items())),
        tiers=tiers,
        by=_by(scope, read, table, patterns),
        period_ms=period_ms,
        min_n=table.min_n,
        min_bad=table.min_bad,
        ready=scope.ready(table.ready),
        no_data=no_data,
        about=scope.about(read, severities),
    )


def _patterns(scope: Scope, read: Read, table: SloTable) -> dict[str, str]:
    said = {"model": table.model, "version": table.version, "class": table.cls}
    for name in sorted(said.keys() & table.match.keys()):
        if {"class": "cls"}.get(name, name) in table.model_fields_set:
            text = f'{name} is said twice: as a key and in match. Remove "{name}" of match.'
            scope.tell(RuleCode.CONFLICT, (*read.path, "match", name), text)
    return {**said, **table.match}


def _by(scope: Scope, read: Read, table: SloTable, patterns: dict[str, str]) -> tuple[str, ...]:
    by = tuple(name for name in scope.by(read, table.by, ["class"]) if name != "class")
    matched_segments(scope, read, patterns, by)
    return by


def matched_segments(scope: Scope, read: Read, patterns: dict[str, str], by: Sequence[str]) -> None:
    """A segment that is matched must be one that the alerts are told apart by, or they would match nothing."""
    for name in patterns:
        is_asked = name.startswith("segment.") and scope.has(name.removeprefix("segment."))
        if is_asked and name not in by and scope.knows(read.path, "by"):
            text = f'match has "{name}", and the alerts are not told apart by it. Add "{name}" to by.'
            scope.tell(RuleCode.GROUPING, (*read.path, "match"), text)


def _period(scope: Scope, read: Read, table: SloTable) -> int:
    said = table.period_ms is not None or not scope.knows(read.path, "period")
    period_ms = table.period_ms if table.period_ms is not None else scope.defaults.period_ms
    path: KeyPath = (*read.path, "period") if said else ("defaults", "period")
    if said:
        check_period(scope, period_ms, path)
    return period_ms


def check_period(scope: Scope, period_ms: int, path: KeyPath) -> None:
    """A period that is counted: whole hours, and not longer than counts are kept."""
    scope.kept(period_ms, path, f"period {format_duration(period_ms)}")
    if period_ms % PERIOD_GRAIN_MS:
        text = f'period "{format_duration(period_ms)}" is not a multiple of 1h, the grain that it is counted in.'
        scope.tell(RuleCode.STEP, path, f"{text} Write whole hours or days.")
        scope.sheet.doubt(path)


def _tiers(scope: Scope, read: Read, table: SloTable, period_ms: int) -> tuple[Tier, ...]:
    if table.tiers is None:
        tiers = tuple(_fitted(tier, scope.step_ms) for tier in AUTO_TIERS)
        if scope.knows(read.path, "tiers"):
            longest = max(tiers, key=lambda tier: tier.long_ms)
            _check_period_share(scope, read, longest, period_ms, (*read.path, "tiers"))
        return tiers
    compiled: list[Tier] = []
    at: KeyPath = (*read.path, "tiers")
    for index, said in enumerate(table.tiers):
        path: KeyPath = (*at, index)
        tier = _tier(scope, said, path)
        others = [one.name for one, n in zip(compiled, range(index), strict=True) if scope.knows((*at, n), "name")]
        if said.name in others:
            scope.tell(RuleCode.TWICE, (*path, "name"), f'two tiers have the name "{said.name}". Name each once.')
        _check_windows(scope, tier, path)
        _check_period_share(scope, read, tier, period_ms, (*path, "long"))
        _check_burn(scope, read, table, tier, path)
        compiled.append(tier)
    return tuple(compiled)


def _severities(scope: Scope, read: Read, table: SloTable) -> list[Severity]:
    """The severities of the tiers, as far as they are known."""
    if table.tiers is None:
        return [tier.severity for tier in AUTO_TIERS] if scope.knows(read.path, "tiers") else []
    at: KeyPath = (*read.path, "tiers")
    return [tier.severity for index, tier in enumerate(table.tiers) if scope.knows((*at, index), "severity")]


def _fitted(tier: Tier, step_ms: int) -> Tier:
    """A tier of `tiers = "auto"` over whole steps."""
    long_ms, short_ms = (-(-ms // step_ms) * step_ms for ms in (tier.long_ms, tier.short_ms))
    if (long_ms, short_ms) == (tier.long_ms, tier.short_ms):
        return tier
    long_ms = max(long_ms, 2 * short_ms)
    return Tier(
        tier.name,
        tier.severity,
        long_ms,
        short_ms,
        tier.alpha,
        tier.drop,
        tier.burn,
        tier.for_ms,
        -(-tier.keep_firing_ms // step_ms) * step_ms,
    )


def _tier(scope: Scope, said: TierTable, path: KeyPath) -> Tier:
    if (said.drop is None) == (said.burn is None) and scope.knows(path, "drop", "burn"):
        both = "both drop and burn are" if said.drop is not None else "neither drop nor burn is"
        scope.tell(RuleCode.CONFLICT, path, f"{both} said. Give one: drop = 0.30 is a relative drop of the target.")
    return Tier(
        said.name,
        said.severity,
        scope.of_steps(said.long_ms, (*path, "long")),
        scope.of_steps(said.short_ms, (*path, "short")),
        said.alpha,
        said.drop,
        said.burn,
        scope.of_steps(said.for_ms, (*path, "for")),
        scope.of_steps(said.keep_firing_ms, (*path, "keep_firing_for")),
    )


def _check_windows(scope: Scope, tier: Tier, path: KeyPath) -> None:
    if tier.short_ms >= tier.long_ms and scope.knows(path, "short", "long"):
        step_ms = scope.step_ms
        usual_ms = max(tier.long_ms // 12 // step_ms, 1) * step_ms
        short, long = format_duration(tier.short_ms), format_duration(tier.long_ms)
        advice = f"1/12 of it is usual ({format_duration(usual_ms)})"
        if usual_ms >= tier.long_ms:
            advice = f"make long at least two steps ({format_duration(2 * step_ms)})"
        text = f"short ({short}) must be shorter than long ({long}); {advice}."
        scope.tell(RuleCode.TIER_WINDOWS, path, text)


def _check_period_share(scope: Scope, read: Read, tier: Tier, period_ms: int, path: KeyPath) -> None:
    is_said = getattr(read.table, "period_ms", None) is not None
    is_known = scope.knows(read.path, "period") and (is_said or scope.knows(("defaults",), "period"))
    if tier.long_ms * PERIOD_SHARE > period_ms and is_known:
        whose = f" of tier {tier.name}" if path[-1] == "tiers" else ""  # else the key says it
        text = (
            f"the window {format_duration(tier.long_ms)}{whose} is longer than 25% of the period "
            f"{format_duration(period_ms)}, so it would nearly be the budget itself. Shorten it, or choose a period "
            f"of at least {format_duration(tier.long_ms * PERIOD_SHARE)}."
        )
        scope.tell(RuleCode.TIER_PERIOD, path, text)


def _check_burn(scope: Scope, read: Read, table: SloTable, tier: Tier, path: KeyPath) -> None:
    """A burn cannot be above 1 / (1 - target): then every event is bad."""
    targets = {table.target} if scope.knows(read.path, "target") else set()
    for target in sorted({*targets, *table.class_target.values()}):
        most = 1 / (1 - target)
        if tier.burn is not None and tier.burn >= most:
            text = (
                f"burn {tier.burn:g} can never fire. target {target:.2f} limits burn to {most:.1f}. "
                f'Use drop = 0.30 (burn {burn_of_drop(target, 0.3):.2f}) or tiers = "auto".'
            )
            scope.tell(RuleCode.BURN, (*path, "burn"), text)
            return
