"""How a source's consumer is set: by hand where the stage must rule, cheap and quick where Kafka's defaults are not.

At 5 k records/s the fetch settings cost some percent of a core and some tens of ms; the defaults starve the stage
for a second after every full queue.
"""

from collections.abc import Mapping
from typing import Any

from streams.runtime.kafka.client import COMMON
from streams.runtime.kafka.stage import Limits


def consumer_properties(
    name: str,
    group: str,
    client: Mapping[str, Any],
    limits: Limits,
    *,
    at_end: bool,
    read_committed: bool,
    instance_id: str | None,
    protocol: str,
) -> dict[str, Any]:
    """The librdkafka properties of a source's consumer; the operator's `client` may tune the fetches only."""
    properties: dict[str, Any] = {
        **COMMON,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "enable.partition.eof": at_end,
        "isolation.level": "read_committed" if read_committed else "read_uncommitted",
        "fetch.queue.backoff.ms": 5,  # the default of 1 s starves the stage after every full queue
        "fetch.min.bytes": limits.fetch_min_bytes,
        "fetch.wait.max.ms": limits.fetch_wait_ms,
        "fetch.message.max.bytes": 1 << 20,  # not below the producers' batches, or partitions starve
        "queued.max.messages.kbytes": limits.queue_kib,
        "queued.min.messages": 100_000,
        **client,
        "client.id": f"streams-{name}",
        "group.id": group,
        "group.protocol": protocol,
    }
    if protocol == "classic":
        properties |= {
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": limits.session_ms,
            "heartbeat.interval.ms": limits.heartbeat_ms,
        }
    if instance_id is not None:
        properties["group.instance.id"] = instance_id
    return properties
