"""Planted defects of alerts: what a state must hold of them, and how what they say is written, one rule at a time.

Each takes the monkeypatch of a test. Its docstring says what would be wrong in production.
"""

from collections.abc import Callable
from typing import Any

import pytest

from streams.alerts.evidence.book import ModelBook
from streams.alerts.fold import Alerts
from streams.alerts.judge import AlertingJudge
from streams.alerts.orders import is_order
from streams.alerts.rules.model import RuleSet
from streams.alerts.watching.model import ModelWatch
from streams.alerts.watching.roster import Roster
from streams.quality.rows import OutputRow
from streams.runtime.stages import judge as stage
from tests.simulation.judge_worker import JudgeWorker

Patch = pytest.MonkeyPatch


def _dumped(patch: Patch, owner: Any, **wrong: object) -> None:
    """Let something be dumped with other fields than it has."""
    dump: Callable[[Any], dict[str, object]] = owner.dump
    patch.setattr(owner, "dump", lambda self: {**dump(self), **wrong})


def a_state_without_alerts(patch: Patch) -> None:
    """Which alerts there are is forgotten: each one that goes on begins again, and those that end never do."""
    _dumped(patch, Roster, instances=[])


def a_state_without_counts_of_steps(patch: Patch) -> None:
    """The windows of rules begin empty after a restart."""
    _dumped(patch, ModelBook, series=[])


def a_state_without_counts_that_wait(patch: Patch) -> None:
    """What was told before its step has settled is never counted."""
    _dumped(patch, ModelBook, waiting=[])


def a_state_without_mutes(patch: Patch) -> None:
    """Mutes that people added hold until a restart."""
    _dumped(patch, Alerts, mutes=b"[]")


def a_state_without_the_end_of_a_history(patch: Patch) -> None:
    """After a restart the silence behind a history is told as missing data."""
    _dumped(patch, Alerts, end=None)


def orders_are_not_replayed(patch: Patch) -> None:
    """An order whose rows were written before a restart is passed over: it does not hold any more."""
    apply = AlertingJudge.apply

    def wrong(self: AlertingJudge, offset: int, record: bytes, quiet: bool = False) -> list[OutputRow]:
        if quiet and is_order(record):
            self._judge.position = offset + 1
            return []
        return apply(self, offset, record, quiet)

    patch.setattr(AlertingJudge, "apply", wrong)


def what_was_written_is_said_again(patch: Patch) -> None:
    """Rows of alerts from a quiet replay are kept, and written behind newer ones."""
    apply = AlertingJudge.apply

    def wrong(self: AlertingJudge, offset: int, record: bytes, quiet: bool = False) -> list[OutputRow]:
        if not quiet:
            return apply(self, offset, record, quiet)
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(Alerts, "take_rows", lambda _: [])
            return apply(self, offset, record, quiet)

    patch.setattr(AlertingJudge, "apply", wrong)


def a_transition_is_replaced_before_it_is_written(patch: Patch) -> None:
    """Of the transitions of an alert only the newest of a round is written, as of revisions of a window."""
    patch.setattr(stage, "_line", lambda row: (row.stream, row.key, None))


class _InPlace(dict[Any, Any]):
    """Rows of which a newer one stays at the place of the old one."""

    def pop(self, *_: object) -> None:
        """Stay."""


def a_pulse_stays_where_it_was(patch: Patch) -> None:
    """A newer pulse takes the place of one that waits: it is written before the alerts of its steps."""
    take = JudgeWorker.take

    def wrong(self: JudgeWorker, p: int, most: int) -> None:
        self.memory[p].rows = _InPlace(self.memory[p].rows)
        take(self, p, most)

    patch.setattr(JudgeWorker, "take", wrong)


def longer_steps_take_time_back(patch: Patch) -> None:
    """Rules with longer steps begin in the middle of one: what shorter ones judge next was judged before."""
    set_rules = ModelWatch.set_rules

    def wrong(self: ModelWatch, rules: RuleSet) -> list[OutputRow]:
        self._judged = self.book.t
        return set_rules(self, rules)

    patch.setattr(ModelWatch, "set_rules", wrong)


ALERT_DEFECTS = (
    a_state_without_alerts,
    a_state_without_counts_of_steps,
    a_state_without_counts_that_wait,
    a_state_without_mutes,
    a_state_without_the_end_of_a_history,
    orders_are_not_replayed,
    what_was_written_is_said_again,
    a_transition_is_replaced_before_it_is_written,
    a_pulse_stays_where_it_was,
    longer_steps_take_time_back,
)
