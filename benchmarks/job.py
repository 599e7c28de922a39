"""How fast is the whole job on a real Kafka, and what does it cost: from raw topics to rows, in one process or more?

    python -m benchmarks.job [--quick]

The job reads the filled topics with its default configuration. The clock runs from the first look at which every
worker has decoded something (of two, the first one begins alone, for it may be up a second sooner) to the first one at
which the joins have folded the last row; then the audits must say that every prediction and every label was counted.
A look is one request of each metrics page, which costs the worker 2 ms: ten a second at the begin and at the end, two a
second in between.

How the end is seen: a join's reading of the ledger goes on after the last row, but only in small progress records.
So the end is the last look before which more of the ledger was read than progress records are long. Rows reach the
output topics up to a tick and a flush later; that is what `benchmarks.latency` measures.
"""

import itertools
import time
from dataclasses import dataclass

from benchmarks.broker import Broker, NotDoneError
from benchmarks.part import Result, alone
from benchmarks.processes import cpu_s
from benchmarks.sizes import Sizes
from benchmarks.workers import Audits, Job, Worker

TIMEOUT_S = 240.0
LOOK_S, MIDWAY_S = 0.1, 0.5
PROGRESS_BYTES = 60_000
"""More than the progress records of a tick to all ledger partitions, less than one batch's blocks."""


@dataclass(frozen=True, slots=True)
class Look:
    """All workers at one moment: events decoded by each, bytes of the ledger read by all, CPU seconds."""

    at_s: float
    events: tuple[float, ...]
    ledger_bytes: float
    cpu_s: tuple[float, ...]
    broker_cpu_s: float


def measure(broker: Broker, size: Sizes) -> Result:
    """The job in one process and in two."""
    return {"one": throughput(broker, size, 1, "one"), "two": throughput(broker, size, 2, "two")}


def throughput(broker: Broker, size: Sizes, count: int, name: str) -> Result:
    """Events/s, CPU of each process, peak memory; raises NotDoneError when the counts are wrong."""
    total = 2 * size.predictions
    job = Job(broker, f"bench-{name}")
    with job.workers(count) as workers, Audits(job) as audits:
        looks = [look(broker, workers)]
        until_s = time.monotonic() + TIMEOUT_S
        while audits.received() < total:
            if time.monotonic() > until_s:
                raise NotDoneError(f"{audits.received():,} of {total:,} events joined in {TIMEOUT_S:.0f} s")
            midway = 0.05 < sum(looks[-1].events) / total < 0.9
            time.sleep(MIDWAY_S if midway else LOOK_S)
            looks.append(look(broker, workers))
        audits.check(size.predictions, size.predictions)
        peaks = [worker.peak_mib for worker in workers]
        held = sum(worker.metrics().sum("quality_join_held_bytes") for worker in workers)
    broker.drop(f"{job.name}.")
    return summary(looks, total) | {"peak_mib": peaks, "held_mib": round(held / 2**20)}


def look(broker: Broker, workers: list[Worker]) -> Look:
    """How far the workers are now."""
    pages = [worker.metrics() for worker in workers]
    return Look(
        time.monotonic(), tuple(page.sum("quality_events_total") for page in pages),
        sum(page.sum("quality_bytes_read_total", stage="join") for page in pages),
        tuple(worker.cpu_s for worker in workers), cpu_s(broker.pid),
    )  # fmt: skip


def summary(looks: list[Look], total: int) -> Result:
    """Rates between the first and the last look at which all worked. Raises NotDoneError when there are not two."""
    first = next((n for n, seen in enumerate(looks) if any(seen.events)), 1)
    every = (n for n, seen in enumerate(looks) if all(seen.events) and sum(seen.events) < total / 2)
    began = ended = looks[next(every, max(first - 1, 0))]  # so few that one worker had all of them: from before that
    for before, after in itertools.pairwise(looks):
        if after.ledger_bytes - before.ledger_bytes > PROGRESS_BYTES and after.at_s > began.at_s:
            ended = after
    took_s, events = ended.at_s - began.at_s, total - sum(began.events)
    if took_s <= 0 or events <= 0:
        raise NotDoneError("everything was read between two looks: too few events to say anything")
    each = [after - before for before, after in zip(began.cpu_s, ended.cpu_s, strict=True)]
    return {
        "events": round(events),
        "shares": [round(count / total, 2) for count in looks[-1].events],
        "took_s": round(took_s, 2),
        "events_per_s": round(events / took_s),
        "cpu_us_per_event": round(1e6 * sum(each) / events, 3),
        "cpu_share": [round(cpu / took_s, 2) for cpu in each],
        "broker_cpu_us_per_event": round(1e6 * (ended.broker_cpu_s - began.broker_cpu_s) / events, 3),
    }


if __name__ == "__main__":
    alone(measure, __doc__ or "", filled=True)
