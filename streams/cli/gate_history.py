"""What do the rows of a replay say of two versions? The gate over a history that is over.

Where the replay had rules with a gate of the model, their own verdict counts. Else the windows are the blocks: the
smallest that tumble, of all predictions, with the newest revision of each row.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import typer

from streams.alerts.evidence.series import Hours
from streams.alerts.gate.body import Body, body_of
from streams.alerts.gate.evaluation import judge_history
from streams.alerts.gate.versions import pairs
from streams.alerts.rules.model import Canary
from streams.cli.moments import parse_moment
from streams.quality.rows import ALL, VIEW
from streams.runtime.errors import ConfigError
from streams.runtime.replayed import rows_of

_GATE, _CLASS = "quality.gate.v1", "quality.class.v1"

GATES_FILE, CLASSES_FILE = "gates.jsonl", "classes.jsonl"


class Wanted(NamedTuple):
    """What is asked for; a gate or baseline that was not named is None."""

    model: str
    candidate: str
    baseline: str | None
    gate: str | None


class _Cell(NamedTuple):
    """One class in one window of a version."""

    version: str
    start: int
    name: str
    length: int
    counts: tuple[int, int, int, int]  # support, hits, predicted, of_class


def newest_body(rows: Iterator[Mapping[str, Any]], wanted: Wanted) -> Body | None:
    """The answer of the newest of these rows of gates that fits; None without one.

    Raises ConfigError when several gates of the model fit.
    """
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for row in rows:
        if (
            row["model"] == wanted.model
            and row["candidate"] == wanted.candidate
            and wanted.baseline in {None, row["baseline"]}
            and wanted.gate in {None, row["gate"]}
        ):
            found[row["gate"], row["baseline"]] = row
    gates = sorted({gate for gate, _ in found})
    if len(gates) > 1:
        raise ConfigError(f"{wanted.model} has several gates; name one with --gate: {', '.join(gates)}.")
    return body_of(max(found.values(), key=lambda row: (row["t"], row["baseline"]))) if found else None


def body_of_folder(folder: Path, wanted: Wanted, canary: Canary) -> Body:
    """The answer of a replay's folder, on the terms of `canary` where it has no gate of its own.

    Raises ConfigError for what is no such folder, or does not know the model or a version.
    """
    written = folder / GATES_FILE
    if written.exists():
        found = newest_body((row for _, row in rows_of(written, _GATE, _GATE)), wanted)
        if found is not None:
            return found
    if wanted.gate is not None:
        raise ConfigError(
            f"{folder} has no verdict of the gate {wanted.gate} on {wanted.model} {wanted.candidate}. "
            f"Leave --gate out to compare the versions by the windows of the replay."
        )
    return _compared(folder, wanted, canary)


def _compared(folder: Path, wanted: Wanted, canary: Canary) -> Body:
    cells = _cells(folder / CLASSES_FILE, wanted.model)
    first_seen: dict[str, int] = {}
    for cell in cells:
        first_seen[cell.version] = min(cell.start, first_seen.get(cell.version, cell.start))
    if wanted.candidate not in first_seen:
        there = ", ".join(sorted(first_seen)) or "none"
        raise ConfigError(f"{folder} has no version {wanted.candidate} of {wanted.model}; it has: {there}.")
    baseline = wanted.baseline
    if baseline is None:
        baseline = dict(pairs(canary, first_seen, {})).get(wanted.candidate)
    if baseline is None or baseline not in first_seen or baseline == wanted.candidate:
        others = ", ".join(sorted(set(first_seen) - {wanted.candidate})) or "none"
        raise ConfigError(f"{folder}: say which version to compare {wanted.candidate} with: --baseline, of {others}.")
    names = sorted({cell.name for cell in cells})
    own, base = (_hours(cells, version, names) for version in (wanted.candidate, baseline))
    result = judge_history(canary, (wanted.candidate, baseline), (names, own), (names, base), cells[0].length)
    return result.body


def _cells(path: Path, model: str) -> list[_Cell]:
    """The newest rows of a model, of the smallest windows that tumble."""
    newest: dict[tuple[str, str, int, str], tuple[int, _Cell]] = {}
    for number, row in rows_of(path, _CLASS, _CLASS):
        try:
            is_asked = row["model"] == model and row["segment"] == ALL and row["view"] == VIEW
            if not is_asked or "/" in row["window"] or row["window_start"] is None:
                continue
            start, end = parse_moment(row["window_start"]), parse_moment(row["window_end"])
            tp, of_class = int(row["tp"]), int(row["predictions_of_class"])
            counts = tp + int(row["fn"]), tp, tp + int(row["fp"]), of_class
            cell = _Cell(str(row["model_version"]), start, str(row["class"]), end - start, counts)
            key, revision = (cell.version, str(row["window"]), start, cell.name), int(row["revision"])
        except (KeyError, TypeError, ValueError, typer.BadParameter):
            raise ConfigError(f"{path}:{number} is not a row of quality.class.v1.") from None
        if key not in newest or newest[key][0] <= revision:
            newest[key] = revision, cell
    cells = [cell for _, cell in newest.values()]
    if not cells:
        models = {str(row.get("model")) for _, row in rows_of(path, _CLASS, _CLASS)}
        if model not in models:
            raise ConfigError(f"{path} has no model {model}; it has: {', '.join(sorted(models)) or 'none'}.")
        raise ConfigError(f"{path} has no windows of the model {model} that tumble, such as 24h.")
    smallest = min(cell.length for cell in cells)
    return [cell for cell in cells if cell.length == smallest]


def _hours(cells: list[_Cell], version: str, names: list[str]) -> Hours:
    """The counts of a version by block."""
    starts = sorted({cell.start for cell in cells if cell.version == version})
    table = np.zeros((len(starts), len(names), 4), np.int64)
    at, column = {start: i for i, start in enumerate(starts)}, {name: c for c, name in enumerate(names)}
    for cell in cells:
        if cell.version == version:
            table[at[cell.start], column[cell.name]] = cell.counts
    return Hours(np.array(starts, np.int64), *(table[:, :, i] for i in range(4)))
