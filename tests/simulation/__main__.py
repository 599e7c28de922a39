"""`python -m tests.simulation`: runs by seed, over processes.

--seed 17 replays one, --seeds 0:1000 runs many; each failure is told with its seed and the command that replays it.
"""

import argparse
import os
import sys
from collections import Counter
from time import monotonic

from tests.simulation.runs import everywhere, say


def main() -> int:
    """Run; the exit code is 1 when a seed failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="one seed and its twin")
    parser.add_argument("--seeds", default="0:1000", help="first and one past the last")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    first, _, last = options.seeds.partition(":")
    seeds = range(int(first), int(last or int(first) + 1))
    if options.seed is not None:
        seeds = range(options.seed, options.seed + 1)
        options.processes = 1
    began, done, cpu_s, failed, happened = monotonic(), 0, 0.0, 0, Counter[str]()
    for result in everywhere(seeds, options.processes):
        done, cpu_s, happened = done + result.seeds, cpu_s + result.cpu_s, happened + result.happened
        failed += len(result.failures)
        for failure in result.failures:
            say(str(failure))
    took_s = monotonic() - began
    say(
        f"{done} seeds in {took_s:.0f} s, {60 * done / took_s:.0f} a minute in {options.processes} processes, "
        f"{1000 * cpu_s / done:.0f} ms CPU each; {failed} failed"
    )
    say(", ".join(f"{name} {n}" for name, n in sorted(happened.items())))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
