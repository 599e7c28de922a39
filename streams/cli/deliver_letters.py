"""What `streams deliver` shows of dead letters, and what becomes of those that are to be sent again."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from streams.alerts.telling.rows import Fate
from streams.cli.row_table import written
from streams.runtime.config.job import Config
from streams.runtime.deliver.dead_letters import Letter, ask_again, await_answers, dead_letters

FOUND = 1

ANSWER_S = 20.0
"""How long to wait for what becomes of letters that are asked for."""

_WORDS = {
    Fate.DUE: "on its way", Fate.SENT: "sent", Fate.DEAD: "dead", Fate.WITHDRAWN: "withdrawn",
}  # fmt: skip

Row = Mapping[str, Any]


def show(config: Config, receiver: str | None, *, as_json: bool) -> int:
    """Show the dead letters; the exit code."""
    found = dead_letters(config, receiver)
    if as_json:
        for letter in found:
            typer.echo(orjson.dumps(letter.row))
    elif found:
        cells = (
            (_minute(letter.row), letter.row["receiver"], _what(told), str(letter.row["attempts"]), letter.row["error"])
            for letter in found
            for told in letter.row["tellings"]
        )
        _print(("when (UTC)", "receiver", "what", "tries", "why"), cells)
    else:
        typer.echo("no dead letters: every telling arrived or is on its way")
    return FOUND if found else 0


def send_again(config: Config, receiver: str | None, *, as_json: bool) -> int:
    """Ask for the dead letters to be sent again, and show what becomes of them; the exit code."""
    known = {one.name for one in config.receivers}
    if receiver is not None and receiver not in known:
        there = f"there are {', '.join(sorted(known))}" if known else "there is none"
        raise typer.BadParameter(f"there is no receiver {receiver!r}; {there}.")
    found = dead_letters(config, receiver)
    asked = [letter for letter in found if letter.row["receiver"] in known]
    strange = sorted({letter.row["receiver"] for letter in found} - known)
    if strange:
        names = ", ".join(strange)
        typer.echo(f"left alone: dead letters for {names}, who is no receiver of {config.file}", err=True)
    if not asked:
        if not as_json:
            typer.echo("no dead letters to send again")
        return FOUND if strange else 0
    ask_again(config, asked)
    answers = await_answers(config, asked, ANSWER_S)
    if as_json:
        for letter in asked:
            now = answers.get(letter.id)
            row = {"batch_id": letter.id, "receiver": letter.row["receiver"], "state": None, "error": None}
            typer.echo(orjson.dumps(row if now is None else {name: now.row[name] for name in row}))
    else:
        cells = (
            (letter.row["receiver"], _what(told), *outcome)
            for letter in asked
            for told, outcome in _outcomes(letter, answers.get(letter.id))
        )
        _print(("receiver", "what", "now", "why"), cells)
    waiting = len(asked) - len(answers)
    if waiting and not as_json:
        typer.echo(
            f"{waiting} of {len(asked)} are asked for, and no deliverer took notice within {ANSWER_S:.0f} s. One that "
            f"starts later will: streams deliver -c {config.file}"
        )
    dead = any(letter.row["state"] == Fate.DEAD for letter in answers.values())
    return FOUND if waiting or dead or strange else 0


def _outcomes(letter: Letter, now: Letter | None) -> Iterator[tuple[Row, tuple[str, str]]]:
    """What became of each telling of a letter. What its row has no more is on its way in a batch of its own."""
    left = {told["telling_id"] for told in now.row["tellings"]} if now is not None else set()
    for told in letter.row["tellings"]:
        if now is None:
            yield told, ("asked for", "")
        elif told["telling_id"] in left:
            yield told, (_WORDS[Fate(now.row["state"])], now.row["error"] or "")
        else:
            yield told, (_WORDS[Fate.DUE], "")


def _what(told: Row) -> str:
    labels = " ".join(str(value) for value in told["labels"].values())
    return f"{told['status']} {told['rule']} {labels}".strip()


def _minute(row: Row) -> str:
    return written(row["finished_at"])[: len("2026-01-31 12:00")]


def _print(headings: Sequence[str], rows: Iterator[Sequence[str]]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, no_wrap=heading in {"when (UTC)", "tries", "now"}, overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console(highlight=False, markup=False).print(table)
