"""`IntakeStage`: offsets are committed behind a tick that every ledger partition acknowledged.

Rows wait for the tick or for company, and sources for those that are behind them in event time.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from streams.formats.reasons import Reason
from streams.ledger.alignment import Alignment, Standing
from streams.ledger.intake import Intake, Sends
from streams.ledger.position import SourceId, offset_of
from streams.ledger.spec import MINUTE, NO_TIME
from streams.ledger.watermark import SourceClock
from streams.runtime.stages.acknowledged import Acknowledged
from tests.simulation.raw import Record
from tests.simulation.workers import Surroundings, Worker, hash_of
from tests.support.ledger import Row, columns

GRACE_MS = 5 * MINUTE
"""A source counts as being at its end for this long."""


@dataclass(slots=True)
class Gathered:
    """What waits of a source: (offset, record), when the last was read, and whether the source was at its end."""

    records: list[tuple[int, Record]] = field(default_factory=list)
    read_ms: int = 0
    at_end_ms: int | None = None


class IntakeWorker(Worker[SourceId]):
    """One intake."""

    def __init__(self, world: Surroundings, name: str) -> None:
        super().__init__(world, name)
        self.intake = Intake(world.ledger_spec, name)
        self.positions: dict[SourceId, int] = {}
        self.acks = Acknowledged()
        self.waiting: dict[SourceId, Gathered] = {}
        self.enough = (1, 6, 20)[hash_of(name) // 2 % 3]
        self.alignment: Alignment[str] = Alignment(world.max_ahead_ms, GRACE_MS)
        self.ahead: frozenset[str] = frozenset()
        self.skew_ms = hash_of(name) % 3 * MINUTE

    def load(self, part: SourceId) -> Iterator[None]:
        yield
        offset = self.world.broker.source_offsets.setdefault(part, 0)
        yield
        if part in self.parts:
            self.intake.assign(part, self.world.kinds[part], offset, self._now())
            self.positions[part] = offset

    def revoke(self, part: SourceId) -> None:
        super().revoke(part)
        self.waiting.pop(part, None)
        self.intake.revoke(part)

    def turn(self, rng: Random) -> None:
        super().turn(rng)
        if rng.random() < 0.45:
            self.tick(repeat=rng.random() < 0.05)
        self.producer.deliver(rng)

    def drain(self) -> None:
        super().drain()
        self.tick()
        self.producer.deliver_all()

    def work(self, part: SourceId, rng: Random) -> None:
        if rng.random() < 0.7:
            self.read(part, rng.randint(1, 8), repeat=rng.random() < 0.1)

    def work_off(self, part: SourceId) -> None:
        self.read(part, 1 << 30)

    def read(self, source: SourceId, most: int, *, repeat: bool = False) -> None:
        """Poll a batch, possibly empty; it waits for the tick or for company."""
        begin, log = self.positions[source], self.world.readable(source)
        if str(source) in self.ahead:
            most = 0
        batch = list(enumerate(log))[begin : begin + most]
        end = self.positions[source] = begin + len(batch)
        waiting = self.waiting.setdefault(source, Gathered())
        if batch:
            waiting.records += batch
            waiting.read_ms = self._now()
        waiting.at_end_ms = self._now() if end == len(log) else None
        if len(waiting.records) >= self.enough:
            self.send_blocks(source, repeat=repeat)
            self.align()

    def send_blocks(self, source: SourceId, *, repeat: bool = False) -> None:
        """Send the blocks of what waits of a source; `repeat`: some of them twice, as a retry does."""
        waiting = self.waiting.pop(source, None)
        if waiting is None:
            return
        if waiting.records:
            rows: list[tuple[int, Row]] = [(offset, r.row) for offset, r in waiting.records if r.row is not None]
            rubbish = [(offset, Reason.NOT_JSON, None) for offset, r in waiting.records if r.row is None]
            decoded = columns(rows, self.world.ledger_spec.keep_scores)
            decoded.kind = self.world.kinds[source]
            end = waiting.records[-1][0] + 1
            self._send(self.intake.blocks(source, decoded, rubbish, end, waiting.read_ms), repeat=repeat)
        self.intake.at_end(source, waiting.at_end_ms)

    def tick(self, *, repeat: bool = False) -> None:
        """What waits, and progress records for every ledger partition; a commit behind them."""
        if not self.intake.sources:
            return
        for source in list(self.waiting):
            self.send_blocks(source, repeat=repeat)
        self._send(self.intake.progress(self.world.announced), repeat=repeat)
        ends = {source: offset_of(state.end) for source, state in self.intake.sources.items()}
        self.acks.mark(lambda: self.commit(ends))
        self.align()

    def align(self) -> None:
        """Have the sources wait that are ahead of others in event time."""
        own = {str(s): Standing(state.clock_ms, state.caught_up_at_ms) for s, state in self.intake.sources.items()}
        clocks = self.world.clocks()
        elsewhere = [name for name in map(str, self.world.announced) if name not in own and name in clocks]
        others = {name: standing(clocks[name]) for name in elsewhere}
        self.ahead = frozenset(self.alignment.waiting(own, others, self._now()))
        self.world.broker.happened["sources that waited for others"] += len(self.ahead)

    def commit(self, ends: dict[SourceId, int]) -> None:
        """What the group takes from a member, for partitions it still owns."""
        if self.member:
            self.world.broker.source_offsets |= {s: end for s, end in ends.items() if s in self.parts}

    def _send(self, sends: Sends, *, repeat: bool) -> None:
        for p, record in sends + (sends[-2:] if repeat else []):
            self.producer.send(("ledger", p), record, self.acks.sending())

    def _now(self) -> int:
        return self.world.now_ms + self.skew_ms


def standing(clock: SourceClock) -> Standing:
    """What the ledger has said of a source, as the rule takes it."""
    return Standing(None if clock.clock_ms == NO_TIME else clock.clock_ms, clock.caught_up_at_ms)
