"""What is told when: the table of docs/delivery.md, row by row."""

import hashlib
import itertools
from collections.abc import Iterable

import jsonschema
import orjson
import pytest

from streams.alerts.rows import mute_row
from streams.alerts.rules.model import DAY, HOUR, MINUTE, Mute, Severity
from streams.alerts.telling.notices import MISSED_RULE, MUTE_RULE
from streams.alerts.telling.planner import TICK_MS, Address, Planner, Timing
from streams.alerts.telling.rows import Entry, Fate, entry_of, entry_row
from streams.alerts.telling.stall import STALLED
from streams.alerts.telling.state import ms_of, state_of
from streams.alerts.telling.told import MOST_IN_BATCH, Batch, Kind, Telling
from tests.support.receiver_rows import STEP, ModelRows, Row
from tests.support.schemas import schema

T = 1_000 * HOUR
TIMING = Timing(repeat_ms=4 * HOUR, max_age_ms=2 * HOUR)


BOOKS = {name: f"https://books/{name}" for name in (STALLED, MISSED_RULE, MUTE_RULE)}


def planner(*addresses: Address) -> Planner:
    return Planner(addresses or (Address("all"),), TIMING, runbooks=BOOKS)


def tellings(batches: Iterable[Batch]) -> list[Telling]:
    return [telling for batch in batches for telling in batch.tellings]


def take(fold: Planner, *rows: Row, now_ms: int | None = None) -> list[tuple[str, str | None, str]]:
    """(kind, reason, class) of everything told because of rows; the clock is a second after the last one's time."""
    found: list[Telling] = []
    for key, row in rows:
        t = 1_000 + T if now_ms is None else now_ms
        found += tellings(fold.take(key, row, t))
    return [(one.kind.value, one.reason, dict(one.labels).get("class", "")) for one in found]


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def mute(key: str, made: Mute) -> Row:
    return f"mute|{key}", mute_row(made)


def test_nothing_is_told_before_the_step_has_ended() -> None:
    rows, fold = ModelRows(), planner()
    assert take(fold, rows.fires("a", T)) == []
    assert tellings(fold.tick(T + 1_000)) == []
    assert take(fold, rows.pulse(T)) == [("firing", "first", "a")]


def test_a_row_of_a_later_step_ends_one_whose_pulse_is_gone() -> None:
    rows, fold = ModelRows(), planner()
    assert take(fold, rows.fires("a", T - STEP), rows.resolves("a", T)) == [("firing", "first", "a")]
    assert take(fold, rows.pulse(T)) == [("resolved", "recovered", "a")]


def test_a_repetition_of_rows_tells_nothing() -> None:
    rows, fold = ModelRows(), planner()
    written = [rows.fires("a", T - STEP), rows.pulse(T - STEP), rows.resolves("a", T), rows.pulse(T)]
    assert len(take(fold, *written)) == 2
    assert take(fold, *written) == []


def test_an_escalation_is_told_and_says_what_it_was() -> None:
    rows, fold = ModelRows(), planner()
    take(fold, rows.fires("a", T - STEP), rows.pulse(T - STEP))
    fold.take(*rows.escalates("a", T), T)
    [telling] = tellings(fold.take(*rows.pulse(T), T))
    assert (telling.reason, telling.severity, telling.was) == ("escalated", "page", "ticket")


def test_a_muted_alert_is_told_late_when_the_mute_is_over() -> None:
    rows, fold = ModelRows(), planner()
    assert take(fold, rows.fires("a", T - 2 * STEP, muted_by=("m",)), rows.pulse(T - 2 * STEP)) == []
    assert take(fold, rows.mutes("a", T - STEP), rows.pulse(T - STEP)) == [("firing", "late", "a")]


def test_the_end_of_what_was_told_is_told_also_when_it_is_muted() -> None:
    rows, fold = ModelRows(), planner()
    take(fold, rows.fires("a", T - 2 * STEP), rows.pulse(T - 2 * STEP))
    take(fold, rows.mutes("a", T - STEP, "m"), rows.pulse(T - STEP))
    assert take(fold, rows.resolves("a", T), rows.pulse(T)) == [("resolved", "recovered", "a")]


