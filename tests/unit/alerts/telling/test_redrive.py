"""What becomes of dead letters that are asked for: the table of docs/delivery.md, row by row."""

from collections.abc import Iterable

import jsonschema
import orjson

from streams.alerts.rows import mute_row
from streams.alerts.rules.model import HOUR, MINUTE, Mute, Severity
from streams.alerts.telling.planner import Address, Planner, Timing
from streams.alerts.telling.redrive import DeadLetters, redrive_row
from streams.alerts.telling.rows import Entry, Fate, entry_row
from streams.alerts.telling.told import Batch
from streams.ledger.times import rfc3339
from tests.support.receiver_rows import STEP, ModelRows, Row
from tests.support.schemas import schema

T = 1_000 * HOUR


def planner(*names: str) -> Planner:
    return Planner(tuple(Address(name) for name in names or ("r",)), Timing(repeat_ms=4 * HOUR, max_age_ms=2 * HOUR))


def take(fold: Planner, *rows: Row, now_ms: int = T) -> list[Batch]:
    return [batch for key, row in rows for batch in fold.take(key, row, now_ms)]


def dead(batch: Batch, finished_ms: int = T) -> Entry:
    return Entry(batch, Fate.DEAD, 30, finished_ms, "it answered 400")


def seen(entries: Iterable[Entry]) -> list[tuple[str, list[str], str | None]]:
    """(state, classes, why) of each entry."""
    return [
        (entry.fate.value, [dict(one.labels).get("class", "") for one in entry.batch.tellings], entry.error)
        for entry in entries
    ]


def test_what_still_fires_is_sent_again_as_it_was() -> None:
    rows, fold = ModelRows(), planner()
    [batch] = take(fold, rows.fires("a", T), rows.fires("b", T), rows.pulse(T))
    take(fold, rows.pulse(T + STEP))
    assert fold.redrive(dead(batch), T + STEP) == [Entry(batch)]


def test_what_is_over_is_withdrawn() -> None:
    rows, fold = ModelRows(), planner()
    [batch] = take(fold, rows.fires("a", T), rows.pulse(T))
    [end] = take(fold, rows.resolves("a", T + STEP), rows.pulse(T + STEP))
    why = "not sent again: it is over, or more was told since"
    assert seen(fold.redrive(dead(batch), T + STEP)) == [("withdrawn", ["a"], why)]
    assert fold.redrive(dead(end), T + STEP) == [Entry(end)]  # that it is over stays true


def test_what_is_over_is_withdrawn_also_before_its_end_was_told() -> None:
    rows, fold = ModelRows(), planner()
    [batch] = take(fold, rows.fires("a", T), rows.pulse(T))
    assert take(fold, rows.resolves("a", T + STEP)) == []
    assert [entry.fate for entry in fold.redrive(dead(batch), T + STEP)] == [Fate.WITHDRAWN]


def test_of_a_batch_only_what_is_true_is_sent_again_in_a_batch_of_its_own() -> None:
    rows, fold = ModelRows(), planner()
    [batch] = take(fold, rows.fires("a", T), rows.fires("b", T), rows.pulse(T))
    take(fold, rows.resolves("a", T + STEP), rows.pulse(T + STEP))
    again, rest = fold.redrive(dead(batch), T + STEP)
    assert again.fate == Fate.DUE
    assert again.batch.tellings == tuple(one for one in batch.tellings if dict(one.labels)["class"] == "b")
    assert (rest.batch.id, rest.fate) == (batch.id, Fate.WITHDRAWN)
    assert {one.id for one in (*again.batch.tellings, *rest.batch.tellings)} == {one.id for one in batch.tellings}


def test_what_was_told_louder_or_again_since_is_withdrawn() -> None:
    rows, fold = ModelRows(), planner()
    [ticket] = take(fold, rows.fires("a", T), rows.pulse(T))
    [page] = take(fold, rows.escalates("a", T + STEP), rows.pulse(T + STEP))
    later = T + 5 * HOUR
    [repeat] = take(fold, rows.pulse(later), now_ms=later)
    fates = [fold.redrive(dead(batch), later)[0].fate for batch in (ticket, page, repeat)]
    assert fates == [Fate.WITHDRAWN, Fate.WITHDRAWN, Fate.DUE]


def test_a_new_episode_does_not_make_an_old_one_true() -> None:
    rows, fold = ModelRows(), planner()
    [old] = take(fold, rows.fires("a", T), rows.pulse(T))
    take(fold, rows.resolves("a", T + STEP), rows.pulse(T + STEP))
    [new] = take(fold, rows.fires("a", T + 2 * STEP), rows.pulse(T + 2 * STEP))
    assert fold.redrive(dead(old), T)[0].fate == Fate.WITHDRAWN
    assert fold.redrive(dead(new), T) == [Entry(new)]


