"""Planted defects of checkpoints: when one is taken, written, believed and removed.

Each takes the monkeypatch of a test. Its docstring says what would be wrong in production.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from random import Random
from typing import Any

import msgspec
import pytest

from streams.runtime.checkpoints import rules
from streams.runtime.checkpoints.rules import MANIFEST, CheckpointId, Lineage, Manifest
from streams.runtime.checkpoints.store import Found
from tests.simulation import checkpoints
from tests.simulation.checkpoints import CheckpointWriter, Dump, Recovery
from tests.simulation.join_worker import JoinWorker
from tests.simulation.judge_worker import JudgeWorker

Patch = pytest.MonkeyPatch


def checkpoint_before_the_flush_is_acknowledged(patch: Patch) -> None:
    """A checkpoint is written at once: whoever goes on from it never tells the flush that a crash lost."""
    checkpoint = JoinWorker.checkpoint

    def wrong(self: JoinWorker, p: int) -> Callable[[], None] | None:
        keep = checkpoint(self, p)
        if keep is not None:
            keep()
        return None

    patch.setattr(JoinWorker, "checkpoint", wrong)


def checkpoint_before_the_rows_are_written(patch: Patch) -> None:
    """A judge keeps its state while rows wait: whoever goes on from it never writes them."""
    checkpoint = JudgeWorker.checkpoint

    def wrong(self: JudgeWorker, p: int) -> None:
        part = self.memory[p]
        rows, part.rows = part.rows, {}
        checkpoint(self, p)
        part.rows = rows

    def work(self: JudgeWorker, part: int, rng: Random) -> None:
        self.take(part, rng.choice((1, 5, 30)))
        self.checkpoint(part)
        if rng.random() < 0.4:
            self.write(part)

    patch.setattr(JudgeWorker, "checkpoint", wrong)
    patch.setattr(JudgeWorker, "work", work)


def checkpoint_between_two_flushes(patch: Patch) -> None:
    """A state is kept where no flush ended: what was touched and not told is not in it, and is never told."""
    take = JoinWorker.take

    def wrong(self: JoinWorker, p: int, most: int, rng: Random | None) -> None:
        take(self, p, most, rng)
        join = self.memory[p].join
        if join.position > max(join.flushed, self.memory[p].quiet_until):
            keep = self.checkpoint(p)
            if keep is not None:
                keep()

    patch.setattr(JoinWorker, "take", wrong)


def manifest_before_chunks(patch: Patch) -> None:
    """A checkpoint that a crash tore counts as one of the two that are kept, and the log is trimmed below it."""

    def wrong(self: CheckpointWriter, dump: Dump) -> Iterator[None]:
        self.send(dump.id, [(MANIFEST, msgspec.json.encode(dump.manifest))])
        yield
        self.tidy(dump.id, dump.manifest)
        self.send(dump.id, enumerate(dump.chunks))
        yield

    patch.setattr(CheckpointWriter, "write", wrong)


def the_second_newest_is_removed(patch: Patch) -> None:
    """Only the newest checkpoint stays: when it is damaged there is none."""

    def wrong(manifests: Iterable[Manifest], lineage: Lineage) -> int | None:
        newest = rules.newest_first(manifests, lineage)
        return newest[0].position if newest else None

    patch.setattr(rules, "kept_from", wrong)


def the_log_is_trimmed_below_the_newest(patch: Patch) -> None:
    """The log begins at the newest checkpoint: the older one is there and leads nowhere."""

    def wrong(self: CheckpointWriter, known: Found) -> int | None:
        del self
        newest = rules.newest_first(known.manifests.values(), checkpoints.LINEAGE)
        return newest[0].position - 1 if len(newest) > 1 else None

    patch.setattr(CheckpointWriter, "trim_to", wrong)


def the_record_before_is_trimmed(patch: Patch) -> None:
    """The log begins right at the second newest checkpoint: the record by which it is known is gone."""
    trim_to = CheckpointWriter.trim_to

    def wrong(self: CheckpointWriter, known: Found) -> int | None:
        before = trim_to(self, known)
        return None if before is None else before + 1

    patch.setattr(CheckpointWriter, "trim_to", wrong)


def the_log_is_trimmed_before_anything_is_written(patch: Patch) -> None:
    """Trimmed and tidied with the chunks on their way: a crash leaves neither the log nor the checkpoint."""

    def wrong(self: CheckpointWriter, dump: Dump) -> Iterator[None]:
        self.tidy(dump.id, dump.manifest)
        self.send(dump.id, enumerate(dump.chunks))
        yield
        self.send(dump.id, [(MANIFEST, msgspec.json.encode(dump.manifest))])
        yield

    patch.setattr(CheckpointWriter, "write", wrong)


def the_record_is_not_compared(patch: Patch) -> None:
    """A checkpoint of a log that is gone is taken for one of this."""
    patch.setattr(checkpoints, "fits", lambda manifest, log: manifest.position <= log.end)


def the_lineage_is_not_compared(patch: Patch) -> None:
    """Checkpoints of another life count among the two that are kept: this run's own are removed."""
    patch.setattr(Manifest, "of", lambda *_: True)


