"""Child processes of the benchmarks: what they cost, and that none of them stays.

CPU is user and system time of all threads, from /proc. Whoever starts a child uses `ended`: it is gone afterwards,
whatever happens. Children have a session of their own, so that Ctrl-C reaches the benchmark alone, which ends them.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

STOP_S = 15.0
_TICKS_A_S = os.sysconf("SC_CLK_TCK")

Process = subprocess.Popen[bytes]


class ChildError(RuntimeError):
    """A child ended with an error or said nothing; the end of what it said is in the message."""


def cpu_s(pid: int) -> float:
    """CPU seconds of a running process so far, user and system, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_A_S


def peak_mib(pid: int) -> int:
    """The most memory that a running process ever had resident, MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) // 1024


def end(process: Process) -> None:
    """Ask a child to end, and make it when it does not."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


@contextlib.contextmanager
def ended(process: Process) -> Iterator[Process]:
    """The child for as long as the block lasts."""
    try:
        yield process
    finally:
        end(process)


def module(name: str, arguments: Sequence[str], log_file: Path, **options: Any) -> Process:
    """Start a module of Python as a child; what it says goes to a file, unless `options` (of Popen) say otherwise."""
    env = {**os.environ, "TMPDIR": str(log_file.parent)}  # one that is killed leaves files
    with log_file.open("ab") as log:
        said = {
            "stdin": subprocess.DEVNULL,
            "stdout": log,
            "stderr": log,
            "start_new_session": True,
            "env": env,
            **options,
        }
        return subprocess.Popen([sys.executable, "-m", name, *arguments], **said)


def answer(name: str, arguments: Sequence[str], folder: Path, timeout_s: float) -> dict[str, Any]:
    """Run a module whose last line on standard output is a JSON object; the object. Raises ChildError."""
    log_file = folder / f"{name}.log"
    with ended(module(name, arguments, log_file, stdout=subprocess.PIPE)) as child:
        try:
            said, _ = child.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            raise ChildError(f"{name} was not done in {timeout_s:.0f} s:\n{tail(log_file)}") from error
    if child.returncode or not said.strip():
        raise ChildError(f"{name} ended with {child.returncode}:\n{tail(log_file)}")
    found: dict[str, Any] = orjson.loads(said.splitlines()[-1])
    return found


def tail(log_file: Path) -> str:
    """The end of what a child said."""
    return log_file.read_text(errors="replace")[-3000:]


def end_on_sigterm() -> None:
    """Let SIGTERM unwind this process as Ctrl-C does, so that every child is ended."""

    def stop(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
