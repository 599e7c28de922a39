"""Who would have been told of what on five real log sets: the tables of docs/real-alerts.md.

python -m benchmarks.real_sets_alerts [--data DIR] [--rows DIR] [SET ...]

Every set is replayed with benchmarks/real_sets_alerts.toml, the same for all, and the rules that a job has when it
names none; below them one error budget with a target for each class (`slo_targets`). The tables between the page's
markers are written anew; the prose around them is by hand. With `--rows` the rows are kept, and a set whose rows are
there is not replayed again.
"""

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from benchmarks import real_sets_alerts_tables as tables
from benchmarks.real_sets import DATA, NOW_MS, ROOT, MissingError
from benchmarks.real_sets_known import ANSWERS, SETS, known
from benchmarks.real_sets_tables import with_parts
from streams.formats.reasons import Kind
from streams.runtime.config.job import load
from streams.runtime.errors import ConfigError
from streams.runtime.replay import replay

CONFIG = Path(__file__).with_suffix(".toml")
DEFAULTS = ROOT / "streams" / "runtime" / "rules" / "default.toml"
PAGE = ROOT / "docs" / "real-alerts.md"

FIRST = 0.1
"""The share of a set's time that is its own history: what its classes did then is their target."""

ROUND = 0.05
LEAST = 100
"""Labels that a class must have in that time to carry a budget."""

Row = Mapping[str, Any]


def main() -> int:
    """Replay what must be and write the page; 78 with a sentence where the sets are missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of the sets; default: ../shared/data")
    parser.add_argument("--rows", type=Path, help="keep the rows here, and use those that are here")
    parser.add_argument("sets", nargs="*", default=SETS, help="only replay these, and do not write the page")
    said = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as folder:
            rows = said.rows or Path(folder)
            for name in said.sets:
                ensure(said.data, name, rows / name)
            if tuple(said.sets) == SETS:
                write(said.data, rows)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def ensure(data: Path, name: str, folder: Path) -> None:
    """The rows of a set in a folder, by a replay unless they are there. Raises `ConfigError` where it is missing."""
    if (folder / "alert_log.jsonl").is_file():
        return
    if not (data / name / ANSWERS).is_file():
        raise MissingError(f"{data} has no log set {name}. Give the folder of the five sets with --data.")
    print(f"replaying {name} ...", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory() as beside:
        path = Path(beside) / "job.toml"
        (Path(beside) / "rules.toml").write_text(rules_text(slo_targets(data / name)), encoding="utf-8")
        path.write_bytes(CONFIG.read_bytes())
        config = load(path, {})
    logs = [(kind, data / name / f"{log}.jsonl.gz") for kind, log in _LOGS]
    replay(config, logs, folder, now_ms=NOW_MS)


_LOGS = ((Kind.PREDICTION, "predictions"), (Kind.LABEL, "labels"))


def slo_targets(folder: Path) -> dict[str, float]:
    """The target of each class: its recall over the first tenth of the set's time, rounded down to 0.05.

    Of all versions together, by the answers of the set; at most 0.95. Classes with fewer than 100 labels then, or a
    recall below 0.05, have none.
    """
    answers = json.loads((folder / ANSWERS).read_text(encoding="utf-8"))
    starts = [window["window_start"] for window in answers["windows"]]
    until = min(starts) + FIRST * (max(starts) + answers["window_s"] * 1000 - min(starts))
    support: dict[str, int] = {}
    hits: dict[str, int] = {}
    for window in answers["windows"]:
        if window["window_start"] < until:
            for name, cells in window["per_class"].items():
                support[name] = support.get(name, 0) + cells["support"]
                hits[name] = hits.get(name, 0) + cells["tp"]
    floors = {name: math.floor(hits[name] / n / ROUND + 1e-9) * ROUND for name, n in support.items() if n >= LEAST}
    return {name: round(min(floor, 1 - ROUND), 2) for name, floor in sorted(floors.items()) if floor > 0}


def rules_text(targets: Mapping[str, float]) -> str:
    """The default rules, and a budget with the target of each class that has one."""
    lowest = min(targets.values())
    own = ", ".join(f'"{name}" = {target}' for name, target in targets.items())
    return (
        f'{DEFAULTS.read_text(encoding="utf-8")}\n[[slo]]\nname = "{tables.SLO}"\nclass = "{"|".join(targets)}"\n'
        f'target = {lowest}\nclass_target = {{ {own} }}\nrunbook = "ErrorBudgetBurn"\n'
    )


def write(data: Path, rows: Path) -> None:
    """The tables of the page anew."""
    seen: list[tables.Told] = []
    for name in SETS:
        answers = json.loads((data / name / ANSWERS).read_text(encoding="utf-8"))
        starts = [window["window_start"] for window in answers["windows"]]
        days = (max(starts) + answers["window_s"] * 1000 - min(starts)) / 86_400_000
        told = tables.episodes(_rows(rows / name / "alert_log.jsonl"))
        recalls = tables.recalls(_rows(rows / name / "classes.jsonl"))
        seen.append(tables.Told(name, days, known(data, name), slo_targets(data / name), told, recalls))
    PAGE.write_text(with_parts(PAGE.read_text(encoding="utf-8"), tables.parts(seen)), encoding="utf-8")


def _rows(path: Path) -> Iterator[Row]:
    with path.open("rb") as lines:
        for line in lines:
            yield orjson.loads(line)


if __name__ == "__main__":
    sys.exit(main())
