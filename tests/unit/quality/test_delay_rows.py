"""Rows of label delays: of all classes, of each by name, and of bins that were told and are empty now."""

from dataclasses import replace

import numpy as np

from streams.ledger.cells import DELAY_EDGES_MS
from streams.quality.counts.counted import BinnedCells, Counted, counted
from streams.quality.delay_rows import MOST_DELAY_CLASSES, delay_bins, places


def delayed(*labels: tuple[int, int, int], k: int = 2) -> Counted:
    """(bin, true class, n) of labels."""
    b, true, n = (np.array(column, np.int64) for column in zip(*labels, strict=True))
    return replace(counted(np.zeros((k, k), np.int64)), delays=BinnedCells(b, true, true, n))


def test_bins_are_of_all_classes_and_then_of_each() -> None:
    rows = delay_bins(delayed((0, 0, 3), (0, 1, 1), (2, 1, 4)), "2026-01-01T00:00:00.000Z")
    assert [(row.cls, row.delay_from_s, row.delay_to_s, row.n, row.labels) for row in rows] == [
        (None, 0.0, 1.0, 4, 8), (None, 2.0, 5.0, 4, 8),
        ("c0000", 0.0, 1.0, 3, 3),
        ("c0001", 0.0, 1.0, 1, 5), ("c0001", 2.0, 5.0, 4, 5),
    ]  # fmt: skip
    assert {row.newest_label_at for row in rows} == {"2026-01-01T00:00:00.000Z"}


def test_the_last_bin_has_no_end_and_quantiles_in_it_are_undefined() -> None:
    (row, _) = delay_bins(delayed((len(DELAY_EDGES_MS) - 1, 0, 2)), None)
    assert (row.delay_to_s, row.delay_p50_s, row.delay_p99_s) == (None, None, None)


def test_with_many_classes_only_all_of_them_are_told() -> None:
    many = delayed(*((1, cls, 1) for cls in range(MOST_DELAY_CLASSES + 1)), k=MOST_DELAY_CLASSES + 1)
    assert [(row.cls, row.n) for row in delay_bins(many, None)] == [(None, MOST_DELAY_CLASSES + 1)]


def test_a_bin_that_was_told_says_that_it_is_empty() -> None:
    before = places(delay_bins(delayed((0, 0, 1), (3, 1, 1)), None))
    rows = delay_bins(delayed((0, 0, 2)), None, before)
    assert [(row.cls, row.delay_from_s, row.n, row.labels) for row in rows] == [
        (None, 0.0, 2, 2), (None, 5.0, 0, 2), ("c0000", 0.0, 2, 2), ("c0001", 5.0, 0, 0),
    ]  # fmt: skip
    assert rows[-1].delay_p50_s is None
