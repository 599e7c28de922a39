"""A simulated history of classes, judged step by step as the job judges them: what was told, and when."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from streams.alerts.budget.codes import BREACH
from streams.alerts.budget.dispersion import GUARD_MS, SPAN_MS, design_effect
from streams.alerts.budget.judge import judge_budget
from streams.alerts.instance import Change, Instance, Phase, fingerprint
from streams.alerts.machine import step
from streams.alerts.rules.model import HOUR, Severity, Slo

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

SHAKEN = 0.1
"""Standard deviation of the logit of an over-dispersed class's miss rate, as it moves slowly."""

REMEMBERED_H = 6.0
"""Its correlation time, hours."""

CLUSTERED = 500.0
"""Each hour's miss rate is beta distributed around it as that of so many labels would be."""


class History(NamedTuple):
    """C classes with `rate` (C,) events an hour; from `from_ms` on recall is `changed`. Judged after `warm_ms`."""

    rate: Floats
    recall: float
    over: bool
    warm_ms: int
    span_ms: int
    step_ms: int
    changed: float | None = None
    from_ms: int = 0


class Told(NamedTuple):
    """An alert that fired, or became louder."""

    column: int
    t: int
    severity: Severity


class Found(NamedTuple):
    """What a history told."""

    pages: int
    tickets: int
    told: tuple[Told, ...]

    def plus(self, other: "Found") -> "Found":
        """Both together."""
        return Found(self.pages + other.pages, self.tickets + other.tickets, self.told + other.told)


def simulate(history: History, slo: Slo, chance: np.random.Generator) -> Found:
    """Judge every step of a history."""
    n, bad = _counts(history, chance)
    runner = _Runner(history, slo, n, bad)
    first = history.warm_ms // history.step_ms
    told: list[Told] = []
    for at in range(first + 1, len(runner.n)):
        told += runner.step(at)
    pages = sum(one.severity is Severity.PAGE for one in told)
    return Found(pages, len(told) - pages, tuple(told))


def _counts(history: History, chance: np.random.Generator) -> tuple[Ints, Ints]:
    """(steps, C) events and misses."""
    steps = (history.warm_ms + history.span_ms) // history.step_ms
    an_hour = HOUR // history.step_ms
    columns = len(history.rate)
    miss = np.full(steps, 1 - history.recall)
    if history.changed is not None:
        miss[history.from_ms // history.step_ms :] = 1 - history.changed
    n = chance.poisson(history.rate / an_hour, (steps, columns))
    if not history.over:
        return n, chance.binomial(n, miss[:, None])
    shift = _shifts(-(-steps // an_hour), columns, chance)
    mean = expit(_centred(miss[::an_hour])[:, None] + shift)
    rate = chance.beta(CLUSTERED * mean, CLUSTERED * (1 - mean))
    return n, chance.binomial(n, np.repeat(rate, an_hour, axis=0)[:steps])


def _shifts(hours: int, columns: int, chance: np.random.Generator) -> Floats:
    """(hours, C) of a stationary autoregression."""
    kept = np.exp(-1 / REMEMBERED_H)
    out = chance.normal(0, SHAKEN, (hours, columns))
    for hour in range(1, hours):
        out[hour] = kept * out[hour - 1] + np.sqrt(1 - kept**2) * out[hour]
    return out


def _centred(miss: Floats) -> Floats:
    """The logits around which a shaken miss rate has the wanted mean."""
    grid = np.linspace(-8, 4, 2401)
    shocks = SHAKEN * np.polynomial.hermite_e.hermegauss(31)[0]
    weights = np.polynomial.hermite_e.hermegauss(31)[1]
    means = (expit(grid[:, None] + shocks) * weights).sum(axis=1) / weights.sum()
    out: Floats = np.interp(logit(miss), logit(means), grid)
    return out


class _Runner:
    """The judge, the design effects and the machine over one history."""

    def __init__(self, history: History, slo: Slo, n: Ints, bad: Ints) -> None:
        zero = np.zeros((1, n.shape[1]), np.int64)
        self.n, self.bad = (np.concatenate((zero, x.cumsum(axis=0))) for x in (n, bad))
        self._history, self._slo = history, slo
        self._names = [f"c{i:04d}" for i in range(n.shape[1])]
        self._an_hour = HOUR // history.step_ms
        self._deff = np.ones(n.shape[1])
        self._instances: dict[int, Instance] = {}
        self._longest = max(tier.long_ms for tier in slo.tiers)

    def step(self, at: int) -> list[Told]:
        """Judge the step that ends at row `at`."""
        t = at * self._history.step_ms
        active = {c: one for c, one in self._instances.items() if one.phase is not Phase.INACTIVE}
        if at % self._an_hour == 0:
            self._deff = self._design_effect(at, active)
        judged = judge_budget(
            self._slo,
            self._names,
            lambda window_ms: self._window(at, window_ms),
            self._deff,
            self.n[at] - self.n[at - 1],
            {c: one.tier or "" for c, one in active.items()},
            None,
            0,
            HOUR,
        )
        told = []
        for c in sorted({*np.flatnonzero(judged.verdict == BREACH).tolist(), *active}):
            one = self._instances.get(c)
            if one is None:
                labels = (("class", self._names[c]),)
                one = self._instances[c] = Instance("recall", "slo", labels, fingerprint("recall", labels))
            for transition in step(one, judged.judgement(c), t, self._history.step_ms):
                if transition.change in {Change.FIRING, Change.ESCALATED}:
                    told.append(Told(c, t, one.severity or Severity.TICKET))  # noqa: PERF401 - it depends on the step
        return told

    def _window(self, at: int, window_ms: int) -> tuple[Ints, Ints]:
        before = at - window_ms // self._history.step_ms
        return self.n[at] - self.n[before], self.bad[at] - self.bad[before]

    def _design_effect(self, at: int, active: Mapping[int, Instance]) -> Floats:
        """By the whole hours of the last week, less the newest ones and those of open episodes."""
        guard, span = (ms // self._history.step_ms for ms in (GUARD_MS, SPAN_MS))
        edges = np.arange(at - guard - span, at - guard + 1, self._an_hour)
        n, bad = np.diff(self.n[edges], axis=0), np.diff(self.bad[edges], axis=0)
        in_episode = np.zeros(n.shape, np.bool_)
        for c, one in active.items():
            in_episode[edges[:-1] * self._history.step_ms >= one.episode - self._longest, c] = True
        return design_effect(n, bad, in_episode)
