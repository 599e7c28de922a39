"""How long labels took: quantiles of the time from an event to the delivery of its label, from counts in bins.

A quantile is exact to its bin: the labels below each edge are counted, so the bin is the right one, and within it
labels are taken as evenly spread. It is off by less than the width of the bin: 1 s up to 2 s, 1 min up to 3 min, half
an hour at one hour, 3 h at 12 h, a day at a week (`DELAY_EDGES_MS`). The ledger holds the delivery in whole seconds,
rounded down, so a label less than a second beyond an edge may count one bin too early.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from streams.ledger.cells import DELAY_BINS, DELAY_EDGES_MS
from streams.quality.counts.counted import Counted, Ints

_EDGES_S = np.array(DELAY_EDGES_MS, np.float64) / 1000
_WIDTHS_S = np.append(np.diff(_EDGES_S), np.nan)  # the last bin is open


def delay_counts(counted: Counted) -> Ints:
    """(DELAY_BINS,) labelled predictions by the bin of their label's delay."""
    return np.bincount(counted.delays.bin, counted.delays.n, DELAY_BINS).astype(np.int64)


def delay_counts_by_class(counted: Counted) -> Ints:
    """(K, DELAY_BINS) labelled predictions by true class and bin."""
    code = counted.delays.true * DELAY_BINS + counted.delays.bin
    flat = np.bincount(code, counted.delays.n, counted.k * DELAY_BINS)
    return flat.astype(np.int64).reshape(counted.k, DELAY_BINS)


def delay_quantiles_s(counts: Ints, percents: Sequence[int]) -> NDArray[np.float64]:
    """(rows, percents) quantiles in seconds of (rows, DELAY_BINS) counts, percents whole in (0, 100].

    A quantile is the delay that so many percent of the labels do not exceed. NaN where it is undefined: nothing is
    counted, or it lies in the last bin, which has no end. `said` makes None of that.
    """
    up_to = counts.cumsum(axis=1)
    total = up_to[:, -1:]
    wanted = total * np.array(percents)
    at = (100 * up_to[:, None, :] >= wanted[:, :, None]).argmax(axis=2)
    inside = np.take_along_axis(counts, at, axis=1)
    missing = wanted / 100 - (np.take_along_axis(up_to, at, axis=1) - inside)
    quantiles: NDArray[np.float64] = _EDGES_S[at] + _WIDTHS_S[at] * missing / np.maximum(inside, 1)
    return np.where(total > 0, quantiles, np.nan)


def said(quantiles: NDArray[np.float64]) -> list[float | None]:
    """A row of `delay_quantiles_s` with None for what is undefined."""
    return [None if q != q else q for q in quantiles.tolist()]  # noqa: PLR0124 - NaN is what differs from itself
