"""Mutes: whom they mean, when they hold by the clock of a zone, how they come and go while the job runs."""

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
import pytest

from streams.alerts.fold import Alerts
from streams.alerts.instance import labels_of
from streams.alerts.mutes import MOST, MuteChange, applied, covers, ends_soon, excluded, in_force, mutes_at
from streams.alerts.orders import RulesOrder
from streams.alerts.rows import mute_of
from streams.alerts.rules.model import DAY, HOUR, MINUTE, Mute, RuleSet, Weekly
from tests.support.judged import spec_of

LABELS = labels_of(model="fraud", version="42", **{"class": "fraud"})
MON, SAT, SUN = 0, 5, 6


def at(text: str, zone: str = "UTC", fold: int = 0) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp() * 1000)


def clock(hours: int, minutes: int = 0) -> int:
    return hours * 60 + minutes


def weekly(day: int, begin: int, end: int, zone: str = "Europe/Berlin") -> Mute:
    return Mute("reindex", (("model", "fraud"),), weekly=Weekly(day, begin, end, zone))


def stretches(mute: Mute, start: int, end: int, grain: int = 5 * MINUTE) -> list[tuple[str, str]]:
    """Where a mute covers, found by asking every few minutes, in UTC."""
    steps = range(start, end + grain, grain)
    told = [covers(mute, LABELS, "recall", ms) for ms in steps]
    edges = [ms for (before, now), ms in zip(pairwise([False, *told]), steps, strict=True) if before != now]
    shown = [datetime.fromtimestamp(ms / 1000, UTC).strftime("%d %H:%M") for ms in edges]
    return list(zip(shown[::2], shown[1::2], strict=True))


def once(name: str = "once", start: int = 100 * HOUR, end: int = 102 * HOUR, **more: str) -> Mute:
    return msgspec.structs.replace(Mute(name, (("model", "fraud"),), start, end), **more)


@pytest.mark.parametrize(
    ("match", "meant"),
    [
        ((), True),
        ((("model", "fraud"),), True),
        ((("model", "fraud"), ("class", "ok|fraud")), True),
        ((("model", "fraud"), ("class", "ok")), False),
        ((("rule", "recall"),), True),
        ((("rule", "!recall"),), False),
        ((("segment.region", "eu"),), False),
        ((("segment.region", "!eu"),), True),
        ((("segment.region", "*"),), True),
    ],
)
def test_a_mute_means_alerts_by_their_labels_and_their_rule(match: tuple[tuple[str, str], ...], *, meant: bool) -> None:
    assert covers(Mute("m", match, 0, HOUR), LABELS, "recall", 5) is meant


def test_a_mute_of_once_holds_from_its_start_to_before_its_end() -> None:
    mute = once()
    told = [covers(mute, LABELS, "recall", ms) for ms in (100 * HOUR - 1, 100 * HOUR, 102 * HOUR - 1, 102 * HOUR)]
    assert told == [False, True, True, False]


def test_a_step_is_muted_by_what_it_shows() -> None:
    mutes = [once("b"), once("a"), once("wall", clock="wall")]
    assert mutes_at(mutes, "recall", LABELS, 100 * HOUR) == ()
    assert mutes_at(mutes, "recall", LABELS, 100 * HOUR + 5 * MINUTE) == ("a", "b")
    assert mutes_at(mutes, "recall", LABELS, 102 * HOUR) == ("a", "b")
    assert mutes_at(mutes, "recall", LABELS, 102 * HOUR + 5 * MINUTE) == ()


def test_only_mutes_that_say_so_take_time_out_of_a_budget() -> None:
    def out(mute: Mute, start: int, end: int) -> bool:
        return excluded([mute], "recall", LABELS, start, end)

    exclude = once(budget="exclude")
    assert not out(once(), 100 * HOUR, 101 * HOUR)
    assert not out(once(budget="exclude", clock="wall"), 100 * HOUR, 101 * HOUR)
    assert [out(exclude, h * HOUR, (h + 1) * HOUR) for h in (99, 100, 101, 102)] == [False, True, True, False]
    most = once(budget="exclude", start=100 * HOUR + 20 * MINUTE)
    assert [out(most, h * HOUR, (h + 1) * HOUR) for h in (99, 100, 101, 102)] == [False, True, True, False]
    assert not excluded([exclude], "recall", labels_of(model="other"), 100 * HOUR, 101 * HOUR)


