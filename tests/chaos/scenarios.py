"""Every scenario: its name, what is done in it, and how long its input lasts in the short and in the long form."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.chaos import brokers, configurations, sizes, sources, state, transactions, workers
from tests.chaos.outcome import Outcome
from tests.chaos.trial import Trial
from tests.support.clusters import RealCluster
from tests.support.real_kafka import RealKafka
from tests.support.real_kafka_cluster import NODES, RealKafkaCluster


@dataclass(frozen=True, slots=True)
class Scenario:
    """A function that breaks things in a trial. `brokers`: how many it needs.

    `short_s` is 0 where another test of `make test` does the same in short: test_faults, test_checkpoints and
    test_surroundings of tests/system.
    """

    run: Callable[[Trial], None]
    short_s: float
    long_s: float
    brokers: int = 1

    @property
    def name(self) -> str:
        """How it is called on the command line."""
        return self.run.__name__

    @property
    def says(self) -> str:
        """What is done in it."""
        return " ".join((self.run.__doc__ or "").split())


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario(workers.kill, 0, 120),
        Scenario(workers.recover, 0, 120),
        Scenario(workers.sleep, 0, 45),
        Scenario(brokers.broker, 6, 100),
        Scenario(brokers.leaders, 6, 90, brokers=3),
        Scenario(sources.gap, 6, 40),
        Scenario(transactions.transactions, 6, 40),
        Scenario(sizes.sizes, 5, 40),
        Scenario(configurations.configurations, 0, 30),
        Scenario(state.torn, 5, 60),
        Scenario(state.disk, 0, 45),
    )
}


@contextmanager
def brokers_of(scenario: Scenario) -> Iterator[RealCluster]:
    """The brokers a scenario needs, its own."""
    if scenario.brokers == 1:
        with RealKafka() as kafka:
            yield RealCluster(kafka)
    else:
        with RealKafkaCluster() as three:
            yield RealCluster(three, replication=NODES)


def attempt(scenario: Scenario, cluster: RealCluster, seed: int, seconds: float, folder: Path | None = None) -> Outcome:
    """Run a scenario and demand all that must hold. Raises AssertionError with what does not."""
    folder = folder or Path(tempfile.mkdtemp(prefix=f"chaos-{scenario.name}-"))
    with Trial(scenario.name, cluster, folder, seed, seconds) as trial:
        scenario.run(trial)
        return trial.finish()
