"""`streams status`: how is the job? One sentence, then sources, ledger partitions and workers.

Everything is read from the job's own topics: no worker is asked, and looking moves nothing.
"""

import time
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from streams.cli.options import load_config
from streams.cli.status_report import JobReport, SourceReport, report
from streams.ledger.position import offset_of
from streams.ledger.times import rfc3339
from streams.runtime.clock import wall_ms
from streams.runtime.config.job import Config
from streams.runtime.control import source_ends
from streams.runtime.kafka.groups import describe_groups
from streams.runtime.state import newest_rows, partition_keys, read_status

SOMETHING_WRONG = 1
_EVERY_S = 2.0
_STAGES = ("intake", "join", "judge")


def status(
    config: Annotated[Path, typer.Option("--config", "-c", help="The job's TOML file.", metavar="CONFIG")],
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again every 2 s until Ctrl-C.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a look, for tools.")] = False,
) -> None:
    """Say how the job is: who works on it, how far every source is, what holds time back and why.

    Exit code 0 when it runs, behind or not; 1 when nobody writes for a ledger partition or an audit does not balance.

    [bold]Examples[/bold]

      streams status -c quality.toml

      streams status -c quality.toml --json | jq -r .headline

      streams status -c quality.toml --watch
    """
    loaded = load_config(config)
    loaded.require_topics()
    console = Console(highlight=False)
    if watch:
        _watch(console, loaded, as_json=as_json)
    found = look(loaded)
    if as_json:
        typer.echo(orjson.dumps(as_dict(found)))
    else:
        console.print(render(found))
    if not found.ok:
        raise typer.Exit(SOMETHING_WRONG)


def look(config: Config) -> JobReport:
    """How the job is now."""
    audits = {key: row for key, (row, _) in newest_rows(config, "audit", partition_keys(config)).items()}
    ends = {name: offset_of(end) for name, end in source_ends(config).items()}
    groups = describe_groups(config.client, [f"{config.name}-{stage}" for stage in _STAGES])
    return report(
        read_status(config), ends, audits, groups, partitions=config.ledger.partitions, now_ms=wall_ms()
    )  # fmt: skip


def as_dict(found: JobReport) -> dict[str, object]:
    """The report for tools; times RFC 3339."""
    return {
        "ok": found.ok,
        "headline": found.headline,
        "sources": [source_dict(source) for source in found.sources],
        "partitions": [
            {
                "partition": p.partition,
                "worker": p.worker,
                "position": p.position,
                "watermark": _moment(p.watermark_ms),
                "held_predictions": p.held_predictions,
                "held_labels": p.held_labels,
                "held_bytes": p.held_bytes,
                "advance_waiting": [rfc3339(ms) for ms in p.advance_waiting],
                "age_s": round(found.age_s(p), 1),
                "balanced": _balanced(found, p.partition),
                "imbalance": found.unbalanced.get(p.partition),
            }
            for p in found.partitions
        ],
        "missing_partitions": list(found.missing),
        "workers": {name: list(owned) for name, owned in found.workers.items()},
        "groups": None
        if found.groups is None
        else [{"group": g.name, "state": g.state, "members": len(g.members)} for g in found.groups],
    }


def source_dict(source: SourceReport) -> dict[str, object]:
    """One source for tools."""
    return {
        "source": source.name,
        "applied": source.applied,
        "end": source.end,
        "lag": source.lag,
        "clock": _moment(source.clock_ms),
        "live": source.live,
        "idle": source.idle,
        "why": source.why,
    }


def render(found: JobReport) -> RenderableType:
    """The report for people."""
    parts: list[RenderableType] = [Text(found.headline, "bold green" if found.ok else "bold red"), Text()]
    parts += [source_table(found.sources), Text(), _partitions(found), Text()]
    for name, owned in found.workers.items():
        parts.append(Text(f"{name} joins ledger partitions {', '.join(str(p) for p in owned)}"))
    for group in found.groups or ():
        hosts = ", ".join(sorted({member.host for member in group.members})) or "nobody"
        parts.append(Text(f"group {group.name}: {group.state}, {len(group.members)} members on {hosts}"))
    return Group(*parts)


def source_table(sources: tuple[SourceReport, ...]) -> RenderableType:
    """Sources, and below them what holds time back and why: the sentences are too long for a column."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("source", "applied", "lag", "clock", "state"):
        table.add_column(name, justify="right" if name in {"applied", "lag"} else "left", no_wrap=name != "source")
    for source in sources:
        table.add_row(
            Text(_called(source), overflow="fold"), _number(source.applied), _number(source.lag),
            _short(source.clock_ms), _state(source),
        )  # fmt: skip
    reasons: dict[str, list[str]] = {}
    for source in sources:
        if source.why:
            reasons.setdefault(source.why, []).append(_called(source))
    told = [Text(f"{', '.join(names)}: {why}", "yellow") for why, names in reasons.items()]
    return Group(table, *([Text(), *told] if told else []))


def _called(source: SourceReport) -> str:
    """A source without the id of its topic's life."""
    return source.name.rpartition("@")[0] or source.name


def _partitions(found: JobReport) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0))  # eight columns fit into a terminal of 80
    for name in ("ledger", "position", "watermark", "predictions", "labels", "held", "audit", "age"):
        is_text = name in {"watermark", "audit"}
        table.add_column(name, justify="left" if is_text else "right", no_wrap=True)
    for p in found.partitions:
        balanced = _balanced(found, p.partition)
        verdict = (
            Text("-") if balanced is None else Text("balances", "green") if balanced else Text("WRONG", "bold red")
        )
        table.add_row(
            str(p.partition), f"{p.position:,}", _short(p.watermark_ms), f"{p.held_predictions:,}",
            f"{p.held_labels:,}", f"{p.held_bytes / 1e6:,.1f} MB", verdict, f"{found.age_s(p):,.0f} s",
        )  # fmt: skip
    for partition in found.missing:
        table.add_row(str(partition), "-", "-", "-", "-", "-", "-", "never")
    return table


def _watch(console: Console, config: Config, *, as_json: bool) -> None:
    """Look again and again; ends with Ctrl-C only."""
    if as_json or not console.is_terminal:
        while True:
            found = look(config)
            typer.echo(orjson.dumps(as_dict(found)) if as_json else f"{_short(found.now_ms)} {found.headline}")
            time.sleep(_EVERY_S)
    with Live(console=console, auto_refresh=False, screen=False) as live:
        while True:
            live.update(render(look(config)), refresh=True)
            time.sleep(_EVERY_S)


def _balanced(found: JobReport, partition: int) -> bool | None:
    if partition in found.unbalanced:
        return False
    return True if partition in found.balanced else None


def _moment(ms: int | None) -> str | None:
    return None if ms is None else rfc3339(ms)


def _short(ms: int | None) -> str:
    return "-" if ms is None else rfc3339(ms)[:19].replace("T", " ")


def _number(count: int | None) -> str:
    return "-" if count is None else f"{count:,}"


def _state(source: SourceReport) -> str:
    if source.applied is None:
        return "unread"
    return "idle" if source.idle else "live" if source.live else "-" if source.live is None else "history"
