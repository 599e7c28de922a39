"""Other rules while alerts are on, with other steps too: nothing goes back in time, a checkpoint forgets nothing."""

from collections import defaultdict
from random import Random
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.alerts.evidence.book import ModelBook
from streams.alerts.evidence.ring import Windows
from streams.alerts.judge import AlertingJudge
from streams.alerts.orders import RulesOrder, encode
from streams.alerts.rows import ALERT_LOG
from streams.alerts.rules.model import HOUR
from streams.alerts.watching.found import load_found
from streams.alerts.watching.model import ModelWatch
from streams.ledger.spec import NO_TIME
from streams.quality.counts.counted import Cells, Counted
from streams.quality.counts.shares import Changes
from streams.quality.listener import Settled
from streams.quality.spec import QualitySpec
from tests.support.judged import PANE, random_histories, records, spec_of
from tests.support.touchy_rules import touchy_rules

SEEDS = st.integers(0, 1 << 32)
SPEC = spec_of("3m", "2m", ledger_partitions=2)
STEPS = (PANE, 2 * PANE, 5 * PANE)
RULE_SETS = tuple(touchy_rules(step, "country", "spam", 3 * PANE) for step in STEPS)
RULE_SETS = (*RULE_SETS, replace(RULE_SETS[0], rules=(), slos=RULE_SETS[0].slos[:1], mutes=()))
"""Windows of two and three minutes settle between steps of five."""


def log_of(seed: int, spec: QualitySpec = SPEC) -> list[bytes]:
    """A random history with rules at random places, the first at the start."""
    rng = Random(seed)
    log = records(rng, random_histories(rng, spec, 25, finish=False), 2, crossings_of=spec)
    for _ in range(rng.randrange(6)):
        log.insert(rng.randrange(len(log) + 1), encode(RulesOrder(rng.choice(RULE_SETS))))
    return [encode(RulesOrder(rng.choice(RULE_SETS))), *log]


@settings(max_examples=8, deadline=None)
@given(SEEDS)
def test_an_alert_goes_on_in_time_whatever_steps_rules_bring(seed: int) -> None:
    judge, log = AlertingJudge(SPEC, 0), log_of(seed)
    reached: dict[str, str] = defaultdict(str)
    known: dict[str, dict[str, Any]] = {}
    for offset, record in enumerate(log):
        for row in judge.apply(offset, record):
            if row.stream == ALERT_LOG:
                model, t = str(row.value["model"]), str(row.value["t"])
                assert reached[model] <= t, row
                reached[model] = t
                assert known.setdefault(str(row.value["transition_id"]), row.value) == row.value


@settings(max_examples=8, deadline=None)
@given(seed=SEEDS, cut=st.floats(0, 1))
def test_from_any_checkpoint_the_same_follows(seed: int, cut: float) -> None:
    log = log_of(seed)
    at = int(cut * len(log))
    judge = AlertingJudge(SPEC, 0)
    for offset, record in enumerate(log[:at]):
        judge.apply(offset, record, quiet=True)
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(judge.dump()), strict=False)
    again = AlertingJudge.load(SPEC, 0, state)
    for offset, record in enumerate(log[at:], at):
        assert again.apply(offset, record) == judge.apply(offset, record)
    assert msgspec.msgpack.encode(again.dump()) == msgspec.msgpack.encode(judge.dump())


def test_rules_of_another_step_before_the_first_one_leave_it_to_the_first_prediction() -> None:
    book = ModelBook("m", Windows(PANE, (PANE,), (), HOUR), ())
    book.take(NO_TIME, Changes(*np.array([[0], [7], [0], [1]], np.int64)))
    book.rewindow(Windows(5 * PANE, (5 * PANE,), (), HOUR), (), ())
    assert (book.t, book.first_step(PANE)) == (NO_TIME, 10 * PANE)


def test_a_window_that_waits_for_its_step_is_in_the_state() -> None:
    cells = Cells(*np.array([[0], [1], [3]], np.int64))
    window = Settled("m", "1", "all", "2m", PANE, 3 * PANE, Counted(("a", "b"), cells, np.zeros(2, np.int64)), ())
    watch = ModelWatch("m", RULE_SETS[2], ("country",))
    watch.settled(window)
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(watch.dump()), strict=False)
    again = ModelWatch("m", RULE_SETS[2], ("country",))
    again.load(state)
    assert again.dump() == watch.dump()
    (found,) = load_found(state["found"])
    assert (found.end_ms, found.counts.cells.n.tolist()) == (3 * PANE, [3])


@pytest.mark.parametrize("damaged", [[["m", "1"]], [[0] * 8]])
def test_damaged_windows_are_no_state(damaged: list[object]) -> None:
    with pytest.raises(ValueError, match="damaged window"):
        load_found(damaged)
