"""Windows step by step.

Panes are one minute; a window settles two minutes after its end and is final six after it.

    minute   0    1    2    3    4    5    6    7    8    9    10   11
             [--------- 5m ---------)    .    |                   |
                                       open   settled             final
"""

from typing import Any

import pytest

from streams.ledger.cells import CellKind
from streams.ledger.flush import encode
from streams.ledger.gap import GapError
from streams.ledger.spec import Timing
from streams.quality.counts import shares
from streams.quality.judge import Judge
from streams.quality.rows import OutputRow
from tests.support.judged import PANE, History, spec_of
from tests.support.told import Told, at


def said(rows: list[OutputRow], stream: str, *fields: str, segment: str = "all") -> list[Any]:
    return [
        tuple(row.value[f] for f in fields) for row in rows if row.stream == stream and row.value["segment"] == segment
    ]


def test_a_window_opens_ends_settles_and_is_final_and_every_turn_is_one_row() -> None:
    told = Told(spec_of("5m"))
    statuses = [told.say((at(1), 1))]
    statuses += [told.say(minute=minute) for minute in (5, 6.99, 7, 10.99, 11, 99)]
    assert [said(rows, "windows", "status", "revision") for rows in statuses] == [
        [("open", 0)], [("open", 1)], [], [("settled", 3)], [], [("final", 5)], [],
    ]  # fmt: skip
    assert len(told.judge._windows) == told.judge._windows.buckets == len(told.judge._shares) == 0


def test_what_is_kept_does_not_grow_with_time() -> None:
    told = Told(spec_of("5m", "6m/3m", "15m/5m", max_segment_values=1))
    sizes = []
    for minute in range(0, 15 * 20, 3):
        for country in ("ch", "de"):
            told.say((at(minute, "a", country=country), 2), (at(minute + 1, "b", "b", country=country), 1))
        told.say((at(minute, "a", country="de"), -2), minute=minute)
        if minute % 15 == 0:
            sizes.append({name: len(value) for name, value in kept(told.judge).items()})
    assert sizes[5] == sizes[10] == sizes[19]
    assert all(sizes[5].values())


def kept(judge: Judge) -> dict[str, Any]:
    """Everything in a judge that comes and goes."""
    state: Any = judge.dump()
    shares, windows, counted = state["shares"], state["windows"], judge._windows
    return {
        **{name: shares[name] for name in ("panes", "keys", "cells")},
        **{name: windows[name] for name in ("windows", "shown", "emptied")},
        "due": judge._shares._due,
        "deadlines": counted._deadlines,
        "buckets": [bucket for buckets in counted._buckets.values() for bucket in buckets.values()],
    }


def test_all_class_rows_come_when_a_window_settles_and_when_it_is_final() -> None:
    told = Told(spec_of("5m"))
    told.say((at(1, "a", "a"), 2), (at(1, "b", "c"), 1))
    label = told.say((at(1, "a", "a"), 1))
    assert said(label, "classes", "class", "tp", "tn") == [("a", 3, 1)]  # the others' own counts did not change
    settled = told.say(minute=7)
    assert said(settled, "classes", "class", "tp", "tn") == [("a", 3, 1), ("b", 0, 3), ("c", 0, 3)]
    assert said(settled, "confusion", "count") == []
    assert said(told.say(minute=11), "classes", "class", "status") == [(c, "final") for c in "abc"]


def test_a_watermark_is_the_least_of_the_ledger_partitions_and_null_while_one_has_none() -> None:
    told = Told(spec_of("5m", ledger_partitions=2))
    assert told.say((at(1), 1), minute=50) == []  # no round before the other partition spoke
    assert said(told.say(partition=1), "windows", "watermark", "status") == [(None, "open")]
    assert told.say(minute=60) == []
    rows = told.say(partition=1, minute=7)
    assert said(rows, "windows", "watermark", "status") == [("1970-01-01T00:07:00.000Z", "settled")]


def test_a_round_shows_what_every_ledger_partition_said() -> None:
    told = Told(spec_of("5m", ledger_partitions=2))
    told.say((at(1), 2))
    told.say((at(1), 1))
    assert said(told.say((at(2), 5), partition=1), "windows", "predictions") == [(8,)]


