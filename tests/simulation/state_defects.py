"""Planted defects of states: something that a checkpoint must hold is left out, one thing at a time.

Each takes the monkeypatch of a test. Its docstring says what would be wrong in production.
"""

from collections.abc import Callable
from typing import Any

import pytest

from streams.ledger.held import LabelState
from streams.ledger.join import Join
from streams.quality.judge import Judge

Patch = pytest.MonkeyPatch


def _join_state(patch: Patch, spoil: Callable[[dict[str, Any]], None]) -> None:
    """Spoil what a join dumps."""
    dump = Join.dump

    def wrong(self: Join) -> dict[str, Any]:
        state: dict[str, Any] = dump(self)
        spoil(state)
        return state

    patch.setattr(Join, "dump", wrong)


def _column(patch: Patch, name: str) -> None:
    """Leave a column of the held predictions out of what a join dumps."""

    def spoil(state: dict[str, Any]) -> None:
        columns = state["held"]["predictions"]["columns"]
        columns[name] = bytes(len(columns[name]))

    _join_state(patch, spoil)


def _judge_state(patch: Patch, spoil: Callable[[dict[str, Any]], None]) -> None:
    """Spoil what a judge dumps."""
    dump = Judge.dump

    def wrong(self: Judge) -> dict[str, Any]:
        state: dict[str, Any] = dump(self)
        spoil(state)
        return state

    patch.setattr(Judge, "dump", wrong)


def a_state_without_the_operators_records(patch: Patch) -> None:
    """An advance that waits for sources to be read is forgotten: a history never ends."""
    _join_state(patch, lambda state: state["time"].update(waiting=[]))


def a_state_without_retired_sources(patch: Patch) -> None:
    """A source that was taken out holds time back again."""
    _join_state(patch, lambda state: state["time"].update(retired=[]))


def a_state_without_what_was_applied(patch: Patch) -> None:
    """Where each source stood is forgotten: repeats count again."""

    def spoil(state: dict[str, Any]) -> None:
        sources = state["time"]["sources"]
        state["time"]["sources"] = {name: [None, *clock[1:]] for name, clock in sources.items()}

    _join_state(patch, spoil)


def a_state_without_waiting_labels(patch: Patch) -> None:
    """Labels whose prediction has not come yet are not kept."""
    alive = LabelState.WAITING

    def wrong(self: Join) -> dict[str, Any]:
        held = self.held
        keep = held.label_alive
        held.label_alive = lambda slots: keep(slots) & (held.labels.column["state"][slots] != alive)  # type: ignore[method-assign]
        try:
            state: dict[str, Any] = dump(self)
        finally:
            del held.label_alive
        return state

    dump = Join.dump
    patch.setattr(Join, "dump", wrong)


def a_state_without_the_books(patch: Patch) -> None:
    """How much was received is forgotten: the audit no longer balances."""
    _join_state(patch, lambda state: state["books"].update(predictions_received=0, labels_received=0))


def a_judges_state_without_unfinished_flushes(patch: Patch) -> None:
    """The first chunks of a flush lie before the checkpoint, the last one behind it: the flush is never whole."""
    _judge_state(patch, lambda state: state["inbox"].update(unfinished=[[] for _ in state["inbox"]["applied"]]))


def a_judges_state_between_rounds(patch: Patch) -> None:
    """Who has spoken in this round is forgotten: it closes later, with another revision."""
    _judge_state(patch, lambda state: state.update(missing=list(range(len(state["watermarks"])))))


def a_judges_state_without_what_was_applied(patch: Patch) -> None:
    """How far each ledger partition was told is forgotten: the next flush seems to leave a gap."""
    _judge_state(patch, lambda state: state["inbox"].update(applied=[0 for _ in state["inbox"]["applied"]]))


def a_judges_state_without_pending_changes(patch: Patch) -> None:
    """What a round that is open has changed so far is forgotten: its windows are not written."""

    def spoil(state: dict[str, Any]) -> None:
        state["shares"]["pending"] = [b"" for _ in state["shares"]["pending"]]

    _judge_state(patch, spoil)


def a_state_without_kept_scores(patch: Patch) -> None:
    """The scores that predictions keep are forgotten: ranks and losses of later labels are wrong."""
    _column(patch, "scores")


def a_state_without_where_predictions_lie(patch: Patch) -> None:
    """Samples after a restart point to the first record of a topic."""
    _column(patch, "position")


STATE_DEFECTS = (
    a_state_without_the_operators_records,
    a_state_without_retired_sources,
    a_state_without_what_was_applied,
    a_state_without_waiting_labels,
    a_state_without_the_books,
    a_state_without_kept_scores,
    a_state_without_where_predictions_lie,
    a_judges_state_without_unfinished_flushes,
    a_judges_state_between_rounds,
    a_judges_state_without_what_was_applied,
    a_judges_state_without_pending_changes,
)
