"""Compare output rows with the answers of a log set: every window, every class, every count and ratio, all final.

The rule is that of the log sets' own script: the highest revision of each row of a segment counts; a row that the
answers do not know is a difference, and so is one that is missing or not final.
"""

import gzip
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]

COUNTS = (("n_predictions", "predictions"), ("n_labelled", "labelled"), ("classes_with_support",) * 2)
RATIOS = ("coverage", "accuracy", "balanced_accuracy")
CELLS = ("tp", "fp", "fn", "tn", "support", "predicted")
WINDOW_NAMES = {300: "5m", 900: "15m", 3600: "1h", 21_600: "6h", 86_400: "24h", 604_800: "7d"}

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = REPOSITORY.parent / "shared" / "data"
SLICE = REPOSITORY / "streams" / "cli" / "demo_data"
COMPARE = SHARED / "compare_metrics.py"


@dataclass(frozen=True)
class LogSet:
    """A folder with a prediction log, a label log and their answers."""

    folder: Path

    @property
    def predictions(self) -> Path:
        return self.folder / "predictions.jsonl.gz"

    @property
    def labels(self) -> Path:
        return self.folder / "labels.jsonl.gz"

    @property
    def expected_file(self) -> Path:
        return self.folder / "expected.json"

    @property
    def expected(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self.expected_file.read_text(encoding="utf-8"))
        return loaded

    @property
    def window(self) -> str:
        return WINDOW_NAMES[self.expected["window_s"]]

    def lines(self) -> tuple[int, int]:
        """How many predictions and labels the logs have, repeats and orphans among them."""
        counts = []
        for path in (self.predictions, self.labels):
            with gzip.open(path) as stored:
                counts.append(sum(1 for _ in stored))
        return counts[0], counts[1]


def log_set(name: str) -> LogSet:
    """A set of the shared data where it is, else the slice that is committed."""
    folder = SHARED / name
    return LogSet(folder if (folder / "expected.json").is_file() else SLICE)


def start_ms(row: Row) -> int:
    """Where a row's window begins."""
    return round(datetime.fromisoformat(row["window_start"]).timestamp() * 1000)


def newest(rows: Iterable[Row], window: str, extra: tuple[str, ...] = ()) -> dict[tuple[Any, ...], Row]:
    """The highest revision of each row of a window, by (segment, start, version) and what `extra` names."""
    found: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        if row["window"] != window:
            continue
        key = (row["segment"], start_ms(row), row["model_version"], *(row[name] for name in extra))
        if key not in found or row["revision"] >= found[key]["revision"]:
            found[key] = row
    return found


def differs(x: float | None, y: float | None) -> bool:
    """Whether two ratios are not the same; undefined is only the same as undefined."""
    if x is None or y is None:
        return x is not y
    return abs(x - y) > 1e-12


def compare_windows(
    windows: Sequence[Row], classes: Sequence[Row], answers: Sequence[Mapping[str, Any]], window: str
) -> list[str]:
    """Every difference between rows and the answers of one window size; answers with a `segment` are of segments.

    What an answer does not say (some leave out `per_class` or `accuracy`) is not compared.
    """
    by_segment = any("segment" in answer for answer in answers)
    found = {k: r for k, r in newest(windows, window).items() if (k[0] != "all") is by_segment}
    found_classes = {k: r for k, r in newest(classes, window, ("class",)).items() if (k[0] != "all") is by_segment}
    wanted = {_key(answer): answer for answer in answers}
    bad = [f"{key}: a window that the answers do not have" for key in sorted(found.keys() - wanted.keys())]
    bad += [f"{key}: missing" for key in sorted(wanted.keys() - found.keys())]
    for key in sorted(wanted.keys() & found.keys()):
        answer, row = wanted[key], found[key]
        bad += [] if row["status"] == "final" else [f"{key}: is {row['status']}, not final"]
        bad += [
            f"{key}: {b} is {row[b]}, should be {answer[a]}" for a, b in COUNTS if a in answer and answer[a] != row[b]
        ]
        bad += [
            f"{key}: {a} is {row[a]}, should be {answer[a]}"
            for a in RATIOS
            if a in answer and differs(answer[a], row[a])
        ]
        for name, cells in answer.get("per_class", {}).items():
            bad += _class_differences((*key, name), cells, found_classes.get((*key, name)))
    return bad


def _key(answer: Mapping[str, Any]) -> tuple[str, int, str]:
    segment = f"segment={answer['segment']}" if "segment" in answer else "all"
    return segment, answer["window_start"], answer["model_version"]


def _class_differences(key: tuple[Any, ...], cells: Mapping[str, int], row: Row | None) -> list[str]:
    if row is None:
        return [f"{key}: missing"] if any(cells[name] for name in ("tp", "fp", "fn")) else []
    bad = [] if row["status"] == "final" else [f"{key}: is {row['status']}, not final"]
    return bad + [f"{key}: {n} is {row[n]}, should be {cells[n]}" for n in CELLS if cells[n] != row[n]]


def compare_segments(
    windows: Sequence[Row], classes: Sequence[Row], answers: Sequence[Mapping[str, Any]], window: str
) -> list[str]:
    """Every difference between the sums of all windows of a size and the answers for (version, segment)."""
    totals: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    cells: dict[tuple[str, str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for (segment, _, version), row in newest(windows, window).items():
        for name in ("predictions", "labelled"):
            totals[segment, version][name] += row[name]
    for (segment, _, version, cls), row in newest(classes, window, ("class",)).items():
        for name in ("tp", "fp", "fn"):
            cells[segment, version, cls][name] += row[name]
    wanted = {(f"segment={a['segment']}", a["model_version"]): a for a in answers}
    segments = {key for key in totals if key[0] != "all"}
    bad = [f"{key}: is only in one of rows and answers" for key in sorted(segments ^ wanted.keys())]
    for key in sorted(segments & wanted.keys()):
        answer, total, recalls, hits = wanted[key], totals[key], [], 0
        for cls, said in answer["per_class"].items():
            tp, fp, fn = (cells[(*key, cls)][name] for name in ("tp", "fp", "fn"))
            tn = total["labelled"] - tp - fp - fn
            counted = {"tp": tp, "fp": fp, "fn": fn, "tn": tn, "support": tp + fn, "predicted": tp + fp}
            bad += [f"{key} {cls}: {n} is {counted[n]}, should be {said[n]}" for n in CELLS if counted[n] != said[n]]
            recalls += [tp / (tp + fn)] if tp + fn else []
            hits += tp
        for name, value in (("n_predictions", total["predictions"]), ("n_labelled", total["labelled"])):
            bad += [f"{key}: {name} is {value}, should be {answer[name]}"] if answer[name] != value else []
        balanced = sum(recalls) / len(recalls) if recalls else None
        accuracy = hits / total["labelled"] if total["labelled"] else None
        for name, ratio in (("balanced_accuracy", balanced), ("accuracy", accuracy)):
            bad += [f"{key}: {name} is {ratio}, should be {answer[name]}"] if differs(ratio, answer[name]) else []
    return bad
