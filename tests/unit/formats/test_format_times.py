from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from streams.formats.reasons import Reason
from streams.formats.time_columns import time_column
from streams.formats.times import time_ms
from streams.formats.values import Unreadable


@pytest.mark.parametrize(
    ("value", "ms"),
    [
        (1_700_000_000, 1_700_000_000_000),
        (1_700_000_000.123, 1_700_000_000_123),
        (1_700_000_000.1239, 1_700_000_000_123),
        (1_700_000_000_123, 1_700_000_000_123),
        (1_700_000_000_123.9, 1_700_000_000_123),
        (1_700_000_000_123_999, 1_700_000_000_123),
        (1_700_000_000_123_999_999, 1_700_000_000_123),
        (99_999_999_999, 99_999_999_999_000),
        (100_000_000_000, 100_000_000_000),
        (0, 0),
        (-1.5, -1500),
        (-0.0001, -1),
        ("1970-01-01T00:00:00Z", 0),
        ("2026-10-01T12:34:56.080736102Z", 1790858096080),
        ("2026-10-01t12:34:56,5z", 1790858096500),
        ("2026-10-01 12:34:56+02:00", 1790850896000),
        ("2026-10-01T12:34:56-0430", 1790874296000),
        ("2026-10-01T12:34:56 +02", 1790850896000),
        ("2026-10-01T12:34Z", 1790858040000),
        ("2016-12-31T23:59:60Z", 1483228800000),
        ("2024-02-29T00:00:00Z", 1709164800000),
        ("1969-12-31T23:59:59.9999Z", -1),
    ],
)
def test_a_time_is_read_alone_and_in_a_column(value: object, ms: int) -> None:
    assert time_ms("time", value) == ms
    column = time_column([value, value])
    assert column.odd.all() or column.ms.tolist() == [ms, ms]


@pytest.mark.parametrize(
    "value",
    [
        True, None, [], {}, "", "now", "1700000000", float("inf"), float("nan"), "2026-13-01T00:00:00Z",
        "2023-02-29T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:61Z",
        "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+00:60", "2026-01-01", "0000-01-01T00:00:00Z",
        "2026-01-01T00:00:00.Z", "\uff12026-01-01T00:00:00Z", "2026-01-01T00:00:00Z" + " " * 99,
    ],
)  # fmt: skip
def test_what_is_no_time_is_rejected_alone_and_odd_in_a_column(value: object) -> None:
    with pytest.raises(Unreadable) as raised:
        time_ms("time", value)
    assert raised.value.reason is Reason.NOT_A_TIME
    column = time_column([value])
    assert column.odd[0] or column.missing[0]


def test_a_zone_is_never_guessed() -> None:
    with pytest.raises(Unreadable) as raised:
        time_ms("time", "2026-07-01T12:00:00")
    assert raised.value.reason is Reason.TIME_WITHOUT_ZONE
    assert time_ms("time", "2026-07-01T12:00:00", ZoneInfo("America/New_York")) == 1782921600000
    assert time_column(["2026-07-01T12:00:00.000"]).odd[0]


def test_a_column_of_all_kinds_of_times_is_read_at_once() -> None:
    values = [
        1_700_000_000,
        "2026-10-01T12:34:56.080736102Z",
        None,
        1.5,
        "2026-10-01T12:34:56.08Z",
        "2026-10-01T12:34:56Z",
    ]
    column = time_column(values)
    assert not column.odd.any()
    assert column.missing.tolist() == [False, False, True, False, False, False]
    assert column.ms.tolist() == [1_700_000_000_000, 1790858096080, 0, 1500, 1790858096080, 1790858096000]


def test_one_bad_text_spoils_no_other() -> None:
    good = "2026-10-01T12:34:56.123Z"
    assert time_column([good, "2026-10-01T12:34:5\n.123Z", good]).odd.tolist() == [False, True, False]
    assert time_column([good, good + "\n2", "2" + good[2:], good]).odd.tolist() == [False, True, True, False]


def test_a_line_end_inside_a_text_does_not_move_the_texts_after_it() -> None:
    good = "2026-10-01T12:34:56.123Z"
    column = time_column([good, good + "\n" + good, "", "x" * (len(good) - 1)])
    assert column.odd.tolist() == [False, True, True, True]


def test_every_day_of_four_centuries_agrees_with_datetime() -> None:
    days = [datetime.fromtimestamp(day * 86_400 - 11_676_096_000, UTC) for day in range(0, 146_097, 7)]
    texts = [day.strftime("%Y-%m-%dT%H:%M:%S.000Z") for day in days]
    column = time_column(texts)
    assert not column.odd.any()
    assert column.ms.tolist() == [round(day.timestamp()) * 1000 for day in days]
