"""One deliverer: a consumer of the alerts topic, a thread that decides, and a thread for each receiver.

Several run as one group: partitions go to one of them at a time, and who takes one over goes on from what the other
wrote. Deciding needs the brokers, telling only the receivers. One way to end in trouble, as for a worker: one sentence,
then the process is gone.
"""

import contextlib
import os
import queue
import signal
import sys
import threading
import uuid
from collections.abc import Sequence

from streams import __version__
from streams.alerts.telling.planner import Address
from streams.alerts.telling.rows import Entry, Fate
from streams.runtime.clock import monotonic_s, wall_ms
from streams.runtime.config.job import Config
from streams.runtime.deliver.credentials import receiver_of
from streams.runtime.deliver.mailbox import Mailbox, waiting_of
from streams.runtime.deliver.mailbox import Timing as MailTiming
from streams.runtime.deliver.others import Others
from streams.runtime.deliver.pages import Pages, serve
from streams.runtime.deliver.part import Part
from streams.runtime.deliver.present import Present
from streams.runtime.deliver.receivers.alertmanager import WATCHDOG
from streams.runtime.deliver.receivers.call import Resolved, Watchdog
from streams.runtime.deliver.runbooks import runbooks_of
from streams.runtime.deliver.standstill import Standstill
from streams.runtime.deliver.tellings_log import TellingsLog
from streams.runtime.deliver.topics import Awaited, Found
from streams.runtime.errors import UnavailableError
from streams.runtime.kafka.client import Log, TopicPartitionKey
from streams.runtime.kafka.source import Source
from streams.runtime.kafka.stage import LOG_LIMITS, Batch
from streams.runtime.kafka.transactions import FencedError
from streams.runtime.lifeline import Lifeline, reached, waiting_source
from streams.runtime.logs import report
from streams.runtime.telemetry import Count, Level, Telemetry
from streams.web.health import Health

TICK_S = 0.5
FENCED_PAUSE_S = 1.0
MOST_AT_ONCE = 64  # batches and outcomes, before what they say is written
LOOK_S = 10.0
STOP_WITHIN_S = 12.0
NO_RECEIVER = "this deliverer's configuration has no such receiver"

_Outcome = tuple[int, Entry]


