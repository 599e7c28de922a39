"""Rows of errors compared through the window's cells are the rows compared cell by cell."""

import numpy as np
import pytest

from streams.quality.drift.chisquare import compare
from streams.quality.drift.error_rows import ErrorRows
from streams.quality.drift.tally import NOTHING, UNKNOWN, Ints, Tally, cell_codes, pooled, tally, without


def cells(matrix: Ints) -> Tally:
    true, predicted = np.nonzero(matrix)
    return tally(cell_codes(true, predicted), matrix[true, predicted])


def random_matrix(seed: int, k: int, mean: float) -> Ints:
    return np.random.default_rng(seed).poisson(mean, (k, k)).astype(np.int64)


@pytest.mark.parametrize("seed", range(20))
def test_each_row_is_compared_as_if_it_were_alone(seed: int) -> None:
    window, reference = random_matrix(seed, 7, 0.4), random_matrix(seed + 1_000, 7, 1.5)
    found = ErrorRows(cells(reference)).compare(cells(window))
    alone = {}
    for row in range(7):
        other = np.arange(7) != row
        comparison = compare(window[row, other], reference[row, other])
        if comparison is not None:
            alone[row] = comparison
    assert (found is None) == (not alone)
    if found is None:
        return
    assert found.true.tolist() == list(alone)
    for name in ("statistic", "mean", "variance", "change", "n", "m"):
        expected = [float(getattr(one, name)[0]) for one in alone.values()]
        assert getattr(found.each, name) == pytest.approx(expected, rel=1e-9, abs=1e-12), name
    assert found.together.statistic[0] == pytest.approx(sum(float(one.statistic[0]) for one in alone.values()))
    assert found.together.variance[0] == pytest.approx(sum(float(one.variance[0]) for one in alone.values()))


@pytest.mark.parametrize("seed", range(20))
def test_a_part_left_out_is_compared_with_the_rest(seed: int) -> None:
    parts = [cells(random_matrix(100 * seed + i, 6, 0.3)) for i in range(5)]
    everything = pooled(parts)
    found = ErrorRows(everything).leave_out(parts[0])
    rows = ErrorRows(without(everything, parts[0])).compare(parts[0])
    assert (found is None) == (rows is None)
    if found is not None and rows is not None:
        mean = float(rows.together.mean[0])
        assert found.ratio == pytest.approx(float(rows.together.statistic[0]) / mean, rel=1e-9)
        assert found.weight == pytest.approx(float(rows.together.variance[0]) / mean**2, rel=1e-9)


def test_the_diagonal_and_errors_of_unknown_target_are_no_errors_to_compare() -> None:
    diagonal = cells(np.diag([5, 6, 7]))
    unknown = tally(cell_codes(np.array([0, 1]), np.array([UNKNOWN, UNKNOWN])), np.array([50, 60]))
    for empty in (NOTHING, diagonal, unknown):
        assert ErrorRows(empty).compare(cells(random_matrix(1, 3, 5))) is None
        assert ErrorRows(cells(random_matrix(1, 3, 5))).compare(empty) is None
        assert ErrorRows(empty).leave_out(empty) is None
        assert ErrorRows(empty).total == 0


def test_a_target_that_the_reference_never_saw_counts() -> None:
    reference = cells(np.array([[90, 10, 0], [0, 100, 0], [0, 0, 100]]))
    found = ErrorRows(reference).compare(cells(np.array([[90, 0, 10], [0, 100, 0], [0, 0, 100]])))
    assert found is not None
    assert found.each.statistic[0] == pytest.approx(20.0)
    assert found.each.change[0] > 0.5
