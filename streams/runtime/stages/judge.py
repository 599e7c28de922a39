"""The judge at work: flushes in, rows out, fenced.

One transactional producer for each tallies partition, initialised before the partition is loaded, so that a worker
that lost it cannot write any more; each transaction carries the position with the group's metadata. A partition that
comes here goes on from memory, from a checkpoint or from the log's start (`checkpoints/recovery.py`), quietly up to
that position: what is behind it was written. Checkpoints are taken when no row is left to write.

A record by which time moves far takes long, so it is folded in turns; a state that is left in between is of no use.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import orjson

from streams.alerts.judge import AlertingJudge
from streams.alerts.rows import ALERTS
from streams.ledger.gap import GapError
from streams.quality.rows import OutputRow
from streams.runtime.checkpoints.kept import MOVED_KEPT_S, Checkpoints, Kept
from streams.runtime.checkpoints.kinds import JUDGE
from streams.runtime.checkpoints.rules import Due
from streams.runtime.config.job import Config
from streams.runtime.errors import StateError, UnavailableError
from streams.runtime.kafka.client import Log, TopicPartitionKey
from streams.runtime.kafka.source import Source
from streams.runtime.kafka.stage import Batch
from streams.runtime.kafka.transactions import FencedError, RoundProducer
from streams.runtime.quality_metrics import QualityMetrics
from streams.runtime.stages.outputs import record_of
from streams.runtime.telemetry import Count, Level, Telemetry
from streams.runtime.topology import Topology

FENCED_FOR_S = 60.0
"""Rows refused for this long although the partition is ours: another job writes under our name."""

TURN_S = 0.2
"""How long the fold works before heartbeats, pages and the other stages have their turn: about as long as theirs."""

MAX_RECORDS = 10_000
"""Rows of one transaction: it must be over long before the broker's patience with it is."""

FENCED_PAUSE_S = 1.0
"""How long who was shut out waits for the group's word before it begins again."""


@dataclass(slots=True)
class _Part:
    """One tallies partition here: its fold, its producer, and up to where its rows were written.

    `rows_to` is the position after the last record that brought rows: if it lies above what was written, rows of
    this fold were lost with a partition that moved, and only a new fold can bring them again.
    """

    judge: AlertingJudge
    producer: RoundProducer
    due: Due
    written_to: int = 0
    record: bytes = b""  # the last one folded
    left_s: float | None = None  # since when it is another worker's
    rows_to: int = 0
    ready: bool = False
    rows: dict[tuple[str, str, object], OutputRow] = field(default_factory=dict)  # not written yet, see `_line`


