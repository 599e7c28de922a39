"""`streams alerts`: what is firing now, and what became of one alert.

Looking tells nobody, joins no group and commits nothing. A mute hides nothing here: muted alerts are shown as such.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.console import Console

from streams.cli.alerts_table import ACTIVE, history_table, render
from streams.cli.options import connection

if TYPE_CHECKING:
    from streams.cli.alerts_asking import Folder, Found, Topics, Worker

FIRING = 1
_WIDE = 110  # columns of a terminal that hold all columns of the table

Row = Mapping[str, Any]


def alerts(
    config: Annotated[Path | None, typer.Option("--config", "-c", help="The job's TOML file.")] = None,
    brokers: Annotated[str | None, typer.Option(help="Brokers, host:port, instead of a file.")] = None,
    prefix: Annotated[str | None, typer.Option(help="What the topics begin with.")] = None,
    url: Annotated[str | None, typer.Option(help="Ask a worker, such as http://127.0.0.1:9400.")] = None,
    folder: Annotated[
        Path | None, typer.Option("--replay", metavar="FOLDER", help="The folder that `streams replay --out` wrote.")
    ] = None,
    history: Annotated[
        str | None, typer.Option(metavar="FINGERPRINT", help="All that became of one alert; its first digits will do.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Only alerts of this model.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for tools.")] = False,
) -> None:
    """Show the alerts that are active or pending now, or all that became of one.

    Under the value of now stands the one it fired with, where it is another. Exit code 1 when an alert is active that
    no mute covers, 0 when there is none; 1 when nobody knows the model, or the alert of --history.

    [bold]Examples[/bold]

      streams alerts -c quality.toml

      streams alerts --url http://127.0.0.1:9400 --model fraud --json

      streams alerts -c quality.toml --history ed18d12c

      streams alerts --replay out
    """
    from streams.cli.alerts_asking import is_fingerprint  # noqa: PLC0415 -- slow to load

    source = _source(config, brokers, prefix, url, folder)
    if history is not None:
        if not is_fingerprint(history):
            raise typer.BadParameter(f"{history!r} is not a fingerprint: 4 to 32 of the digits 0-9 and a-f.")
        _show_history(source.history(history), history, as_json=as_json)
        return
    found = source.alerts()
    if model is not None:
        found = _of_model(found, model)
    loud = [
        row
        for row in found.alerts
        if row["phase"] in ACTIVE and not row["muted_by"] and row["fingerprint"] not in found.by_wall
    ]
    if as_json:
        typer.echo(orjson.dumps({"firing": len(loud), "alerts": found.alerts, "judged": found.judged}))
    else:
        console = Console(highlight=False)
        console.print(render(found, is_wide=console.width >= _WIDE))
    if loud:
        raise typer.Exit(FIRING)


def _show_history(transitions: Sequence[Row], fingerprint: str, *, as_json: bool) -> None:
    if as_json:
        typer.echo(orjson.dumps({"transitions": [*transitions]}))
    elif transitions:
        Console(highlight=False).print(history_table(transitions))
    if not transitions:
        typer.echo(f"no alert that begins with {fingerprint} is in the log", err=True)
        raise typer.Exit(FIRING)


def _of_model(found: "Found", model: str) -> "Found":
    """What there is of one model. Exits with 1 where nobody knows it."""
    known = sorted({*found.judged, *(row["model"] for row in found.alerts)})
    if model not in known:
        there = f"there are {', '.join(known)}" if known else "none has been judged yet"
        typer.echo(f"there is no model {model!r}; {there}.", err=True)
        raise typer.Exit(FIRING)
    return found._replace(
        alerts=[row for row in found.alerts if row["model"] == model],
        judged={name: t for name, t in found.judged.items() if name == model},
    )


def _source(
    config: Path | None, brokers: str | None, prefix: str | None, url: str | None, folder: Path | None
) -> "Topics | Worker | Folder":
    from streams.cli.alerts_asking import Folder, Topics, Worker  # noqa: PLC0415 -- as above

    ways = [way for way in (config or brokers, url, folder) if way is not None]
    if len(ways) != 1:
        raise typer.BadParameter(
            "say where to read: one of -c CONFIG, --brokers HOST:PORT, --url URL, --replay FOLDER."
        )
    if url is not None:
        return Worker(url)
    return Folder(folder) if folder is not None else Topics(*connection(config, brokers, prefix))
