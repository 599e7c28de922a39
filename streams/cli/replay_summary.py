"""What a replay says at its end: the newest windows of each version, what was not counted, where the rows are."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from streams.cli.demo_view import measured
from streams.quality.rows import VIEW
from streams.runtime.config.durations import format_duration
from streams.runtime.config.job import Config
from streams.runtime.replay import STREAMS, Summary

_NEWEST = 5  # windows shown of each version
_VERSIONS = 8

_COLUMNS = ("version", "from", "predictions", "labelled", "balanced accuracy", "status")


def as_dict(summary: Summary, config: Config, out: Path) -> dict[str, object]:
    """The summary for tools. `windows` has the newest row of every version of the longest window."""
    window = longest_window(config)
    newest = [rows[-1] for rows in _by_version(summary, window).values()]
    return {
        "predictions": summary.predictions,
        "labels": summary.labels,
        "rows": summary.rows,
        "rejected": summary.rejected,
        "audit": summary.audit,
        "window": window,
        "newest": newest,
        "files": {stream: str(out / f"{stream}.jsonl") for stream in STREAMS},
    }


def show(console: Console, summary: Summary, config: Config, out: Path, took_s: float) -> None:
    """Print the summary for people."""
    window = longest_window(config)
    by_version = _by_version(summary, window)
    models = {model for model, _ in by_version}
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in _COLUMNS if len(models) == 1 else ("model", *_COLUMNS):
        is_text = name in {"model", "version", "from", "status"}
        table.add_column(name, justify="left" if is_text else "right", no_wrap=name != "model", overflow="fold")
    for (model, _), rows in list(by_version.items())[-_VERSIONS:]:
        for row in rows[-_NEWEST:]:
            table.add_row(*([] if len(models) == 1 else [Text(model)]), *_cells(row))
    records = summary.predictions + summary.labels
    console.print(Text(f"Newest windows of {window}" + (f" of {models.pop()}" if len(models) == 1 else ""), "bold"))
    console.print(table if by_version else "none: no prediction was counted")
    if len(by_version) > _VERSIONS:
        console.print(f"and {len(by_version) - _VERSIONS} more versions")
    console.print()
    console.print(
        f"{records:,} records in {took_s:.1f} s: {summary.predictions:,} predictions, {summary.labels:,} labels; "
        f"a label counts within {format_duration(config.ledger.timing.horizon_ms)}",
        soft_wrap=True,
    )
    if summary.rejected:
        reasons = sorted(summary.rejected.items(), key=lambda item: -item[1])
        console.print("not counted: " + ", ".join(f"{count:,} {reason}" for reason, count in reasons), soft_wrap=True)
    console.print(f"audit: {'balances' if summary.audit.get('balanced') else 'does NOT balance'}")
    rows_written = ", ".join(f"{stream} {summary.rows[stream]:,}" for stream in STREAMS)
    console.print(f"rows in {out}: {rows_written}", soft_wrap=True, markup=False)
    console.print()
    newest = f'.segment == "all" and .view == "{VIEW}" and .window == "{window}" and .status == "final"'
    console.print("Next:")
    told = f"jq -r '[.t, .kind, .severity, .rule, .summary] | @tsv' {out / 'alert_log.jsonl'}"
    asked = [f"streams alerts --replay {out}", told] if summary.rows["alert_log"] else []
    for line in (
        *asked,
        f"head -1 {out / 'windows.jsonl'} | python3 -m json.tool",
        f"jq -c 'select({newest})' {out / 'windows.jsonl'}",
        f"streams report {out} --out {out / 'report.html'}",
    ):
        console.print(f"  {line}", soft_wrap=True, markup=False)


def longest_window(config: Config) -> str:
    """The name of the longest window; of a decayed one only when there is no other."""
    return max(config.quality.windows, key=lambda w: (not w.half_life_ms, w.size_ms, w.step_ms)).name


def _by_version(summary: Summary, window: str) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    """The newest revisions of the rows of a window, by model and version, in the order of time."""
    rows = [row for row in summary.windows.values() if (row["window"], row["view"]) == (window, VIEW)]
    rows.sort(key=lambda row: (str(row["model"]), str(row["model_version"]), str(row["window_end"])))
    out: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        out.setdefault((str(row["model"]), str(row["model_version"])), []).append(row)
    return out


def _cells(row: Mapping[str, Any]) -> list[Text]:
    start = str(row["window_start"] or row["window_end"])  # a decayed window has an end only
    return [
        Text(str(row["model_version"])), Text(start[:10] if start.endswith("T00:00:00.000Z") else start),
        Text(f"{row['predictions']:,}"), Text(f"{row['labelled']:,}"), measured(row), Text(str(row["status"])),
    ]  # fmt: skip
