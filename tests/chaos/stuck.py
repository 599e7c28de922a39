"""Is anything stuck? Partitions without an owner, groups behind their logs, transactions that nobody ends."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from streams.runtime.config.job import TopicNoun
from tests.support.job import Job, WorkerProcess

ROWS: tuple[TopicNoun, ...] = ("windows", "classes", "confusion")
_GAUGE = re.compile(r'^quality_loaded_partitions\{stage="(\w+)"\} (\S+)', re.MULTILINE)

Wait = Callable[[Callable[[], object], str], None]


def nothing_is_stuck(job: Job, workers: Sequence[WorkerProcess], wait: Wait) -> None:
    """Wait until every partition is owned once, both groups are at the end of their logs and no transaction is open."""
    owned = {"intake": sum(job.raw_partitions), "join": job.partitions, "judge": job.tallies_partitions}
    wait(lambda: owned_partitions(workers) == owned, f"partitions are owned and loaded: {owned}")
    raw = [(topic, p) for topic, n in zip(job.raw.values(), job.raw_partitions, strict=True) for p in range(n)]
    ledger = [(job.config.topic("ledger"), p) for p in range(job.partitions)]
    for stage, places in (("intake", raw), ("join", ledger)):
        ends = end_offsets(job.cluster.client, places)  # the ledger grows with each tick: its end of now will do
        group = f"{job.config.name}-{stage}"
        wait(partial(at_end, job, group, ends), f"{group} is at the end")
    for noun in ROWS:
        places = [(job.config.topic(noun), p) for p in range(job.tallies_partitions)]
        wait(partial(all_ended, job, places), f"no transaction is open on {noun}")


def owned_partitions(workers: Sequence[WorkerProcess]) -> dict[str, int]:
    """Loaded partitions of each stage, over all workers."""
    owned: dict[str, int] = {}
    for worker in workers:
        for stage, count in _GAUGE.findall(worker.get("metrics")[1]):
            owned[stage] = owned.get(stage, 0) + round(float(count))
    return owned


def end_offsets(
    client: Mapping[str, Any], places: Sequence[tuple[str, int]], isolation: str = "read_uncommitted"
) -> dict[tuple[str, int], int]:
    """Where partitions end for readers of this isolation."""
    consumer = Consumer({**client, "group.id": "chaos-look", "isolation.level": isolation, "log_level": 0})
    try:
        return {place: consumer.get_watermark_offsets(TopicPartition(*place), timeout=30)[1] for place in places}
    finally:
        consumer.close()


def committed(client: Mapping[str, Any], group: str, places: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
    """The offset that a group has committed of each partition; 0 where it has none."""
    consumer = Consumer({**client, "group.id": group, "log_level": 0})
    try:
        known = consumer.committed([TopicPartition(*place) for place in places], timeout=30)
    finally:
        consumer.close()
    return {(tp.topic, tp.partition): max(tp.offset, 0) for tp in known}


def at_end(job: Job, group: str, ends: Mapping[tuple[str, int], int]) -> bool:
    """Whether a group has committed everything up to these ends."""
    known = committed(job.cluster.client, group, ends)
    return all(known[place] >= end for place, end in ends.items())


def all_ended(job: Job, places: Sequence[tuple[str, int]]) -> bool:
    """Whether readers of committed records see the end of every partition: no transaction is open."""
    client = job.cluster.client
    return end_offsets(client, places, "read_committed") == end_offsets(client, places)
