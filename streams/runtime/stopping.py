"""How does a worker end in order? Stage by stage, in the data's way, and in time, broker or not."""

import os
import sys
import threading
from collections.abc import Callable, Sequence

from streams.runtime.clock import monotonic_s
from streams.runtime.errors import UnavailableError
from streams.runtime.kafka.client import Log
from streams.runtime.kafka.producer import Producer
from streams.runtime.kafka.source import Source
from streams.runtime.stages.intake import IntakeStage

STOP_WITHIN_S = 9.0
"""A SIGTERM is answered within this long."""

_GRACE_S = 0.5
_UNTAKEN = "stopped without everything acknowledged; whoever takes over does the rest again"


class Stopping:
    """A worker on its way out: made when it is told to stop. From then on it ends in time, whatever happens."""

    def __init__(self, log: Log) -> None:
        self._log, self._began_s = log, monotonic_s()
        watchdog = threading.Timer(STOP_WITHIN_S + _GRACE_S, self._end_anyway)
        watchdog.daemon = True
        watchdog.start()
        log.info("stopping")

    def drain(
        self,
        sources: Sequence[Source],
        intake_stage: IntakeStage,
        producers: tuple[Producer, Producer, Producer],
        close: Callable[[], None],
    ) -> bool:
        """No more reading, a last tick, everything acknowledged, groups left; whether brokers took all there was.

        `producers` are those of the ledger, the tallies and the rows; `close` ends what writes by itself. Blocks.
        """
        intake, join, judge = sources
        ledger, tallies, rows = producers

        def last_tick() -> None:
            if ledger.has_room():
                intake_stage.tick(last=True)
            ledger.flush(self._left_s() / 3)
            rows.flush(self._left_s() / 3)

        def acknowledged() -> None:
            tallies.flush(self._left_s() / 2)
            rows.flush(self._left_s() / 2)

        intake.stop(last_tick, self._left_s() / 2)
        join.stop(acknowledged, self._left_s() / 2)
        judge.stop(None, self._left_s() / 2)
        close()
        taken = [producer.close(0.2) for producer in producers]
        return all(taken)

    def exit_code(self, *, taken: bool) -> int:
        """Say how it went; `taken` is what `drain` said. 69 when whoever takes over has something to do again."""
        if not taken:
            self._log.warning(_UNTAKEN)
        self._log.info("stopped", took_s=round(monotonic_s() - self._began_s, 2))
        return 0 if taken else UnavailableError.exit_code

    def _left_s(self) -> float:
        return max(0.2, self._began_s + STOP_WITHIN_S - monotonic_s())

    def _end_anyway(self) -> None:
        """The time is over, most likely without a broker to leave in order."""
        self._log.warning(_UNTAKEN)
        sys.stderr.flush()
        os._exit(UnavailableError.exit_code)
