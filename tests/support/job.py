"""A whole job for end-to-end tests: topics, worker processes, logs played into it, and what must hold afterwards.

Every job has a name and topics of its own, its workers are processes of the real command, and every wait is for a
condition with a deadline. After any scenario `check` holds: rows equal the answers and are final, every audit ever
written balances, the audits add up to what was sent, and no worker said `error`.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from streams.formats.reasons import Kind
from streams.ledger.position import SourceId, start
from streams.runtime.config.job import Config, TopicNoun, load
from streams.runtime.control import Written, advance
from streams.runtime.errors import StreamsError
from streams.runtime.kafka.client import SILENCE
from streams.runtime.kafka.producer import Producer
from streams.runtime.play import Delivery, deliveries, play
from streams.runtime.state import PartitionStatus, read_status
from streams.runtime.topic_plans import own_plans
from streams.runtime.topology import Topology
from tests.support.answers import COMPARE, SHARED, LogSet, compare_windows
from tests.support.clusters import Cluster, EmbeddedCluster, new_name
from tests.support.real_kafka import free_ports
from tests.support.topic_rows import Row, newest, read_topic
from tests.support.workers import wait_for

DEADLINE_S = 240.0
STOP_S = 15.0
"""A worker that is asked to stop has gone within this."""


@dataclass
class WorkerProcess:
    """One `streams run`, with the port of its web server and the file its log goes to."""

    process: subprocess.Popen[bytes]
    port: int
    log_file: Path
    wanted: bool = True  # whether its end is nothing that the test did

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    @property
    def events(self) -> list[dict[str, Any]]:
        """The lines of its log that are JSON objects."""
        lines = []
        for line in self.log.splitlines():
            with contextlib.suppress(orjson.JSONDecodeError):
                lines.append(orjson.loads(line))
        return [line for line in lines if isinstance(line, dict)]

    def says(self, event: str) -> bool:
        return any(event in str(line.get("event", "")) for line in self.events)

    @property
    def code(self) -> int | None:
        return self.process.poll()

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of a page of its web server; 0 when there is none."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{path}", timeout=2) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""
        except OSError:
            return 0, ""

    @property
    def ready(self) -> bool:
        return self.get("readyz")[0] == 200

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it at once, as a crash does."""
        self.wanted = False
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(STOP_S)

    def stop(self) -> int:
        """Ask it to end, and wait; its exit code. Raises TimeoutExpired when it takes longer than it may."""
        self.wanted = False
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_S)

    def wait(self, deadline_s: float = DEADLINE_S) -> int:
        """Wait until it ends by itself; its exit code."""
        self.wanted = False
        return self.process.wait(deadline_s)


