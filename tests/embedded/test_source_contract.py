"""The source's promises on the embedded broker."""

from collections.abc import Iterator

import pytest

from streams.runtime.kafka.embedded import EmbeddedBroker
from tests.support.clusters import EmbeddedCluster
from tests.support.source_contract import SourceContract

pytestmark = pytest.mark.embedded


@pytest.fixture
def cluster() -> Iterator[EmbeddedCluster]:
    with EmbeddedBroker() as broker:
        yield EmbeddedCluster(broker)


class TestSourceOnTheEmbeddedBroker(SourceContract):
    pass