def test_an_alert_that_was_muted_all_along_is_told_to_nobody() -> None:
    rows, fold = ModelRows(), planner()
    assert take(fold, rows.fires("a", T - STEP, muted_by=("m",)), rows.pulse(T - STEP)) == []
    assert take(fold, rows.resolves("a", T), rows.pulse(T)) == []


def test_a_new_episode_ends_the_old_one_first() -> None:
    rows, fold = ModelRows(), planner()
    take(fold, rows.fires("a", T - 2 * STEP), rows.pulse(T - 2 * STEP))
    fold.take(*rows.resolves("a", T), T)
    fold.take(*rows.fires("a", T), T)
    found = tellings(fold.take(*rows.pulse(T), T))
    assert [(one.kind, one.episode) for one in found] == [(Kind.RESOLVED, T - 2 * STEP), (Kind.FIRING, T)]
    assert found[0].resolved_at == T


def test_an_alert_whose_row_is_gone_is_over() -> None:
    rows, fold = ModelRows(), planner()
    take(fold, rows.fires("a", T - STEP), rows.pulse(T - STEP))
    fold.take(rows.fingerprint("a"), None, T)
    assert take(fold, rows.pulse(T)) == [("resolved", None, "a")]


def test_a_repeat_goes_by_event_time_and_not_while_it_recovers() -> None:
    rows, fold = ModelRows(), planner()
    take(fold, rows.fires("a", T), rows.pulse(T))
    assert take(fold, rows.pulse(T + 4 * HOUR - STEP), now_ms=T + 4 * HOUR) == []
    assert take(fold, rows.pulse(T + 4 * HOUR), now_ms=T + 4 * HOUR) == [("firing", "repeat", "a")]
    assert take(fold, rows.recovering("a", T + 8 * HOUR), rows.pulse(T + 8 * HOUR), now_ms=T + 8 * HOUR) == []


def test_nobody_is_told_of_old_steps_and_what_is_active_then_is_told_late() -> None:
    rows, fold = ModelRows(), planner()
    old = T - 3 * HOUR
    assert take(fold, rows.fires("a", old), rows.pulse(old)) == []
    assert take(fold, rows.pulse(T)) == [("firing", "late", "a")]


def test_what_began_and_ended_in_a_gap_is_one_notice() -> None:
    rows, fold = ModelRows(), planner()
    old = T - 3 * HOUR
    silent = [rows.fires("a", old), rows.pulse(old), rows.resolves("a", old + STEP), rows.pulse(old + STEP)]
    silent += [rows.fires("b", old + STEP), rows.resolves("b", old + 2 * STEP), rows.pulse(old + 2 * STEP)]
    assert take(fold, *silent) == []
    assert fold.misses(T)
    assert not fold.misses(T + 8 * DAY)  # of a model that never catches up
    [notice] = tellings(fold.take(*rows.pulse(T), T))
    assert (notice.kind, notice.reason, notice.severity) == (Kind.NOTICE, "catch_up", "ticket")
    assert notice.runbook == BOOKS[MISSED_RULE]
    assert [member["labels"]["class"] for member in notice.members] == ["a", "b"]
    assert notice.summary == (
        "2 alerts of fraud began and ended while nobody was told, between 1970-02-11T13:00:00.000Z and "
        "1970-02-11T13:10:00.000Z"
    )
    assert not fold.misses(T)
    assert tellings(fold.tick(T + 1_000)) == []


def test_a_deliverer_that_begins_does_not_sum_up_the_past() -> None:
    rows, fold = ModelRows(), Planner((Address("all"),), TIMING, began_ms=T)
    old = T - 3 * HOUR
    assert take(fold, rows.fires("a", old), rows.resolves("a", old + STEP), rows.pulse(old + STEP)) == []
    assert take(fold, rows.pulse(T)) == []


def test_a_receiver_gets_what_it_asks_for() -> None:
    pages, others = Address("pages", (("severity", "page"),)), Address("b", (("class", "!a"), ("team", "risk")))
    rows, fold = ModelRows(), planner(pages, others)
    fold.take(*rows.fires("a", T, Severity.PAGE), T)
    fold.take(*rows.fires("b", T), T)
    batches = fold.take(*rows.pulse(T), T)
    told = {batch.receiver: [dict(one.labels)["class"] for one in batch.tellings] for batch in batches}
    assert told == {"pages": ["a"], "b": ["b"]}


