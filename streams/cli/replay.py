"""`streams replay`: the same counting over files, without a broker.

Rule: the answer goes to standard output, the progress bar to standard error, and only where somebody sees it.
"""

from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from streams.cli.moments import parse_moment
from streams.cli.replay_config import Overrides
from streams.formats.reasons import Kind
from streams.runtime.clock import monotonic_s, wall_ms
from streams.runtime.config.job import environment, load

LISTS = ("--predictions", "-p", "--labels", "-l", "--window", "-w")
"""Options of which one takes several values."""


def replay(
    predictions: Annotated[
        list[Path], typer.Option("--predictions", "-p", help="Files of predictions.", metavar="FILE...")
    ],
    labels: Annotated[list[Path], typer.Option("--labels", "-l", help="Files of labels.", metavar="FILE...")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder for the rows; made if need be.", metavar="DIR")],
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", help="Mapping, windows and times from a TOML file.", metavar="CONFIG"),
    ] = None,
    window: Annotated[
        list[str] | None, typer.Option("--window", "-w", help="Windows instead: 24h, 24h/1h.", metavar="SIZE...")
    ] = None,
    horizon: Annotated[str | None, typer.Option(help="How far a label may be from its prediction: 30d.")] = None,
    slack: Annotated[str | None, typer.Option(help="How much later it may be delivered: 2d.")] = None,
    settle: Annotated[str | None, typer.Option(help="When a window is first judged after its end: 6h.")] = None,
    pane: Annotated[str | None, typer.Option(help="The grain of counting; it divides every window: 5m.")] = None,
    now: Annotated[
        str | None,
        typer.Option(help="Reject records that are ahead of this time; the present if not said.", metavar="TIME"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The summary as one JSON object.")] = False,
) -> None:
    """Count over log files (.jsonl or .jsonl.gz) what the job would count over topics, to the last row.

    Files are merged by time of delivery. The rows come as windows.jsonl, classes.jsonl, confusion.jsonl and the other
    files of docs/outputs.md, and only when they are complete. Two runs write the same bytes.

    [bold]Examples[/bold]

      streams replay --predictions p.jsonl.gz --labels l.jsonl.gz --out counted

      streams replay --predictions p-*.gz --labels l-*.gz --window 24h 7d --horizon 14d --out counted --json

      streams replay -c quality.toml -p p.jsonl -l l.jsonl -o counted
    """
    # the folds, half a second of loading that other commands spare
    from streams.cli import replay_summary  # noqa: PLC0415
    from streams.runtime.replay import check_input  # noqa: PLC0415
    from streams.runtime.replay import replay as replay_files  # noqa: PLC0415

    overrides = Overrides(window or (), pane, horizon, slack, settle)
    chosen = overrides.apply(load(config, environment()))
    now_ms = wall_ms() if now is None else parse_moment(now)
    files = [*((Kind.PREDICTION, path) for path in predictions), *((Kind.LABEL, path) for path in labels)]
    for _, path in files:
        check_input(path)
    began_s = monotonic_s()
    bar = Progress(
        TextColumn("replaying"), BarColumn(), DownloadColumn(), TimeRemainingColumn(),
        console=Console(stderr=True), transient=True, disable=not Console(stderr=True).is_terminal,
    )  # fmt: skip
    with bar:
        task = bar.add_task("", total=sum(path.stat().st_size for _, path in files))
        summary = replay_files(chosen, files, out, now_ms=now_ms, read=lambda n: bar.advance(task, n))
    if as_json:
        typer.echo(orjson.dumps(replay_summary.as_dict(summary, chosen, out)))
    else:
        replay_summary.show(Console(highlight=False), summary, chosen, out, monotonic_s() - began_s)
