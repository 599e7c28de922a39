"""`streams sources`: what does the job read, and which of it is taken out of the reckoning of time?"""

from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.text import Text

from streams.cli.options import load_config
from streams.cli.status import look, source_dict, source_table
from streams.ledger.position import SourceId
from streams.runtime import control


def sources(
    config: Annotated[Path, typer.Option("--config", "-c", help="The job's TOML file.", metavar="CONFIG")],
    retire: Annotated[
        str | None, typer.Option(help="Take this source out for good.", metavar="TOPIC/PARTITION@ID")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for tools.")] = False,
) -> None:
    """List the sources of the job, partition by partition and life by life of a topic, or take one out.

    A source that never comes back (its topic was deleted and made again) holds time back for ever; retire it. What
    was read of it still counts. That is written into the job's ledger and cannot be undone.

    [bold]Examples[/bold]

      streams sources -c quality.toml

      streams sources -c quality.toml --retire predictions/3@4xPbGbuzQ1mnJz9fRlNnzg
    """
    loaded = load_config(config)
    loaded.require_topics()
    if retire is not None:
        written = control.retire(loaded, _source(retire))
        if as_json:
            typer.echo(orjson.dumps({"retired": retire, "id": written.id}))
        else:
            typer.echo(f"{retire} is retired (record {written.id}): it holds time back no more; what was read counts.")
        return
    found = look(loaded)
    if as_json:
        typer.echo(orjson.dumps({"sources": [source_dict(source) for source in found.sources]}))
        return
    console = Console(highlight=False)
    console.print(source_table(found.sources))
    console.print()
    for source in found.sources:
        console.print(Text(f"{source.name}"), soft_wrap=True)


def _source(text: str) -> SourceId:
    try:
        source = SourceId.parse(text)
    except ValueError:
        source = SourceId("", 0, "")
    if not source.topic or not source.topic_id:
        raise typer.BadParameter(f"{text!r} is not TOPIC/PARTITION@ID; `streams sources` lists them.")
    return source
