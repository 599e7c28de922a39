import numpy as np
import pytest
from scipy.special import ndtri

from streams.alerts.thresholds.metrics import WINDOW_METRICS
from streams.alerts.thresholds.settled import measure_settled
from streams.formats.columns import CONFIDENCE_SCALE
from streams.ledger.cells import CONFIDENCE_BINS, DELAY_BINS, Outcome
from streams.quality.counts.counted import BinnedCells, Counted, counted
from streams.quality.measures.calibration import calibration_error
from streams.quality.measures.groups import compare_groups
from streams.quality.measures.intervals import Z95, wilson
from streams.quality.settings import GroupsSpec

ONE = np.array([0], np.int64)
EMPTY = counted([[0, 0], [0, 0]])


def delayed(*bins: tuple[int, int]) -> Counted:
    """(bin, labels) of delays."""
    at, n = (np.array(column, np.int64) for column in zip(*bins, strict=True))
    zeros = np.zeros(len(at), np.int64)
    return Counted(("a",), EMPTY.cells, np.zeros(1, np.int64), delays=BinnedCells(at, zeros, zeros, n))


def test_the_median_delay_is_in_seconds() -> None:
    found = measure_settled("label_delay_p50", delayed((0, 60), (5, 40)))
    assert 0 < found.value[0] <= 1
    assert found.events.tolist() == [100]
    assert found.interval is None


def test_a_delay_is_undefined_without_labels_and_beyond_the_last_bin() -> None:
    assert np.isnan(measure_settled("label_delay_p50", EMPTY).value).all()
    assert np.isnan(measure_settled("label_delay_p50", delayed((DELAY_BINS - 1, 10))).value).all()


def test_the_calibration_error_is_the_debiased_one() -> None:
    sums = np.zeros((CONFIDENCE_BINS, len(Outcome)), np.int64)
    at = CONFIDENCE_BINS * 9 // 10
    sums[at, Outcome.RIGHT] = int(0.92 * CONFIDENCE_SCALE) * 600
    sums[at, Outcome.WRONG] = int(0.92 * CONFIDENCE_SCALE) * 400
    scored = BinnedCells(np.full(3, at), np.array([0, 0, -1]), np.array([0, 1, 0]), np.array([600, 400, 50]))
    over = Counted(("a", "b"), EMPTY.cells, np.zeros(2, np.int64), scored=scored, confidence_sum=sums)
    found = measure_settled("expected_calibration_error", over)
    error = calibration_error(over)
    assert error is not None
    assert error.debiased < error.raw
    assert found.value[0] == error.debiased == pytest.approx(0.32, abs=0.02)
    assert found.events.tolist() == [1000]
    assert np.isnan(measure_settled("expected_calibration_error", EMPTY).value).all()


GOOD, BAD, MIDDLE = counted([[95, 5], [10, 90]]), counted([[70, 30], [10, 90]]), counted([[90, 10], [10, 90]])
GROUPS = [("x", GOOD), ("y", BAD), ("z", MIDDLE)]
WHOLE = counted([[255, 45], [30, 270]])


def test_the_gap_is_that_of_the_rows() -> None:
    found = measure_settled("group_gap", WHOLE, "country", GROUPS)
    row = compare_groups("country", GROUPS, WHOLE, 0, GroupsSpec())
    assert (found.value[0], found.further["gap_from"], found.further["gap_to"]) == (row.gap, "x", "y")
    assert found.value[0] == pytest.approx((0.95 - 0.70) / 2)
    assert found.events.tolist() == [100]


def test_the_interval_of_the_gap_holds_for_every_pair_at_once() -> None:
    found = measure_settled("group_gap", WHOLE, "country", GROUPS)
    assert found.interval is not None
    lower, upper = found.interval(Z95)
    assert lower[0] < found.value[0] < upper[0]
    two = measure_settled("group_gap", counted([[165, 35], [20, 180]]), "country", GROUPS[:2])
    assert two.interval is not None
    narrower = two.interval(Z95)
    assert lower[0] < narrower[0][0]
    same = two.interval(-float(ndtri(0.025 / 3)))  # three pairs, instead of one
    assert (lower[0], upper[0]) == pytest.approx((same[0][0], same[1][0]), abs=1e-6)


def test_the_gap_over_one_class_is_newcombes_of_two_recalls() -> None:
    one, other = counted([[90, 10], [2, 2]]), counted([[70, 30], [2, 2]])
    found = measure_settled("group_gap", counted([[160, 40], [4, 4]]), "country", [("x", one), ("y", other)])
    assert found.interval is not None
    lower, upper = found.interval(Z95)
    (a, b), (c, d) = wilson(0.9, 100), wilson(0.7, 100)
    wanted = (0.2 - np.hypot(0.9 - a, d - 0.7), 0.2 + np.hypot(b - 0.9, 0.7 - c))
    assert (lower[0], upper[0]) == pytest.approx(
        wanted, abs=5e-3
    )  # the half that BA adds to each class is not Wilson's


@pytest.mark.parametrize(("groups", "least"), [(GROUPS[:1], 0), (GROUPS, 101), ([], 0)])
def test_no_gap_without_two_groups_of_enough_labels(groups: list[tuple[str, Counted]], least: int) -> None:
    found = measure_settled("group_gap", WHOLE, "country", groups, least)
    assert np.isnan(found.value).all()
    assert found.interval is None


def test_another_metric_is_refused() -> None:
    with pytest.raises(KeyError):
        measure_settled("recall", WHOLE)
    assert "recall" not in WINDOW_METRICS
