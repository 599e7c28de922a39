"""Planted defects of the stages: what is committed, taken again, recovered or fenced, one rule broken at a time.

Each takes the monkeypatch of a test. Its docstring says what would be wrong in production.
"""

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from streams.ledger.position import SourceId
from streams.quality.counts.inbox import Inbox
from streams.quality.counts.shares import Shares
from tests.simulation.intake_worker import IntakeWorker
from tests.simulation.join_worker import JoinWorker
from tests.simulation.judge_worker import JudgeWorker
from tests.simulation.logs import Outputs

Patch = pytest.MonkeyPatch


def begin_is_not_reset_at_assignment(patch: Patch) -> None:
    """A worker that gets a source back says ranges from where it stood before: rows of others seem a gap, or repeat."""
    load, revoke = IntakeWorker.load, IntakeWorker.revoke

    def wrong(self: IntakeWorker, part: SourceId) -> Iterator[None]:
        yield from load(self, part)
        before: dict[SourceId, list[int]] = self.__dict__.setdefault("before", {})
        if part in before and part in self.intake.sources:
            self.intake.sources[part].begins = before[part]

    def remembered(self: IntakeWorker, part: SourceId) -> None:
        if part in self.intake.sources:
            self.__dict__.setdefault("before", {})[part] = self.intake.sources[part].begins
        revoke(self, part)

    patch.setattr(IntakeWorker, "load", wrong)
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

    def wrong(self: JoinWorker, p: int, rng: Random | None) -> None:
        flush(self, p, rng)
        self.commit(p, self.memory[p].join.flushed)

    patch.setattr(JoinWorker, "flush", wrong)


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
    load = JudgeWorker.load

    def wrong(self: JudgeWorker, part: int) -> Iterator[None]:
        if part in self.memory:
            self.memory[part].rows_to = 0
        return load(self, part)

    patch.setattr(JudgeWorker, "load", wrong)


def judge_forgets_its_position(patch: Patch) -> None:
    """Rows that were written are written again after a restart."""
    load = JudgeWorker.load

    def wrong(self: JudgeWorker, part: int) -> Iterator[None]:
        yield from load(self, part)
        self.memory[part].written_to = 0

    patch.setattr(JudgeWorker, "load", wrong)


def recovery_begins_with_an_empty_fold(patch: Patch) -> None:
    """A join that takes over begins where the last one was told, without the counts before."""
    load = JoinWorker.load

    def wrong(self: JoinWorker, part: int) -> Iterator[None]:
        yield from load(self, part)
        state = self.memory[part]
        if state.join.position == 0:
            state.join.position = state.join.flushed = state.quiet_until

    patch.setattr(JoinWorker, "load", wrong)


def recovery_is_quiet_too_long(patch: Patch) -> None:
    """A join that takes over is quiet up to the end of the ledger, so that what was never told stays so."""
    load = JoinWorker.load

    def wrong(self: JoinWorker, part: int) -> Iterator[None]:
        yield from load(self, part)
        self.memory[part].quiet_until = self.world.broker.logs["ledger", part].end

    patch.setattr(JoinWorker, "load", wrong)


STAGE_DEFECTS = (
    begin_is_not_reset_at_assignment,
    commit_before_all_acknowledged,
    join_commit_before_acknowledged,
    judge_takes_older_ranges,
    judge_adds_instead_of_replacing,
    judge_without_fencing,
    judge_goes_on_after_losing_rows,
    judge_forgets_its_position,
    recovery_begins_with_an_empty_fold,
    recovery_is_quiet_too_long,
)
