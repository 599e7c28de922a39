"""`streams run`: one worker, until SIGTERM."""

from pathlib import Path
from typing import Annotated

import typer

from streams.cli.options import load_config
from streams.runtime import logs


def run(
    config: Annotated[Path, typer.Option("--config", "-c", help="The TOML file of the job.", metavar="CONFIG")],
    embedded: Annotated[
        bool,
        typer.Option("--embedded", hidden=True, help="The broker is the one of the demo: no fencing, no settings."),
    ] = False,
) -> None:
    """Run one worker of the job, until SIGTERM or Ctrl-C.

    Start as many as you like with the same configuration: they share the partitions, and when one dies the others
    go on from where it was. Stopping takes a few seconds; nothing is lost by not waiting for it.

    [bold]Examples[/bold]

      streams run -c quality.toml

      KAFKA_PASSWORD=... streams run -c quality.toml

    Exit codes: 0 stopped in order, 69 no broker at the start, 70 a bug, 74 a log was truncated or made again,
    76 a topic is missing or wrong, 77 not permitted, 78 wrong or other configuration.
    """
    from streams.runtime.worker import Worker  # noqa: PLC0415 -- Faust, half a second that other commands spare

    loaded = load_config(config)
    loaded.require_topics()
    logs.configure(loaded.run.log_format, loaded.run.log_level, secrets=loaded.secrets)
    logs.log_uncaught()
    raise typer.Exit(Worker(loaded, embedded=embedded).run())
