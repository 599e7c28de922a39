"""How the demo looks while it runs: one picture of a fixed height for a terminal, one line for a log.

Nothing here reads or waits; a picture is a function of the board, the loader's count and the clock.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from streams.cli.demo_alerts import alert_line, told
from streams.cli.demo_board import DAY_WINDOW, WEEK_WINDOW, Board, Values, WindowHistory

_BARS = "▁▂▃▄▅▆▇█"
_LITTLE = "·"
_ENOUGH = 0.5
_LABELLED = 20
"""A window of which a smaller share, or fewer, predictions have a label says little; its bar is a dot."""

_NEWEST = 10
_ALERTS = 3
_OTHER_LINES = 21
"""Lines of the picture besides the newest windows, and one to spare: a picture that scrolls flickers."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the demo is: records sent, of how many, seconds since its start, and what it does now."""

    sent: int
    total: int
    elapsed_s: float
    rate_per_s: float
    doing: str


class Picture:
    """The live view at one moment, as wide and as high as the terminal allows."""

    def __init__(self, board: Board, progress: Progress) -> None:
        self._board, self._progress = board, progress

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        days = self._board.of_size(DAY_WINDOW)
        width = options.max_width
        parts: list[RenderableType] = [
            self._head(width),
            Text(),
            *self._sparklines(days, width),
            Text(),
            self._newest(days, max(2, min(_NEWEST, console.height - _OTHER_LINES)), width),
            Text(),
            *self._alerts(),
            Text(),
            self._counts(days),
        ]
        yield Group(*parts)

    def _head(self, width: int) -> Table:
        progress, sums = self._progress, self._board.sums()
        done = Table.grid(padding=(0, 1))
        done.add_row(
            ProgressBar(total=progress.total, completed=progress.sent, width=max(10, width - 54)),
            Text(f"{progress.sent / progress.total:4.0%}"),
            Text(f"{progress.sent:,} of {progress.total:,} records", style="bold"),
            Text(f"{progress.rate_per_s:,.0f}/s"),
        )
        head = Table.grid()
        head.add_row(Text(f"streams demo  {progress.elapsed_s:3.0f} s  ", style="bold") + Text(progress.doing, "dim"))
        head.add_row(done)
        waiting = f"{sums['predictions_waiting']:,} predictions wait for a label"
        head.add_row(Text(f"watermark {when(self._board.watermark())} UTC, {waiting}"))
        return head

    def _sparklines(self, days: Sequence[WindowHistory], width: int) -> list[Text]:
        rows = [history.newest for history in days]
        told = sorted(row["balanced_accuracy"] for row in rows if _is_told(row)) or [0.0]
        # a few days are far off for want of labels; they must not flatten the rest
        low, high = told[len(told) // 20], told[-1 - len(told) // 20]
        lines = [Text("balanced accuracy, one bar a day", style="bold") + Text(f"   {low:.2f} to {high:.2f}", "dim")]
        starts = sorted({row["window_start"] for row in rows})[-(width - 24) :]
        for version in versions(rows):
            of_day = {row["window_start"]: row for row in rows if row["model_version"] == version}
            bars = "".join(_bar(of_day.get(start), low, high) for start in starts)
            newest = next((row for row in reversed(of_day.values()) if _is_told(row)), None)
            value = "" if newest is None else f"{newest['balanced_accuracy']:.3f}"
            lines.append(Text(f"{version:<8}", "cyan") + Text(bars, "green") + Text(f" {value}"))
        while len(lines) < 3:  # the height stays the same when the second version arrives
            lines.append(Text())
        return lines

    def _newest(self, days: Sequence[WindowHistory], count: int, width: int) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0))
        names = ("day", "version", "balanced accuracy", "predictions", "labelled", "revised", "status")
        for name in names if width >= 90 else [n for n in names if n != "predictions"]:
            table.add_column(name, justify="left" if name in ("day", "version", "status") else "right", no_wrap=True)
        for history in reversed(days[-count:]):
            row = history.newest
            cells = [
                Text(row["window_start"][:10]),
                Text(row["model_version"]),
                measured(row),
                Text(f"{row['predictions']:,}"),
                Text(percent(row["coverage"])),
                Text(f"{history.revisions:,}x"),
                _status(row["status"]),
            ]
            table.add_row(*(cells if width >= 90 else [*cells[:3], *cells[4:]]))
        for _ in range(count - len(days)):
            table.add_row()
        return table

    def _alerts(self) -> list[Text]:
        """The newest of what people were told, and room for what they will be."""
        rows = told(self._board.alert_log())
        fired, over = (sum(row["kind"] == kind for row in rows) for kind in ("firing", "resolved"))
        lines = [Text("alerts", "bold") + Text(f"   {fired} fired, {over} of them over", "dim")]
        lines += [alert_line(row) for row in reversed(rows[-_ALERTS:])]
        return [*lines, *[Text()] * (1 + _ALERTS - len(lines))]

    def _counts(self, days: Sequence[WindowHistory]) -> Text:
        sums = self._board.sums()
        day = Counter(history.newest["status"] for history in days)
        windows = ", ".join(f"{day[status]} {status}" for status in ("open", "settled", "final"))
        return Text(
            f"{DAY_WINDOW} windows: {windows}; {self._board.rows:,} rows written for all sizes\n"
            f"labels: {sums['labels_winning']:,} joined, {sums['labels_beaten']:,} corrected since, "
            f"{sums['labels_duplicate']:,} duplicate, {sums['labels_orphan']:,} orphans, "
            f"{sums['labels_late'] + sums['predictions_late']:,} late"
        )


