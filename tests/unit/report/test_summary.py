"""What the page says in words: the standing of each version, incidents, delays, ticks and names."""

from typing import Any

import pytest

from streams.report.calendar_ticks import calendar_ticks
from streams.report.delays import quantile
from streams.report.evidence import Evidence, Wish, gather
from streams.report.incidents import incidents_of
from streams.report.summary import Standing, standings
from streams.report.words import age, clean, distinct, interval, listed, moment, percent, period, short
from tests.unit.report.made import HOUR_MS, START_MS, Made, Rows, make

DAY_MS = 24 * HOUR_MS


def evidence(rows: Rows) -> Evidence:
    return gather(Made(rows), Wish())


def standing(rows: Rows) -> Standing:
    return standings(evidence(rows))[0]


def one_version(**newest_verdict: Any) -> Rows:
    """Thirty windows of which the newest settled one, the 25th, is changed."""
    rows = make(windows=30, versions=["a"])
    verdict = [row for row in rows["windows"] if row["status"] == "settled"][-1]
    verdict.update(newest_verdict)
    return rows


def test_a_version_stands_by_its_newest_settled_window_not_by_an_open_one() -> None:
    rows = one_version(balanced_accuracy=0.5, balanced_accuracy_lower=0.41, balanced_accuracy_upper=0.59)
    said = standing(rows)
    assert said.figure == "50.0 %"
    assert said.sentence == "95 % interval 41.0 to 59.0 %; settled window 2026-01-25 to 2026-01-26"
    assert said.coverage == "94.8 % of 211 predictions have a label"
    assert said.verdicts == 25
    assert said.usual.startswith("The median of its 25 settled windows is ")


def test_the_newest_nowcast_is_of_a_window_whose_labels_still_come() -> None:
    rows = make(windows=30, versions=["a"])
    newest = rows["windows"][-1]
    newest.update(balanced_accuracy_nowcast=0.25, balanced_accuracy_nowcast_lower=0.2)
    newest.update(balanced_accuracy_nowcast_upper=0.3)
    assert standing(rows).nowcast_sentence == (
        "nowcast for 2026-01-30 to 2026-01-31, whose labels are still coming: 25.0 % (20.0 to 30.0 %)"
    )
    for row in rows["windows"]:
        row["status"] = "final"
    assert standing(rows).nowcast_sentence == ""


@pytest.mark.parametrize(
    ("fields", "warning"),
    [
        ({"low_support": True, "min_support": 1}, "the rarest class has only one label. Read the interval"),
        ({"low_support": True, "min_support": 4}, "the rarest class has only 4 labels."),
        ({"labelled": 0, "balanced_accuracy": None}, "Nothing is labelled in this window"),
        ({"labelled": 105}, "Fewer than half of the predictions have a label."),
        ({"classes_with_support": 2}, "labels of only 2 of 3 classes"),
        ({"classes_expected": 4}, "3 of 4 expected classes have labels in this window."),
        ({"coverage_biased": True}, "Labels are missing more often for some predicted classes than for others."),
    ],
)
def test_what_to_beware_of_is_said(fields: dict[str, Any], warning: str) -> None:
    calm = one_version(low_support=False, min_support=20)
    assert standing(calm).warnings == ()
    assert warning in " ".join(standing(one_version(**{"low_support": False, **fields})).warnings)


def test_a_window_without_labels_has_no_figure_and_no_zero() -> None:
    said = standing(one_version(labelled=0, balanced_accuracy=None, low_support=True, min_support=None))
    assert said.figure == "not defined"
    assert said.sentence == "settled window 2026-01-25 to 2026-01-26"


def test_before_a_window_settles_there_is_no_verdict() -> None:
    said = standing(make(windows=4, versions=["a"]))
    assert (said.figure, said.sentence, said.coverage) == ("no verdict yet", "no window has settled yet", "")
    assert said.warnings == ("No window has settled: every number below can still move.",)


def test_a_version_that_is_gone_is_said_to_be_gone() -> None:
    rows = make(windows=30)
    rows["windows"] = [r for r in rows["windows"] if r["model_version"] == "v2" or r["window_start"] < "2026-01-12"]
    newest, gone = standings(evidence(rows))
    assert (newest.version, gone.version) == ("v2", "v1")
    assert "No predictions since 2026-01-12: the figure is from then." in gone.warnings
    assert not [warning for warning in newest.warnings if "No predictions" in warning]


def test_findings_that_began_at_one_time_are_one_incident() -> None:
    found = incidents_of(evidence(make(windows=30, versions=["a"])))
    assert found is not None
    assert [(one.kind, one.is_open, one.blame) for one in found] == [
        ("performance", False, "cat"),
        ("prediction", True, "cat"),
    ]
    performance = found[0]
    assert (performance.start_ms - START_MS) // DAY_MS == 15
    assert (performance.end_ms - START_MS) // DAY_MS == 26
    assert performance.worst.p_value == 1e-5
    assert [one.kind for one in standing(make(windows=30, versions=["a"])).open_incidents] == ["prediction"]


