"""Cut the demo's slice out of the flights log: eight whole weeks around the roll-out of the second version.

    python -m tests.support.make_demo_slice FLIGHTS_FOLDER

The answers are those of the whole log for windows inside the slice; days and weeks are whole, so they are the same.
"""

import gzip
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

BEGIN = datetime(2013, 7, 18, tzinfo=UTC)
END = datetime(2013, 9, 12, tzinfo=UTC)
TARGET = Path(__file__).resolve().parents[2] / "streams" / "cli" / "demo_data"


def _lines(path: Path) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return list(lines)


def _inside(text: str) -> bool:
    return BEGIN <= datetime.fromisoformat(text) < END


def _write(path: Path, lines: list[str]) -> None:
    with path.open("wb") as stored, gzip.GzipFile("", "wb", 9, stored, mtime=0) as out:
        out.write("".join(lines).encode())


def main(folder: Path) -> None:
    """Write the slice and its answers."""
    every = {json.loads(line)["prediction_id"] for line in _lines(folder / "predictions.jsonl.gz")}
    predictions = [line for line in _lines(folder / "predictions.jsonl.gz") if _inside(json.loads(line)["event_time"])]
    ids = {json.loads(line)["prediction_id"] for line in predictions}
    labels = []
    for line in _lines(folder / "labels.jsonl.gz"):
        row = json.loads(line)
        orphan = row["prediction_id"] not in every and _inside(row["label_time"])
        if row["prediction_id"] in ids or orphan:
            labels.append(line)
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    begin, end = (int(t.timestamp() * 1000) for t in (BEGIN, END))

    def inside(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [row for row in rows if begin <= row["window_start"] < end]

    answers = {
        **{k: expected[k] for k in ("dataset", "model", "versions", "classes", "window_s", "segment_window_s")},
        "definitions": expected["definitions"],
        "windows": inside(expected["windows"]),
        "segment_windows": inside(expected["segment_windows"]),
        "horizon": {
            "horizon_s": expected["horizon"]["horizon_s"],
            "windows": inside(expected["horizon"]["windows"]),
        },
    }
    TARGET.mkdir(exist_ok=True)
    _write(TARGET / "predictions.jsonl.gz", predictions)
    _write(TARGET / "labels.jsonl.gz", labels)
    (TARGET / "expected.json").write_text(json.dumps(answers, separators=(",", ":")) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(predictions)} predictions, {len(labels)} labels, {len(answers['windows'])} windows\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
