"""`JudgeStage`: fence, fold from a checkpoint or go on from memory, write rows and position as one."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from streams.alerts.judge import AlertingJudge
from streams.quality.rows import OutputRow
from streams.runtime.checkpoints.rules import CheckpointId
from streams.runtime.stages import judge as stage
from tests.simulation.checkpoints import Dump, Recovery, Refused, check_reach, pack
from tests.simulation.logs import Log, Transaction
from tests.simulation.workers import FORGET, Surroundings, Worker, hash_of

CUT_OFF = 0.04
"""How likely a worker dies behind a transaction that was not the last one of its round."""


@dataclass(slots=True)
class JudgePart:
    """One tallies partition at a worker: its fold, its generation, and what waits to be written."""

    judge: AlertingJudge
    generation: int
    written_to: int
    rows_to: int = 0
    rows: dict[tuple[str, str, object], OutputRow] = field(default_factory=dict)
    begun: Transaction | None = None
    sent: int = 0  # rows of the round that were written


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
        young = hash_of(self.name) % 3 > 0
        recovery = Recovery(
            self.world.broker, self.disk, "judge", part, young, lambda s: AlertingJudge.load(spec, part, s)
        )
        low = self.log(part).low
        state = yield from recovery.restore(old.judge.position if old is not None and usable else None, written_to)
        judge = old.judge if state is None and old is not None else state or AlertingJudge(spec, part)
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
                self.world.broker.outputs[part].commit(late)

    def work(self, part: int, rng: Random) -> None:
        if rng.random() < 0.6 and self.memory[part].begun is None:
            self.take(part, rng.choice((1, 5, 30)))
        if rng.random() < 0.4:
            self.write(part)
            while (begun := self.memory[part].begun) is not None and rng.random() < (0.4 if begun.first else 0.8):
                if not begun.first and rng.random() < CUT_OFF:
                    raise Refused("killed between two transactions of a round")
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
                for row in rows:
                    part.rows.pop(stage._line(row), None)  # behind all that was said before
                    part.rows[stage._line(row)] = row

    def write(self, p: int) -> None:
        """Begin to write what waits, or end what was begun. Who was shut out begins again."""
        part = self.memory[p]
        outputs, begun = self.world.broker.outputs[p], part.begun
        if begun is not None:
            part.begun = None
            if not outputs.commit(begun):
                return
            part.sent += len(begun.rows)
            if begun.last:
                part.written_to, part.rows, part.sent = begun.position, {}, 0
            else:
                self.begin(p)
        elif part.rows:
            part.sent = 0
            self.begin(p)

    def begin(self, p: int) -> None:
        """Begin a transaction with the next rows of the round."""
        part, outputs = self.memory[p], self.world.broker.outputs[p]
        if not outputs.allows(part.generation, member=self.member):
            part.generation = outputs.init()
            return
        rows = list(part.rows.values())[part.sent : part.sent + self.world.max_rows]
        last = part.sent + len(rows) == len(part.rows)
        part.begun = Transaction(part.generation, rows, part.judge.position, first=not part.sent, last=last)

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
