"""Planted defects: one rule of the job broken at a time, which the simulation must find.

Each takes the monkeypatch of a test and breaks one rule. Its docstring says what would be wrong in production.
"""

from typing import Any

import numpy as np
import pytest

from streams.ledger import labels
from streams.ledger.blocks import Block
from streams.ledger.held import Held, LabelState
from streams.ledger.intake import Intake
from streams.ledger.join import Join
from streams.ledger.labels import LabelRows
from streams.ledger.position import SourceId
from streams.ledger.spec import NO_TIME
from streams.ledger.table import Rows
from streams.ledger.watermark import SourceClock, Watermark
from streams.quality.inbox import Inbox
from streams.quality.shares import Shares
from tests.simulation.logs import Outputs
from tests.simulation.workers import IntakeWorker, JoinPart, JoinWorker, JudgePart, JudgeWorker

Patch = pytest.MonkeyPatch


def begin_is_not_reset_at_assignment(patch: Patch) -> None:
    """A worker that gets a source back says ranges from where it stood before: rows of others seem a gap, or repeat."""
    assign = IntakeWorker.assign

    def wrong(self: IntakeWorker, part: SourceId) -> None:
        before: dict[SourceId, list[int]] = self.__dict__.setdefault("before", {})
        assign(self, part)
        if part in before:
            self.intake.sources[part].begins = before[part]

    revoke = IntakeWorker.revoke

    def remembered(self: IntakeWorker, part: SourceId) -> None:
        self.__dict__.setdefault("before", {})[part] = self.intake.sources[part].begins
        revoke(self, part)

    patch.setattr(IntakeWorker, "assign", wrong)
    patch.setattr(IntakeWorker, "revoke", remembered)


def commit_before_all_acknowledged(patch: Patch) -> None:
    """Offsets are committed when the tick is sent: what a crash loses is never read again."""

    def wrong(self: IntakeWorker, *, repeat: bool = False) -> None:
        del repeat
        if self.intake.sources:
            self._send(self.intake.progress(self.world.announced), repeat=False)
            self.commit({source: state.end >> 20 for source, state in self.intake.sources.items()})

    patch.setattr(IntakeWorker, "tick", wrong)


def join_commit_before_acknowledged(patch: Patch) -> None:
    """A flush counts as told when it is sent: what a crash loses is never told again."""
    flush = JoinWorker.flush

    def wrong(self: JoinWorker, p: int) -> None:
        flush(self, p)
        self.commit(p, self.memory[p].join.flushed)

    patch.setattr(JoinWorker, "flush", wrong)


def join_takes_repeats(patch: Patch) -> None:
    """Rows below what was applied are taken again."""
    block = Join._block

    def wrong(self: Join, record: Block) -> None:
        state = self.time.sources.get(record.source)
        applied = state.applied if state is not None else None
        if state is not None and applied is not None:
            state.applied = min(applied, record.begin)
        block(self, record)
        if state is not None and applied is not None:
            state.applied = max(applied, state.applied or 0)

    patch.setattr(Join, "_block", wrong)


def a_single_winner_is_kept(patch: Patch) -> None:
    """Only the greatest label of an id is kept: one beyond a horizon hides those that count."""
    add = labels.add_labels

    def wrong(held: Held, rows: LabelRows) -> None:
        add(held, rows)
        found, slot = held.labels.find(rows.hashes)
        c = held.labels.column
        for row in np.unique(found).tolist():
            mine = slot[found == row]
            order = np.lexsort((held.names.order[c["cls"][mine]], c["time"][mine], c["rank"][mine]))
            losers = mine[order[:-1]]
            c["time"][losers] = NO_TIME // 2

    patch.setattr("streams.ledger.join.add_labels", wrong)


