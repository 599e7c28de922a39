"""Missing data: when a window can be judged, when silence is an alarm and when it is the night."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from streams.alerts.evidence.series import Completeness
from streams.alerts.missing import (
    ALPHA,
    Ints,
    Silence,
    is_ready,
    judge_missing,
    no_data_name,
    silence,
)
from streams.alerts.rules.model import DAY, HOUR, MINUTE, NoData, Severity
from streams.alerts.verdict import Verdict

T = 20_000 * DAY
TALKS = Silence(0, 1.0)
NO_DATA = NoData(2 * HOUR, Severity.TICKET)


def hours(*spans: tuple[int, int]) -> Ints:
    """Hours with predictions, from spans [begin, end) in hours before T."""
    found = [T - back * HOUR for begin, end in spans for back in range(begin, end, -1)]
    return np.array(sorted(found), np.int64)


@pytest.mark.parametrize(
    ("predictions", "labelled", "usual", "ready"),
    [
        (1000, 900, 0.9, True),
        (1000, 820, 0.9, True),  # 91 % of the usual share
        (1000, 800, 0.9, False),
        (1000, 550, 0.6, True),  # a topic that only ever gets 60 % of its labels
        (5, 4, 0.9, True),  # below .81, but that is one label
        (5, 0, 0.9, False),
        (1000, 0, 0.9, False),
        (1000, 0, None, True),  # nobody knows yet what is usual
        (1000, 0, 0.0, True),
        (0, 0, 0.9, True),  # the night
    ],
)
def test_a_window_can_be_judged_unless_labels_are_missing(
    predictions: int, labelled: int, usual: float | None, *, ready: bool
) -> None:
    assert is_ready(Completeness(predictions, labelled, usual), 0.9) is ready


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 10_000), st.floats(0, 1), st.floats(0.01, 1))
def test_it_is_ready_as_the_definition_says(predictions: int, share: float, usual: float) -> None:
    labelled = int(share * predictions)
    lacks = labelled < 0.9 * usual * predictions
    p = float(binom.cdf(labelled, predictions, usual))
    if abs(p - ALPHA) > 1e-9:
        assert is_ready(Completeness(predictions, labelled, usual), 0.9) is not (lacks and p <= ALPHA)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 2000), st.floats(0, 1), st.floats(0.01, 1), st.floats(0, 1), st.floats(0.1, 1))
def test_who_may_judge_and_who_is_told_agree(
    predictions: int, share: float, usual: float, worst: float, ready: float
) -> None:
    found = Completeness(predictions, int(share * predictions), usual, worst * usual)
    verdict = judge_missing(NO_DATA, ready, found, TALKS, 7).verdict
    assert is_ready(found, ready) is (verdict is not Verdict.BREACH)
    p = float(binom.cdf(found.labelled, predictions, worst * usual))
    if abs(p - ALPHA) > 1e-9:
        lacks = found.labelled < ready * usual * predictions
        expected = Verdict.CLEAR if not lacks else Verdict.BREACH if p <= ALPHA else Verdict.HOLD
        assert verdict is expected


def test_a_day_that_is_like_others_lacks_nothing_and_is_not_well_either() -> None:
    found = Completeness(1000, 500, 0.8, 0.48)
    assert is_ready(found, 0.9)
    assert judged(found)[0] is Verdict.HOLD
    assert judged(found._replace(labelled=400)) == (Verdict.BREACH, "labels", 2 * HOUR)
    assert judged(found._replace(labelled=730))[0] is Verdict.CLEAR


def judged(found: Completeness, quiet: Silence = TALKS) -> tuple[Verdict, object, int]:
    judgement = judge_missing(NO_DATA, 0.9, found, quiet, 7)
    return judgement.verdict, judgement.evidence["missing"], judgement.policy.for_ms


def test_too_few_labels_must_last() -> None:
    assert judged(Completeness(1000, 500, 0.9)) == (Verdict.BREACH, "labels", 2 * HOUR)
    judgement = judge_missing(NO_DATA, 0.9, Completeness(1000, 500, 0.9), TALKS, 7)
    assert (judgement.severity, judgement.support) == (Severity.TICKET, 7)
    assert judgement.evidence["completeness"] == 0.5
    assert judgement.evidence["p_value"] == pytest.approx(binom.cdf(500, 1000, 0.9))


def test_too_few_labels_by_chance_say_nothing() -> None:
    assert judged(Completeness(5, 4, 0.9)) == (Verdict.HOLD, None, 0)


def test_being_well_needs_predictions_with_labels() -> None:
    assert judged(Completeness(1000, 900, 0.9))[0] is Verdict.CLEAR
    assert judged(Completeness(1000, 0, None))[0] is Verdict.CLEAR
    assert judged(Completeness(0, 0, 0.9))[0] is Verdict.HOLD


def test_an_unusual_silence_fires_at_once_when_it_is_long_enough() -> None:
    nothing = Completeness(0, 0, 0.9)
    assert judged(nothing, Silence(2 * HOUR, 0.95)) == (Verdict.BREACH, "predictions", 0)
    assert judged(nothing, Silence(2 * HOUR - 1, 0.95))[0] is Verdict.HOLD
    assert judged(nothing, Silence(2 * HOUR, 0.89))[0] is Verdict.HOLD
    assert judged(nothing, Silence(2 * HOUR, None))[0] is Verdict.HOLD


def test_a_version_that_always_talks_is_missed() -> None:
    assert silence(hours((100, 3)), T, 2 * HOUR) == Silence(3 * HOUR, 1.0)


def test_a_silence_is_measured_from_the_end_of_the_last_hour() -> None:
    assert silence(hours((100, 0)), T - 10 * MINUTE, 2 * HOUR).silent_ms == 0
    assert silence(hours((100, 0)), T + 10 * MINUTE, 2 * HOUR).silent_ms == 10 * MINUTE


def test_the_night_of_a_version_that_works_by_day_is_no_alarm() -> None:
    days = [(24 * day + 12, 24 * day) for day in range(7, 0, -1)]
    found = silence(hours(*days), T, 2 * HOUR)
    assert found.silent_ms == 24 * HOUR
    assert found.usual is not None
    assert found.usual < 0.65


def test_one_quiet_hour_is_usual_where_every_second_one_is() -> None:
    every_second = np.arange(T - 100 * HOUR, T, 2 * HOUR)
    assert silence(every_second, T, HOUR).usual == pytest.approx(0.5, abs=0.01)
    assert silence(every_second, T, 2 * HOUR).usual == 1.0


def test_a_long_silence_does_not_come_to_be_usual() -> None:
    assert silence(hours((30 * 24, 20 * 24)), T, 2 * HOUR) == Silence(20 * DAY, 1.0)


def test_only_the_last_week_before_it_counts() -> None:
    gap = hours((24 * 20, 24 * 10), (24 * 7, 0))
    assert silence(gap, T, 2 * HOUR).usual == 1.0


def test_nothing_is_usual_in_the_first_day_or_before_any_prediction() -> None:
    assert silence(hours((26, 3)), T, 2 * HOUR) == Silence(3 * HOUR, None)
    assert silence(hours((27, 3)), T, 2 * HOUR).usual == 1.0
    assert silence(hours(), T, 2 * HOUR) == Silence(0, None)


def test_nothing_is_usual_for_a_stretch_that_is_longer_than_what_is_known() -> None:
    assert silence(hours((40, 0)), T, 3 * DAY).usual is None


def test_a_version_that_was_replaced_is_not_missed() -> None:
    always = hours((100, 3))
    assert not silence(hours((100, 0)), T, 2 * HOUR, replaced=True).replaced
    replaced = silence(always, T, 2 * HOUR, replaced=True)
    assert replaced.replaced
    judgement = judge_missing(NO_DATA, 0.9, Completeness(0, 0, 0.9), replaced, 0)
    assert (judgement.verdict, judgement.policy.clear_support) == (Verdict.CLEAR, 0)
    assert judged(Completeness(1000, 500, 0.9), replaced)[0] is Verdict.BREACH


def test_it_has_a_name_of_its_own() -> None:
    assert no_data_name("recall") == "recall/no-data"
