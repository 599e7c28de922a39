"""A worker of one stage as its shell in `streams.runtime` runs it, over lists instead of Kafka.

Each stage's file is the shell's order of things and nothing else: what is folded, when something is sent, what is
committed or kept behind which acknowledgements, and from where a partition goes on. The folds are the product's own.
Loading takes several turns, and everything may happen in between.
"""

from collections.abc import Iterator, Mapping
from random import Random
from typing import Generic, Protocol, TypeVar

from streams.formats.reasons import Kind
from streams.ledger.position import SourceId
from streams.ledger.spec import LedgerSpec
from streams.ledger.watermark import SourceClock
from streams.quality.spec import QualitySpec
from tests.simulation.checkpoints import CheckpointWriter, Disk
from tests.simulation.logs import Broker, Producer
from tests.simulation.raw import Record

K = TypeVar("K")

LOADS_ON = 0.85
"""How likely a load goes on before anything else happens."""

FORGET = 0.03
"""How likely a state that moved away is freed in a turn."""


class Surroundings(Protocol):
    """What a worker sees of the world."""

    broker: Broker
    ledger_spec: LedgerSpec
    quality_spec: QualitySpec
    now_ms: int
    announced: list[SourceId]
    kinds: dict[SourceId, Kind]
    checkpoint_rate: float
    disks: list[Disk]
    max_ahead_ms: int
    max_rows: int

    def readable(self, source: SourceId) -> list[Record]:
        """The records of a source that are there now."""
        ...

    def clocks(self) -> Mapping[str, SourceClock]:
        """What the ledger has said of all sources, as far as a partition of it is folded anywhere."""
        ...


class Worker(Generic[K]):
    """One member of a stage's group. `member`: the group knows it; a zombie goes on without noticing."""

    def __init__(self, world: Surroundings, name: str) -> None:
        self.world, self.name = world, name
        self.parts: list[K] = []
        self.loads: dict[K, Iterator[None]] = {}
        self.member = True
        self.producer = Producer(world.broker)
        self.disk = world.disks[hash_of(name) % len(world.disks)]
        self.writer = CheckpointWriter(world.broker, self.producer, self.disk)

    @property
    def ready(self) -> list[K]:
        """The partitions that it owns and has loaded."""
        return [part for part in self.parts if part not in self.loads]

    def assign(self, part: K) -> None:
        """The group gives it a partition."""
        self.parts.append(part)
        self.loads[part] = self.load(part)

    def revoke(self, part: K) -> None:
        """The group takes a partition; a load of it that runs goes on to its end."""
        self.parts.remove(part)

    def turn(self, rng: Random) -> None:
        """Some of the work that is there, in some order."""
        self.forget(rng)
        for part in list(self.loads):
            while part in self.loads and rng.random() < LOADS_ON:
                self._load_on(part)
        for part in self.ready:
            self.work(part, rng)
        for _ in range(2):
            self.writer.turn(rng)
            self.producer.deliver(rng)

    def drain(self) -> None:
        """All of the work that is there."""
        while self.loads:
            self._load_on(next(iter(self.loads)))
        for part in self.ready:
            self.work_off(part)
        self.producer.deliver_all()
        while self.writer.step is not None or self.writer.waiting:
            self.writer.turn(None)
            self.producer.deliver_all()

    def forget(self, rng: Random) -> None:
        """Free what was kept of a partition that moved away long ago."""

    def load(self, part: K) -> Iterator[None]:
        """Bring a partition's state into memory; at each yield the world goes on."""
        raise NotImplementedError

    def work(self, part: K, rng: Random) -> None:
        """Some of the work of a partition."""
        raise NotImplementedError

    def work_off(self, part: K) -> None:
        """All of the work of a partition."""
        raise NotImplementedError

    def _load_on(self, part: K) -> None:
        if next(self.loads[part], self) is self:
            del self.loads[part]


def hash_of(name: str) -> int:
    """A number that a worker's name stands for: the same in every process."""
    return sum(name.encode())
