"""Which mutes may be asked for while a job runs, from when to when, and what they cover."""

from typing import Any

import pytest

from streams.alerts.instance import Instance, Phase, fingerprint, labels_of
from streams.alerts.mutes import mutes_at
from streams.alerts.rows import Context, alert_row
from streams.alerts.rules.model import DAY, HOUR, MINUTE, Mute
from streams.ledger.times import rfc3339
from streams.runtime.desk.coverage import covered, standing
from streams.runtime.desk.mutes import ending
from streams.runtime.desk.requests import InvalidMuteError, requested
from streams.runtime.rules.load import parse_rules
from tests.unit.rules.job_of_rules import JOB

NOW = 20_000 * DAY + 12 * HOUR
LATE = {"fraud-clf": rfc3339(NOW - 6 * HOUR), "spam": rfc3339(NOW - HOUR)}
HISTORY = {"fraud-clf": rfc3339(NOW - 300 * DAY), "spam": rfc3339(NOW - 299 * DAY)}
STEP = 5 * MINUTE
RULES = parse_rules(
    'schema = 1\n[[slo]]\nname = "recall"\ntarget = 0.9\nrunbook = "x"\nperiod = "28d"\n', "r.toml"
).rules
BODY = {"name": "quiet", "match": {"model": "fraud-clf"}, "for": "2h", "reason": "INC-7", "author": "me"}


def asked(judged: dict[str, str] | None = None, *, without: str = "", **changes: Any) -> Mute:
    body = {key: value for key, value in {**BODY, **changes}.items() if key != without}
    return requested(body, RULES, JOB, LATE if judged is None else judged, NOW)


def problems(judged: dict[str, str] | None = None, *, without: str = "", **changes: Any) -> dict[str, str]:
    with pytest.raises(InvalidMuteError) as refused:
        asked(judged, without=without, **changes)
    assert all(problem.written in str(refused.value) for problem in refused.value.problems)
    return {problem.key: problem.text for problem in refused.value.problems}


def row(cls: str, t: int = NOW - 6 * HOUR, model: str = "fraud-clf", **more: str) -> dict[str, object]:
    labels = labels_of(model=model, version="2", **{"class": cls}, **more)
    alert = Instance("recall", "slo", labels, fingerprint("recall", labels), Phase.FIRING, t, t)
    return alert_row("quality.alert.v1", alert, t, Context("0" * 16, t), None)


def test_a_mute_by_event_time_begins_with_what_is_judged_next_and_ends_by_the_clock() -> None:
    mute = asked()
    assert (mute.start_ms, mute.end_ms) == (NOW - 6 * HOUR, NOW + 2 * HOUR)
    labels = labels_of(model="fraud-clf", version="2")
    judged = NOW - 6 * HOUR
    assert mutes_at([mute], "recall", labels, judged) == ()
    assert mutes_at([mute], "recall", labels, judged + STEP) == ("quiet",)
    assert mutes_at([mute], "recall", labels, NOW + 2 * HOUR) == ("quiet",)
    assert mutes_at([mute], "recall", labels, NOW + 2 * HOUR + STEP) == ()


def test_of_several_models_the_one_that_is_furthest_behind_says_where_it_begins() -> None:
    assert asked(match={"model": "*"}).start_ms == NOW - 6 * HOUR
    assert asked(match={"model": "spam"}).start_ms == NOW - HOUR
    assert asked(match={"class": "ok"}).start_ms == NOW - 6 * HOUR


def test_a_model_that_stands_still_for_long_does_not_move_the_begin() -> None:
    judged = {"old": HISTORY["spam"], **LATE}
    assert asked(judged, match={"model": "*"}).start_ms == NOW - 6 * HOUR


def test_of_a_history_the_length_counts_from_where_the_job_is() -> None:
    mute = asked(HISTORY, match={"model": "*"})
    assert (mute.start_ms, mute.end_ms) == (NOW - 300 * DAY, NOW - 299 * DAY + 2 * HOUR)
    assert standing(mute, HISTORY, NOW) == "now"


def test_the_whole_of_30_days_can_be_asked_for() -> None:
    month: dict[str, Any] = {"for": "30d"}
    mute = asked(**month)
    assert (mute.start_ms, mute.end_ms) == (NOW, NOW + 30 * DAY)


@pytest.mark.parametrize("judged", [{}, {"other": HISTORY["spam"]}])
def test_before_anything_was_judged_now_is_now(judged: dict[str, str]) -> None:
    assert asked(judged).start_ms == NOW


def test_by_the_wall_clock_it_begins_now() -> None:
    mute = asked(clock="wall")
    assert (mute.start_ms, mute.end_ms, mute.clock) == (NOW, NOW + 2 * HOUR, "wall")


def test_times_that_are_said_count() -> None:
    start, end = rfc3339(NOW + HOUR), rfc3339(NOW + 2 * HOUR)
    hour: dict[str, Any] = {"for": "1h"}
    assert asked(start=start, end=end, without="for") == asked(start=start, **hour)
    assert asked(start=start, end=end, without="for").start_ms == NOW + HOUR