def test_a_weekly_mute_goes_by_the_clock_of_its_zone() -> None:
    mute = weekly(SUN, clock(2), clock(4))
    assert stretches(mute, at("2026-01-10"), at("2026-01-20")) == [("11 01:00", "11 03:00"), ("18 01:00", "18 03:00")]
    assert stretches(mute, at("2026-07-05"), at("2026-07-07")) == [("05 00:00", "05 02:00")]


def test_a_weekly_mute_may_pass_midnight() -> None:
    mute = weekly(SAT, clock(23), clock(1, 30), "America/New_York")
    assert stretches(mute, at("2026-01-09"), at("2026-01-13")) == [("11 04:00", "11 06:30")]
    whole_day = weekly(SAT, 0, 0, "UTC")
    assert stretches(whole_day, at("2026-01-08"), at("2026-01-13")) == [("10 00:00", "11 00:00")]


@pytest.mark.parametrize(
    ("begin", "end", "told"),
    [
        (clock(2), clock(4), ("29 01:00", "29 02:00")),  # an hour is left out
        (clock(2, 30), clock(4), ("29 01:00", "29 02:00")),  # begins at the change
        (clock(1), clock(2, 30), ("29 00:00", "29 01:00")),  # ends at the change
        (clock(1), clock(3, 30), ("29 00:00", "29 01:30")),
    ],
)
def test_a_time_that_is_left_out_counts_as_the_change_of_the_clock(begin: int, end: int, told: tuple[str, str]) -> None:
    assert stretches(weekly(SUN, begin, end), at("2026-03-28"), at("2026-03-30")) == [told]


def test_a_mute_that_is_left_out_as_a_whole_does_not_hold() -> None:
    assert stretches(weekly(SUN, clock(2, 15), clock(2, 45)), at("2026-03-28"), at("2026-03-30"), MINUTE) == []


@pytest.mark.parametrize(
    ("begin", "end", "told"),
    [
        (clock(2), clock(4), ("25 00:00", "25 03:00")),  # three hours by another clock
        (clock(2, 30), clock(4), ("25 00:30", "25 03:00")),  # from the first half past two
        (clock(1), clock(2, 30), ("24 23:00", "25 01:30")),  # to the second one
    ],
)
def test_a_time_that_is_shown_twice_begins_at_the_first_and_ends_at_the_second(
    begin: int, end: int, told: tuple[str, str]
) -> None:
    assert stretches(weekly(SUN, begin, end), at("2026-10-24"), at("2026-10-26")) == [told]


def test_a_midnight_that_is_left_out_is_the_change_of_the_clock() -> None:
    mute = weekly(SUN, 0, clock(2), "America/Santiago")  # on 6 September 2026 the clock goes from 24:00 to 01:00
    assert stretches(mute, at("2026-09-05"), at("2026-09-08")) == [("06 04:00", "06 05:00")]


def test_a_weekly_mute_may_have_bounds() -> None:
    mute = msgspec.structs.replace(weekly(SUN, clock(2), clock(4), "UTC"), end_ms=at("2026-01-11T03:00"))
    assert stretches(mute, at("2026-01-01"), at("2026-01-20")) == [("04 02:00", "04 04:00"), ("11 02:00", "11 03:00")]
    later = msgspec.structs.replace(weekly(SUN, clock(2), clock(4), "UTC"), start_ms=at("2026-01-11T03:00"))
    assert stretches(later, at("2026-01-01"), at("2026-01-13")) == [("11 03:00", "11 04:00")]


def test_an_end_is_announced_an_hour_before_unless_another_mute_follows() -> None:
    mute = once()
    assert ends_soon([mute], "recall", LABELS, 100 * HOUR) is None
    assert ends_soon([mute], "recall", LABELS, 101 * HOUR) == (102 * HOUR, ("once",))
    assert ends_soon([mute], "recall", LABELS, 102 * HOUR) is None
    assert ends_soon([mute], "recall", labels_of(model="other"), 101 * HOUR) is None
    follows = once("then", 102 * HOUR, 103 * HOUR)
    assert ends_soon([mute, follows], "recall", LABELS, 101 * HOUR) is None
    assert ends_soon([mute, follows], "recall", LABELS, 101 * HOUR, 2 * HOUR) == (103 * HOUR, ("once",))
    gap = once("then", 102 * HOUR + 1, 103 * HOUR)
    assert ends_soon([mute, gap], "recall", LABELS, 101 * HOUR) == (102 * HOUR, ("once",))


