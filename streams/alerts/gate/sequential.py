"""How far from zero must a difference be, so that looking at it again and again misleads no more often than alpha?

Three answers, all one-sided, as a multiple of the standard error:

- `always_valid`: a normal mixture over the size of the effect (Robbins; Howard et al. 2021, "Time-uniform,
  nonparametric, nonasymptotic confidence sequences"). It holds at every look, however many, and at whatever moment
  somebody stops. The price is an interval some 1.7 times as wide as that of a single look.
- `fixed`: the normal quantile. It holds for one look, at a time that was fixed beforehand.
- `obf:N`: N looks at equal shares of the planned duration; the error is spent as `2 - 2 Phi(z / sqrt(share))`, which
  is near to O'Brien and Fleming's bounds (Lan and DeMets 1983): next to nothing early, nearly everything at the end.
"""

from functools import lru_cache
from math import log, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

TAU = 0.05
"""The effect for which the mixture is tightest: differences of some hundredths are what gates are about."""

MOST_LOOKS = 1_000
"""Planned looks. Whoever wants to look more often wants `always_valid`."""

_GRID = 300
_FAR = 6.0
"""Standard errors below which the walk is no longer followed: 1e-9 of it is there."""

Floats = NDArray[np.float64]


class Plan(NamedTuple):
    """How a gate may be looked at: `looks` is 0 of always_valid, 1 of fixed, N of obf:N."""

    name: str
    looks: int


def parse_test(text: str) -> Plan:
    """The test that a rule names. Raises ValueError with what is wrong.

    >>> parse_test("obf:24").looks
    24
    """
    if text == "always_valid":
        return Plan(text, 0)
    if text == "fixed":
        return Plan(text, 1)
    kind, _, looks = text.partition(":")
    if kind == "obf" and looks.isdecimal() and looks.isascii() and 2 <= int(looks) <= MOST_LOOKS:
        return Plan(text, int(looks))
    raise ValueError(f'{text!r} is not a test: "always_valid", "fixed", or "obf:N" of N = 2 to {MOST_LOOKS} looks')


def critical(plan: Plan, look: int, variance: float, alpha: float) -> float:
    """The bound in standard errors. `variance` (above 0) is that of the difference; `look` counts from 1.

    `look` says nothing of an always-valid test, `variance` nothing of the others.
    """
    if not plan.looks:
        return mixture_bound(variance, alpha)
    return spending_bounds(plan.looks, alpha)[look - 1]


def mixture_bound(variance: float, alpha: float) -> float:
    """`sqrt((1 + V/tau^2) ln((1 + tau^2/V) / (2 alpha)^2))`, for an alpha below one half.

    >>> round(mixture_bound(0.0192**2, 0.05), 2)
    2.76
    """
    ratio = variance / (TAU * TAU)
    return sqrt((1 + ratio) * log((1 + 1 / ratio) / (2 * alpha) ** 2))


@lru_cache(maxsize=64)
def spending_bounds(looks: int, alpha: float) -> tuple[float, ...]:
    """The bound of each of so many planned looks, in standard errors; together they are crossed by chance with alpha.

    Between looks that are equally far apart a sum of equally informative increments is a random walk; the density of
    what has not crossed is carried on over a grid (Armitage, McPherson and Rowe 1969).

    >>> [round(bound, 2) for bound in spending_bounds(1, 0.05)]
    [1.64]
    """
    shares = np.arange(1, looks + 1) / looks
    spent = 2 * ndtr(-ndtri(1 - alpha / 2) / np.sqrt(shares))
    spends = np.diff(spent, prepend=0.0)
    step = sqrt(1 / looks)
    bounds: list[float] = []
    points, weights = np.zeros(1), np.ones(1)  # the walk begins at 0
    for share, spend in zip(shares.tolist(), spends.tolist(), strict=True):
        reach = _FAR * sqrt(share)
        bound = _crossed(points, weights, step, spend, reach)
        bounds.append(bound / sqrt(share))
        grid = np.linspace(-reach, min(bound, reach), _GRID)
        density = np.exp(-0.5 * ((grid[:, None] - points[None, :]) / step) ** 2) @ weights / (step * sqrt(2 * np.pi))
        trapezia = np.ones(_GRID)
        trapezia[[0, -1]] = 0.5
        points, weights = grid, density * trapezia * (grid[1] - grid[0])
    return tuple(bounds)


def _crossed(points: Floats, weights: Floats, step: float, spend: float, reach: float) -> float:
    """Where the walk, from these points on, is above with probability `spend` one step later."""
    low, high = -reach, 2 * reach + 8 * step
    for _ in range(60):
        middle = (low + high) / 2
        above = float(weights @ ndtr((points - middle) / step))
        low, high = (middle, high) if above > spend else (low, middle)
    return (low + high) / 2
