"""How long from a label's append to the first windows row that includes it, at several rates?

    python -m benchmarks.latency [--quick]

One worker with its default configuration (tick and flush of a second) and all partitions; a sender in a process of
its own. For each rate fresh topics and a fresh job.

The rule. About twenty pairs a second are probes: the prediction of a probe has a model version
of its own, so a windows row of that version with `labelled` = 1 includes exactly the probe's label and no other. The
labels topic and the windows topic have the broker's append time as timestamps: the latency of a probe is the append
time of its first such row less that of its label, by one clock, whoever else reads or waits. Rows are written in
transactions, so they are readable a little later: `seen` is when a `read_committed` reader of this process had the
row. Probes of the first seconds are left out: the worker is still warming up. A probe without a row is a failure.
"""

import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import orjson

from benchmarks.broker import Broker, Follower, NotDoneError
from benchmarks.part import Result, alone, tried
from benchmarks.processes import ChildError, cpu_s, ended, module, tail
from benchmarks.sender import LABEL_AFTER_S, PROBE, probe_of
from benchmarks.sizes import Sizes
from benchmarks.workers import Job, Worker

PROBES_PER_S = 20
WARM_S = 3.0
PATIENCE_S = 20.0
"""After the last label: a row comes within a tick, or not at all."""


def measure(broker: Broker, size: Sizes) -> Result:
    """One entry for each rate."""
    return {"tick_ms": 1000} | {str(rate): tried(at_rate, broker, rate, size.latency_s) for rate in size.rates}


def at_rate(broker: Broker, rate: int, seconds: int) -> Result:
    """Latencies (ms) at that many events a second, and what the worker costs meanwhile."""
    name = f"latency-{rate}"
    predictions, labels = f"{name}-predictions", f"{name}-labels"
    broker.make(predictions)
    broker.make(labels, settings={"message.timestamp.type": "LogAppendTime"})
    job = Job(broker, f"bench-{name}", predictions, labels)
    with job.workers() as (worker,):
        worker.wait_ready()
        broker.append_time(job.topic("windows"))
        with broker.follow(job.topic("windows")) as follower:
            arguments = [broker.bootstrap, predictions, labels, str(rate), str(seconds + WARM_S), str(PROBES_PER_S)]
            found = watch(broker, worker, follower, arguments, seconds)
    labelled = dict(probe_times(broker, labels))
    broker.drop(f"{name}-")
    broker.drop(f"{job.name}.")
    return {**found.costs, **latencies(labelled, found.rows)}


@dataclass(slots=True)
class Watched:
    """The first row of each probe: its append and when it was seen (ms); what the run cost meanwhile."""

    rows: dict[str, tuple[int, int]] = field(default_factory=dict)
    costs: Result = field(default_factory=dict)

    def take(self, follower: Follower) -> None:
        """Take the rows that came."""
        for row in follower.rows(0.05):
            version = row.value["model_version"]
            if version.startswith(PROBE) and row.value["labelled"] == 1:
                before = self.rows.get(version, (row.written_ms, row.seen_ms))
                self.rows[version] = min(before, (row.written_ms, row.seen_ms))


def watch(broker: Broker, worker: Worker, follower: Follower, arguments: list[str], seconds: int) -> Watched:
    """Send, and read the windows until every probe is in one."""
    found = Watched()
    log_file = broker.folder / "sender.log"
    with ended(module("benchmarks.sender", arguments, log_file, stdout=subprocess.PIPE)) as sender:
        began_s, worker_s, broker_s = time.monotonic(), worker.cpu_s, cpu_s(broker.pid)
        while sender.poll() is None:
            if time.monotonic() - began_s > seconds + WARM_S + LABEL_AFTER_S + PATIENCE_S:
                raise NotDoneError("the sender does not come to an end: the machine cannot keep this rate")
            found.take(follower)
        took_s, worker_s = time.monotonic() - began_s, worker.cpu_s - worker_s
        broker_s = cpu_s(broker.pid) - broker_s
        said, _ = sender.communicate()
    if sender.returncode:
        raise ChildError(f"the sender ended with {sender.returncode}:\n{tail(log_file)}")
    sent = orjson.loads(said)
    until_s = time.monotonic() + PATIENCE_S
    while len(found.rows) < sent["probes"] and time.monotonic() < until_s:
        found.take(follower)
    found.costs = {
        "pairs": sent["pairs"], "sender_late_ms": sent["late_ms"],
        "cpu_percent": round(100 * worker_s / took_s, 1), "broker_cpu_percent": round(100 * broker_s / took_s, 1),
        "peak_mib": worker.peak_mib,
    }  # fmt: skip
    return found


def probe_times(broker: Broker, labels: str) -> Iterator[tuple[str, int]]:
    """The version of each probe and when its label was appended, ms."""
    for value, written_ms in broker.records(labels):
        version = probe_of(value)
        if version is not None:
            yield version, written_ms


def latencies(labelled: Mapping[str, int], rows: Mapping[str, tuple[int, int]]) -> Result:
    """Percentiles over the probes whose labels were appended after the warm-up. Raises NotDoneError for a lost one."""
    missing = sorted(labelled.keys() - rows.keys())
    if missing or not labelled:
        raise NotDoneError(f"{len(missing)} of {len(labelled)} probes are in no window: {missing[:5]}")
    warm_ms = min(labelled.values()) + 1000 * WARM_S
    timed = {version: at for version, at in labelled.items() if at >= warm_ms}
    appended = [rows[version][0] - at for version, at in timed.items()]
    seen = [rows[version][1] - at for version, at in timed.items()]
    return {"probes": len(timed), "append_ms": percentiles(appended), "seen_ms": percentiles(seen)}


def percentiles(values_ms: list[int]) -> dict[str, int]:
    """Median, 99th percentile and maximum, ms; each one a value that was measured."""
    p50, p99 = np.percentile(values_ms, [50, 99], method="higher")
    return {"p50": int(p50), "p99": int(p99), "max": max(values_ms)}


if __name__ == "__main__":
    alone(measure, __doc__ or "", filled=False)