def a_damaged_chunk_is_taken(patch: Patch) -> None:
    """Chunks are counted, their hashes are not compared."""

    def wrong(self: Manifest, chunks: Mapping[int, bytes]) -> bool:
        return len(chunks) == len(self.chunks)

    patch.setattr(Manifest, "whole", wrong)


def a_memory_below_the_log_is_kept(patch: Patch) -> None:
    """A worker goes on from a state in memory although the log was trimmed above it meanwhile."""
    restore = Recovery.restore

    def wrong(self: Recovery, memory: int | None, told: int) -> Generator[None, None, Any]:
        return restore(self, memory, told) if memory is None else _nothing()

    patch.setattr(Recovery, "restore", wrong)


def _nothing() -> Generator[None, None, Any]:
    yield
    return None


def the_log_is_read_from_where_it_begins(patch: Patch) -> None:
    """Without a checkpoint a new fold begins at whatever the log still has, as if that were its start."""

    def wrong(self: Recovery, memory: int | None, told: int) -> Generator[None, None, Any]:
        del told
        yield
        self.broker.happened["states from the log's start"] += 1
        return None if memory is not None and memory >= self.log.low else 0

    def take(self: JoinWorker, p: int, most: int, rng: Random | None) -> None:
        join = self.memory[p].join
        if join.position < self.log(p).low:
            join.position = join.flushed = self.log(p).low
        right(self, p, most, rng)

    right = JoinWorker.take
    patch.setattr(Recovery, "restore", wrong)
    patch.setattr(JoinWorker, "take", take)


def a_writer_removes_what_others_wrote(patch: Patch) -> None:
    """A writer keeps the newest of its own and nobody else's: a zombie takes away what the owner needs."""

    def wrong(self: CheckpointWriter, known: Found) -> set[CheckpointId]:
        del self
        newest = max((m.written_ms, m.id) for m in known.manifests.values() if m.of(checkpoints.LINEAGE))[1]
        return {i for i in known.parts if i.writer != newest.writer}

    patch.setattr(CheckpointWriter, "obsolete", wrong)


CHECKPOINT_DEFECTS = (
    checkpoint_before_the_flush_is_acknowledged,
    checkpoint_before_the_rows_are_written,
    checkpoint_between_two_flushes,
    manifest_before_chunks,
    the_second_newest_is_removed,
    the_log_is_trimmed_below_the_newest,
    the_record_before_is_trimmed,
    the_log_is_trimmed_before_anything_is_written,
    the_record_is_not_compared,
    the_lineage_is_not_compared,
    a_damaged_chunk_is_taken,
    a_memory_below_the_log_is_kept,
    the_log_is_read_from_where_it_begins,
    a_writer_removes_what_others_wrote,
)
