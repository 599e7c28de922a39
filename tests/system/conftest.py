"""A real Kafka for the system tests, one for the whole run."""

from collections.abc import Iterator

import pytest

from tests.support.clusters import RealCluster
from tests.support.kafka_jars import MissingKafkaError
from tests.support.real_kafka import RealKafka, required


@pytest.fixture(scope="session")
def kafka() -> Iterator[RealKafka]:
    """A Kafka that tests may kill as long as they start it again."""
    try:
        broker = RealKafka(acl=True, quick=True)
    except MissingKafkaError as missing:
        if required():
            pytest.fail(f"the system tests need a real Kafka: {missing}")
        pytest.skip(f"no real Kafka here: {missing}")
    with broker:
        yield broker


@pytest.fixture
def cluster(kafka: RealKafka) -> RealCluster:
    """The same behind the face that the embedded broker has too."""
    return RealCluster(kafka)