def test_a_label_moves_a_prediction_between_cells() -> None:
    told = Told(spec_of("5m"))
    told.say((at(1, "a"), 1))
    rows = told.say((at(1, "a"), -1), (at(1, "a", "b"), 1))
    assert said(rows, "confusion", "actual", "predicted", "count") == [("b", "a", 1)]
    corrected = told.say((at(1, "a", "b"), -1), (at(1, "a", "a"), 1))
    assert said(corrected, "confusion", "actual", "predicted", "count") == [("a", "a", 1), ("b", "a", 0)]
    assert said(corrected, "classes", "class", "tp", "fn", "fp") == [("a", 1, 0, 0), ("b", 0, 0, 0)]
    assert said(told.say(), "classes", "class") == []


def test_corrections_are_counted() -> None:
    told = Told(spec_of("5m"))
    told.say((at(1), 1))
    told.histories[0].step([(at(1).slot, (CellKind.CORRECTED, "", None), 2)])
    assert said(told.flush(1), "windows", "corrected", "predictions") == [(2, 1)]


def test_a_window_that_was_emptied_is_written_once_with_zero() -> None:
    told = Told(spec_of("5m"))
    told.say((at(1, "a", "a"), 1))
    rows = told.say((at(1, "a", "a"), -1))
    assert said(rows, "windows", "predictions", "coverage", "balanced_accuracy") == [(0, None, None)]
    assert said(rows, "classes", "class", "tp", "predictions_of_class") == [("a", 0, 0)]
    assert said(rows, "confusion", "count") == [(0,)]
    assert told.say(minute=7) == told.say(minute=99) == []
    assert len(told.judge._windows) == 0


def test_a_prediction_is_in_every_window_size_and_every_sliding_window() -> None:
    # minute   0 1 2 3 4 5 6 7 8
    # 2m           [-)                 its own
    # 6m/2m    [----------)            and those that begin at -2, 0 and 2
    told = Told(spec_of("2m", "6m/2m"))
    rows = told.say((at(3), 1))
    assert [(w, s[14:16]) for w, s in said(rows, "windows", "window", "window_start")] == [
        ("2m", "02"), ("6m/2m", "58"), ("6m/2m", "00"), ("6m/2m", "02"),
    ]  # fmt: skip
    more = told.say((at(5), 1))
    assert said(more, "windows", "window", "predictions") == [("2m", 1), ("6m/2m", 2), ("6m/2m", 2), ("6m/2m", 1)]


def test_a_sliding_window_stays_whole_when_the_ones_before_it_are_forgotten() -> None:
    # minute   -4  -2   0   2   4   6   8   10
    #                     1       5                 predictions
    #          [-----------)                    1
    #              [-----------)                1
    #                   [-----------)           2
    #                       [-----------)       1
    #                           [-----------)   1
    told = Told(spec_of("6m/2m"))
    told.say((at(1), 1), (at(5), 1))
    rows = [row for minute in range(4, 40) for row in told.say(minute=minute)]
    final = [row for row in rows if row.value["status"] == "final"]
    assert said(final, "windows", "predictions") == [(1,), (1,), (2,), (1,), (1,)]
    assert said(final, "windows", "predictions", segment="country=ch") == [(1,), (1,), (2,), (1,), (1,)]
    assert told.judge._windows.buckets == 0


def test_a_repeat_after_the_end_changes_nothing() -> None:
    told = Told(spec_of("5m"))
    told.say((at(1), 1))
    told.say(minute=50)
    assert told.flush(0, writer="zombie") == []
    assert told.say((at(1), 0)) == []  # the same absolute count, said in a new range
    assert told.say((at(1), 7)) == []  # cannot be, by the ledger's rules; still it must not open the window anew
    assert len(told.judge._shares) == 0


def test_a_history_read_at_once_is_final_at_once() -> None:
    told = Told(spec_of("5m"))
    rows = told.say((at(1, "a", "a"), 1), minute=1000)
    assert said(rows, "windows", "status", "predictions") == [("final", 1)]
    assert said(rows, "classes", "status") == [("final",)]
    assert len(told.judge._windows) == 0


def test_each_model_has_its_own_end() -> None:
    slow = Timing(horizon_ms=20 * PANE, slack_ms=0, settle_ms=9 * PANE)
    told = Told(spec_of("5m", models=(("slow", slow),)))
    told.say((at(1), 1), (at(1, model="slow"), 1))
    assert said(told.say(minute=11), "windows", "model", "status") == [("m", "final"), ("slow", "open")]
    rows = told.say((at(2, model="slow"), 1), minute=14)
    assert said(rows, "windows", "model", "status", "predictions") == [("slow", "settled", 2)]


