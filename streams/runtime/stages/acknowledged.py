"""Which of the things sent so far are safe? Marks come true in order, when all sent before them is acknowledged.

Offsets are committed only behind a mark. Thread-safe: sends come from the event loop, acknowledgements from the
producers' threads. Invariant: marks are reported in the order in which they were made, each once.
"""

import threading
from collections import deque
from collections.abc import Callable


class _Span:
    """What was sent between two marks."""

    def __init__(self, owner: "Acknowledged") -> None:
        self.pending = 0
        self.mark: Callable[[], None] | None = None
        self._owner = owner

    def acknowledge(self, _offset: int = -1) -> None:
        with self._owner.lock:
            self.pending -= 1
        self._owner.settle()


class Acknowledged:
    """The open spans, oldest first; the last one takes new sends."""

    def __init__(self) -> None:
        """Nothing sent yet."""
        self.lock = threading.Lock()
        self._spans: deque[_Span] = deque([_Span(self)])

    def sending(self) -> Callable[[int], None]:
        """One more thing is sent; call the result when it is acknowledged."""
        with self.lock:
            span = self._spans[-1]
            span.pending += 1
        return span.acknowledge

    def mark(self, done: Callable[[], None]) -> None:
        """`done` is called, in any thread, when all that was sent up to now is acknowledged."""
        with self.lock:
            self._spans[-1].mark = done
            self._spans.append(_Span(self))
        self.settle()

    def settle(self) -> None:
        """Report the marks that came true."""
        while True:
            with self.lock:
                span = self._spans[0]
                if span.mark is None or span.pending:
                    return
                self._spans.popleft()
                done = span.mark
                # called under the lock: two threads must not report two marks in the wrong order
                done()
