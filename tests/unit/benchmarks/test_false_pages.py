"""Budgets as they are shipped: classes on their target are hardly ever paged for, and a large drop is found in time.

The benchmark `benchmarks.false_pages` is the same with more of everything. Both bounds are such that alpha may not be
moved by a few orders of magnitude in either direction.
"""

import msgspec
import numpy as np
from scipy.stats import binom

from benchmarks.false_pages import MOST_FALSE, PAGING, SLO, STEP_MS, WARM_MS, drop, rates
from benchmarks.false_pages_month import History, simulate
from streams.alerts.rules.model import DAY, Severity, Slo

SHAPES = ((2, 100), (10, 100), (10, 1_000), (100, 1_000), (100, 10_000))
"""Classes of a model, and its labels per hour."""

OF_EACH = 40
AT_WORST = 200
"""Classes with 20 events an hour: there alpha decides, and not the burn."""

DAYS = 14
MONTH = 28
BY_CHANCE = 1e-6
"""How seldom a test may fail of a judge that keeps what it promises."""


def false_pages(slo: Slo, seed: int) -> int:
    """Pages for classes that stay exactly on their target."""
    rate = np.concatenate([rates(classes, volume, OF_EACH) for classes, volume in SHAPES])
    rate = np.concatenate([rate, np.full(AT_WORST, 20.0)])
    history = History(rate, slo.target, over=False, warm_ms=WARM_MS, span_ms=DAYS * DAY, step_ms=STEP_MS)
    return simulate(history, slo, np.random.default_rng(seed)).pages


def most_pages() -> int:
    """So many come by chance when no more than the promised ones do: the classes are independent."""
    classes = len(SHAPES) * OF_EACH + AT_WORST
    return int(binom.ppf(1 - BY_CHANCE, classes, MOST_FALSE / 100 * DAYS / MONTH))


def test_classes_on_their_target_are_hardly_ever_paged_for() -> None:
    assert false_pages(msgspec.structs.replace(SLO, tiers=PAGING), 1) <= most_pages()


def test_a_drop_of_thirty_percent_at_fifty_an_hour_is_paged_within_two_hours() -> None:
    runs = 150
    chance = np.random.default_rng(2)
    found = drop(SLO, 50.0, 0.9, 0.3, over=False, severity=Severity.PAGE, within=(2,), columns=runs, chance=chance)
    assert found.within[2] * runs >= binom.ppf(BY_CHANCE, runs, 0.92)
