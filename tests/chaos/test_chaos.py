"""The short form of the scenarios; the long one is `make chaos`. A failure prints the command that repeats it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.scenarios import SCENARIOS, attempt, brokers_of
from tests.support.clusters import RealCluster
from tests.support.kafka_jars import MissingKafkaError
from tests.support.real_kafka import RealKafka, required

pytestmark = pytest.mark.system

IN_SHORT = [name for name, scenario in SCENARIOS.items() if scenario.short_s]


@pytest.fixture
def seed() -> int:
    """The same each time, so that CI says of a change what the change did; `make chaos` takes new ones."""
    return int(os.environ.get("STREAMS_SEED", "7"))


@pytest.fixture(scope="session")
def kafka() -> Iterator[RealKafka]:
    """A broker that scenarios may kill as long as they start it again."""
    try:
        broker = RealKafka()
    except MissingKafkaError as missing:
        if required():
            pytest.fail(f"the scenarios need a real Kafka: {missing}")
        pytest.skip(f"no real Kafka here: {missing}")
    with broker:
        yield broker


@pytest.fixture
def cluster(kafka: RealKafka, request: pytest.FixtureRequest) -> Iterator[RealCluster]:
    """What the scenario of the test needs: the one broker, or three."""
    scenario = SCENARIOS[request.node.callspec.params["name"]]
    if scenario.brokers == 1:
        yield RealCluster(kafka)
    else:
        with brokers_of(scenario) as cluster:
            yield cluster


@pytest.mark.parametrize("name", IN_SHORT)
def test_nothing_is_lost_or_counted_twice(name: str, cluster: RealCluster, seed: int, tmp_path: Path) -> None:
    scenario = SCENARIOS[name]
    print(f"python -m tests.chaos {name} --seed {seed} --seconds {scenario.short_s:g}")  # noqa: T201 - a failure shows it
    outcome = attempt(scenario, cluster, seed, scenario.short_s, tmp_path)
    assert outcome.lost == outcome.doubled == outcome.unbalanced == 0
    assert outcome.events > 0
