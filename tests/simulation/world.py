"""The whole job in one process: lists for topics, real folds, and every fault of one seed.

A run has four parts: turns with faults while the records come; healing, until all is read and judged; time goes on
until every window is final; then stragglers, which must change nothing. The wall clock is a number that the turns move.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from random import Random

from streams.alerts import orders
from streams.alerts.orders import Order
from streams.alerts.rows import ALERT_LOG
from streams.formats.reasons import Kind
from streams.ledger.blocks import Advance, Retire, encode
from streams.ledger.position import SourceId, start
from streams.ledger.spec import MINUTE, LedgerSpec
from streams.ledger.watermark import SourceClock, Watermark
from streams.quality.spec import QualitySpec, parse_window
from streams.runtime.checkpoints.rules import newest_first
from tests.simulation.checkpoints import LINEAGE, LOG_OF, Disk
from tests.simulation.foreign import leave
from tests.simulation.intake_worker import IntakeWorker
from tests.simulation.join_worker import JoinWorker
from tests.simulation.judge_worker import JudgeWorker
from tests.simulation.logs import Broker, SimulationError
from tests.simulation.orders import People
from tests.simulation.pool import Faults, Pool
from tests.simulation.raw import Raw, Record, ledger_spec

WINDOWS = (("20m",), ("40m/20m",), ("20m", "40m/20m"))
INTAKE, JOIN, JUDGE = Faults(), Faults(0.06, 0.04, 0.08, zombie_ends=0.07), Faults(move=0.1, crash=0.05, zombie=0.08)
OUTAGE = Faults(outage=0.06)
CHECKPOINT_RATES = (0.0, 0.1, 0.4, 1.0, 1.0)
"""How often a flush is followed by a checkpoint."""

MAX_AHEAD = (20, 60, 100_000)
"""Minutes of event time beyond which a source waits for those behind it."""

MAX_ROWS = (3, 10, 30, 10_000, 10_000)
"""Rows of one transaction of a judge."""

COMPACT, ROT, FOREIGN, RESTART, RESTART_IN_A_TURN, FORGOTTEN = 0.1, 0.2, 0.3, 0.4, 0.02, 0.005
DRAINS = 20
PATIENCE = 60
"""Turns of twenty minutes after which time must have come to the end of all windows."""


class World:
    """One run over the raw topics of a seed, with the faults of another."""

    def __init__(self, raw: Raw, seed: int) -> None:
        self.raw, self.seed = raw, seed
        self.rng = Random(seed)
        self.judges_rng = Random(f"judges {seed}")  # so that what a judge does changes nothing before it
        self.ledger_spec: LedgerSpec = ledger_spec(self.rng)
        spec = self.ledger_spec
        self.quality_spec = QualitySpec(
            tuple(map(parse_window, WINDOWS[raw.seed // 6 % 3])), spec.pane_ms, spec.timing, spec.models, ("segment",),
            ledger_partitions=spec.partitions, detail_ms=spec.detail_ms,
        )  # fmt: skip
        self.broker = Broker(spec.partitions, spec.tallies_partitions)
        self.max_ahead_ms = self.rng.choice(MAX_AHEAD) * MINUTE
        self.checkpoint_rate = self.rng.choice(CHECKPOINT_RATES)
        self.max_rows = self.judges_rng.choice(MAX_ROWS)
        self.now_ms = raw.begin_ms
        self.retired = False
        self.disks: list[Disk] = [{}, {}]
        self.kinds: dict[SourceId, Kind] = raw.kinds
        self.logs = {source: list(log) for source, log in raw.sources.items()}
        self.announced = [*raw.sources, *([raw.unowned] if raw.unowned else [])]
        self.sound = {(s, p) for s in LOG_OF for t, p in self.broker.logs if t == LOG_OF[s]}
        if self.rng.random() < FOREIGN:
            leave(self.broker, self.disks, (spec, self.quality_spec), self.rng)
            self.sound.clear()  # one of those may stand where the second newest of this life would be
        partitions, judges, counted = range(spec.partitions), range(spec.tallies_partitions), self.broker.happened
        self.intake: Pool[SourceId] = Pool("intake", lambda n: IntakeWorker(self, n), raw.sources, self.rng, counted)
        self.join: Pool[int] = Pool("join", lambda n: JoinWorker(self, n), partitions, self.rng, counted)
        self.judge: Pool[int] = Pool("judge", lambda n: JudgeWorker(self, n), judges, self.judges_rng, counted)
        self.before_stragglers: list[dict[tuple[str, str], object]] = []
        self.people = People(self.judges_rng, raw.span_ms)
        self.order(self.people.first())

    def readable(self, source: SourceId) -> list[Record]:
        """The records of a source that are there now."""
        log, n = self.logs[source], 0
        while n < len(log) and log[n].at_ms <= self.now_ms:
            n += 1
        return log if n == len(log) else log[:n]

    def run(self) -> None:
        """Everything, from the first record to the stragglers."""
        last = max((log[-1].at_ms for log in self.logs.values() if log), default=self.now_ms)
        turns = self.rng.randint(12, 24 + self.raw.ids // 2)
        step = max((last - self.now_ms) // turns, 1)
        retire_at = self.rng.randrange(turns // 2)
        advance_at = self.rng.randrange(turns) if self.raw.history else turns
        intake = OUTAGE if self.raw.mode == "outage" else INTAKE.of_run(self.rng)
        join, judge = JOIN.of_run(self.rng), JUDGE.of_run(self.rng)
        for turn in range(turns + 5):
            if turn == advance_at:
                self.advance()
            if turn == retire_at:
                self.retire()
            if turn == turns - turns // 4 and self.retired:
                self.join.restart()  # what was retired stays retired
            if self.rng.random() < RESTART_IN_A_TURN:
                self.perhaps_restart()
            turns_of: list[Callable[[], None]] = [
                partial(self.intake.turn, intake),
                partial(self.join.turn, join),
                partial(self.judge.turn, judge),
                self.store_turn,
            ]
            self.rng.shuffle(turns_of)
            for take_turn in turns_of:
                take_turn()
            for order in self.people.turn():
                self.order(order)
            self.now_ms += 2 * self.rng.randrange(step + 1)
        self.now_ms = max(self.now_ms, last)
        self.perhaps_restart()
        self.heal()
        self.intake.last_words()
        self.join.last_words()
        self.finish()
        self.drain()  # a round of the judges ends with the last partition's word: one more makes all of it known
        self.before_stragglers = [dict(outputs.newest) for outputs in self.broker.outputs]
        self.perhaps_restart()
        self.straggle()

    def perhaps_restart(self) -> None:
        """Now and then the whole of a stage begins anew, with what the logs and checkpoints hold."""
        for stage in (self.intake, self.join, self.judge):
            if self.rng.random() < RESTART:
                stage.restart()

    def store_turn(self) -> None:
        """What happens to checkpoints that lie in their topic, and to offsets that a group forgets."""
        for topic in self.broker.checkpoints:
            if self.rng.random() < COMPACT:
                topic.compact()
        for p in range(self.ledger_spec.partitions):
            if self.rng.random() < FORGOTTEN:
                self.broker.ledger_offsets.pop(p, None)
        for stage, partition in sorted(self.sound):
            rng = self.judges_rng if stage == "judge" else self.rng
            if rng.random() < ROT:
                self.rot(stage, partition, rng)

    def rot(self, stage: str, partition: int, rng: Random) -> None:
        """Damage the newest checkpoint, once in a run, if there was another before it: that one must do."""
        topic = self.broker.checkpoints[partition]
        mine = [m for m in self.broker.written if (m.stage, m.partition) == (stage, partition)]
        newest = newest_first(mine, LINEAGE)[:2]
        if len(newest) > 1 and newest[0].id in topic.found(stage, partition, topic.end).manifests:
            self.broker.happened["checkpoints damaged"] += 1
            topic.damage(newest[0].id, rng.randrange(len(newest[0].chunks)))
            self.sound.remove((stage, partition))

    def happened(self) -> Counter[str]:
        """How often what happened in this run."""
        trimmed = sum(log.low > 0 for log in self.broker.logs.values())
        said = [[row for row in rows if row.stream == ALERT_LOG] for one in self.broker.outputs for rows in one.said]
        told = Counter(str(row.value["transition_id"]) for rows in said for row in rows)
        alerts = {"transitions": len(told), "transitions again": told.total() - len(told)}
        return self.broker.happened + Counter({"logs trimmed": trimmed, "records": len(self.raw.rows), **alerts})

    def heal(self) -> None:
        """No fault any more; everything that is there is read, joined and judged."""
        self.intake.heal()
        self.join.heal()
        self.judge.heal()
        self.drain()

    def drain(self) -> None:
        """Calm turns of everybody, until all is read that can be."""
        for _ in range(DRAINS):
            before = self.unread()
            for stage in (self.intake, self.join, self.judge):
                stage.drain()
            if self.unread() in {0, before}:
                return

    def unread(self) -> int:
        """Records that are there and that nobody has read."""
        workers = [w for w in self.intake.members if isinstance(w, IntakeWorker)]
        return sum(len(self.readable(s)) - w.positions.get(s, 0) for w in workers for s in w.parts)

    def finish(self) -> None:
        """Time goes on until every window is final: by the wall clock where sources live, else by the operator."""
        self.retire()
        for turn in range(PATIENCE):
            if self.over():
                return
            if turn == PATIENCE // 2 and self.stale():
                self.advance()
            self.now_ms += 20 * MINUTE
            self.drain()
        raise SimulationError(f"time stands still: {[w.explain() for w in self.watermarks()]}")

    def stale(self) -> bool:
        """Whether a source was last read long after its records were written, or nothing came: the operator's case."""
        return any(
            not any(s.live for s in w.sources.values()) or any(s.live is False for s in w.sources.values())
            for w in self.watermarks()
        )

    def clocks(self) -> Mapping[str, SourceClock]:
        """What the ledger has said of all sources that are not retired, where any partition of it is folded."""
        for worker in self.join.members:
            if isinstance(worker, JoinWorker) and worker.ready:
                time = worker.memory[worker.ready[0]].join.time
                return {name: clock for name, clock in time.sources.items() if name not in time.retired}
        return {}

    def watermarks(self) -> list[Watermark]:
        """The time of every ledger partition at its owner."""
        return [w.memory[p].join.time for w in self.join.members if isinstance(w, JoinWorker) for p in w.ready]

    def over(self) -> bool:
        """Whether every window is final, as far as the ledger partitions know."""
        times = self.watermarks()
        return len(times) == self.ledger_spec.partitions and all(time.ms >= self.raw.over_ms for time in times)

    def advance(self) -> None:
        """The operator's record in every ledger partition: this history is complete up to these ends."""
        ends = {str(source): start(len(log)) for source, log in self.logs.items()}
        self.to_ledger(encode(Advance("advance", self.raw.over_ms, ends, self.ledger_spec.config_hash)))

    def retire(self) -> None:
        """The operator's record that takes out the source that nobody reads."""
        if self.raw.unowned and not self.retired:
            self.retired = True
            self.to_ledger(encode(Retire("retire", str(self.raw.unowned), self.ledger_spec.config_hash)))

    def to_ledger(self, record: bytes) -> None:
        """An operator's record in every ledger partition."""
        for p in range(self.ledger_spec.partitions):
            self.broker.append(("ledger", p), record)

    def order(self, order: Order) -> None:
        """What people say to the alerts, in every tallies partition."""
        self.broker.happened[f"orders: {type(order).__name__}"] += 1
        for p in range(self.ledger_spec.tallies_partitions):
            self.broker.append(("tallies", p), orders.encode(order))

    def straggle(self) -> None:
        """Rows of long ago come; they are told as late and change nothing."""
        for source, rows in self.raw.stragglers.items():
            self.logs[source] = self.logs[source] + [Record(self.now_ms, row) for row in rows]
        self.drain()
        self.drain()
