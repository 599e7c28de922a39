"""What does an idiomatic Faust job need for the same work: agents, tables with changelogs, a tumbling window?

    python -m benchmarks.faust_job [--quick]

One worker of `benchmarks/faust_app.py` on the same broker, with topics of its own that hold fewer pairs: it takes
some hundred times as long for each. The clock runs from the first event to the last pair that is counted.

The changelogs of its tables are made beforehand: Faust makes them itself, but on a busy machine its tables may not see
them in time, an agent then loses an event, and the job never comes to its end. So it has a second try, too.
"""

from contextlib import suppress

from benchmarks.broker import Broker
from benchmarks.faust_app import NAME, TABLES, TOPICS
from benchmarks.fill import fill
from benchmarks.part import Result, alone
from benchmarks.processes import ChildError, answer
from benchmarks.sizes import Sizes

TIMEOUT_S = 150.0
APP = "benchmarks.faust_app"


def measure(broker: Broker, size: Sizes) -> Result:
    """Events/s, CPU an event and peak memory of the worker."""
    with suppress(ChildError):
        return attempt(broker, size)
    return attempt(broker, size)


def attempt(broker: Broker, size: Sizes) -> Result:
    """One try, on fresh topics."""
    try:
        fill(broker, size, TOPICS, size.faust_predictions, "gzip")  # it has no lz4
        for table in TABLES:
            broker.make(f"{NAME}-{table}-changelog", settings={"cleanup.policy": "compact"})
        arguments = [broker.bootstrap, str(size.faust_predictions), str(broker.folder / "faust")]
        return answer(APP, arguments, broker.folder, TIMEOUT_S)
    finally:
        broker.drop("faust-")
        broker.drop(APP)


if __name__ == "__main__":
    alone(measure, __doc__ or "", filled=False)
