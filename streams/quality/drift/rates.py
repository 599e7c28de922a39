"""Has a rate changed? The test of shares with two classes, for hits among tries: what else is counted of labels."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from streams.quality.drift.comparisons import Pairs, PredictionComparison, Test
from streams.quality.drift.finding import Finding, Level, Why, finding
from streams.quality.drift.incident import Incident
from streams.quality.drift.reference import Chosen, Pool, Reference
from streams.quality.drift.spread import chi_square
from streams.quality.drift.stored import whole
from streams.quality.drift.tally import NOTHING, Tally, tally
from streams.quality.drift.verdicts import LEAST_N, P_ALARM, Verdict, of_shares, unjudged
from streams.quality.settings import ReferenceKind, ReferenceSpec

RATE_BOUND = 0.03
"""Difference of rates from which on it matters."""

FORMAT = 1


class RateSeries:
    """Judges one rate window by window: two-sided, against the first windows or the hour of the week.

    `kind` and `subject` are what its findings are called. A training distribution knows of no such rate.
    """

    def __init__(self, kind: str, subject: str | None, spec: ReferenceSpec) -> None:
        self._kind, self._subject = kind, subject
        if spec.kind is ReferenceKind.TRAINING:
            spec = ReferenceSpec(ReferenceKind.FIRST, spec.windows, spec.weeks)
        self._reference = Reference(spec, NOTHING, PredictionComparison.among)
        self._incident = Incident()
        self._last_ms: int | None = None

    def judge(self, start_ms: int, end_ms: int, hits: int, n: int) -> Finding | None:
        """What is said of `hits` among `n` in the settled window [start_ms, end_ms).

        None for a window that does not begin after the last one. Raises ValueError unless 0 <= hits <= n.
        `effect` is the rate of the window less that of the reference: below 0 it fell.
        """
        if not 0 <= hits <= n:
            raise ValueError(f"{hits} of {n} is no rate")
        if self._last_ms is not None and start_ms <= self._last_ms:
            return None
        self._last_ms = start_ms
        window = tally(np.arange(2), np.array([n - hits, hits]))
        chosen = self._reference.choose(start_ms, end_ms)
        verdict, pairs = self._verdict(window, chosen)
        said: dict[str, object] = {"level": (verdict.level or Level.QUIET).value, "subject": self._subject}
        if verdict.level is None or n < LEAST_N:  # too few to ring: silence is no calm
            said |= self._incident.unjudged()
        else:
            alarm = verdict.level is Level.ALARM
            said |= self._incident.step(start_ms, alarm=alarm, calm=not alarm)
        if isinstance(chosen, Chosen):
            said |= chosen.said() | {"reference_n": chosen.counts.total}
        if n:
            quiet = verdict.level is not Level.ALARM and "incident" not in said
            self._reference.learn(Pool(start_ms, end_ms, 1, window), chosen, pairs, quiet=quiet)
        return finding(self._kind, n, verdict.said | said, verdict.why, verdict.otherwise)

    def _verdict(self, window: Tally, chosen: Chosen | Why) -> tuple[Verdict, Pairs]:
        if isinstance(chosen, Why) or not window.total:
            return unjudged(window.total, chosen if isinstance(chosen, Why) else Why.NO_PREDICTIONS), {}
        here, there = window.dense(2), chosen.counts.dense(2)
        compared = PredictionComparison.of(window, chosen.counts)
        spread = chi_square(self._reference.pairs(Test.PREDICTION, chosen.kind))
        verdict = of_shares(here, there, compared.shares, spread, Why.NO_PREDICTIONS)
        effect = int(here[1]) / int(here.sum()) - int(there[1]) / int(there.sum())
        said = verdict.said | {"effect": effect, "effect_bound": RATE_BOUND}
        for shown in ("psi", "js", "kl"):
            said.pop(shown, None)
        alarm = verdict.level is not None and verdict.n >= LEAST_N and abs(effect) >= RATE_BOUND and _p(said) < P_ALARM
        level = verdict.level and (Level.ALARM if alarm else Level.QUIET)
        return verdict._replace(said=said, level=level), compared.pairs()

    def dump(self) -> dict[str, object]:
        """The state as plain values; kind, subject and what was set are not in it."""
        return {
            "format": FORMAT,
            "last": self._last_ms,
            "reference": self._reference.dump(),
            "incident": self._incident.dump(),
        }

    @classmethod
    def load(cls, kind: str, subject: str | None, spec: ReferenceSpec, state: Mapping[str, Any]) -> "RateSeries":
        """Go on from what `dump` gave. Raises ValueError when it is damaged, or of another format."""
        series = cls(kind, subject, spec)
        try:
            series._restore(state)
        except (KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
            raise ValueError(f"a damaged state of a rate: {error!r}") from error
        return series

    def _restore(self, state: Mapping[str, Any]) -> None:
        if state["format"] != FORMAT:
            raise ValueError("a rate of another format")
        self._reference.restore(state["reference"])
        self._incident = Incident.load(state["incident"])
        self._last_ms = None if state["last"] is None else whole(state["last"])
        if int(self._reference.counted().code.max(initial=0)) > 1:
            raise ValueError("a rate of more than hits and misses")


def _p(said: Mapping[str, object]) -> float:
    p = said.get("p_value")
    return p if isinstance(p, float) else 1.0
