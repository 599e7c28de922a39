"""What is known about a real log set: changes, deployments, what its description notes, and the truth of each window.

Only `changes` are scored: the annotated change points. What is noted (prose, not a change point) and deployments (every
version has detectors of its own) are shown beside them.
"""

import gzip
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from streams.cli.moments import parse_moment
from streams.cli.score_changes import Change, read_changes

ANSWERS = "expected.json"

SETS = ("flights", "flights_mini", "elec2", "insects", "nslkdd")

KNOWN, NOTED = "known change", "noted"
"""How the words of a mark begin; those of a deployment say so."""

_NOTED: Mapping[str, tuple[tuple[str, str], ...]] = {
    "insects": (
        ("ins-005400-1", "shares of classes move (row ~10,400)"),
        ("ins-006000-1", "only sp4 and sp5 (row 11,000)"),
        ("ins-007000-1", "only sp4 (row 12,000)"),
        ("ins-008800-1", "levels of features shift (rows 13,800 to 14,200)"),
        ("ins-019000-2", "only sp5 (row 24,000)"),
    ),
    "nslkdd": (("2025-09-02T06:00:00Z", "six times as many predictions, for 30 minutes"),),
    "flights_mini": (("2013-11-03T06:00:00Z", "01:00 to 02:00 in New York occurs twice"),),
}
"""What the descriptions note, by time or by the id of the prediction with which it begins."""

_TRUTH_OF = {"flights_mini": "flights"}
"""A slice of another set: its windows hold the same predictions, so their truth is in the other's answers."""


class Moment(NamedTuple):
    """Something that happened."""

    at_ms: int
    words: str


class Known(NamedTuple):
    """`truth`: balanced accuracy of all predictions with all true classes, by (version, start in ms) of windows."""

    changes: tuple[Change, ...]
    deployments: tuple[Moment, ...]
    noted: tuple[Moment, ...]
    truth_window: str
    truth: Mapping[tuple[str, int], float]


def known(data: Path, name: str) -> Known:
    """What is known about a set. Raises `ConfigError` where its answers are damaged."""
    path = data / name / ANSWERS
    answers = json.loads(path.read_text(encoding="utf-8"))
    full = json.loads((data / _TRUTH_OF.get(name, name) / ANSWERS).read_text(encoding="utf-8"))
    truth = {
        (window["model_version"], window["window_start"]): window["balanced_accuracy"]
        for window in full["full_truth"]
        if window["balanced_accuracy"] is not None
    }
    hours = full["window_s"] // 3600
    return Known(
        tuple(read_changes(path)),
        tuple(_deployment(entry) for entry in answers["drift"].get("deploys", ())),
        tuple(_noted(data / name, _NOTED.get(name, ()))),
        f"{hours}h",
        truth,
    )


def marks(known: Known) -> list[tuple[str, int, str]]:
    """(letter, time in ms, words) of what is marked in pictures, changes first."""
    told = [(change.at_ms, f"{KNOWN}: {change.name.partition(':')[0]}") for change in known.changes]
    told += [(moment.at_ms, f"deployment: {moment.words}") for moment in known.deployments]
    told += [(moment.at_ms, f"{NOTED}: {moment.words}") for moment in known.noted]
    return [(chr(ord("A") + number), at_ms, words) for number, (at_ms, words) in enumerate(told)]


def _deployment(entry: Any) -> Moment:
    if isinstance(entry, list):
        return Moment(parse_moment(f"{entry[0]}T00:00:00Z"), f"new version at {entry[1].removeprefix('canary ')}")
    at = entry.get("event_time_iso", entry.get("event_time"))
    words = entry.get("what") or f"new version at {100 * entry['share_v2']:.0f} %"
    return Moment(parse_moment(at), words.partition(":")[0])


def _noted(folder: Path, noted: tuple[tuple[str, str], ...]) -> Iterator[Moment]:
    ids = {at for at, _ in noted if not at.endswith("Z")}
    times: dict[str, int] = {}
    if ids:
        with gzip.open(folder / "predictions.jsonl.gz") as lines:
            for line in lines:
                row = orjson.loads(line)
                if row["prediction_id"] in ids:
                    times[row["prediction_id"]] = row["event_time"]
    for at, words in noted:
        yield Moment(times[at] if at in ids else parse_moment(at), words)
