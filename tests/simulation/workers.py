"""The three stages of a worker as their shells in `streams.runtime` run them, over lists instead of Kafka.

Each is the shell's order of things and nothing else: what is folded, when something is sent, what is committed behind
which acknowledgements, and from where a partition goes on. The folds are the product's own.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Generic, Protocol, TypeVar

from streams.formats.reasons import Kind, Reason
from streams.ledger.intake import Intake, Sends
from streams.ledger.join import Join
from streams.ledger.position import SourceId, offset_of
from streams.ledger.spec import MINUTE, LedgerSpec
from streams.quality.judge import Judge
from streams.quality.rows import OutputRow
from streams.quality.spec import QualitySpec
from streams.runtime.stages.acknowledged import Acknowledged
from tests.simulation.logs import Broker, Producer, RowKey, SimulationError
from tests.simulation.raw import Record
from tests.support.ledger import Row, columns

K = TypeVar("K")


class Surroundings(Protocol):
    """What a worker sees of the world."""

    broker: Broker
    ledger_spec: LedgerSpec
    quality_spec: QualitySpec
    now_ms: int
    announced: list[SourceId]
    kinds: dict[SourceId, Kind]

    def readable(self, source: SourceId) -> list[Record]:
        """The records of a source that are there now."""
        ...


class Worker(Generic[K]):
    """One member of a stage's group. `member`: the group knows it; a zombie goes on without noticing."""

    def __init__(self, world: Surroundings, name: str) -> None:
        self.world, self.name = world, name
        self.parts: list[K] = []
        self.member = True
        self.producer = Producer(world.broker)

    def assign(self, part: K) -> None:
        """The group gives it a partition."""
        self.parts.append(part)

    def revoke(self, part: K) -> None:
        """The group takes a partition."""
        self.parts.remove(part)

    def turn(self, rng: Random) -> None:
        """Some of the work that is there, in some order."""
        raise NotImplementedError

    def drain(self) -> None:
        """All of the work that is there."""
        raise NotImplementedError


class IntakeWorker(Worker[SourceId]):
    """`IntakeStage`: offsets are committed behind a tick that every ledger partition acknowledged."""

    def __init__(self, world: Surroundings, name: str) -> None:
        super().__init__(world, name)
        self.intake = Intake(world.ledger_spec, name)
        self.positions: dict[SourceId, int] = {}
        self.acks = Acknowledged()
        self.skew_ms = hash_of(name) % 3 * MINUTE

    def assign(self, part: SourceId) -> None:
        super().assign(part)
        offset = self.world.broker.source_offsets.setdefault(part, 0)
        self.intake.assign(part, self.world.kinds[part], offset, self._now())
        self.positions[part] = offset

    def revoke(self, part: SourceId) -> None:
        super().revoke(part)
        self.intake.revoke(part)

    def turn(self, rng: Random) -> None:
        for source in self.parts:
            if rng.random() < 0.7:
                self.read(source, rng.randint(1, 8), repeat=rng.random() < 0.1)
        if rng.random() < 0.45:
            self.tick(repeat=rng.random() < 0.05)
        self.producer.deliver(rng)

    def drain(self) -> None:
        for source in self.parts:
            self.read(source, 1 << 30)
        self.tick()
        self.producer.deliver_all()

    def read(self, source: SourceId, most: int, *, repeat: bool = False) -> None:
        """Poll a batch, possibly empty, and send its blocks; `repeat`: some of them twice, as a retry does."""
        begin, log = self.positions[source], self.world.readable(source)
        batch = list(enumerate(log))[begin : begin + most]
        end = begin + len(batch)
        self.positions[source] = end
        if batch:
            rows: list[tuple[int, Row]] = [(offset, r.row) for offset, r in batch if r.row is not None]
            rubbish = [(offset, Reason.NOT_JSON, None) for offset, r in batch if r.row is None]
            decoded = columns(rows)
            decoded.kind = self.world.kinds[source]
            self._send(self.intake.blocks(source, decoded, rubbish, end, self._now()), repeat=repeat)
        self.intake.at_end(source, self._now() if end == len(log) else None)

    def tick(self, *, repeat: bool = False) -> None:
        """Progress records for every ledger partition; a commit behind them."""
        if not self.intake.sources:
            return
        self._send(self.intake.progress(self.world.announced), repeat=repeat)
        ends = {source: offset_of(state.end) for source, state in self.intake.sources.items()}
        self.acks.mark(lambda: self.commit(ends))

    def commit(self, ends: dict[SourceId, int]) -> None:
        """What the group takes from a member, for partitions it still owns."""
        if self.member:
            self.world.broker.source_offsets |= {s: end for s, end in ends.items() if s in self.parts}

    def _send(self, sends: Sends, *, repeat: bool) -> None:
        for p, record in sends + (sends[-2:] if repeat else []):
            self.producer.send(("ledger", p), record, self.acks.sending())

    def _now(self) -> int:
        return self.world.now_ms + self.skew_ms


@dataclass(slots=True)
class JoinPart:
    """One ledger partition at a worker: its fold, and up to where others have told it."""

    join: Join
    quiet_until: int = 0
    acks: Acknowledged = field(default_factory=Acknowledged)


