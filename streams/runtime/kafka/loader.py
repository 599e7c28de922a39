"""Threads that bring the state of assigned partitions into memory while the others go on being read.

A partition is loaded by one thread at a time: a load asked for while an older one of the same partition runs is
done after it, so that the newest assignment always sees the newest checkpoint. A broker that is away is waited for.
"""

import collections
import queue
import threading
from collections.abc import Callable

from streams.runtime.errors import UnavailableError
from streams.runtime.kafka.client import TopicPartitionKey

_AGAIN_S = 0.5

_Job = tuple[TopicPartitionKey, int]


class Loader:
    """`put` partitions with their epoch, `finished` gives those that are loaded."""

    def __init__(
        self,
        name: str,
        load: Callable[[list[TopicPartitionKey]], None],
        wanted: Callable[[TopicPartitionKey, int], bool],
        fail: Callable[[BaseException], None],
        threads: int,
        at_once: int,
    ) -> None:
        self._load, self._wanted, self._fail, self._at_once = load, wanted, fail, at_once
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._busy: set[TopicPartitionKey] = set()
        self._again: dict[TopicPartitionKey, int] = {}
        self._finished: collections.deque[_Job] = collections.deque()
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}-load-{i}", daemon=True) for i in range(threads)
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let the threads end after the load they are in; does not wait for it."""
        self._stopping.set()
        for _ in self._threads:
            self._jobs.put(None)

    @property
    def pending(self) -> bool:
        """Something is being loaded or waits to be picked up."""
        return bool(self._busy or self._finished)

    def busy_with(self, key: TopicPartitionKey) -> bool:
        """Whether a load of this partition was asked for and `finished` has not given it yet."""
        with self._lock:
            return key in self._busy or any(done == key for done, _ in self._finished)

    def put(self, key: TopicPartitionKey, epoch: int) -> None:
        """Load this partition for this epoch."""
        with self._lock:
            if key in self._busy:
                self._again[key] = epoch
                return
            self._busy.add(key)
        self._jobs.put((key, epoch))

    def finished(self) -> list[_Job]:
        """What was loaded since the last call, with the epoch it was loaded for."""
        jobs = []
        while self._finished:
            jobs.append(self._finished.popleft())
        return jobs

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            jobs, last = [job], False
            while len(jobs) < self._at_once and not last:
                try:
                    more = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    last = True
                else:
                    jobs.append(more)
            try:
                loaded = self._load_wanted(jobs)
            except BaseException as error:  # noqa: BLE001 - whatever it is, the worker ends with it
                self._fail(error)
                return
            self._finish(jobs, loaded)
            if last:
                return

    def _load_wanted(self, jobs: list[_Job]) -> set[_Job]:
        """Load what is still wanted, again and again while no broker answers; what was loaded."""
        while wanted := [job for job in jobs if self._wanted(*job)]:
            try:
                self._load([key for key, _ in wanted])
            except UnavailableError:
                if self._stopping.wait(_AGAIN_S):
                    return set()
            else:
                return set(wanted)
        return set()

    def _finish(self, jobs: list[_Job], loaded: set[_Job]) -> None:
        for job in jobs:
            key, _ = job
            with self._lock:
                again = self._again.pop(key, None)
                if again is None:
                    self._busy.discard(key)
                    if job in loaded:
                        self._finished.append(job)
            if again is not None:
                self._jobs.put((key, again))
