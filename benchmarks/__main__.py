"""Everything in one run: `python -m benchmarks [--quick] [PART ...]`.

One broker, the topics filled once, then part after part. Each part's result is written as soon as it is there, and
one that fails costs no other: the exit code is 1 then. The full run writes `benchmarks/results` and the tables of
docs/performance.md; the quick one writes `out/benchmarks`, prints the tables and changes nothing else.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import idle, latency, recovery, report, throughput
from benchmarks.broker import Broker, broker
from benchmarks.decode_speed import measure as decode
from benchmarks.fill import fill
from benchmarks.held_tables import measure as held_tables
from benchmarks.machine import machine
from benchmarks.part import EXPECTED, Part, Result, errors, tried
from benchmarks.processes import end_on_sigterm
from benchmarks.results import COMMITTED, read, write
from benchmarks.sizes import FULL, QUICK, Sizes

QUICK_FOLDER = Path("out") / "benchmarks"
INTERRUPTED = 130


def pure_decode(_broker: Broker, size: Sizes) -> Result:
    """The decoder alone."""
    return decode(size.decode_rows, rounds=size.decode_rounds)


def pure_held_tables(_broker: Broker, size: Sizes) -> Result:
    """The held tables alone."""
    return {name: round(value, 3) for name, value in held_tables(size.held_rows, size.held_rounds).items()}


PARTS: dict[str, Part] = {
    "fill": fill,
    "throughput": throughput.measure,
    "recovery": recovery.measure,
    "latency": latency.measure,
    "idle": idle.measure,
    "decode_speed": pure_decode,
    "held_tables": pure_held_tables,
}
"""In this order. `throughput` and `recovery` read what `fill` wrote."""


def run(names: list[str], size: Sizes, folder: Path) -> list[str]:
    """Measure some parts; what went wrong."""
    facts = machine()
    wrong: list[str] = []
    with broker() as running:
        for name in names:
            say(f"{name} ...")
            began_s = time.monotonic()
            result = tried(PARTS[name], running, size)
            write(folder, name, result, facts, size)
            wrong += [f"{name}: {error}" for error in errors(result)]
            say(f"{name}: {time.monotonic() - began_s:.0f} s")
    return wrong


def say(text: Any) -> None:
    """A line for whoever waits."""
    sys.stderr.write(f"{text}\n")


def main() -> int:
    """Run what was asked for; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"some of {', '.join(PARTS)}; all without")
    parser.add_argument("--quick", action="store_true", help="small, to see that it works; changes no document")
    said = parser.parse_args()
    if unknown := set(said.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    wanted = [name for name in PARTS if not said.parts or name in said.parts]
    if {"throughput", "recovery"} & set(wanted) and "fill" not in wanted:
        wanted.insert(0, "fill")
    folder, size = (QUICK_FOLDER, QUICK) if said.quick else (COMMITTED, FULL)
    end_on_sigterm()
    began_s = time.monotonic()
    try:
        wrong = run(wanted, size, folder)
    except KeyboardInterrupt:
        say("interrupted; the results of the parts that were done are kept")
        return INTERRUPTED
    except EXPECTED as error:
        wrong = [str(error)]
    if said.quick:
        sys.stdout.write(report.render(read(folder)))
    else:
        report.update(read(folder))
    say(f"all of it: {time.monotonic() - began_s:.0f} s")
    for sentence in wrong:
        say(f"FAILED {sentence}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
