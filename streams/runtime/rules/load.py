"""What is asked of the models of this job? One TOML file: read once, checked as a whole, compiled to a `RuleSet`.

Every error is told at once, each with its line, code, reason and fix. Invariant: a `RuleSet` that exists can be
folded; the same meaning has the same hash, whatever the order, spacing and comments of the file.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

import msgspec

from streams.alerts.orders import RulesOrder, encode
from streams.alerts.rules.model import RuleSet
from streams.runtime.config.durations import format_duration
from streams.runtime.config.problems import InvalidConfigError, Problem
from streams.runtime.rules.canaries import compile_canary, compile_retrain
from streams.runtime.rules.codes import RuleCode
from streams.runtime.rules.drifts import compile_drift, compile_rollup
from streams.runtime.rules.facts import Job, facts_of
from streams.runtime.rules.mutes import compile_mute
from streams.runtime.rules.pages import wakers
from streams.runtime.rules.rates import Rates
from streams.runtime.rules.scope import Scope
from streams.runtime.rules.sheet import Read, Sheet, read_sheet
from streams.runtime.rules.slos import check_period, compile_slo
from streams.runtime.rules.text import read_text
from streams.runtime.rules.thresholds import compile_rule
from streams.runtime.rules.warnings import warn

DEFAULT_RULES = "(default rules)"
"""What the file of the rules that come with the job is called."""

MOST_BYTES = 900_000
"""Of compiled rules: one record of the tallies holds them, and brokers take 1 MB by default."""

_DIGITS = 16

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Loaded:
    """Rules that can be folded, and what somebody should know of them."""

    file: str
    rules: RuleSet
    warnings: tuple[Problem, ...] = ()
    runbook_base: str | None = None  # where runbooks are that are named
    wakers: tuple[str, ...] = ()  # the alerts that wake people in this job


def load_rules(path: Path | None, job: Job | None = None, rates: Rates | None = None) -> Loaded:
    """The rules in a file; those that come with the job when `path` is None.

    `job` is the configuration that they are asked in; without it nothing is checked that depends on one. `rates` say
    what was seen: without them some warnings are not given.

    Raises:
        InvalidConfigError: The file cannot be read or has problems: one line for each, every one at once.
    """
    if path is None:
        return _compiled(read_sheet(_default_text(), DEFAULT_RULES), job, rates, fits=True)
    return parse_rules(read_text(path), str(path), job, rates)


def parse_rules(text: str, file: str, job: Job | None = None, rates: Rates | None = None) -> Loaded:
    """The rules in a TOML text; `file` is what problems call it. Raises `InvalidConfigError` with every problem."""
    return _compiled(read_sheet(text, file), job, rates, fits=False)


def rules_hash(rules: RuleSet) -> str:
    """The hash of what is asked, 16 hex digits."""
    canonical = msgspec.json.encode(msgspec.structs.replace(rules, hash=""))
    return sha256(canonical).hexdigest()[:_DIGITS]


@cache
def _default_text() -> str:
    return files("streams.runtime.rules").joinpath("default.toml").read_text(encoding="utf-8")


def _compiled(sheet: Sheet, job: Job | None, rates: Rates | None, *, fits: bool) -> Loaded:
    document = sheet.document()
    scope = Scope(sheet, facts_of(job), document.defaults, document.aliases, fits)
    _check_defaults(scope)
    _check_names(scope)
    scope.slos.extend(sheet.tables("slo"))
    defaults = document.defaults
    rules = RuleSet(
        hash="",
        step_ms=scope.step_ms,
        slos=_all(scope, scope.slos, compile_slo),
        rules=_all(scope, list(sheet.tables("rule")), compile_rule),
        drifts=_all(scope, list(sheet.tables("drift")), compile_drift),
        rollups=_all(scope, list(sheet.tables("rollup")), compile_rollup),
        canaries=_all(scope, list(sheet.tables("canary")), compile_canary),
        mutes=_all(scope, list(sheet.tables("mute")), compile_mute),
        retrains=_all(scope, list(sheet.tables("retrain")), compile_retrain),
        max_page_age_ms=defaults.max_page_age_ms,
        retire_after_ms=scope.of_steps(defaults.retire_after_ms, ("defaults", "retire_after")),
        replaced_after_ms=scope.of_steps(defaults.replaced_after_ms, ("defaults", "replaced_after")),
        heartbeat_ms=scope.of_steps(defaults.heartbeat_ms, ("defaults", "heartbeat")),
    )
    if sheet.problems:
        raise InvalidConfigError(sheet.file, sheet.problems)
    warn(scope, rules)
    if rates is not None:
        from streams.runtime.rules.forecasts import warn_of_rates  # noqa: PLC0415 -- slow to import, seldom asked

        warn_of_rates(scope, rules, rates)
    rules = msgspec.structs.replace(rules, hash=rules_hash(rules))
    size_bytes = len(encode(RulesOrder(rules)))
    if size_bytes > MOST_BYTES:
        text = (
            f"compiled, the rules are {size_bytes:,} bytes, and at most {MOST_BYTES:,} fit into a record of the job's "
            'log. Write one rule with a pattern (class = "*") instead of many.'
        )
        scope.tell(RuleCode.WRONG_VALUE, (), text)
        raise InvalidConfigError(sheet.file, sheet.problems)
    warnings = tuple(sorted(set(sheet.warnings)))
    return Loaded(sheet.file, rules, warnings, defaults.runbook_base, tuple(wakers(rules, scope.facts)))


def _all(scope: Scope, tables: list[Read], compiled: Callable[[Scope, Read], R | None]) -> tuple[R, ...]:
    """The rules of one list, by name: their order in the file means nothing."""
    found = [rule for read in tables if (rule := compiled(scope, read)) is not None]
    return tuple(sorted(found, key=lambda rule: str(getattr(rule, "name", ""))))


def _check_defaults(scope: Scope) -> None:
    step_ms, pane_ms = scope.defaults.step_ms, scope.facts.pane_ms
    if step_ms is not None and pane_ms is not None and step_ms % pane_ms:
        text = (
            f'step "{format_duration(step_ms)}" is not a multiple of the pane "{format_duration(pane_ms)}", the grain '
            f'that the job counts in. Write "{format_duration(-(-step_ms // pane_ms) * pane_ms)}".'
        )
        scope.tell(RuleCode.STEP, ("defaults", "step"), text)
        scope.sheet.doubt(("defaults", "step"))
    elif step_ms is not None:
        odd = [name for size, name in sorted((scope.facts.tumbling or {}).items()) if size % step_ms]
        if odd:
            text = (
                f'windows of {", ".join(odd)} are not made of steps of "{format_duration(step_ms)}", and are judged at '
                f'the step that they end with. Write "{format_duration(scope.facts.usual_step_ms)}".'
            )
            scope.tell(RuleCode.STEP, ("defaults", "step"), text)
            scope.sheet.doubt(("defaults", "step"))
    check_period(scope, scope.defaults.period_ms, ("defaults", "period"))
    scope.of_steps(scope.defaults.no_data.for_ms, ("defaults", "no_data", "for"))


def _check_names(scope: Scope) -> None:
    """Names are part of the identity of alerts, so that each must be there once, over all kinds of rules."""
    seen: dict[str, str] = {}
    for kind, path, name in scope.sheet.names():
        if name in seen:
            text = f'two rules have the id "{name}"; ids are part of the fingerprint. {seen[name]} has it already.'
            scope.tell(RuleCode.TWICE, (*path, "name"), text)
        seen.setdefault(name, f"[[{kind}]] of line {scope.sheet.lines.line_of((*path, 'name'))}")
