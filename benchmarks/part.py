"""One part of the benchmarks by hand: `python -m benchmarks.<part> [--quick]` prints its result as JSON."""

import argparse
import sys
from collections.abc import Callable
from typing import Any

import orjson

from benchmarks.broker import Broker, broker
from benchmarks.fill import fill
from benchmarks.processes import end_on_sigterm
from benchmarks.sizes import FULL, QUICK, Sizes

Result = dict[str, Any]
"""What a part found: plain values for JSON."""

Part = Callable[[Broker, Sizes], Result]
"""A measurement on a running broker. It leaves no process, and no topic but the filled ones."""


def alone(part: Part, about: str, *, filled: bool) -> None:
    """Run one part on a broker of its own; `filled`: it reads the filled topics."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small, to see that it works")
    size = QUICK if parser.parse_args().quick else FULL
    end_on_sigterm()
    with broker() as running:
        if filled:
            fill(running, size)
        show(part(running, size))


def show(result: Result) -> None:
    """Print a result."""
    sys.stdout.write(orjson.dumps(result, option=orjson.OPT_INDENT_2).decode() + "\n")
