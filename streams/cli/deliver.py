"""`streams deliver`: keeps people's tools up to date with the alerts of a job, until SIGTERM."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, cast

import typer

from streams.cli.options import load_config
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
    redrive: Annotated[
        bool, typer.Option("--redrive", help="Have dead letters sent again, as far as they are still true.")
    ] = False,
    receiver: Annotated[
        str | None, typer.Option(metavar="RECEIVER", help="Of --dead-letters and --redrive: only this receiver's.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines of --dead-letters and --redrive.")] = False,
    embedded: Annotated[
        bool,
        typer.Option("--embedded", hidden=True, help="The broker is the one of the demo: no fencing, no settings."),
    ] = False,
) -> None:
    """Tell the receivers of the configuration of alerts, until SIGTERM or Ctrl-C.

    What was told, and what is still to be sent, is in the topic of tellings: a deliverer that is killed goes on where
    it was, and a second one with the same configuration stands by. Started before the job, it
    waits for the topics.

    [bold]Examples[/bold]

      streams deliver -c quality.toml

      streams deliver -c quality.toml --test on-call

      streams deliver -c quality.toml --dead-letters

      streams deliver -c quality.toml --redrive --receiver on-call

    Exit codes: 0 stopped in order, or taken; 1 a test was not taken, or there are dead letters (with --redrive: still);
    69 no broker at the start, 70 a bug, 74 a log was truncated or made again, 76 a topic is wrong (with --dead-letters
    and --redrive: or missing), 77 not permitted, 78 wrong configuration, or a secret that is not to be had.
    """
    # httpx and the Kafka client, a quarter of a second that other commands spare
    from streams.runtime.deliver.credentials import resolve, secrets_of  # noqa: PLC0415
    from streams.runtime.deliver.deliverer import Deliverer  # noqa: PLC0415

    if sum((test is not None, dead_letters, redrive)) > 1:
        raise typer.BadParameter("say one of --test, --dead-letters and --redrive.")
    if receiver is not None and not (dead_letters or redrive):
        raise typer.BadParameter("--receiver is of --dead-letters and --redrive.")
    loaded = load_config(config)
    if dead_letters or redrive:
        from streams.cli.deliver_letters import send_again, show  # noqa: PLC0415

        raise typer.Exit((show if dead_letters else send_again)(loaded, receiver, as_json=as_json))
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
