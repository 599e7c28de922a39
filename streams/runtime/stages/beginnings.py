"""Where the reading of a source begins, and the note beside its group offset by which that is known again.

In this order: the group's offset; what the ledger has applied of the source, when the group's offset was lost; the
start that the configuration names, for partitions that the topic had when the job first read it; the first record
still there, for partitions that were added later. Rule: never above what a ledger partition applied of the source,
which would be a gap; reading again from below is harmless, repeats are known.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from streams.ledger.position import SourceId, offset_of
from streams.runtime.config.job import Config
from streams.runtime.config.values import Start
from streams.runtime.errors import StateError
from streams.runtime.kafka.client import Log, TopicPartitionKey
from streams.runtime.state import PartitionStatus, read_status
from streams.runtime.topology import Topology

Committed = Mapping[TopicPartitionKey, tuple[int, str] | None]
"""What the group has committed: offset and note of each partition."""


class Beginnings:
    """Where sources begin. State: how many partitions each topic had when the job first read it."""

    def __init__(
        self,
        config: Config,
        topology: Topology,
        starts: Mapping[str, Start],
        log: Log,
        statuses: Callable[[Config], list[PartitionStatus]] = read_status,
    ) -> None:
        """`starts` is the start of each topic; `statuses` tells the newest status of each ledger partition."""
        self._config, self._topology, self._starts = config, topology, starts
        self._log, self._statuses = log, statuses
        self._first: dict[str, int] = {}

    def siblings(self, tps: Iterable[TopicPartitionKey]) -> list[TopicPartitionKey]:
        """All partitions of the topics of these: what has to be known to say where one begins."""
        tps = list(tps)
        topics = {topic for topic, _ in tps}
        return sorted({*tps, *((s.topic, s.partition) for s in self._topology.announced() if s.topic in topics)})

    def find(self, tps: Iterable[TopicPartitionKey], committed: Committed) -> dict[TopicPartitionKey, tuple[int, bool]]:
        """For each, the offset and whether it is new to the group. `committed` has all siblings.

        Raises StateError when the ledger or the source is not the one that was read.
        """
        tps = list(tps)
        offsets = {tp: self._committed(tp, committed[tp]) for tp in tps}
        for topic in {topic for topic, _ in tps}:
            self._learn_first(topic, committed)
        statuses = self._statuses(self._config) if None in offsets.values() else []
        return {
            tp: (self._begin(tp, statuses), True) if offset is None else (offset, False)
            for tp, offset in offsets.items()
        }

    def note(self, topic: str) -> str:
        """What is committed beside an offset of this topic."""
        return orjson.dumps({**self._ids(topic), "first": self._first.get(topic, 0)}).decode()

    def _ids(self, topic: str) -> dict[str, str]:
        ledger = self._topology.topic_id(self._config.topic("ledger"))
        return {"ledger": ledger, "topic": self._topology.topic_id(topic)}

    def _learn_first(self, topic: str, committed: Committed) -> None:
        """How many partitions the topic had at first: as any commit of it says, or as many as there are now."""
        ids = self._ids(topic)
        notes = [_parsed(found[1]) for (name, _), found in committed.items() if name == topic and found is not None]
        said = [int(note.get("first", 0)) for note in notes if ids.items() <= note.items()]
        self._first[topic] = min(said) if said else 1 + max(p for name, p in committed if name == topic)

    def _begin(self, tp: TopicPartitionKey, statuses: list[PartitionStatus]) -> int:
        """Where a source begins that the group has no offset of."""
        topic, partition = tp
        added = partition >= self._first[topic]
        start: Start = "earliest" if added else self._starts[topic]
        offset = self._topology.start_offset(tp, start)
        name = str(SourceId(topic, partition, self._topology.topic_id(topic)))
        known = [s.sources[name].applied for s in statuses if name in s.sources]
        applied = [offset_of(position) for position in known if position is not None]
        if applied:
            self._topology.check_not_truncated(tp, max(applied))
            everywhere = len(applied) == self._config.ledger.partitions
            offset = min(applied) if everywhere else min(offset, *applied)
            self._log.warning(
                "the group has no offset of a source that the ledger knows; going on at what the ledger applied",
                topic=topic, partition=partition, offset=offset,
            )  # fmt: skip
        else:
            said = "added to the topic later" if added else str(start)
            self._log.info("a source begins", topic=topic, partition=partition, offset=offset, start=said)
        return offset

    def _committed(self, tp: TopicPartitionKey, committed: tuple[int, str] | None) -> int | None:
        """The offset to go on from, None for a source that is new to this ledger."""
        if committed is None:
            return None
        (offset, text), ids = committed, self._ids(tp[0])
        note = _parsed(text)
        if note.get("ledger") != ids["ledger"]:
            raise StateError(
                f"{tp[0]}[{tp[1]}] was read up to offset {offset} into another topic {self._config.topic('ledger')} "
                f"than the one there now: that one was deleted or made again and its counts are gone. To count from "
                f"the start, give the job a new `name` and `prefix`; to go on, restore the topic"
            )
        if note.get("topic") != ids["topic"]:
            self._log.warning(
                "a topic was made again and is read as a new source; `streams sources --retire` takes the old one out",
                topic=tp[0], partition=tp[1],
            )  # fmt: skip
            return None
        self._topology.check_not_truncated(tp, offset)
        return offset


def _parsed(text: str) -> dict[str, Any]:
    """A note; empty when it is not one of ours."""
    try:
        note = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return note if isinstance(note, dict) else {}
