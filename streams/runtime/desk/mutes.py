"""Mutes over the web: what the alerts topic says of them, and orders to every judge."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from streams.alerts.mutes import MuteChange
from streams.alerts.orders import MuteOrder, Order
from streams.alerts.rows import mute_of, mute_row
from streams.alerts.rules.model import Mute, RuleSet
from streams.ledger.times import rfc3339
from streams.runtime.alerts_board import AlertsBoard
from streams.runtime.desk.coverage import OVER, covered, standing
from streams.runtime.desk.requests import InvalidMuteError, reached, requested
from streams.runtime.rules.facts import Job
from streams.web.routes import RefusedError

Row = Mapping[str, Any]


class MuteDesk:
    """See `streams.web.mutes.MuteDesk`."""

    def __init__(
        self,
        board: AlertsBoard,
        rules: Callable[[], RuleSet],
        job: Job,
        give: Callable[[Order], None],
        clock_ms: Callable[[], int],
    ) -> None:
        """`rules` are those in force, `give` sends an order to every judge, `clock_ms` is wall time."""
        self._board, self._rules, self._job, self._give, self._clock_ms = board, rules, job, give, clock_ms

    def mutes(self) -> Sequence[Row]:
        """All mutes, with their state and the fingerprints of the alerts that they cover now."""
        self._check_ready()
        return [self._shown(mute_of(row)) for row in self._board.mutes()]

    def add(self, body: Row) -> Row:
        """Add a mute. Raises RefusedError: 400 with every error, 503 when no broker takes it."""
        self._check_ready()
        try:
            mute = requested(body, self._rules(), self._job, self._board.judged(), self._clock_ms())
        except InvalidMuteError as error:
            raise RefusedError(400, str(error), problems=[problem._asdict() for problem in error.problems]) from None
        self._give(MuteOrder(MuteChange(self._clock_ms(), mute=mute)))
        return self._shown(mute)

    def end(self, name: str) -> Row:
        """End a mute now. Raises RefusedError: 404 for one that is not there or over, 503 when no broker takes it."""
        self._check_ready()
        known = {row["name"]: mute_of(row) for row in self._board.mutes()}
        mute = known.get(name)
        judged, now_ms = self._board.judged(), self._clock_ms()
        if mute is None or standing(mute, judged, now_ms) == OVER:
            names = sorted(n for n, one in known.items() if standing(one, judged, now_ms) != OVER)
            raise RefusedError(404, f"there is no mute of this name; {_there(names)}", mutes=names)
        change = ending(mute, judged, now_ms)
        self._give(MuteOrder(change))
        return {"name": name, "clock": mute.clock, "end": rfc3339(change.at_ms)}

    def _shown(self, mute: Mute) -> Row:
        judged, now_ms = self._board.judged(), self._clock_ms()
        covers = [row["fingerprint"] for row in covered(mute, self._board.alerts(), judged, now_ms)]
        return {**mute_row(mute), "state": standing(mute, judged, now_ms), "covers": covers}

    def _check_ready(self) -> None:
        why = self._board.reading()
        if why is not None:
            raise RefusedError(503, why)


def ending(mute: Mute, judged: Mapping[str, str], now_ms: int) -> MuteChange:
    """The order that ends a mute: what is judged, or told, from now on is not muted by it any more."""
    at_ms, _ = reached(dict(mute.match).get("model", "*"), mute.clock, judged, now_ms)
    return MuteChange(at_ms, end=mute.name)


def _there(names: Sequence[str]) -> str:
    return f"there are {', '.join(names)}" if names else "there is none"
