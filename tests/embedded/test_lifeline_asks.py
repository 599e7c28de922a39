"""Whether a new client finds the topics of a job whole, asked of a broker."""

import pytest
from confluent_kafka.admin import AdminClient

from streams.runtime.kafka.embedded import EmbeddedBroker
from streams.runtime.lifeline import whole

pytestmark = pytest.mark.embedded


def test_topics_of_a_broker_that_is_well_are_whole() -> None:
    with EmbeddedBroker() as broker:
        broker.create_topic("ledger", 2)
        cluster = AdminClient(dict(broker.client)).list_topics(timeout=10)
        assert whole(cluster, ["ledger"])
        assert not whole(cluster, ["ledger", "gone"])
