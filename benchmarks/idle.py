"""What does the job cost while nothing happens: percent of a core of one worker without traffic?

    python -m benchmarks.idle [--quick]

One worker with all partitions, default configuration, whose topics hold some thousand pairs that it has counted.
"""

import time

from benchmarks.broker import Broker, wait_for
from benchmarks.fill import fill
from benchmarks.part import Result, alone
from benchmarks.processes import cpu_s
from benchmarks.sizes import Sizes
from benchmarks.workers import Audits, Job

PAIRS = 5_000
SETTLE_S = 5.0
"""After the last row was joined: what still has to be written is written then."""


def measure(broker: Broker, size: Sizes) -> Result:
    """CPU of the worker and of the broker, percent of a core."""
    fill(broker, size, ("idle-predictions", "idle-labels"), PAIRS)
    job = Job(broker, "bench-idle", "idle-predictions", "idle-labels")
    with job.workers() as (worker,), Audits(job) as audits:
        wait_for(lambda: audits.received() >= 2 * PAIRS, "every pair is joined", 60)
        time.sleep(SETTLE_S)
        began_s, worker_s, broker_s = time.monotonic(), worker.cpu_s, cpu_s(broker.pid)
        time.sleep(size.idle_s)
        took_s = time.monotonic() - began_s
        result = {
            "seconds": round(took_s, 1),
            "cpu_percent": round(100 * (worker.cpu_s - worker_s) / took_s, 2),
            "broker_cpu_percent": round(100 * (cpu_s(broker.pid) - broker_s) / took_s, 2),
            "peak_mib": worker.peak_mib,
        }
    broker.drop("idle-")
    broker.drop(f"{job.name}.")
    return result


if __name__ == "__main__":
    alone(measure, __doc__ or "", filled=False)
