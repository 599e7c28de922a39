"""How far from the truth are numbers said before the labels are there? Rows of a replay against `full_truth`.

Points are hundredths of balanced accuracy; an error is what was said less the truth. The truth holds every prediction
with its true class, so it differs from a final row, too: labels that never come, and labels that are wrong.
"""

from collections.abc import Mapping, Sequence
from math import fsum
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import orjson

from benchmarks.real_sets_known import Known
from streams.cli.moments import parse_moment

HOUR_S = 3600
AGES_S: Mapping[int, str] = {0: "0", HOUR_S: "1 h", 6 * HOUR_S: "6 h", 24 * HOUR_S: "1 d"}
"""The looks that are compared: seconds from the end of the window by the watermark."""

FINAL = "final"
LEAST = 100
"""Predictions that a window needs to be compared: below, the truth itself is mostly chance."""


class Look(NamedTuple):
    """What the first row of a window at an age said; None where it said nothing."""

    so_far: float | None
    coverage: float | None
    nowcast: float | None
    lower: float | None
    upper: float | None
    estimated: float | None
    why: str
    truth: float
    final: float | None


class Size(NamedTuple):
    """A window size: the median of the predictions of its windows, by version and window."""

    window: str
    windows: int
    predictions: float


class Errors(NamedTuple):
    """How far off some numbers were: mean absolute error and bias in points; None without any."""

    n: int
    mean: float | None
    bias: float | None


class Rows(NamedTuple):
    """What is needed of `windows.jsonl`: the newest row of each (window, version, start), and looks by name of age."""

    newest: Mapping[tuple[str, str, int], Mapping[str, Any]]
    looks: Mapping[str, Sequence[Look]]
    sizes: Sequence[Size]


def read(folder: Path, known: Known) -> Rows:
    """Go through the rows of a replay once; of all predictions together."""
    newest: dict[tuple[str, str, int], Mapping[str, Any]] = {}
    first: dict[tuple[str, int, str], Mapping[str, Any]] = {}
    with (folder / "windows.jsonl").open("rb") as lines:
        for line in lines:
            row = orjson.loads(line)
            if row["segment"] != "all" or row["view"] != "prediction_time":
                continue
            version, start_ms = row["model_version"], parse_moment(row["window_start"])
            newest[row["window"], version, start_ms] = row
            if row["window"] == known.truth_window and row["nowcast_age_s"] in AGES_S:
                first.setdefault((version, start_ms, AGES_S[row["nowcast_age_s"]]), row)
    names = sorted({window for window, _, _ in newest}, key=lambda name: int(name[:-1]) * {"m": 1, "h": 60}[name[-1]])
    return Rows(newest, _looks(newest, first, known), [_size(newest, name) for name in names])


def _looks(
    newest: Mapping[tuple[str, str, int], Mapping[str, Any]], first: Mapping[tuple[str, int, str], Mapping[str, Any]],
    known: Known,
) -> dict[str, list[Look]]:  # fmt: skip
    looks: dict[str, list[Look]] = {name: [] for name in (*AGES_S.values(), FINAL)}
    for (version, start_ms), truth in sorted(known.truth.items()):
        last = newest.get((known.truth_window, version, start_ms))
        if last is None or last["predictions"] < LEAST:
            continue
        final = last["balanced_accuracy"]
        for name in AGES_S.values():
            row = first.get((version, start_ms, name))
            if row is not None:
                looks[name].append(_look(row, truth, final))
        looks[FINAL].append(_look(last, truth, final))
    return looks


def _look(row: Mapping[str, Any], truth: float, final: float | None) -> Look:
    reasons = dict(part.partition(": ")[::2] for part in (row["undefined"] or "").split("; "))
    return Look(
        row["balanced_accuracy"],
        row["coverage"],
        row["balanced_accuracy_nowcast"],
        row["balanced_accuracy_nowcast_lower"],
        row["balanced_accuracy_nowcast_upper"],
        row["balanced_accuracy_estimated"],
        str(reasons.get("balanced_accuracy_nowcast", reasons.get("outlook", ""))),
        truth,
        final,
    )


def _size(newest: Mapping[tuple[str, str, int], Mapping[str, Any]], name: str) -> Size:
    counts = [row["predictions"] for (window, _, _), row in newest.items() if window == name]
    return Size(name, len(counts), float(median(counts)))


def main_window(sizes: Sequence[Size]) -> str:
    """The smallest size whose median window has at least `LEAST` predictions; the largest one if none has."""
    return next((size.window for size in sizes if size.predictions >= LEAST), sizes[-1].window)


def errors(said: Sequence[tuple[float | None, float | None]]) -> Errors:
    """Of (said, truth), where both are there."""
    off = [100 * (value - truth) for value, truth in said if value is not None and truth is not None]
    if not off:
        return Errors(0, None, None)
    return Errors(len(off), fsum(map(abs, off)) / len(off), fsum(off) / len(off))


def held(looks: Sequence[Look], what: str) -> tuple[int, int]:
    """(how many intervals of nowcasts hold `what`, how many there are)."""
    pairs = [
        (look.lower, getattr(look, what), look.upper)
        for look in looks
        if look.lower is not None and look.upper is not None and getattr(look, what) is not None
    ]
    return sum(lower <= value <= upper for lower, value, upper in pairs), len(pairs)
