"""`streams alerts`: what is firing now, and what became of one alert.

Looking tells nobody, joins no group and commits nothing. A mute hides nothing here: muted alerts are shown as such.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from streams.cli.options import connection
from streams.cli.row_table import written

if TYPE_CHECKING:
    from streams.cli.alerts_asking import Folder, Found, Topics, Worker

FIRING = 1
_ACTIVE = ("firing", "recovering")
_SHOWN = 8  # digits of a fingerprint: enough for --history
_YEAR = len("2026-")
_WIDE = 110  # columns of a terminal that hold all columns of the table
_COLOURS = {"page": "bold red", "ticket": "yellow"}

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

    Exit code 1 when an alert is active that no mute covers, 0 when there is none. With --history 1 when nobody knows
    such an alert.

    [bold]Examples[/bold]

      streams alerts -c quality.toml

      streams alerts --url http://127.0.0.1:9400 --model fraud --json

      streams alerts -c quality.toml --history ed18d12c

      streams alerts --replay out
    """
    from streams.cli.alerts_asking import Found, is_fingerprint  # noqa: PLC0415 -- slow to load

    source = _source(config, brokers, prefix, url, folder)
    if history is not None:
        if not is_fingerprint(history):
            raise typer.BadParameter(f"{history!r} is not a fingerprint: 4 to 32 of the digits 0-9 and a-f.")
        _show_history(source.history(history), history, as_json=as_json)
        return
    found = source.alerts()
    if model is not None:
        found = Found(
            [row for row in found.alerts if row["model"] == model],
            {name: t for name, t in found.judged.items() if name == model},
        )
    loud = [row for row in found.alerts if row["phase"] in _ACTIVE and not row["muted_by"]]
    if as_json:
        typer.echo(orjson.dumps({"firing": len(loud), "alerts": found.alerts, "judged": found.judged}))
    else:
        console = Console(highlight=False)
        console.print(render(found, is_wide=console.width >= _WIDE))
    if loud:
        raise typer.Exit(FIRING)


def render(found: "Found", *, is_wide: bool = True) -> RenderableType:
    """What there is, for people. Where it is narrow, what an alert is about stands below its rule."""
    judged = ", ".join(f"{name} up to {written(t)}" for name, t in found.judged.items()) or "no model yet"
    below = Text(f"judged: {judged}", "dim")
    if not found.alerts:
        return Group(Text("nothing is firing", "green" if found.judged else ""), below)
    told = [_told(row) for row in found.alerts]
    headings = ("alert", "of", "told") if is_wide else ("alert",)
    table = _table("severity", *headings, "value", "n", "floor", "since (UTC)", "id")
    for row, whether in zip(found.alerts, told, strict=True):
        severity = row["severity"] or ""
        whose = (row["rule"] + ("" if row["phase"] == "firing" else f" ({row['phase']})"), subject(row), whether)
        unheard = () if whether in {"yes", "-"} else (f"told: {whether}" if row["inhibited_by"] else whether,)
        table.add_row(
            Text(severity, _COLOURS.get(severity, "")),
            *(Text(text) for text in (whose if is_wide else ["\n".join((*whose[:2], *unheard))])),
            *(Text(text) for text in numbers(row["evidence"])),
            Text(written(row["fired_at"] or row["episode"])[_YEAR:]),
            Text(row["fingerprint"][:_SHOWN]),
        )
    runbooks = sorted({f"{row['rule']}: {row['runbook']}" for row in found.alerts if row["runbook"]})
    return Group(table, below, *(Text(line, overflow="fold") for line in runbooks))


def subject(row: Row) -> str:
    """Whom an alert is about: model, version, class, and what else it names."""
    names = ("model", "model_version", "class", "segment", "subject", "window")
    return " ".join(str(row[name]) for name in names if row[name]) or "-"


def numbers(evidence: Row) -> tuple[str, str, str]:
    """The value, the events behind it, and the floor below which the alert fires, where evidence has them.

    The floor of an error budget is the recall at which its burn rate is at the tier's threshold.
    """
    value = _first(evidence, "value", "effect", "completeness")
    n = _first(evidence, "n_long", "support", "n", "predictions")
    target, threshold = evidence.get("target"), evidence.get("threshold")
    floor = threshold
    if isinstance(target, float) and isinstance(threshold, (int, float)):
        floor = 1 - threshold * (1 - target)
    return written(value), written(n), written(floor)


def _show_history(transitions: Sequence[Row], fingerprint: str, *, as_json: bool) -> None:
    if as_json:
        typer.echo(orjson.dumps({"transitions": [*transitions]}))
    elif transitions:
        first = transitions[0]
        table = _table("time (UTC)", "what", "severity", "value", "n", "floor", "told")
        for row in transitions:
            what = row["kind"] + (f", {row['reason']}" if row["reason"] else "")
            cells = (written(row["t"]), what, row["severity"] or "-", *numbers(row["evidence"]), _told(row))
            table.add_row(*(Text(cell) for cell in cells))
        named = Text(f"{first['rule']} of {subject(first)} ({first['fingerprint']})", "bold")
        runbook = [Text(f"runbook: {first['runbook']}")] if first["runbook"] else []
        Console(highlight=False).print(Group(named, table, *runbook))
    if not transitions:
        typer.echo(f"no alert that begins with {fingerprint} is in the log", err=True)
        raise typer.Exit(FIRING)


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


def _told(row: Row) -> str:
    """Whether people are told of it, and who speaks for it where not."""
    if row["muted_by"]:
        return f"muted: {', '.join(row['muted_by'])}"
    return "in another" if row["inhibited_by"] else "yes" if row["phase"] in _ACTIVE else "-"


def _first(evidence: Row, *names: str) -> float | int | None:
    return next((evidence[name] for name in names if isinstance(evidence.get(name), (int, float))), None)


def _table(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in headings:
        is_number = name in {"value", "n", "floor"}
        is_whole = is_number or name in {"severity", "since (UTC)", "id"}
        table.add_column(name, justify="right" if is_number else "left", no_wrap=is_whole, overflow="fold")
    return table
