"""The join: a fold over one ledger partition. `state, outputs = fold(state, record)`; nothing here knows Kafka.

`apply` takes records in offset order. Rows go to the held tables, progress records move the watermark. A flush covers
the ledger offsets `[flushed, position)` and is taken only right after a progress record (`flush_allowed`); where the
watermark crosses `end + settle` or `end + horizon + slack` of a pane it is due at once (`flush_due`), so that what a
judge keeps at a crossing depends on this partition's own order and on nothing else.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from streams.formats.reasons import Kind, Reason
from streams.ledger import blocks
from streams.ledger.audit import Audit
from streams.ledger.block_rows import Refused, label_rows, prediction_rows
from streams.ledger.blocks import Advance, Block, Progress, Retire
from streams.ledger.chunks import Slots, cut
from streams.ledger.counts import GROUP_BITS, Counts
from streams.ledger.endings import Endings
from streams.ledger.flush import Flush, encode
from streams.ledger.held import Held, LabelState
from streams.ledger.labels import add_labels
from streams.ledger.names import Names
from streams.ledger.predictions import add_predictions
from streams.ledger.rejects import JoinReject
from streams.ledger.samples import Sample, samples
from streams.ledger.spec import NO_TIME, LedgerSpec
from streams.ledger.watermark import Watermark

STATE_FORMAT = 2
"""The format of a dumped state; another one is not read."""


class ForeignRecordError(ValueError):
    """A record was written under another configuration than this fold's."""


@dataclass(slots=True)
class _Refused:
    predictions: int = 0
    labels: int = 0
    skipped: int = 0
    predictions_received: int = 0
    labels_received: int = 0


