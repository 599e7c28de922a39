"""Ways to be a member of a group, on a real Kafka: static, and by the newer protocol."""

import pytest

from tests.support.clusters import RealCluster, fill, new_name, numbers
from tests.support.workers import Store, Worker, holds_for, wait_for

pytestmark = pytest.mark.system


def test_a_static_member_that_restarts_quickly_moves_nothing(cluster: RealCluster) -> None:
    topic, group, store = new_name("t"), new_name("g"), Store()
    cluster.create_topic(topic, 4)
    long_ms = 30_000  # quickly is: within the session, however slow the machine
    stays = Worker(cluster, [topic], group, store, instance_id="stays", session_ms=long_ms)
    goes = Worker(cluster, [topic], group, store, instance_id="goes", session_ms=long_ms)
    wait_for(lambda: len(stays.source.assigned()) == 2 and len(goes.source.assigned()) == 2, "they share")
    mine, rebalances = stays.source.assigned(), stays.source.stats.rebalances
    goes.stop()
    back = Worker(cluster, [topic], group, store, instance_id="goes", session_ms=long_ms)
    wait_for(lambda: len(back.source.assigned()) == 2, "it has its partitions again")
    holds_for(lambda: stays.source.assigned() == mine, "the other keeps its own", 1.0)
    assert stays.source.stats.rebalances == rebalances
    back.stop()
    stays.stop()
    for worker in (stays, goes, back):
        worker.check()


def test_a_member_that_gets_no_partitions_has_the_word_of_its_group(cluster: RealCluster) -> None:
    topic, group, store = new_name("t"), new_name("g"), Store()
    cluster.create_topic(topic, 1)
    workers = [Worker(cluster, [topic], group, store) for _ in range(2)]
    wait_for(lambda: not any(worker.source.stats.away for worker in workers), "both are members")
    assert sum(len(worker.source.assigned() + worker.source.loading()) for worker in workers) <= 1
    for worker in workers:
        worker.stop()


def test_the_newer_group_protocol_reads_everything_once(cluster: RealCluster) -> None:
    topic, group, store = new_name("t"), new_name("g"), Store()
    cluster.create_topic(topic, 4)
    for partition in range(4):
        fill(cluster, topic, partition, numbers(1000))
    first = Worker(cluster, [topic], group, store, protocol="consumer")
    wait_for(lambda: len(first.source.assigned()) == 4, "the first has all")
    second = Worker(cluster, [topic], group, store, protocol="consumer")
    wait_for(lambda: len(second.source.assigned()) == 2 and len(first.source.assigned()) == 2, "they share")
    for partition in range(4):
        fill(cluster, topic, partition, numbers(1000, 1000))
    wait_for(lambda: first.count() + second.count() == 8000, "everything is read")
    first.stop()
    second.stop()
    for worker in (first, second):
        worker.check()
    for partition in range(4):
        assert store.rows[topic, partition] == list(range(2000))
