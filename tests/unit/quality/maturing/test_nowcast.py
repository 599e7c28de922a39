"""Golden values of both estimators, and what each of them takes into account."""

import numpy as np
import pytest

from streams.quality.maturing.completeness import Completeness, Model
from streams.quality.maturing.nowcast import (
    Matured,
    Nowcast,
    in_the_end,
    interval,
    laddered,
    nowcast,
    post_stratified,
)

LABELLED = np.array([[40, 2], [3, 9]])
PREDICTIONS = np.array([500, 20])
EVERY_LABEL = Matured(np.array([[100, 10], [10, 50]]), np.array([[900, 100], [100, 900]]), np.array([1000, 1000]))


def of(model: Model, known: object) -> Completeness:
    return Completeness(model, np.broadcast_to(np.asarray(known, np.float64), (2, 2)))


def said(found: Nowcast | None) -> tuple[float, float]:
    assert found is not None
    return round(found.balanced_accuracy, 6), round(found.variance, 8)


def test_golden_post_stratified() -> None:
    assert said(post_stratified(LABELLED, PREDICTIONS)) == (0.655775, 0.00360382)


def test_golden_ladder() -> None:
    found = laddered(LABELLED, np.array([[0.1, 0.4], [0.2, 0.8]]), np.full((2, 2), 1000))
    assert said(found) == (0.708113, 0.00440763)


@pytest.mark.parametrize("model", [Model.CONSTANT, Model.PREDICTED])
def test_where_the_prediction_decides_its_labels_are_weighted_up_to_all_that_will_come(model: Model) -> None:
    # every label came in the end, so that is all predictions: the golden value again
    found = nowcast(LABELLED, PREDICTIONS, of(model, 0.1), EVERY_LABEL)
    assert said(found) == (0.655775, 0.00360382)


@pytest.mark.parametrize("model", [Model.ACTUAL, Model.BOTH, Model.CELL])
def test_where_the_truth_decides_each_cell_is_divided_by_its_completeness(model: Model) -> None:
    matured = Matured(EVERY_LABEL.known, np.full((2, 2), 1000), np.array([2000, 2000]))
    found = nowcast(LABELLED, PREDICTIONS, of(model, [[0.1, 0.4], [0.2, 0.8]]), matured)
    assert said(found) == (0.708113, 0.00440763)


def test_delay_by_true_class_alone_leaves_balanced_accuracy_as_it_is() -> None:
    found = nowcast(LABELLED, PREDICTIONS, of(Model.ACTUAL, [[0.1], [0.7]]), EVERY_LABEL)
    assert found is not None
    assert found.balanced_accuracy == pytest.approx((40 / 42 + 9 / 12) / 2, abs=1e-12)


def test_one_label_of_a_predicted_class_is_no_sample_and_the_ladder_stands_in() -> None:
    labelled = np.array([[40, 1], [3, 0]])
    found = nowcast(labelled, PREDICTIONS, of(Model.PREDICTED, [[0.1, 0.5]]), EVERY_LABEL)
    assert found is not None
    assert found.balanced_accuracy == pytest.approx((400 / 402 + 0) / 2, abs=1e-12)


def test_when_everything_that_ever_comes_is_there_the_nowcast_is_the_number_itself() -> None:
    matured = Matured(EVERY_LABEL.final, EVERY_LABEL.final, np.array([1500, 1200]))
    found = nowcast(LABELLED, PREDICTIONS, of(Model.CONSTANT, 1.0), matured)
    assert found is not None
    assert found.balanced_accuracy == pytest.approx((40 / 42 + 9 / 12) / 2, abs=1e-15)
    assert (found.variance, found.cautious) == (0, 0)
    assert interval(found, LABELLED) == (found.balanced_accuracy, found.balanced_accuracy)


def test_predictions_that_never_get_a_label_weigh_nothing() -> None:
    known, final = np.array([[100, 0], [0, 100]]), np.array([[400, 0], [0, 300]])
    matured = Matured(known, final, np.array([1000, 300]))
    # class 0: 300 more came for 900 without a label; class 1: all 200 came
    assert in_the_end(np.array([10, 10]), np.array([100, 50]), matured).tolist() == [10 + 90 / 3, 50]


def test_a_new_predicted_class_gets_labels_as_all_together_do() -> None:
    matured = Matured(np.zeros((2, 2), np.int64), np.array([[250, 0], [0, 0]]), np.array([1000, 0]))
    assert in_the_end(np.array([0, 0]), np.array([100, 40]), matured).tolist() == [25, 10]


def test_labels_that_cannot_be_there_yet_make_no_nowcast() -> None:
    assert nowcast(LABELLED, PREDICTIONS, of(Model.ACTUAL, [[0.5], [0.0]]), EVERY_LABEL) is None
    assert nowcast(np.zeros((2, 2), np.int64), PREDICTIONS, of(Model.ACTUAL, 0.5), EVERY_LABEL) is None


def test_a_few_labels_that_are_all_right_have_a_wide_interval() -> None:
    labelled = np.array([[3, 0], [0, 2]])
    found = nowcast(labelled, PREDICTIONS, of(Model.CONSTANT, 0.05), EVERY_LABEL)
    assert found is not None
    assert (found.balanced_accuracy, found.variance) == (1, 0)
    lower, upper = interval(found, labelled)
    assert lower < 0.8
    assert upper == 1


def test_the_interval_narrows_as_labels_come() -> None:
    widths = []
    for part in (1, 3, 5, 10):
        labelled = LABELLED * part
        found = nowcast(labelled, np.array([430, 110]), of(Model.CONSTANT, 0.1), EVERY_LABEL)
        assert found is not None
        lower, upper = interval(found, labelled)
        assert 0 <= lower <= found.balanced_accuracy <= upper <= 1
        widths.append(upper - lower)
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] == 0
