"""One worker: a Faust application of three agents on bounded channels, fed by three sources.

Faust is the application (agents, timers, web server), confluent-kafka the data plane; Faust's own Kafka is off. There
is one way to end in trouble, `fail`: one sentence, then the process is gone, with no clean-up that could write damaged
state. SIGTERM ends in order: stop reading, finish what is in hand, have everything acknowledged, leave the groups.
"""

import asyncio
import os
import signal
import sys
import threading
import uuid
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import cast

from streams import __version__
from streams.runtime.application import Application
from streams.runtime.checkpoints.kept import Checkpoints
from streams.runtime.clock import monotonic_s, wall_ms
from streams.runtime.config.job import Config
from streams.runtime.desk.desk import Desk
from streams.runtime.errors import UnavailableError
from streams.runtime.garbage import look_for_garbage_rarely
from streams.runtime.gauges import SourceGauges, tell_configuration
from streams.runtime.kafka.client import Log
from streams.runtime.kafka.producer import Producer
from streams.runtime.kafka.source import Source
from streams.runtime.kafka.stage import LOG_LIMITS, Batch
from streams.runtime.kafka.transactions import RoundProducer, round_producer
from streams.runtime.lifeline import waiting_of, watch
from streams.runtime.logs import logger, report
from streams.runtime.pin import ensure_pinned
from streams.runtime.quality_memory import QualityMemory
from streams.runtime.quality_metrics import QualityMetrics
from streams.runtime.stages.intake import IntakeStage
from streams.runtime.stages.join import JoinStage
from streams.runtime.stages.judge import JudgeStage
from streams.runtime.stages.outputs import Outputs
from streams.runtime.stopping import Stopping
from streams.runtime.telemetry import Count, Spread, Telemetry
from streams.runtime.topology import Topology
from streams.web.health import Health


def _log(room: str) -> Log:
    """The logger of a room, as the rooms know it."""
    return cast("Log", logger(room))


