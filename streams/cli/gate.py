"""`streams gate`: may this version go on? For CI, rollouts and people: the verdict is the exit code."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from typer.core import TyperCommand

from streams.alerts.rules.model import Canary
from streams.cli.options import load_config
from streams.runtime.clock import monotonic_s
from streams.runtime.config.durations import parse_duration
from streams.runtime.errors import UnavailableError

Body = dict[str, Any]

EXIT_CODES = {"pass": 0, "fail": 1, "inconclusive": 2}

WRONG_USAGE = 64
"""Of this command alone: 2 is "inconclusive" here."""

LOOK_EVERY_S = 10.0

_USAGE_ERRORS: tuple[type[Any], ...] = typer.BadParameter.__bases__
"""Errors of wrong usage: typer has no public name for them, and brings its own click."""


class GateCommand(TyperCommand):
    """A command whose wrong usage is not mistaken for a verdict."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Parse the arguments."""
        return _as_usage(lambda: super(GateCommand, self).make_context(info_name, args, parent, **extra))

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        return _as_usage(lambda: super(GateCommand, self).invoke(ctx))


def gate(
    model: Annotated[str, typer.Argument(help="The model.", metavar="MODEL")],
    candidate: Annotated[str, typer.Option(help="The version under test.", metavar="VERSION")],
    baseline: Annotated[
        str | None, typer.Option(help="The version it is compared with, where there are several.", metavar="VERSION")
    ] = None,
    gate: Annotated[str | None, typer.Option(help="The gate, where the model has several.", metavar="NAME")] = None,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="The job's TOML file.")] = None,
    url: Annotated[str | None, typer.Option(help="A worker: http://127.0.0.1:9400.", metavar="URL")] = None,
    replay: Annotated[
        Path | None, typer.Option(help="The folder that `streams replay` wrote.", metavar="FOLDER")
    ] = None,
    wait: Annotated[
        str | None, typer.Option(help="Ask again for so long while it is inconclusive: 30m.", metavar="TIME")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The answer as one JSON object.")] = False,
) -> None:
    """Ask a gate whether a version is as good as the one before it, less a margin.

    Exit code 0 when it passes, 1 when it fails, 2 when it cannot be said (yet); wrong usage is 64 here. The verdict is
    valid whenever and however often it is asked for (`test = "always_valid"`).

    Say who is asked: a worker (--url), the job's topics (-c), or a replay (--replay). A replay that had no gate is
    compared by its windows, on the terms of the gate in -c, or the usual ones: margin .02, alpha .05.

    [bold]Examples[/bold]

      streams gate fraud --candidate 42 --url http://127.0.0.1:9400 --wait 30m

      streams gate fraud --candidate 42 -c quality.toml --json | jq -r .reason

      streams replay -p p.jsonl.gz -l l.jsonl.gz -o counted && streams gate fraud --candidate 42 --replay counted
    """
    from streams.cli.gate_summary import render  # noqa: PLC0415 -- statistics, loading that other commands spare

    wait_s = 0.0 if wait is None else _duration(wait)
    ask = _whom((model, candidate, baseline, gate), config, url, replay)
    if replay is not None and wait is not None:
        raise typer.BadParameter("a replay is over; leave --wait out.", param_hint="--wait")
    body = _asked(ask, wait_s)
    if as_json:
        typer.echo(orjson.dumps(body))
    else:
        Console(highlight=False).print(render(body))
    raise typer.Exit(EXIT_CODES[body["verdict"]])


def _whom(
    asked: tuple[str, str, str | None, str | None], config: Path | None, url: str | None, replay: Path | None
) -> Callable[[], Body]:
    """What to call for an answer."""
    from streams.cli.gate_asking import asked_of_topics, asked_of_worker, canary_of  # noqa: PLC0415 -- as above
    from streams.cli.gate_history import Wanted, body_of_folder  # noqa: PLC0415 -- as above

    wanted = Wanted(*asked)
    if url is not None and replay is None and config is None:
        return lambda: asked_of_worker(url, wanted)
    if replay is not None and url is None:
        canaries = () if config is None else load_config(config).alerts.rules.canaries
        terms = canary_of(canaries, wanted) or Canary("replay", wanted.model)
        return lambda: body_of_folder(replay, wanted, terms)
    if config is not None and url is None:
        loaded = load_config(config)
        loaded.require_topics()
        return lambda: asked_of_topics(loaded, wanted)
    raise typer.BadParameter("say whom to ask: -c CONFIG, --url URL, or --replay FOLDER (and perhaps -c).")


def _asked(ask: Callable[[], Body], wait_s: float) -> Body:
    """The answer; until `wait_s` have passed one that says something is waited for, and a worker that is away."""
    until_s = monotonic_s() + wait_s
    while True:
        left_s = until_s - monotonic_s()
        try:
            body = ask()
            if body["verdict"] != "inconclusive" or left_s <= 0:
                return body
        except UnavailableError:
            if left_s <= 0:
                raise
        time.sleep(min(LOOK_EVERY_S, max(left_s, 0.0)))


def _duration(text: str) -> float:
    try:
        return parse_duration(text) / 1000
    except ValueError as error:
        raise typer.BadParameter(f"{error}.", param_hint="--wait") from None


def _as_usage(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except _USAGE_ERRORS as error:
        error.exit_code = WRONG_USAGE
        raise