def test_who_wants_pages_hears_of_an_escalation_as_one() -> None:
    rows, fold = ModelRows(), planner(Address("pages", (("severity", "page"),)))
    assert take(fold, rows.fires("a", T - STEP), rows.pulse(T - STEP)) == []
    assert take(fold, rows.escalates("a", T), rows.pulse(T)) == [("firing", "escalated", "a")]


def test_a_mute_by_the_wall_clock_delays_what_is_told() -> None:
    rows, fold = ModelRows(), planner()
    over = Mute("night", (("class", "a"),), T - HOUR, T + HOUR, clock="wall")
    found = take(fold, mute("night", over), rows.fires("a", T), rows.fires("b", T), rows.pulse(T))
    assert set(found) == {("firing", "first", "b"), ("notice", "mute_ends", "")}
    assert tellings(fold.tick(T + HOUR - TICK_MS)) == []
    [telling] = tellings(fold.tick(T + HOUR))
    assert (telling.reason, dict(telling.labels)["class"]) == ("first", "a")


def test_a_mute_that_ends_within_the_hour_over_an_alert_is_announced_once() -> None:
    rows, fold = ModelRows(), planner()
    over = Mute("reindex", (("model", "fraud"),), T - 3 * HOUR, T + 90 * MINUTE)
    assert take(fold, mute("reindex", over), rows.fires("a", T, muted_by=("reindex",)), rows.pulse(T)) == []
    later = T + 40 * MINUTE
    [notice] = tellings(fold.take(*rows.pulse(later), later))
    assert (notice.reason, notice.members[0]["labels"]["class"]) == ("mute_ends", "a")
    assert notice.runbook == BOOKS[MUTE_RULE]
    assert notice.summary == "mute reindex ends at 1970-02-11T17:30:00.000Z, with 1 active alert beneath"
    assert tellings(fold.take(*rows.pulse(later + STEP), later)) == []


def test_a_job_that_stands_still_is_told_with_an_id_of_its_last_watermark() -> None:
    first, again = planner(), planner()
    quiet = tellings(first.watch("job", T, T + TIMING.stall_ms))
    [stall] = tellings(first.watch("job", T, T + TIMING.stall_ms + 1))
    [same] = tellings(again.watch("job", T, T + HOUR))
    assert quiet == []
    assert (stall.rule, stall.severity, stall.episode, stall.dedup_key) == (
        "QualityPipelineStalled", "page", T, same.dedup_key,
    )  # fmt: skip
    assert stall.id == same.id
    assert stall.runbook == BOOKS[STALLED]
    assert tellings(first.watch("job", T + HOUR, T + 2 * HOUR)) == []  # behind, but it moves
    [over] = tellings(first.watch("job", T + 2 * HOUR, T + 2 * HOUR))
    assert (over.kind, over.episode, over.reason) == (Kind.RESOLVED, T, "recovered")


def test_a_batch_is_of_one_model_version_and_bounded() -> None:
    rows, fold = ModelRows(), planner()
    for number in range(2 * MOST_IN_BATCH + 1):
        fold.take(*rows.fires(f"c{number}", T), T)
    batches = fold.take(*rows.pulse(T), T)
    assert [len(batch.tellings) for batch in batches] == [MOST_IN_BATCH, MOST_IN_BATCH, 1]
    assert {batch.group for batch in batches} == {(("model", "fraud"), ("version", "42"))}
    assert len({batch.id for batch in batches}) == 3


def test_a_batch_of_long_names_is_bounded_too() -> None:
    rows, fold = ModelRows(), planner()
    for number in range(40):
        fold.take(*rows.fires(f"{number}" * 2_000, T), T)
    batches = fold.take(*rows.pulse(T), T)
    assert len(batches) > 1
    assert sum(len(batch.tellings) for batch in batches) == 40
    assert max(len(orjson.dumps(entry_row(Entry(batch)))) for batch in batches) < 500_000


def test_ids_are_those_of_the_design() -> None:
    rows, fold = ModelRows(), planner()
    fold.take(*rows.fires("a", T), T)
    [batch] = fold.take(*rows.pulse(T), T)
    [telling] = batch.tellings
    assert telling.dedup_key == f"{rows.fingerprint('a')}-{T // 1000}"
    assert telling.id == sha(f"{rows.fingerprint('a')}|{T}|all|firing|ticket|0")
    assert batch.id == sha(f"all|model=fraud|version=42|{telling.id}")
    fold.take(*rows.resolves("a", T + STEP), T)
    [over] = tellings(fold.take(*rows.pulse(T + STEP), T))
    assert over.id == sha(f"{rows.fingerprint('a')}|{T}|all|resolved")