def test_the_end_of_a_weekly_mute_is_announced() -> None:
    mute = weekly(SUN, clock(2), clock(4), "UTC")
    assert ends_soon([mute], "recall", LABELS, at("2026-01-11T03:30")) == (at("2026-01-11T04:00"), ("reindex",))
    bounded = msgspec.structs.replace(mute, end_ms=at("2026-01-11T03:00"))
    assert ends_soon([bounded], "recall", LABELS, at("2026-01-11T02:30")) == (at("2026-01-11T03:00"), ("reindex",))


def test_mutes_are_added_replaced_and_ended_while_the_job_runs() -> None:
    added = applied(MuteChange(0, once("b")), ())
    added = applied(MuteChange(0, once("a")), added)
    assert [mute.name for mute in added] == ["a", "b"]
    longer = once("a", end=200 * HOUR)
    assert applied(MuteChange(0, longer), added)[0] == longer
    ended = applied(MuteChange(101 * HOUR, end="a"), added)
    assert ended == (once("a", end=101 * HOUR), once("b"))
    assert applied(MuteChange(300 * HOUR, end="a"), ended) == ended
    assert applied(MuteChange(101 * HOUR, end="nobody"), added) == added


def test_what_came_before_the_end_of_a_mute_stays_muted() -> None:
    ended = applied(MuteChange(101 * HOUR, end="once"), (once(),))
    assert mutes_at(ended, "recall", LABELS, 101 * HOUR) == ("once",)
    assert mutes_at(ended, "recall", LABELS, 101 * HOUR + MINUTE) == ()


def test_a_mute_of_the_rules_is_ended_by_one_of_its_name() -> None:
    rules = (weekly(SUN, clock(2), clock(4)),)
    added = applied(MuteChange(at("2026-01-11"), end="reindex"), (), rules)
    assert stretches(in_force(rules, added)[0], at("2026-01-03"), at("2026-01-20")) == [("04 01:00", "04 03:00")]
    assert in_force(rules, (once(),)) == (once(), *rules)


def test_a_mute_that_is_taken_out_of_the_rules_is_said_to_be_over() -> None:
    alerts = Alerts(spec_of("5m"))
    night, other = weekly(SUN, 0, 60), once("other")
    said = []
    for mutes in ((night, other), (other,), (other,)):
        alerts.order(RulesOrder(RuleSet("0" * 16, mutes=mutes)))
        said.append({row.key: mute_of(row.value) for row in alerts.take_rows()})
    assert said[0] == {"mute|reindex": night, "mute|other": other}
    over = said[1].pop("mute|reindex")
    assert said[1:] == [{"mute|other": other}, {}]
    assert stretches(night, 0, 14 * DAY) != []
    assert stretches(over, 0, 14 * DAY) == []


def test_mutes_of_the_run_time_are_bounded_and_the_first_to_end_go() -> None:
    added: tuple[Mute, ...] = (weekly(SUN, 0, 60),)
    for number in range(MOST + 5):
        added = applied(MuteChange(0, once(f"m{number:04}", end=100 * HOUR + number)), added)
    assert len(added) == MOST
    assert {mute.name for mute in added} == {"reindex", *(f"m{number:04}" for number in range(6, MOST + 5))}


def test_a_change_survives_being_written() -> None:
    change = MuteChange(5, weekly(MON, 0, DAY // MINUTE))
    assert msgspec.json.decode(msgspec.json.encode(change), type=MuteChange) == change


@pytest.mark.parametrize("ms", [-(1 << 50), -62_135_596_800_000, 253_402_300_799_999, 1_795_000_000_000_000])
def test_a_time_that_no_calendar_has_is_on_no_day_of_the_week(ms: int) -> None:
    assert mutes_at((weekly(SUN, clock(0), clock(0)),), "recall", LABELS, ms) == ()