def test_everything_is_muted_only_where_that_is_said() -> None:
    assert asked(match={"model": "*"}).match == ()
    assert set(problems(match={})) == {"match"}
    assert set(problems(without="match")) == {"match"}


def test_segments_and_the_alerts_about_missing_data_can_be_named() -> None:
    mute = asked(match={"segment": {"region": "eu"}, "rule": "recall|recall/no-data"})
    assert mute.match == (("rule", "recall|recall/no-data"), ("segment.region", "eu"))


@pytest.mark.parametrize(
    ("changes", "key", "says"),
    [
        ({"name": "a b"}, "name", "cannot be a name"),
        ({"name": 5}, "name", "is not text"),
        ({"match": {"modl": "x"}}, "match.modl", "no label that alerts have"),
        ({"match": {"model": "a*"}}, "match.model", "no pattern"),
        ({"match": {"class": "frod"}}, "match", 'Did you mean "fraud"?'),
        ({"match": {"rule": "recal"}}, "match.rule", 'Did you mean "recall"?'),
        ({"match": {"segment.land": "x"}}, "match", "not a dimension of the job"),
        ({"match": {"model": "a\udcff"}}, "match", "characters that no label can have"),
        ({"match": "model=x"}, "match", "a table"),
        ({"for": "31d"}, "end", "more than 30d"),
        ({"for": "2"}, "for", "is not a duration"),
        ({"for": None}, "end", "it has no end"),
        ({"end": rfc3339(NOW + HOUR)}, "for", "Choose one"),
        ({"for": None, "end": "2026-01-01T00:00:00"}, "end", "has no zone"),
        ({"for": None, "end": rfc3339(NOW - 6 * HOUR)}, "end", "it ends before it begins"),
        ({"for": None, "start": rfc3339(NOW - 9 * HOUR), "end": rfc3339(NOW - 7 * HOUR)}, "end", "it is over already"),
        ({"start": rfc3339(NOW + HOUR), "for": None, "end": rfc3339(NOW)}, "end", "ends before it begins"),
        ({"budget": "exclude", "for": "8d"}, "end", "longer than 25% of the period"),
        ({"clock": "sun"}, "clock", "is not possible"),
        ({"reason": " "}, "reason", "needs a reason"),
        ({"reason": "a\nb"}, "reason", "cannot be printed"),
        ({"author": "\udcff"}, "author", "is not possible"),
        ({"weekly": {"day": "mon"}}, "weekly", "unknown key"),
    ],
)  # fmt: skip
def test_what_may_not_be_asked(changes: dict[str, Any], key: str, says: str) -> None:
    found = problems(**changes)
    assert list(found) == [key]
    assert says in found[key]


def test_every_error_is_told_at_once() -> None:
    changes: dict[str, Any] = {
        "name": "",
        "match": {"rule": "x", "class": "frod"},
        "for": "40d",
        "clock": "wall",
        "author": "",
    }
    assert set(problems(**changes, reason="")) == {"name", "match.rule", "match", "end", "author", "reason"}


def test_what_a_mute_covers_by_event_time_is_what_is_judged_next() -> None:
    rows = [row("fraud"), row("ok"), row("fraud", model="spam"), row("fraud", segment__region="eu")]
    mute = asked(match={"model": "fraud-clf", "class": "fraud"})
    assert covered(mute, rows, LATE, NOW) == [rows[0], rows[3]]
    later = asked(match={"model": "*"}, start=rfc3339(NOW - 2 * HOUR))
    assert covered(later, rows, LATE, NOW) == [rows[2]]  # of the other one older steps are judged


def test_what_a_mute_covers_by_the_wall_clock_is_what_would_be_told_now() -> None:
    mute = asked(clock="wall")
    assert covered(mute, [row("fraud")], LATE, NOW + HOUR) == [row("fraud")]
    assert covered(mute, [row("fraud")], LATE, NOW + 2 * HOUR) == []


@pytest.mark.parametrize(("clock", "judged"), [("event", LATE), ("wall", LATE), ("event", HISTORY)])
def test_a_mute_that_is_ended_holds_no_more(clock: str, judged: dict[str, str]) -> None:
    mute = asked(judged, clock=clock)
    assert standing(mute, judged, NOW) == "now"
    end_ms = ending(mute, judged, NOW).at_ms
    ended = Mute(mute.name, mute.match, mute.start_ms, end_ms, clock=clock)
    assert standing(ended, judged, NOW) == "over"
    assert covered(ended, [row("fraud")], judged, NOW) == []


def test_a_planned_mute_holds_later() -> None:
    assert standing(asked(start=rfc3339(NOW + HOUR)), LATE, NOW) == "later"
    assert standing(Mute("gone", (), 0, 0), LATE, NOW) == "over"


def test_what_is_muted_is_of_bounded_length() -> None:
    assert problems(match={"model": "|".join(["fraud-clf"] * 401)}) == {
        "match": "it has more than 4,000 characters. Mute a whole model or rule, or several times."
    }
