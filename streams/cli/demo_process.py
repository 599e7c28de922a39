"""A process of the demo: started with its output in a file, and gone when the demo is, however that ends.

Rule: a process holds the reading end of a pipe and ends when the other end closes, so nothing outlives the demo.
"""

import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from streams.runtime.clock import monotonic_s
from streams.runtime.config.job import environment
from streams.runtime.errors import InternalError, StreamsError

STOP_WITHIN_S = 12.0
_LAST_LINES = 12


class ChildProcess:
    """One child: `python -m MODULE ARGUMENTS`, its standard error and (unless it is read) output in `log`."""

    def __init__(
        self, name: str, module: str, arguments: Sequence[str], log: Path, *, read_output: bool = False
    ) -> None:
        self.name, self.log = name, log
        with log.open("wb") as out:
            self._process = subprocess.Popen(  # noqa: S603 -- our own modules with our own arguments
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE if read_output else out, stderr=out,
                env={**environment(), "TMPDIR": str(log.parent)},  # what it leaves behind goes with the demo's folder
                start_new_session=True,  # Ctrl-C comes to the demo alone, which stops its children in order
            )  # fmt: skip

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def first_line(self) -> bytes:
        """The first line that it prints. Raises when it ends without one."""
        assert self._process.stdout is not None  # noqa: S101 - asked for at the start
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            self._process.wait(STOP_WITHIN_S)
            self.check()
        return line

    def check(self) -> None:
        """Raise InternalError with its last words when it has ended."""
        code = self._process.poll()
        if code is not None:
            raise self._ended(code)

    def stop(self) -> None:
        """Ask it to end and wait; end it by force when it does not. Can be repeated."""
        stdin = self._process.stdin
        if stdin is not None and not stdin.closed:
            stdin.close()
        if self._process.poll() is None:
            self._process.terminate()
        until_s = monotonic_s() + STOP_WITHIN_S
        try:
            self._process.wait(max(0.1, until_s - monotonic_s()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _ended(self, code: int) -> StreamsError:
        how = f"with exit code {code}" if code >= 0 else f"by signal {-code}"
        said = "\n".join(f"  | {line}" for line in self.last_lines()) or "  | (nothing)"
        error = InternalError(f"the demo's {self.name} ended {how}. Its last words:\n{said}")
        error.exit_code = code if code > 0 else InternalError.exit_code
        return error

    def last_lines(self) -> list[str]:
        """The last lines of its log."""
        with self.log.open(encoding="utf-8", errors="replace") as lines:
            return [line.rstrip() for line in deque(lines, _LAST_LINES)]
