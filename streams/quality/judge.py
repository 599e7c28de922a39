"""The judge fold over one partition of the tallies: flushes in, revised rows out.

A round is complete when every ledger partition had a flush taken since the last one; only then are rows
written, so that a window is never shown with the newest of one partition and the oldest of another. State
and rows are a pure function of the log: the same records at the same offsets give the same bytes.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import msgspec

from streams.ledger.flush import Flush, decode
from streams.ledger.spec import NO_TIME
from streams.quality.analyst import Analyst
from streams.quality.counts.ahead import Ahead
from streams.quality.counts.inbox import Inbox
from streams.quality.counts.names import Names
from streams.quality.counts.shares import Changes, Shares
from streams.quality.listener import Listener
from streams.quality.rows import Moment, OutputRow
from streams.quality.samples import Candidates
from streams.quality.spec import QualitySpec
from streams.quality.window_rows import Judging
from streams.quality.windows import Windows

STATE_FORMAT = 3
"""The format of a dumped state; another one is not read."""


class Judge:
    """Folds one tallies partition. `position` is the offset of the next record."""

    def __init__(self, spec: QualitySpec, partition: int, listener: Listener | None = None) -> None:
        self.spec = spec
        self.partition = partition
        self.position = 0
        self._names = Names(spec)
        self._inbox = Inbox(spec.ledger_partitions)
        self._shares = Shares(spec, self._names)
        self._analyst = Analyst(spec, self._names)
        self._ahead = Ahead(spec, self._names)
        self._candidates = Candidates(spec, self._names)
        self._listener = listener
        tell = None if listener is None else listener.settled
        self._windows = Windows(spec, self._names, Judging(self._analyst, self._ahead, self._candidates, tell))
        self._watermarks = [NO_TIME] * spec.ledger_partitions
        self._missing = set(range(spec.ledger_partitions))

    def apply(self, offset: int, record: bytes, quiet: bool = False) -> list[OutputRow]:
        """The rows that the record at an offset brings; most records complete no round and bring none.

        With `quiet` no row is built and the state moves just the same: for records whose rows were written before.
        Raises GapError when flushes are missing before this one, ValueError when the record is no flush or
        counts what the configuration does not know.
        """
        return [row for rows in self.applying(offset, record, quiet) for row in rows]

    def applying(self, offset: int, record: bytes, quiet: bool = False) -> Iterator[list[OutputRow]]:
        """The same in small pieces: a round in which time moves far has much to say.

        `position` moves with the last piece. A judge that was left in between is of no use any more.
        """
        chunks = self._inbox.put(decode(record))
        if chunks:
            yield from self._fold(chunks, offset, quiet=quiet)
        self.position = offset + 1

    def _fold(self, chunks: list[Flush], offset: int, *, quiet: bool) -> Iterator[list[OutputRow]]:
        partition = chunks[-1].ledger_partition
        changes, stood = self._shares.take(chunks), self._watermarks[partition]
        for chunk in chunks:
            self._candidates.take(
                getattr(chunk, "samples", ()), [self._names.group_number(group) for group in chunk.groups]
            )
        if stood > self._windows.watermark:
            self._ahead.take(stood, changes)
        if self._listener is not None:
            self._listener.counted(stood, changes, self._names)
        self._watermarks[partition] = max(stood, chunks[-1].watermark)
        self._missing.discard(partition)
        if self._missing:
            return
        self._missing = set(range(self.spec.ledger_partitions))
        moment = Moment(offset, min(self._watermarks))
        yield from self._windows.close_round(self._shares.drain(), moment, quiet=quiet)
        self._shares.free(moment.watermark)
        self._ahead.forget(moment.watermark)
        self._candidates.forget(moment.watermark)
        if self._listener is not None:
            for _ in self._listener.closing(moment.watermark, self._names):
                yield []

    def dump(self) -> dict[str, object]:
        """The whole state after any record, for `load` and `adopt`; what others change in it later does not show.

        Of plain values: a state of this or any other process continues exactly as this one.
        """
        return {
            "format": STATE_FORMAT,
            "of": [msgspec.to_builtins(self.spec), self.partition],
            "position": self.position,
            "watermarks": list(self._watermarks),
            "missing": sorted(self._missing),
            "inbox": self._inbox.dump(),
            "names": self._names.dump(),
            "shares": self._shares.dump(),
            "windows": self._windows.dump(),
            "analyst": self._analyst.dump(),
            "ahead": self._ahead.dump(),
            "candidates": self._candidates.dump(),
        }

    @classmethod
    def load(
        cls, spec: QualitySpec, partition: int, state: Mapping[str, Any], listener: Listener | None = None
    ) -> Self:
        """The state that `dump` gave; the tables of the windows are added up anew from the shares.

        Raises ValueError when it is damaged, of another format, or of another spec or partition.
        """
        if cls._spec_of(partition, state) != spec:
            raise ValueError("a state of windows, times or bounds that are not the configured ones")
        judge = cls(spec, partition, listener)
        with _sound():
            judge._take_over(state)
            judge._analyst.load(state["analyst"], spec)
            judge._windows.load(state["windows"], judge._shares.told())
        return judge

    @classmethod
    def adopt(
        cls, spec: QualitySpec, partition: int, state: Mapping[str, Any], listener: Listener | None = None
    ) -> Self:
        """A judge of other windows, expected classes or bounds that goes on from the state that `dump` gave.

        The next round writes every window that can still change; one of which the old spec had forgotten a pane is
        never shown, and counts of it say nothing. Rows are those of a judge that folded the log from its start; a
        class or cell of which nothing is left has none, unless the old spec had the window too. Raises ValueError
        when the state is damaged, of another format or partition, or when ledger, panes, times or dimensions differ.
        """
        old = cls._spec_of(partition, state)
        if not old.counts_alike(spec):
            raise ValueError("a state of another ledger, of other panes, times or dimensions")
        judge = cls(spec, partition, listener)
        with _sound():
            judge._take_over(state)
            judge._analyst.load(state["analyst"], old)
            judge._windows.adopt(state["windows"], judge._shares.told(), old)
        return judge

    @staticmethod
    def _spec_of(partition: int, state: Mapping[str, Any]) -> QualitySpec:
        """What a state is of. Raises ValueError when it is not read here."""
        if state.get("format") != STATE_FORMAT:
            raise ValueError(f"a state of format {state.get('format')}, this version reads {STATE_FORMAT}")
        spec, of = msgspec.convert(state.get("of"), tuple[QualitySpec, int])
        if of != partition:
            raise ValueError(f"a state of partition {of}, not of {partition}")
        return spec

    def _take_over(self, state: Mapping[str, Any]) -> None:
        """Everything but the windows."""
        self.position = state["position"]
        self._watermarks, self._missing = list(state["watermarks"]), set(state["missing"])
        every = self.spec.ledger_partitions
        if len(self._watermarks) != every or not self._missing <= set(range(every)):
            raise ValueError("a damaged state: of other ledger partitions")
        self._inbox.load(state["inbox"])
        self._names.load(state["names"])
        self._shares.load(state["shares"])
        self._ahead.load(state["ahead"])
        self._candidates.load(state["candidates"])

    @property
    def applied(self) -> tuple[int, ...]:
        """How far each ledger partition has been applied: the next offset of it that counts."""
        return tuple(self._inbox.applied)

    @property
    def told(self) -> Changes:
        """Everything that ledger partitions have said of what can still change, as one."""
        return self._shares.told()

    @property
    def watermark(self) -> int:
        """The watermark of the last round, ms, NO_TIME before the first."""
        return self._windows.watermark


@contextmanager
def _sound() -> Iterator[None]:
    """Whatever a damaged state leads to is a ValueError."""
    try:
        yield
    except (KeyError, IndexError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"a damaged state: {error!r}") from error
