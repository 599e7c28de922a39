"""The judge fold over one partition of the tallies: flushes in, revised rows out.

A round is complete when every ledger partition had a flush taken since the last one; only then are rows
written, so that a window is never shown with the newest of one partition and the oldest of another. State
and rows are a pure function of the log: the same records at the same offsets give the same bytes.
"""

from streams.ledger.flush import decode
from streams.ledger.spec import NO_TIME
from streams.quality.inbox import Inbox
from streams.quality.names import Names
from streams.quality.rows import Moment, OutputRow
from streams.quality.shares import Shares
from streams.quality.spec import QualitySpec
from streams.quality.windows import Windows


class Judge:
    """Folds one tallies partition. `position` is the offset of the next record."""

    def __init__(self, spec: QualitySpec, partition: int) -> None:
        self.spec = spec
        self.partition = partition
        self.position = 0
        names = Names(spec)
        self._inbox = Inbox(spec.ledger_partitions)
        self._shares = Shares(spec, names)
        self._windows = Windows(spec, names)
        self._watermarks = [NO_TIME] * spec.ledger_partitions
        self._missing = set(range(spec.ledger_partitions))

    def apply(self, offset: int, record: bytes) -> list[OutputRow]:
        """The rows that the record at an offset brings; most records complete no round and bring none.

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
        rows = self._windows.close_round(self._shares.drain(), moment)
        self._shares.free(moment.watermark)
        return rows

    @property
    def applied(self) -> tuple[int, ...]:
        """How far each ledger partition has been applied: the next offset of it that counts."""
        return tuple(self._inbox.applied)

    @property
    def watermark(self) -> int:
        """The watermark of the last round, ms, NO_TIME before the first."""
        return self._windows.watermark