def test_the_class_named_most_often_is_to_blame() -> None:
    rows = make(windows=30, versions=["a"])
    inside = [row for row in rows["drift"] if row["kind"] == "performance" and row["incident"]]
    for row in inside[:-2]:
        row["subject"] = "dog"
    found = incidents_of(evidence(rows))
    assert found is not None
    assert found[0].subjects == ("dog", "cat")


def test_a_rate_is_watched_for_each_subject_and_blame_may_change() -> None:
    rows = make(windows=12, versions=["a"])
    row = rows["drift"][0]
    rate = {**row, "kind": "agreement"}
    rows["drift"] = [
        {**rate, "subject": "x & y"},
        {**rate, "subject": "x & z"},
        {**row, "subject": "cat", "revision": 1},
        {**row, "subject": "dog", "revision": 2},
    ]
    found = evidence(rows).findings
    assert found is not None
    assert sorted((one.kind, one.subject) for one in found["a"]) == [
        ("agreement", "x & y"), ("agreement", "x & z"), ("performance", "dog"),
    ]  # fmt: skip


def test_without_drift_rows_nothing_is_said_of_incidents() -> None:
    rows = make(windows=12)
    del rows["drift"]
    assert incidents_of(evidence(rows)) is None
    assert standing(rows).open_incidents == ()


@pytest.mark.parametrize(
    ("share", "expected"), [(0.1, 12.0), (0.25, 30.0), (0.5, 60.0), (0.75, 397.5), (0.9, 600.0), (0.95, None)]
)
def test_quantiles_of_the_delay_are_linear_inside_a_bin(share: float, expected: float | None) -> None:
    histogram = {(60.0, 600.0): 8, (0.0, 60.0): 10, (3600.0, None): 2}
    assert quantile(histogram, share) == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("length_ms", "most", "labels"),
    [
        (10 * 60_000, 6, ["1 Jan", "00:02", "00:04", "00:06", "00:08", "00:10"]),
        (DAY_MS, 4, ["1 Jan", "12:00", "2 Jan"]),
        (9 * DAY_MS, 4, ["3 Jan", "7 Jan"]),
        (28 * DAY_MS, 4, ["5 Jan", "19 Jan"]),
        (120 * DAY_MS, 5, ["2026", "Feb", "Mar", "Apr", "May"]),
        (3 * 366 * DAY_MS, 4, ["2026", "2027", "2028", "2029"]),
        (60 * 366 * DAY_MS, 4, ["2040", "2060", "2080"]),
    ],
)
def test_ticks_stand_on_the_calendars_borders(length_ms: int, most: int, labels: list[str]) -> None:
    found = calendar_ticks(START_MS, START_MS + length_ms, most)
    assert [tick.label for tick in found] == labels
    assert 2 <= len(found) <= most
    assert all(START_MS <= tick.at_ms <= START_MS + length_ms for tick in found)


def test_hours_far_from_midnight_say_their_day_once() -> None:
    found = calendar_ticks(START_MS + 5 * HOUR_MS, START_MS + 9 * HOUR_MS, 5)
    assert [tick.label for tick in found] == ["1 Jan 05:00", "06:00", "07:00", "08:00", "09:00"]
    found = calendar_ticks(START_MS + 40 * DAY_MS, START_MS + 160 * DAY_MS, 5)
    assert [tick.label for tick in found] == ["Mar 2026", "Apr", "May", "Jun"]


def test_names_and_numbers_read_well() -> None:
    assert (percent(None), percent(0.0), interval(None, 0.5)) == ("not defined", "0.0 %", "not defined")
    assert (moment(START_MS), moment(START_MS + 61_000)) == ("2026-01-01", "2026-01-01 00:01:01")
    assert period(START_MS + HOUR_MS, START_MS + 2 * DAY_MS) == "2026-01-01 01:00 to 2026-01-03 00:00"
    assert (age(0.5), age(7_200), age(45 * 86_400)) == ("0.5 s", "2 h", "45 d")
    assert (listed([]), listed(["a"]), listed(["a", "b"])) == ("none", "a", "a and b")
    assert clean("a\u202eb\u0000\n") == "a\ufffdb\ufffd\ufffd"
    assert short("\u05d0\u05d1", 9) == "\u2068\u05d0\u05d1\u2069"
    assert len(short("x" * 99, 20)) == 20


def test_names_that_look_alike_when_short_can_be_told_apart() -> None:
    names = [f"product category {number} of the catalogue" for number in range(12)]
    assert len(set(distinct(names, 14))) == 12
    assert distinct(names, 14)[3] == "…3…"
    assert distinct(["abc", "abd"], 14) == ["abc", "abd"]
    halves = [f"{'x' * 30}{middle}{'y' * 30}{middle}{'z' * 30}" for middle in ("a", "b")]
    assert len(set(distinct(halves, 9))) == 2
