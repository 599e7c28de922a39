"""Shows the demo while it runs, until every window is final or that takes too long."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.text import Text

from streams.cli.demo_alerts import alert_line, told
from streams.cli.demo_board import Board, BoardReader
from streams.cli.demo_loader import HistoryLoader
from streams.cli.demo_stage import DemoStage
from streams.cli.demo_view import Picture, Progress, log_line
from streams.ledger.times import rfc3339
from streams.runtime.clock import monotonic_s

FINAL_WITHIN_S = 180.0
"""How long after the last record the worker may take until every window is final."""

_SETTLED_S = 1.0
"""Topics are read side by side: so long after the last window has come, so has all that was said with it."""

_FRAME_S = 0.25
_LINE_S = 5.0
_RATE_OVER_S = 3.0

Show = Callable[[Progress, bool], None]


class Watch:
    """One look at a running demo. `run` once."""

    def __init__(self, stage: DemoStage, board: Board, reader: BoardReader, loader: HistoryLoader) -> None:
        self._stage, self._board, self._reader, self._loader = stage, board, reader, loader
        self._began_s = monotonic_s()
        self._loaded_s: float | None = None
        self._final_s: float | None = None
        self._sent: deque[tuple[float, int]] = deque()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return monotonic_s() - self._began_s

    def run(self, console: Console, *, is_live: bool) -> bool:
        """Show until all is final; False when that takes too long. Raises what ended a part of the demo."""
        with (self._picture if is_live else self._lines)(console) as show:
            while True:
                self._stage.check()
                self._reader.check()
                self._loader.check()
                is_over = self._is_final()
                show(self._progress(), is_over)
                if is_over or self._is_overdue():
                    return is_over
                time.sleep(_FRAME_S)

    def _is_final(self) -> bool:
        advanced = self._loader.advanced
        if advanced is None or advanced.to_ms is None:
            return False
        if not self._board.is_final(self._stage.job.config.ledger.partitions, rfc3339(advanced.to_ms)):
            self._final_s = None
            return False
        if self._final_s is None:
            self._final_s = self.elapsed_s
        return self.elapsed_s - self._final_s >= _SETTLED_S

    def _is_overdue(self) -> bool:
        if self._loaded_s is None and self._loader.is_loaded:
            self._loaded_s = self.elapsed_s
        return self._loaded_s is not None and self.elapsed_s - self._loaded_s > FINAL_WITHIN_S

    def _progress(self) -> Progress:
        now_s, received = self.elapsed_s, self._board.received()
        self._sent.append((now_s, received))
        while now_s - self._sent[0][0] > _RATE_OVER_S:
            self._sent.popleft()
        since_s, before = self._sent[0]
        rate = (received - before) / (now_s - since_s) if now_s > since_s else 0.0
        return Progress(received, self._loader.total, now_s, rate, self._doing())

    def _doing(self) -> str:
        if not self._board.audits:
            return "the worker is starting"
        if self._loader.advanced is not None:
            return "the history is over; the rest becomes final"
        if self._loader.is_loaded:
            return "reading the last records"
        return "eight weeks of flights, played fast"

    @contextmanager
    def _picture(self, console: Console) -> Iterator[Show]:
        with Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:

            def show(progress: Progress, _is_over: bool) -> None:
                live.update(Picture(self._board, progress), refresh=True)

            yield show

    @contextmanager
    def _lines(self, console: Console) -> Iterator[Show]:
        due_s = 0.0
        heard: set[str] = set()

        def show(progress: Progress, is_over: bool) -> None:
            nonlocal due_s
            for row in told(self._board.alert_log()):
                if row["transition_id"] not in heard:
                    heard.add(row["transition_id"])
                    console.print(Text("   alert ") + alert_line(row), soft_wrap=True)
            if is_over or progress.elapsed_s >= due_s:
                due_s += _LINE_S
                console.print(log_line(self._board, progress), soft_wrap=True, markup=False)

        yield show
