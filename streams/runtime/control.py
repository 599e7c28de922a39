"""The operator's records: what people say to a running job is in its ledger, so that it is replayed with the rest.

`advance` says that a history is complete: time moves once every source was read up to the end it has now. `retire`
takes a source out that will never come back. One record, one id, a copy for every ledger partition.
"""

import uuid
from dataclasses import dataclass

from streams.alerts import orders
from streams.alerts.orders import EndOrder
from streams.ledger import blocks
from streams.ledger.blocks import Advance, Retire
from streams.ledger.position import SourceId, offset_of, start
from streams.ledger.times import rfc3339
from streams.runtime.config.job import Config, TopicNoun
from streams.runtime.errors import StateError, StreamsError, TopicError, UnavailableError
from streams.runtime.kafka.client import SILENCE
from streams.runtime.kafka.producer import Producer
from streams.runtime.pin import read_pin
from streams.runtime.state import PartitionStatus, newest_clock_ms, read_status
from streams.runtime.topology import Topology

WITHIN_S = 30.0


class RefusedError(StreamsError):
    """The operator's record was not written: it would do harm, and nothing says that this is meant."""

    exit_code = 1


class UnreadError(RefusedError):
    """The job has not read everything there is, so nobody knows yet to which time a history reaches."""


@dataclass(frozen=True, slots=True)
class Written:
    """A control record as it was written: its id, and for `advance` its time (ms) and the ends it waits for."""

    id: str
    ends: dict[str, int]
    to_ms: int | None = None


def furthest_ms(config: Config, newest_ms: int) -> int:
    """The time beyond which nothing of the events up to `newest_ms` can still change."""
    longest = max(w.size_ms for w in config.quality.windows)
    final = max(t.final_ms for t in config.ledger.timings)
    return newest_ms + config.ledger.max_disorder_ms + longest + final + config.ledger.pane_ms


def advance(config: Config, to_ms: int | None, *, force: bool = False, topology: Topology | None = None) -> Written:
    """Say that nothing before `to_ms` is coming any more; None: nothing at all of what is in the topics now.

    Takes effect where every source was read up to its present end. Refused beyond what the newest event can still
    need, unless `force`: time never goes back, and everything older than the horizon before it is late then.
    Raises UnreadError when `to_ms` is None and the newest event may not have been read yet.
    """
    ends = source_ends(config, topology)
    statuses = read_status(config)
    newest = newest_clock_ms(statuses)
    if newest is None and (to_ms is None or not force):
        raise UnreadError("no event was read yet, so there is no time to advance from. Start a worker and try again")
    limit = furthest_ms(config, newest) if newest is not None else 0
    if to_ms is None:
        if left := unread(statuses, ends, config.ledger.partitions):
            raise UnreadError(
                f"{left:,} records of the topics are not read yet, and the newest event may be one of them. "
                f"Wait until the job has read them, or say with --to which time is meant"
            )
        to_ms = limit
    if to_ms > limit and not force:
        raise RefusedError(
            f"{rfc3339(to_ms)} is beyond {rfc3339(limit)}, after which no window of the events read so far can change. "
            f"Later events would be late. Say --force if that is meant"
        )
    newest_event = _newest_event_ms(config, statuses)
    if newest_event is not None:
        # before the time moves, so that the alerts do not take the end of a history for silence
        tallies = config.ledger.tallies_partitions
        write(config, "tallies", tallies, orders.encode(EndOrder(newest_event)))
    record = Advance(uuid.uuid4().hex, to_ms, ends, config.config_hash)
    write(config, "ledger", config.ledger.partitions, blocks.encode(record))
    return Written(record.id, ends, to_ms)


def _newest_event_ms(config: Config, statuses: list[PartitionStatus]) -> int | None:
    """The time of the newest prediction that was read; None before any."""
    topics = {source.topic for source in config.prediction_sources}
    clocks = [
        source.clock_ms
        for status in statuses
        for name, source in status.sources.items()
        if name.partition("/")[0] in topics and source.clock_ms is not None
    ]
    return max(clocks) + config.ledger.max_disorder_ms if clocks else None


def unread(statuses: list[PartitionStatus], ends: dict[str, int], partitions: int) -> int:
    """How many records below `ends` (positions) some ledger partition has not applied yet, by its newest status."""
    applied = {name: [s.sources[name].applied if name in s.sources else None for s in statuses] for name in ends}
    silent = [None] * (partitions - len(statuses))
    return sum(
        max(offset_of(end) - min(offset_of(a or 0) for a in [*applied[name], *silent]), 0) for name, end in ends.items()
    )


def source_ends(config: Config, topology: Topology | None = None) -> dict[str, int]:
    """The end of every source at this moment, as a position."""
    topology = topology or _topology(config)
    return {str(source): start(end) for source, end in topology.end_positions().items()}


def retire(config: Config, source: SourceId) -> Written:
    """Take a source out of the min that time is: it holds nothing back any more, and its records still count."""
    known = {name for status in read_status(config) for name in status.sources}
    if str(source) not in known:
        raise RefusedError(f"there is no source {source}. `streams sources` lists them: TOPIC/PARTITION@ID")
    record = Retire(uuid.uuid4().hex, str(source), config.config_hash)
    write(config, "ledger", config.ledger.partitions, blocks.encode(record))
    return Written(record.id, {})


def _topology(config: Config) -> Topology:
    topology = Topology(config, log=SILENCE)
    try:
        topology.look()
    except StateError as error:
        missing = str(error).partition(" was deleted")[0]
        raise TopicError(f"there is no {missing}: has the job run under this name and prefix?") from error
    return topology


def write(config: Config, log: TopicNoun, partitions: int, record: bytes) -> None:
    """A copy of a record for every partition of one of the job's logs.

    Raises RefusedError when the configuration is not that of a job there, UnavailableError when no broker takes it.
    """
    pinned = read_pin(config)
    if pinned is None or pinned[0] != config.config_hash:
        raise RefusedError(
            f"{config.file} is not the configuration of a job that runs under {config.prefix!r}: "
            + ("nothing is pinned there yet" if pinned is None else "another one is pinned there")
        )
    failures: list[BaseException] = []
    producer = Producer("control", config.client, fail=failures.append)
    try:
        for partition in range(partitions):
            producer.send(config.topic(log), partition, record)
        if not producer.flush(WITHIN_S) and not failures:
            raise UnavailableError(f"no broker took the record within {WITHIN_S:.0f} s")
    finally:
        producer.close(0.1)
    if failures:
        raise failures[0]
