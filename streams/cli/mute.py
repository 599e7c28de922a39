"""`streams mute`: nobody is told of what matches, until a moment that is said. Judged and logged it is all the same."""

import getpass
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import orjson
import typer
from rich.console import Console

from streams.alerts.mutes import MuteChange
from streams.alerts.orders import MuteOrder
from streams.alerts.rows import mute_of, mute_row
from streams.alerts.rules.model import Mute
from streams.cli.mute_table import table_of, told_of
from streams.cli.options import load_config
from streams.runtime.alerts_board import AlertsBoard
from streams.runtime.clock import wall_ms
from streams.runtime.config.job import Config
from streams.runtime.control import RefusedError
from streams.runtime.desk.coverage import OVER, covered, standing
from streams.runtime.desk.mutes import ending
from streams.runtime.desk.reading import read_board
from streams.runtime.desk.requests import requested
from streams.runtime.orders import order

Row = Mapping[str, Any]


class Shown(NamedTuple):
    """A mute, whether it holds ("now", "later", "over"), and the rows of the alerts that it covers now."""

    mute: Mute
    state: str
    covers: Sequence[Row]


def mute(
    config: Annotated[Path, typer.Option("--config", "-c", help="The job's TOML file.", metavar="CONFIG")],
    name: Annotated[str | None, typer.Argument(help="What the mute is called; an older one is replaced.")] = None,
    match: Annotated[
        list[str] | None,
        typer.Option(
            help="Whom: model, version, class, rule, segment.NAME; patterns a|b, !x, *.", metavar="LABEL=PATTERN"
        ),
    ] = None,
    length: Annotated[str | None, typer.Option("--for", help="How long, such as 2h; at most 30d.")] = None,
    until: Annotated[str | None, typer.Option(help="Its end, instead of --for.", metavar="TIME")] = None,
    begin: Annotated[str | None, typer.Option("--from", help="Its begin, if not now.", metavar="TIME")] = None,
    clock: Annotated[
        str, typer.Option(help="`event`: what happened then is muted; `wall`: what is told then.")
    ] = "event",
    budget: Annotated[str, typer.Option(help="`exclude`: what happens then does not burn error budgets.")] = "count",
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    author: Annotated[str | None, typer.Option(help="Who; usually the user of this machine.")] = None,
    end: Annotated[str | None, typer.Option("--end", help="End this mute now.", metavar="NAME")] = None,
    list_them: Annotated[bool, typer.Option("--list", help="Show the mutes, and what they cover now.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON, for tools.")] = False,
) -> None:
    """Mute alerts for a while, end a mute, or list them. What still is wrong afterwards is told then.

    It is written into the job's log, and holds from the next step that is judged. Times have a zone. By event time (the
    usual clock) a mute is about what happened, whenever it is judged: it begins with what is judged next. By the wall
    clock it is about when people are told, whatever happened.

    [bold]Examples[/bold]

      streams mute reindex --match model=fraud --match class=x --for 2h --reason "new features" -c quality.toml

      streams mute nights --match rule=recall --until 2026-12-01T06:00:00Z --clock wall --reason INC-7 -c quality.toml

      streams mute --list -c quality.toml

      streams mute --end reindex -c quality.toml

    Exit codes: 0 done, 1 refused with every reason, 2 wrong usage, 69 no broker, 76 no topics, 78 wrong configuration.
    """
    if sum((name is not None, end is not None, list_them)) != 1:
        raise typer.BadParameter("say one of NAME, --end NAME and --list.")
    loaded = load_config(config)
    if list_them:
        _list(loaded, as_json=as_json)
    elif end is not None:
        _end(loaded, end, as_json=as_json)
    else:
        times = {"for": length, "end": until, "start": begin}
        body = {
            "name": name, "match": _patterns(match or []), "clock": clock, "budget": budget, "reason": reason,
            "author": _author() if author is None else author,
            **{key: value for key, value in times.items() if value is not None},
        }  # fmt: skip
        _add(loaded, body, as_json=as_json)


def _add(config: Config, body: Row, *, as_json: bool) -> None:
    board, now_ms = read_board(config), wall_ms()
    asked = requested(body, config.alerts.rules, config, board.judged(), now_ms)
    order(MuteOrder(MuteChange(now_ms, mute=asked)), config)
    shown = _shown(asked, board, now_ms)
    if as_json:
        typer.echo(orjson.dumps(_dict(shown)))
    else:
        Console(highlight=False, soft_wrap=True).print(told_of(shown))


def _end(config: Config, name: str, *, as_json: bool) -> None:
    board, now_ms = read_board(config), wall_ms()
    held = [mute_of(row) for row in board.mutes()]
    held = [one for one in held if standing(one, board.judged(), now_ms) != OVER]
    found = next((one for one in held if one.name == name), None)
    if found is None:
        there = f"there are {', '.join(one.name for one in held)}" if held else "there is none"
        raise RefusedError(f"there is no mute {name!r} to end; {there}.")
    change = ending(found, board.judged(), now_ms)
    order(MuteOrder(change), config)
    beneath = covered(found, board.alerts(), board.judged(), now_ms)
    if as_json:
        typer.echo(orjson.dumps({"ended": name, "alerts": [row["fingerprint"] for row in beneath]}))
        return
    typer.echo(f"The mute {name} is over with the next step that is judged.")
    typer.echo(
        f"Beneath it: {len(beneath)} alerts; those that are firing then are told."
        if beneath
        else "Nothing is beneath it."
    )


def _list(config: Config, *, as_json: bool) -> None:
    board, now_ms = read_board(config), wall_ms()
    found = [_shown(mute_of(row), board, now_ms) for row in board.mutes()]
    found = [shown for shown in found if shown.state != OVER]
    if as_json:
        typer.echo(orjson.dumps({"mutes": [_dict(shown) for shown in found]}))
    elif found:
        Console(highlight=False).print(table_of(found))
    else:
        typer.echo("no mutes: everybody is told of everything")


def _shown(one: Mute, board: AlertsBoard, now_ms: int) -> Shown:
    judged = board.judged()
    return Shown(one, standing(one, judged, now_ms), covered(one, board.alerts(), judged, now_ms))


def _dict(shown: Shown) -> dict[str, Any]:
    covers = [row["fingerprint"] for row in shown.covers]
    return {**mute_row(shown.mute), "state": shown.state, "covers": covers}


def _patterns(given: Sequence[str]) -> dict[str, str]:
    """Patterns by label. Raises `typer.BadParameter` for what is none."""
    found: dict[str, str] = {}
    for text in given:
        label, is_there, pattern = text.partition("=")
        if not is_there or not label or not pattern:
            raise typer.BadParameter(f"--match {text!r} is not LABEL=PATTERN, such as model=fraud or class='!ok'.")
        if label in found:
            raise typer.BadParameter(
                f"--match {label} is there twice; write {label}={found[label]}|{pattern} for both."
            )
        found[label] = pattern
    return found


def _author() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise typer.BadParameter("this user has no name here; say --author.") from None