def a_label_beyond_the_horizon_counts(patch: Patch) -> None:
    """A label counts for a prediction however late it is."""
    overtake = labels._overtake

    def wrong(held: Held, rows: LabelRows, i: Rows, pair_row: Rows, at: Rows, slot: Rows) -> Any:
        del pair_row, at
        every, predictions = held.predictions.find(rows.hashes[i])
        return overtake(held, rows, i, every, predictions, slot)

    patch.setattr(labels, "_overtake", wrong)


def a_label_beyond_the_horizon_retracts(patch: Patch) -> None:
    """A newer label beyond the horizon takes back the one that counts."""
    once = labels._labels_once

    def wrong(held: Held, rows: LabelRows, i: Rows) -> None:
        once(held, rows, i)
        row, at = held.predictions.find(rows.hashes[i])
        p = held.predictions.column
        far = rows.time[i[row]] > p["time"][at] + held.names.horizon_ms[p["group"][at]]
        at = np.unique(at[far & held.prediction_alive(at)])
        held.counts.move(held.moves(at), -1)
        p["label_cls"][at] = 0xFFFE
        held.counts.move(held.moves(at), 1)

    patch.setattr(labels, "_labels_once", wrong)


def idle_sources_do_not_hold_time(patch: Patch) -> None:
    """A source that stands at its end is left out of the min."""

    def wrong(self: Watermark, s: SourceClock, *, alive: bool) -> int:
        del alive
        return -NO_TIME - 1 if s.idle(self.spec) and s.caught_up_at_ms is not None else s.clock_ms

    advance = Watermark.advance

    def guarded(self: Watermark) -> int:
        before = self.ms
        if advance(self) > 1 << 60:
            self.ms = max(before, *(s.clock_ms for s in self.sources.values()))
        return self.ms

    patch.setattr(Watermark, "_clock", wrong)
    patch.setattr(Watermark, "advance", guarded)


def a_history_follows_the_wall_clock(patch: Patch) -> None:
    """A source at its end follows the wall clock although the others are a history."""
    patch.setattr(Watermark, "_alive", lambda _: True)


def a_source_never_read_does_not_hold_time(patch: Patch) -> None:
    """Sources that no worker has read yet are left out of the min."""
    members = Watermark._members
    patch.setattr(Watermark, "_members", lambda self: {n: s for n, s in members(self).items() if s.applied is not None})


def advance_works_at_once(patch: Patch) -> None:
    """The operator's record moves time before all sources have come to their ends."""

    def wrong(self: Watermark, name: str) -> int:
        del self, name
        return 1 << 62

    patch.setattr(Watermark, "_applied", wrong)


def judge_takes_older_ranges(patch: Patch) -> None:
    """A flush of a zombie that ends below what was applied replaces newer counts."""
    put = Inbox.put

    def wrong(self: Inbox, chunk: Any) -> Any:
        before = list(self.applied)
        self.applied[chunk.ledger_partition] = min(before[chunk.ledger_partition], max(chunk.end - 1, chunk.begin))
        taken = put(self, chunk)
        self.applied = [max(a, b) for a, b in zip(self.applied, before, strict=True)]
        return taken

    patch.setattr(Inbox, "put", wrong)


def judge_adds_instead_of_replacing(patch: Patch) -> None:
    """Absolute counts are added to the old ones."""
    replace = Shares._replace

    def wrong(self: Shares, *args: Any) -> bytes | None:
        old = replace(self, *args)
        return old if old is None else b""

    patch.setattr(Shares, "_replace", wrong)


def judge_without_fencing(patch: Patch) -> None:
    """A judge that lost its partition writes on."""
    init = Outputs.init

    def wrong(self: Outputs) -> int:
        self.fenced = False
        return init(self)

    patch.setattr(Outputs, "init", wrong)


def judge_goes_on_after_losing_rows(patch: Patch) -> None:
    """A judge that comes back keeps its fold although rows of it were dropped unwritten."""
    assign = JudgeWorker.assign

    def wrong(self: JudgeWorker, part: int) -> None:
        old = self.memory.get(part)
        if old is not None:
            old.rows_to = 0
        assign(self, part)

    patch.setattr(JudgeWorker, "assign", wrong)


