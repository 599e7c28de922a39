"""Which model of completeness is chosen, and what it says of cells that nobody saw."""

import numpy as np
import pytest

from streams.quality.maturing.completeness import Model, fit

FINAL = np.array([[9000, 1000, 500], [800, 6000, 700], [300, 900, 4000]])
ROWS, COLUMNS = np.array([0.2, 0.5, 0.8]), np.array([0.9, 0.5, 0.3])
SURPRISE = np.array([[0.2, 0.9, 0.4], [0.7, 0.1, 0.5], [0.3, 0.6, 0.8]])


@pytest.mark.parametrize(
    ("model", "share"),
    [
        (Model.CONSTANT, np.full((3, 3), 0.4)),
        (Model.ACTUAL, np.broadcast_to(ROWS[:, None], (3, 3))),
        (Model.PREDICTED, np.broadcast_to(COLUMNS[None, :], (3, 3))),
        (Model.BOTH, ROWS[:, None] * COLUMNS[None, :]),
        (Model.CELL, SURPRISE),
    ],
)
def test_the_model_that_made_the_labels_is_chosen(model: Model, share: np.ndarray) -> None:
    found = fit(np.rint(FINAL * share).astype(np.int64), FINAL)
    assert found is not None
    assert found.model is model
    assert np.allclose(found.known, share, atol=0.01)


def test_chance_alone_does_not_make_a_model_of_many_parameters() -> None:
    rng = np.random.default_rng(1)
    chosen = []
    for _ in range(50):
        found = fit(rng.binomial(FINAL, 0.4), FINAL)
        assert found is not None
        chosen.append(found.model)
    # by Akaike's criterion some 70 % of the time
    assert chosen.count(Model.CONSTANT) >= 25
    assert chosen.count(Model.CELL) <= 5


def test_a_class_without_final_labels_has_the_completeness_of_all_in_a_product() -> None:
    final, known = np.zeros((3, 3), np.int64), np.zeros((3, 3), np.int64)
    final[:2, :2] = 10_000
    known[:2, :2] = final[:2, :2] * ROWS[:2, None] * COLUMNS[None, :2]
    found = fit(known, final)
    assert found is not None
    assert found.model is Model.BOTH
    assert (found.known[2] > 0).all()
    assert (found.known[:, 2] > 0).all()


def test_a_cell_with_few_labels_is_nearly_as_complete_as_its_row_and_column_say() -> None:
    final = FINAL.copy()
    final[0, 2] = 2
    known = np.rint(final * SURPRISE).astype(np.int64)
    known[0, 2] = 2
    found = fit(known, final)
    assert found is not None
    assert found.model is Model.CELL
    assert 0 < found.known[0, 2] < 1  # 2 of 2 alone would be 1


def test_what_is_corrected_later_never_makes_a_cell_more_than_complete() -> None:
    found = fit(FINAL + np.eye(3, dtype=np.int64), FINAL)
    assert found is not None
    assert found.model is Model.CONSTANT
    assert (found.known == 1).all()


def test_a_class_without_final_labels_is_as_complete_as_all_are_together() -> None:
    final, known = np.zeros((3, 3), np.int64), np.zeros((3, 3), np.int64)
    final[:2, :2], known[:2, :2] = [[1000, 1000], [1000, 1000]], [[900, 900], [100, 100]]
    found = fit(known, final)
    assert found is not None
    assert found.model is Model.ACTUAL
    assert np.allclose(found.known[:, 0], [0.9, 0.1, 0.5])


def test_products_above_one_are_cut_just_below_it() -> None:
    # the product's margins fit, but its cell (0, 0) would be above 1
    final = np.array([[10, 1000], [1000, 1000]])
    known = np.array([[10, 990], [990, 300]])
    found = fit(known, final)
    assert found is not None
    assert (found.known <= 1).all()
    assert (found.known > 0).all()


def test_nothing_labelled_before_says_nothing() -> None:
    assert fit(np.zeros((3, 3), np.int64), np.zeros((3, 3), np.int64)) is None


def test_labels_that_never_came_so_early_are_complete_to_zero() -> None:
    found = fit(np.zeros((3, 3), np.int64), FINAL)
    assert found is not None
    assert found.model is Model.CONSTANT
    assert (found.known == 0).all()
