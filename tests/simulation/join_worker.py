"""`JoinStage`: fold from a checkpoint or go on from memory, quiet up to what was told."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

from streams.ledger.join import Join
from streams.runtime.checkpoints.rules import CheckpointId
from streams.runtime.stages.acknowledged import Acknowledged
from tests.simulation.checkpoints import Dump, Recovery, Refused, check_reach, pack
from tests.simulation.logs import Log, SimulationError
from tests.simulation.workers import FORGET, Surroundings, Worker, hash_of


@dataclass(slots=True)
class JoinPart:
    """One ledger partition at a worker: its fold, and up to where others have told it."""

    join: Join
    quiet_until: int = 0
    acks: Acknowledged = field(default_factory=Acknowledged)


class JoinWorker(Worker[int]):
    """One join."""

    def __init__(self, world: Surroundings, name: str) -> None:
        super().__init__(world, name)
        self.memory: dict[int, JoinPart] = {}
        self.lazy = 1 + hash_of(name) % 4

    def load(self, part: int) -> Iterator[None]:
        yield
        told = self.world.broker.ledger_offsets.get(part, 0)
        yield
        old, spec = self.memory.get(part), self.world.ledger_spec
        recovery = Recovery(
            self.world.broker, self.disk, "join", part, hash_of(self.name) % 3 > 0, lambda s: Join.load(spec, part, s)
        )
        low = self.log(part).low
        state = yield from recovery.restore(None if old is None else old.join.position, told)
        if state is not None or old is None:
            old = JoinPart(state or Join(spec, part))
        check_reach(old.join.position, low)
        self.memory[part] = old
        old.quiet_until = told
        old.acks = Acknowledged()

    def forget(self, rng: Random) -> None:
        for part in [p for p in self.memory if p not in self.parts and p not in self.loads]:
            if rng.random() < FORGET:
                del self.memory[part]

    def work(self, part: int, rng: Random) -> None:
        if rng.random() < 0.8:
            self.take(part, rng.choice((1, 5, 20, 60)), rng)
        if rng.random() < 0.2:
            self.flush_idle(part)

    def work_off(self, part: int) -> None:
        self.take(part, 1 << 30, None)
        self.flush_idle(part)

    def take(self, p: int, most: int, rng: Random | None) -> None:
        """Fold records and flush where that is due, or where the interval is over."""
        part, log = self.memory[p], self.log(p)
        join = part.join
        if join.position < log.low:
            raise Refused("the log was trimmed above the fold")
        for offset in range(join.position, min(log.end, join.position + most)):
            join.apply(offset, log.records[offset])
            if join.position <= part.quiet_until:
                if join.flush_due or join.position == part.quiet_until:
                    join.skip_flush()
                join.take_rejects()
            elif join.flush_allowed and (join.flush_due or (rng is not None and rng.random() < 1 / self.lazy)):
                self.flush(p, rng)

    def flush_idle(self, p: int) -> None:
        """The interval is over and nothing came."""
        join = self.memory[p].join
        if join.flush_allowed and join.position > join.flushed:
            self.flush(p, None)

    def flush(self, p: int, rng: Random | None) -> None:
        """Tell the judges; commit and, now and then, write a checkpoint behind it."""
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
        due = self.world.checkpoint_rate > (rng.random() if rng is not None else 0.5)
        keep = self.checkpoint(p) if due else None
        if keep is not None:
            part.acks.mark(keep)

    def checkpoint(self, p: int) -> Callable[[], None] | None:
        """The state of now; call the result once all that it tells is safe."""
        if self.writer.pending(("join", p)):
            return None
        join = self.memory[p].join
        record = self.log(p).records[join.position - 1]
        dump = Dump(CheckpointId("join", p, join.position, self.name), record, pack(join.dump()), self.world.now_ms)
        return lambda: self.writer.put(dump)

    def commit(self, p: int, offset: int) -> None:
        """What the group takes from a member, for a partition it still owns."""
        if self.member and p in self.parts:
            self.world.broker.ledger_offsets[p] = offset

    def log(self, p: int) -> Log:
        """A partition's ledger."""
        return self.world.broker.logs["ledger", p]
