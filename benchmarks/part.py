"""One part of the benchmarks by hand: `python -m benchmarks.<part> [--quick]` prints its result as JSON."""

import argparse
import sys
from collections.abc import Callable
from typing import Any, ParamSpec

import orjson
from confluent_kafka import KafkaException

from benchmarks.broker import Broker, NotDoneError, broker
from benchmarks.fill import fill
from benchmarks.processes import ChildError, end_on_sigterm
from benchmarks.sizes import FULL, QUICK, Sizes

P = ParamSpec("P")

Result = dict[str, Any]
"""What a part found: plain values for JSON."""

Part = Callable[[Broker, Sizes], Result]
"""A measurement on a running broker. It leaves no process, and no topic but the filled ones."""


EXPECTED = (NotDoneError, ChildError, KafkaException, OSError)
"""How a measurement fails when the machine or the job fails; anything else is a bug of the benchmark."""


def tried(measure: Callable[P, Result], *args: P.args, **kwargs: P.kwargs) -> Result:
    """The result, or what went wrong as `error`: one figure that cannot be had costs no other."""
    try:
        return measure(*args, **kwargs)
    except EXPECTED as error:
        sys.stderr.write(f"{error}\n")
        return {"error": str(error).partition("\n")[0]}


def errors(result: Any) -> list[str]:
    """Everything that went wrong anywhere in a result."""
    if not isinstance(result, dict):
        return []
    return [found for name, value in result.items() for found in ([value] if name == "error" else errors(value))]


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
