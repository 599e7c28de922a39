"""The simulation of intervals covers what it says, in a few windows with a fixed seed; the full one is a benchmark."""

import numpy as np

from benchmarks.interval_coverage import Setting, f1_of, settings, simulate, table


def test_there_are_160_settings_that_are_what_they_say() -> None:
    every = list(settings())
    assert len(every) == len(set(every)) == 160
    for one in every:
        assert one.supports.min() == one.smallest
        assert one.supports.max() == one.smallest * one.skew
        assert np.isclose(one.recalls.mean(), one.recall)
        assert np.isclose(one.cells.sum(), 1.0)
        assert 0 < one.recalls.min() <= one.recalls.max() < 1


def test_the_intervals_hold_the_truth_and_walds_does_not() -> None:
    found = simulate(windows=40)
    covers = np.array([cover for _, cover in found])
    balanced, wald, accuracy, macro_f1, cost = covers.mean(axis=0).tolist()
    assert 0.94 <= balanced <= 0.96
    assert 0.94 <= accuracy <= 0.96
    assert 0.93 <= macro_f1 <= 0.96
    assert 0.94 <= cost <= 0.98
    assert wald < 0.91
    assert "all 160" in table(found)


def test_macro_f1_leaves_out_classes_that_are_not_there() -> None:
    assert f1_of(np.array([[2, 1, 0], [0, 1, 0], [0, 0, 0]])) == (4 / 5 + 2 / 3) / 2
    assert Setting(2, 5, 1, 0.9).supports.tolist() == [5, 5]
