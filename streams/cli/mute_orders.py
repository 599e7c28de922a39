"""What `streams mute` does: a mute is ordered, ended or listed, by the topics of a running job."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson
import typer
from rich.console import Console

from streams.alerts.mutes import MuteChange
from streams.alerts.orders import MuteOrder
from streams.alerts.rows import mute_of, mute_row
from streams.alerts.rules.model import Mute, selects
from streams.cli.mute_table import table_of, told_of
from streams.runtime.alerts_board import AlertsBoard
from streams.runtime.clock import wall_ms
from streams.runtime.config.job import Config
from streams.runtime.control import RefusedError
from streams.runtime.desk.coverage import OVER, covered, standing
from streams.runtime.desk.mutes import ending
from streams.runtime.desk.reading import read_board
from streams.runtime.desk.requests import reached, requested
from streams.runtime.desk.unknown import unknown_in
from streams.runtime.orders import order

Row = Mapping[str, Any]


class Shown(NamedTuple):
    """A mute, whether it holds ("now", "later", "over"), and the rows of the alerts that it covers now."""

    mute: Mute
    state: str
    covers: Sequence[Row]


def add(config: Config, body: Row, *, as_json: bool) -> None:
    """Order a mute, and tell what it covers. Raises RefusedError with every reason."""
    board, now_ms = read_board(config), wall_ms()
    asked = requested(body, config.alerts.rules, config, board.judged(), now_ms)
    order(MuteOrder(MuteChange(now_ms, mute=asked)), config)
    shown = _shown(asked, board, now_ms)
    unknown = unknown_in(asked, board.judged(), board.alerts())
    if as_json:
        named = {one.label: one.names for one in unknown}
        typer.echo(orjson.dumps({**_dict(shown), "unknown": named}))
    else:
        Console(highlight=False, soft_wrap=True).print(told_of(shown, _event_time(asked, board, now_ms)))
    for one in unknown:
        word = "warning" if one.is_wrong else "note"
        typer.echo(f"{word}: {one.written} The mute is written, and covers such alerts if they come.", err=True)


def end_now(config: Config, name: str, *, as_json: bool) -> None:
    """End a mute, and tell what is beneath it. Raises RefusedError when there is no such mute."""
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
        f"Beneath it: {len(beneath)} alert{'' if len(beneath) == 1 else 's'}; those that are firing then are told."
        if beneath
        else "Nothing is beneath it."
    )


def show_all(config: Config, *, as_json: bool) -> None:
    """Tell which mutes there are."""
    board, now_ms = read_board(config), wall_ms()
    found = [_shown(mute_of(row), board, now_ms) for row in board.mutes()]
    found = [shown for shown in found if shown.state != OVER]
    if as_json:
        typer.echo(orjson.dumps({"mutes": [_dict(shown) for shown in found]}))
    elif found:
        Console(highlight=False).print(table_of(found))
    else:
        typer.echo("no mutes: everybody is told of everything")


def _event_time(mute: Mute, board: AlertsBoard, now_ms: int) -> int | None:
    """How far the models have been judged that a mute by event time means, ms; None for one by the wall clock."""
    pattern = dict(mute.match).get("model", "*")
    known = any(selects(pattern, model) for model in board.judged())
    return reached(pattern, mute.clock, board.judged(), now_ms)[0] if mute.clock == "event" and known else None


def _shown(one: Mute, board: AlertsBoard, now_ms: int) -> Shown:
    judged = board.judged()
    return Shown(one, standing(one, judged, now_ms), covered(one, board.alerts(), judged, now_ms))


def _dict(shown: Shown) -> dict[str, Any]:
    covers = [row["fingerprint"] for row in shown.covers]
    return {**mute_row(shown.mute), "state": shown.state, "covers": covers}
