"""The rules of time, one by one: what moves the watermark of a ledger partition, and what holds it back.

Times are minutes on a small clock. A source is said to stand at position 0 unless a test says otherwise.
"""

import pytest

from streams.formats.reasons import Kind
from streams.ledger.blocks import Advance, SourceProgress
from streams.ledger.gap import GapError
from streams.ledger.spec import NO_TIME, LedgerSpec
from streams.ledger.watermark import Watermark

SPEC = LedgerSpec(max_disorder_ms=5, idle_after_ms=8)


def said(
    source: str,
    clock: int | None = None,
    *,
    live: bool | None = None,
    caught_up: int | None = None,
    last: int = 0,
    end: int = 0,
    begin: int = 0,
) -> SourceProgress:
    """What a worker says of a source."""
    return SourceProgress(source, Kind.PREDICTION, begin, end, clock, live, caught_up, last)


def time_of(*sources: SourceProgress, announced: tuple[str, ...] = ()) -> Watermark:
    """The watermark after one progress record that says this."""
    time = Watermark(SPEC)
    hear(time, *sources, announced=announced)
    return time


def hear(time: Watermark, *sources: SourceProgress, announced: tuple[str, ...] = ()) -> int:
    """One more progress record; the watermark after it."""
    for source in sources:
        time.say(source)
    time.announce([*announced, *(s.source for s in sources)])
    return time.advance()


def why(time: Watermark, source: str) -> str:
    """Why a source holds time back."""
    return next(held.why for held in time.explain() if held.source == source)


def test_the_watermark_is_the_least_clock_of_all_sources() -> None:
    assert time_of(said("a", 100), said("b", 70), said("c", 90)).ms == 70


def test_before_every_source_was_read_there_is_no_time() -> None:
    time = time_of(said("a", 100), announced=("b",))
    assert time.ms == NO_TIME
    assert hear(time, said("b", 80)) == 80


def test_a_source_that_was_read_and_had_no_record_holds_a_history_at_the_beginning() -> None:
    time = time_of(said("a", 100, live=False, caught_up=5000), said("b", caught_up=5000))
    assert time.ms == NO_TIME
    assert "advance" in why(time, "b")


def test_a_new_source_holds_time_where_it_is_and_does_not_turn_it_back() -> None:
    time = time_of(said("a", 100))
    assert hear(time, said("a", 200), announced=("new",)) == 100
    assert "never read" in why(time, "new")
    assert hear(time, said("a", 200), said("new", 40)) == 100
    assert hear(time, said("a", 200), said("new", 150)) == 150


def test_the_watermark_never_goes_back() -> None:
    time = time_of(said("a", 100))
    assert hear(time, said("a", 60)) == 100
    assert hear(time, said("b", 30)) == 100


def test_an_idle_source_follows_the_wall_clock_while_the_others_are_live() -> None:
    time = time_of(
        said("a", 1000, live=True, caught_up=1010, last=1009), said("b", 300, live=True, caught_up=1010, last=310)
    )
    assert time.ms == 1010 - 8 - 5
    assert why(time, "b") == "idle: its clock follows the wall clock"


def test_a_live_source_that_never_had_a_record_is_idle_too() -> None:
    assert time_of(said("a", 1000, live=True), said("empty", caught_up=1010, last=900)).ms == 997


def test_a_source_is_idle_only_after_a_while_at_its_end() -> None:
    a = said("a", 1000, live=True)
    assert time_of(a, said("b", 300, live=True, caught_up=1010, last=1003)).ms == 300
    assert time_of(a, said("b", 300, live=True, caught_up=1010, last=1002)).ms == 997


def test_an_idle_source_does_not_follow_the_wall_clock_while_another_is_a_history() -> None:
    time = time_of(said("a", 400, live=False), said("b", 300, live=True, caught_up=1010, last=310))
    assert time.ms == 300
    assert "not live" in why(time, "b")


def test_a_history_never_jumps_to_the_present() -> None:
    time = time_of(
        said("a", 400, live=False, caught_up=9000, last=8000), said("b", 300, live=False, caught_up=9000, last=8000)
    )
    assert hear(time, said("a", 400, live=False, caught_up=99_000), said("b", caught_up=99_000)) == 300