def judge_forgets_its_position(patch: Patch) -> None:
    """Rows that were written are written again after a restart."""
    assign = JudgeWorker.assign

    def wrong(self: JudgeWorker, part: int) -> None:
        assign(self, part)
        state: JudgePart = self.memory[part]
        state.written_to = 0

    patch.setattr(JudgeWorker, "assign", wrong)


def recovery_begins_with_an_empty_fold(patch: Patch) -> None:
    """A join that takes over begins where the last one was told, without the counts before."""

    def wrong(self: JoinWorker, part: int) -> JoinPart:
        state = JoinPart(Join(self.world.ledger_spec, part))
        state.join.position = state.join.flushed = self.world.broker.ledger_offsets.get(part, 0)
        return state

    patch.setattr(JoinWorker, "begin", wrong)


def recovery_is_quiet_too_long(patch: Patch) -> None:
    """A join that takes over is quiet up to the end of the ledger, so that what was never told stays so."""
    assign = JoinWorker.assign

    def wrong(self: JoinWorker, part: int) -> None:
        assign(self, part)
        self.memory[part].quiet_until = len(self.world.broker.logs["ledger", part])

    patch.setattr(JoinWorker, "assign", wrong)


def a_flush_leaves_out_what_became_empty(patch: Patch) -> None:
    """A slot whose last prediction was retracted is not told."""
    flush = Join.flush

    def wrong(self: Join, writer: str = "") -> list[tuple[int, bytes]]:
        self.counts.touched = {key for key in self.counts.touched if self.counts.slots.get(key)}
        return flush(self, writer)

    patch.setattr(Join, "flush", wrong)


def order_decides_conflicts(patch: Patch) -> None:
    """The prediction that came first counts."""
    patch.setattr("streams.ledger.predictions._content", lambda *_: 0)


def time_moves_with_rows(patch: Patch) -> None:
    """A tick says the clock of its rows, but its range ends before them."""
    progress = Intake.progress

    def wrong(self: Intake, announced: Any) -> Any:
        for source in self.sources.values():
            if source.clock_ms is not None:
                source.clock_ms += 20 * 60_000
        out = progress(self, announced)
        for source in self.sources.values():
            if source.clock_ms is not None:
                source.clock_ms -= 20 * 60_000
        return out

    patch.setattr(Intake, "progress", wrong)


def a_rebuild_forgets_a_waiting_label(patch: Patch) -> None:
    """A full table of labels is rebuilt without those whose prediction has not come yet."""

    def wrong(self: Held, slots: Rows) -> Any:
        alive: Any = self.labels.column["state"][slots] != LabelState.WAITING
        return alive

    patch.setattr(Held, "label_alive", wrong)


def a_prediction_that_is_gone_still_counts(patch: Patch) -> None:
    """What was physically kept can be changed although its time is over."""

    def wrong(self: Held, slots: Rows) -> Any:
        del self
        return np.ones(len(slots), np.bool_)

    patch.setattr(Held, "prediction_alive", wrong)


DEFECTS = (
    a_rebuild_forgets_a_waiting_label,
    a_prediction_that_is_gone_still_counts,
    begin_is_not_reset_at_assignment,
    commit_before_all_acknowledged,
    join_commit_before_acknowledged,
    join_takes_repeats,
    a_single_winner_is_kept,
    a_label_beyond_the_horizon_counts,
    a_label_beyond_the_horizon_retracts,
    idle_sources_do_not_hold_time,
    a_history_follows_the_wall_clock,
    a_source_never_read_does_not_hold_time,
    advance_works_at_once,
    judge_takes_older_ranges,
    judge_adds_instead_of_replacing,
    judge_without_fencing,
    judge_goes_on_after_losing_rows,
    judge_forgets_its_position,
    recovery_begins_with_an_empty_fold,
    recovery_is_quiet_too_long,
    a_flush_leaves_out_what_became_empty,
    order_decides_conflicts,
    time_moves_with_rows,
)
