"""`streams check` of a file of rules: every error at once, what is asked, and what one should know of it."""

import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import orjson
import typer
from rich.console import Console
from rich.markup import escape

from streams.alerts.rules.model import RuleSet
from streams.runtime.config.durations import format_duration
from streams.runtime.config.job import environment, load
from streams.runtime.config.problems import InvalidConfigError
from streams.runtime.errors import ConfigError
from streams.runtime.rules.answers import right, wrong
from streams.runtime.rules.load import Loaded, load_rules
from streams.runtime.rules.rates import read_rates
from streams.runtime.rules.tables import LISTS

_NOUNS = {
    "slos": ("budget", "budgets"),
    "rules": ("threshold", "thresholds"),
    "drifts": ("drift rule", "drift rules"),
    "rollups": ("rollup", "rollups"),
    "canaries": ("gate", "gates"),
    "mutes": ("mute", "mutes"),
    "retrains": ("retrain trigger", "retrain triggers"),
}


def is_rules(path: Path, *, meant: bool) -> bool:
    """Whether a file looks like one of rules: it has a schema, or lists that only rules have.

    One that says nothing of itself (it is empty, or no TOML) is one if it is `meant` to be, or called so.
    """
    try:
        document = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError):  # told by whoever reads it
        return meant or path.name.startswith("rules")
    if not document:
        return meant or path.name.startswith("rules")
    return "schema" in document or any(isinstance(document.get(name), list) for name in LISTS)


def check_rules(path: Path, config: Path | None, rates: Path | None, *, as_json: bool) -> None:
    """Check a file of rules, in the job of a configuration and by the rates of a replay, where they are named.

    Raises `ConfigError` with every problem; with `as_json` they are told on standard output, too.
    """
    job = None if config is None else load(config, environment())
    seen = None if rates is None else read_rates(rates)
    try:
        loaded = load_rules(path, job, seen)
    except ConfigError as error:
        if not as_json:
            raise
        told = wrong(error) if isinstance(error, InvalidConfigError) else {"ok": False, "problems": []}
        typer.echo(orjson.dumps(told))
        raise typer.Exit(error.exit_code) from None
    if as_json:
        typer.echo(orjson.dumps(right(loaded)))
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"[green]ok[/green]  {escape(loaded.file)}: {', '.join(counted(loaded.rules)) or 'nothing is asked'}")
    for line in (*_details(loaded), *_unasked(config, rates)):
        console.print(f"    {line}", markup=False)
    tell_warnings(console, loaded)


def tell_warnings(console: Console, loaded: Loaded) -> None:
    """What somebody should know of rules that are right."""
    for warning in loaded.warnings:
        console.print(f"[yellow]warning[/yellow]  {escape(warning.written(loaded.file))}")
    if (n := len(loaded.warnings)) > 0:
        console.print(
            f"{n} warning{'s' if n > 1 else ''}; the rules are right all the same (exit code 0)", markup=False
        )


def counted(rules: RuleSet) -> list[str]:
    """How many rules there are of each kind, in words; kinds without any are left out."""
    counts = Counter({kind: len(getattr(rules, kind)) for kind in _NOUNS})
    return [f"{n} {_NOUNS[kind][n > 1]}" for kind, n in counts.items() if n]


def _details(loaded: Loaded) -> Iterator[str]:
    rules = loaded.rules
    yield f"judged every {format_duration(rules.step_ms)} of event time; rules {rules.hash}"
    yield f"people are woken by: {', '.join(loaded.wakers) or '(none)'}"
    for canary in rules.canaries:
        yield f"gate {canary.name}: {canary.candidate} against {canary.baseline} of {canary.model}, {canary.test}"


def _unasked(config: Path | None, rates: Path | None) -> Iterator[str]:
    if config is None:
        yield "not asked without -c CONFIG: classes, dimensions, windows and the pane of the job"
    if rates is None:
        yield "not asked without --rates FOLDER of a replay: whether there are labels enough, and false pages"
