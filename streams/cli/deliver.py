"""`streams deliver`: keeps people's tools up to date with the alerts of a job, until SIGTERM."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, cast

import orjson
import typer
from rich.console import Console
from rich.table import Table

from streams.cli.options import load_config
from streams.cli.row_table import written
from streams.runtime import logs
from streams.runtime.config.job import Config, environment
from streams.runtime.config.receivers import ReceiverConfig
from streams.runtime.errors import ConfigError
from streams.runtime.kafka.client import Log

FOUND = 1


def deliver(
    config: Annotated[Path, typer.Option("--config", "-c", help="The TOML file of the job.", metavar="CONFIG")],
    test: Annotated[
        str | None, typer.Option("--test", metavar="RECEIVER", help="Send this receiver one test alert, and its end.")
    ] = None,
    dead_letters: Annotated[
        bool, typer.Option("--dead-letters", help="List what receivers refused, or did not take in time.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines of --dead-letters.")] = False,
    embedded: Annotated[
        bool,
        typer.Option("--embedded", hidden=True, help="The broker is the one of the demo: no fencing, no settings."),
    ] = False,
) -> None:
    """Tell the receivers of the configuration of alerts, until SIGTERM or Ctrl-C.

    What was told, and what is still to be sent, is in the topic of tellings: a deliverer that is killed goes on where
    it was, and a second one with the same configuration stands by.

    [bold]Examples[/bold]

      streams deliver -c quality.toml

      streams deliver -c quality.toml --test on-call

      streams deliver -c quality.toml --dead-letters

    Exit codes: 0 stopped in order, or taken; 1 a test was not taken, or there are dead letters; 69 no broker at the
    start, 70 a bug, 74 a log was truncated or made again, 76 a topic is missing or wrong, 77 not permitted, 78 wrong
    configuration, or a secret that is not to be had.
    """
    # httpx and the Kafka client, a quarter of a second that other commands spare
    from streams.runtime.deliver.credentials import resolve, secrets_of  # noqa: PLC0415
    from streams.runtime.deliver.deliverer import Deliverer  # noqa: PLC0415

    loaded = load_config(config)
    if dead_letters:
        raise typer.Exit(_list(loaded, as_json=as_json))
    wanted = _wanted(loaded, test)
    receivers = resolve(wanted, environment(), str(config))
    secrets = (*loaded.secrets, *secrets_of(receivers))
    logs.configure(loaded.run.log_format, loaded.run.log_level, secrets=secrets)
    if test is not None:
        from streams.runtime.deliver.trial import try_out  # noqa: PLC0415

        said = try_out(loaded, receivers[0])
        typer.echo(f"{test}: {said.said}")
        raise typer.Exit(0 if said.taken else FOUND)
    logs.log_uncaught()
    log = cast("Log", logs.logger("deliver"))
    raise typer.Exit(Deliverer(loaded, receivers, log=log, embedded=embedded).run())


def _wanted(config: Config, test: str | None) -> Sequence[ReceiverConfig]:
    """The receivers to look up: all, or the one that is tried out. Raises ConfigError when there is none."""
    if not config.receivers:
        raise ConfigError(f"{config.file}: there is nobody to tell. Add [[receivers]] with name and kind.")
    if test is None:
        return config.receivers
    found = [receiver for receiver in config.receivers if receiver.name == test]
    if not found:
        known = ", ".join(receiver.name for receiver in config.receivers)
        raise typer.BadParameter(f"there is no receiver {test!r}; there are {known}.")
    return found


def _list(config: Config, *, as_json: bool) -> int:
    """Show the dead letters; the exit code."""
    from streams.runtime.deliver.dead_letters import dead_letters  # noqa: PLC0415

    found = dead_letters(config)
    if as_json:
        for row in found:
            typer.echo(orjson.dumps(row))
        return FOUND if found else 0
    if not found:
        typer.echo("no dead letters: every telling arrived or is on its way")
        return 0
    table = Table(box=None, pad_edge=False)
    for heading in ("when (UTC)", "receiver", "what", "tries", "why"):
        table.add_column(heading, no_wrap=heading in {"when (UTC)", "tries"}, overflow="fold")
    for row in found:
        for told in row["tellings"]:
            labels = " ".join(str(value) for value in told["labels"].values())
            what = f"{told['status']} {told['rule']} {labels}".strip()
            table.add_row(
                written(row["finished_at"])[: len("2026-01-31 12:00")],
                row["receiver"],
                what,
                str(row["attempts"]),
                row["error"],
            )
    Console(highlight=False).print(table)
    return FOUND
