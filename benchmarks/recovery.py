"""How long until a worker that starts is where the last one was, with a million predictions held?

    python -m benchmarks.recovery [--quick]

Two jobs over the filled topics: `waiting` reads the predictions and an empty label topic, so that every prediction
waits for its label; `labelled` reads both. Each is folded once without checkpoints and stopped; then

- `log`: a worker is started that finds no checkpoint and folds the ledger from its first record;
- `checkpoint`: that one has written checkpoints and is stopped; the next one starts from them;
- `killed`: that one is killed (-9) and another one is started at the same moment: the group waits for the session of
  the dead one to time out before it gives its partitions away.

A worker is recovered when every ledger partition has an audit, written after its start, at or beyond the end that
the partition had before it. `from_start_s` counts from the start of the process, `from_assignment_s` from the moment
at which the group gave it partitions of the ledger. Ticks and flushes are 200 ms here, so as much is the resolution.
"""

import time
from dataclasses import dataclass

from benchmarks.broker import Broker, NotDoneError, wait_for
from benchmarks.fill import LABELS
from benchmarks.part import Result, alone, tried
from benchmarks.sizes import Sizes
from benchmarks.workers import Audits, Job, Worker

TIMEOUT_S = 180.0
NO_LABELS = "no-labels"
RHYTHM = ('tick = "200ms"', 'flush_interval = "200ms"')
NEVER, OFTEN, RARELY = ('checkpoint_interval = "0s"', 'checkpoint_interval = "5s"', 'checkpoint_interval = "10m"')
STAGES = ("join", "judge")


@dataclass(frozen=True, slots=True)
class Expected:
    """What a recovered job must hold: predictions, and labels that won."""

    predictions: int
    labels: int


def measure(broker: Broker, size: Sizes) -> Result:
    """Both jobs."""
    broker.make(NO_LABELS)
    found = {
        "waiting": tried(job, broker, "waiting", NO_LABELS, Expected(size.predictions, 0)),
        "labelled": tried(job, broker, "labelled", LABELS, Expected(size.predictions, size.predictions)),
    }
    broker.drop(NO_LABELS)
    return found


def job(broker: Broker, name: str, labels: str, expected: Expected) -> Result:
    """One job through all its starts."""
    run = Job(broker, f"bench-{name}", labels=labels)
    result: Result = {"predictions": expected.predictions, "labels": expected.labels}
    with run.workers(run=[*RHYTHM, NEVER]) as (worker,), Audits(run) as audits:
        total = expected.predictions + expected.labels
        wait_for(lambda: worker.cpu_s and audits.received() >= total, "everything is folded", TIMEOUT_S)
    ends = broker.ends(run.topic("ledger"))
    with run.workers(run=[*RHYTHM, OFTEN]) as (worker,):
        result["log"] = recovered(run, worker, ends, expected)
        result["checkpoints"] = tried(written, run, worker)
    ends = broker.ends(run.topic("ledger"))
    with run.workers(run=[*RHYTHM, RARELY]) as (worker,):
        result["checkpoint"] = recovered(run, worker, ends, expected)
        require_restored(worker, len(ends))
        killed_ms = time.time_ns() // 1_000_000
        worker.kill()
    ends = broker.ends(run.topic("ledger"))
    with run.workers(run=[*RHYTHM, RARELY]) as (worker,):
        result["killed"] = recovered(run, worker, ends, expected)
        require_restored(worker, len(ends))
        result["killed"]["from_kill_s"] = round(
            result["killed"]["from_start_s"] + (worker.started_ms - killed_ms) / 1000, 2
        )
    broker.drop(f"{run.name}.")
    return result


def recovered(run: Job, worker: Worker, ends: dict[int, int], expected: Expected) -> Result:
    """Wait until a worker is where the one before was; how long that took."""
    reached: dict[int, int] = {}
    with Audits(run) as audits:

        def done() -> bool:
            worker.check()
            for row in audits.rows():
                p = row.value["ledger_partition"]
                if row.written_ms >= worker.started_ms and row.value["position"] >= ends[p]:
                    reached.setdefault(p, row.written_ms)
            return len(reached) == len(ends)

        wait_for(done, "the worker is where the last one was", TIMEOUT_S)
        audits.check(expected.predictions, expected.labels)
    assigned = [e["at_ms"] for e in worker.events("partitions assigned") if e["source"] == "join" and e["count"]]
    done_ms = max(reached.values())
    page = worker.metrics()
    return {
        "from_start_s": round((done_ms - worker.started_ms) / 1000, 2),
        "from_assignment_s": round((done_ms - min(assigned)) / 1000, 2),
        "ledger_mib": round(page.sum("quality_bytes_read_total", stage="join") / 2**20, 1),
        "peak_mib": worker.peak_mib,
    }


def written(run: Job, worker: Worker) -> Result:
    """Wait until every partition has a checkpoint; their sizes and what writing them took."""
    counts = {"join": run.broker.partitions(run.topic("ledger")), "judge": run.broker.partitions(run.topic("tallies"))}

    def done() -> bool:
        page = worker.metrics()
        return all(page.sum("quality_checkpoints_total", stage=stage) >= len(counts[stage]) for stage in STAGES)

    wait_for(done, "every partition has a checkpoint", TIMEOUT_S, 0.2)
    page = worker.metrics()
    found: Result = {"held_mib": round(page.sum("quality_join_held_bytes") / 2**20, 1)}
    for stage in STAGES:
        took_s, number = (page.sum(f"quality_checkpoint_duration_seconds_{x}", stage=stage) for x in ("sum", "count"))
        found[stage] = {
            "partitions": len(counts[stage]),
            "mib": round(page.sum("quality_checkpoint_bytes", stage=stage) / 2**20, 4),
            "seconds_each": round(took_s / number, 3),
        }
    return found


def require_restored(worker: Worker, partitions: int) -> None:
    """Raise NotDoneError when a join did not go on from a checkpoint: then something else was measured."""
    found = sum(1 for event in worker.events("a state was restored") if event["stage"] == "join")
    if found < partitions:
        raise NotDoneError(f"{found} of {partitions} joins went on from a checkpoint")


if __name__ == "__main__":
    alone(measure, __doc__ or "", filled=True)
