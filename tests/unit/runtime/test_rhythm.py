"""Flushes come once an interval, when all writers were heard; a late one does not shift the others."""

from streams.runtime.stages.rhythm import Rhythm


def taken(chances: list[tuple[int, str]]) -> list[int]:
    """The progress records (when, whose) at which a flush is taken, with an interval of a second."""
    rhythm, found = Rhythm(1_000), []
    for now_ms, writer in chances:
        rhythm.progress(writer, now_ms)
        if rhythm.due(now_ms):
            rhythm.taken(now_ms)
            found.append(now_ms)
    return found


def alone(*chances_ms: int) -> list[int]:
    """The same with one writer."""
    return taken([(now_ms, "a") for now_ms in chances_ms])


def test_every_tick_is_taken_though_ticks_are_a_little_early_or_late() -> None:
    ticks = [100_000, 101_060, 101_980, 103_020, 103_950, 105_000]
    assert alone(*ticks) == ticks


def test_a_late_flush_is_followed_by_those_in_time() -> None:
    assert alone(100_500, 101_020, 101_500, 102_020, 103_020) == [100_500, 101_020, 102_020, 103_020]


def test_further_ticks_of_the_interval_are_not_taken() -> None:
    assert alone(*[100_000 + 250 * n for n in range(14)]) == [100_000, 101_000, 102_000, 103_000]


def test_after_a_pause_and_when_the_clock_was_set_back_it_goes_on() -> None:
    assert alone(150_000, 190_000, 190_100, 120_000, 120_100, 121_000) == [150_000, 190_000, 120_000, 121_000]


def test_a_flush_waits_for_the_last_of_the_writers() -> None:
    """From the second tick on; before it nobody knows that there are two."""
    chances = [(100_010, "a"), (100_030, "b"), (101_010, "b"), (101_030, "a"), (102_010, "a"), (102_030, "b")]
    assert taken(chances) == [100_010, 101_030, 102_030]


def test_a_writer_that_is_gone_is_waited_for_once_and_until_the_flush_is_overdue() -> None:
    rhythm = Rhythm(1_000)
    for writer in "ab":
        rhythm.progress(writer, 100_010)
    rhythm.taken(100_010)
    assert not rhythm.overdue(100_890)
    rhythm.progress("a", 101_010)
    assert not rhythm.due(101_010)
    assert not rhythm.overdue(101_390)
    assert rhythm.overdue(101_410)
    rhythm.taken(101_410)
    rhythm.progress("a", 102_010)
    assert rhythm.due(102_010)
