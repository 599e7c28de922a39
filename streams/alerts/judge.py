"""The judge with its alerts: one fold over a tallies partition. Flushes and orders in, rows and alerts out."""

from collections.abc import Iterator, Mapping
from typing import Any, Self

from streams.alerts.fold import Alerts
from streams.alerts.orders import decode, is_order
from streams.alerts.watching.standing import Standing
from streams.quality.judge import Judge
from streams.quality.rows import OutputRow
from streams.quality.spec import QualitySpec


class AlertingJudge:
    """A `Judge` whose settled windows and counts are watched by rules. `position` is the offset of the next record."""

    def __init__(self, spec: QualitySpec, partition: int) -> None:
        self._alerts = Alerts(spec)
        self._judge = Judge(spec, partition, self._alerts)
        self.whole = True  # no record is half applied

    @property
    def position(self) -> int:
        """The offset of the next record."""
        return self._judge.position

    @property
    def applied(self) -> tuple[int, ...]:
        """How far each ledger partition has been applied: the next offset of it that counts."""
        return self._judge.applied

    @property
    def watermark(self) -> int:
        """The watermark of the last round, ms, NO_TIME before the first."""
        return self._judge.watermark

    def apply(self, offset: int, record: bytes, quiet: bool = False) -> list[OutputRow]:
        """The rows that the record at an offset brings; with `quiet` none, and the state moves just the same.

        Raises GapError when flushes are missing before this one, ValueError when the record is neither a flush nor an
        order, or counts what the configuration does not know.
        """
        return [row for rows in self.applying(offset, record, quiet) for row in rows]

    def applying(self, offset: int, record: bytes, quiet: bool = False) -> Iterator[list[OutputRow]]:
        """The same in small pieces, for who has other things to do: a record by which time moves far takes long.

        `position` moves with the last piece. One that was left in between is not `whole`, and of no use any more.
        """
        self.whole = False
        if is_order(record):
            self._alerts.order(decode(record))
            self._judge.position = offset + 1
            told = self._alerts.take_rows()
            yield [] if quiet else told
        else:
            for rows in self._judge.applying(offset, record, quiet):
                told = self._alerts.take_rows()
                yield [] if quiet else [*rows, *told]
        self.whole = True

    def standing(self) -> Iterator[Standing]:
        """How the error budgets of every model stand at its newest step."""
        return self._alerts.standing()

    def dump(self) -> dict[str, object]:
        """The whole state after any record, for `load` and `adopt`; what others change in it later does not show."""
        return {**self._judge.dump(), "alerts": self._alerts.dump()}

    @classmethod
    def load(cls, spec: QualitySpec, partition: int, state: Mapping[str, Any]) -> Self:
        """The state that `dump` gave. One without alerts, from before there were any, begins to watch.

        Raises ValueError when it is damaged, of another format, or of another spec or partition.
        """
        judge = cls(spec, partition)
        judge._judge = Judge.load(spec, partition, state, judge._alerts)
        judge._load_alerts(state)
        return judge

    @classmethod
    def adopt(cls, spec: QualitySpec, partition: int, state: Mapping[str, Any]) -> Self:
        """A judge of other windows that goes on from the state that `dump` gave; its alerts go on as they were.

        Raises ValueError as `Judge.adopt` does.
        """
        judge = cls(spec, partition)
        judge._judge = Judge.adopt(spec, partition, state, judge._alerts)
        judge._load_alerts(state)
        return judge

    def _load_alerts(self, state: Mapping[str, Any]) -> None:
        if "alerts" not in state:
            self._alerts.skip(self._judge.told)
            return
        try:
            self._alerts.load(state["alerts"])
        except (KeyError, IndexError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"a damaged state of alerts: {error!r}") from error
