import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, precision_score, recall_score

from streams.alerts.evidence.series import Completeness, Counts
from streams.alerts.thresholds.metrics import OF_CLASS, STEP_METRICS, events, measure
from streams.quality.measures.intervals import Z95, Z99, balanced_accuracy_interval, wilson

MATRICES = arrays(np.int64, (3, 3), elements=st.integers(0, 12))


def counts(matrix: np.ndarray, unlabelled: tuple[int, ...] = (0, 0, 0)) -> Counts:
    """Of a confusion matrix, row = true class."""
    predicted = matrix.sum(axis=0)
    return Counts(matrix.sum(axis=1), np.diag(matrix).copy(), predicted, predicted + np.array(unlabelled))


SEEN = counts(np.array([[40, 5, 5], [10, 80, 10], [0, 0, 0]]), (10, 0, 0))


@settings(max_examples=60)
@given(MATRICES)
def test_every_metric_is_scikit_learns(matrix: np.ndarray) -> None:
    true, predicted = (np.repeat(side.ravel(), matrix.ravel()) for side in np.indices(matrix.shape))
    of = counts(matrix)
    wanted = {"labels": [0, 1, 2], "average": None, "zero_division": np.nan}
    if len(true):
        np.testing.assert_allclose(measure("recall", of).value, recall_score(true, predicted, **wanted))
        np.testing.assert_allclose(measure("precision", of).value, precision_score(true, predicted, **wanted))
        np.testing.assert_allclose(measure("f1", of).value, f1_score(true, predicted, **wanted))
        assert measure("accuracy", of).value[0] == pytest.approx(accuracy_score(true, predicted))
        recalls = recall_score(true, predicted, labels=np.unique(true), average=None)
        assert measure("balanced_accuracy", of).value[0] == pytest.approx(recalls.mean())
        for c in range(3):
            against = recall_score(true != c, predicted != c, zero_division=np.nan)
            np.testing.assert_allclose(measure("specificity", of).value[c], against)
    else:
        assert all(np.isnan(measure(metric, of).value).all() for metric in STEP_METRICS - {"support"})


def test_balanced_accuracy_is_scikit_learns_on_classes_that_are_there() -> None:
    true, predicted = [0, 0, 0, 1, 1], [0, 0, 1, 1, 0]
    of = counts(np.array([[2, 1, 0], [1, 1, 0], [0, 0, 0]]))
    assert measure("balanced_accuracy", of).value[0] == pytest.approx(balanced_accuracy_score(true, predicted))


@settings(max_examples=60)
@given(MATRICES, st.sampled_from(sorted(STEP_METRICS - {"support"})), st.sampled_from([Z95, Z99]))
def test_an_interval_holds_its_value_and_a_surer_one_is_wider(matrix: np.ndarray, metric: str, z: float) -> None:
    found = measure(metric, counts(matrix, (1, 2, 3)), Completeness(40, 30, 0.9))
    if np.isnan(found.value).all():
        return
    assert found.interval is not None
    lower, upper = found.interval(z)
    defined = ~np.isnan(found.value)
    assert (np.isnan(lower) == ~defined).all()
    assert (lower[defined] <= found.value[defined] + 1e-12).all()
    assert (upper[defined] >= found.value[defined] - 1e-12).all()
    wider = found.interval(z + 0.5)
    assert (wider[0][defined] <= lower[defined]).all()


def test_intervals_are_those_of_the_rows() -> None:
    found = measure("recall", SEEN)
    assert found.interval is not None
    lower, upper = found.interval(Z95)
    assert (lower[0], upper[0]) == wilson(0.8, 50)
    whole = measure("balanced_accuracy", SEEN)
    assert whole.interval is not None
    bounds = whole.interval(Z99)
    assert (bounds[0][0], bounds[1][0]) == balanced_accuracy_interval([(40, 50), (80, 100)], Z99)
    assert whole.further == {"classes": 2}


def test_what_is_undefined() -> None:
    assert np.isnan(measure("recall", SEEN).value).tolist() == [False, False, True]
    assert measure("support", SEEN).value.tolist() == [50, 100, 0]
    never = counts(np.array([[0, 5, 0], [0, 5, 0], [0, 0, 0]]))
    assert np.isnan(measure("precision", never).value).tolist() == [True, False, True]
    only = counts(np.array([[0, 0, 0], [1, 5, 0], [0, 0, 0]]))
    assert np.isnan(measure("specificity", only).value).tolist() == [False, True, False]


def test_events_are_those_that_a_number_rests_on() -> None:
    assert measure("recall", SEEN).events.tolist() == [50, 100, 0]
    assert measure("precision", SEEN).events.tolist() == [50, 85, 15]
    assert measure("specificity", SEEN).events.tolist() == [100, 50, 150]
    assert measure("f1", SEEN).events.tolist() == [60, 105, 15]
    assert measure("prediction_share", SEEN).events.tolist() == [160, 160, 160]
    assert measure("balanced_accuracy", SEEN).events.tolist() == [50]  # of the smallest class that has any
    assert measure("accuracy", SEEN).events.tolist() == [50]


@pytest.mark.parametrize("metric", sorted(STEP_METRICS))
def test_a_step_brings_events_to_every_metric(metric: str) -> None:
    found = events(metric, SEEN)
    assert len(found) == (3 if metric in OF_CLASS else 1)
    assert events("accuracy", SEEN).tolist() == [150]
    assert events("label_completeness", SEEN).tolist() == [160]


def test_label_completeness_is_relative_to_what_is_usual_and_was_at_the_time() -> None:
    found = measure("label_completeness", SEEN, Completeness(200, 96, 0.6))
    assert found.value[0] == pytest.approx(0.8)
    assert found.events.tolist() == [200]
    assert found.further == {"labelled_share": 0.48, "usual_share": 0.6}
    assert found.interval is not None
    lower, upper = found.interval(Z95)
    assert (lower[0] * 0.6, upper[0] * 0.6) == pytest.approx(wilson(0.48, 200))


def test_label_completeness_is_sure_to_be_low_only_below_the_least_that_other_days_have() -> None:
    alike, differ = (measure("label_completeness", SEEN, Completeness(200, 96, 0.6, least)) for least in (None, 0.4))
    assert differ.value == alike.value
    assert alike.interval is not None
    assert differ.interval is not None
    (lower, upper), (same, more) = alike.interval(1.96), differ.interval(1.96)
    assert lower == same
    assert more[0] == pytest.approx(upper[0] * 0.6 / 0.4)
    never = measure("label_completeness", SEEN, Completeness(200, 96, 0.6, 0.0))
    assert never.interval is not None
    assert np.isnan(never.interval(1.96)[1]).all()


@pytest.mark.parametrize("nothing", [None, Completeness(0, 0, 0.6), Completeness(5, 5, None), Completeness(5, 0, 0.0)])
def test_label_completeness_is_undefined_without_anything_to_go_by(nothing: Completeness | None) -> None:
    assert np.isnan(measure("label_completeness", SEEN, nothing).value).all()


def test_another_metric_is_refused() -> None:
    with pytest.raises(KeyError):
        measure("label_delay_p50", SEEN)
