"""What does an idiomatic Faust job need for the same work: agents, tables with changelogs, a tumbling window?

    python -m benchmarks.faust_job [--quick]

One worker of `benchmarks/faust_app.py` on the same broker, with topics of its own that hold fewer pairs: it takes
some hundred times as long for each. The clock runs from the first event to the last pair that is counted.
"""

from benchmarks.broker import Broker
from benchmarks.faust_app import TOPICS
from benchmarks.fill import fill
from benchmarks.part import Result, alone
from benchmarks.processes import answer
from benchmarks.sizes import Sizes

TIMEOUT_S = 180.0


def measure(broker: Broker, size: Sizes) -> Result:
    """Events/s, CPU an event and peak memory of the worker."""
    fill(broker, size, TOPICS, size.faust_predictions, "gzip")  # it has no lz4
    arguments = [broker.bootstrap, str(size.faust_predictions), str(broker.folder / "faust")]
    found = answer("benchmarks.faust_app", arguments, broker.folder, TIMEOUT_S)
    broker.drop("faust-")
    return found


if __name__ == "__main__":
    alone(measure, __doc__ or "", filled=False)
