"""Topics on a real Kafka: made as planned, checked, refused without permission."""

import threading

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined] # public, but its stub does not say so
    AclBinding,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from streams.runtime.errors import NotPermittedError, TopicError
from streams.runtime.kafka import watch
from streams.runtime.kafka.producer import Producer
from streams.runtime.kafka.topics import CHECKPOINT_CONFIG, LOG_CONFIG, TopicPlan, Topics, output_config
from tests.support.clusters import RealCluster, fill, new_name, numbers
from tests.support.real_kafka import RealKafka
from tests.support.workers import Worker, wait_for

pytestmark = pytest.mark.system


def test_makes_missing_topics_as_planned_and_is_content_with_them(cluster: RealCluster) -> None:
    plans = [
        TopicPlan(new_name("ledger"), 3, LOG_CONFIG),
        TopicPlan(new_name("windows"), 2, output_config(86_400_000)),
        TopicPlan(new_name("checkpoints"), 1, CHECKPOINT_CONFIG),
    ]
    topics = Topics(cluster.client)
    states = topics.ensure(plans, create=True)
    for plan in plans:
        state = states[plan.name]
        assert (state.exists, state.partitions) == (True, plan.partitions)
        assert state.config is not None
        assert {name: state.config[name] for name in plan.config} == dict(plan.config)
    assert topics.ensure(plans, create=False) == states
    assert len({state.topic_id for state in states.values()}) == 3


def test_a_missing_topic_is_told_with_the_command_that_makes_it(cluster: RealCluster) -> None:
    plan = TopicPlan(new_name("ledger"), 3, LOG_CONFIG)
    with pytest.raises(TopicError, match=f"topic {plan.name} does not exist.*--create --topic {plan.name}"):
        Topics(cluster.client).ensure([plan], create=False)


def test_one_answer_does_not_show_that_a_topic_is_gone(cluster: RealCluster) -> None:
    name, topics = new_name("t"), Topics(cluster.client)
    made = threading.Timer(0.5, cluster.create_topic, (name, 2))
    made.start()
    states = topics.described([name], 20)  # whoever has not heard of it yet is asked again
    made.join()
    assert (states[name].exists, states[name].partitions) == (True, 2)
    missing = new_name("t")
    assert not topics.described([name, missing], 0.5)[missing].exists


def test_wrong_partitions_and_a_compacted_ledger_are_told(cluster: RealCluster) -> None:
    name = new_name("ledger")
    cluster.create_topic(name, 2, {"cleanup.policy": "compact"})
    with pytest.raises(TopicError) as raised:
        Topics(cluster.client).ensure([TopicPlan(name, 3, {"cleanup.policy": "delete"})], create=True)
    first, second = str(raised.value).splitlines()
    assert f"topic {name} has 2 partitions, the job is configured for 3" in first
    assert f"topic {name} has cleanup.policy=compact, it must be delete" in second
    assert "kafka-configs.sh" in second


def test_a_topic_made_again_has_another_id(cluster: RealCluster) -> None:
    name = new_name("t")
    cluster.create_topic(name, 1)
    topics = Topics(cluster.client)
    before = topics.topic_ids([name])
    for future in cluster.admin.delete_topics([name]).values():
        future.result(20)
    wait_for(lambda: not topics.describe([name])[name].exists, "it is gone")
    cluster.create_topic(name, 1)
    assert topics.topic_ids([name]) != before


def test_offsets_are_found_by_time_and_trimmed(cluster: RealCluster) -> None:
    name = new_name("t")
    cluster.create_topic(name, 2)
    failures: list[BaseException] = []
    producer = Producer("p", cluster.client, fail=failures.append)
    for i in range(10):
        producer.send(name, 0, b"x", timestamp_ms=1_700_000_000_000 + i * 1000)
    assert producer.close(20)
    assert failures == []
    topics = Topics(cluster.client)
    keys = topics.partitions([name])
    assert topics.offsets_at(keys, 1_700_000_003_500) == {(name, 0): 4, (name, 1): 0}
    assert topics.offsets_at(keys, 1_800_000_000_000) == {(name, 0): 10, (name, 1): 0}
    assert topics.delete_records({(name, 0): 6})
    assert topics.low_watermarks(keys) == {(name, 0): 6, (name, 1): 0}


def test_a_login_that_is_not_accepted_is_told(kafka: RealKafka) -> None:
    with pytest.raises(NotPermittedError, match="does not accept the login"):
        Topics(kafka.client_of("guest", "wrong"), wait_s=3).describe(["t"])


def test_creating_without_permission_is_told(kafka: RealKafka) -> None:
    with pytest.raises(NotPermittedError, match="creating topics"):
        Topics(kafka.client_of("guest")).ensure([TopicPlan(new_name("t"), 1)], create=True)


def test_reading_without_permission_ends_the_worker(
    kafka: RealKafka, cluster: RealCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, group = new_name("t"), new_name("g")
    cluster.create_topic(name, 1)
    fill(cluster, name, 0, numbers(1))
    for client in (kafka.client_of("guest"), kafka.client_of("guest", "wrong")):
        monkeypatch.setattr(watch, "OUT_OF_PATIENCE_S", 1.0)
        worker = Worker(cluster, [name], group, client=client)
        wait_for(worker.failed, "it fails")
        assert isinstance(worker.failures[0], NotPermittedError)
        worker.stop()


def test_reading_with_permission_for_the_topic_but_not_the_group_ends_the_worker(
    kafka: RealKafka, cluster: RealCluster
) -> None:
    name, group = new_name("t"), new_name("g")
    cluster.create_topic(name, 1)
    allow(cluster, ResourceType.TOPIC, name)
    worker = Worker(cluster, [name], group, client=kafka.client_of("guest"))
    wait_for(lambda: worker.failures, "it fails")
    assert isinstance(worker.failures[0], NotPermittedError)
    assert "GROUP" in str(worker.failures[0]).upper()
    worker.stop()


def test_writing_without_permission_ends_the_worker(kafka: RealKafka, cluster: RealCluster) -> None:
    name = new_name("t")
    cluster.create_topic(name, 1)
    failures: list[BaseException] = []
    producer = Producer("p", kafka.client_of("guest"), fail=failures.append)
    producer.send(name, 0, b"x")
    wait_for(lambda: failures, "it fails")
    assert isinstance(failures[0], NotPermittedError)
    producer.close(0.1)


def allow(cluster: RealCluster, kind: ResourceType, name: str) -> None:
    """Let `guest` read."""
    binding = AclBinding(
        kind, name, ResourcePatternType.LITERAL, "User:guest", "*", AclOperation.READ, AclPermissionType.ALLOW
    )
    for future in cluster.admin.create_acls([binding]).values():
        future.result(20)
