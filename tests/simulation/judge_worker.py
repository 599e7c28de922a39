"""`JudgeStage`: fence, fold from a checkpoint or go on from memory, write rows and position as one."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from streams.quality.judge import Judge
from streams.quality.rows import OutputRow
from streams.runtime.checkpoints.rules import CheckpointId
from tests.simulation.checkpoints import Dump, Recovery, Refused, check_reach, pack
from tests.simulation.logs import Log, RowKey
from tests.simulation.workers import FORGET, Surroundings, Worker, hash_of


@dataclass(frozen=True, slots=True)
class Transaction:
    """What was begun while the group knew the member: it may end after the partition moved."""

    generation: int
    rows: list[OutputRow]
    position: int


@dataclass(slots=True)
class JudgePart:
    """One tallies partition at a worker: its fold, its generation, and what waits to be written."""

    judge: Judge
    generation: int
    written_to: int
    rows_to: int = 0
    rows: dict[RowKey, OutputRow] = field(default_factory=dict)
    begun: Transaction | None = None


class JudgeWorker(Worker[int]):
    """One judge."""

    def __init__(self, world: Surroundings, name: str) -> None:
        super().__init__(world, name)
        self.memory: dict[int, JudgePart] = {}
        self.late: dict[int, Transaction] = {}

    def load(self, part: int) -> Iterator[None]:
        yield
        outputs, spec = self.world.broker.outputs[part], self.world.quality_spec
        old = self.memory.get(part)
        generation = outputs.init()
        yield
        written_to = outputs.position
        yield
        # a state whose rows were lost with the partition cannot bring them again
        usable = old is not None and max(old.rows_to, old.written_to) <= written_to
        recovery = Recovery(
            self.world.broker, self.disk, "judge", part, hash_of(self.name) % 3 > 0, lambda s: Judge.load(spec, part, s)
        )
        low = self.log(part).low
        state = yield from recovery.restore(old.judge.position if old is not None and usable else None, written_to)
        judge = old.judge if state is None and old is not None else state or Judge(spec, part)
        check_reach(judge.position, low)
        self.memory[part] = JudgePart(judge, generation, written_to)

    def revoke(self, part: int) -> None:
        super().revoke(part)
        if part in self.memory:
            begun = self.memory[part].begun
            if begun is not None:
                self.late[part] = begun
            self.memory[part].rows, self.memory[part].begun = {}, None

    def forget(self, rng: Random) -> None:
        for part in [p for p in self.memory if p not in self.parts and p not in self.loads]:
            if rng.random() < FORGET:
                del self.memory[part]

    def turn(self, rng: Random) -> None:
        super().turn(rng)
        for part in list(self.late):
            if rng.random() < 0.4:
                late = self.late.pop(part)
                self.world.broker.outputs[part].commit(late.generation, late.rows, late.position)

    def work(self, part: int, rng: Random) -> None:
        begun = self.memory[part].begun is not None
        if rng.random() < 0.6 and not begun:
            self.take(part, rng.choice((1, 5, 30)))
        if rng.random() < 0.4:
            self.write(part)
            if rng.random() < 0.4:
                self.write(part)
            if rng.random() < self.world.checkpoint_rate:
                self.checkpoint(part)

    def work_off(self, part: int) -> None:
        self.write_off(part)
        self.take(part, 1 << 30)
        self.write_off(part)
        if self.world.checkpoint_rate > 0.5:
            self.checkpoint(part)

    def write_off(self, part: int) -> None:
        """Write what waits; who was shut out begins again."""
        while self.memory[part].rows:
            self.write(part)

    def take(self, p: int, most: int) -> None:
        """Fold records of the tallies; rows wait for `write`."""
        part, log = self.memory[p], self.log(p)
        begin = part.judge.position
        if begin < log.low:
            raise Refused("the log was trimmed above the fold")
        for offset in range(begin, min(log.end, begin + most)):
            rows = part.judge.apply(offset, log.records[offset], quiet=offset < part.written_to)
            if rows:
                part.rows_to = part.judge.position
                part.rows.update({(row.stream, row.key): row for row in rows})

    def write(self, p: int) -> None:
        """Begin to write what waits, or end what was begun. Who was shut out begins again."""
        part = self.memory[p]
        outputs, begun = self.world.broker.outputs[p], part.begun
        if begun is not None:
            part.begun = None
            if outputs.commit(begun.generation, begun.rows, begun.position):
                part.written_to = begun.position
                part.rows = {}
        elif part.rows and outputs.allows(part.generation, member=self.member):
            part.begun = Transaction(part.generation, list(part.rows.values()), part.judge.position)
        elif part.rows:
            part.generation = outputs.init()

    def checkpoint(self, p: int) -> None:
        """Keep the state of now, if no row of it is left to write."""
        part, judge = self.memory[p], self.memory[p].judge
        if part.rows or judge.position < max(part.written_to, 1) or self.writer.pending(("judge", p)):
            return
        record = self.log(p).records[judge.position - 1]
        self.writer.put(
            Dump(CheckpointId("judge", p, judge.position, self.name), record, pack(judge.dump()), self.world.now_ms)
        )

    def log(self, p: int) -> Log:
        """A partition of the tallies."""
        return self.world.broker.logs["tallies", p]