class Join:
    """The state of one ledger partition. `position` is the next ledger offset it expects."""

    def __init__(self, spec: LedgerSpec, partition: int) -> None:
        """The state before the first record."""
        self.spec = spec
        self.partition = partition
        self.position = 0
        self.flushed = 0
        self.flush_allowed = False
        self.flush_due = False
        self.names = Names(spec)
        self.counts = Counts(self.names)
        self.held = Held(self.names, self.counts)
        self.time = Watermark(spec)
        self._books = _Refused()
        self._source_codes: dict[str, int] = {}
        self._endings = Endings(self.names)
        self._samples: list[Sample] = []

    @property
    def watermark(self) -> int:
        """Event time up to which this partition is complete, ms; NO_TIME before all sources were read."""
        return self.time.ms

    def apply(self, offset: int, data: bytes) -> None:
        """Take the record at `offset`. Raises GapError, ForeignRecordError, or ValueError for other bytes.

        Offsets may have holes (markers of transactions); below `position` they are repeats and change nothing.
        """
        if offset < self.position:
            return
        record = blocks.decode(data)
        if record.config_hash != self.spec.config_hash:
            raise ForeignRecordError(
                f"the ledger holds records of configuration {record.config_hash or '(none)'}, "
                f"this worker runs {self.spec.config_hash or '(none)'}"
            )
        self.position = offset + 1
        self.flush_allowed = False
        if isinstance(record, Block):
            self._block(record)
        elif isinstance(record, Progress):
            self._progress(record)
        elif isinstance(record, Advance):
            self.time.waiting.append(record)
        else:
            self._retire(record)

    def take_rejects(self) -> list[JoinReject]:
        """What was not counted since the last call."""
        out, self.held.rejects = self.held.rejects, []
        return out

    def flush(self, writer: str = "") -> list[tuple[int, bytes]]:
        """(tallies partition, chunk) of everything that changed since the last flush, for every tallies partition.

        Afterwards panes that can no longer change are forgotten.
        """
        by_judge: list[list[int]] = [[] for _ in range(self.spec.tallies_partitions)]
        for key in sorted(self.counts.touched):
            group = self.names.groups[key & ((1 << GROUP_BITS) - 1)]
            by_judge[self.spec.tallies_partition(group)].append(key)
        worth: list[list[Sample]] = [[] for _ in range(self.spec.tallies_partitions)]
        for sample in self._samples:
            worth[self.spec.tallies_partition(self.names.groups[sample.group])].append(sample)
        out: list[tuple[int, bytes]] = []
        for judge, keys in enumerate(by_judge):
            out += [(judge, encode(chunk)) for chunk in self._chunks(keys, worth[judge], writer)]
        self.skip_flush()
        return out

    def skip_flush(self) -> None:
        """The judges have this range already: go on from here without telling them again."""
        self._endings.add(self.counts.touched)
        self.counts.touched.clear()
        self.flushed = self.position
        self.flush_due = False
        self._samples = []
        self._forget()

    def audit(self) -> Audit:
        """The balance now. Call it right after a flush: panes are forgotten there."""
        held, counts, books = self.held, self.counts, self._books
        tally, states = held.tally.get, held.states
        return Audit(
            ledger_partition=self.partition,
            position=self.position,
            watermark_ms=self.watermark,
            predictions_received=books.predictions_received,
            predictions_counted=held.counted,
            predictions_duplicate=tally(Reason.DUPLICATE_PREDICTION, 0),
            predictions_conflict=tally(Reason.CONFLICTING_PREDICTION, 0),
            predictions_late=tally(Reason.LATE_PREDICTION, 0),
            predictions_rejected=books.predictions,
            predictions_labelled=counts.labelled,
            predictions_waiting=counts.unlabelled - counts.expired,
            predictions_expired=counts.expired,
            labels_received=books.labels_received,
            labels_winning=states[LabelState.WINNING],
            labels_beaten=states[LabelState.BEATEN],
            labels_duplicate=tally(Reason.DUPLICATE_LABEL, 0),
            labels_beyond_horizon=states[LabelState.BEYOND],
            labels_waiting=states[LabelState.WAITING],
            labels_orphan=states[LabelState.ORPHAN],
            labels_late=tally(Reason.LATE_LABEL, 0),
            labels_deletion=states[LabelState.DELETION],
            labels_rejected=books.labels + tally(Reason.LABEL_LIMIT, 0),
            skipped=books.skipped,
        )

    def dump(self) -> dict[str, object]:
        """The whole state at a flush boundary, for `load`; what others change in it later does not show.

        Only right after a flush and after the rejects were taken. Of plain values: a state of this or any other
        process continues exactly as this one.
        """
        return {
            "format": STATE_FORMAT,
            "position": self.position,
            "names": self.names.dump(),
            "counts": self.counts.dump(),
            "held": self.held.dump(),
            "time": self.time.dump(),
            "books": asdict(self._books),
        }

    @classmethod
    def load(cls, spec: LedgerSpec, partition: int, state: Mapping[str, Any]) -> Self:
        """The state that `dump` gave. Raises ValueError when it is damaged or of another format."""
        if state.get("format") != STATE_FORMAT:
            raise ValueError(f"a state of format {state.get('format')}, this version reads {STATE_FORMAT}")
        join = cls(spec, partition)
        try:
            join.position = join.flushed = state["position"]
            join.names.load(state["names"])
            join.counts.load(state["counts"])
            join.time.load(state["time"])
            join.held.load(state["held"], join.watermark)
            join._books = _Refused(**state["books"])
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"a damaged state: {error!r}") from error
        join._source_codes = {name: code for code, name in enumerate(join.held.sources)}
        join._endings.load(join.counts.slot_keys(), join.watermark)
        return join

    # ------------------------------------------------------------------ records

    def _block(self, block: Block) -> None:
        applied = self.time.take(block.source, block.begin, block.end)
        if block.end <= applied:
            return
        if block.begin < applied:
            block = block.rows(block.position >= applied, applied, block.end)
        books = self._books
        books.skipped += block.skipped
        received = len(block) + len(block.rejected)
        if block.kind is Kind.PREDICTION:
            books.predictions_received += received
            books.predictions += len(block.rejected)
            self._predictions(block)
        else:
            books.labels_received += received
            books.labels += len(block.rejected)
            self._labels(block)

    def _predictions(self, block: Block) -> None:
        if len(block):
            rows, refused = prediction_rows(block, self._source(block.source), self.names)
            self._books.predictions += len(refused)
            self._refuse(block, refused)
            add_predictions(self.held, rows)

    def _labels(self, block: Block) -> None:
        if len(block):
            rows, refused = label_rows(block, self._source(block.source), self.names)
            self._books.labels += len(refused)
            self._refuse(block, refused)
            add_labels(self.held, rows)

    def _refuse(self, block: Block, rows: Refused) -> None:
        """Tell rows whose names do not fit within the limits of the partition."""
        for r, reason in rows:
            a, b = block.hashes[r].tolist()
            self.held.rejects.append(
                JoinReject(block.kind, block.source, int(block.position[r]), reason, f"{a:016x}{b:016x}")
            )

    def _source(self, name: str) -> int:
        code = self._source_codes.get(name)
        if code is None:
            code = self._source_codes[name] = len(self.held.sources)
            self.held.sources.append(name)
        return code

    def _progress(self, record: Progress) -> None:
        for said in record.sources:
            self.time.say(said)
        self.time.announce(record.announced)
        before = self.watermark
        after = self.time.advance()
        self.flush_allowed = True
        if after > before:
            if self.spec.samples:
                self._samples += samples(self.held, after)
            self.held.advance(after)
            pane = self.spec.pane_ms
            for timing in self.spec.timings:
                for wait in (timing.settle_ms, timing.final_ms):
                    if before == NO_TIME or (after - wait) // pane > (before - wait) // pane:
                        self.flush_due = True

    def _retire(self, record: Retire) -> None:
        self.time.retired.add(record.source)

    # ------------------------------------------------------------------ flushes

    def _chunks(self, keys: list[int], worth: list[Sample], writer: str) -> list[Flush]:
        """The chunks for one tallies partition; at least one, the last says so."""
        none = np.zeros(0, np.int64)
        empty = Flush(
            self.partition, self.flushed, self.position, self.watermark, [], [], none, none.astype(np.uint32),
            np.zeros(1, np.int64), none, none, writer, config_hash=self.spec.config_hash,
        )  # fmt: skip
        if not keys and not worth:
            return [empty]
        return cut(empty, Slots(keys, self.counts.cells(keys)), worth, self.names, self.counts.newest_ms)

    def _forget(self) -> None:
        """Drop the counts of panes and details that are final: they are flushed and cannot change."""
        panes, details = self._endings.take(self.watermark)
        for slots in panes:
            self.counts.expire(slots)
        for slots in details:
            self.counts.drop(slots)
