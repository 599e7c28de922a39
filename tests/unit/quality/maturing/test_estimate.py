"""Balanced accuracy without labels: exact where the reference tells all, honest about what it cannot know."""

import numpy as np
import pytest
from numpy.typing import NDArray

from streams.quality.maturing.dense import BINS
from streams.quality.maturing.estimate import estimated, label_shift
from streams.quality.maturing.outlook import Unknown

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def world(prior: tuple[float, float], n: int) -> Ints:
    """Counts (2, 2, BINS) of a classifier that is the surer the righter it is; bins 10 to 19 of each class."""
    counts = np.zeros((2, 2, BINS))
    for b in range(10, 20):
        right = (b + 1) / 20
        for j in range(2):
            # a fixed P(cell | true class), whatever the prior is
            counts[j, j, b] = right * (b - 8)
            counts[1 - j, j, b] = (1 - right) * (b - 8)
    of_class = counts.sum(axis=(1, 2))
    return np.asarray(np.rint(counts * (np.asarray(prior) / of_class)[:, None, None] * n), np.int64)


def seen(reference: Ints) -> Floats:
    return np.asarray(reference.reshape(len(reference), -1) + 1e-9, np.float64)


def balanced_accuracy(counts: Ints | Floats) -> float:
    matrix = counts.sum(axis=2)
    return float((np.diagonal(matrix) / matrix.sum(axis=1)).mean())


def test_a_window_like_the_reference_is_as_good_as_the_reference() -> None:
    reference = world((0.7, 0.3), 1_000_000)
    found = estimated(world((0.7, 0.3), 20_000).sum(axis=0), reference)
    assert found == pytest.approx(balanced_accuracy(reference), abs=1e-3)


def test_other_class_shares_alone_are_corrected_for() -> None:
    reference, now = world((0.9, 0.1), 1_000_000), world((0.3, 0.7), 20_000)
    found = estimated(now.sum(axis=0), reference)
    assert found == pytest.approx(balanced_accuracy(now), abs=3e-3)
    # with P(true | cell) as it was, without the correction, it is far off
    posterior = reference / np.maximum(reference.sum(axis=0), 1)
    uncorrected = balanced_accuracy(posterior * now.sum(axis=0))
    assert abs(uncorrected - balanced_accuracy(now)) > 0.05


def test_the_prior_is_found_by_em() -> None:
    now = world((0.3, 0.7), 20_000).sum(axis=0).ravel().astype(np.float64)
    prior = label_shift(now, seen(world((0.9, 0.1), 1_000_000)))
    assert prior is not None
    assert prior.tolist() == pytest.approx([0.3, 0.7], abs=2e-3)


def test_harder_cases_are_no_label_shift_and_leave_the_prior_alone() -> None:
    reference = world((0.6, 0.4), 1_000_000)
    harder = world((0.6, 0.4), 20_000)
    harder[:, :, 15:] //= 4  # fewer of those that it is sure of; the truth given the cell is the same
    assert label_shift(harder.sum(axis=0).ravel().astype(np.float64), seen(reference)) is None
    assert estimated(harder.sum(axis=0), reference) == pytest.approx(balanced_accuracy(harder), abs=3e-3)


def test_without_scores_the_predicted_class_is_all_there_is() -> None:
    reference = np.zeros((2, 2, BINS), np.int64)
    reference[:, :, -1] = [[900, 50], [100, 450]]
    now = np.zeros((2, BINS), np.int64)
    now[:, -1] = [200, 100]
    # 200 x (.9, .1) and 100 x (.1, .9)
    assert estimated(now, reference) == pytest.approx((180 / 190 + 90 / 110) / 2, abs=1e-6)
    assert label_shift(now.ravel().astype(np.float64), seen(reference)) is None


def test_a_confidence_that_was_never_seen_is_as_its_predicted_class() -> None:
    reference = np.zeros((2, 2, BINS), np.int64)
    reference[:, :, 12] = [[900, 50], [100, 450]]
    now = np.zeros((2, BINS), np.int64)
    now[:, 19] = [200, 100]
    assert estimated(now, reference) == pytest.approx((180 / 190 + 90 / 110) / 2, abs=1e-6)


def test_predicted_classes_without_a_reference_are_left_out_while_they_are_few() -> None:
    reference = np.zeros((3, 3, BINS), np.int64)
    reference[:2, :2, -1] = [[900, 50], [100, 450]]
    now = np.zeros((3, BINS), np.int64)
    now[:, -1] = [200, 100, 10]
    assert estimated(now, reference) == pytest.approx((180 / 190 + 90 / 110) / 2, abs=1e-6)
    now[2, -1] = 20
    assert estimated(now, reference) is Unknown.NEW_CLASSES


def test_no_predictions_have_no_estimate() -> None:
    assert estimated(np.zeros((2, BINS), np.int64), world((0.5, 0.5), 1000)) is Unknown.NO_PREDICTIONS


def test_a_class_that_is_expected_less_than_half_a_time_does_not_count() -> None:
    reference = np.zeros((3, 3, BINS), np.int64)
    reference[:, :, -1] = [[9000, 500, 0], [1000, 4500, 0], [5, 0, 5]]
    now = np.zeros((3, BINS), np.int64)
    now[:, -1] = [200, 100, 0]
    hits, support = 200 * 9000 / 10005, 200 * 9000 / 10005 + 10
    other = 90 / (90 + 200 * 1000 / 10005)
    assert estimated(now, reference) == pytest.approx((hits / support + other) / 2, abs=1e-5)


def test_one_prediction_has_an_estimate_all_the_same() -> None:
    now = np.zeros((2, BINS), np.int64)
    now[0, 19] = 1
    found = estimated(now, world((0.5, 0.5), 100_000))
    assert found == pytest.approx(1, abs=1e-9)


def test_a_class_that_only_it_is_predicted_for_and_that_is_missing_now_stops_nothing() -> None:
    """The prior of such a class is 0, and its cells have no weight at all."""
    reference = np.zeros((3, 3, 21), np.int64)
    for b in range(10, 20):
        for i in (0, 1):
            reference[i, i, b], reference[1 - i, i, b] = 50 + 5 * b, 30 - b
    reference[2, 2, 15:20] = 30
    window = reference.sum(axis=0) // 5
    window[2] = 0
    estimate = estimated(window, reference)
    assert isinstance(estimate, float)
    assert 0.8 < estimate < 0.95
