"""Who is in a job's consumer groups right now, as the brokers know it.

Only a look: no group is joined. Brokers that do not answer such questions (the embedded one) are a None, not an error.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streams.runtime.kafka.client import COMMON

WAIT_S = 3.0


@dataclass(frozen=True, slots=True)
class Member:
    """One consumer of a group: the client's name, where it is, and the (topic, partition) pairs it was given."""

    client_id: str
    host: str
    partitions: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Group:
    """A consumer group: how it is in the broker's words, such as `stable`, and its members."""

    name: str
    state: str
    members: tuple[Member, ...]


def describe_groups(client: Mapping[str, Any], names: Iterable[str], wait_s: float = WAIT_S) -> list[Group] | None:
    """These groups with their members; None where the broker does not tell."""
    admin = AdminClient({**COMMON, **client})
    groups = []
    try:
        for name, future in admin.describe_consumer_groups(list(names), request_timeout=wait_s).items():
            found = future.result(2 * wait_s)
            members = tuple(
                Member(m.client_id, m.host, tuple((tp.topic, tp.partition) for tp in m.assignment.topic_partitions))
                for m in found.members
            )
            groups.append(Group(name, found.state.name.lower(), members))
    except (KafkaException, TimeoutError):
        return None
    return groups
