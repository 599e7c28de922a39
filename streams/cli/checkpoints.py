"""`streams checkpoints`: from where would a worker that remembers nothing go on?

Reads the checkpoints topic and the job's logs; looking changes nothing.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streams.cli.options import load_config
from streams.ledger.times import rfc3339

if TYPE_CHECKING:
    from streams.runtime.checkpoints.report import Checkpoint, Place

UNSAFE = 1

_STYLES = {
    "whole": "green", "verified": "green", "adoptable": "green", "torn": "yellow", "foreign": "yellow",
    "unusable": "red",
}  # fmt: skip


def checkpoints(
    config: Annotated[Path, typer.Option("--config", "-c", help="The job's TOML file.", metavar="CONFIG")],
    verify: Annotated[
        bool, typer.Option("--verify", help="Read every checkpoint and load it as a worker would.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for tools.")] = False,
) -> None:
    """List the checkpoints of every join and judge, and say whether a worker could go on from them.

    Exit code 0 when every partition has a checkpoint to go on from, or a log that still begins at its first record;
    1 when one has neither.

    [bold]Examples[/bold]

      streams checkpoints -c quality.toml

      streams checkpoints -c quality.toml --verify --json | jq .safe
    """
    from streams.runtime.checkpoints.report import look  # noqa: PLC0415 -- the folds, half a second of loading

    loaded = load_config(config)
    places = look(loaded, verify=verify)
    unsafe = [place for place in places if not place.safe]
    if as_json:
        typer.echo(orjson.dumps({"safe": not unsafe, "partitions": [_place_dict(place) for place in places]}))
    else:
        console = Console(highlight=False)
        console.print(_headline(places, unsafe))
        console.print(_table(places))
    if unsafe:
        raise typer.Exit(UNSAFE)


def _headline(places: list["Place"], unsafe: list["Place"]) -> Text:
    if unsafe:
        names = ", ".join(f"{place.stage} {place.partition}" for place in unsafe)
        return Text(f"no way to go on for {names}: the log was trimmed and no checkpoint can be used", "bold red")
    behind = sum(place.log_ends - (place.goes_on or 0) for place in places)
    return Text(f"safe: a worker that remembers nothing has {behind:,} records of the logs to fold", "bold green")


def _table(places: list["Place"]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("state of", "log", "position", "behind", "written", "size", "chunks"):
        table.add_column(name, justify="left" if name in {"state of", "written"} else "right", no_wrap=True)
    table.add_column("checkpoint")
    for place in places:
        name, log = f"{place.stage} {place.partition}", f"{place.log_begins:,}-{place.log_ends:,}"
        if not place.checkpoints:
            table.add_row(name, log, "-", f"{place.log_ends - place.log_begins:,}", "-", "-", "-", "none")
        for checkpoint in place.checkpoints:
            table.add_row(name, log, *_cells(place, checkpoint))
            name = log = ""
    return table


def _cells(place: "Place", c: "Checkpoint") -> tuple[str | Text, ...]:
    written = "-" if c.written_ms is None else rfc3339(c.written_ms)[:19].replace("T", " ")
    size = "-" if c.size_bytes is None else f"{c.size_bytes / 1e6:,.2f} MB"
    said = Text(f"{c.state}: {c.why}" if c.why else c.state, _STYLES[c.state])
    return f"{c.id.position:,}", f"{place.log_ends - c.id.position:,}", written, size, str(c.chunks), said


def _place_dict(place: "Place") -> dict[str, object]:
    return {
        "stage": place.stage,
        "partition": place.partition,
        "safe": place.safe,
        "log_begins": place.log_begins,
        "log_ends": place.log_ends,
        "checkpoints": [
            {
                "position": c.id.position,
                "writer": c.id.writer,
                "state": c.state,
                "why": c.why,
                "chunks": c.chunks,
                "size_bytes": c.size_bytes,
                "written": None if c.written_ms is None else rfc3339(c.written_ms),
            }
            for c in place.checkpoints
        ],
    }
