"""A scenario about retention: records that are deleted before anybody read them are told, and nothing else is lost."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from confluent_kafka.admin import (  # type: ignore[attr-defined] # public, but its stub does not say so
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from streams.formats.reasons import Kind
from streams.ledger.blocks import Block, Progress, decode
from streams.ledger.hashing import hash_keys, partition_of
from streams.ledger.position import SourceId, offset_of
from streams.runtime.kafka.topics import Topics
from tests.chaos.stuck import committed, end_offsets
from tests.chaos.trial import Trial
from tests.support.job import Job
from tests.support.topic_rows import read_records

STEADY_S = 1.5
"""A broker has done what it was sent before, and looked for what is too old, when this long nothing changed."""

T = TypeVar("T")


def set_topic(trial: Trial, topic: str, **settings: object) -> None:
    """Change settings of a topic; underscores stand for dots."""
    entries = [
        ConfigEntry(name.replace("_", "."), str(value), incremental_operation=AlterConfigOpType.SET)
        for name, value in settings.items()
    ]
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
    for future in trial.cluster.admin.incremental_alter_configs([resource]).values():
        future.result(20)


def places(job: Job, *kinds: Kind) -> list[tuple[str, int]]:
    """The partitions of the raw topics of these kinds."""
    both = zip(job.raw.items(), job.raw_partitions, strict=True)
    return [(topic, p) for (kind, topic), partitions in both if kind in kinds for p in range(partitions)]


def gap(trial: Trial) -> None:
    """While no worker runs, records that nobody has read are deleted: by an order, and by retention itself."""
    trial.open(rate_per_s=1_000)
    trial.feed = replace(trial.feed, events=[event for event in trial.feed.events if event.row is not None])
    topics, raw = Topics(trial.cluster.client), places(trial.job, *Kind)
    trial.start_ready(2)
    loader = trial.load()
    gaps: list[tuple[tuple[str, int], int, list[int]]] = []
    retired, unsure = False, 0
    while loader.is_alive():
        trial.lull(1.0, 4.0)
        if trial.chance.random() < 0.5:
            trial.stop_all()
        for worker in trial.alive:
            trial.kill(worker)
        read_by = steady(trial, partial(applied, trial, raw), "what the dead had sent is written")
        read = {place: max(ends) for place, ends in read_by.items()}
        unsure += sum(read[place] - min(ends) for place, ends in read_by.items())
        trial.wait(partial(more, trial, read), "records come that nobody reads")
        if retired or not loader.is_alive():
            ends = end_offsets(trial.cluster.client, raw)
            some = {place: trial.chance.randint(read[place], ends[place]) for place in trial.chance.sample(raw, 3)}
            assert topics.delete_records(some)
            trial.note("DeleteRecords")
        else:
            retired = True
            topic = trial.chance.choice(list(trial.job.raw.values()))
            set_topic(trial, topic, retention_ms=1)
            trial.wait(partial(gone, topics, topic, read), f"retention took what is in {topic}")
            set_topic(trial, topic, retention_ms=-1)
            trial.note("retention")
        lows = steady(trial, partial(topics.low_watermarks, raw), "nothing more is deleted")
        gaps += [(place, low, read_by[place]) for place, low in lows.items()]
        trial.start_ready(2)
    trial.drain()
    for (topic, partition), low, had in gaps:
        lost = [(topic, partition, offset) for offset in range(min(had), low)]
        trial.unread |= {one for one in lost if one[2] >= had[partition_for(loader.placed[one].id, len(had))]}
    assert trial.unread, "nothing was lost on the way"
    assert abs(trial.job.audit_sum("skipped") - len(trial.unread)) <= unsure


def steady(trial: Trial, ask: Callable[[], T], what: str) -> T:
    """What a broker answers once it stays the same: it may still be at work on what it was sent before."""
    answers: list[tuple[float, T]] = []

    def stays() -> bool:
        now_s, answer = time.monotonic(), ask()
        if not answers or answers[0][1] != answer:
            answers[:] = [(now_s, answer)]
        return now_s - answers[0][0] > STEADY_S

    trial.wait(stays, what)
    return answers[0][1]


def applied(trial: Trial, raw: list[tuple[str, int]]) -> dict[tuple[str, int], list[int]]:
    """Up to which offset each ledger partition has each raw partition: what was committed, and what is in the ledger.

    A worker that was killed may have sent more than it committed, and not the same to every ledger partition.
    """
    config = trial.job.config
    known = committed(config.client, f"{config.name}-intake", raw)
    ends = {place: [known[place]] * config.ledger.partitions for place in raw}
    for record in read_records(config.client, config.topic("ledger")):
        said = decode(record.value or b"")
        sources = [said] if isinstance(said, Block) else said.sources if isinstance(said, Progress) else []
        for one in sources:
            source = SourceId.parse(one.source)
            mine = ends[source.topic, source.partition]
            mine[record.partition] = max(mine[record.partition], offset_of(one.end))
    return ends


def partition_for(id_: str, partitions: int) -> int:
    """The ledger partition of an id, in a job without scopes and without a privacy key."""
    return int(partition_of(hash_keys([id_.encode()]), partitions)[0])


def more(trial: Trial, read: dict[tuple[str, int], int]) -> bool:
    """Whether every raw partition has records beyond what was read, or nothing comes any more."""
    ends = end_offsets(trial.cluster.client, list(read))
    return not trial.loader.is_alive() or all(end > read[place] + 10 for place, end in ends.items())


def gone(topics: Topics, topic: str, read: dict[tuple[str, int], int]) -> bool:
    """Whether some partition of a topic begins above what was read of it."""
    mine = [place for place in read if place[0] == topic]
    return any(low > read[place] for place, low in topics.low_watermarks(mine).items())