class JudgeStage:
    """The stage behind the source of the tallies."""

    def __init__(
        self,
        config: Config,
        topology: Topology,
        producer: Callable[[str], RoundProducer],
        checkpoints: Checkpoints,
        *,
        clock_s: Callable[[], float],
        telemetry: Telemetry,
        log: Log,
        quality: QualityMetrics | None = None,
    ) -> None:
        """`producer` makes a fenced producer from a transactional id; `clock_s` is monotonic.

        `quality` is shown every row once it is written.
        """
        self._config, self._topology, self._producer = config, topology, producer
        self._clock_s, self._telemetry, self._log = clock_s, telemetry, log
        self._quality = quality
        self._parts: dict[int, _Part] = {}
        self._lock = threading.Lock()
        self.writing_since_s: dict[int, float] = {}  # rounds that are being written now
        self._closed = threading.Event()
        self._kept = Kept(JUDGE, checkpoints)
        self.source: Source | None = None

    # What the source asks; its threads.

    def position(self, tp: TopicPartitionKey) -> int | None:
        """The next tallies offset of a partition whose state is loaded."""
        part = self._parts.get(tp[1])
        return part.judge.position if part is not None and part.ready else None

    def load(self, tps: list[TopicPartitionKey]) -> None:
        """Fence whoever wrote before, then bring the state into memory."""
        assert self.source is not None  # noqa: S101 - attached before it starts
        for tp in tps:
            with self._lock:
                old = self._parts.get(tp[1])
                if old is not None:
                    old.left_s = None
                    old.due.under_way = False
            try:
                part = self._loaded(tp, old)
            except BaseException:
                if old is not None:
                    old.left_s = self._clock_s()  # it may be another worker's by now
                raise
            with self._lock:
                self._parts[tp[1]] = part
            if old is not None:
                old.producer.close()

    def _loaded(self, tp: TopicPartitionKey, old: _Part | None) -> _Part:
        """A partition as it goes on here; `old` is what is in memory of it."""
        assert self.source is not None  # noqa: S101 - attached before it starts
        producer = self._producer(self._transactional_id(tp[1]))
        producer.init()
        committed = self.source.committed([tp])[tp]
        written_to = self._written(tp, committed)
        # a state whose rows were lost with the partition cannot bring them again
        usable = old is not None and old.judge.whole and max(old.rows_to, old.written_to) <= written_to
        memory = old.judge.position if old is not None and usable else None
        # rows behind a commit of other windows were all written anew then: so they must be now
        anew = committed is not None and written_to == 0
        restored = self._kept.restore(tp[1], memory, written_to, anew=anew)
        if restored.state is None and old is not None:
            return _Part(old.judge, producer, old.due, written_to, old.record, ready=True)
        written_to = 0 if restored.adopted else written_to  # all it says first is new
        judge = restored.state or AlertingJudge(self._config.quality, tp[1])
        return _Part(judge, producer, self._kept.due(restored.size_bytes), written_to, ready=True)

    def revoked(self, tps: list[TopicPartitionKey], lost: bool) -> None:  # noqa: ARG002 - the protocol's
        """Another worker judges these from now on; the state stays in memory in case they return."""
        with self._lock:
            for _, p in tps:
                if p in self._parts:
                    self._parts[p].ready = False
                    self._parts[p].left_s = self._clock_s()
                    self._telemetry.drop_partition(p, (Level.CHECKPOINT_TIME, Level.CHECKPOINT_BYTES), stage="judge")
                    if self._quality is not None:
                        self._quality.drop_partition(p)
                    self._parts[p].rows = {}  # another one: `write` may be looking through the old

    def lost_rows(self, tp: TopicPartitionKey, wanted: int, low: int) -> None:
        """Another worker was ahead, kept its state and trimmed the log: only a new start goes on from there."""
        raise UnavailableError(
            f"{tp[0]}[{tp[1]}] begins at offset {low} now, above {wanted} where this worker was: another one was ahead "
            f"of it, or records were deleted. Start the worker again: it goes on from the newest checkpoint"
        )

    # What the agent calls: turns of `take` on the event loop, `write` in a thread of its own.

    def take(self, batch: Batch) -> Iterator[bool]:
        """Fold a batch of the tallies; True after each turn of about `TURN_S` but the last. Rows wait for `write`.

        For each turn the partition must be ours still. Nothing is written in between.
        """
        part = self._parts[batch.partition]
        began_s = self._clock_s()
        for offset, message in zip(batch.offsets(), batch.messages, strict=True):
            where = f"{batch.topic}[{batch.partition}] offset {offset}"
            record, rows = message.value() or b"", list[OutputRow]()
            try:
                for some in part.judge.applying(offset, record, quiet=offset < part.written_to):
                    rows += some
                    if self._clock_s() - began_s >= TURN_S:
                        yield True
                        began_s = self._clock_s()
            except GapError as error:
                raise StateError(
                    f"{where}: {error}. Records of the tallies are missing: it was truncated, or written by something "
                    f"else. To count again from the sources, give the job a new `name` and `prefix`"
                ) from error
            except ValueError as error:
                raise StateError(f"{where}: {error}. Only this job may write to its topics") from error
            part.record, part.due.log_bytes = record, part.due.log_bytes + len(record)
            if rows:
                part.rows_to = part.judge.position
                for row in rows:
                    part.rows.pop(_line(row), None)  # behind all that was said before
                    part.rows[_line(row)] = row

    def has_rows(self, partition: int) -> bool:
        """Whether there is something to write: rows, or a checkpoint that is due also where no row ever comes."""
        part = self._parts[partition]
        return bool(part.rows) or part.due.now(self._clock_s())

    def write(self, partition: int) -> None:
        """Write the rows of the rounds since the last time as one transaction with the position.

        Who is shut out although the partition is its own begins again with a new producer: a worker that lost the
        partition may have initialised late, but it will be refused by the group. Raises StateError when that goes on.
        """
        part = self._parts[partition]
        fenced_at_s: float | None = None
        while part.rows and part.ready:
            self.writing_since_s[partition] = self._clock_s()
            try:
                self._commit(part, partition)
            except FencedError as error:
                self._log.info("another worker took over a partition of the judge", partition=partition, why=str(error))
                now_s = self._clock_s()
                fenced_at_s = now_s if fenced_at_s is None else fenced_at_s
                if now_s - fenced_at_s > FENCED_FOR_S:
                    raise StateError(
                        f"rows of tallies partition {partition} are refused although it is ours: another job runs "
                        f"under the name {self._config.name!r} here. Give one of them another `name` and `prefix`"
                    ) from error
                self._begin_again(part, partition)
            finally:
                self.writing_since_s.pop(partition, None)
        if part.ready and part.judge.whole and not part.rows and part.judge.position >= part.written_to:
            keep = self._kept.take(partition, part.judge, part.judge.position, part.record, part.due)
            if keep is not None:
                keep()

    def forget_moved(self) -> None:
        """Free the states of partitions that another worker has had for long."""
        with self._lock:
            now_s = self._clock_s()
            for p, part in list(self._parts.items()):
                if part.left_s is not None and now_s - part.left_s > MOVED_KEPT_S:
                    part.producer.close()
                    del self._parts[p]

    def close(self) -> None:
        """End the producers."""
        self._closed.set()
        for part in self._parts.values():
            part.producer.close()

    def _commit(self, part: _Part, partition: int) -> None:
        assert self.source is not None  # noqa: S101 - attached before it starts
        topic, position, rows = self._config.topic("tallies"), part.judge.position, part.rows
        records = [record_of(self._config, row, partition) for row in rows.values()]
        note = orjson.dumps(self._note(topic)).decode()
        metadata = self.source.group_metadata
        for begin in range(0, len(records), MAX_RECORDS):
            some = records[begin : begin + MAX_RECORDS]
            # only the last one moves the position: after a crash in between all rows come again, the same
            at = position if begin + MAX_RECORDS >= len(records) else part.written_to
            part.producer.commit_round(some, {(topic, partition): (at, note)}, metadata, owner=lambda: part.ready)
        if part.rows is rows:
            part.rows = {}
        part.written_to = position
        for record in records:
            self._telemetry.count(Count.ROWS, topic=record.topic)
        if self._quality is not None:
            for row in rows.values():
                self._quality.take(row.stream, row.value, partition)
            if any(row.stream == ALERTS for row in rows.values()):  # a step was judged
                for standing in part.judge.standing():
                    self._quality.take_slo(standing, partition)
            if not part.ready:  # it went away meanwhile
                self._quality.drop_partition(partition)

    def _begin_again(self, part: _Part, partition: int) -> None:
        """A new producer for a partition that is still ours after a while; a worker that lost it has noticed then."""
        if self._closed.wait(FENCED_PAUSE_S):
            raise UnavailableError("stopped before a round was written")
        if part.ready:
            part.producer.close()
            part.producer = self._producer(self._transactional_id(partition))
            part.producer.init()

    def _transactional_id(self, partition: int) -> str:
        return f"{self._config.name}-judge-{partition}"

    def _note(self, topic: str) -> dict[str, str]:
        """What a position belongs to: the very topic, and what the rows behind it were made of."""
        return {"tallies": self._topology.topic_id(topic), "quality": self._config.quality_hash}

    def _written(self, tp: TopicPartitionKey, committed: tuple[int, str] | None) -> int:
        """Up to where these rows were written; 0 when that is not known of this very topic.

        Also 0 when other windows were asked for then: every row is written again, with the revision it had.
        """
        if committed is None:
            return 0
        offset, text = committed
        try:
            known = orjson.loads(text) == self._note(tp[0])
        except orjson.JSONDecodeError:
            known = False
        return offset if known else 0


def _line(row: OutputRow) -> tuple[str, str, object]:
    """What a later row replaces before it is written: revisions of the same, but no transition of an alert."""
    return row.stream, row.key, row.value.get("transition_id")
