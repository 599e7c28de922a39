"""Alerts for people: one a line with its numbers now and those it fired with, and all that became of one."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from streams.cli.row_table import written

if TYPE_CHECKING:
    from streams.cli.alerts_asking import Found

ACTIVE = ("firing", "recovering")
_SHOWN = 8  # digits of a fingerprint: enough for --history
_YEAR = len("2026-")
_COLOURS = {"page": "bold red", "ticket": "yellow"}
_LEARNING = (
    "Rules that compare with the past say nothing before they know enough of it: in `streams tail drift` such windows "
    "have no reference yet."
)
_WITHOUT_NUMBERS = ("rollup", "canary", "retrain")
"""Kinds whose sentence says more than a value and a floor."""

Row = Mapping[str, Any]


def render(found: "Found", *, is_wide: bool = True) -> RenderableType:
    """What there is, for people. Where it is narrow, what an alert is about stands below its rule."""
    judged = ", ".join(f"{name} up to {written(t)}" for name, t in found.judged.items()) or "no model yet"
    below = Text(f"judged: {judged}", "dim")
    if not found.alerts:
        return Group(Text("nothing is firing"), below, *([Text(_LEARNING, "dim")] if found.judged else []))
    names = {str(row["fingerprint"]): str(row["rule"]) for row in found.alerts}
    headings = ("alert", "of", "held back") if is_wide else ("alert",)
    table = _table("severity", *headings, "value", "n", "floor", "since (UTC)", "id")
    for row in found.alerts:
        alert, fired = _alert(row), _fired(row)
        held = held_back(row, names, found.by_wall.get(row["fingerprint"], ()))
        about = "\n".join((subject(row), *([row["summary"]] if _speaks(row) else [])))
        unheard = () if held == "-" else (f"held back {held}",)
        whose = (alert, about, held) if is_wide else ("\n".join((alert, about, *unheard)),)
        severity = row["severity"] or ""
        table.add_row(
            Text(severity, _COLOURS.get(severity, "")),
            *(Text(text) for text in whose),
            *(Text(text) for text in numbers(row["evidence"])),
            Text(written(row["fired_at"] or row["episode"])[_YEAR:]),
            Text(row["fingerprint"][:_SHOWN]),
        )
        if fired is not None:
            then, values = fired
            empty = [""] * (len(headings) - 1)
            table.add_row(_of_tier(row), then, *empty, *values, style="dim")
    runbooks = sorted({f"{row['rule']}: {row['runbook']}" for row in found.alerts if row["runbook"]})
    return Group(table, below, *(Text(line, overflow="fold") for line in runbooks))


def history_table(transitions: Sequence[Row]) -> RenderableType:
    """All that became of one alert; there is at least one transition."""
    first = transitions[0]
    table = _table("time (UTC)", "what", "severity", "value", "n", "floor", "held back")
    for row in transitions:
        what = row["kind"] + (f", {row['reason']}" if row["reason"] else "")
        cells = (written(row["t"]), what, row["severity"] or "-", *numbers(row["evidence"]), held_back(row))
        table.add_row(*(Text(cell) for cell in cells))
    named = Text(f"{first['rule']} of {subject(first)} ({first['fingerprint']})", "bold")
    runbook = [Text(f"runbook: {first['runbook']}")] if first["runbook"] else []
    return Group(named, table, *runbook)


def subject(row: Row) -> str:
    """Whom an alert is about: model, version, class, and what else it names."""
    names = ("model", "model_version", "class", "segment", "subject", "window")
    return " ".join(str(row[name]) for name in names if row[name]) or "-"


def numbers(evidence: Row) -> tuple[str, str, str]:
    """The value, the events behind it, and the floor below which the alert fires, where evidence has them.

    The floor of an error budget is the recall at which its burn rate is at the tier's threshold. A gate's value is the
    difference between both versions.
    """
    value = _first(evidence, "value", "effect", "completeness")
    if "baseline_value" in evidence:
        value = _first(evidence, "delta")
    n = _first(evidence, "n_long", "support", "n", "predictions", "firing_classes")
    target, threshold = evidence.get("target"), evidence.get("threshold")
    floor = threshold
    if isinstance(target, float) and isinstance(threshold, (int, float)):
        floor = 1 - threshold * (1 - target)
    return written(value), written(n), written(floor)


def held_back(row: Row, names: Mapping[str, str] | None = None, by_wall: Sequence[str] = ()) -> str:
    """What keeps it from being told: mutes, or the alerts that speak for it (`names` are rules by fingerprint).

    A dash where nothing does; whether anybody was told is known to the deliverer only.
    """
    rules = sorted({(names or {}).get(one, one[:_SHOWN]) for one in row["inhibited_by"]})
    by = [*row["muted_by"], *(f"{name} (wall clock)" for name in by_wall), *rules]
    return f"by {', '.join(by)}" if by else "-"


def _alert(row: Row) -> str:
    """The rule, with the tier that burns now and the phase where it is not firing."""
    notes = [row["evidence"].get("tier"), None if row["phase"] == "firing" else row["phase"]]
    words = ", ".join(str(note) for note in notes if note)
    return str(row["rule"]) + (f" ({words})" if words else "")


def _fired(row: Row) -> tuple[Text, tuple[str, ...]] | None:
    """What it fired with; None where that is what there is now, or where a sentence says more."""
    then = numbers(row["fired_evidence"])
    if not row["fired_evidence"] or _speaks(row) or then == numbers(row["evidence"]):
        return None
    tier = row["fired_evidence"].get("tier")
    return Text("  fired with" + (f" ({tier})" if tier else "")), then


def _of_tier(row: Row) -> Text:
    """The tier that made it so loud, where it is neither that of now nor that of the beginning."""
    elsewhere = {row["evidence"].get("tier"), row["fired_evidence"].get("tier")}
    return Text(f"({row['tier']})" if row["tier"] is not None and row["tier"] not in elsewhere else "")


def _speaks(row: Row) -> bool:
    return row["rule_kind"] in _WITHOUT_NUMBERS and bool(row["summary"])


def _first(evidence: Row, *names: str) -> float | int | None:
    return next((evidence[name] for name in names if isinstance(evidence.get(name), (int, float))), None)


def _table(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in headings:
        is_number = name in {"value", "n", "floor"}
        is_whole = is_number or name in {"severity", "since (UTC)", "id"}
        table.add_column(name, justify="right" if is_number else "left", no_wrap=is_whole, overflow="fold")
    return table
