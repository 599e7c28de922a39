"""Intake at work: raw batches in, blocks and progress to the ledger, rejects to their topic, offsets committed behind.

Rule: a source's offset is committed only up to a progress record that every ledger partition and the rejects topic
have acknowledged, so a restart never opens a gap. The commit names the ledger and the topic it was made for: a ledger
or a source that was deleted and made again is noticed, not confused with the old one.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from confluent_kafka import Message

from streams.formats.columns import Records
from streams.formats.decoder import Decoder
from streams.formats.reasons import Kind, Reason, Rejected
from streams.ledger.alignment import Standing
from streams.ledger.intake import Intake, Sends
from streams.ledger.position import SourceId, offset_of
from streams.ledger.rejects import intake_row
from streams.runtime.config.job import Config, SourceConfig
from streams.runtime.kafka.client import Log, TopicPartitionKey
from streams.runtime.kafka.producer import Producer
from streams.runtime.kafka.source import Source
from streams.runtime.kafka.stage import Batch, Headers
from streams.runtime.stages.acknowledged import Acknowledged
from streams.runtime.stages.aligned import Aligned
from streams.runtime.stages.beginnings import Beginnings
from streams.runtime.stages.outputs import Outputs
from streams.runtime.stages.waiting import Waiting
from streams.runtime.telemetry import Count, Telemetry
from streams.runtime.topology import Topology


@dataclass(slots=True)
class _Input:
    """One raw topic: what kind it is and how it is read."""

    kind: Kind
    config: SourceConfig
    decoder: Decoder


class IntakeStage:
    """The stage behind the source of raw topics. State: what was sent to each ledger partition since assignment."""

    def __init__(
        self,
        config: Config,
        writer: str,
        topology: Topology,
        ledger: Producer,
        outputs: Outputs,
        *,
        clock_ms: Callable[[], int],
        telemetry: Telemetry,
        log: Log,
    ) -> None:
        """`writer` names this worker in the ledger; `topology` knows the topics' ids and sizes."""
        self._config, self._topology, self._ledger, self._outputs = config, topology, ledger, outputs
        self._clock_ms, self._telemetry, self._log = clock_ms, telemetry, log
        self._intake = Intake(config.ledger, writer)
        self._inputs: dict[str, _Input] = {}
        for kind, sources in (
            (Kind.PREDICTION, config.prediction_sources),
            (Kind.LABEL, config.label_sources),
        ):
            for source in sources:
                self._inputs[source.topic] = _Input(kind, source, Decoder(source.mapping, config.dimensions))
        self._lock = threading.RLock()
        self._starts: dict[TopicPartitionKey, int] = {}
        self._acks = Acknowledged()
        self._waiting = Waiting()
        self.aligned = Aligned(config.run, log)
        starts = {topic: source.config.start for topic, source in self._inputs.items()}
        self._beginnings = Beginnings(config, topology, starts, log)
        self.source: Source | None = None

    @property
    def topics(self) -> list[str]:
        """The raw topics."""
        return list(self._inputs)

    # What the source asks; its threads.

    def position(self, tp: TopicPartitionKey) -> int | None:
        """Where reading begins, once `load` found it."""
        return self._starts.get(tp)

    def load(self, tps: list[TopicPartitionKey]) -> None:
        """Find where each partition begins; what is new to the group is committed, so that it is found once."""
        assert self.source is not None  # noqa: S101 - attached before it starts
        committed = self.source.committed(self._beginnings.siblings(tps))
        for tp, (offset, new) in self._beginnings.find(tps, committed).items():
            if new:
                self.source.commit_now({tp: (offset, self._beginnings.note(tp[0]))})
            with self._lock:
                self._intake.assign(self._id(tp), self._inputs[tp[0]].kind, offset, self._clock_ms())
                self._starts[tp] = offset

    def revoked(self, tps: list[TopicPartitionKey], lost: bool) -> None:  # noqa: ARG002 - the protocol's
        """Another worker reads these from now on."""
        with self._lock:
            for tp in tps:
                self._starts.pop(tp, None)
                self._waiting.take(tp)
                self._intake.revoke(self._id(tp))

    def lost_rows(self, tp: TopicPartitionKey, wanted: int, low: int) -> None:
        """Retention was faster than this job: the ledger says so, and the audit counts what was lost."""
        self._log.warning(
            "records were deleted by retention before they were read", topic=tp[0], partition=tp[1], lost=low - wanted
        )
        self._telemetry.count(Count.REJECTED, low - wanted, reason=Reason.RETENTION_GAP)
        with self._lock:
            self._send_blocks(tp)
            self._send(self._intake.skip(self._id(tp), low))

    # What the agent and the tick call; the event loop.

    def take(self, batch: Batch) -> int:
        """Let a batch wait, and send what has waited long enough; how many records it had."""
        with self._lock:
            if batch.key not in self._starts:
                return 0
            for tp in self._waiting.add(batch):
                self._send_blocks(tp)
                self._align()
        return len(batch)

    def waiting(self) -> list[TopicPartitionKey]:
        """The sources of which rows wait for the tick."""
        with self._lock:
            return self._waiting.sources()

    def send_blocks(self, tp: TopicPartitionKey) -> None:
        """Send what waits of a source, so that the tick that follows is short."""
        with self._lock:
            self._send_blocks(tp)

    def tick(self, *, last: bool = False) -> None:
        """Send what waits and the progress records of this moment; commit when all that is acknowledged.

        After the `last` one nothing is read, so nobody has to wait; only that one may run beside the event loop.
        """
        with self._lock:
            if not self._intake.sources:
                return
            for tp in self._waiting.sources():
                self._send_blocks(tp)
            self._send(self._intake.progress(self._topology.announced()))
            ends = {s: offset_of(state.end) for s, state in self._intake.sources.items()}
            offsets = {(s.topic, s.partition): (end, self._beginnings.note(s.topic)) for s, end in ends.items()}
            self._acks.mark(lambda: self._commit(offsets))
            if not last:
                self._align()

    def _align(self) -> None:
        """Have the sources wait that are ahead of others, or all while there is no room. Hold the lock."""
        assert self.source is not None  # noqa: S101 - attached before it starts
        own = {s: Standing(state.clock_ms, state.caught_up_at_ms) for s, state in self._intake.sources.items()}
        if self.aligned.look(own, self._topology.announced()):
            self.source.hold_back(frozenset(self._starts if self.aligned.full else self.ahead()))

    def _send_blocks(self, tp: TopicPartitionKey) -> None:
        """Decode what waits of a source and send its blocks. Hold the lock."""
        gathered = self._waiting.take(tp)
        if gathered is None:
            return
        batch, messages = gathered.batch, gathered.batch.messages
        source, name = self._inputs[batch.topic], self._id(tp)
        if messages or offset_of(self._intake.end(name)) < batch.end:
            needs = source.decoder.needs
            records = Records(
                batch.topic,
                batch.partition,
                batch.offsets(),
                batch.values(),
                batch.keys() if "keys" in needs else None,
                batch.headers() if "headers" in needs else None,
                batch.timestamps() if "timestamps" in needs else None,
            )
            decoded = source.decoder.decode(records, batch.read_ms)
            rejected = [(records.offsets[r.index], r.reason, r.key) for r in decoded.rejected]
            self._send(self._intake.blocks(name, decoded, rejected, batch.end, batch.read_ms))
            for r in decoded.rejected:
                self._reject(
                    source.kind, (batch.topic, batch.partition, records.offsets[r.index]), r, messages[r.index]
                )
        self._intake.at_end(name, gathered.at_end_ms)
        self._telemetry.count(Count.EVENTS, len(messages), kind=source.kind)

    def _reject(self, kind: Kind, coordinates: tuple[str, int, int], rejected: Rejected, message: Message) -> None:
        """Say that a record could not be decoded."""
        key, row = intake_row(
            kind, coordinates, rejected.reason, rejected.detail, message.value(), message.key(),
            cast("Headers", message.headers()),
        )  # fmt: skip
        self._outputs.send("rejects", key, row, self._acks.sending())
        self._telemetry.count(Count.REJECTED, reason=rejected.reason)

    def clocks(self) -> dict[TopicPartitionKey, int]:
        """The clock of each source partition read here, ms; none before its first row."""
        with self._lock:
            states = self._intake.sources.items()
            return {(s.topic, s.partition): state.clock_ms for s, state in states if state.clock_ms is not None}

    def ahead(self) -> dict[TopicPartitionKey, int]:
        """The source partitions here that wait for others, and how far they are ahead of them, ms of event time."""
        with self._lock:
            ahead = self.aligned.ahead
            return {(s.topic, s.partition): ahead[str(s)].by_ms for s in self._intake.sources if str(s) in ahead}

    def _commit(self, offsets: Mapping[TopicPartitionKey, tuple[int, str]]) -> None:
        assert self.source is not None  # noqa: S101 - attached before it starts
        self.source.commit(offsets)

    def _send(self, sends: Sends) -> None:
        topic = self._config.topic("ledger")
        for partition, record in sends:
            self._ledger.send(topic, partition, record, on_ack=self._acks.sending())

    def _id(self, tp: TopicPartitionKey) -> SourceId:
        return SourceId(tp[0], tp[1], self._topology.topic_id(tp[0]))