class Worker:
    """Everything of one worker. Made, then `run`; not to be used twice."""

    def __init__(self, config: Config, *, embedded: bool = False) -> None:
        """`embedded`: the broker is librdkafka's own, which knows no fencing, topic ids or settings."""
        self.config, self._embedded = config, embedded
        self.name = f"{config.static_member or 'worker'}-{uuid.uuid4().hex[:8]}"
        self._logger = logger("worker").bind(worker=self.name)
        self._log = cast("Log", self._logger)
        self.telemetry = Telemetry(process=True)
        tell_configuration(config, self.telemetry, wall_ms())
        self.quality = QualityMetrics(config.quality, self.telemetry.registry)
        self._gauges = SourceGauges(self.telemetry)
        self._beat_s, self._draining = monotonic_s(), False
        self._failed = threading.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    def run(self) -> int:
        """Work until SIGTERM or SIGINT; the exit code of `Stopping`. Raises StreamsError when it cannot start."""
        self._topology = Topology(self.config, log=self._log)
        self._topology.prepare()
        names = ("ledger", "tallies", "outputs", "checkpoints")
        self._ledger, self._tallies, self._rows, self._states = map(self._producer, names)
        ensure_pinned(self.config, self._rows)
        self._desk = Desk(self.config, self._tallies, self.telemetry, _log("desk"))
        self._desk.begin()
        self._build()
        return asyncio.run(self._main())

    def fail(self, error: BaseException) -> None:
        """Say one sentence and end the process at once. Any thread."""
        if not self._failed.acquire(blocking=False):
            return
        code = report(error, self._logger)
        sys.stderr.flush()
        os._exit(code)

    async def _main(self) -> int:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._desk.reload_soon)
        takes = {"intake": self._take_intake, "join": self._take_join, "judge": self._take_judge}
        look_for_garbage_rarely()
        application = Application(
            self.config, takes, self._desk, health=self._health, metrics=self.telemetry.page, fail=self.fail
        )
        await application.start()
        self._connect(application)
        self._checkpoints.writer.start()
        for source in self._sources:
            source.start()
        made = (self._ledger, self._tallies, self._rows, self._states)
        waiting = partial(waiting_of, self.config, self._sources, made, self._judge.writing_since_s)
        self._tasks = [
            asyncio.create_task(self._guarded(self._ticks)),
            asyncio.create_task(self._guarded(self._flushes)),
            asyncio.create_task(self._guarded(self._look_at_topics)),
            asyncio.create_task(self._guarded(lambda: watch(self.config, waiting))),
        ]
        self._log.info(
            "the worker runs", version=__version__, config=self.config.file, hash=self.config.config_hash,
            http=f"{self.config.run.http_host}:{self.config.run.http_port}",
        )  # fmt: skip
        await stop.wait()
        self._draining = True
        stopping = Stopping(self._log)
        taken = await asyncio.to_thread(
            stopping.drain, self._sources, self._intake, (self._ledger, self._tallies, self._rows), self._close
        )
        await application.stop()
        return stopping.exit_code(taken=taken)

    def _close(self) -> None:
        self._judge.close()
        self._checkpoints.close()

    def _producer(self, name: str) -> Producer:
        return Producer(f"{self.name}-{name}", self.config.client, fail=self.fail, log=self._log)

    def _rounds(self, transactional_id: str) -> RoundProducer:
        name = f"{self.name}-{transactional_id}"
        return round_producer(name, transactional_id, self.config.client, fenced=not self._embedded, log=self._log)

    def _build(self) -> None:
        config, topology = self.config, self._topology
        outputs = Outputs(config, self._rows, self.telemetry, self.quality)
        self._checkpoints = Checkpoints(
            config, self.name, self._states, topology.topic_id,
            telemetry=self.telemetry, log=_log("checkpoints"), fail=self.fail,
        )  # fmt: skip
        self._intake = IntakeStage(
            config, self.name, topology, self._ledger, outputs,
            clock_ms=wall_ms, telemetry=self.telemetry, log=_log("intake"),
        )  # fmt: skip
        self._join = JoinStage(
            config, self.name, topology, self._tallies, outputs, self._checkpoints,
            clock_s=monotonic_s, clock_ms=wall_ms, telemetry=self.telemetry, log=_log("join"),
        )  # fmt: skip
        self._intake.aligned.attach(self._join.clocks, self._join.held_bytes)
        self._judge = JudgeStage(
            config, topology, self._rounds, self._checkpoints,
            clock_s=monotonic_s, telemetry=self.telemetry, log=_log("judge"), quality=self.quality,
        )  # fmt: skip

    def _connect(self, application: Application) -> None:
        """The sources, each feeding its stage's channel from its own thread."""
        config = self.config
        self._memory = QualityMemory(self.quality, application.board, config.ledger.judge_of)
        stages: list[tuple[str, IntakeStage | JoinStage | JudgeStage, list[str]]] = [
            ("intake", self._intake, self._intake.topics),
            ("join", self._join, [config.topic("ledger")]),
            ("judge", self._judge, [config.topic("tallies")]),
        ]
        self._sources: list[Source] = []
        for noun, stage, names in stages:
            source = Source(
                noun, names, f"{config.name}-{noun}", stage, config.client,
                deliver=application.deliver_to(noun), fail=self.fail, clock_ms=wall_ms, log=_log(noun),
                limits=None if noun == "intake" else LOG_LIMITS,
                at_end=noun == "intake", read_committed=noun == "intake" and not self._embedded,
                instance_id=f"{config.static_member}-{noun}" if config.static_member else None,
                protocol=config.group_protocol,
            )  # fmt: skip
            stage.source = source
            self._sources.append(source)

    # ------------------------------------------------------------------ work

    async def _take_intake(self, batch: Batch) -> None:
        await self._room(self._ledger)
        self._timed("intake", batch, self._intake.take)

    async def _take_join(self, batch: Batch) -> None:
        await self._room(self._tallies)
        self._timed("join", batch, self._join.take)

    async def _take_judge(self, batch: Batch) -> None:
        await self._fold(batch)
        try:
            if self._judge.has_rows(batch.partition):
                await asyncio.to_thread(self._judge.write, batch.partition)
        except UnavailableError:
            if not self._draining:
                raise
            self._log.info("stopped before a round was written; its next owner writes it", partition=batch.partition)
        finally:
            self._sources[2].done(batch)

    async def _fold(self, batch: Batch) -> None:
        """Apply a batch of the tallies turn by turn, as long as its partition is ours."""
        source, turns, began_s = self._sources[2], self._judge.take(batch), monotonic_s()
        while self._turn(source, batch, turns):  # noqa: ASYNC110 - it is we who work
            await asyncio.sleep(0)  # the loop has its turn, and so has who waits for the lock
        self._tell_batch("judge", batch, began_s)

    @staticmethod
    def _turn(source: Source, batch: Batch, turns: Iterator[bool]) -> bool:
        """Whether there is another turn behind this one."""
        with source.lock:
            return source.current(batch) and next(turns, False)

    async def _room(self, producer: Producer) -> None:
        """Wait for room in a producer without holding up the loop: a broker may be away for hours."""
        while not (producer.has_room() and self._rows.has_room()):
            await asyncio.sleep(0.05)
            self._beat_s = monotonic_s()

    def _timed(self, stage: str, batch: Batch, take: Callable[[Batch], int]) -> None:
        """Apply a batch if its partition is still ours."""
        source = self._sources[("intake", "join", "judge").index(stage)]
        began_s = monotonic_s()
        with source.lock:
            if source.current(batch):
                take(batch)
        source.done(batch)
        self._tell_batch(stage, batch, began_s)

    def _tell_batch(self, stage: str, batch: Batch, began_s: float) -> None:
        self.telemetry.count(Count.BYTES_READ, batch.size_bytes, stage=stage)
        self.telemetry.observe(Spread.BATCH, monotonic_s() - began_s, stage=stage)

    async def _ticks(self) -> None:
        """Progress records on multiples of the tick of the wall clock."""
        tick_ms = self.config.run.tick_ms
        while True:
            await asyncio.sleep((tick_ms - wall_ms() % tick_ms) / 1000)
            began_s = self._beat_s = monotonic_s()
            if self._draining:
                return
            if self._ledger.has_room():
                for tp in self._intake.waiting():
                    self._intake.send_blocks(tp)
                    await asyncio.sleep(0)  # the other agents have their turn
                self._intake.tick()
            self._gauges.look(self._sources)
            self._gauges.clocks(wall_ms(), self._intake.clocks(), self._intake.ahead())
            self.telemetry.observe(Spread.TICK, monotonic_s() - began_s)

    async def _flushes(self) -> None:
        """A flush that came too soon after the one before is made up for, also when no record follows."""
        while not self._draining:
            await asyncio.sleep(self.config.run.flush_interval_ms / 2000)
            if self._tallies.has_room() and self._rows.has_room():
                self._join.flush_idle()
            self._judge.forget_moved()
            self._memory.look([partition for _, partition in self._sources[2].assigned()])

    async def _look_at_topics(self) -> None:
        while not self._draining:
            await asyncio.sleep(60)
            await asyncio.to_thread(self._topology.refresh)

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it is, the worker ends with it
            self.fail(error)

    def _health(self) -> Health:
        sources = getattr(self, "_sources", [])
        loaded = sum(len(s.assigned()) for s in sources)
        loading = sum(len(s.loading()) for s in sources)
        return Health(
            heartbeat_age_s=monotonic_s() - self._beat_s,
            assigned=loaded + loading,
            loaded=loaded,
            joined=bool(sources) and all(s.stats.rebalances for s in sources),
            draining=self._draining,
            full=self._intake.aligned.full,
        )