def test_what_is_muted_stays_dead_so_that_it_is_not_lost() -> None:
    rows, fold = ModelRows(), planner()
    [batch] = take(fold, rows.fires("a", T, Severity.PAGE), rows.fires("b", T), rows.pulse(T))
    take(fold, rows.mutes("a", T + STEP, "m"), rows.pulse(T + STEP))
    again, rest = fold.redrive(dead(batch), T + STEP)
    assert seen([again, rest]) == [("due", ["b"], None), ("dead", ["a"], "not sent again: it is muted now")]
    take(fold, rows.mutes("a", T + 2 * STEP), rows.pulse(T + 2 * STEP))
    [unmuted] = fold.redrive(rest, T + 2 * STEP)
    assert unmuted == Entry(rest.batch)


def test_what_fires_of_a_version_that_was_replaced_stays_dead_until_it_comes_back() -> None:
    rows, fold = ModelRows(), planner()
    [batch] = take(fold, rows.fires("a", T), rows.pulse(T))
    take(fold, rows.replaced("a", T + STEP, so=True), rows.pulse(T + STEP))
    why = "not sent again: another version has taken over"
    assert seen(fold.redrive(dead(batch), T + STEP)) == [("dead", ["a"], why)]
    take(fold, rows.replaced("a", T + 2 * STEP, so=False), rows.pulse(T + 2 * STEP))
    assert fold.redrive(dead(batch), T + 2 * STEP) == [Entry(batch)]


def test_a_mute_by_the_wall_clock_holds_too() -> None:
    rows, fold = ModelRows(), planner()
    [batch] = take(fold, rows.fires("a", T), rows.pulse(T))
    take(fold, ("mute|m", mute_row(Mute("m", (), T, T + 5 * HOUR, clock="wall"))))
    assert seen(fold.redrive(dead(batch), T + 1)) == [("dead", ["a"], "not sent again: it is muted now")]


def test_while_the_job_is_behind_nobody_is_told_that_something_fires() -> None:
    rows, fold = ModelRows(), planner()
    [batch] = take(fold, rows.fires("a", T), rows.pulse(T))
    why = "not sent again: the job is behind: nobody knows what is true now"
    assert seen(fold.redrive(dead(batch), T + 3 * HOUR)) == [("dead", ["a"], why)]


def test_a_receiver_that_is_not_known_here_keeps_its_letters() -> None:
    rows = ModelRows()
    [_, batch] = take(planner("r", "s"), rows.fires("a", T), rows.pulse(T))
    assert batch.receiver == "s"
    why = "not sent again: there is no such receiver here"
    assert seen(planner("r").redrive(dead(batch), T)) == [("dead", ["a"], why)]


def test_a_stall_is_sent_again_while_the_job_stands_still() -> None:
    fold, unread = planner(), planner()
    [stall] = fold.watch("job", T, T + HOUR)
    assert fold.redrive(dead(stall), T + HOUR) == [Entry(stall)]
    unread.adopt(stall)
    assert unread.redrive(dead(stall), T + HOUR)[0].fate == Fate.DEAD  # nobody has looked yet
    [end] = fold.watch("job", T + 2 * HOUR, T + 2 * HOUR)
    assert fold.redrive(dead(stall), T + 2 * HOUR)[0].fate == Fate.WITHDRAWN
    assert fold.redrive(dead(end), T + 2 * HOUR) == [Entry(end)]


def test_that_a_mute_ends_is_news_for_an_hour() -> None:
    rows, fold = ModelRows(), planner()
    over = Mute("m", (), T - HOUR, T + 30 * MINUTE)
    [notice] = take(fold, ("mute|m", mute_row(over)), rows.fires("a", T, muted_by=("m",)), rows.pulse(T))
    assert fold.redrive(dead(notice), T + HOUR) == [Entry(notice)]
    assert fold.redrive(dead(notice), T + HOUR + 1)[0].fate == Fate.WITHDRAWN


def test_a_letter_is_asked_for_as_it_died() -> None:
    rows, fold, letters = ModelRows(), planner(), DeadLetters()
    [batch] = take(fold, rows.fires("a", T), rows.pulse(T))
    row = redrive_row(batch.id, "r", rfc3339(T), T + 1)
    assert letters.asked(row) is None
    letters.note(dead(batch))
    assert letters.asked(row) == dead(batch)
    letters.note(Entry(batch))
    assert letters.asked(row) is None  # it is on its way
    letters.note(dead(batch, T + 2))
    assert letters.asked(row) is None  # it died anew


def test_the_row_that_asks_is_as_its_schema_says_and_nobody_stumbles_over_it() -> None:
    rows, fold = ModelRows(), planner()
    [batch] = take(fold, rows.fires("a", T), rows.pulse(T))
    finished_at = entry_row(dead(batch))["finished_at"]
    row = orjson.loads(orjson.dumps(redrive_row(batch.id, "r", finished_at, T)))
    jsonschema.Draft202012Validator(schema("redrive")).validate(row)
    assert list(row) == schema("redrive")["required"] == list(schema("redrive")["properties"])
    fold.recall(f"redrive|{batch.id}", row)
    assert fold.passed_over == 0
