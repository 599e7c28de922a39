"""Golden values, and every trap that published libraries fall into."""

from math import isclose

import pytest

from streams.quality.counts.details import UNLABELLED
from streams.quality.counts.table import Margins, cell, margins_of
from streams.quality.measures.confusion import Undefined, class_measures, window_measures
from streams.quality.measures.intervals import balanced_accuracy_interval, wilson


def counted(*rows: tuple[int, int, int]) -> Margins:
    """Margins of (actual, predicted, count)."""
    return margins_of({cell(a, p): n for a, p, n in rows})


def test_golden_interval_of_balanced_accuracy() -> None:
    # class 0: 18 of 20, class 1: 4 of 6
    m = window_measures(counted((0, 0, 18), (0, 1, 2), (1, 1, 4), (1, 0, 2)), min_support=5)
    assert m.balanced_accuracy is not None
    assert round(m.balanced_accuracy, 6) == 0.783333
    assert m.balanced_accuracy_lower is not None
    assert round(m.balanced_accuracy_lower, 6) == 0.544310
    assert m.balanced_accuracy_upper is not None
    assert round(m.balanced_accuracy_upper, 6) == 0.916268
    assert not m.low_support
    assert (m.min_support, m.classes_with_support, m.undefined) == (6, 2, None)


@pytest.mark.parametrize("classes", [[(5, 5)], [(0, 5)], [(1, 1), (1, 1)], [(0, 1), (9, 9)], [(10**9, 10**9)]])
def test_an_interval_holds_the_number_and_is_never_empty(classes: list[tuple[int, int]]) -> None:
    lower, upper = balanced_accuracy_interval(classes)
    balanced = sum(tp / m for tp, m in classes) / len(classes)
    assert 0.0 <= lower <= balanced <= upper <= 1.0
    assert lower < upper


def test_wilson_agrees_with_the_textbook() -> None:
    # Newcombe 1998, table I: 81 of 263 -> 0.2553 to 0.3662; 0 of 20 -> 0 to 0.1611
    assert [round(x, 4) for x in wilson(81 / 263, 263)] == [0.2553, 0.3662]
    assert [round(x, 4) for x in wilson(0.0, 20)] == [0.0, 0.1611]


def test_true_negatives_are_not_the_hits_of_the_other_classes() -> None:
    #            predicted 0  1  2
    # actual 0             5  0  0
    # actual 1             0  3  4      tn of 0 = 3 + 4 + 1 + 2 = 10, hits of the others only 3 + 2
    # actual 2             0  1  2
    m = class_measures(counted((0, 0, 5), (1, 1, 3), (1, 2, 4), (2, 1, 1), (2, 2, 2)), 0)
    assert (m.tp, m.fp, m.fn, m.tn) == (5, 0, 0, 10)


def test_reading_creates_no_cell() -> None:
    counts = counted((0, 0, 1))
    class_measures(counts, 7)
    window_measures(counts, 5)
    assert counts.classes() == {0}


def test_balanced_accuracy_of_nothing_is_none_and_says_why() -> None:
    m = window_measures(margins_of({cell(UNLABELLED, 0): 3}), 5)
    assert m.coverage == 0.0
    assert m.balanced_accuracy is None
    assert m.low_support
    assert m.undefined is not None
    reasons = dict(part.split(": ") for part in m.undefined.split("; "))
    assert set(reasons.values()) == {Undefined.NOTHING_LABELLED}
    assert set(reasons) == {name for name, value in m._asdict().items() if value is None}


def test_a_window_that_was_emptied_has_no_coverage() -> None:
    m = window_measures(Margins(), 5)
    assert m.coverage is None
    assert m.undefined is not None
    assert m.undefined.startswith("coverage: no predictions; min_support: nothing labelled; ")


def test_a_class_that_was_only_predicted_is_in_no_mean_of_balanced_accuracy() -> None:
    m = window_measures(counted((0, 0, 1), (0, 2, 1), (1, 1, 2)), 5)
    assert (m.balanced_accuracy, m.classes_with_support) == (0.75, 2)
    assert m.macro_recall_union == 0.5  # the union has the third class, with recall 0


def test_one_class_has_no_adjusted_value_and_no_kappa() -> None:
    m = window_measures(counted((0, 0, 4)), 5)
    assert (m.balanced_accuracy, m.balanced_accuracy_adjusted, m.kappa, m.mcc) == (1.0, None, None, 0.0)
    assert m.undefined == (
        "balanced_accuracy_adjusted: fewer than two classes with support; kappa: no expected disagreement"
    )
    assert m.low_support


def test_a_retraction_leaves_nothing_of_a_class() -> None:
    counts = margins_of({cell(0, 0): 1})
    for _ in range(10):
        counts.count({cell(1, 1): 3})
        counts.count({cell(1, 1): -3})
    assert counts.classes() == {0}
    assert window_measures(counts, 5).classes_with_support == 1


def test_each_undefined_number_of_a_class_says_why() -> None:
    counts = margins_of({cell(0, 1): 1, cell(UNLABELLED, 2): 1})
    assert class_measures(counts, 0).undefined == (
        "coverage: no prediction of this class; precision: never predicted with a label; precision_lower: never "
        "predicted with a label; precision_upper: never predicted with a label; specificity: every label is of this "
        "class"
    )
    assert class_measures(counts, 1).undefined == (
        "recall: no label of this class; recall_lower: no label of this class; recall_upper: no label of this class"
    )
    unlabelled = class_measures(counts, 2)
    assert (unlabelled.predictions_of_class, unlabelled.specificity) == (1, 1.0)
    assert unlabelled.undefined is not None
    assert unlabelled.undefined.endswith("f1: neither label nor labelled prediction of this class")
    nothing = class_measures(Margins(), 0)
    assert nothing.undefined is not None
    assert nothing.undefined.endswith("specificity: nothing labelled")


def test_each_ratio_has_wilsons_interval_at_its_own_denominator() -> None:
    counts = margins_of({cell(0, 0): 6, cell(0, 1): 2, cell(1, 0): 1, cell(2, 0): 3, cell(UNLABELLED, 0): 5})
    m = class_measures(counts, 0)
    assert (m.recall, m.recall_lower, m.recall_upper) == (0.75, *wilson(0.75, 8))
    assert (m.precision, m.precision_lower, m.precision_upper) == (0.6, *wilson(0.6, 10))
    assert (m.predictions_of_class, m.coverage) == (15, 10 / 15)
    window = window_measures(counts, 5)
    assert (window.accuracy, window.accuracy_lower, window.accuracy_upper) == (0.5, *wilson(0.5, 12))


def test_low_support_begins_below_the_bound() -> None:
    assert not window_measures(counted((0, 0, 5), (1, 1, 6)), 5).low_support
    assert window_measures(counted((0, 0, 4), (1, 1, 6)), 5).low_support


def test_numbers_do_not_depend_on_the_order_of_counting() -> None:
    cells = {cell(a, p): a * 7 + p * 3 + 1 for a in range(9) for p in range(9)}
    forth = window_measures(margins_of(cells), 5)
    back = window_measures(margins_of(dict(reversed(cells.items()))), 5)
    assert forth == back
    assert forth.accuracy is not None
    assert isclose(forth.accuracy, sum(n for c, n in cells.items() if c >> 24 == c & 255) / sum(cells.values()))
