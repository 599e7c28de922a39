"""What was found when on five real log sets, and how far off early numbers were: the tables of docs/real-sets.md.

python -m benchmarks.real_sets [--data DIR] [--rows DIR]

Every set is replayed with benchmarks/real_sets.toml, the same for all. The tables between the page's markers and the
pictures in docs/images are written anew; the prose around them is by hand. With `--rows` the rows are kept, and a set
whose rows are there is not replayed again.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks import real_sets_errors, real_sets_tables
from benchmarks.real_sets_errors import Look, Rows
from benchmarks.real_sets_figures import Point, drift_figure, error_figure, svg
from benchmarks.real_sets_found import Found, found
from benchmarks.real_sets_known import ANSWERS, SETS, Known, known, marks
from streams.cli.moments import parse_moment
from streams.formats.reasons import Kind
from streams.ledger.times import rfc3339
from streams.runtime.config.job import Config, load
from streams.runtime.errors import ConfigError
from streams.runtime.replay import replay

ROOT = Path(__file__).parents[1]
CONFIG = Path(__file__).with_suffix(".toml")
PAGE, IMAGES = ROOT / "docs" / "real-sets.md", ROOT / "docs" / "images"
DATA = ROOT.parent / "shared" / "data"
NOW_MS = parse_moment("2100-01-01T00:00:00Z")
"""Later than every event: nothing is rejected as being in the future."""

DRAWN = 20
"""Predictions that a window needs to be drawn."""


class MissingError(ConfigError):
    """The sets are not there."""


def main() -> int:
    """Replay what must be, write page and pictures; 78 with a sentence where the sets are missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of the sets; default: ../shared/data")
    parser.add_argument("--rows", type=Path, help="keep the rows here, and use those that are here")
    said = parser.parse_args()
    try:
        if said.rows is None:
            with tempfile.TemporaryDirectory() as folder:
                write(said.data, Path(folder))
        else:
            write(said.data, said.rows)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def write(data: Path, rows: Path) -> None:
    """Page and pictures anew. Raises `ConfigError` where a set is missing."""
    for name in SETS:
        if not (data / name / ANSWERS).is_file():
            raise MissingError(f"{data} has no log set {name}. Give the folder of the five sets with --data.")
    config = load(CONFIG, {})
    parts: dict[str, str] = {}
    seen: dict[str, tuple[Found, Mapping[str, Sequence[Look]]]] = {}
    for name in SETS:
        facts = known(data, name)
        folder = rows / name
        if not (folder / "windows.jsonl").is_file():
            print(f"replaying {name} ...", file=sys.stderr, flush=True)
            files = [(Kind.PREDICTION, "predictions"), (Kind.LABEL, "labels")]
            logs = [(kind, data / name / f"{log}.jsonl.gz") for kind, log in files]
            replay(config, logs, folder, now_ms=NOW_MS, read=lambda _: None)
        said = real_sets_errors.read(folder, facts)
        drift, own = section(name, folder, facts, said, config)
        seen[name] = drift, said.looks
        parts |= own
    parts["summary"] = real_sets_tables.summary_part(seen)
    PAGE.write_text(real_sets_tables.with_parts(PAGE.read_text(encoding="utf-8"), parts), encoding="utf-8")


def section(name: str, folder: Path, facts: Known, said: Rows, config: Config) -> tuple[Found, dict[str, str]]:
    """What was found on a set, and its generated parts by the name of their marker; its pictures are written."""
    window = real_sets_errors.main_window(said.sizes)
    length_ms = next(spec.size_ms for spec in config.quality.windows if spec.name == window)
    drift = found(folder, window, facts, config.quality.timing.settle_ms)
    IMAGES.mkdir(parents=True, exist_ok=True)
    key = [f"{letter}: {rfc3339(at_ms)[:16].replace('T', ' ')}, {words}" for letter, at_ms, words in marks(facts)]
    points = _points(said, window)
    drawings = {
        "drift": svg(lambda: drift_figure(drift, facts, points, length_ms, key)),
        "errors": svg(lambda: error_figure(said.looks)),
    }
    for what, drawn in drawings.items():
        (IMAGES / f"real-sets-{name}-{what}.svg").write_text(drawn, encoding="utf-8")
    every = _every(folder, window, drift, facts, config, [size.window for size in said.sizes])
    return drift, {
        f"{name} found": real_sets_tables.found_part(name, drift, facts, said, every),
        f"{name} errors": real_sets_tables.errors_part(name, said.looks, facts),
    }


def _every(
    folder: Path, window: str, drift: Found, facts: Known, config: Config, sizes: Sequence[str]
) -> Mapping[str, Found]:
    """What was found on each size of windows."""
    settle_ms = config.quality.timing.settle_ms
    return {size: drift if size == window else found(folder, size, facts, settle_ms) for size in sizes}


def _points(said: Rows, window: str) -> dict[str, list[Point]]:
    """The final balanced accuracy of each window by version, in order of time; only of windows worth a line."""
    points: dict[str, list[Point]] = {}
    for (size, version, start_ms), row in sorted(said.newest.items()):
        if size != window:
            continue
        rows = points.setdefault(version, [])
        if row["predictions"] >= DRAWN:
            value = row["balanced_accuracy"]
            ends = row["balanced_accuracy_lower"], row["balanced_accuracy_upper"]
            rows.append((start_ms, value, *ends))
    return points


if __name__ == "__main__":
    sys.exit(main())