class Deliverer:
    """Everything of one deliverer. Made, then `run`; not to be used twice."""

    def __init__(self, config: Config, receivers: Sequence[Resolved], *, log: Log, embedded: bool = False) -> None:
        """`embedded`: the broker is librdkafka's own, which knows no fencing, topic ids or settings."""
        self._config, self._log, self._embedded = config, log, embedded
        self._name = f"deliver-{uuid.uuid4().hex[:8]}"
        self.telemetry = Telemetry(process=True)
        self.telemetry.set(Level.BUILD_INFO, 1, version=__version__)
        self._addresses = tuple(Address(r.name, r.match) for r in receivers)
        deliver = config.deliver
        self._inbox: queue.SimpleQueue[Batch | _Outcome] = queue.SimpleQueue()
        alive = Watchdog(config.name, runbooks_of(config)[WATCHDOG])
        mail = MailTiming(deliver.timeout_ms / 1000, deliver.resend_ms / 1000)
        self._mailboxes = {
            r.name: Mailbox(
                alive, r, receiver_of(r, deliver.resend_ms, config.name), Present(deliver.resolved_for_ms), mail,
                finished=lambda partition, entry: self._inbox.put((partition, entry)), fail=self.fail,
                telemetry=self.telemetry, log=log,
            )
            for r in receivers
        }  # fmt: skip
        self._parts: dict[int, Part] = {}
        self._loading = threading.Lock()
        self._stop, self._failed = threading.Event(), threading.Lock()
        self._looked_s = 0.0
        self._stall = Standstill(config)
        self._awaited = Awaited(config, log)
        self._source: Source | None = None
        self._lifeline = Lifeline(lambda: reached(config), monotonic_s)

    def run(self) -> int:
        """Tell until SIGTERM or SIGINT; the exit code. Raises StreamsError when it cannot start."""
        for number in (signal.SIGTERM, signal.SIGINT):
            # set by another thread: this one may hold the event's lock when the signal comes
            signal.signal(number, lambda *_: threading.Thread(target=self._stop.set, daemon=True).start())
        if self._config.deliver.http_port is not None:
            pages = Pages(self.telemetry.registry, self._health)
            serve(pages, self._config.deliver.http_host, self._config.deliver.http_port)
        found = self._awaited.wait(self._stop)
        if found is None:
            self._log.info("stopped")
            return 0
        self._start(found)
        self._stop.wait()
        self.close()
        return 0

    def _start(self, found: Found) -> None:
        """Join the group and begin."""
        config = self._config
        self._tellings = TellingsLog(
            config, self._name, found, self._addresses, embedded=self._embedded, log=self._log
        )  # fmt: skip
        self._others = Others(config.topic("alerts"), found.partitions, self._tellings.note, self._log)
        self.source = self._source = Source(
            "deliver", [config.topic("alerts")], f"{config.name}-deliver", self, config.client,
            deliver=self._inbox.put, fail=self.fail, clock_ms=wall_ms, log=self._log, limits=LOG_LIMITS, at_end=True,
            read_committed=not self._embedded, protocol=config.group_protocol,
            instance_id=f"{config.static_member}-deliver" if config.static_member else None,
        )  # fmt: skip
        for mailbox in self._mailboxes.values():
            mailbox.start()
        self._thread = threading.Thread(target=self._decide, name="decide", daemon=True)
        self._thread.start()
        self.source.start()
        self._log.info("the deliverer runs", version=__version__, config=config.file, receivers=sorted(self._mailboxes))

    def _health(self) -> tuple[Health, str]:
        """How this deliverer is, and what it waits for."""
        source, loaded = self._source, len(self._parts)
        assigned = loaded + (len(source.loading()) if source is not None else 0)
        joined = source is not None and source.stats.rebalances > 0
        return Health(0.0, assigned, loaded, joined, draining=self._stop.is_set()), self._awaited.sentence

    def close(self) -> None:
        """Send nothing more, write what arrived, leave the group."""
        self._log.info("stopping")
        self._stop.set()
        watchdog = threading.Timer(STOP_WITHIN_S, os._exit, (UnavailableError.exit_code,))
        watchdog.daemon = True
        watchdog.start()
        for mailbox in self._mailboxes.values():
            mailbox.stop()
        for mailbox in self._mailboxes.values():
            mailbox.join(self._config.deliver.timeout_ms / 1000)
        self.source.stop(self._drain, 5.0)
        for part in self._parts.values():
            part.producer.close()
        watchdog.cancel()
        self._log.info("stopped")

    def fail(self, error: BaseException) -> None:
        """Say one sentence and end the process at once. Any thread."""
        if self._failed.acquire(blocking=False):
            code = report(error)
            sys.stderr.flush()
            os._exit(code)

    # ------------------------------------------------------------------ what the source asks

    def position(self, tp: TopicPartitionKey) -> int | None:
        """See Stage. A partition that comes back is read anew: another one may have told of it meanwhile."""
        part = self._parts.get(tp[1])
        return part.position if part is not None and part.ready else None

    def load(self, tps: list[TopicPartitionKey]) -> None:
        """See Stage."""
        for tp in tps:
            part = self._tellings.load(self.source, tp[1])
            with self._loading:
                self._parts[tp[1]] = part

    def revoked(self, tps: list[TopicPartitionKey], lost: bool) -> None:  # noqa: ARG002 - the protocol's
        """See Stage."""
        with self._loading:
            for _, number in tps:
                part = self._parts.pop(number, None)
                if part is not None:
                    part.ready = False
                    part.producer.close()
        for _, number in tps:
            for mailbox in self._mailboxes.values():
                mailbox.forget(number)

    def lost_rows(self, tp: TopicPartitionKey, wanted: int, low: int) -> None:
        """See Stage. Rows that retention took away are states of long ago: there is nothing to tell of them."""
        self._log.warning("rows of alerts were deleted before they were read", partition=tp[1], begin=wanted, end=low)
        self._parts[tp[1]].position = low

    # ------------------------------------------------------------------ the thread that decides

    def _decide(self) -> None:
        try:
            while not self._stop.is_set():
                self._turn(TICK_S)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the deliverer ends with it
            if not self._stop.is_set():
                self.fail(error)

    def _turn(self, wait_s: float) -> None:
        """Take what came in, decide, write, send."""
        with contextlib.suppress(queue.Empty):
            self._take(self._inbox.get(timeout=wait_s))
            for _ in range(MOST_AT_ONCE):
                self._take(self._inbox.get_nowait())
        with self._loading:
            parts = list(self._parts.values())
        for part in parts:
            self._launch(part)
            if part.caught_up and part.ready:
                part.tick(wall_ms())
        first = self._stall.look(parts, self._tellings.partitions, wall_ms())
        for mailbox in self._mailboxes.values():
            mailbox.leads = first
        for part in parts:
            self._write(part)
        self._look(parts)

    def _take(self, item: Batch | _Outcome) -> None:
        if not isinstance(item, Batch):
            part = self._parts.get(item[0])
            if part is not None:
                part.finish(item[1])
            return
        with self.source.lock:
            part = self._parts.get(item.partition)
            if part is not None and self.source.current(item):
                part.take(item.messages, item.end, wall_ms)
                part.caught_up = item.caught_up
        self.source.done(item)

    def _launch(self, part: Part) -> None:
        """What was decided before this deliverer had the partition goes on its way."""
        due, part.due = part.due, []
        finished, part.finished = part.finished, []
        for entry in finished:
            if (mailbox := self._mailboxes.get(entry.batch.receiver)) is not None:
                mailbox.adopt(part.number, entry)
        for batch in due:
            mailbox = self._mailboxes.get(batch.receiver)
            if mailbox is not None:
                mailbox.put(part.number, batch)
            else:
                part.finish(Entry(batch, Fate.DEAD, 0, wall_ms(), NO_RECEIVER))
                self.telemetry.count(
                    Count.NOTIFICATIONS, len(batch.tellings), receiver=batch.receiver, outcome="dead"
                )  # fmt: skip
                self._log.warning(
                    "a telling is a dead letter", receiver=batch.receiver, why=NO_RECEIVER, batch=batch.id,
                    tellings=[telling.id for telling in batch.tellings],
                )  # fmt: skip

    def _write(self, part: Part) -> None:
        """Write what was decided and what arrived, then send it."""
        try:
            batches = self._tellings.write(self.source, part)
        except FencedError:
            self._begin_again(part)
            return
        except UnavailableError:
            if not self._stop.is_set():
                raise
            return
        for batch in batches:
            self._mailboxes[batch.receiver].put(part.number, batch)

    def _begin_again(self, part: Part) -> None:
        """Another one came late and shut this one out, though the partition is ours: read back what it wrote."""
        self._log.info("another deliverer was in the way; reading back", partition=part.number)
        fresh: Part | None = None
        while fresh is None:
            if self._stop.wait(FENCED_PAUSE_S) or not part.ready:
                return
            with contextlib.suppress(UnavailableError):  # a broker that is away is waited for
                fresh = self._tellings.load(self.source, part.number, part.position)
        part.producer.close()
        with self._loading:
            if part.ready:
                for mailbox in self._mailboxes.values():
                    mailbox.forget(part.number)
                self._parts[part.number] = fresh

    def _look(self, parts: Sequence[Part]) -> None:
        """Bring what is shown up to date."""
        for name, (pending, oldest_s) in waiting_of(list(self._mailboxes.values())).items():
            self.telemetry.set(Level.DELIVERY_PENDING, pending, receiver=name)
            self.telemetry.set(Level.DELIVERY_OLDEST, oldest_s, receiver=name)
        self.telemetry.set(Level.ASSIGNED_PARTITIONS, len(parts) + len(self.source.loading()), stage="deliver")
        self.telemetry.set(Level.LOADED_PARTITIONS, len(parts), stage="deliver")
        if monotonic_s() - self._looked_s > LOOK_S:
            self._looked_s = monotonic_s()
            self._lifeline.look(waiting_source(self._config, "alerts", self.source))
            self._others.look(self.source, {part.number for part in parts})

    def _drain(self) -> None:
        """The last turn: what arrived meanwhile is written, so that nobody is told it twice."""
        self._thread.join(5.0)
        if not self._thread.is_alive():
            self._turn(0.0)
