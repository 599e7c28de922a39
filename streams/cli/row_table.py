"""The newest revision of every row, as a table for a terminal: one line a key, the latest windows first."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from streams.runtime.kafka.tail import Row

_PLACE = ("model", "model_version", "segment", "window", "window_start", "status")
_ALERT = ("t", "kind", "severity", "rule", "model", "model_version", "class", "segment", "summary")
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "windows": (
        *_PLACE, "predictions", "labelled", "coverage", "balanced_accuracy", "balanced_accuracy_lower",
        "balanced_accuracy_upper", "accuracy", "undefined",
    ),
    "classes": (*_PLACE, "class", "support", "recall", "precision", "f1", "undefined"),
    "confusion": (*_PLACE, "actual", "predicted", "count"),
    "drift": (
        *_PLACE, "kind", "subject", "level", "incident_status", "reference", "n", "effect", "p_value", "undefined",
    ),
    "calibration": (
        *_PLACE, "confidence_lower", "confidence_upper", "predictions", "labelled", "confidence_mean", "accuracy",
        "accuracy_lower", "accuracy_upper", "undefined",
    ),
    "delays": (*_PLACE, "class", "delay_from_s", "delay_to_s", "count"),
    "groups": (
        *_PLACE, "dimension", "groups", "worst_by_balanced_accuracy", "worst_balanced_accuracy", "gap", "gap_from",
        "gap_to", "gap_q_value", "gap_significant", "undefined",
    ),
    "label_sources": (
        *_PLACE, "source", "other", "labels", "agreement", "kappa", "corrections", "override_rate", "undefined",
    ),
    "samples": (
        "model", "model_version", "window_start", "status", "reason", "subject", "actual", "predicted", "confidence",
        "topic", "partition", "offset",
    ),
    "alerts": (*_ALERT, "phase"),
    "alert-log": (*_ALERT, "reason"),
    "gates": (
        "t", "gate", "model", "candidate", "baseline", "verdict", "delta", "lower", "upper", "reason",
    ),
    "tellings": ("t", "receiver", "state", "attempts", "group", "error"),
    "rejects": ("topic", "partition", "offset", "reason", "detail", "late_by_ms"),
    "audit": (),
}  # fmt: skip
"""The columns shown of each topic; all that a row has where none are named."""

_SHORT = {
    "model_version": "version",
    "window_start": "from (UTC)",
    "balanced_accuracy": "balanced acc",
    "balanced_accuracy_lower": "lower",
    "balanced_accuracy_upper": "upper",
    "incident_status": "incident",
    "p_value": "p",
}
"""Headings that would make a column wider than its values."""

_MILLISECONDS = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(:00\.000Z|(:\d\d)\.\d{3}Z)")

_TIMES = frozenset({"window_start"})
_SHARED = ("model", "model_version", "segment", "window")
"""What is said once, below the table, where it is the same in all rows."""

_ORDER = ("window_end", "window_start", "t")
_MISSING = "-"
_SMALL = 0.00005
_MOST_KEYS = 20_000  # beyond it the keys updated longest ago are forgotten: nobody reads that far down a terminal


class NewestRows:
    """Rows by key. `update` keeps the highest revision (the latest row where rows have none)."""

    def __init__(self, noun: str) -> None:
        self._noun = noun
        self._rows: dict[str, Row] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def update(self, row: Row) -> None:
        """Take a row, unless a newer revision of its key is there."""
        key = row.key or f"{row.partition}/{row.offset}"
        if self._noun == "alert-log":
            key = str(row.value.get("transition_id"))  # no transition replaces another
        known = self._rows.pop(key, None)
        newer = known is None or row.value.get("revision", 0) >= known.value.get("revision", 0)
        self._rows[key] = row if newer or known is None else known
        if len(self._rows) > _MOST_KEYS:
            del self._rows[next(iter(self._rows))]

    def newest(self, count: int) -> list[Mapping[str, Any]]:
        """At most `count` rows: the latest windows first, and the latest updated first within them."""
        rows = list(reversed(self._rows.values()))
        rows.sort(key=lambda row: tuple(str(row.value.get(name) or "") for name in _ORDER), reverse=True)
        return [row.value for row in rows[:count]]

    def render(self, count: int) -> Table:
        """The table of at most `count` rows."""
        shown = self.newest(count)
        columns = COLUMNS[self._noun] or tuple(dict.fromkeys(name for row in shown for name in row))
        if len({row.get("view") for row in shown}) > 1 and "view" not in columns:
            place = columns.index("window") + 1
            columns = (*columns[:place], "view", *columns[place:])
        of = {
            name: shown[0][name] for name in _SHARED if len({row.get(name) for row in shown}) == 1 and name in shown[0]
        }
        columns = tuple(name for name in columns if name not in of)
        if not any(_reasons(row, columns) for row in shown):
            columns = tuple(name for name in columns if name != "undefined")
        hidden = len(self._rows) - len(shown)
        caption = f"{len(self._rows)} keys" + (f", {hidden} older ones not shown" if hidden > 0 else "")
        caption += "".join(f", {_SHORT.get(name, name)} {value}" for name, value in of.items())
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), caption=Text(caption), caption_justify="left")
        for name in columns:
            is_number = any(isinstance(row.get(name), (int, float)) for row in shown)
            heading = _SHORT.get(name, name.replace("_", " "))
            whole = is_number or name in _TIMES  # where there is no room, texts are folded and nothing is cut off
            table.add_column(heading, justify="right" if is_number else "left", no_wrap=whole, overflow="fold")
        for row in shown:
            table.add_row(*(Text(_cell(row, name, columns)) for name in columns))
        return table


def _cell(row: Mapping[str, Any], name: str, columns: Collection[str]) -> str:
    if name == "undefined":
        return _reasons(row, columns)
    if name == "window_start" and row.get(name) is None:  # a decayed window has an end only
        return f"to {written(row.get('window_end'))}"
    return written(row.get(name))


def _reasons(row: Mapping[str, Any], columns: Collection[str]) -> str:
    """Why shown columns are undefined, each reason once."""
    said = (part.partition(": ") for part in str(row.get("undefined") or "").split("; "))
    return "; ".join(dict.fromkeys(reason for field, _, reason in said if field in columns))


def written(value: object) -> str:
    """A value of a row for people: ratios with four digits, times without their zeros, `-` for what is not defined.

    What four digits would make a zero has two significant ones.
    """
    if value is None:
        return _MISSING
    if isinstance(value, float):
        return f"{value:.1e}" if 0 < abs(value) < _SMALL else f"{value:.4f}"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {written(inner)}" for name, inner in value.items())
    return _MILLISECONDS.sub(r"\1 \2\4", str(value))
