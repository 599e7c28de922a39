"""Planted defects of the counting itself: a rule of labels, predictions, time or flushes is broken, one at a time.

Each takes the monkeypatch of a test. Its docstring says what would be wrong in production.
"""

from typing import Any

import numpy as np
import pytest

from streams.ledger import agreement, labels, pairing
from streams.ledger.blocks import Block
from streams.ledger.held import Held, LabelState
from streams.ledger.intake import Intake
from streams.ledger.join import Join
from streams.ledger.labels import LabelRows
from streams.ledger.spec import NO_TIME
from streams.ledger.table import Found, Rows
from streams.ledger.watermark import SourceClock, Watermark

Patch = pytest.MonkeyPatch


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

    def wrong(held: Held, rows: LabelRows, row: Rows, at: Rows) -> Any:
        del row, at
        return overtake(held, rows, *held.predictions.find(rows.hashes))

    patch.setattr(labels, "_overtake", wrong)


def a_label_beyond_the_horizon_retracts(patch: Patch) -> None:
    """A newer label beyond the horizon takes back the one that counts."""
    once = labels._labels_once

    def wrong(held: Held, rows: LabelRows, found: Found) -> None:
        once(held, rows, found)
        row, at = held.predictions.find(rows.hashes)
        p = held.predictions.column
        far = rows.time[row] > p["time"][at] + held.names.horizon_ms[p["group"][at]]
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


def a_flush_leaves_out_what_became_empty(patch: Patch) -> None:
    """A slot whose last prediction was retracted is not told."""
    flush = Join.flush

    def wrong(self: Join, writer: str = "") -> list[tuple[int, bytes]]:
        self.counts.touched.intersection_update([key for key, cells in self.counts.slots.items() if cells])
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


def a_label_is_known_when_it_is_delivered_and_not_in_order(patch: Patch) -> None:
    """A label that replaces another one is known before that one was: the past of a label age changes."""
    patch.setattr(labels, "known_after", lambda delivered, _: delivered)


def a_conflict_leaves_its_pairs_of_labels(patch: Patch) -> None:
    """A prediction that is counted anew keeps the agreement of its labels where it was."""
    count = agreement.agree_predictions

    def wrong(held: Held, at: Rows, row: Rows, label: Rows, sign: int) -> None:
        if sign > 0:
            count(held, at, row, label, sign)

    patch.setattr("streams.ledger.predictions.agree_predictions", wrong)


def a_replaced_label_leaves_its_pairs(patch: Patch) -> None:
    """Two versions that were compared under a label that was corrected stay compared under it, too."""
    count = pairing._count

    def wrong(held: Held, pairs: Any, true: Any, sign: int) -> None:
        if sign > 0:
            count(held, pairs, true, sign)

    patch.setattr(pairing, "_count", wrong)


def a_pair_counts_under_a_label_out_of_reach_of_one(patch: Patch) -> None:
    """Two versions are compared under a label that only one of their predictions can get."""
    greatest = pairing._greatest

    def wrong(held: Held, pairs: Any, *labels: Any) -> Any:
        return greatest(held, pairs._replace(other=pairs.own), *labels)

    patch.setattr(pairing, "_greatest", wrong)


LEDGER_DEFECTS = (
    join_takes_repeats,
    a_single_winner_is_kept,
    a_label_beyond_the_horizon_counts,
    a_label_beyond_the_horizon_retracts,
    idle_sources_do_not_hold_time,
    a_history_follows_the_wall_clock,
    a_source_never_read_does_not_hold_time,
    advance_works_at_once,
    a_flush_leaves_out_what_became_empty,
    order_decides_conflicts,
    time_moves_with_rows,
    a_rebuild_forgets_a_waiting_label,
    a_prediction_that_is_gone_still_counts,
    a_label_is_known_when_it_is_delivered_and_not_in_order,
    a_conflict_leaves_its_pairs_of_labels,
    a_replaced_label_leaves_its_pairs,
    a_pair_counts_under_a_label_out_of_reach_of_one,
)
