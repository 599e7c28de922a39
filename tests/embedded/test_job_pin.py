"""The pinned configuration on the embedded broker: topics that were made a moment ago have no leader yet."""

from pathlib import Path

import pytest

from streams.runtime.embedded import EmbeddedBroker
from streams.runtime.errors import MismatchError
from streams.runtime.pin import ensure_pinned, read_pin
from tests.support.clusters import EmbeddedCluster
from tests.support.job import Job

pytestmark = pytest.mark.embedded

LIST_OFFSETS, METADATA = 2, 3
NOT_LEADER, LEADER_NOT_AVAILABLE, TOPIC_AUTHORIZATION_FAILED = 6, 5, 29


def test_a_topic_whose_leader_is_not_known_yet_is_waited_for(tmp_path: Path) -> None:
    with EmbeddedBroker() as broker:
        job = Job(EmbeddedCluster(broker), tmp_path)
        producer = job.producer()
        ensure_pinned(job.config, producer)
        broker.push_errors(LIST_OFFSETS, *[NOT_LEADER] * 3)
        pinned = read_pin(job.config)
        assert pinned is not None
        assert pinned[0] == job.config.config_hash
        producer.close()


def test_another_configuration_is_refused_and_told_what_differs(tmp_path: Path) -> None:
    with EmbeddedBroker() as broker:
        job = Job(EmbeddedCluster(broker), tmp_path)
        producer = job.producer()
        ensure_pinned(job.config, producer)
        other = job.load(job.write_config("other.toml", tables='[windows]\nhorizon = "3d"\n'))
        with pytest.raises(MismatchError, match=r"windows\.horizon is 3d here and 30d in the job's logs"):
            ensure_pinned(other, producer)
        producer.close()
