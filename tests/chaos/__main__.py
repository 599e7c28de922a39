"""`python -m tests.chaos [SCENARIO ...]`: run scenarios, each on brokers of its own, and print what they ended with."""

import argparse
import random
import signal
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.outcome import Outcome, pauses, table
from tests.chaos.report import write
from tests.chaos.scenarios import SCENARIOS, Scenario, attempt, brokers_of


def say(line: str) -> None:
    """A line for who is watching."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def run(scenario: Scenario, seed: int, seconds: float) -> Outcome:
    """One scenario on its own brokers; its failure is part of the outcome."""
    folder = Path(tempfile.mkdtemp(prefix=f"chaos-{scenario.name}-"))
    say(f"{scenario.name}: {scenario.says}")
    say(f"  python -m tests.chaos {scenario.name} --seed {seed} --seconds {seconds:g}   logs in {folder}")
    try:
        with brokers_of(scenario) as cluster:
            outcome = attempt(scenario, cluster, seed, seconds, folder)
    except Exception as error:  # noqa: BLE001 - the others run all the same
        traceback.print_exc()
        outcome = Outcome(scenario.name, seed, error=f"failed: {type(error).__name__}")
    say("  " + " | ".join(outcome.fields()))
    return outcome


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the scenarios that are named, or all; 1 when something did not hold."""
    parser = argparse.ArgumentParser(prog="tests.chaos", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"of {', '.join(SCENARIOS)}; default: all")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is left to chance; default: any")
    parser.add_argument("--seconds", type=float, help="how long input comes; default: the long form's")
    parser.add_argument("--write", action="store_true", help="write the table of docs/reliability.md")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))  # brokers and workers end with this process
    if unknown := set(options.scenarios) - SCENARIOS.keys():
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    outcomes = []
    for name in options.scenarios or SCENARIOS:
        scenario = SCENARIOS[name]
        seed = options.seed or random.SystemRandom().randrange(1, 1 << 32)
        outcomes.append(run(scenario, seed, options.seconds or scenario.long_s))
    say(f"{table(outcomes)}\n{pauses(outcomes)}")
    if options.write:
        write(outcomes)
    return 1 if any(outcome.error for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
