"""The group of one stage: who owns which partition, who died, who is a zombie and who came back.

Rule: the group gives each partition to one member at most. A zombie lost its partitions to others and does not know:
it reads and sends for some turns more, then dies or comes back as a member, with its memory. Every fault is of a seed.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from random import Random
from typing import Generic, TypeVar

from tests.simulation.checkpoints import Refused
from tests.simulation.workers import Worker

K = TypeVar("K")

MEMBERS = 2


@dataclass(frozen=True, slots=True)
class Faults:
    """How likely each fault is in a turn of a stage."""

    move: float = 0.08
    crash: float = 0.05
    zombie: float = 0.05
    zombie_ends: float = 0.15
    deaf: float = 0.02
    outage: float = 0.0
    outage_ends: float = 0.1

    def of_run(self, rng: Random) -> "Faults":
        """The faults of one run: some never, some often, since what is rare together is found only where it is not."""
        return Faults(*(getattr(self, f.name) * rng.choice((0, 0.5, 1, 1, 2)) for f in fields(Faults)))


class Pool(Generic[K]):
    """The workers of one stage."""

    def __init__(
        self, name: str, make: Callable[[str], Worker[K]], parts: Iterable[K], rng: Random, happened: Counter[str]
    ) -> None:
        self.name, self._make, self._rng, self._happened = name, make, rng, happened
        self._made = 0
        self.members = [self._new() for _ in range(MEMBERS)]
        self.zombies: list[Worker[K]] = []
        self.unowned: list[K] = []
        for part in parts:
            rng.choice(self.members).assign(part)

    def turn(self, faults: Faults) -> None:
        """Everybody works, in some order; then something may happen."""
        rng = self._rng
        working = [*self.members, *(z for z in self.zombies if rng.random() < 0.7)]
        rng.shuffle(working)
        for worker in working:
            try:
                worker.turn(rng)
            except Refused as why:
                self._exit(worker, why)
        if rng.random() < faults.move:
            self._move()
        if rng.random() < faults.crash:
            self._happened["workers killed"] += 1
            self._replace(rng.choice(self.members))
        if rng.random() < faults.zombie:
            self._zombie(rng.choice(self.members))
        if rng.random() < faults.deaf:
            rng.choice(self.members).producer.deaf = True
        for zombie in list(self.zombies):
            if rng.random() < faults.zombie_ends:
                self._end(zombie)
        if rng.random() < faults.outage:
            self._outage()
        for part in list(self.unowned):
            if rng.random() < faults.outage_ends:
                self.unowned.remove(part)
                rng.choice(self.members).assign(part)

    def restart(self) -> None:
        """All workers are gone at once, and others begin."""
        self._happened["cold restarts"] += 1
        for worker in list(self.members):
            self._replace(worker)

    def heal(self) -> None:
        """No fault any more: zombies stand still, every partition has an owner, and all it sent arrives."""
        for part in self.unowned:
            self.members[0].assign(part)
        self.unowned.clear()
        for worker in list(self.members):
            if worker.producer.deaf:
                self._replace(worker)

    def last_words(self) -> None:
        """What zombies had sent arrives, long after everything."""
        for zombie in self.zombies:
            zombie.producer.deliver_all()
        self.zombies.clear()

    def drain(self) -> None:
        """All of the work that is there is done."""
        for worker in list(self.members):
            try:
                worker.drain()
            except Refused as why:
                self._exit(worker, why)

    def _new(self) -> Worker[K]:
        self._made += 1
        return self._make(f"{self.name}-{self._made}")

    def _move(self) -> None:
        owned = [(worker, part) for worker in self.members for part in worker.parts]
        if owned:
            self._happened["partitions moved"] += 1
            worker, part = self._rng.choice(owned)
            worker.revoke(part)
            self._rng.choice(self.members).assign(part)

    def _replace(self, worker: Worker[K]) -> None:
        """The worker is gone with its memory and what it had not sent; its partitions go to others."""
        parts, worker.parts = worker.parts, []
        worker.member = False
        self.members[self.members.index(worker)] = self._new()
        for part in parts:
            self._rng.choice(self.members).assign(part)

    def _exit(self, worker: Worker[K], why: Refused) -> None:
        """It ended by itself."""
        self._happened[f"workers that ended: {why}"] += 1
        if worker in self.members:
            self._replace(worker)
        else:
            self.zombies.remove(worker)

    def _zombie(self, worker: Worker[K]) -> None:
        """Its partitions go to others, and it goes on."""
        self._happened["zombies"] += 1
        parts = list(worker.parts)
        self._replace(worker)
        worker.parts = parts
        worker.producer.stuck = self._rng.random() < 0.5
        self.zombies.append(worker)

    def _end(self, zombie: Worker[K]) -> None:
        self.zombies.remove(zombie)
        if self._rng.random() < 0.5:
            return
        self._happened["zombies that came back"] += 1
        for part in list(zombie.parts):
            zombie.revoke(part)
        old = self._rng.choice(self.members)
        zombie.member = True
        zombie.producer.stuck = False
        parts, old.parts, old.member = old.parts, [], False
        self.members[self.members.index(old)] = zombie
        for part in parts:
            zombie.assign(part)

    def _outage(self) -> None:
        """A partition loses its owner, and for a while nobody takes it."""
        owned = [(worker, part) for worker in self.members for part in worker.parts]
        if owned:
            worker, part = self._rng.choice(owned)
            worker.revoke(part)
            self.unowned.append(part)
