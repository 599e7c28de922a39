"""One run of a scenario: a job, its workers and its loader, what is done to them, and what must hold afterwards.

After any scenario `finish` demands: final rows equal a recount of what was sent; every audit ever written balances and
the last ones add up to what was sent; workers that were to end ended as they should and no other one did; no log says
`error`; memory stayed bounded; every partition is owned, every group is at the end, no transaction is open; and all
that is left stops in order.
"""

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import Any, Self

from streams.formats.reasons import Kind
from streams.runtime.control import advance, source_ends
from streams.runtime.errors import StreamsError
from tests.chaos.feed import Event, Feed, answers, feed, lost_and_doubled
from tests.chaos.loader import Loader, Place
from tests.chaos.outcome import Outcome
from tests.chaos.stuck import nothing_is_stuck
from tests.chaos.timeline import Fault, Timeline
from tests.support.answers import compare_windows, newest
from tests.support.clusters import RealCluster
from tests.support.job import Job, WorkerProcess
from tests.support.ledger import Row
from tests.support.topic_rows import read_records

DEADLINE_S = 240.0
"""A job that was left alone has finished within this, also on a slow machine."""

MOST_MIB = 700.0
"""No worker may ever need more: its queues and tables at this rate need less than half."""

SESSION_S = 10.0
"""A worker that was silent for longer has lost its partitions, for sure."""

UNAVAILABLE = 69
RATE_PER_S = 1_500


