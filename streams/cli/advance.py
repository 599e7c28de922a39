"""`streams advance`: nothing before this time is coming any more. How a history ends."""

from pathlib import Path
from typing import Annotated

import orjson
import typer

from streams.cli.moments import parse_moment
from streams.cli.options import load_config
from streams.ledger.position import offset_of
from streams.ledger.times import rfc3339
from streams.runtime import control
from streams.runtime.state import read_status

END = "end"


def advance(
    config: Annotated[Path, typer.Option("--config", "-c", help="The job's TOML file.", metavar="CONFIG")],
    to: Annotated[
        str, typer.Option(help="A time with a zone, or `end`: all that was read becomes final.", metavar="TIME")
    ] = END,
    force: Annotated[bool, typer.Option("--force", help="Also beyond what the newest event can need.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for tools.")] = False,
) -> None:
    """Move event time on when a history has been loaded: nothing earlier is coming any more.

    Live topics need no such word; their time moves by itself. It is written into the job's ledger, takes effect once
    every source is read to where it ends now, and cannot be undone: what is older than the horizon is late then.

    [bold]Examples[/bold]

      streams advance -c quality.toml

      streams advance -c quality.toml --to 2026-02-01T00:00:00Z
    """
    loaded = load_config(config)
    loaded.require_topics()
    to_ms = None if to == END else parse_moment(to)
    written = control.advance(loaded, to_ms, force=force)
    waits = control.unread(read_status(loaded), written.ends, loaded.ledger.partitions)
    moment = rfc3339(written.to_ms or 0)
    if as_json:
        ends = {source: offset_of(end) for source, end in written.ends.items()}
        typer.echo(orjson.dumps({"id": written.id, "to": moment, "unread": waits, "ends": ends}))
        return
    typer.echo(f"Time advances to {moment} (record {written.id} in {loaded.topic('ledger')}).")
    when = f"{waits:,} records are left to read" if waits else "they are, so it takes effect at the next tick"
    typer.echo(f"It waits until its {len(written.ends)} sources are read to their present ends: {when}.")
    typer.echo(f"See it with: streams status -c {config}")
