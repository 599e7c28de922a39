"""`streams diff`: what do new rules change, and which alerts do they end or begin?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from streams.alerts.instance import Labels
from streams.alerts.rules.model import RuleSet
from streams.runtime.config.job import Config, environment, load
from streams.runtime.config.problems import closest
from streams.runtime.errors import ConfigError

if TYPE_CHECKING:
    from streams.runtime.rules.changes import AlertChange, Changes

_LABELS = {"model": "model", "version": "model_version", "class": "class", "window": "window", "kind": "subject"}
"""Labels of alerts besides segments, and the fields of their rows."""

_STYLES = {"appears": "green", "vanishes": "red", "changes": "yellow", "stays": ""}


def diff(
    old: Annotated[Path, typer.Argument(help="The rules that are judged now.", metavar="OLD")],
    new: Annotated[Path, typer.Argument(help="The rules that shall be.", metavar="NEW")],
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="The job in which they are asked.", metavar="CONFIG")
    ] = None,
    alerts: Annotated[
        Path | None,
        typer.Option(
            "--alerts", help="Alerts that were seen: alerts.jsonl, or the folder of a replay.", metavar="FILE"
        ),
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option("--labels", help="What there is: model=fraud,version=42,class=ok. Repeat it.", metavar="LABELS"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for tools.")] = False,
) -> None:
    """Tell what new rules change: which rules appear, vanish or change and how, and what becomes of alerts.

    An alert is its rule's name and its labels. Where one of them is gone the alert ends, with the reason rule_removed;
    everything else keeps it, with its history. Exit code 0 when nothing is different, 1 when something is.

    [bold]Examples[/bold]

      streams diff rules.toml rules.new.toml

      streams diff rules.toml rules.new.toml --alerts counted --json

      streams diff rules.toml rules.new.toml --labels model=fraud,version=42,class=ok
    """
    from streams.runtime.rules.changes import alerts_of, alerts_seen, compare  # noqa: PLC0415 -- slow to load

    listed = [_labels(text) for text in labels or ()]
    job = None if config is None else load(config, environment())
    before, after = _both(old, new, job)
    changes = compare(before, after)
    touched = alerts_of(before, after, listed)
    if alerts is not None:
        touched += [one for one in alerts_seen(after, _seen(alerts)) if one not in touched]
    if as_json:
        typer.echo(orjson.dumps(_as_dict(changes, touched)))
    else:
        _show(Console(highlight=False, soft_wrap=True), changes, touched)
    if changes.any:
        raise typer.Exit(1)


def _both(old: Path, new: Path, job: Config | None) -> tuple[RuleSet, RuleSet]:
    """Both rule sets. The problems of both are told together."""
    from streams.runtime.rules.load import load_rules  # noqa: PLC0415 -- slow to load

    found, problems = [], []
    for path in (old, new):
        try:
            found.append(load_rules(path, job).rules)
        except ConfigError as error:
            problems.append(str(error))
    if problems:
        raise ConfigError("\n".join(problems))
    return found[0], found[1]


def _labels(text: str) -> Labels:
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(name and sign and value for name, sign, value in pairs):
        raise typer.BadParameter(f"{text!r} are no labels: write model=fraud,version=42,class=ok.")
    names = [name for name, _, _ in pairs]
    for name in names:
        if name not in _LABELS and not (name.startswith("segment.") and name != "segment."):
            near = closest(name, [*_LABELS, "segment.NAME"])
            raise typer.BadParameter(f"{name!r} is no label that alerts have.{near}")
        if names.count(name) > 1:
            raise typer.BadParameter(f"{text!r} says {name} twice.")
    return tuple(sorted((name, value) for name, _, value in pairs))


def _seen(path: Path) -> list[tuple[str, Labels]]:
    """The alerts in a file of rows of quality.alert.v1, one for each fingerprint."""
    path = path / "alerts.jsonl" if path.is_dir() else path
    found = {}
    try:
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            try:
                row = orjson.loads(line)
                if row["schema"] == "quality.alert.v1":
                    found[row["fingerprint"]] = (_text(row["rule"]), _labels_of(row))
            except (ValueError, KeyError, TypeError):
                raise ConfigError(f"{path}:{number} is not a row of quality.alert.v1.") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}. Name the rows of alerts of a replay.") from None
    return list(found.values())


def _labels_of(row: dict[str, Any]) -> Labels:
    labels = {name: _text(row[field]) for name, field in _LABELS.items() if row.get(field)}
    dimension, sign, value = _text(row.get("segment") or "").partition("=")
    if sign:
        labels[f"segment.{dimension}"] = value
    return tuple(sorted(labels.items()))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _as_dict(changes: "Changes", alerts: "list[AlertChange]") -> dict[str, object]:
    return {
        "different": changes.any,
        "settings": list(changes.settings),
        "rules": [one._asdict() for one in changes.rules],
        "alerts": [{**one._asdict(), "labels": dict(one.labels)} for one in alerts],
    }


def _show(console: Console, changes: "Changes", alerts: "list[AlertChange]") -> None:
    if not changes.any:
        console.print("[green]ok[/green]  nothing is different")
    for sentence in changes.settings:
        console.print(f"[yellow]changes[/yellow]   {escape(sentence)}")
    for one in changes.rules:
        style = _STYLES[one.what]
        console.print(f"[{style}]{one.what.value:<9}[/{style}] {escape(f'[[{one.kind}]] {one.name}')}")
        for sentence in one.how:
            console.print(f"            {sentence}", markup=False)
    if not alerts:
        return
    table = Table(box=None, pad_edge=False)
    for column in ("alert", "rule", "labels", "fingerprint"):
        table.add_column(column, overflow="fold", no_wrap=column == "fingerprint")
    for alert in alerts:
        told = ", ".join(f"{name}={value}" for name, value in alert.labels)
        table.add_row(alert.what.value, alert.rule, told, alert.fingerprint, style=_STYLES[alert.what] or None)
    console.print(table)
