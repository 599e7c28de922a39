"""When coverage depends on the predicted class, and when labels come at another pace than before."""

import numpy as np

from streams.quality.maturing.coverage import by_class, pace

PREDICTIONS = np.array([800, 150, 50])


def test_the_same_coverage_of_each_class_is_likely_by_chance() -> None:
    p = by_class(PREDICTIONS // 5, PREDICTIONS)
    assert p is not None
    assert p > 0.99


def test_a_class_that_is_labelled_at_once_is_not_chance() -> None:
    p = by_class(np.array([80, 15, 40]), PREDICTIONS)
    assert p is not None
    assert p < 1e-10


def test_there_is_nothing_to_compare_when_all_or_none_are_labelled_or_one_class_is_predicted() -> None:
    assert by_class(PREDICTIONS, PREDICTIONS) is None
    assert by_class(np.zeros(3, np.int64), PREDICTIONS) is None
    assert by_class(np.array([10, 0, 0]), np.array([100, 0, 0])) is None


def test_the_p_value_is_as_often_below_one_in_a_hundred_as_it_says() -> None:
    rng = np.random.default_rng(5)
    found = [by_class(rng.binomial(PREDICTIONS, 0.05), PREDICTIONS) for _ in range(2000)]
    rejected = sum(p is not None and p < 0.01 for p in found)
    assert 5 <= rejected <= 40


def test_the_pace_of_the_reference_is_no_drift_however_uneven_it_is() -> None:
    before = np.array([8000, 300, 500])
    p = pace(np.array([80, 3, 5]), PREDICTIONS, before, 100 * PREDICTIONS)
    assert p is not None
    assert p > 0.9


def test_labels_that_come_later_than_they_used_to_are_drift() -> None:
    before = np.array([40_000, 7500, 2500])
    p = pace(np.array([320, 60, 20]), PREDICTIONS, before, 100 * PREDICTIONS)
    assert p is not None
    assert p < 1e-6


def test_labels_that_are_all_there_as_always_leave_nothing_to_compare() -> None:
    assert pace(PREDICTIONS, PREDICTIONS, 100 * PREDICTIONS, 100 * PREDICTIONS) is None


def test_the_pace_is_rejected_as_rarely_as_it_says() -> None:
    rng = np.random.default_rng(6)
    before = np.array([8000, 7500, 4000])
    found = [
        pace(rng.binomial(PREDICTIONS, before / (100 * PREDICTIONS)), PREDICTIONS, before, 100 * PREDICTIONS)
        for _ in range(2000)
    ]
    rejected = sum(p is not None and p < 0.01 for p in found)
    assert 5 <= rejected <= 40
