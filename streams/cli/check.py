"""`streams check`: is this file right, of a job or of rules? Every error at once, without connecting to anything."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer
from rich.console import Console

from streams.runtime.config.durations import format_duration
from streams.runtime.config.job import Config, environment, load
from streams.runtime.config.problems import InvalidConfigError
from streams.runtime.errors import ConfigError

if TYPE_CHECKING:
    from streams.runtime.rules.load import Loaded


def check(
    file: Annotated[Path, typer.Argument(help="The TOML file: of a job, or of rules.", metavar="FILE")],
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", help="Of rules: the job in which they are asked.", metavar="CONFIG"),
    ] = None,
    rates: Annotated[
        Path | None,
        typer.Option(help="Of rules: what `streams replay` wrote, to see what they rest on.", metavar="FOLDER"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for tools.")] = False,
    topics_optional: Annotated[
        bool, typer.Option("--topics-optional", help="Accept a file without topics, as `replay` does.")
    ] = False,
) -> None:
    """Check a configuration or a file of rules: every error at once, each with its line, code and fix.

    Nothing is connected to. Exit code 0 when it is right (warnings do not change that), 78 when it is not.

    [bold]Examples[/bold]

      streams check deploy/streams.toml

      streams check quality.toml --json | jq .problems

      streams check rules.toml -c quality.toml --rates counted
    """
    from streams.cli.rules_check import check_rules, is_rules  # noqa: PLC0415 -- slow to load

    if is_rules(file, meant=config is not None or rates is not None):
        check_rules(file, config, rates, as_json=as_json)
        return
    if config is not None or rates is not None:
        raise typer.BadParameter(f"{file} is no file of rules, so --config and --rates mean nothing.")
    try:
        checked = load(file, environment())
        if not topics_optional:
            checked.require_topics()
    except ConfigError as error:
        if not as_json:
            raise
        typer.echo(orjson.dumps({"ok": False, "problems": _problems(file, error)}))
        raise typer.Exit(error.exit_code) from None
    if as_json:
        typer.echo(orjson.dumps({"ok": True, "problems": [], **_summary(checked), "pinned": dict(checked.pinned())}))
    else:
        _tell(checked)


def _problems(file: Path, error: ConfigError) -> list[dict[str, object]]:
    if not isinstance(error, InvalidConfigError):  # the file could not be read at all
        return [{"file": str(file), "line": 1, "code": "C101", "key": "", "text": str(error)}]
    return [
        {"file": error.file, "line": problem.line, "code": problem.code, "key": problem.key, "text": problem.text}
        for problem in error.problems
    ]


def _summary(config: Config) -> dict[str, object]:
    from streams.runtime.rules.answers import summary_of  # noqa: PLC0415 -- slow to load

    return {
        "name": config.name,
        "config_hash": config.config_hash,
        "quality_hash": config.quality_hash,
        "predictions": [source.topic for source in config.prediction_sources],
        "labels": [source.topic for source in config.label_sources],
        "dimensions": list(config.dimensions),
        "windows": [window.name for window in config.quality.windows],
        "alerts": {"enabled": config.alerts.enabled, "file": config.alerts.file, **summary_of(_loaded(config))},
    }


def _loaded(config: Config) -> "Loaded":
    from streams.runtime.rules.load import Loaded  # noqa: PLC0415 -- slow to load

    return Loaded(config.alerts.file, config.alerts.rules, config.alerts.warnings)


def _tell(config: Config) -> None:
    """What the job would do, in a few lines."""
    from streams.cli.rules_check import counted, tell_warnings  # noqa: PLC0415 -- slow to load

    timing = config.ledger.timing
    final = format_duration(timing.final_ms)
    predictions, labels = (
        ", ".join(source.topic for source in sources) or "(none)"
        for sources in (config.prediction_sources, config.label_sources)
    )
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"[green]ok[/green]  {config.file}: the job [bold]{config.name}[/bold]", markup=True)
    console.print(f"    reads {predictions} and {labels}; its own topics begin with {config.prefix}", markup=False)
    windows = ", ".join(window.name for window in config.quality.windows)
    settle = format_duration(timing.settle_ms)
    console.print(f"    windows {windows}; judged {settle} after their end, final after {final}", markup=False)
    if config.ledger.label_time or config.ledger.maturities_ms:
        console.print(f"    further views: {config.pinned()['windows.views']}", markup=False)
    reference = config.quality.settings.reference
    trained = f", training {reference.training.version}" if reference.training else ""
    console.print(f"    compared with: {reference.kind}{trained}", markup=False)
    detail_ms = config.quality.detail_ms
    coarse = [w.name for w in config.quality.windows if w.bucket_ms % detail_ms or w.origin_ms % detail_ms]
    if coarse:
        detail = f"windows.detail is {format_duration(detail_ms)}"
        console.print(f"    no scores, delays or sources of labels of {', '.join(coarse)}: {detail}", markup=False)
    console.print(f"    segments: {', '.join(config.dimensions) or '(none)'}", markup=False)
    rules = ", ".join(counted(config.alerts.rules)) or "nothing is asked"
    judged = f"{config.alerts.file}: {rules}" if config.alerts.enabled else "off"
    console.print(f"    alerts: {judged}", markup=False)
    console.print(
        f"    pinned settings {config.config_hash}, settings of the judge {config.quality_hash}", markup=False
    )
    tell_warnings(console, _loaded(config))
