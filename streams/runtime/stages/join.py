"""The join at work: ledger records in, flushes to the tallies, audits and rejects out.

The ledger alone is the state: a partition that comes here goes on from memory, from a checkpoint or from the log's
start (`checkpoints/recovery.py`), quietly up to the offset that the group committed. That offset is a flush boundary
whose flush, rejects and audit were acknowledged, so nothing before it needs to be said again; without it everything is
said again, and the judges ignore what they know. Checkpoints are taken right after a flush and written when all that
the flush said is acknowledged.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field

import orjson

from streams.ledger.blocks import writer_of
from streams.ledger.gap import GapError
from streams.ledger.join import ForeignRecordError, Join
from streams.ledger.rejects import join_row
from streams.ledger.spec import NO_TIME
from streams.ledger.watermark import SourceClock
from streams.runtime.checkpoints.kept import MOVED_KEPT_S, Checkpoints, Kept
from streams.runtime.checkpoints.kinds import JOIN
from streams.runtime.checkpoints.rules import Due
from streams.runtime.config.job import Config
from streams.runtime.errors import MismatchError, StateError, UnavailableError
from streams.runtime.kafka.client import Log, TopicPartitionKey
from streams.runtime.kafka.producer import Producer
from streams.runtime.kafka.source import Source
from streams.runtime.kafka.stage import Batch
from streams.runtime.stages.acknowledged import Acknowledged
from streams.runtime.stages.outputs import Outputs
from streams.runtime.stages.rhythm import Rhythm
from streams.runtime.telemetry import Count, Level, Telemetry
from streams.runtime.topology import Topology


@dataclass(slots=True)
class _Part:
    """One ledger partition here: its fold, and up to where others have told it already."""

    join: Join
    due: Due
    rhythm: Rhythm
    quiet_until: int = 0
    record: bytes = b""  # the last one folded
    left_s: float | None = None  # since when it is another worker's
    ready: bool = False
    last_status_s: float = 0.0
    waiting: int = 0  # records of the operator that had not taken effect at the last status
    acks: Acknowledged = field(default_factory=Acknowledged)


class JoinStage:
    """The stage behind the source of the ledger."""

    def __init__(
        self,
        config: Config,
        writer: str,
        topology: Topology,
        tallies: Producer,
        outputs: Outputs,
        checkpoints: Checkpoints,
        *,
        clock_s: Callable[[], float],
        clock_ms: Callable[[], int],
        telemetry: Telemetry,
        log: Log,
    ) -> None:
        """`writer` names this worker in the tallies; `clock_s` is monotonic, `clock_ms` the wall clock."""
        self._config, self._writer, self._topology = config, writer, topology
        self._tallies, self._outputs = tallies, outputs
        self._clock_s, self._clock_ms, self._telemetry, self._log = clock_s, clock_ms, telemetry, log
        self._parts: dict[int, _Part] = {}
        self._lock = threading.Lock()
        self._kept = Kept(JOIN, checkpoints)
        self.source: Source | None = None

    # What the source asks; its threads.

    def position(self, tp: TopicPartitionKey) -> int | None:
        """The next ledger offset of a partition whose state is loaded."""
        part = self._parts.get(tp[1])
        return part.join.position if part is not None and part.ready else None

    def load(self, tps: list[TopicPartitionKey]) -> None:
        """Bring the state into memory; ask how far the partition was told."""
        assert self.source is not None  # noqa: S101 - attached before it starts
        for tp, committed in self.source.committed(tps).items():
            told = self._told(tp, committed)
            with self._lock:
                part = self._parts.get(tp[1])
                if part is not None:
                    part.left_s = None
                    part.due.under_way = False  # what its checkpoint waited for may never be told here
            try:
                restored = self._kept.restore(tp[1], None if part is None else part.join.position, told)
            except BaseException:
                if part is not None:
                    part.left_s = self._clock_s()  # it may be another worker's by now
                raise
            if part is None or restored.state is not None:
                join = restored.state or Join(self._config.ledger, tp[1])
                rhythm = Rhythm(self._config.run.flush_interval_ms)
                part = _Part(join, self._kept.due(restored.size_bytes), rhythm)
            with self._lock:
                self._parts[tp[1]] = part
                part.quiet_until = told
                part.acks = Acknowledged()
                part.ready = True

    def revoked(self, tps: list[TopicPartitionKey], lost: bool) -> None:  # noqa: ARG002 - the protocol's
        """Another worker folds these from now on; the state stays in memory in case they return."""
        with self._lock:
            for _, p in tps:
                if p in self._parts:
                    self._parts[p].ready = False
                    self._parts[p].left_s = self._clock_s()
                self._outputs.moved(p)
                self._telemetry.drop_partition(
                    p, (Level.WATERMARK_LAG, Level.WATERMARK_TIME, Level.HELD_ROWS, Level.HELD_BYTES)
                )
                self._telemetry.drop_partition(p, (Level.CHECKPOINT_TIME, Level.CHECKPOINT_BYTES), stage="join")

    def lost_rows(self, tp: TopicPartitionKey, wanted: int, low: int) -> None:
        """Another worker was ahead, kept its state and trimmed the log: only a new start goes on from there."""
        raise UnavailableError(
            f"{tp[0]}[{tp[1]}] begins at offset {low} now, above {wanted} where this worker was: another one was ahead "
            f"of it, or records were deleted. Start the worker again: it goes on from the newest checkpoint"
        )

    # What the agents call; the event loop.

    def clocks(self) -> Mapping[str, SourceClock]:
        """What the ledger has said of all sources that are not retired, where any partition of it is here."""
        for part in self._parts.values():
            if part.ready:
                time = part.join.time
                return {name: clock for name, clock in time.sources.items() if name not in time.retired}
        return {}

    def held_bytes(self) -> int:
        """Bytes of the tables and counts of the partitions here, and of those that left not long ago."""
        return sum(_bytes(part.join) for part in list(self._parts.values()))

    def take(self, batch: Batch) -> int:
        """Fold a batch of the ledger and flush where that is due; how many records it had."""
        part = self._parts[batch.partition]
        join = part.join
        for offset, message in zip(batch.offsets(), batch.messages, strict=True):
            part.record = message.value() or b""
            part.due.log_bytes += len(part.record)
            self._apply(join, batch, offset, part.record)
            if (writer := writer_of(part.record)) is not None:
                part.rhythm.progress(writer, self._clock_ms())
            if join.position <= part.quiet_until:
                if join.flush_due or join.position == part.quiet_until:
                    join.skip_flush()
                join.take_rejects()
            elif join.flush_allowed and (join.flush_due or part.rhythm.due(self._clock_ms())):
                self._flush(part)
        return len(batch.messages)

    def flush_idle(self) -> None:
        """Flush partitions that waited in vain: for a writer that is gone, or with a last record that came too soon."""
        assert self.source is not None  # noqa: S101 - attached before it starts
        for part in list(self._parts.values()):
            with self.source.lock:
                join = part.join
                if (
                    part.ready
                    and join.flush_allowed
                    and join.position > join.flushed
                    and part.rhythm.overdue(self._clock_ms())
                ):
                    self._flush(part)
        self._forget_moved()

    def _forget_moved(self) -> None:
        """Free the states of partitions that another worker has had for long."""
        with self._lock:
            now_s = self._clock_s()
            for p, part in list(self._parts.items()):
                if part.left_s is not None and now_s - part.left_s > MOVED_KEPT_S:
                    del self._parts[p]

    def _apply(self, join: Join, batch: Batch, offset: int, value: bytes) -> None:
        where = f"{batch.topic}[{batch.partition}] offset {offset}"
        try:
            join.apply(offset, value)
        except ForeignRecordError as error:
            raise MismatchError(f"{where}: {error}. Run every worker of the job with one configuration") from error
        except GapError as error:
            raise StateError(
                f"{where}: {error}. Records of the ledger are missing: it was truncated, or written by something else. "
                f"To count again from the sources, give the job a new `name` and `prefix`"
            ) from error
        except ValueError as error:
            raise StateError(f"{where}: {error}. Only this job may write to its topics") from error

    def _flush(self, part: _Part) -> None:
        join, topic = part.join, self._config.topic("tallies")
        acks = part.acks  # once: a partition that moves away and back gets new ones, and marks must not mix
        if join.position <= part.quiet_until:
            return
        for judge, chunk in join.flush(self._writer):
            self._tallies.send(topic, judge, chunk, on_ack=acks.sending())
        for reject in join.take_rejects():
            key, row = join_row(reject)
            self._outputs.send("rejects", key, row, acks.sending())
            self._telemetry.count(Count.REJECTED, reason=reject.reason)
        audit = join.audit()
        key, row = audit.row()
        self._outputs.send("audit", key, row, acks.sending())
        offset, p = join.flushed, join.partition
        acks.mark(lambda: self._commit(p, offset))
        keep = self._kept.take(p, join, offset, part.record, part.due)
        if keep is not None:
            acks.mark(keep)
        now_s = self._clock_s()
        part.rhythm.taken(self._clock_ms())
        self._measure(join, balanced=audit.balanced)
        waiting = len(join.time.waiting)
        if now_s - part.last_status_s >= 1.0 or waiting != part.waiting:
            part.last_status_s, part.waiting = now_s, waiting
            self._outputs.send("status", str(p), self._status(join))
        if not audit.balanced:
            raise StateError(f"the audit of ledger partition {p} does not balance: {audit}. Please report this")

    def _commit(self, partition: int, offset: int) -> None:
        assert self.source is not None  # noqa: S101 - attached before it starts
        topic = self._config.topic("ledger")
        metadata = orjson.dumps({"ledger": self._topology.topic_id(topic)}).decode()
        self.source.commit({(topic, partition): (offset, metadata)})

    def _told(self, tp: TopicPartitionKey, committed: tuple[int, str] | None) -> int:
        """The flush boundary up to which the judges were told; 0 when that is not known of this very topic."""
        if committed is None:
            return 0
        offset, text = committed
        try:
            known = orjson.loads(text).get("ledger") == self._topology.topic_id(tp[0])
        except (orjson.JSONDecodeError, AttributeError):
            known = False
        return offset if known else 0

    def _measure(self, join: Join, *, balanced: bool) -> None:
        p, telemetry = join.partition, self._telemetry
        telemetry.set(Level.AUDIT_BALANCED, float(balanced), partition=p)
        telemetry.set(Level.HELD_ROWS, join.held.predictions.used, partition=p, table="predictions")
        telemetry.set(Level.HELD_ROWS, join.held.labels.used, partition=p, table="labels")
        telemetry.set(Level.HELD_BYTES, _bytes(join), partition=p)
        if join.watermark != NO_TIME:
            telemetry.set(Level.WATERMARK_LAG, (self._clock_ms() - join.watermark) / 1000, partition=p)
            telemetry.set(Level.WATERMARK_TIME, join.watermark / 1000, partition=p)
        telemetry.count(Count.FLUSHES, partition=p)

    def _status(self, join: Join) -> dict[str, object]:
        """What `streams status` shows of a partition."""
        return {
            "ledger_partition": join.partition,
            "worker": self._writer,
            "position": join.position,
            "watermark_ms": None if join.watermark == NO_TIME else join.watermark,
            "held_predictions": join.held.predictions.used,
            "held_labels": join.held.labels.used,
            "held_bytes": _bytes(join),
            "advance_waiting": [record.to_ms for record in join.time.waiting],
            "sources": [asdict(held) for held in join.time.explain()],
        }


def _bytes(join: Join) -> int:
    """What a state holds in memory, about: rows of predictions and labels, and cells of counts."""
    return join.held.nbytes + join.counts.nbytes
