"""Who was told of what in the demo: alerts that fired and were over, and whether these are the known ones.

The known ones are those that a replay of the same files with the same rules told (`demo_data/alerts.json`). A job
that plays eight weeks in a minute takes hours of event time at once, so a step may be judged with a few labels more
than in a replay: the same alerts must fire and end, each within a day of the known time.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rich import box
from rich.table import Table
from rich.text import Text

from streams.cli.moments import parse_moment

TOLD = ("firing", "escalated", "resolved")
"""Kinds of transitions that people hear of."""

WITHIN_MS = 86_400_000

_WORDS = {"firing": "fired", "escalated": "louder", "resolved": "over"}
_COLOURS = {"firing": "bold red", "escalated": "bold red", "resolved": "green"}

Values = Mapping[str, Any]


class Episode(NamedTuple):
    """An alert from when it fired until it was over; None while it is not. Both are rows of the log of alerts."""

    fired: Values
    over: Values | None


@dataclass(slots=True)
class AlertsFound:
    """How many alerts fired and how many were over, and a line for each that is not as it is known."""

    fired: int = 0
    over: int = 0
    differences: list[str] = field(default_factory=list)

    @property
    def is_right(self) -> bool:
        """Something fired, something was over, and all of it is known."""
        return bool(self.fired and self.over) and not self.differences

    def sentence(self) -> str:
        """What came of it, for people."""
        verdict = "as in a replay" if self.is_right else f"{len(self.differences):,} not as in a replay"
        return f"{self.fired} fired, {self.over} of them over: {verdict}"


def told(transitions: Iterable[Values]) -> list[Values]:
    """The transitions that people hear of, in the order of time."""
    return sorted((row for row in transitions if row["kind"] in TOLD), key=lambda row: (row["t"], row["rule"]))


def episodes(transitions: Iterable[Values]) -> list[Episode]:
    """Every alert that fired, in the order of time."""
    found: dict[tuple[str, str], Episode] = {}
    for row in told(transitions):
        key = row["fingerprint"], row["episode"]
        if row["kind"] == "firing":
            found[key] = Episode(row, None)
        elif row["kind"] == "resolved" and key in found:
            found[key] = found[key]._replace(over=row)
    return list(found.values())


def answer_of(row: Values) -> dict[str, object]:
    """What is known of a transition: an entry of `demo_data/alerts.json`."""
    return {name: row[name] for name in ("t", "kind", "severity", *_IDENTITY)}


_IDENTITY = ("rule", "model_version", "class", "segment", "subject")


def compare_alerts(answers: Sequence[Values], transitions: Iterable[Values]) -> AlertsFound:
    """Whether the same alerts fired and were over as often as known, each within a day of the known time."""
    rows = told(transitions)
    out = AlertsFound(*(sum(row["kind"] == kind for row in rows) for kind in ("firing", "resolved")))
    found, wanted = _by_alert(rows), _by_alert(answers)
    for key in sorted(set(found) | set(wanted)):
        times, known = found[key], wanted[key]
        if len(times) != len(known):
            out.differences.append(f"{_name(key)}: {len(times)} times, should be {len(known)}")
            continue
        for time, should in zip(times, known, strict=True):
            if abs(parse_moment(time) - parse_moment(should)) > WITHIN_MS:
                out.differences.append(f"{_name(key)}: at {time}, should be at {should}")
    return out


def _by_alert(rows: Iterable[Values]) -> dict[tuple[str, ...], list[str]]:
    times: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for row in rows:
        times[row["kind"], row["severity"], *(row[name] or "" for name in _IDENTITY)].append(row["t"])
    return times


def _name(key: tuple[str, ...]) -> str:
    kind, severity, *identity = key
    return f"{severity} {' '.join(part for part in identity if part)} {_WORDS[kind]}"


def alert_line(row: Values) -> Text:
    """A transition in a line: when, what, and why in a sentence."""
    line = Text(f"{moment(row['t'])}  {row['severity']:<6}  ", no_wrap=True, overflow="ellipsis")
    line.append(f"{_WORDS[row['kind']]:<6}", _COLOURS[row["kind"]])
    return line.append(f"  {row['rule']} {row['model_version']}: {row['summary']}")


def alerts_table(found: Sequence[Episode]) -> Table:
    """What fired, when, why, and when it was over."""
    table = Table(
        box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), title="who would have been told", title_justify="left",
        title_style="bold", show_edge=False,
    )  # fmt: skip
    for name in ("told", "alert", "fired (UTC)", "over", "why"):
        table.add_column(name, no_wrap=name != "why", overflow="fold")
    for fired, over in found:
        severity = fired["severity"]
        table.add_row(
            Text(severity, "bold red" if severity == "page" else "yellow"),
            Text(fired["rule"]),
            Text(moment(fired["t"])),
            Text("still fires", "red") if over is None else Text(moment(over["t"]), "green"),
            Text(f"{fired['model_version']}: {fired['summary']}"),
        )
    return table


def moment(time: str) -> str:
    """A time of a row to the minute, without the year."""
    return f"{time[5:10]} {time[11:16]}"
