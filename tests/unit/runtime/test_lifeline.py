"""A client that lost its brokers for good ends the worker; a broker that is away does not."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import pytest
from confluent_kafka import KafkaError
from confluent_kafka.admin import (  # type: ignore[attr-defined] # public, but its stub does not say so
    BrokerMetadata,
    ClusterMetadata,
    PartitionMetadata,
    TopicMetadata,
)

from streams.runtime.config.job import Config
from streams.runtime.errors import UnavailableError
from streams.runtime.kafka.producer import Producer
from streams.runtime.kafka.source import Source
from streams.runtime.kafka.stage import Stats
from streams.runtime.lifeline import PATIENCE_S, Lifeline, waiting_of, whole


@dataclass
class World:
    """A clock that is moved by hand, and a broker that is there or not."""

    now_s: float = 0.0
    is_up: bool = True
    lifeline: Lifeline = field(init=False)

    def __post_init__(self) -> None:
        self.lifeline = Lifeline(lambda: self.is_up, lambda: self.now_s)

    def look_for(self, seconds: float, waiting: dict[str, object]) -> None:
        """Look every ten seconds."""
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            self.now_s += 10
            self.lifeline.look(waiting)


def test_who_waits_in_vain_while_there_is_a_broker_ends_the_worker() -> None:
    world = World()
    world.look_for(PATIENCE_S, {"the judge's source": True})
    with pytest.raises(UnavailableError, match="the judge's source has waited for 80 s"):
        world.look_for(20, {"the judge's source": True})


def test_an_outage_of_any_length_is_waited_out() -> None:
    world = World(is_up=False)
    world.look_for(10_000, {"a": True})
    world.is_up = True
    world.look_for(PATIENCE_S, {"a": True})
    world.look_for(10, {})
    world.look_for(PATIENCE_S, {"a": True})


def test_who_moves_on_is_well_however_long_it_takes() -> None:
    world = World()
    for acknowledged in range(100):
        world.look_for(PATIENCE_S, {"a producer": acknowledged})


def test_an_outage_in_between_begins_the_wait_anew() -> None:
    world = World()
    world.look_for(PATIENCE_S, {"a": True})
    world.is_up = False
    world.look_for(10, {"a": True})
    world.is_up = True
    world.look_for(PATIENCE_S, {"a": True})


def source(*, down: bool = False, away: bool = False) -> Source:
    """As much of a source as is looked at."""
    return cast("Source", SimpleNamespace(down=down, stats=Stats(rebalances=3, away=away)))


def producer(outstanding: int = 0) -> Producer:
    return cast("Producer", SimpleNamespace(outstanding=outstanding, records=17))


def test_what_waits_for_brokers_is_named_with_how_far_it_has_come() -> None:
    config, idle = cast("Config", SimpleNamespace(group_protocol="classic")), [producer() for _ in range(4)]
    well = [source() for _ in range(3)]
    assert waiting_of(config, well, idle, {}) == {}
    waits = waiting_of(config, [source(down=True), *well[1:]], [*idle[:1], producer(5), *idle[2:]], {2: 12.5})
    assert waits == {
        "the source of intake": 3,
        "the producer of the tallies": 17,
        "a round of tallies partition 2": 12.5,
    }


@pytest.mark.parametrize(("protocol", "waits"), [("classic", {"the source of judge": 3}), ("consumer", {})])
def test_a_source_without_a_word_of_its_group_waits_where_the_group_would_have_one(
    protocol: str, waits: dict[str, object]
) -> None:
    config = cast("Config", SimpleNamespace(group_protocol=protocol))
    assert waiting_of(config, [source(), source(), source(away=True)], [producer() for _ in range(4)], {}) == waits


def cluster(leader: int, isrs: list[int], *, brokers: int = 3) -> ClusterMetadata:
    """A cluster with one topic of two partitions, the second one as given."""
    found, topic = ClusterMetadata(), TopicMetadata()
    found.brokers = {b: BrokerMetadata() for b in range(brokers)}
    for number, (led, in_sync) in enumerate(((0, [0, 1, 2]), (leader, isrs))):
        part = PartitionMetadata()
        part.leader, part.replicas, part.isrs = led, [0, 1, 2], in_sync
        topic.partitions[number] = part
    found.topics = {"ledger": topic, "others": TopicMetadata()}
    found.topics["others"].error = KafkaError(KafkaError.LEADER_NOT_AVAILABLE)
    return found


@pytest.mark.parametrize(
    ("is_whole", "found"),
    [
        (True, cluster(1, [2, 0, 1])),
        (False, cluster(-1, [0, 1, 2])),
        (False, cluster(1, [1])),
        (False, cluster(1, [0, 1, 2], brokers=0)),
    ],
)
def test_a_client_is_blamed_only_while_every_partition_of_the_job_has_its_leader_and_replicas(
    found: ClusterMetadata, *, is_whole: bool
) -> None:
    assert whole(found, ["ledger"]) is is_whole
    assert not whole(found, ["ledger", "gone"])
    assert not whole(found, ["ledger", "others"])
