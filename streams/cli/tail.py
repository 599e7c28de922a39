"""`streams tail`: what do the output topics say? JSON lines for tools, a live table for people.

Looking never moves the job: no group is joined and nothing is committed. The table has the newest revision of each key.
"""

import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from streams.cli.options import connection
from streams.cli.row_table import NewestRows
from streams.runtime.config.job import topic_name
from streams.runtime.kafka.tail import Row, read_rows


class Noun(StrEnum):
    """The output topics that can be read."""

    WINDOWS = "windows"
    CLASSES = "classes"
    CONFUSION = "confusion"
    DRIFT = "drift"
    CALIBRATION = "calibration"
    DELAYS = "delays"
    GROUPS = "groups"
    LABEL_SOURCES = "label_sources"
    SAMPLES = "samples"
    ALERTS = "alerts"
    ALERT_LOG = "alert-log"
    GATES = "gates"
    TELLINGS = "tellings"
    REJECTS = "rejects"
    AUDIT = "audit"


_OF_NO_MODEL = frozenset({Noun.REJECTS, Noun.AUDIT, Noun.TELLINGS})
_NEWEST = 20


def tail(
    noun: Annotated[Noun, typer.Argument(help="Which output topic.", metavar="TOPIC")],
    config: Annotated[Path | None, typer.Option("--config", "-c", help="The job's TOML file.")] = None,
    brokers: Annotated[str | None, typer.Option(help="Brokers, host:port, instead of a file.")] = None,
    prefix: Annotated[str | None, typer.Option(help="What the topics begin with.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on reading until Ctrl-C.")] = False,
    from_start: Annotated[bool, typer.Option("--from-start", help="Read the whole topic.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines; the default when not on a terminal.")] = False,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="At most this many rows.")] = None,
    model: Annotated[str | None, typer.Option(help="Only rows of this model.")] = None,
    segment: Annotated[str | None, typer.Option(help='Only rows of this segment, such as "all".')] = None,
) -> None:
    """Show rows of an output topic: the newest ones, or the whole topic, or on and on.

    A row replaces earlier ones with the same key. The table shows the newest revision of each key; JSON lines are the
    rows as they were written. No group is joined and nothing is committed. Without --follow and --from-start these
    are the newest 20 rows, or --limit of them.

    [bold]Examples[/bold]

      streams tail windows -c quality.toml --follow

      streams tail windows --brokers localhost:9092 --model fraud --segment all

      streams tail rejects -c quality.toml --from-start --json | jq -r .reason | sort | uniq -c
    """
    if noun in _OF_NO_MODEL and (model is not None or segment is not None):
        raise typer.BadParameter(f"rows of {noun} have no model and no segment; leave --model and --segment out.")
    client, topic_prefix = connection(config, brokers, prefix)
    found = read_rows(client, topic_name(topic_prefix, noun.value), from_start=from_start, follow=follow)
    rows = _wanted(found, model, segment)
    console = Console()
    if as_json or not console.is_terminal:
        _print(_limited(rows, limit, newest=not (follow or from_start)))
    elif follow:
        _live(console, noun, rows, limit)
    else:
        table = NewestRows(noun.value)
        for row in _limited(rows, limit, newest=not from_start):
            if row is not None:
                table.update(row)
        console.print(table.render(len(table)))


def _wanted(rows: Iterable[Row | None], model: str | None, segment: str | None) -> Iterator[Row | None]:
    """The rows of a model and a segment; None, for a wait, is passed on."""
    for row in rows:
        if row is None or (
            (model is None or row.value.get("model") == model)
            and (segment is None or row.value.get("segment") == segment)
        ):
            yield row


def _limited(rows: Iterable[Row | None], limit: int | None, *, newest: bool) -> Iterator[Row | None]:
    """The first `limit` rows as they come; with `newest` the last ones (20 when there is no limit) by their time."""
    if newest:
        present = sorted(
            (row for row in rows if row is not None), key=lambda r: (r.timestamp_ms, r.partition, r.offset)
        )
        yield from deque(present, limit or _NEWEST)
        return
    count = 0
    for row in rows:
        yield row
        count += row is not None
        if count == limit:
            return


def _print(rows: Iterable[Row | None]) -> None:
    """Rows as JSON lines; a reader that has seen enough, as `head` does, ends it without a word."""
    out = sys.stdout.buffer
    try:
        for row in rows:
            if row is None:
                out.flush()
            else:
                out.write(row.text + b"\n")
        out.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at exit


def _live(console: Console, noun: Noun, rows: Iterable[Row | None], limit: int | None) -> None:
    table = NewestRows(noun.value)
    is_drawn = False
    with Live(table.render(1), console=console, auto_refresh=False, screen=False) as live:
        for row in _limited(rows, limit, newest=False):
            if row is not None:
                table.update(row)
                is_drawn = False
            elif not is_drawn:  # caught up: a redraw for each row would only flicker
                live.update(table.render(max(3, console.height - 6)), refresh=True)
                is_drawn = True
        live.update(table.render(max(3, console.height - 6)), refresh=True)
