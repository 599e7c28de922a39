"""A scenario about retention: records that are deleted before anybody read them are told, and nothing else is lost."""

from functools import partial

from confluent_kafka.admin import (  # type: ignore[attr-defined] # public, but its stub does not say so
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from streams.formats.reasons import Kind
from streams.runtime.kafka.topics import Topics
from tests.chaos.stuck import committed, end_offsets
from tests.chaos.trial import Trial
from tests.support.job import Job


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
    topics, raw = Topics(trial.cluster.client), places(trial.job, *Kind)
    trial.start_ready(2)
    loader = trial.load()
    retired = False
    while loader.is_alive():
        trial.lull(1.0, 4.0)
        trial.stop_all()
        read = committed(trial.job.cluster.client, f"{trial.job.config.name}-intake", raw)
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
        for place, low in topics.low_watermarks(raw).items():
            trial.unread |= {(*place, offset) for offset in range(read[place], low)}
        trial.start_ready(2)
    trial.drain()
    assert trial.unread, "nothing was lost on the way"
    assert trial.job.audit_sum("skipped") == len(trial.unread)


def more(trial: Trial, read: dict[tuple[str, int], int]) -> bool:
    """Whether every raw partition has records beyond what was read, or nothing comes any more."""
    ends = end_offsets(trial.cluster.client, list(read))
    return not trial.loader.is_alive() or all(end > read[place] + 10 for place, end in ends.items())


def gone(topics: Topics, topic: str, read: dict[tuple[str, int], int]) -> bool:
    """Whether some partition of a topic begins above what was read of it."""
    mine = [place for place in read if place[0] == topic]
    return any(low > read[place] for place, low in topics.low_watermarks(mine).items())