@dataclass
class Job:
    """One job on a cluster. A context manager: its workers are gone afterwards. `settings` go before the tables."""

    cluster: Cluster
    folder: Path
    kafka_lines: str = ""
    client_lines: str = ""
    tables: str = ""
    raw_partitions: tuple[int, int] = (4, 2)
    partitions: int = 4
    tallies_partitions: int = 2
    tick: str = "200ms"
    env: Mapping[str, str] = field(default_factory=dict)
    make_raw: bool = True
    create_topics: bool = True

    def __post_init__(self) -> None:
        self.name = new_name("job")
        self.embedded = isinstance(self.cluster, EmbeddedCluster)
        self.workers: list[WorkerProcess] = []
        self.raw = {Kind.PREDICTION: f"{self.name}-predictions", Kind.LABEL: f"{self.name}-labels"}
        self.file = self.write_config()
        self.config = self.load()
        if self.make_raw:
            for kind, partitions in zip(self.raw, self.raw_partitions, strict=True):
                # histories are older than a broker keeps records by default
                self.cluster.create_topic(self.raw[kind], partitions, {"retention.ms": "-1"})
        if self.embedded:
            for plan in own_plans(self.config):
                self.cluster.create_topic(plan.name, plan.partitions)

    def write_config(self, file: str = "job.toml", **changes: Any) -> Path:
        """Write the job's configuration; `changes` replaces attributes in this file only."""
        said = {**vars(self), **changes}
        create = "true" if said["create_topics"] and not self.embedded else "false"
        path = self.folder / file
        path.write_text(
            f'name = "{self.name}"\n{said.get("settings", "")}\n'
            f'[kafka]\nbootstrap = "{self.cluster.client["bootstrap.servers"]}"\ncreate_topics = {create}\n'
            f"{said['kafka_lines']}\n[kafka.client]\n{said['client_lines']}\n"
            f'[[predictions]]\ntopic = "{self.raw[Kind.PREDICTION]}"\n[[labels]]\ntopic = "{self.raw[Kind.LABEL]}"\n'
            f"[ledger]\npartitions = {said['partitions']}\ntallies_partitions = {said['tallies_partitions']}\n"
            f'[run]\nhttp_port = 9400\ntick = "{said["tick"]}"\nflush_interval = "{said["tick"]}"\n{said["tables"]}\n'
        )
        return path

    def load(self, file: Path | None = None) -> Config:
        return load(file or self.file, {**os.environ, **self.env})

    # ------------------------------------------------------------------ workers

    def start(self, file: Path | None = None) -> WorkerProcess:
        """Start one more worker; it may still be starting afterwards."""
        number, port = len(self.workers), free_ports(1)[0]
        text = (file or self.file).read_text().replace("http_port = 9400", f"http_port = {port}")
        own_file = self.folder / f"worker-{number}.toml"
        own_file.write_text(text)
        log_file = self.folder / f"worker-{number}.log"
        command = [sys.executable, "-m", "streams.cli.main", "run", "-c", str(own_file)]
        with log_file.open("wb") as log:
            process = subprocess.Popen(
                command + (["--embedded"] if self.embedded else []),
                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                env={**os.environ, "TMPDIR": str(self.folder), **self.env},  # a worker that is killed leaves files
            )  # fmt: skip
        self.workers.append(WorkerProcess(process, port, log_file))
        return self.workers[-1]

    def start_ready(self) -> WorkerProcess:
        """Start one more worker and wait until it has its partitions."""
        worker = self.start()
        self.wait(lambda: worker.ready, "the worker is ready")
        return worker

    def wait(self, condition: Callable[[], object], what: str, deadline_s: float = DEADLINE_S) -> None:
        """Wait for a condition; fail with the workers' logs when it does not come or a worker ended by itself."""

        def holds() -> object:
            for worker in self.workers:
                assert not worker.wanted or worker.code is None, f"a worker ended by itself with {worker.code}"
            return condition()

        try:
            wait_for(holds, what, deadline_s)
        except AssertionError as error:
            tails = "\n".join(f"--- {w.log_file.name} (code {w.code})\n{w.log[-3000:]}" for w in self.workers)
            raise AssertionError(f"{error}\n{tails}") from error

    # ------------------------------------------------------------------ records

    def producer(self) -> Producer:
        failures: list[BaseException] = []
        return Producer("loader", self.cluster.client, fail=failures.append)

    def play(self, log_set: LogSet, *, pace: Callable[[int], None] = lambda _: None) -> int:
        """Play both logs into the raw topics, everything acknowledged; how many records."""
        return self.play_lines(self.lines_of(log_set), pace=pace)

    @staticmethod
    def lines_of(log_set: LogSet) -> list[Delivery]:
        return list(deliveries([(Kind.PREDICTION, log_set.predictions), (Kind.LABEL, log_set.labels)]))

    def play_lines(self, lines: Sequence[Delivery], *, pace: Callable[[int], None] = lambda _: None) -> int:
        producer = self.producer()
        topics = {kind: (self.raw[kind], n) for kind, n in zip(self.raw, self.raw_partitions, strict=True)}
        sent = play(iter(lines), producer, topics, pace=pace)
        assert producer.flush(60)
        producer.close()
        return sent

    # ------------------------------------------------------------------ conditions

    def status(self) -> list[PartitionStatus]:
        try:
            return read_status(self.config)
        except StreamsError:
            return []

    def at_work(self, position: int) -> bool:
        """Whether a ledger partition is beyond a position."""
        return any(status.position > position for status in self.status())

    def drained(self) -> bool:
        """Whether every ledger partition has every source up to its present end."""
        topology = Topology(self.config, log=SILENCE)
        try:
            topology.look()
            ends = topology.end_positions()
        except StreamsError:
            return False
        return self.applied(ends)

    def applied(self, ends: Mapping[SourceId, int]) -> bool:
        """Whether every ledger partition has these sources up to these offsets."""
        statuses = self.status()
        if len(statuses) < self.config.ledger.partitions:
            return False
        for status in statuses:
            for source, end in ends.items():
                known = status.sources.get(str(source))
                if known is None or known.applied is None or known.applied < start(end):
                    return False
        return True

    def judged(self) -> bool:
        """Whether all that was counted is in final rows, of windows and of classes."""
        audits = newest(self.rows("audit")).values()
        if len(audits) < self.config.ledger.partitions:
            return False
        counted = sum(a["predictions_counted"] for a in audits)
        labelled = sum(a["predictions_labelled"] for a in audits)
        return self._final("windows", "predictions", counted) and self._final("classes", "support", labelled)

    def _final(self, noun: TopicNoun, count: str, total: int) -> bool:
        """Whether all rows over everything are final, and each size of windows adds up to the total."""
        rows = [row for row in newest(self.rows(noun)).values() if row["segment"] == "all"]
        sizes = self.config.quality.windows
        sums = {w.name: sum(row[count] for row in rows if row["window"] == w.name) for w in sizes}
        return all(row["status"] == "final" for row in rows) and set(sums.values()) == {total}

    def finish(self, deadline_s: float = DEADLINE_S) -> Written:
        """Wait until everything is read, end the history, and wait until every row is final."""
        self.wait(self.drained, "every source is applied to its end", deadline_s)
        written = advance(self.config, None)
        self.wait(self.judged, "every row is final", deadline_s)
        return written

    # ------------------------------------------------------------------ what came out

    def rows(self, noun: TopicNoun) -> list[Row]:
        return read_topic(self.cluster.client, self.config.topic(noun))

    def audits(self) -> dict[str, dict[str, Any]]:
        """The newest audit of each ledger partition."""
        return newest(self.rows("audit"))

    def audit_sum(self, name: str) -> int:
        return sum(audit[name] for audit in self.audits().values())

    def check(self, log_set: LogSet, sent: tuple[int, int] | None = None) -> None:
        """All that must hold after any scenario that ends with the whole of a log set, each line sent once."""
        predictions, labels = sent or log_set.lines()
        windows, classes = ([row.value for row in self.rows(noun)] for noun in ("windows", "classes"))
        differences = compare_windows(windows, classes, log_set.expected["windows"], log_set.window)
        assert differences == [], f"{len(differences)} differences: {differences[:10]}"
        if log_set.folder.is_relative_to(SHARED):
            self.check_with_script(log_set, windows, classes)
        self.check_audits(predictions, labels)
        self.check_logs()

    def check_audits(self, predictions: int, labels: int) -> None:
        """Every audit ever written balances, and the last ones add up to what was sent.

        An audit comes with the flush and the status from before it, so the last audits may still be on their way.
        """
        names, sent = ("predictions_received", "labels_received"), (predictions, labels)
        found: list[tuple[int, ...]] = []

        def add_up() -> bool:
            found.append(tuple(self.audit_sum(name) for name in names))
            return found[-1] == sent

        with contextlib.suppress(AssertionError):
            wait_for(add_up, "the audits add up")
        assert found[-1] == sent, f"{found[-1]} (predictions, labels) received, {sent} sent"
        assert [row.value for row in self.rows("audit") if not row.value["balanced"]] == []

    def check_logs(self) -> None:
        """No worker said `error` or worse, and there is no traceback."""
        for worker in self.workers:
            bad = [line for line in worker.events if line.get("level") in {"error", "critical"}]
            assert bad == [], worker.log_file
            assert "Traceback" not in worker.log, worker.log[-3000:]

    def check_with_script(self, log_set: LogSet, windows: Sequence[Any], classes: Sequence[Any]) -> None:
        """The log sets' own script finds nothing either."""
        files = []
        for name, rows in (("windows", windows), ("classes", classes)):
            files.append(self.folder / f"{name}.jsonl")
            files[-1].write_text("".join(json.dumps(row) + "\n" for row in rows))
        command = [sys.executable, str(COMPARE), *map(str, files), str(log_set.expected_file), "--window"]
        done = subprocess.run([*command, log_set.window], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert " 0 differ, 0 windows not final" in done.stdout

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self.workers:
            worker.kill()
