"""The whole job in one process: lists for topics, real folds, and every fault of one seed.

A run has four parts: turns with faults while the records come; healing, until all is read and judged; time goes on
until every window is final; then stragglers, which must change nothing. The wall clock is a number that the turns move.
"""

from functools import partial
from random import Random

from streams.formats.reasons import Kind
from streams.ledger.blocks import Advance, Retire, encode
from streams.ledger.position import SourceId, start
from streams.ledger.spec import MINUTE, LedgerSpec
from streams.ledger.watermark import Watermark
from streams.quality.spec import QualitySpec, parse_window
from tests.simulation.logs import Broker, SimulationError
from tests.simulation.pool import Faults, Pool
from tests.simulation.raw import Raw, Record, ledger_spec
from tests.simulation.workers import IntakeWorker, JoinWorker, JudgeWorker

WINDOWS = (("20m",), ("40m/20m",), ("20m", "40m/20m"))
INTAKE, JOIN, JUDGE = Faults(), Faults(0.06, 0.03, 0.08, zombie_ends=0.07), Faults(move=0.06, crash=0.03, zombie=0.04)
OUTAGE = Faults(outage=0.06)
PATIENCE = 60
"""Turns of twenty minutes after which time must have come to the end of all windows."""


class World:
    """One run over the raw topics of a seed, with the faults of another."""

    def __init__(self, raw: Raw, seed: int) -> None:
        self.raw, self.seed = raw, seed
        self.rng = Random(seed)
        self.ledger_spec: LedgerSpec = ledger_spec(self.rng)
        spec = self.ledger_spec
        self.quality_spec = QualitySpec(
            tuple(map(parse_window, WINDOWS[raw.seed // 6 % 3])), spec.pane_ms, spec.timing, spec.models, ("segment",),
            ledger_partitions=spec.partitions,
        )  # fmt: skip
        self.broker = Broker(spec.partitions, spec.tallies_partitions)
        self.now_ms = raw.begin_ms
        self.kinds: dict[SourceId, Kind] = raw.kinds
        self.logs = {source: list(log) for source, log in raw.sources.items()}
        self.announced = [*raw.sources, *([raw.unowned] if raw.unowned else [])]
        self.intake: Pool[SourceId] = Pool("intake", lambda n: IntakeWorker(self, n), raw.sources, self.rng)
        self.join: Pool[int] = Pool("join", lambda n: JoinWorker(self, n), range(spec.partitions), self.rng)
        self.judge: Pool[int] = Pool("judge", lambda n: JudgeWorker(self, n), range(spec.tallies_partitions), self.rng)
        self.before_stragglers: list[dict[tuple[str, str], object]] = []

    def readable(self, source: SourceId) -> list[Record]:
        """The records of a source that are there now."""
        log, n = self.logs[source], 0
        while n < len(log) and log[n].at_ms <= self.now_ms:
            n += 1
        return log if n == len(log) else log[:n]

    def run(self) -> None:
        """Everything, from the first record to the stragglers."""
        last = max((log[-1].at_ms for log in self.logs.values() if log), default=self.now_ms)
        turns = self.rng.randint(25, 45)
        step = max((last - self.now_ms) // turns, 1)
        advance_at = self.rng.randrange(turns) if self.raw.history else turns
        intake = OUTAGE if self.raw.mode == "outage" else INTAKE
        for turn in range(turns + 5):
            if turn == advance_at:
                self.advance()
            turns_of = [
                partial(self.intake.turn, intake),
                partial(self.join.turn, JOIN),
                partial(self.judge.turn, JUDGE),
            ]
            self.rng.shuffle(turns_of)
            for take_turn in turns_of:
                take_turn()
            self.now_ms += 2 * self.rng.randrange(step + 1)
        self.now_ms = max(self.now_ms, last)
        self.heal()
        self.intake.last_words()
        self.join.last_words()
        self.finish()
        self.drain()  # a round of the judges ends with the last partition's word: one more makes all of it known
        self.before_stragglers = [dict(outputs.newest) for outputs in self.broker.outputs]
        self.straggle()

    def heal(self) -> None:
        """No fault any more; everything that is there is read, joined and judged."""
        self.intake.heal()
        self.join.heal()
        self.judge.heal()
        self.drain()

    def drain(self) -> None:
        """One calm turn of everybody."""
        self.intake.drain()
        self.join.drain()
        self.judge.drain()

    def finish(self) -> None:
        """Time goes on until every window is final: by the wall clock where sources live, else by the operator."""
        if self.raw.unowned:
            self.to_ledger(encode(Retire("retire", str(self.raw.unowned), self.ledger_spec.config_hash)))
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

    def watermarks(self) -> list[Watermark]:
        """The time of every ledger partition at its owner."""
        return [w.memory[p].join.time for w in self.join.members if isinstance(w, JoinWorker) for p in w.parts]

    def over(self) -> bool:
        """Whether every window is final, as far as the ledger partitions know."""
        return all(time.ms >= self.raw.over_ms for time in self.watermarks())

    def advance(self) -> None:
        """The operator's record in every ledger partition: this history is complete up to these ends."""
        ends = {str(source): start(len(log)) for source, log in self.logs.items()}
        self.to_ledger(encode(Advance("advance", self.raw.over_ms, ends, self.ledger_spec.config_hash)))

    def to_ledger(self, record: bytes) -> None:
        """An operator's record in every ledger partition."""
        for p in range(self.ledger_spec.partitions):
            self.broker.append(("ledger", p), record)

    def straggle(self) -> None:
        """Rows of long ago come; they are told as late and change nothing."""
        for source, rows in self.raw.stragglers.items():
            self.logs[source] = self.logs[source] + [Record(self.now_ms, row) for row in rows]
        self.drain()
        self.drain()
