"""Which raw partitions wait: those ahead of others in event time, and all while the held tables are full.

The sources of this worker are known from its intake, those of others from the ledger's progress records, as far as a
partition of the ledger is folded here; a worker that folds none aligns its own sources only.

The tables are full at `run.max_held_bytes`. Then nothing is read here until partitions move to other workers or the
bound is raised: counts stay exact, and what waits does so in Kafka.
"""

from collections.abc import Callable, Iterable, Mapping

from streams.ledger.alignment import Ahead, Alignment, Standing
from streams.ledger.position import SourceId
from streams.ledger.spec import NO_TIME
from streams.ledger.watermark import SourceClock
from streams.runtime.clock import monotonic_s
from streams.runtime.config.job import RunConfig
from streams.runtime.kafka.client import Log

GRACE_MS = 5_000
"""A source counts as being at its end for this long and two ticks after it was."""

LOOK_MS = 50
"""Between two looks, at least."""

SAY_MS = 60_000
"""Between two lines in the log that sources wait, at least."""


class Aligned:
    """The sources of a worker that wait."""

    def __init__(self, run: RunConfig, log: Log, clock_s: Callable[[], float] = monotonic_s) -> None:
        """Nobody waits. `clock_s` is monotonic: a wall clock set back would leave the sources as they are for long."""
        self._rule: Alignment[str] = Alignment(run.max_ahead_ms, GRACE_MS + 2 * run.tick_ms)
        self._max_held_bytes = run.max_held_bytes
        self._log, self._clock_s = log, clock_s
        self._next_ms = self._say_ms = 0
        self._clocks: Callable[[], Mapping[str, SourceClock]] = dict
        self._held_bytes: Callable[[], int] = int
        self.full = ""  # the sentence for the operator while the tables are full
        self.ahead: dict[str, Ahead[str]] = {}

    def attach(self, clocks: Callable[[], Mapping[str, SourceClock]], held_bytes: Callable[[], int]) -> None:
        """Where the clocks of the ledger, by the names of the sources, and the size of the held tables come from."""
        self._clocks, self._held_bytes = clocks, held_bytes

    def look(self, own: Mapping[SourceId, Standing], announced: Iterable[SourceId]) -> bool:
        """Look who is ahead now and whether the tables are full; whether it was time to."""
        now_ms = int(self._clock_s() * 1000)
        if now_ms < self._next_ms:
            return False
        self._next_ms = now_ms + LOOK_MS
        mine = {str(source): standing for source, standing in own.items()}
        clocks = self._clocks()
        others = {}
        for name in map(str, announced):
            if name in mine or not clocks:
                continue
            clock = clocks.get(name)
            if clock is not None:  # else it is retired, or news
                others[name] = Standing(None if clock.clock_ms == NO_TIME else clock.clock_ms, clock.caught_up_at_ms)
        self.ahead = self._rule.waiting(mine, others, now_ms)
        if self.ahead and now_ms >= self._say_ms:
            self._say_ms = now_ms + SAY_MS
            name, most = max(self.ahead.items(), key=lambda item: item[1].by_ms)
            self._log.info(
                "sources wait for those behind them in event time",
                waiting=len(self.ahead), furthest=name, ahead_h=round(most.by_ms / 3_600_000, 1), behind=most.behind,
            )  # fmt: skip
        self._look_at_tables()
        return True

    def _look_at_tables(self) -> None:
        held_bytes, most = self._held_bytes(), self._max_held_bytes
        was_full = self.full
        self.full = ""
        if most is not None and held_bytes > most:
            self.full = (
                f"the held tables have {held_bytes:,} bytes, more than run.max_held_bytes {most:,}: nothing is read "
                "until partitions move to more workers or the bound is raised"
            )
            if not was_full:
                self._log.warning(self.full)
        elif was_full:
            self._log.info("the held tables have room again", held_bytes=held_bytes)
