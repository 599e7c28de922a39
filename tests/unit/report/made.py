"""Rows of a job that never ran: seeded, of any size, in the shape of docs/outputs.md."""

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from streams.quality.measures.intervals import balanced_accuracy_interval, wilson
from streams.report.reading import Sourced
from streams.report.rows import StreamName

HOUR_MS = 3_600_000
START_MS = 1_767_225_600_000  # 2026-01-01

Rows = dict[str, list[dict[str, Any]]]


class Made:
    """Rows as a source."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def rows(self, stream: StreamName) -> Iterator[Sourced] | None:
        found = self._rows.get(stream)
        return None if found is None else (Sourced(f"{stream} {i}", row) for i, row in enumerate(found, 1))


def time(ms: int) -> str:
    return f"{np.datetime64(ms, 'ms')}Z"


def identity(schema: str, version: str, start_ms: int, *, model: str, status: str, hours: int) -> dict[str, Any]:
    window = f"{hours}h"
    return {
        "schema": f"quality.{schema}.v1",
        "metric_key": f"{model}|{version}|all|{window}|prediction_time|{time(start_ms)}",
        "model": model,
        "model_version": version,
        "segment": "all",
        "window": window,
        "view": "prediction_time",
        "window_start": time(start_ms),
        "window_end": time(start_ms + hours * HOUR_MS),
        "status": status,
        "revision": 7,
        "watermark": time(start_ms + 2 * hours * HOUR_MS),
    }


def make(
    *, versions: Sequence[str] = ("v1", "v2"), classes: Sequence[str] = ("cat", "dog", "owl"), windows: int = 30,
    labels: int = 200, model: str = "zoo", hours: int = 24, seed: int = 5,
) -> Rows:  # fmt: skip
    """Versions begin one after another and go on; the last five windows are open, the five before settled."""
    rng = random.Random(seed)
    rows: Rows = {name: [] for name in ("windows", "classes", "confusion", "calibration", "drift", "delays")}
    for number, version in enumerate(versions):
        for position in range(number * windows // (len(versions) + 1), windows):
            age = windows - position
            status = "open" if age <= 5 else "settled" if age <= 10 else "final"
            start = START_MS + position * hours * HOUR_MS
            place: dict[str, Any] = {"model": model, "status": status, "hours": hours}
            table = _table(
                rng, len(classes), labels, skill=max(0.4, 0.85 - 0.1 * number) - (0.2 if position > windows // 2 else 0)
            )
            _window(rows, identity("window", version, start, **place), classes, table, age, rng)
            _scores(rows, version, start, place, rng, labels)
            _drift(rows, identity("drift", version, start, **place), position, windows, classes)
    return rows


def _table(rng: random.Random, size: int, labels: int, skill: float) -> np.ndarray[Any, np.dtype[np.int64]]:
    table = np.zeros((size, size), np.int64)
    for _ in range(labels):
        actual = min(int(rng.expovariate(3 / size)), size - 1)
        predicted = actual if rng.random() < skill else rng.randrange(size)
        table[actual, predicted] += 1
    return table


def _window(
    rows: Rows, place: dict[str, Any], classes: Sequence[str], table: np.ndarray[Any, np.dtype[np.int64]], age: int,
    rng: random.Random,
) -> None:  # fmt: skip
    support, hits, predicted = table.sum(axis=1), table.diagonal(), table.sum(axis=0)
    known = [(int(h), int(s)) for h, s in zip(hits, support, strict=True) if s]
    balanced = sum(h / s for h, s in known) / len(known)
    lower, upper = balanced_accuracy_interval(known)
    labelled = int(table.sum())
    is_open = place["status"] != "final"
    rows["windows"].append({
        **place, "predictions": round(labelled / (0.5 if age <= 5 else 0.95)), "labelled": labelled,
        "classes_expected": None, "classes_with_support": len(known), "min_support": min(s for _, s in known),
        "low_support": min(s for _, s in known) < 5, "balanced_accuracy": balanced, "balanced_accuracy_lower": lower,
        "balanced_accuracy_upper": upper, "undefined": None,
        "balanced_accuracy_nowcast": balanced * 0.96 if is_open else None,
        "balanced_accuracy_nowcast_lower": lower * 0.96 if is_open else None,
        "balanced_accuracy_nowcast_upper": upper * 0.96 if is_open else None,
    })  # fmt: skip
    for i, name in enumerate(classes):
        ends = wilson(hits[i] / support[i], int(support[i])) if support[i] else (None, None)
        rows["classes"].append({
            **place, "schema": "quality.class.v1", "class": name, "tp": int(hits[i]), "support": int(support[i]),
            "predicted": int(predicted[i]), "recall": float(hits[i] / support[i]) if support[i] else None,
            "recall_lower": ends[0], "recall_upper": ends[1],
            "precision": float(hits[i] / predicted[i]) if predicted[i] else None, "f1": rng.random(),
        })  # fmt: skip
        rows["confusion"] += [
            {**place, "schema": "quality.confusion.v1", "actual": name, "predicted": other, "count": int(table[i, j])}
            for j, other in enumerate(classes)
            if table[i, j]
        ]


def _scores(
    rows: Rows, version: str, start: int, place: dict[str, Any], rng: random.Random, labels: int
) -> None:  # fmt: skip
    for number in range(4, 20):
        low, many = number / 20, max(1, labels * (number - 3) // 130)
        correct = sum(rng.random() < low - 0.06 for _ in range(many))
        rows["calibration"].append({
            **identity("calibration", version, start, **place), "bin": number, "confidence_lower": low,
            "confidence_upper": low + 0.05, "predictions": many + 1, "labelled": many, "correct": correct,
            "confidence_mean": low + 0.025, "accuracy": correct / many, "undefined": None,
        })  # fmt: skip
    edges = [0, 60, 600, 3_600, 21_600, 86_400, 172_800, None]
    for name, share in ((None, 1), ("cat", 2)):
        rows["delays"] += [
            {
                **identity("delay", version, start, **place), "class": name, "delay_from_s": low, "delay_to_s": high,
                "count": int(labels * part / share),
            }
            for low, high, part in zip(edges[:-1], edges[1:], (0.02, 0.1, 0.3, 0.3, 0.2, 0.07, 0.01), strict=True)
        ]  # fmt: skip


def _drift(rows: Rows, place: dict[str, Any], position: int, windows: int, classes: Sequence[str]) -> None:
    """Performance is in an incident from the middle on for a third of the history, predictions at the end."""
    middle = windows // 2
    for kind, first, last in (("performance", middle, middle + windows // 3), ("prediction", windows - 4, windows),
                              ("score", windows, windows), ("variance", windows, windows)):  # fmt: skip
        inside = first <= position <= last
        is_ready = position >= min(5, windows // 3)
        rows["drift"].append({
            **place, "kind": kind, "subject": classes[0] if inside else None,
            "level": "alarm" if inside else "now" if position % 11 == 9 else "quiet",
            "incident": time(START_MS + first * int(place["window"][:-1]) * HOUR_MS) if inside else None,
            "incident_status": None if not inside else "closed" if position == last else "open", "reference": "first",
            "statistic": 4.2 if is_ready else None, "p_value": 1e-5 if inside else 0.4, "effect": 0.07,
            "explains": "concept_shift" if inside else None,
            "undefined": None if is_ready else "statistic: no reference",
        })  # fmt: skip


def write(rows: Rows, folder: Path) -> Path:
    """The rows as the files of a replay."""
    folder.mkdir(parents=True, exist_ok=True)
    for stream, found in rows.items():
        (folder / f"{stream}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in found))
    return folder
