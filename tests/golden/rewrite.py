"""The golden files: a small input cut out of the demo's CC0 slice, and what a replay makes of it, byte for byte.

    python -m tests.golden.rewrite           writes the output files anew; read the diff before it is committed
    python -m tests.golden.rewrite --input   cuts the input anew, too

The input is 200 predictions around the roll-out of the second version with all their labels, and a few lines that
are not as they should be.
"""

import gzip
import json
import sys
from pathlib import Path

from streams.formats.reasons import Kind
from streams.runtime.config.job import Config, load
from streams.runtime.replay import Summary, replay
from tests.support.answers import SLICE

HERE = Path(__file__).parent
INPUT, OUTPUT = HERE / "input", HERE / "output"
FILES = [(Kind.PREDICTION, INPUT / "predictions.jsonl"), (Kind.LABEL, INPUT / "labels.jsonl")]
FIRST, COUNT = 10_600, 200
BAD_LINES = ["{oops", '{"prediction_id":"no-class","event_time":"2013-08-14T12:00:00Z"}']


def config() -> Config:
    """The configuration beside the files."""
    return load(HERE / "job.toml", {})


def run(out: Path) -> Summary:
    """Replay the input into a folder."""
    return replay(config(), FILES, out, now_ms=None)


def cut() -> None:
    """Cut the input out of the slice: some predictions, one of them twice, all their labels, bad lines between."""
    predictions = _lines(SLICE / "predictions.jsonl.gz")[FIRST : FIRST + COUNT]
    ids = {json.loads(line)["prediction_id"] for line in predictions}
    labels = [line for line in _lines(SLICE / "labels.jsonl.gz") if json.loads(line)["prediction_id"] in ids]
    orphan = json.dumps({**json.loads(labels[0]), "prediction_id": "orphan-1"}, separators=(",", ":"))
    INPUT.mkdir(exist_ok=True)
    _write(FILES[0][1], [*predictions[:100], *BAD_LINES, predictions[99], *predictions[100:]])
    _write(FILES[1][1], [labels[0], orphan, labels[0], *labels[1:]])


def _lines(path: Path) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return lines.read().splitlines()


def _write(path: Path, lines: list[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    if "--input" in sys.argv[1:]:
        cut()
    sys.stdout.write(f"{run(OUTPUT)}\n")
