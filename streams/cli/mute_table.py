"""Mutes for people: whom, until when, who said so and why, and what they cover now."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from rich import box
from rich.table import Table
from rich.text import Text

from streams.alerts.rows import DAYS
from streams.alerts.rules.model import Mute
from streams.cli.alerts_table import subject
from streams.cli.row_table import written
from streams.ledger.times import rfc3339

NAMED = 5
"""Alerts that are named beneath a mute; of further ones there is the number."""


class Shown(Protocol):
    """A mute, whether it holds, and the rows of the alerts that it covers now."""

    @property
    def mute(self) -> Mute:
        """The mute."""

    @property
    def state(self) -> str:
        """Holds "now", "later", or is "over"."""

    @property
    def covers(self) -> Sequence[Mapping[str, Any]]:
        """The alerts."""


def table_of(found: Sequence[Shown]) -> Table:
    """All of them, one a line."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("mute", "of", "until (UTC)", "clock", "who", "why", "covers now"):
        table.add_column(name, no_wrap=name == "clock", overflow="fold")
    for shown in found:
        mute = shown.mute
        covers = f"{len(shown.covers)} alerts" if len(shown.covers) != 1 else "1 alert"
        cells = (mute.name, _whom(mute), _until(mute), mute.clock, mute.author or "-", mute.reason or "-")
        table.add_row(*(Text(cell) for cell in cells), Text(covers if shown.state == "now" else "(later)"))
    return table


def told_of(shown: Shown, event_ms: int | None = None) -> Text:
    """One that was just added, in a few lines. `event_ms`: where event time is, for a mute that goes by it."""
    mute = shown.mute
    start = "now on" if shown.state == "now" or mute.start_ms is None else written(rfc3339(mute.start_ms))
    which = "event time" if mute.clock == "event" else "wall clock"
    lines = [f"{mute.name}: nobody is told of {_whom(mute)} from {start} until {_until(mute)} UTC ({which})."]
    if event_ms is not None and mute.start_ms is not None and mute.end_ms is not None:
        start, end, now = (written(rfc3339(ms)) for ms in (mute.start_ms, mute.end_ms, event_ms))
        lines.append(f"That is what happened from {start} to {end}; event time is now at {now}.")
    if mute.budget == "exclude":
        lines.append("What happens then does not burn error budgets.")
    if shown.covers:
        named = [f"{row['rule']} of {subject(row)} ({row['phase']})" for row in shown.covers[:NAMED]]
        more = f" and {len(shown.covers) - NAMED} more" if len(shown.covers) > NAMED else ""
        lines.append(f"It covers now: {', '.join(named)}{more}.")
    else:
        lines.append("It covers no alert that is active now.")
    return Text("\n".join(lines))


def _whom(mute: Mute) -> str:
    return " ".join(f"{label}={pattern}" for label, pattern in mute.match) or "everything"


def _until(mute: Mute) -> str:
    if mute.end_ms is not None:
        return written(rfc3339(mute.end_ms))
    weekly = mute.weekly
    assert weekly is not None  # noqa: S101 - a mute without an end comes back each week
    start, end = (f"{minute // 60:02}:{minute % 60:02}" for minute in (weekly.from_minute, weekly.to_minute))
    return f"{DAYS[weekly.day]} {start}-{end} {weekly.zone}"
