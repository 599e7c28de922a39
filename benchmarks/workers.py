"""Workers of the job for the benchmarks: the real command on a real broker, seen through its metrics page."""

import contextlib
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import orjson

from benchmarks.broker import Broker, NotDoneError, Row, wait_for
from benchmarks.processes import ChildError, Process, cpu_s, end, module, peak_mib, tail
from streams.runtime.config.job import TopicNoun, topic_name
from tests.support.real_kafka import free_ports

READY_S = 60.0
PREDICTIONS, LABELS = "predictions", "labels"
"""The filled topics."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job: a name of its own, so topics and groups of its own. `run` are lines of its `[run]` table."""

    broker: Broker
    name: str
    predictions: str = PREDICTIONS
    labels: str = LABELS
    run: Sequence[str] = ()

    def topic(self, noun: TopicNoun) -> str:
        """The full name of one of its topics."""
        return topic_name(f"{self.name}.", noun)

    @contextlib.contextmanager
    def workers(self, count: int = 1, run: Sequence[str] | None = None) -> Iterator[list["Worker"]]:
        """Start that many workers; they are gone afterwards. `run` replaces the lines of the `[run]` table."""
        started: list[Worker] = []
        try:
            started += [self._start(port, self.run if run is None else run) for port in free_ports(count)]
            yield started
        finally:
            for worker in started:
                worker.terminate()
            for worker in started:
                worker.stop()

    def _start(self, port: int, run: Sequence[str]) -> "Worker":
        lines = [
            f'name = "{self.name}"', "[kafka]", f'bootstrap = "{self.broker.bootstrap}"',
            "[[predictions]]", f'topic = "{self.predictions}"', "[[labels]]", f'topic = "{self.labels}"',
            "[run]", f"http_port = {port}", *run,
        ]  # fmt: skip
        file = self.broker.folder / f"{self.name}-{port}.toml"
        file.write_text("\n".join(lines) + "\n")
        log_file = file.with_suffix(".log")
        started_ms = time.time_ns() // 1_000_000
        # its standard input is the tether: no worker outlives the benchmark, however that one ends
        process = module("streams.cli.tether", ["run", "-c", str(file)], log_file, stdin=subprocess.PIPE)
        return Worker(process, port, log_file, started_ms)


@dataclass(slots=True)
class Worker:
    """One worker's process; `started_ms` is the wall clock at its start."""

    process: Process
    port: int
    log_file: Path
    started_ms: int
    _seen: dict[str, float] = field(default_factory=dict)

    @property
    def cpu_s(self) -> float:
        """CPU seconds so far. Raises ChildError when it has ended."""
        self.check()
        return cpu_s(self.process.pid)

    @property
    def peak_mib(self) -> int:
        """Peak resident memory so far, MiB."""
        self.check()
        return peak_mib(self.process.pid)

    @property
    def ready(self) -> bool:
        """Whether it has its partitions and their state."""
        self.check()
        return self._get("readyz") is not None

    def check(self) -> None:
        """Raise ChildError when the worker ended by itself."""
        if self.process.poll() is not None:
            raise ChildError(f"a worker ended with {self.process.returncode}:\n{tail(self.log_file)}")

    def wait_ready(self) -> None:
        """Wait until it is ready."""
        wait_for(lambda: self.ready, "the worker is ready", READY_S)

    def metrics(self) -> "Page":
        """Its metrics now; those of the last time when it does not answer."""
        self.check()
        text = self._get("metrics")
        if text is not None:
            lines = (line.rsplit(" ", 1) for line in text.splitlines() if line and line[0] != "#")
            self._seen = {name: float(value) for name, value in lines}
        return Page(self._seen)

    def events(self, event: str) -> list[dict[str, Any]]:
        """The lines of its log that are this event, with `at_ms`, the wall clock."""
        found = []
        for line in self.log_file.read_bytes().splitlines():
            with contextlib.suppress(orjson.JSONDecodeError):
                said = orjson.loads(line)
                if isinstance(said, dict) and said.get("event") == event:
                    found.append({**said, "at_ms": int(datetime.fromisoformat(said["at"]).timestamp() * 1000)})
        return found

    def kill(self) -> None:
        """End it at once, as a crash does."""
        self.process.kill()
        self.process.wait()

    def terminate(self) -> None:
        """Ask it to end, and do not wait."""
        if self.process.poll() is None:
            self.process.terminate()

    def stop(self) -> None:
        """End it in order, and wait."""
        end(self.process)
        if self.process.stdin is not None:
            self.process.stdin.close()

    def _get(self, path: str) -> str | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{path}", timeout=5) as page:
                text: str = page.read().decode()
                return text
        except (urllib.error.URLError, OSError):
            return None


@dataclass(frozen=True, slots=True)
class Page:
    """One metrics page."""

    series: Mapping[str, float]

    def sum(self, name: str, **labels: str) -> float:
        """The sum of the series of a metric with these labels; 0 when there is none."""
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        return sum(
            value
            for series, value in self.series.items()
            if series.partition("{")[0] == name and all(label in series for label in wanted)
        )


class Audits:
    """The newest audit of each ledger partition of a job, as they come."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._stack = contextlib.ExitStack()
        self._newest: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> Self:
        topic = self._job.topic("audit")
        wait_for(lambda: self._job.broker.partitions(topic), f"{topic} is there", READY_S)
        self._follower = self._stack.enter_context(self._job.broker.follow(topic))
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def received(self) -> int:
        """Predictions and labels that the joins have taken up to their last flush."""
        self.rows()
        return self.sum("predictions_received") + self.sum("labels_received")

    def rows(self) -> list[Row]:
        """The audits that came since the last call."""
        rows = self._follower.rows()
        for row in rows:
            self._newest[row.key] = row.value
        return rows

    def sum(self, name: str) -> int:
        """A number of the newest audits, added up."""
        return sum(row[name] for row in self._newest.values())

    def check(self, predictions: int, winning: int) -> None:
        """Raise NotDoneError when the job counted anything else than was sent: a fast wrong answer is none."""
        found = self.sum("predictions_counted"), self.sum("labels_winning")
        if found != (predictions, winning) or not all(row["balanced"] for row in self._newest.values()):
            raise NotDoneError(f"counted {found} predictions and labels, sent were {(predictions, winning)}")
