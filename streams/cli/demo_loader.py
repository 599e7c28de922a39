"""Plays the demo's history into its topics at an even pace, and says at its end that nothing more is coming.

Works in a thread of its own; `check` raises in the caller's what went wrong there.
"""

import gzip
import threading
from collections.abc import Callable

from streams.cli.demo_job import LOGS, DemoJob
from streams.runtime.clock import monotonic_s
from streams.runtime.control import UnreadError, Written, advance
from streams.runtime.errors import UnavailableError
from streams.runtime.kafka.producer import Producer

_STEP = 25  # records between two looks at the clock
_ACKNOWLEDGED_WITHIN_S = 30.0
_READ_WITHIN_S = 180.0  # a worker on a busy machine is that far behind
_RETRY_S = 0.5


class _StoppedError(Exception):
    """The demo ends before the history does."""


class HistoryLoader:
    """The demo's producer. `start`, then look at it; `stop` ends it wherever it is."""

    def __init__(self, job: DemoJob, seconds: float) -> None:
        """`seconds` of wall time for the whole history."""
        self._job, self._seconds = job, seconds
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._guarded, name="loader", daemon=True)
        self.total = sum(_lines(path) for _, path in LOGS)
        self.sent = 0
        self.is_loaded = False
        self.advanced: Written | None = None

    def start(self) -> None:
        """Begin to play."""
        self._thread.start()

    def check(self) -> None:
        """Raise what ended it."""
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """End it and wait."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(_RETRY_S * 20)

    def _guarded(self) -> None:
        try:
            self._load()
            self.is_loaded = True
            self._end_history()
        except _StoppedError:
            pass
        except BaseException as error:  # noqa: BLE001 - told to whoever watches
            self._error = error

    def _load(self) -> None:
        from streams.runtime.play import deliveries, play  # noqa: PLC0415 -- the folds, slow to load

        producer = Producer("demo", self._job.config.client, fail=self._failed)
        try:
            play(deliveries(LOGS), producer, self._job.topics, pace=self._pacer())
            if not producer.flush(_ACKNOWLEDGED_WITHIN_S):
                raise UnavailableError(f"the broker did not take the history within {_ACKNOWLEDGED_WITHIN_S:.0f} s")
        finally:
            producer.close(0.1)

    def _pacer(self) -> Callable[[int], None]:
        began_s = monotonic_s()

        def pace(count: int) -> None:
            self.sent = count
            if count % _STEP:
                return
            early_s = began_s + self._seconds * count / self.total - monotonic_s()
            if self._stop.wait(max(early_s, 0)):
                raise _StoppedError

        return pace

    def _end_history(self) -> None:
        """Say that this was all, as soon as the job has read it."""
        until_s = monotonic_s() + _READ_WITHIN_S
        while True:
            try:
                self.advanced = advance(self._job.config, None)
            except UnreadError:
                if monotonic_s() > until_s:
                    raise
            else:
                return
            if self._stop.wait(_RETRY_S):
                raise _StoppedError

    def _failed(self, error: BaseException) -> None:
        self._error = error
        self._stop.set()


def _lines(path: object) -> int:
    with gzip.open(str(path), "rb") as lines:
        return sum(1 for _ in lines)