def log_line(board: Board, progress: Progress) -> str:
    """The same in a line, for logs."""
    parts = [
        f"{progress.elapsed_s:3.0f} s",
        f"{progress.sent / progress.total:4.0%}",
        f"{progress.sent:,} records",
        f"watermark {when(board.watermark())}",
    ]
    days = board.of_size(DAY_WINDOW)
    final = sum(history.newest["status"] == "final" for history in days)
    parts.append(f"{len(days)} days, {final} final")
    for version in versions([history.newest for history in days]):
        weeks = [h.newest for h in board.of_size(WEEK_WINDOW) if h.newest["model_version"] == version]
        told = [row for row in weeks if _is_told(row)]
        if told:
            parts.append(f"{version} {told[-1]['balanced_accuracy']:.3f}")
    return "  ".join(parts)


def versions(rows: Sequence[Values]) -> list[str]:
    """The model versions that rows speak of."""
    return sorted({row["model_version"] for row in rows})


def when(moment: str | None) -> str:
    """A time of a row to the minute; `-` for none."""
    return "-" if moment is None else f"{moment[:10]} {moment[11:16]}"


def percent(ratio: float | None) -> str:
    """A ratio of a row as percent; `-` where it is not defined."""
    return "-" if ratio is None else f"{ratio:.0%}"


def measured(row: Values) -> Text:
    """Balanced accuracy with its interval; `-` where it is not defined."""
    value, lower, upper = (row[f"balanced_accuracy{end}"] for end in ("", "_lower", "_upper"))
    if value is None:
        return Text("-")
    interval = "" if lower is None or upper is None else f" [{lower:.2f}, {upper:.2f}]"
    return Text(f"{value:.3f}", "bold") + Text(interval)


def _is_told(row: Values) -> bool:
    return row["balanced_accuracy"] is not None and row["coverage"] >= _ENOUGH and row["labelled"] >= _LABELLED


def _bar(row: Values | None, low: float, high: float) -> str:
    if row is None:
        return " "
    if not _is_told(row):
        return _LITTLE
    height = (row["balanced_accuracy"] - low) / (high - low) if high > low else 1.0
    return _BARS[round(min(max(height, 0.0), 1.0) * (len(_BARS) - 1))]


def _status(status: str) -> Text:
    return Text(status, {"open": "yellow", "settled": "cyan", "final": "green"}.get(status, ""))
