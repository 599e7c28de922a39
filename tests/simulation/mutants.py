"""Does the simulation find defects? Plants them one at a time and searches for the first seed that fails.

`python -m tests.simulation.mutants` prints the list, with `--write` also into docs/simulation.md. Seeds go up from 0.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from time import monotonic

import pytest

from streams.ledger.gap import GapError
from tests.simulation.alert_defects import ALERT_DEFECTS
from tests.simulation.checkpoint_defects import CHECKPOINT_DEFECTS
from tests.simulation.ledger_defects import LEDGER_DEFECTS
from tests.simulation.logs import SimulationError
from tests.simulation.runs import prepare, run, say
from tests.simulation.stage_defects import STAGE_DEFECTS
from tests.simulation.state_defects import STATE_DEFECTS

Defect = Callable[[pytest.MonkeyPatch], None]

ROOMS: dict[str, tuple[Defect, ...]] = {
    "Counting and time": LEDGER_DEFECTS,
    "Stages": STAGE_DEFECTS,
    "Checkpoints": CHECKPOINT_DEFECTS,
    "States": STATE_DEFECTS,
    "Alerts": ALERT_DEFECTS,
}
DEFECTS = tuple(defect for defects in ROOMS.values() for defect in defects)
SEEDS = 600
"""Runs after which a defect is given up."""

HEAD = "| defect | what would be wrong | seed | found as | s |"
RULE = "| --- | --- | --- | --- | --- |"
PAGE = Path(__file__).parents[2] / "docs" / "simulation.md"
BEGIN, END = "<!-- mutants: begin -->", "<!-- mutants: end -->"


@dataclass(frozen=True, slots=True)
class Found:
    """The first seed that finds a defect (None: none did), what it said, and how long the search took."""

    defect: str
    seed: int | None
    what: str
    took_s: float


def search(defect: Defect, seeds: Iterable[int] = range(SEEDS)) -> Found:
    """Look for a defect, seed by seed."""
    began = monotonic()
    with pytest.MonkeyPatch.context() as patch:
        defect(patch)
        for seed in seeds:
            try:
                run(seed)
            except (SimulationError, GapError, ValueError) as error:  # anything else: the defect itself is out of date
                return Found(defect.__name__, seed, f"{type(error).__name__}: {error}", monotonic() - began)
    return Found(defect.__name__, None, "", monotonic() - began)


def search_by_name(name: str) -> Found:
    """Look for a defect, in a process of its own."""
    return search(next(d for d in DEFECTS if d.__name__ == name))


def table(found: Iterable[Found]) -> str:
    """The lists of docs/simulation.md."""
    by_name = {f.defect: f for f in found}
    lines: list[str] = []
    for room, defects in ROOMS.items():
        lines += [
            "",
            f"### {room}",
            "",
            "| defect | what would be wrong | seed | found as | s |",
            "| --- | --- | --- | --- | --- |",
        ]
        for defect in defects:
            f = by_name[defect.__name__]
            said = " ".join((defect.__doc__ or "").split())
            what = " ".join(f.what.replace("|", "/").split())[:90]
            lines.append(f"| `{f.defect}` | {said} | {f.seed} | {what} | {f.took_s:.1f} |")
    return "\n".join([*lines, ""])


def listed() -> dict[str, int]:
    """The defects in docs/simulation.md and the seeds that found them."""
    rows = [line.split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    return {row[0].strip("| `"): int(row[2]) for row in rows}


def write(found: Iterable[Found]) -> None:
    """Put the table into the page."""
    text = PAGE.read_text()
    before, after = text[: text.index(BEGIN)], text[text.index(END) :]
    PAGE.write_text(f"{before}{BEGIN}\n{table(found)}\n{after}")


def main() -> int:
    """Search for all; the exit code is 1 when one was not found."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.mutants", description=__doc__)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--write", action="store_true", help="also into docs/simulation.md")
    parser.add_argument("names", nargs="*", help="only these")
    options = parser.parse_args()
    names = options.names or [defect.__name__ for defect in DEFECTS]
    found: list[Found] = []
    with ProcessPoolExecutor(options.processes, get_context("spawn"), prepare) as pool:
        for f in pool.map(search_by_name, names):
            say(f"{f.defect:50} seed {f.seed!s:>4} {f.took_s:5.1f} s  {f.what[:120]}")
            found.append(f)
    missing = [f.defect for f in found if f.seed is None]
    say(f"{len(found) - len(missing)} of {len(found)} defects found; not found: {', '.join(missing) or 'none'}")
    if options.write and not missing and not options.names:
        write(found)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
