"""What the demo says at its end: what became of every record, whether the answers are right, where all of it is.

Invariant: a verdict is computed from the rows that the job wrote, never assumed.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streams.cli.demo_alerts import AlertsFound, alerts_table, compare_alerts, episodes
from streams.cli.demo_answers import Comparison, compare_days, compare_segments
from streams.cli.demo_board import DAY_WINDOW, WEEK_WINDOW, Board
from streams.cli.demo_job import ANSWERS, KNOWN_ALERTS, SEGMENT
from streams.cli.demo_view import measured, percent, versions

_SHOWN = 10
_MORE = Text("Times are ends of windows; each was said 6 h later, when labels had come.", "dim")

PREDICTIONS = {
    "labelled": "labelled", "waiting": "still waiting", "expired": "never labelled", "duplicate": "duplicate",
    "conflict": "conflicting", "late": "late", "rejected": "rejected",
}  # fmt: skip
LABELS = {
    "winning": "joined", "beaten": "corrected since", "duplicate": "duplicate", "orphan": "orphans",
    "beyond_horizon": "beyond the horizon", "waiting": "still waiting",
    "late": "late", "deletion": "deletions", "rejected": "rejected",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the demo ended: the sums of the audits, whether they balance, and the comparisons with what is known."""

    sums: Counter[str]
    is_balanced: bool
    is_final: bool
    sent: int
    received: int
    days: Comparison
    segments: Comparison
    alerts: AlertsFound

    @property
    def is_good(self) -> bool:
        """Everything came through, balances, is final and equals the answers, and the known alerts fired."""
        return (
            self.is_balanced
            and self.is_final
            and self.sent == self.received
            and self.days.is_equal
            and self.segments.is_equal
            and self.alerts.is_right
        )


def outcome(board: Board, sent: int, partitions: int, *, is_final: bool) -> Outcome:
    """The verdict on what a board has when nothing more is coming."""
    answers: dict[str, Any] = orjson.loads(ANSWERS.read_bytes())
    with board.lock:
        windows = [history.newest for history in board.windows.values()]
        classes = list(board.classes.values())
        audits = list(board.audits.values())
    days = [row for row in windows if (row["window"], row["segment"]) == (DAY_WINDOW, "all")]
    weeks = [row for row in windows if row["window"] == WEEK_WINDOW]
    return Outcome(
        sums=board.sums(),
        is_balanced=len(audits) == partitions and all(_adds_up(row) for row in audits),
        is_final=is_final,
        sent=sent,
        received=board.received(),
        days=compare_days(answers, days, classes),
        segments=compare_segments(answers, weeks, SEGMENT),
        alerts=compare_alerts(orjson.loads(KNOWN_ALERTS.read_bytes()), board.alert_log()),
    )


def _adds_up(row: Any) -> bool:
    """Whether an audit balances, added up here and not by the job."""
    predictions = sum(row[f"predictions_{part}"] for part in PREDICTIONS)
    labels = sum(row[f"labels_{part}"] for part in LABELS)
    return bool(row["balanced"] and (predictions, labels) == (row["predictions_received"], row["labels_received"]))


def show(console: Console, board: Board, found: Outcome, elapsed_s: float) -> None:
    """Print the summary."""
    console.print()
    console.print(Text(f"What {found.sent:,} records became in {elapsed_s:.0f} s", "bold"))
    console.print()
    console.print(_windows(board))
    console.print()
    console.print(_weeks(board))
    console.print()
    console.print(alerts_table(episodes(board.alert_log())))
    console.print(_MORE)
    console.print()
    lines = [
        ("predictions", _balance(found.sums, "predictions", PREDICTIONS), True),
        ("labels", _balance(found.sums, "labels", LABELS), True),
        ("received", f"{found.received:,} of {found.sent:,} records", found.received == found.sent),
        ("audit", _audit(found, len(board.audits)), found.is_balanced),
        ("final", "every window" if found.is_final else "not every window, in the time there was", found.is_final),
        ("answers", found.days.sentence(), found.days.is_equal),
        ("by airport", found.segments.sentence(), found.segments.is_equal),
        ("alerts", found.alerts.sentence(), found.alerts.is_right),
    ]
    table = Table.grid(padding=(0, 1))
    for name, text, is_right in lines:
        table.add_row(
            Text("ok" if is_right else "XX", "green" if is_right else "bold red"), Text(name, "bold"), Text(text)
        )
    console.print(table)
    for line in [*found.days.differences, *found.segments.differences, *found.alerts.differences][:_SHOWN]:
        console.print(Text(f"   {line}", "red"))


def _windows(board: Board) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("windows")
    for name in ("open", "settled", "final"):
        table.add_column(name, justify="right")
    for size, counts in sorted(board.statuses_of().items(), key=lambda item: sum(item[1].values())):
        table.add_row(f"{size} (all, by airport)", *(f"{counts[status]:,}" for status in ("open", "settled", "final")))
    return table


def _weeks(board: Board) -> Table:
    """The last weeks of each version side by side."""
    histories = board.of_size(WEEK_WINDOW)
    found = versions([history.newest for history in histories])
    table = Table(box=None, padding=(0, 2, 0, 0), title="balanced accuracy", title_justify="left", title_style="bold")
    table.add_column("week from", no_wrap=True)
    for version in found:
        table.add_column(f"version {version}", justify="right", no_wrap=True)
        table.add_column("labelled", justify="right", no_wrap=True)
    by_week: dict[str, dict[str, Any]] = {}
    for history in histories:
        by_week.setdefault(history.newest["window_start"], {})[history.newest["model_version"]] = history.newest
    for start, rows in by_week.items():
        cells: list[Text] = []
        for version in found:
            row = rows.get(version)
            cells += [Text("-"), Text("-")] if row is None else [measured(row), Text(percent(row["coverage"]))]
        table.add_row(start[:10], *cells)
    return table


def _balance(sums: Counter[str], kind: str, parts: dict[str, str]) -> str:
    told = [f"{sums[f'{kind}_{part}']:,} {name}" for part, name in parts.items() if sums[f"{kind}_{part}"]]
    return f"{sums[f'{kind}_received']:,} = {' + '.join(told) or '0'}"


def _audit(found: Outcome, partitions: int) -> str:
    verdict = "balances" if found.is_balanced else "does NOT balance"
    return f"{verdict} in {partitions} ledger partitions: received = told above"
