"""`streams score`: how good are the detectors on a history whose changes are known?"""

from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console

from streams.cli import score_summary
from streams.cli.score_changes import read_changes
from streams.cli.score_marks import TOLERATED_WINDOWS, mark
from streams.cli.score_rows import read_drift
from streams.quality.rows import ALL
from streams.runtime.config.durations import parse_duration
from streams.runtime.errors import ConfigError


def score(
    folder: Annotated[Path, typer.Argument(help="The folder that `streams replay` wrote.", metavar="FOLDER")],
    changes: Annotated[
        Path, typer.Option("--changes", "-c", help="When something really changed: TOML or JSON.", metavar="FILE")
    ],
    tolerance: Annotated[
        str | None,
        typer.Option(help=f"How long after a change an alarm answers it: 2d. Else {TOLERATED_WINDOWS} windows."),
    ] = None,
    window: Annotated[str | None, typer.Option("--window", "-w", help="Only windows of this name: 24h.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for tools.")] = False,
) -> None:
    """Score the drift detectors of a replay against known changes, for tuning.

    For each kind of drift: how late each change was found, which were missed, and how many alarms there were for
    nothing in 1000 windows. An incident is one alarm, however long it goes on. Scored are all predictions
    together, and the segments that the changes name.

    A change is a table `change` of a TOML file with a time `at`, and if need be `until`, `name`, `model`,
    `version`, `segment`, `kinds`. JSON has a list of the same; the `expected.json` of a labelled log set will do.

    [bold]Examples[/bold]

      streams score counted --changes changes.toml

      streams score counted --changes expected.json --window 1h --tolerance 12h --json
    """
    tolerance_ms = None if tolerance is None else _duration(tolerance)
    known = read_changes(changes)
    segments = {ALL} | {change.segment for change in known if change.segment is not None}
    drift = read_drift(folder, window)
    series = {watched: windows for watched, windows in drift.items() if watched.segment in segments}
    if not series:
        which = f" of {window}" if window else ""
        raise ConfigError(f"{folder} has no drift rows{which}. Only windows that tumble, such as 24h, are watched.")
    marks = [mark(watched, windows, known, tolerance_ms) for watched, windows in sorted(series.items())]
    told = tolerance or f"{TOLERATED_WINDOWS} windows"
    if as_json:
        typer.echo(orjson.dumps(score_summary.as_dict(marks, told, known)))
    else:
        score_summary.show(Console(highlight=False), marks, told, known)


def _duration(text: str) -> int:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(f"{error}.", param_hint="--tolerance") from None