def test_a_dead_owner_holds_time() -> None:
    time = time_of(
        said("a", 1000, live=True, caught_up=1010, last=900), said("b", 990, live=True, caught_up=1010, last=900)
    )
    assert time.ms == 997
    for now in (1100, 1500, 2000):
        assert hear(time, said("a", now, live=True)) == 997, "b is silent: nobody says that it still stands at its end"
    assert hear(time, said("a", 2000, live=True), said("b", caught_up=2000, last=900)) == 1987


def test_a_source_with_unread_records_is_not_idle() -> None:
    time = time_of(said("a", 1000, live=True), said("b", 300, live=True, caught_up=900, last=310))
    assert time.ms == 887
    time.take("b", 0, 5)
    assert hear(time, said("a", 1100, live=True)) == 887
    assert "behind" in why(time, "b")


def test_an_older_word_of_a_zombie_does_not_say_that_a_source_is_at_its_end() -> None:
    time = time_of(said("a", 1000, live=True), said("b", 300, live=True, caught_up=400, last=310, end=7))
    time.take("b", 7, 9)
    assert hear(time, said("a", 1100, live=True), said("b", 300, live=True, caught_up=1090, last=310, end=7)) == 387


def test_advance_waits_until_every_source_has_come_to_its_end() -> None:
    time = time_of(said("a", 100, live=False), said("b", 90, live=False))
    time.waiting.append(Advance("x", 5000, {"a": 3, "b": 2, "empty": 0}))
    assert hear(time, said("a", 110, end=3)) == 90
    assert hear(time, said("b", 95, end=1)) == 95
    assert hear(time, said("b", 95, begin=1, end=2)) == 5000
    assert not time.waiting


def test_advance_waits_for_a_source_that_nobody_has_read() -> None:
    time = time_of(said("a", 100, live=False))
    time.waiting.append(Advance("x", 5000, {"a": 0, "unread": 1}))
    assert hear(time, said("a", 100)) == 100


def test_advance_does_not_wait_for_a_retired_source() -> None:
    time = time_of(said("a", 100, live=False), announced=("gone",))
    time.waiting.append(Advance("x", 5000, {"a": 0, "gone": 4}))
    assert hear(time) == NO_TIME
    time.retired.add("gone")
    assert hear(time) == 5000


def test_advance_to_an_earlier_time_changes_nothing() -> None:
    time = time_of(said("a", 100))
    time.waiting.append(Advance("x", 50, {"a": 0}))
    assert hear(time) == 100


def test_a_retired_source_does_not_hold_time() -> None:
    time = time_of(said("a", 100), said("b", 20), announced=("never",))
    time.retired |= {"b", "never"}
    assert hear(time) == 100
    assert why(time, "b") == "retired"


def test_a_retired_history_does_not_keep_idle_sources_from_the_wall_clock() -> None:
    time = time_of(
        said("a", 1000, live=True), said("b", 300, live=True, caught_up=1010, last=1), said("old", 5, live=False)
    )
    assert time.ms == 5
    time.retired.add("old")
    assert hear(time) == 997


def test_without_any_source_there_is_no_time() -> None:
    assert Watermark(SPEC).advance() == NO_TIME


def test_only_the_source_that_holds_time_back_has_a_reason() -> None:
    time = time_of(
        said("a", 100, live=True, caught_up=103, last=100), said("b", 50, live=True, caught_up=104, last=100)
    )
    assert (why(time, "a"), why(time, "b")) == ("", "at its end for less than idle_after")
    assert [(held.source, held.clock_ms, held.live, held.idle) for held in time.explain()] == [
        ("a", 100, True, False),
        ("b", 50, True, False),
    ]


def test_a_range_is_taken_once_and_a_hole_is_an_error() -> None:
    time = Watermark(SPEC)
    assert time.take("a", 10, 20) == 10, "the first range says where the source begins"
    assert time.take("a", 15, 30) == 20
    assert time.take("a", 12, 18) == 30
    with pytest.raises(GapError, match=r"a: the record at hand begins at 31.*\[30, 31\)"):
        time.take("a", 31, 40)


def test_an_older_word_of_a_zombie_does_not_make_a_history_live() -> None:
    time = time_of(said("a", 100, live=True, end=5))
    hear(time, said("a", 100, live=False, end=9, begin=5))
    hear(time, said("a", 100, live=True, end=7))
    assert time.sources["a"].live is False
    hear(time, said("a", 100, live=True, end=9))
    assert time.sources["a"].live is True
