"""One receiver's tellings on their way: a thread that sends them, in order within each group, again until they arrive.

A group (model and version) whose batch has to wait holds up nobody else's, and a receiver that is slow only itself.
Every batch ends as sent or dead, and `finished` is told; it may be put again after a crash, so a receiver can get it
twice, with the same ids.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import httpx

from streams.alerts.instance import Labels
from streams.alerts.telling.rows import Entry, Fate
from streams.alerts.telling.told import Batch
from streams.runtime.clock import monotonic_s, wall_ms
from streams.runtime.deliver.answers import Allowance, Meaning, asked_s, backoff_s, meaning_of
from streams.runtime.deliver.present import Present
from streams.runtime.deliver.receivers.call import Call, Receiver, Resolved, Watchdog
from streams.runtime.kafka.client import Log
from streams.runtime.telemetry import Count, Spread, Telemetry

_MOST_READ = 65_536  # bytes of an answer that is read so that the connection can be used again


class Answer(NamedTuple):
    """What came of one request: its meaning, how long to wait, and what to say of it."""

    meaning: Meaning
    asked_s: float
    said: str


@dataclass(slots=True)
class _Due:
    """A batch on its way. `done` requests of it were taken."""

    partition: int
    batch: Batch
    since_s: float
    attempts: int = 0
    done: int = 0


@dataclass(slots=True)
class _Lane:
    """The batches of a group, in order; the first may be tried from `next_s` on."""

    waiting: deque[_Due] = field(default_factory=deque)
    next_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Timing:
    """How long an answer may take, and how often the present is repeated, s."""

    timeout_s: float
    resend_s: float


class Mailbox:
    """`put` batches, `finished` says what became of each. Everything but the thread's work is safe from any thread."""

    def __init__(
        self,
        watchdog: Watchdog,
        resolved: Resolved,
        receiver: Receiver,
        present: Present,
        timing: Timing,
        *,
        finished: Callable[[int, Entry], None],
        fail: Callable[[BaseException], None],
        telemetry: Telemetry,
        log: Log,
    ) -> None:
        """`finished` is called in the mailbox's thread with the partition and the entry."""
        self.name = resolved.name
        self._watchdog, self._resolved, self._receiver = watchdog, resolved, receiver
        self._present, self._timing = present, timing
        self._finished, self._fail, self._telemetry, self._log = finished, fail, telemetry, log
        self._lanes: dict[tuple[int, Labels], _Lane] = {}
        self._changed = threading.Condition()
        self._stopping = False
        self._allowance = Allowance(resolved.rate)
        self._resend_at_s = 0.0
        self.leads = False  # whether this deliverer is the one that rings the watchdog
        self._client = httpx.Client(timeout=timing.timeout_s, follow_redirects=False)
        self._thread = threading.Thread(target=self._run, name=f"to-{self.name}", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def put(self, partition: int, batch: Batch) -> None:
        """Send a batch behind the others of its group."""
        with self._changed:
            lane = self._lanes.setdefault((partition, batch.group), _Lane())
            lane.waiting.append(_Due(partition, batch, monotonic_s()))
            self._changed.notify_all()

    def adopt(self, partition: int, entry: Entry) -> None:
        """A batch that was finished before."""
        with self._changed:
            self._present.take(partition, entry)

    def forget(self, partition: int) -> None:
        """Another deliverer has this partition now; a request that is under way ends by itself."""
        with self._changed:
            self._lanes = {key: lane for key, lane in self._lanes.items() if key[0] != partition}
            self._present.forget(partition)

    def pending(self) -> tuple[int, float]:
        """How many tellings wait, and for how long the oldest has, s; 0 when none does."""
        with self._changed:
            due = [due for lane in self._lanes.values() for due in lane.waiting]
        oldest_s = max((monotonic_s() - one.since_s for one in due), default=0.0)
        return sum(len(one.batch.tellings) for one in due), oldest_s

    def stop(self) -> None:
        """Send nothing more."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def join(self, timeout_s: float) -> None:
        """Wait for the request that is under way."""
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    # ------------------------------------------------------------------ the thread

    def _run(self) -> None:
        try:
            with self._client:
                while (lane := self._next()) is not None or not self._stopping:
                    if lane is None:
                        self._repeat()
                    else:
                        self._try(lane)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the deliverer ends with it
            self._fail(error)

    def _next(self) -> _Lane | None:
        """Wait until something is to be done: a lane whose batch may go, or None: the present is to be repeated."""
        with self._changed:
            while not self._stopping:
                now_s = monotonic_s()
                waiting = [lane for lane in self._lanes.values() if lane.waiting]
                first = min(waiting, key=lambda lane: lane.next_s, default=None)
                allowed_s = now_s + self._allowance.wait_s(now_s)
                lane_s = max(first.next_s, allowed_s) if first is not None else float("inf")
                if self._resend_at_s <= now_s:
                    return None
                if lane_s <= now_s:
                    return first
                self._changed.wait(max(0.001, min(lane_s, self._resend_at_s) - now_s))
            return None

    def _try(self, lane: _Lane) -> None:
        """One request of the first batch of a lane."""
        due = lane.waiting[0]
        calls = self._receiver.calls(due.batch, wall_ms())
        if due.done < len(calls):
            self._allowance.take(monotonic_s())
            answer = self._post(calls[due.done])
            if answer.meaning == Meaning.TAKEN:
                due.done += 1
            else:
                due.attempts += 1
                if answer.meaning == Meaning.REFUSED or due.attempts >= self._resolved.attempts:
                    self._end(lane, due, Fate.DEAD, answer.said)
                    return
                self._count("again", due)
                self._log.warning(
                    "a receiver did not take a telling; it is tried again", receiver=self.name, why=answer.said,
                    attempts=due.attempts, batch=due.batch.id,
                )  # fmt: skip
                lane.next_s = monotonic_s() + backoff_s(due.attempts, due.batch.id, answer.asked_s)
                return
        if due.done >= len(calls):
            self._end(lane, due, Fate.SENT, None)

    def _end(self, lane: _Lane, due: _Due, fate: Fate, error: str | None) -> None:
        attempts = due.attempts + (fate == Fate.SENT)
        entry = Entry(due.batch, fate, attempts, wall_ms(), error)
        with self._changed:
            if not lane.waiting or lane.waiting[0] is not due:
                return  # the partition went away meanwhile
            lane.waiting.popleft()
            lane.next_s = 0.0
            key = (due.partition, due.batch.group)
            if self._lanes.get(key) is not lane:
                return
            if not lane.waiting:
                del self._lanes[key]
            self._present.take(due.partition, entry)
            if self._present.contradicts(due.partition, entry.batch):
                self._resend_at_s = 0.0
        self._count("taken" if fate == Fate.SENT else "dead", due)
        if fate == Fate.DEAD:
            self._log.warning(
                "a telling is a dead letter", receiver=self.name, why=error, attempts=attempts, batch=due.batch.id,
                tellings=[telling.id for telling in due.batch.tellings],
            )  # fmt: skip
        self._finished(due.partition, entry)

    def _repeat(self) -> None:
        """Tell the present, and that somebody is here. What is not taken comes again the next time."""
        now_ms = wall_ms()
        self._resend_at_s = monotonic_s() + self._timing.resend_s
        with self._changed:
            active, over = self._present.at(now_ms)
        calls: list[Call] = [*self._receiver.present(active, over, now_ms)]
        if self.leads and self._resolved.watchdog:
            calls += self._receiver.watchdog(self._watchdog, now_ms)
        for call in calls:
            answer = self._post(call)
            taken = answer.meaning == Meaning.TAKEN
            self._telemetry.count(Count.NOTIFICATIONS, receiver=self.name, outcome="taken" if taken else "again")
            if not taken:
                self._log.warning("a receiver did not take the present", receiver=self.name, why=answer.said)

    def _post(self, call: Call) -> Answer:
        """One request. Nothing of what the receiver said is shown: it may repeat what it was sent."""
        began_s = monotonic_s()
        try:
            with self._client.stream("POST", call.url, content=call.body, headers=dict(call.headers)) as response:
                read = 0
                for chunk in response.iter_raw():
                    read += len(chunk)
                    if read > _MOST_READ or monotonic_s() - began_s > self._timing.timeout_s:
                        break  # its status is known; who trickles a body must not hold up the others
                asked = asked_s(response.headers, wall_ms())
                return Answer(meaning_of(response.status_code), asked, f"it answered {response.status_code}")
        except (httpx.HTTPError, httpx.StreamError) as error:
            return Answer(Meaning.AGAIN, 0.0, f"no answer ({type(error).__name__})")
        finally:
            self._telemetry.observe(Spread.NOTIFICATION, monotonic_s() - began_s, receiver=self.name)

    def _count(self, outcome: str, due: _Due) -> None:
        self._telemetry.count(Count.NOTIFICATIONS, len(due.batch.tellings), receiver=self.name, outcome=outcome)


def waiting_of(mailboxes: Sequence[Mailbox]) -> dict[str, tuple[int, float]]:
    """How many tellings each receiver has not acknowledged, and how long the oldest has waited, s."""
    return {mailbox.name: mailbox.pending() for mailbox in mailboxes}
