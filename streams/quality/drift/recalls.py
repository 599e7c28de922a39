"""The performance of a series: drops, detectors, incidents, and who is to blame."""

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any

import numpy as np

from streams.quality.drift.comparisons import LabelComparison
from streams.quality.drift.finding import Level, Why
from streams.quality.drift.incident import Incident
from streams.quality.drift.performance import LEAST, Clumping, Detector, Matched
from streams.quality.drift.spread import Spread
from streams.quality.drift.stored import dump_floats, dump_ints, load_floats, load_ints
from streams.quality.drift.verdicts import (
    P_ALARM,
    RECALL_BOUND,
    SWING_WINDOWS,
    Verdict,
    one_sided_p,
    unjudged,
)  # fmt: skip
from streams.quality.measures.intervals import balanced_accuracy_interval, wilson

CUSUM_CALM = 3.0
"""The CUSUM below which a window counts as calm."""


class Recalls:
    """Judges recall window by window. State: the detector, the incident, the last drops."""

    def __init__(self) -> None:
        self.incident = Incident()
        self.swings: list[tuple[float, float]] = []  # (drop, its variance by sampling of the window)
        self._detector = Detector()

    @property
    def classes(self) -> int:
        """How many classes the detector has numbers for."""
        return len(self._detector.tracked)

    def judge(
        self, compared: LabelComparison, drops: Spread, clumping: Clumping, names: Sequence[str], start_ms: int
    ) -> tuple[Verdict, dict[str, object]]:
        """The verdict on a window, and the row's fields of the incident after it."""
        drop, n = compared.drop, int(compared.window.support.sum())
        if drop is None:
            return unjudged(n, Why.NO_MATCH, {"effect_bound": RECALL_BOUND}), self.incident.unjudged()
        self.swings = [*self.swings[1 - SWING_WINDOWS :], (drop.drop, drop.window_variance)]
        z = drop.normal_z / sqrt(drops.overdispersion)
        step = self._detector.step(z, compared.window, compared.reference, clumping)
        p = one_sided_p(drop, drops)
        level = Level.QUIET
        if step.fired:
            level = Level.ALARM
        elif p < P_ALARM and drop.drop >= RECALL_BOUND:
            level = Level.NOW
        said: dict[str, object] = performance_said(drop, drops, p)
        said |= {"cusum": step.cusum, "evidence": step.evidence}
        why = {} if drops.known else {"overdispersion": Why.FEW_WINDOWS}
        blamed = None if step.blamed is None else names[step.blamed]
        incident = self._incident(compared, drop, names, start_ms, blamed, alarm=step.fired)
        subject = blamed if level is not Level.QUIET else self.incident.blamed
        return Verdict(n, level, said, why, Why.NO_TRACKED_CLASS, subject), incident

    def _incident(
        self,
        compared: LabelComparison,
        drop: Matched,
        names: Sequence[str],
        start_ms: int,
        blamed: str | None,
        *,
        alarm: bool,
    ) -> dict[str, object]:
        if alarm:
            self.incident.blamed = blamed
        elif not self.incident.is_open:
            return {}
        calm = self._detector.cusum < CUSUM_CALM
        may_close = calm and not alarm and self._recovered(compared, drop, names)
        return self.incident.step(start_ms, alarm=alarm, calm=calm, may_close=may_close)

    def _recovered(self, compared: LabelComparison, drop: Matched, names: Sequence[str]) -> bool:
        """Whether the window may be as good as the reference less what does not matter, and so its blamed class."""
        window, reference = compared.window, compared.reference
        at = drop.classes
        _, upper = balanced_accuracy_interval(
            list(zip(window.hits[at].tolist(), window.support[at].tolist(), strict=True))
        )
        if upper < drop.baseline - RECALL_BOUND:
            return False
        # a single class among many hardly moves the mean; with too few labels it keeps nothing open
        for i in at.tolist():
            if names[i] == self.incident.blamed and window.support[i] >= LEAST:
                m = int(window.support[i])
                _, upper = wilson(int(window.hits[i]) / m, m)
                return upper >= int(reference.hits[i]) / int(reference.support[i]) - RECALL_BOUND
        return True

    def dump(self) -> dict[str, object]:
        """Its state as plain values."""
        return {
            "incident": self.incident.dump(),
            "swings": dump_floats(np.array(self.swings, np.float64).ravel()),
            "cusum": dump_floats(np.array([self._detector.cusum])),
            "tracked": dump_ints(self._detector.tracked.astype(np.int64)),
            "log_m": dump_floats(self._detector.log_m.ravel()),
        }

    @classmethod
    def load(cls, raw: Mapping[str, Any]) -> "Recalls":
        """What `dump` gave. Raises ValueError, KeyError or TypeError when it is damaged."""
        recalls = cls()
        recalls.incident = Incident.load(raw["incident"])
        swings = load_floats(raw["swings"])
        detector = recalls._detector
        tracked, log_m, cusum = load_ints(raw["tracked"]), load_floats(raw["log_m"]), load_floats(raw["cusum"])
        if len(swings) % 2 or not np.isfinite(swings).all() or (swings[1::2] <= 0).any():
            raise ValueError("drops that cannot be")
        if len(log_m) != detector.log_m.shape[1] * len(tracked) or np.isnan(log_m).any() or (log_m == np.inf).any():
            raise ValueError("evidence that cannot be")
        if len(cusum) != 1 or not np.isfinite(cusum).all() or cusum[0] < 0:
            raise ValueError("a CUSUM that cannot be")
        recalls.swings = [(drop, variance) for drop, variance in swings.reshape(-1, 2).tolist()]
        detector.cusum = float(cusum[0])
        detector.tracked = tracked.astype(np.bool_)
        detector.log_m = log_m.reshape(-1, detector.log_m.shape[1])
        return recalls


def performance_said(drop: Matched, spread: Spread, p: float) -> dict[str, object]:
    """The row's fields of a drop."""
    return {
        "statistic": drop.z,
        "expected": 0.0,
        "overdispersion": spread.overdispersion,
        "p_value": p,
        "effect": drop.drop,
        "effect_bound": RECALL_BOUND,
    }
