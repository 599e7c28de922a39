"""How much is out with the stage: batches, rows and bytes handed over and not yet done. The bound of memory.

Handing over never blocks; the poll thread asks for room before it reads. `done` may come from any thread.
"""

import threading
import time
from collections.abc import Callable

from streams.runtime.kafka.assignment import Partition
from streams.runtime.kafka.stage import Batch, Limits


class InFlight:
    """Counts of what the stage has in hand."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._changed = threading.Condition()
        self.batches = 0
        self.rows = 0
        self.size_bytes = 0

    def add(self, batch: Batch, partition: Partition) -> None:
        """A batch of a partition is handed over."""
        with self._changed:
            partition.batches += 1
            partition.rows += len(batch)
            self.batches += 1
            self.rows += len(batch)
            self.size_bytes += batch.size_bytes

    def done(self, batch: Batch, partition: Partition | None) -> None:
        """The stage is done with a batch, applied or not. Once for each; no partition: it was given up."""
        with self._changed:
            if partition is not None and partition.epoch == batch.epoch:
                partition.batches -= 1
                partition.rows -= len(batch)
            self.batches -= 1
            self.rows -= len(batch)
            self.size_bytes -= batch.size_bytes
            self._changed.notify_all()

    def room(self, share: float = 1.0) -> bool:
        """There is less out than this share of every limit."""
        limits = self._limits
        return (
            self.batches < limits.max_batches * share
            and self.rows < limits.max_rows * share
            and self.size_bytes < limits.max_bytes * share
        )

    def wait_room(self, timeout_s: float, share: float = 1.0) -> bool:
        """Wait for room; whether there is."""
        return self._wait(lambda: self.room(share), timeout_s)

    def wait_empty(self, timeout_s: float) -> bool:
        """Wait until everything handed over is done; whether it is."""
        return self._wait(lambda: self.batches == 0, timeout_s)

    def _wait(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        until_s = time.monotonic() + timeout_s
        with self._changed:
            while not condition():
                left_s = until_s - time.monotonic()
                if left_s <= 0:
                    return False
                self._changed.wait(left_s)
            return True