def test_segments_beyond_the_bound_are_added_up_as_other() -> None:
    told = Told(spec_of("5m", max_segment_values=2))
    told.say((at(1, country="at"), 3), (at(1, country="ch"), 2), (at(1, country="other"), 1))
    rows = told.say((at(1, "b", "b", country="de"), 1), (at(1, country="fr"), 2))
    # at 3, ch 2 and fr 2 (the tie goes by name, so ch stays), de 1 and other 1 -> other = fr + de + other
    assert said(rows, "windows", "predictions", segment="country=other") == [(4,)]
    assert said(rows, "windows", "predictions", segment="country=fr") == []
    assert said(rows, "confusion", "actual", "count", segment="country=other") == [("b", 1)]
    assert said(rows, "windows", "predictions") == [(9,)]


def test_a_value_that_leaves_the_largest_is_written_once_with_zeros() -> None:
    told = Told(spec_of("5m", max_segment_values=1))
    told.say((at(1, "a", "a", country="ch"), 2), (at(1, country="at"), 1))
    rows = told.say((at(1, "a", "b", country="at"), 3))
    assert said(rows, "windows", "predictions", segment="country=at") == [(4,)]
    assert said(rows, "windows", "predictions", segment="country=ch") == [(0,)]
    assert said(rows, "confusion", "actual", "count", segment="country=ch") == [("a", 0)]
    assert said(rows, "windows", "predictions", "accuracy", segment="country=other") == [(2, 1.0)]
    assert said(rows, "confusion", "actual", "count", segment="country=other") == [("a", 2)]
    later = told.say((at(2, country="ch"), 1))
    assert said(later, "windows", "predictions", segment="country=ch") == []
    assert said(later, "windows", "predictions", segment="country=other") == [(3,)]


def test_changes_that_wait_for_a_silent_partition_are_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "MAX_PENDING_CELLS", 3)
    told = Told(spec_of("5m", ledger_partitions=2))
    for minute in range(200):
        assert told.say((at(minute % 5), 1)) == []
    assert sum(len(waiting.n) for waiting in told.judge._shares._pending) <= 2 * 5
    assert said(told.say(partition=1), "windows", "predictions") == [(200,)]


def test_expected_classes_are_those_of_the_model() -> None:
    told = Told(spec_of("5m", expected_classes=(("m", ("a", "b", "c")),)))
    rows = told.say((at(1, "a", "a"), 1), (at(1, model="n"), 1))
    assert said(rows, "windows", "model", "classes_expected") == [("m", 3), ("n", None)]


def test_a_lost_flush_stops_the_judge() -> None:
    told = Told(spec_of("5m"))
    told.say((at(1), 1))
    told.histories[0].step()
    told.histories[0].step()
    with pytest.raises(GapError, match=r"\[1, 2\) is missing"):
        told.flush(2)


def test_a_group_of_other_dimensions_is_refused() -> None:
    told = Told(spec_of("5m", dimensions=("country", "age")))
    with pytest.raises(ValueError, match="a group of 1 segment values, but the dimensions are country, age"):
        told.say((at(1), 1))


def test_a_record_that_is_no_flush_is_refused() -> None:
    judge = Judge(spec_of("5m"), 0)
    with pytest.raises(ValueError, match="not a flush"):
        judge.apply(0, b"{}")
    assert judge.position == 0


def test_a_cell_without_a_class_is_refused() -> None:
    history = History(0)
    history.predict(at(1, "a", "b"))
    flush = history.flush(0, 1)[0]
    flush.classes = ["a"]
    with pytest.raises(ValueError, match="counts a class it does not name"):
        Judge(spec_of("5m"), 0).apply(0, encode(flush))


def test_an_unknown_kind_of_cell_is_refused() -> None:
    history = History(0)
    history.step([(at(1).slot, at(1).cell, 1)])
    flush = history.flush(0, 1)[0]
    flush.code = flush.code | (max(CellKind) + 1) << 56
    with pytest.raises(ValueError, match="unknown kinds"):
        Judge(spec_of("5m"), 0).apply(0, encode(flush))