class Trial:
    """What scenarios are written with. A context manager: nothing of it runs afterwards."""

    def __init__(self, name: str, cluster: RealCluster, folder: Path, seed: int, seconds: float) -> None:
        self.cluster, self.folder, self.seconds = cluster, folder, seconds
        self.chance = Random(seed)
        self.outcome = Outcome(name, seed)
        self.expected_codes: dict[int, set[int]] = {}  # of workers that may end by themselves, by their number
        self.faults: list[Fault] = []
        self.unread: set[Place] = set()  # what was sent and could never be read
        self.restarts = False  # whether a worker that found no broker (69) is started again, as a supervisor does
        self._replaced: set[int] = set()
        self._began_s = time.monotonic()
        self._timeline: Timeline | None = None

    def open(
        self,
        *,
        live: bool | None = None,
        rate_per_s: int = RATE_PER_S,
        checkpoint_interval: str = "",
        run_lines: str = "",
        tables: str = "",
        **job: Any,
    ) -> None:
        """A job without workers, and what it will be sent; `job` are options of `Job`. What is left out is chance."""
        live = self.chance.random() < 0.5 if live is None else live
        self.feed = self.new_feed(live=live, rate_per_s=rate_per_s)
        interval = checkpoint_interval or self.chance.choice(("1s", "5s", "1m"))
        self.tables = f'checkpoint_interval = "{interval}"\n{run_lines}{self.feed.tables}'
        self.job = Job(self.cluster, self.folder, tables=self.tables + tables, **job)

    def new_feed(self, *, live: bool, rate_per_s: int = RATE_PER_S) -> Feed:
        """A feed that begins now and lasts as long as the scenario is told to."""
        begin_ms = int(time.time()) * 1000
        return feed(self.chance.randrange(1 << 32), self.seconds, rate_per_s, live=live, begin_ms=begin_ms)

    # ------------------------------------------------------------------ what scenarios do

    def start(self, file: Path | None = None, *, codes: Iterable[int] = ()) -> WorkerProcess:
        """One more worker; it may end by itself with these codes."""
        worker = self.job.start(file)
        worker.wanted = False  # `tend` looks after it
        self.expected_codes[len(self.job.workers) - 1] = {*codes, *({UNAVAILABLE} if self.restarts else ())}
        return worker

    def start_ready(self, count: int = 1) -> list[WorkerProcess]:
        """So many workers that have their partitions."""
        workers = [self.start() for _ in range(count)]
        self.wait(lambda: all(worker.ready for worker in workers), "the workers are ready")
        return workers

    @property
    def alive(self) -> list[WorkerProcess]:
        """The workers that have not ended."""
        return [worker for worker in self.job.workers if worker.code is None]

    def load(self, kind: type[Loader] = Loader) -> Loader:
        """Begin to send, and to watch. The job's topics must be there."""
        self._timeline = Timeline(self.job)
        self._timeline.start()
        self.loader = kind(self.job, self.feed)
        self.loader.start()
        return self.loader

    def write(self, line: str) -> None:
        """A line for the trial's own log."""
        with (self.folder / "trial.log").open("a") as log:
            log.write(f"{time.monotonic() - self._began_s:7.1f} {line}\n")

    def note(self, what: str, *, measured: bool = False) -> None:
        """Count a fault; with `measured` the time until the job is itself again is looked up afterwards."""
        self.outcome.faults[what] = self.outcome.faults.get(what, 0) + 1
        self.write(what)
        if measured:
            at_ms = int(time.time() * 1000)
            self.faults.append(Fault(what, at_ms, self.ends()))

    def ends(self) -> dict[str, int]:
        """Where the raw topics end now, by source; a broker that has just come back is asked until it knows."""
        until_s = time.monotonic() + DEADLINE_S
        while True:
            try:
                return source_ends(self.job.config)
            except StreamsError:
                if time.monotonic() > until_s:
                    raise

    def kill(self, worker: WorkerProcess, *, measured: bool = False) -> None:
        """End a worker at once, as a crash does."""
        self.weigh(worker)
        worker.kill()
        self.note("kill -9", measured=measured)

    def lull(self, least_s: float, most_s: float) -> None:
        """Let some time pass: the moment of a fault is part of the input, not a wait for something."""
        until_s = time.monotonic() + self.chance.uniform(least_s, most_s)
        while (left_s := until_s - time.monotonic()) > 0:
            self.tend()
            threading.Event().wait(min(left_s, 0.2))

    def wait(self, condition: Callable[[], object], what: str, deadline_s: float = DEADLINE_S) -> None:
        """Wait for a condition; fail with the end of the workers' logs."""
        began_s = time.monotonic()
        until_s = began_s + deadline_s
        while True:
            self.tend()
            if condition():
                self.write(f"after {time.monotonic() - began_s:.1f} s: {what}")
                return
            if time.monotonic() > until_s:
                raise AssertionError(f"not in {deadline_s:.0f} s: {what}\n{self._tails()}")
            threading.Event().wait(0.1)

    def tend(self) -> None:
        """Look after the workers: none ended that should not; who found no broker is started again, if so agreed."""
        for number, worker in enumerate(self.job.workers):
            code = worker.code
            if code in {None, 0, -signal.SIGKILL}:
                continue
            assert code in self.expected_codes[number], f"worker {number} ended by itself with {code}\n{self._tails()}"
            if self.restarts and number not in self._replaced:
                self._replaced.add(number)
                self.note("restart after 69")
                self.start()

    # ------------------------------------------------------------------ what must hold

    def drain(self) -> None:
        """Everything was sent and is applied."""
        self.wait(lambda: not self.loader.is_alive(), "everything is sent", DEADLINE_S + self.seconds)
        assert not self.loader.failures, self.loader.failures
        self.wait(self.job.drained, "every source is applied to its end")

    def conclude(self) -> None:
        """The history ends, and every row is final."""
        advance(self.job.config, None)
        self.wait(self.job.judged, "every row is final")

    def finish(self) -> Outcome:
        """Let the job come to its end, and demand all that must hold."""
        self.drain()
        self.conclude()
        self.check()
        return self.outcome

    def check(self) -> None:
        """Rows and audits say exactly what was sent; everything else that must hold does, and workers stop in order."""
        counted = self.sent()
        self.outcome.events = len(counted)
        self.compare([event.row for event in counted if event.row is not None])
        self.balance(*(sum(event.kind is kind for event in counted) for kind in (Kind.PREDICTION, Kind.LABEL)))
        nothing_is_stuck(self.job, self.alive, self.wait)
        self.stop_all()
        self.recoveries()
        self.read_logs()
        self.outcome.workers = len(self.job.workers)
        self.outcome.took_s = time.monotonic() - self._began_s
        assert self.outcome.peak_mib < MOST_MIB, f"a worker needed {self.outcome.peak_mib:.0f} MiB"

    def sent(self) -> list[Event]:
        """What lies or lay in the raw topics, as far as it could be read.

        Not only what was acknowledged: a broker that dies between a write and its word leaves records whose place
        nobody was told, and may take some twice.
        """
        placed = {place: event for place, event in self.loader.placed.items() if place[2] >= 0}
        known = {event.value: event for event in self.loader.placed.values()}
        now = {
            (topic, record.partition, record.offset): record.value or b""
            for topic in self.job.raw.values()
            for record in read_records(self.cluster.client, topic)
        }
        there = {place: known[value] for place, value in now.items() if place not in placed}
        gone = self.unread - now.keys()  # what an open transaction hid for a while is there after all
        return [event for place, event in {**placed, **there}.items() if place not in gone]

    def compare(self, rows: list[Row]) -> None:
        """Final rows equal a recount, in windows of every size, over everything and by segment."""
        windows, classes = ([row.value for row in self.job.rows(noun)] for noun in ("windows", "classes"))
        for size in self.job.config.quality.windows:
            wanted = answers(rows, self.job.config.ledger, size.size_ms)
            if size is self.job.config.quality.windows[0]:
                counts = lost_and_doubled(newest(windows, size.name), [a for a in wanted if "segment" not in a])
                self.outcome.lost, self.outcome.doubled = counts
            for some in ([a for a in wanted if "segment" not in a], [a for a in wanted if "segment" in a]):
                differences = compare_windows(windows, classes, some, size.name)
                assert differences == [], f"{len(differences)} differences: {differences[:10]}"

    def balance(self, predictions: int, labels: int) -> None:
        """Every audit balances; what was received is what was sent, and nothing of it was late."""
        audits = [row.value for row in self.job.rows("audit")]
        self.outcome.audits, self.outcome.unbalanced = len(audits), sum(not audit["balanced"] for audit in audits)
        self.job.check_audits(predictions, labels)
        assert self.job.audit_sum("predictions_late") == self.job.audit_sum("labels_late") == 0

    def recoveries(self) -> None:
        """How long each measured fault was felt. Nobody may write any more."""
        assert self._timeline is not None
        self._timeline.close()
        moments = [*(fault.at_ms for fault in self.faults), int(time.time() * 1000)]
        for fault, next_ms in zip(self.faults, moments[1:], strict=True):
            recovered_s = self._timeline.recovered_s(fault)
            assert recovered_s is not None, f"{fault.what} at {fault.at_ms}: its rows never came"
            self.outcome.recoveries_s.setdefault(fault.what, []).append(recovered_s)
            until_ms = min(next_ms - 1, fault.at_ms + round(1000 * max(recovered_s, SESSION_S)))
            for stage, pauses_s in zip(("join", "intake"), self._timeline.pauses_s(fault, until_ms), strict=True):
                self.outcome.pauses_s.setdefault(f"{fault.what}: {stage}", []).extend(pauses_s)

    def stop_all(self) -> None:
        """Every worker that is left ends in order."""
        alive = self.alive
        for worker in alive:
            self.weigh(worker)
        # one that was started a moment ago has nothing to stop in order yet, and dies of the signal
        self.wait(lambda: all(worker.says("the worker runs") for worker in alive), "the workers are up")
        assert [worker.stop() for worker in alive] == [0] * len(alive), self._tails()

    def read_logs(self) -> None:
        """No worker said `error`, but for the one sentence of those that were to end by themselves."""
        for number, worker in enumerate(self.job.workers):
            log, bad = worker.log, [line for line in worker.events if line.get("level") in {"error", "critical"}]
            allowed = 1 if worker.code in self.expected_codes[number] else 0
            assert len(bad) <= allowed, f"{worker.log_file}: {bad}"
            assert "Traceback" not in log, log[-3000:]

    def weigh(self, worker: WorkerProcess) -> None:
        """Note the most memory that a worker ever had."""
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{worker.process.pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    self.outcome.peak_mib = max(self.outcome.peak_mib, int(line.split()[1]) / 1024)

    def _tails(self) -> str:
        return "\n".join(f"--- {w.log_file.name} (code {w.code})\n{w.log[-1500:]}" for w in self.job.workers[-6:])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.job.workers if hasattr(self, "job") else ():
            with contextlib.suppress(ProcessLookupError):
                worker.signal(signal.SIGCONT)
            worker.kill()
