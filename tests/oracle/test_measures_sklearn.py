"""Every measure equals scikit-learn's at every prefix of random streams, to 1e-12.

The streams have absent classes, classes that are only predicted, one class, retractions and a thousand classes.
"""

from collections.abc import Iterator
from math import isclose, isnan, nan
from random import Random
from typing import Any
from warnings import catch_warnings, simplefilter

import pytest
from scipy.stats import binomtest
from sklearn import metrics

from streams.quality.counts.details import UNLABELLED
from streams.quality.counts.table import Table, cell
from streams.quality.measures.confusion import WindowMeasures, class_measures, window_measures
from streams.quality.measures.intervals import wilson

Pair = tuple[int, int]

STRIDE = 500
"""With a thousand classes one prefix in so many is looked at."""


def streams() -> Iterator[tuple[str, list[Pair]]]:
    for seed, classes, size in ((1, 2, 60), (2, 3, 60), (3, 6, 80), (4, 40, 60), (5, 1, 10)):
        rng = Random(seed)
        yield f"{classes} classes", [(rng.randrange(classes), rng.randrange(classes)) for _ in range(size)]
    rng = Random(6)
    skewed = [min(int(rng.expovariate(0.9)), 5) for _ in range(120)]
    yield (
        "a model that is mostly right about rare classes",
        [(c, c if rng.random() < 0.8 else rng.randrange(8)) for c in skewed],
    )
    yield "a class that is only predicted", [(0, 0), (0, 7), (1, 1), (1, 7), (0, 7)]
    yield "always wrong", [(0, 1), (1, 0), (0, 2), (2, 0)]
    yield "one class of labels, many predicted", [(0, p) for p in (0, 0, 1, 2, 0)]
    yield "one predicted class", [(a, 3) for a in (0, 1, 3, 3)]


def assert_equal(table: Table, pairs: list[Pair]) -> None:
    actual, predicted = [a for a, _ in pairs], [p for _, p in pairs]
    ours = window_measures(table.margins, 5)
    average: dict[str, Any] = {"zero_division": 0}
    classes = len(set(actual))
    with catch_warnings():
        simplefilter("ignore")  # classes only predicted, one label: it warns and computes
        wanted = {
            "accuracy": metrics.accuracy_score(actual, predicted),
            "balanced_accuracy": metrics.balanced_accuracy_score(actual, predicted),
            "macro_recall_union": metrics.recall_score(actual, predicted, average="macro", **average),
            "macro_precision": metrics.precision_score(actual, predicted, average="macro", **average),
            "macro_f1": metrics.f1_score(actual, predicted, average="macro", **average),
            "micro_f1": metrics.f1_score(actual, predicted, average="micro", **average),
            "weighted_f1": metrics.f1_score(actual, predicted, average="weighted", **average),
            "mcc": metrics.matthews_corrcoef(actual, predicted),
        }
        if classes > 1:
            adjusted = metrics.balanced_accuracy_score(actual, predicted, adjusted=True)
            wanted["balanced_accuracy_adjusted"] = adjusted
        if len(set(actual) | set(predicted)) > 1:
            wanted["kappa"] = metrics.cohen_kappa_score(actual, predicted)
    for field, value in wanted.items():
        mine = getattr(ours, field)
        assert isclose(mine, value, rel_tol=1e-12, abs_tol=1e-12), (field, mine, value)
    assert (ours.balanced_accuracy_adjusted is None) == (classes < 2)
    assert (ours.kappa is None) == (len(set(actual) | set(predicted)) < 2)
    assert ours.classes_with_support == classes


def assert_classes_equal(table: Table, pairs: list[Pair]) -> None:
    actual, predicted = [a for a, _ in pairs], [p for _, p in pairs]
    labels = sorted(set(actual) | set(predicted))
    confusion = metrics.multilabel_confusion_matrix(actual, predicted, labels=labels)
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        actual, predicted, labels=labels, zero_division=nan
    )
    for i, c in enumerate(labels):
        mine = class_measures(table.margins, c)
        (tn, fp), (fn, tp) = confusion[i].tolist()
        assert (mine.tn, mine.fp, mine.fn, mine.tp, mine.support) == (tn, fp, fn, tp, support[i])
        for number, wanted in ((mine.precision, precision[i]), (mine.recall, recall[i]), (mine.f1, f1[i])):
            assert (number is None) == isnan(wanted)
            assert number is None or isclose(number, wanted, rel_tol=1e-12)
        assert (mine.specificity is None) == (tn + fp == 0)
        assert mine.specificity is None or isclose(mine.specificity, tn / (tn + fp), rel_tol=1e-12)


@pytest.mark.parametrize(("name", "pairs"), list(streams()), ids=[name for name, _ in streams()])
def test_every_prefix_agrees(name: str, pairs: list[Pair]) -> None:
    table = Table()
    for n, (actual, predicted) in enumerate(pairs, start=1):
        table.merge({cell(actual, predicted): 1})
        table.merge({cell(UNLABELLED, predicted): 1})  # what has no label yet must not show in any measure
        assert_equal(table, pairs[:n])
        assert_classes_equal(table, pairs[:n])
    assert table.margins.labelled == len(pairs), name


def test_every_step_back_agrees() -> None:
    pairs = dict(streams())["6 classes"]
    table = Table()
    for actual, predicted in pairs:
        table.merge({cell(actual, predicted): 1})
    for n in range(len(pairs) - 1, 0, -1):
        table.retract({cell(*pairs[n]): 1})
        assert_equal(table, pairs[:n])
        assert_classes_equal(table, pairs[:n])
    table.retract({cell(*pairs[0]): 1})
    assert table.empty
    assert not table.margins.classes()


def test_a_thousand_classes_agree() -> None:
    rng = Random(8)
    actual = [min(int(rng.paretovariate(0.6)), 999) for _ in range(12_000)]
    pairs = [(a, a if rng.random() < 0.6 else rng.randrange(1000)) for a in actual]
    table = Table()
    for n, (a, p) in enumerate(pairs, start=1):
        table.merge({cell(a, p): 1})
        if n % STRIDE == 0:
            assert_equal(table, pairs[:n])
            assert_classes_equal(table, pairs[:n])
    assert table.margins.labelled == len(pairs)


def test_no_labels_at_any_prefix() -> None:
    table = Table()
    for n in range(1, 30):
        table.merge({cell(UNLABELLED, n % 4): 1})
        mine = window_measures(table.margins, 5)
        assert (mine.coverage, mine.classes_with_support, mine.low_support) == (0.0, 0, True)
        assert all(getattr(mine, name) is None for name in WindowMeasures._fields[4:-1])


def test_wilson_agrees_with_another_library() -> None:
    for trials in (1, 2, 5, 37, 1000):
        for hits in range(0, trials + 1, max(1, trials // 9)):
            wanted = binomtest(hits, trials).proportion_ci(method="wilson")
            assert wilson(hits / trials, trials) == pytest.approx((wanted.low, wanted.high), abs=1e-7)
