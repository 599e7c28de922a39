"""Names of windows, which windows hold a time, and what a spec refuses."""

import pytest

from streams.ledger.spec import DAY, HOUR, MINUTE, SECOND, Timing
from streams.quality.spec import QualitySpec, WindowSpec, parse_window


@pytest.mark.parametrize(
    ("text", "name", "size_ms", "step_ms"),
    [
        ("24h", "24h", DAY, DAY),
        ("1d", "24h", DAY, DAY),
        ("86400s", "24h", DAY, DAY),
        ("7d", "7d", 7 * DAY, 7 * DAY),
        ("168h", "7d", 7 * DAY, 7 * DAY),
        ("1h", "1h", HOUR, HOUR),
        ("15m", "15m", 15 * MINUTE, 15 * MINUTE),
        ("300s", "5m", 5 * MINUTE, 5 * MINUTE),
        ("90s", "90s", 90 * SECOND, 90 * SECOND),
        ("36h", "36h", 36 * HOUR, 36 * HOUR),
        (" 24h / 1h ", "24h/1h", DAY, HOUR),
        ("1d/60m", "24h/1h", DAY, HOUR),
        ("1h/1h", "1h", HOUR, HOUR),
    ],
)
def test_two_spellings_of_a_window_have_one_name(text: str, name: str, size_ms: int, step_ms: int) -> None:
    assert parse_window(text) == WindowSpec(name, size_ms, step_ms)
    assert parse_window(parse_window(text).name) == WindowSpec(name, size_ms, step_ms)


@pytest.mark.parametrize("text", ["", "h", "24", "0h", "-1h", "1.5h", "1w", "24h/", "24h/1h/1m", "1h 24", "24H"])
def test_what_is_no_window_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write a length such as 90s"):
        parse_window(text)


def test_a_step_longer_than_the_window_is_refused() -> None:
    with pytest.raises(ValueError, match="some predictions would be in no window"):
        parse_window("1h/2h")


def test_a_tumbling_window_holds_its_start_and_not_its_end() -> None:
    # 0         10        20
    # [---------)[--------)
    window = WindowSpec("w", 10, 10)
    assert [list(window.starts(t)) for t in (0, 9, 10, -1)] == [[0], [0], [10], [-10]]


def test_a_time_lies_in_every_sliding_window_that_reaches_over_it() -> None:
    # -5        0         5         10        15
    # [-----------------------------)              starts -5: [-5, 10)
    #           [-----------------------------)    starts  0: [0, 15)
    #                     [-----------------------------)
    #                       ^ 6
    window = WindowSpec("w", 15, 5)
    assert list(window.starts(6)) == [-5, 0, 5]
    assert list(window.starts(5)) == [-5, 0, 5]
    assert list(window.starts(4)) == [-10, -5, 0]


def test_a_step_that_does_not_divide_the_size_still_holds_each_time_in_every_window() -> None:
    # size 5, step 3: [0, 5) [3, 8) [6, 11); buckets of 1
    window = WindowSpec("w", 5, 3)
    assert window.bucket_ms == 1
    for t in range(-20, 20):
        assert list(window.starts(t)) == [s for s in range(-60, 60, 3) if s <= t < s + 5]


def test_windows_begin_at_their_origin() -> None:
    # weeks from Monday: the epoch was a Thursday, so Monday is four days after it
    window = parse_window("7d", origin_ms=4 * DAY)
    assert list(window.starts(0)) == [-3 * DAY]
    assert list(window.starts(4 * DAY)) == [4 * DAY]
    assert window.bucket_start(5 * DAY) == 4 * DAY


def test_a_pane_is_done_after_the_last_window_over_it() -> None:
    # pane 0 = [0, 1h); 24h/1h windows over it end at 1h ... 24h, the day at 24h
    spec = QualitySpec((parse_window("1h"), parse_window("24h/1h")), pane_ms=HOUR)
    assert spec.last_end(0) == DAY
    assert spec.last_end(5) == DAY + 5 * HOUR


@pytest.mark.parametrize(
    ("window", "what"),
    [(WindowSpec("a", 7, 7), "size"), (WindowSpec("a", 10, 4), "step"), (WindowSpec("a", 10, 5, 3), "origin")],
)
def test_a_pane_must_divide_size_step_and_origin(window: WindowSpec, what: str) -> None:
    with pytest.raises(ValueError, match=f"does not divide its {what}"):
        QualitySpec((window,), pane_ms=5)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"windows": ()}, "no windows"),
        ({"windows": (parse_window("24h"), parse_window("1d"))}, "a window is named twice"),
        ({"dimensions": ("a", "a")}, "a dimension is named twice"),
        ({"ledger_partitions": 0}, "at least 1"),
        ({"max_segment_values": 0}, "at least 1"),
    ],
)
def test_a_spec_that_cannot_work_is_refused(changes: dict[str, object], sentence: str) -> None:
    settings: dict[str, object] = {"windows": (parse_window("24h"),), **changes}
    with pytest.raises(ValueError, match=sentence):
        QualitySpec(**settings)  # type: ignore[arg-type]


def test_a_model_can_have_its_own_timing_and_classes() -> None:
    own = Timing(horizon_ms=1)
    spec = QualitySpec((parse_window("1h"),), models=(("m", own),), expected_classes=(("m", ("a", "b")),))
    assert spec.timing_of("m") is own
    assert spec.timing_of("other") is spec.timing
    assert spec.classes_expected("m") == 2
    assert spec.classes_expected("other") is None


def test_a_models_own_class_list_goes_before_the_list_of_all() -> None:
    spec = QualitySpec((parse_window("1h"),), expected_classes=(("m", ("a", "b")),), expected_default=("x", "y", "z"))
    assert (spec.classes_expected("m"), spec.classes_expected("n")) == (2, 3)
    assert QualitySpec((parse_window("1h"),)).classes_expected("n") is None


@pytest.mark.parametrize("windows", [("5m",), ("4m", "6m/2m"), ("3m/2m", "7m/1m", "15m")])
@pytest.mark.parametrize("origin_ms", [0, 60_000, -120_000])
def test_the_first_kept_pane_is_the_first_whose_last_window_ends_later(
    windows: tuple[str, ...], origin_ms: int
) -> None:
    spec = QualitySpec(tuple(parse_window(w, origin_ms) for w in windows), pane_ms=60_000)
    for time_ms in range(-20 * 60_000, 20 * 60_000, 17_000):
        kept = [pane for pane in range(-60, 60) if spec.last_end(pane) > time_ms]
        assert spec.first_kept(time_ms) == kept[0] * 60_000
        assert kept == list(range(kept[0], 60))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"detail_ms": 90 * MINUTE, "pane_ms": 20 * MINUTE}, "not a multiple of the pane"),
        ({"detail_ms": 0}, "not a multiple of the pane"),
        ({"maturities_ms": (0,)}, "label ages above 0"),
        ({"maturities_ms": (DAY, HOUR)}, "ascending"),
        ({"maturities_ms": (HOUR, HOUR)}, "each once"),
    ],
)
def test_details_are_whole_panes_and_label_ages_ascend(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        QualitySpec((parse_window("24h"),), **changes)  # type: ignore[arg-type]
    QualitySpec((parse_window("24h"),), pane_ms=20 * MINUTE, detail_ms=40 * MINUTE, maturities_ms=(HOUR, DAY))
