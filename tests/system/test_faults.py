"""Workers that are killed, paused and woken while both logs fill: final rows are those of a recount, all the same.

Moments are random; the seed is printed, and `STREAMS_SEED` sets it.
"""

import os
import random
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.runtime.play import Delivery
from tests.support.answers import LogSet, log_set
from tests.support.clusters import RealCluster
from tests.support.job import Job, WorkerProcess
from tests.system.test_job import check_order

pytestmark = pytest.mark.system

WORKERS, KILLS = 3, 6
DEADLINE_S = 240.0


def sizes(logs: LogSet) -> str:
    return f'[windows]\nsizes = ["{logs.window}", "7d"]\n'


@pytest.fixture
def chance() -> random.Random:
    seed = int(os.environ.get("STREAMS_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
    print(f"STREAMS_SEED={seed}")  # noqa: T201 - a failure shows it; it also says whether members are static
    return random.Random(seed)


class Loader(threading.Thread):
    """Plays lines into the topics from a thread of its own, so many a second; `fraction` is how far it is."""

    def __init__(self, job: Job, lines: list[Delivery], rate_per_s: int) -> None:
        super().__init__(daemon=True)
        self._job, self._lines, self._rate_per_s = job, lines, rate_per_s
        self._tick = threading.Event()
        self.sent = 0

    @property
    def fraction(self) -> float:
        return self.sent / len(self._lines)

    def run(self) -> None:
        self._job.play_lines(self._lines, pace=self._pace)

    def hurry(self) -> None:
        """Play the rest without pauses."""
        self._tick.set()

    def _pace(self, n: int) -> None:
        self.sent = n
        if n % 200 == 0:
            self._tick.wait(200 / self._rate_per_s)


def pause_at_random(chance: random.Random, least_s: float, most_s: float) -> None:
    """Let some time pass: the moment of a fault is part of the test's input, not a wait for something."""
    threading.Event().wait(chance.uniform(least_s, most_s))


def lost_partitions(worker: WorkerProcess) -> bool:
    """Whether it was told that partitions were taken from it."""
    return any(line.get("event") == "partitions given up" and line["lost"] for line in worker.events)


def kill_in_turn(job: Job, chance: random.Random, start: Callable[[int], WorkerProcess]) -> None:
    """Kill the workers one after the other, whatever they are doing, and start each again at once."""
    slots = [start(slot) for slot in range(WORKERS)]
    job.wait(lambda: any(worker.ready for worker in slots), "a worker is ready")
    for number in range(KILLS):
        pause_at_random(chance, 0.5, 4.0)
        slot = number % WORKERS
        slots[slot].kill()
        slots[slot] = start(slot)


def test_workers_killed_in_turn_leave_the_rows_of_a_recount(
    cluster: RealCluster, tmp_path: Path, chance: random.Random
) -> None:
    logs = log_set("insects")
    static = chance.random() < 0.5
    with Job(cluster, tmp_path, tables=sizes(logs)) as job:

        def start(slot: int) -> WorkerProcess:
            lines = f'static_member = "worker-{slot}"' if static else ""
            return job.start(job.write_config(f"slot-{slot}.toml", kafka_lines=lines))

        loader = Loader(job, job.lines_of(logs), 2_000)
        loader.start()
        kill_in_turn(job, chance, start)
        assert loader.fraction > 0.1
        loader.hurry()
        loader.join(DEADLINE_S)
        job.finish(DEADLINE_S)
        job.check(logs)
        check_order(job)
        assert sum(worker.code == -signal.SIGKILL for worker in job.workers) == KILLS


def test_a_worker_that_slept_past_its_session_changes_nothing_when_it_wakes(
    cluster: RealCluster, tmp_path: Path, chance: random.Random
) -> None:
    logs = log_set("insects")
    with Job(cluster, tmp_path, tables=sizes(logs)) as job:
        for _ in range(WORKERS):
            job.start()
        job.wait(lambda: all(worker.ready for worker in job.workers), "three workers are ready")
        loader = Loader(job, job.lines_of(logs), 8_000)
        loader.start()
        job.wait(lambda: job.at_work(20), "the job is at work")
        pause_at_random(chance, 0.0, 1.0)
        sleeper = job.workers[chance.randrange(WORKERS)]
        sleeper.signal(signal.SIGSTOP)
        try:
            loader.join(DEADLINE_S)
            job.finish(DEADLINE_S)
            before = {noun: len(job.rows(noun)) for noun in ("windows", "classes")}
        finally:
            sleeper.signal(signal.SIGCONT)
        job.wait(lambda: lost_partitions(sleeper) and sleeper.ready, "the sleeper knows, and is back")
        job.wait(lambda: job.drained() and job.judged(), "everything is as it was", DEADLINE_S)
        job.check(logs)
        check_order(job)
        assert before["windows"] > 0
        assert [worker.stop() for worker in job.workers] == [0] * WORKERS
        job.check_logs()
