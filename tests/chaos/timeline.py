"""How long a job stood still after a fault, read afterwards from its own topics: nothing in it was asked to help.

`recovered_s`: from the fault until the rows contained everything that lay on the raw topics at the fault; the way is
followed through ledger, tallies and windows. `pauses_s`: the longest silence around the fault in each partition that
stayed with its worker; every record of both logs names its writer. A silence is never shorter than the job's tick.
Both logs are read as they are written, since the job trims them below its checkpoints.
"""

import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from confluent_kafka import Consumer, Message, TopicPartition

from streams.alerts import orders
from streams.ledger import blocks, flush
from streams.ledger.blocks import Block, Progress
from tests.support.job import Job
from tests.support.topic_rows import Row

BEFORE_MS = 1_500
"""How long before a fault the owner of a partition is looked for."""

Appends = dict[object, list[tuple[int, str]]]
"""By partition: when something was appended (ms), and by whom."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What was done and when (wall clock, ms), and where the raw topics ended then, as positions by source."""

    what: str
    at_ms: int
    ends: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Flush:
    end: int
    at_ms: int
    offset: int


class Timeline(threading.Thread):
    """When what was written, in ledger, tallies and windows. Start it when the topics are there; `close`, then ask."""

    def __init__(self, job: Job) -> None:
        super().__init__(daemon=True)
        self._job, self._partitions = job, job.config.ledger.partitions
        self._topics = {job.config.topic("ledger"): self._note_ledger, job.config.topic("tallies"): self._note_tallies}
        self._closing = threading.Event()
        self._ledger: dict[int, list[tuple[int, dict[str, int]]]] = defaultdict(list)
        self._flushes: dict[tuple[int, int], list[_Flush]] = defaultdict(list)  # by tallies and ledger partition
        self._judge_of: dict[str, int] = {}
        self._joins: Appends = defaultdict(list)
        self._intakes: Appends = defaultdict(list)
        self._rows: dict[str, list[Row]] = defaultdict(list)

    def run(self) -> None:
        """Read both logs until `close`."""
        consumer = Consumer({
            **self._job.cluster.client, "group.id": f"{self._job.name}-watch", "enable.auto.commit": False,
            "auto.offset.reset": "earliest", "log_level": 0,
        })  # fmt: skip
        seen = consumer.list_topics(timeout=30).topics
        consumer.assign([TopicPartition(name, p, 0) for name in self._topics for p in seen[name].partitions])
        while True:
            messages = consumer.consume(500, 0.5)
            if not messages and self._closing.is_set():
                break
            for message in messages:
                if message.error() is None:
                    self._topics[message.topic() or ""](message)
        consumer.close()

    def close(self) -> None:
        """Read both logs to their ends, and the rows. Nobody may write any more."""
        self._closing.set()
        self.join(60)
        for row in self._job.rows("windows"):
            self._rows[row.value["model"]].append(row)

    def _note_ledger(self, message: Message) -> None:
        partition, offset, at_ms = message.partition() or 0, message.offset() or 0, message.timestamp()[1]
        record = blocks.decode(message.value() or b"")
        if isinstance(record, Block):
            self._ledger[partition].append((offset, {record.source: record.end}))
        elif isinstance(record, Progress):
            self._ledger[partition].append((offset, {said.source: said.end for said in record.sources}))
            for said in record.sources if partition == 0 else ():
                self._intakes[said.source].append((at_ms, record.writer))

    def _note_tallies(self, message: Message) -> None:
        partition, offset, at_ms = message.partition() or 0, message.offset() or 0, message.timestamp()[1]
        if orders.is_order(message.value() or b""):
            return
        said = flush.decode(message.value() or b"")
        self._flushes[partition, said.ledger_partition].append(_Flush(said.end, at_ms, offset))
        self._judge_of.update({group.model: partition for group in said.groups})
        if partition == 0:
            self._joins[said.ledger_partition].append((at_ms, said.writer))

    def recovered_s(self, fault: Fault) -> float | None:
        """Seconds until the rows of every model contained what lay on the raw topics; None: they never did."""
        needed = {p: self._contains(p, fault.ends) for p in range(self._partitions)}
        moments = []
        for model, judge in self._judge_of.items():
            closing = 0
            for p, offset in needed.items():
                first = next((f for f in self._flushes[judge, p] if offset is not None and f.end > offset), None)
                if first is None:
                    return None
                closing = max(closing, first.offset)
            shown = [row.written_ms for row in self._rows[model] if row.value["revision"] >= closing]
            if not shown:
                return None
            moments.append(min(shown))
        return max((at_ms - fault.at_ms for at_ms in moments), default=0) / 1000

    def _contains(self, partition: int, ends: Mapping[str, int]) -> int | None:
        """The first offset of a ledger partition at which every source has reached its end."""
        left = {source for source, end in ends.items() if end}
        for offset, said in self._ledger[partition]:
            left -= {source for source, end in said.items() if source in left and end >= ends[source]}
            if not left:
                return offset
        return None

    def pauses_s(self, fault: Fault, until_ms: int) -> tuple[list[float], list[float]]:
        """The longest silence of each partition that stayed: of the join's, and of the sources that intake reads."""
        return self._silences(self._joins, fault, until_ms), self._silences(self._intakes, fault, until_ms)

    @staticmethod
    def _silences(appends: Appends, fault: Fault, until_ms: int) -> list[float]:
        found = []
        for all_of_it in appends.values():
            near = [(at, who) for at, who in all_of_it if fault.at_ms - BEFORE_MS <= at <= until_ms]
            if len({who for _, who in near}) == 1:
                found.append(longest_gap_s([at for at, _ in near], fault.at_ms, until_ms))
        return found


def longest_gap_s(moments: Sequence[int], begin_ms: int, end_ms: int) -> float:
    """The longest time between two neighbours of which the later is after `begin_ms`, up to `end_ms`.

    >>> longest_gap_s([0, 900, 1000, 1200], 950, 1300)
    0.2
    """
    return max((later - earlier for earlier, later in pairwise([*moments, end_ms]) if later > begin_ms)) / 1000
