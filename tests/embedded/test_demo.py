"""`streams demo` as people run it: a process of its own, whose children and files are gone when it is."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.cli.main import main
from tests.support.workers import wait_for

pytestmark = pytest.mark.embedded

DEADLINE_S = 240.0


class Demo:
    """A demo with a temporary folder of its own, by which its worker is known, and its output in a file."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder / "tmp"
        self.folder.mkdir()
        self._output = folder / "output"
        environment = {**os.environ, "TMPDIR": str(self.folder), "COLUMNS": "100"}
        with self._output.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streams.cli.main", "demo", "--plain", *arguments],
                stdout=out, stderr=subprocess.STDOUT, env=environment, start_new_session=True,
            )  # fmt: skip

    @property
    def output(self) -> str:
        return self._output.read_text()

    def says(self, words: str) -> bool:
        assert self.process.poll() is None or words in self.output, self.output
        return words in self.output

    def wait(self) -> int:
        return self.process.wait(DEADLINE_S)

    def workers(self) -> list[int]:
        """The pids of processes whose command line names a file of this demo."""
        listed = subprocess.run(["ps", "-ewwo", "pid,args"], capture_output=True, text=True, check=True).stdout
        return [int(line.split()[0]) for line in listed.splitlines() if str(self.folder) in line]

    def children(self) -> list[int]:
        listed = subprocess.run(["ps", "-eo", "pid,ppid"], capture_output=True, text=True, check=True).stdout
        pairs = [line.split() for line in listed.splitlines()[1:]]
        return [int(pid) for pid, parent in pairs if int(parent) == self.process.pid]

    def is_clean(self) -> bool:
        return not self.workers() and not list(self.folder.iterdir())


@contextlib.contextmanager
def demo(folder: Path, *arguments: str) -> Iterator[Demo]:
    started = Demo(folder, *arguments)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.process.kill()
            started.process.wait()


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout  # noqa: PLW1510


def test_the_demo_counts_what_is_known_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with demo(tmp_path, "--seconds", "10") as run:
        assert run.wait() == 0, run.output
    for line in (
        "What 42,561 records became in",
        "ok predictions 21,134 = 20,625 labelled + 509 never labelled",
        "ok labels      21,427 = 20,625 joined + 461 corrected since + 298 duplicate + 43 orphans",
        "ok received    42,561 of 42,561 records",
        "ok audit       balances in 4 ledger partitions",
        "ok final       every window",
        "ok answers     98 windows, 2,748 figures: all equal",
        "ok by airport  42 windows, 252 figures: all equal",
        "ok alerts      4 fired, 3 of them over: as in a replay",
    ):
        assert line in run.output
    told = r"alert 09-\d\d \d\d:00  page    {}  on-time-recall 2013.2: on_time recall \d\d% of \d+ flights"
    fired, over = (re.search(told.format(word), run.output) for word in ("fired ", "over  "))
    assert fired is not None
    assert over is not None
    assert fired.start() < over.start() < run.output.index("What 42,561 records became in"), "told as they come"
    assert re.search(r"^page +on-time-recall +09-0\d \d\d:00 +09-0\d \d\d:00 ", run.output, re.MULTILINE)
    assert re.search(r"^24h \(all, by airport\) +0 +0 +\d{3} *$", run.output, re.MULTILINE)
    assert len(re.findall(r"^ *\d+ s +\d+%", run.output, re.MULTILINE)) >= 3, "a line now and then"
    assert "rdkafka" not in run.output
    assert run.is_clean()


def test_a_demo_that_is_kept_can_be_looked_at_until_it_is_interrupted(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    with demo(tmp_path, "--seconds", "3", "--keep") as run:
        wait_for(lambda: run.says("Ctrl-C ends it"), "the demo says so", DEADLINE_S)
        printed = re.search(r"streams (status -c \S+)", run.output)
        assert printed is not None
        command = printed[1].split()

        def ended() -> bool:
            return main(command) == 0 and b"the history was ended" in capfdbinary.readouterr().out.replace(b"\n", b" ")

        wait_for(ended, "the status says that the history was ended", DEADLINE_S)
        tailed = re.search(r"streams (tail windows .*)", run.output)
        assert tailed is not None
        assert main(tailed[1].split()) == 0
        assert len(capfdbinary.readouterr().out.splitlines()) == 20
        address = tailed[1].split("--brokers ")[1].split()[0]
        children = run.children()
        assert len(children) == 2
        run.process.send_signal(signal.SIGINT)
        assert run.wait() == 0, run.output
        assert run.is_clean()
        assert not any(runs(pid) for pid in children)
        host, port = address.split(":")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((host, int(port)), timeout=1)


def test_a_worker_that_dies_ends_the_demo_with_its_last_words(tmp_path: Path) -> None:
    with demo(tmp_path, "--seconds", "60") as run:
        wait_for(lambda: run.says(" 5 s"), "the demo says so", DEADLINE_S)
        (worker,) = run.workers()
        os.kill(worker, signal.SIGKILL)
        assert run.wait() == 70
        assert "the demo's worker ended by signal 9. Its last words:" in run.output
        assert "the worker runs" in run.output
        assert "Traceback" not in run.output
        assert run.is_clean()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_demo_that_is_ended_early_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    with demo(tmp_path, "--seconds", "60") as run:
        wait_for(lambda: run.says(" 0 s"), "the demo says so", DEADLINE_S)
        children = run.children()
        assert len(children) == 2
        run.process.send_signal(number)
        assert run.wait() == 130, run.output
        assert run.is_clean()
        assert not any(runs(pid) for pid in children)


def test_no_process_outlives_a_demo_that_was_killed(tmp_path: Path) -> None:
    with demo(tmp_path, "--seconds", "60") as run:
        wait_for(lambda: run.says(" 5 s"), "the demo says so", DEADLINE_S)
        children = run.children()
        assert len(children) == 2
        run.process.kill()
        run.process.wait()
        wait_for(lambda: not any(runs(pid) for pid in children), "the children are gone", DEADLINE_S)


def test_a_broker_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with demo(tmp_path, "--brokers", "127.0.0.1:1") as run:
        assert run.wait() == 69
        assert run.output.startswith("no broker answered at 127.0.0.1:1 within")
        assert run.is_clean()