class JoinWorker(Worker[int]):
    """`JoinStage`: fold from the log's start or go on from memory, quiet up to what was told."""

    def __init__(self, world: Surroundings, name: str) -> None:
        super().__init__(world, name)
        self.memory: dict[int, JoinPart] = {}
        self.lazy = 1 + hash_of(name) % 4

    def assign(self, part: int) -> None:
        super().assign(part)
        if part not in self.memory:
            self.memory[part] = self.begin(part)
        state = self.memory[part]
        state.quiet_until = self.world.broker.ledger_offsets.get(part, 0)
        state.acks = Acknowledged()

    def begin(self, part: int) -> JoinPart:
        """A partition that was never here."""
        return JoinPart(Join(self.world.ledger_spec, part))

    def turn(self, rng: Random) -> None:
        for p in self.parts:
            if rng.random() < 0.8:
                self.take(p, rng.choice((1, 5, 20, 60)), rng)
            if rng.random() < 0.2:
                self.flush_idle(p)
        self.producer.deliver(rng)

    def drain(self) -> None:
        for p in self.parts:
            self.take(p, 1 << 30, None)
            self.flush_idle(p)
        self.producer.deliver_all()

    def take(self, p: int, most: int, rng: Random | None) -> None:
        """Fold records and flush where that is due, or where the interval is over."""
        part = self.memory[p]
        join, log = part.join, self.world.broker.logs["ledger", p]
        for offset in range(join.position, min(len(log), join.position + most)):
            join.apply(offset, log[offset])
            if join.position <= part.quiet_until:
                if join.flush_due or join.position == part.quiet_until:
                    join.skip_flush()
                join.take_rejects()
            elif join.flush_allowed and (join.flush_due or (rng is not None and rng.random() < 1 / self.lazy)):
                self.flush(p)

    def flush_idle(self, p: int) -> None:
        """The interval is over and nothing came."""
        join = self.memory[p].join
        if join.flush_allowed and join.position > join.flushed:
            self.flush(p)

    def flush(self, p: int) -> None:
        """Tell the judges; commit behind it."""
        part = self.memory[p]
        join = part.join
        if join.position <= part.quiet_until:
            return
        for judge, chunk in join.flush(self.name):
            self.producer.send(("tallies", judge), chunk, part.acks.sending())
        join.take_rejects()
        audit = join.audit()
        if not audit.balanced:
            raise SimulationError(f"the audit does not balance: {audit}")
        offset = join.flushed
        part.acks.mark(lambda: self.commit(p, offset))

    def commit(self, p: int, offset: int) -> None:
        """What the group takes from a member, for a partition it still owns."""
        if self.member and p in self.parts:
            self.world.broker.ledger_offsets[p] = offset


@dataclass(slots=True)
class JudgePart:
    """One tallies partition at a worker: its fold, its generation, and what waits to be written."""

    judge: Judge
    generation: int
    written_to: int
    rows_to: int = 0
    rows: dict[RowKey, OutputRow] = field(default_factory=dict)


class JudgeWorker(Worker[int]):
    """`JudgeStage`: fence, fold from the start or go on from memory, write rows and position as one."""

    def __init__(self, world: Surroundings, name: str) -> None:
        super().__init__(world, name)
        self.memory: dict[int, JudgePart] = {}

    def assign(self, part: int) -> None:
        super().assign(part)
        old = self.memory.get(part)
        outputs = self.world.broker.outputs[part]
        generation = outputs.init()
        keep = old is not None and old.rows_to <= outputs.position
        judge = old.judge if old is not None and keep else Judge(self.world.quality_spec, part)
        self.memory[part] = JudgePart(judge, generation, outputs.position)

    def revoke(self, part: int) -> None:
        super().revoke(part)
        self.memory[part].rows.clear()

    def turn(self, rng: Random) -> None:
        for p in self.parts:
            if rng.random() < 0.6:
                self.take(p, rng.choice((1, 5, 30)))
            if rng.random() < 0.4:
                self.write(p)

    def drain(self) -> None:
        for p in self.parts:
            self.take(p, 1 << 30)
            self.write(p)

    def take(self, p: int, most: int) -> None:
        """Fold records of the tallies; rows wait for `write`."""
        part, log = self.memory[p], self.world.broker.logs["tallies", p]
        begin = part.judge.position
        for offset in range(begin, min(len(log), begin + most)):
            rows = part.judge.apply(offset, log[offset])
            if rows and part.judge.position > part.written_to:
                part.rows_to = part.judge.position
                part.rows.update({(row.stream, row.key): row for row in rows})

    def write(self, p: int) -> None:
        """Write what waits as one transaction."""
        part = self.memory[p]
        if not part.rows:
            return
        rows, part.rows = part.rows, {}
        position = part.judge.position
        outputs = self.world.broker.outputs[p]
        if outputs.commit(part.generation, list(rows.values()), position, member=self.member):
            part.written_to = position


def hash_of(name: str) -> int:
    """A number that a worker's name stands for: the same in every process."""
    return sum(name.encode())
