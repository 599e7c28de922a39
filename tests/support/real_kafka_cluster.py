"""Three brokers of a real Kafka on loopback, each broker and controller: leaders can die while the others go on.

Every topic that asks for it has a replica on each, a write is acknowledged when two have it (`min.insync.replicas` 2),
and so are the groups' offsets and the transactions. Any one broker may be away without a record being lost or refused;
with two away nothing is taken, and nothing is lost either.
"""

import time
from types import TracebackType
from typing import Any, Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.support.real_kafka import RealKafka, free_ports, new_cluster_id

NODES = 3
MIN_INSYNC = 2
WHOLE_S = 60.0


class RealKafkaCluster:
    """Three brokers with data folders of their own. A context manager; `kill` and `start` keep the data."""

    def __init__(self) -> None:
        ports, controllers = free_ports(NODES), free_ports(NODES)
        voters = ",".join(f"{node}@127.0.0.1:{port}" for node, port in enumerate(controllers, 1))
        cluster_id = new_cluster_id()
        self.nodes = [
            RealKafka(port, controller_port=controller, cluster_id=cluster_id, settings=_settings(node, voters))
            for node, (port, controller) in enumerate(zip(ports, controllers, strict=True), 1)
        ]

    @property
    def bootstrap(self) -> str:
        """The addresses of all brokers."""
        return ",".join(node.bootstrap for node in self.nodes)

    @property
    def client(self) -> dict[str, Any]:
        """The librdkafka properties that reach these brokers."""
        return {"bootstrap.servers": self.bootstrap}

    def start(self) -> None:
        """Start all brokers and wait until each answers: none does before two of them are up."""
        for node in self.nodes:
            node.launch()
        for node in self.nodes:
            node.wait_until_up()
        self.wait_until_whole()

    def kill(self) -> None:
        """End all brokers at once, as a crash does."""
        for node in self.nodes:
            node.kill()

    def wait_until_whole(self) -> None:
        """Wait until every replica of every partition is in sync. Raises RuntimeError when that takes too long."""
        until = time.monotonic() + WHOLE_S
        while not self.whole():
            if time.monotonic() > until:
                raise RuntimeError(f"replicas were not in sync within {WHOLE_S:.0f} s")

    def whole(self) -> bool:
        """Whether every broker is up and every replica of every partition is in sync."""
        admin = AdminClient({**self.client, "log_level": 0})
        try:
            seen = admin.list_topics(timeout=2)
        except KafkaException:
            return False
        partitions = [p for topic in seen.topics.values() for p in topic.partitions.values()]
        return len(seen.brokers) == NODES and all(set(p.isrs) == set(p.replicas) for p in partitions)

    def leads(self, topic: str) -> list[int]:
        """The index of the node that leads each partition of a topic; -1 where nobody does."""
        seen = AdminClient({**self.client, "log_level": 0}).list_topics(topic, timeout=20)
        return [p.leader - 1 if p.leader > 0 else -1 for p in seen.topics[topic].partitions.values()]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for node in self.nodes:
            node.remove()


def _settings(node: int, voters: str) -> dict[str, object]:
    """What makes a broker one of three: replicas, and controllers that notice a dead one within seconds."""
    return {
        "node.id": node,
        "controller.quorum.voters": voters,
        "default.replication.factor": NODES,
        "min.insync.replicas": MIN_INSYNC,
        "offsets.topic.replication.factor": NODES,
        "transaction.state.log.replication.factor": NODES,
        "transaction.state.log.min.isr": MIN_INSYNC,
        "share.coordinator.state.topic.replication.factor": NODES,
        "share.coordinator.state.topic.min.isr": MIN_INSYNC,
        "broker.session.timeout.ms": 3_000,
        "broker.heartbeat.interval.ms": 500,
        "unclean.leader.election.enable": "false",
    }
