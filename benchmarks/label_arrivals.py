"""Windows of a simulated classifier, and labels that come by a scheme. Seeded: chance is an argument.

A world is a table of true class, predicted class and confidence bin; `benchmarks.nowcast` draws its windows from it.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.ledger.cells import CONFIDENCE_BINS
from streams.quality.counts.counted import NO_LABEL, BinnedCells, Cells, Counted
from streams.quality.maturing.outlook import AGES_MS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HOUR_MS = 3_600_000


# ---------------------------------------------------------------------- a world


class World(NamedTuple):
    """A problem: how often each (true, predicted, confidence bin) comes, (K, K, BINS), and predictions a window."""

    name: str
    cells: Floats
    n: int


class Shift(NamedTuple):
    """What changes about a world: class shares, how much rather hard cases come, and true classes that turn."""

    name: str
    prior: Sequence[float] | None = None
    hardness: float = 0.0
    turned: float = 0.0


def drawn(rng: np.random.Generator, prior: Sequence[float], distance: float, shift: Shift, draws: int) -> Floats:
    """The table of a calibrated classifier of unit Gaussians `distance` from the origin, each on its own axis.

    Label shift draws other classes, covariate shift takes cases by their feature alone, so that the label given the
    feature stays, and concept shift turns a share of the first class' labels into the second.
    """
    k = len(prior)
    y = rng.choice(k, draws, p=np.asarray(shift.prior if shift.prior is not None else prior))
    x = rng.standard_normal((draws, k))
    x[np.arange(draws), y] += distance
    logits = np.log(np.asarray(prior)) + distance * x
    posterior = np.exp(logits - logits.max(axis=1, keepdims=True))
    posterior /= posterior.sum(axis=1, keepdims=True)
    predicted, confidence = posterior.argmax(axis=1), posterior.max(axis=1)
    bins = np.minimum((confidence * CONFIDENCE_BINS).astype(np.int64), CONFIDENCE_BINS - 1)
    y = np.where((y == 0) & (rng.random(draws) < shift.turned), 1, y)
    weight = np.exp(-shift.hardness * (confidence - 0.5))
    table = np.zeros((k, k, CONFIDENCE_BINS))
    np.add.at(table, (y, predicted, bins), weight)
    return np.asarray(table / table.sum(), np.float64)


# ---------------------------------------------------------------------- a window and its labels


class Scheme(NamedTuple):
    """When labels come: the mean delay of a cell in hours, (K, K), and the share of predictions that get one, (K,)."""

    name: str
    delay_h: Callable[[int], Floats]
    labelled: Callable[[int], Floats]


def _everything(k: int) -> Floats:
    return np.ones(k)


def _slower(k: int) -> Floats:
    """From 4 h to 60 h over the classes."""
    return np.geomspace(60, 4, k)


SCHEMES = (
    Scheme("at random", lambda k: np.full((k, k), 20.0), _everything),
    Scheme("by predicted class", lambda k: np.broadcast_to(_slower(k)[None, :], (k, k)), _everything),
    Scheme("by true class", lambda k: np.broadcast_to(_slower(k)[:, None], (k, k)), _everything),
    Scheme("by both", lambda k: np.sqrt(_slower(k)[:, None] * _slower(k)[None, :]), _everything),
    Scheme("by predicted class, some never", lambda k: np.full((k, k), 20.0), lambda k: np.linspace(0.3, 1, k)),
)


def wobbled(rng: np.random.Generator, cells: Floats, concentration: float = 400) -> Floats:
    """The table with recalls that differ from window to window: each true class' row from a Dirichlet."""
    of_row = cells.sum(axis=2)
    share = np.divide(cells, of_row[:, :, None], out=np.zeros_like(cells), where=of_row[:, :, None] > 0)
    rows = of_row.sum(axis=1)
    now = np.array(
        [rng.dirichlet(np.maximum(1e-3, of_row[i] / rows[i] * concentration)) * rows[i] for i in range(len(rows))]
    )
    table = now[:, :, None] * share
    return np.asarray(table / table.sum(), np.float64)


class Window(NamedTuple):
    """What is known at each age, in order, at the end, and if every label came."""

    at_age: list[Counted]
    final: Counted
    complete: Counted


def window(rng: np.random.Generator, world: World, scheme: Scheme, *, scores: bool = True) -> Window:
    """One window of a world."""
    k = len(world.cells)
    table = wobbled(rng, world.cells)
    counts = rng.multinomial(world.n, table.ravel()).reshape(table.shape)
    share = np.broadcast_to(scheme.labelled(k)[None, :, None], counts.shape)
    ever = rng.binomial(counts, share)
    known, before = np.zeros_like(ever), 0.0
    at_age = []
    for age_ms in AGES_MS:
        # from mid-window on: at age 0 the labels of its early predictions are there
        passed_h = age_ms / HOUR_MS + 0.5
        arrives = 1 - np.exp(-(passed_h - before) / scheme.delay_h(k))
        known = known + rng.binomial(ever - known, np.broadcast_to(arrives[:, :, None], counts.shape))
        before = passed_h
        at_age.append(counted(known, counts, scores=scores))
    return Window(at_age, counted(ever, counts, scores=scores), counted(counts, counts, scores=scores))


def counted(labelled: Ints, everything: Ints, *, scores: bool) -> Counted:
    """Counts (K, K, BINS) as the job has them."""
    k = len(labelled)
    missing = (everything - labelled).sum(axis=0)
    cells = labelled.sum(axis=2)
    true, predicted = np.nonzero(cells)
    named = tuple(f"c{i:02d}" for i in range(k))
    if not scores:
        return Counted(named, Cells(true, predicted, cells[true, predicted]), missing.sum(axis=1))
    t, p, b = np.nonzero(labelled)
    q, c = np.nonzero(missing)
    scored = BinnedCells(
        np.concatenate([b, c]),
        np.concatenate([t, np.full(len(q), NO_LABEL)]),
        np.concatenate([p, q]),
        np.concatenate([labelled[t, p, b], missing[q, c]]),
    )
    return Counted(named, Cells(true, predicted, cells[true, predicted]), missing.sum(axis=1), scored=scored)
