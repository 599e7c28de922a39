"""`streams mute`: nobody is told of what matches, until a moment that is said. Judged and logged it is all the same."""

import getpass
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from streams.cli.options import load_config


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
    from streams.cli.mute_orders import add, end_now, show_all  # noqa: PLC0415 -- slow to load

    if sum((name is not None, end is not None, list_them)) != 1:
        raise typer.BadParameter("say one of NAME, --end NAME and --list.")
    loaded = load_config(config)
    if list_them:
        show_all(loaded, as_json=as_json)
    elif end is not None:
        end_now(loaded, end, as_json=as_json)
    else:
        times = {"for": length, "end": until, "start": begin}
        body = {
            "name": name, "match": patterns(match or []), "clock": clock, "budget": budget, "reason": reason,
            "author": _author() if author is None else author,
            **{key: value for key, value in times.items() if value is not None},
        }  # fmt: skip
        add(loaded, body, as_json=as_json)


def patterns(given: Sequence[str]) -> dict[str, str]:
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