@pytest.mark.parametrize("fate", list(Fate))
def test_a_row_of_the_log_is_as_its_schema_says_and_comes_back(fate: Fate) -> None:
    rows, fold = ModelRows(), planner()
    fold.take(*rows.fires("a", T - 3 * HOUR), T)
    fold.take(*rows.resolves("a", T - 2 * HOUR - STEP), T)
    fold.take(*rows.fires("b", T), T)
    found = fold.take(*rows.pulse(T), T)
    for number, batch in enumerate(itertools.chain(found, fold.watch("job", T - HOUR, T))):
        entry = Entry(batch, fate, number, T if fate != Fate.DUE else 0, "no" if fate == Fate.DEAD else None)
        row = orjson.loads(orjson.dumps(entry_row(entry)))
        jsonschema.Draft202012Validator(schema("telling")).validate(row)
        assert list(row) == list(schema("telling")["properties"])
        assert entry_of(row) == entry


def test_rows_of_another_schema_are_passed_over_and_counted() -> None:
    fold = planner()
    assert fold.take("x", {"schema": "quality.other.v9"}, T) == []
    assert fold.passed_over == 1


def test_nobody_is_told_of_a_version_that_another_one_took_over_from_but_that_it_is_over() -> None:
    rows, fold = ModelRows(), planner()

    def told_at(*some: Row) -> list[tuple[str, str | None, str]]:
        return take(fold, *some, now_ms=max(state_of_t(row) for _, row in some))

    def state_of_t(row: dict[str, object]) -> int:
        return ms_of(str(row["settled_at"]))

    told_at(rows.fires("a", T), rows.pulse(T))
    gone, back = T + 2 * HOUR, T + 14 * HOUR
    assert told_at(rows.replaced("a", gone, so=True), rows.pulse(gone)) == []
    for hour in range(3, 14):
        assert told_at(rows.pulse(T + hour * HOUR)) == []
    assert told_at(rows.escalates("a", back - HOUR), rows.pulse(back - HOUR)) == []
    escalated = ("firing", "escalated", "a")
    assert told_at(rows.replaced("a", back, so=False), rows.pulse(back)) == [escalated]
    assert told_at(rows.pulse(T + 16 * HOUR)) == [("firing", "repeat", "a")]
    assert told_at(rows.replaced("a", T + 17 * HOUR, so=True), rows.pulse(T + 17 * HOUR)) == []
    over = T + 18 * HOUR
    ended = rows.resolves("a", over, "version_retired")
    assert told_at(ended, rows.pulse(over)) == [("resolved", "version_retired", "a")]


def test_an_alert_that_first_fires_when_its_version_was_replaced_is_told_late_if_it_comes_back() -> None:
    rows, fold = ModelRows(), planner()
    rows.instance("a").replaced = True
    rows.instance("b").replaced = True
    assert take(fold, rows.fires("a", T), rows.fires("b", T), rows.pulse(T)) == []
    later = T + STEP
    assert take(fold, rows.resolves("b", later, "version_retired"), rows.pulse(later)) == []
    back = later + STEP
    assert take(fold, rows.replaced("a", back, so=False), rows.pulse(back)) == [("firing", "late", "a")]


def test_what_fired_of_a_replaced_version_is_not_missed_by_anybody() -> None:
    rows, fold = ModelRows(), planner()
    rows.instance("a").replaced = True
    behind = T + 10 * HOUR
    assert take(fold, rows.fires("a", T), rows.pulse(T), now_ms=behind) == []
    assert take(fold, rows.resolves("a", T + STEP, "version_retired"), rows.pulse(T + STEP), now_ms=behind) == []
    assert take(fold, rows.pulse(behind), now_ms=behind) == []


def test_rows_from_before_anybody_could_be_replaced_are_read() -> None:
    _, row = ModelRows().fires("a", T)
    assert not state_of({name: value for name, value in row.items() if name != "replaced"}).replaced
