"""The judge fold over one partition of the tallies: flushes in, revised rows out.

A round is complete when every ledger partition had a flush taken since the last one; only then are rows
written, so that a window is never shown with the newest of one partition and the oldest of another. State
and rows are a pure function of the log: the same records at the same offsets give the same bytes.
"""

from collections.abc import Mapping
from typing import Any, Self

from streams.ledger.flush import decode
from streams.ledger.spec import NO_TIME
from streams.quality.inbox import Inbox
from streams.quality.names import Names
from streams.quality.rows import Moment, OutputRow
from streams.quality.shares import Shares
from streams.quality.spec import QualitySpec
from streams.quality.windows import Windows

STATE_FORMAT = 1
"""The format of a dumped state; another one is not read."""


class Judge:
    """Folds one tallies partition. `position` is the offset of the next record."""

    def __init__(self, spec: QualitySpec, partition: int) -> None:
        self.spec = spec
        self.partition = partition
        self.position = 0
        self._names = Names(spec)
        self._inbox = Inbox(spec.ledger_partitions)
        self._shares = Shares(spec, self._names)
        self._windows = Windows(spec, self._names)
        self._watermarks = [NO_TIME] * spec.ledger_partitions
        self._missing = set(range(spec.ledger_partitions))

    def apply(self, offset: int, record: bytes, quiet: bool = False) -> list[OutputRow]:
        """The rows that the record at an offset brings; most records complete no round and bring none.

        With `quiet` no row is built and the state moves just the same: for records whose rows were written before.
        Raises GapError when flushes are missing before this one, ValueError when the record is no flush or
        counts what the configuration does not know.
        """
        chunks = self._inbox.put(decode(record))
        self.position = offset + 1
        if not chunks:
            return []
        partition = chunks[-1].ledger_partition
        self._shares.take(chunks)
        self._watermarks[partition] = max(self._watermarks[partition], chunks[-1].watermark)
        self._missing.discard(partition)
        if self._missing:
            return []
        self._missing = set(range(self.spec.ledger_partitions))
        moment = Moment(offset, min(self._watermarks))
        rows = self._windows.close_round(self._shares.drain(), moment, quiet=quiet)
        self._shares.free(moment.watermark)
        return rows

    def dump(self) -> dict[str, object]:
        """The whole state after any record, for `load`; what others change in it later does not show.

        Of plain values: a state of this or any other process continues exactly as this one.
        """
        return {
            "format": STATE_FORMAT,
            "of": [repr(self.spec), self.partition],
            "position": self.position,
            "watermarks": list(self._watermarks),
            "missing": sorted(self._missing),
            "inbox": self._inbox.dump(),
            "names": self._names.dump(),
            "shares": self._shares.dump(),
            "windows": self._windows.dump(),
        }

    @classmethod
    def load(cls, spec: QualitySpec, partition: int, state: Mapping[str, Any]) -> Self:
        """The state that `dump` gave; the tables of the windows are added up anew from the shares.

        Raises ValueError when it is damaged, of another format, or of another spec or partition.
        """
        if state.get("format") != STATE_FORMAT:
            raise ValueError(f"a state of format {state.get('format')}, this version reads {STATE_FORMAT}")
        if state.get("of") != [repr(spec), partition]:
            raise ValueError("a state of another partition, or of windows, times or bounds that are not the configured")
        judge = cls(spec, partition)
        try:
            judge.position = state["position"]
            judge._watermarks = list(state["watermarks"])
            judge._missing = set(state["missing"])
            judge._inbox.load(state["inbox"])
            judge._names.load(state["names"])
            judge._shares.load(state["shares"])
            judge._windows.load(state["windows"], judge._shares.told())
        except (KeyError, IndexError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"a damaged state: {error!r}") from error
        if len(judge._watermarks) != spec.ledger_partitions or not judge._missing <= set(range(spec.ledger_partitions)):
            raise ValueError("a damaged state: of other ledger partitions")
        return judge

    @property
    def applied(self) -> tuple[int, ...]:
        """How far each ledger partition has been applied: the next offset of it that counts."""
        return tuple(self._inbox.applied)

    @property
    def watermark(self) -> int:
        """The watermark of the last round, ms, NO_TIME before the first."""
        return self._windows.watermark
