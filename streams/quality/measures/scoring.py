"""What scores, ranks, label delays and costs say about a window, beyond its confusion table."""

from typing import NamedTuple

from streams.formats.columns import CONFIDENCE_SCALE
from streams.quality.counts.counted import Counted
from streams.quality.measures.calibration import brier_score, calibration_error, log_loss
from streams.quality.measures.confusion import Undefined, explain
from streams.quality.measures.cost import expected_cost
from streams.quality.measures.label_delay import delay_counts, delay_quantiles_s, said
from streams.quality.measures.ranking import ranking
from streams.quality.settings import CostSpec


class ScoreMeasures(NamedTuple):
    """The numbers of a window that need more than margins, in the order of its row. `undefined` explains every None."""

    scored: int | None  # predictions with a confidence, labelled or not; None: not taken yet
    confidence_mean: float | None
    confidence_variance: float | None  # of the sample, n - 1
    brier: float | None
    log_loss: float | None
    ece: float | None  # debiased
    ece_raw: float | None
    auc: float | None
    top_2_accuracy: float | None
    top_3_accuracy: float | None
    top_5_accuracy: float | None
    mean_rank: float | None
    label_delay_p50_s: float | None
    label_delay_p90_s: float | None
    label_delay_p99_s: float | None
    expected_cost: float | None  # mean cost of a labelled prediction
    expected_cost_lower: float | None  # 95 % interval
    expected_cost_upper: float | None
    undefined: str | None


Number = tuple[float | None, Undefined]
"""A number, and the reason if it is None."""

_DELAYS = (50, 90, 99)


def score_measures(counted: Counted, cost: CostSpec | None = None) -> ScoreMeasures:
    """Every measure of a window that needs scores, ranks, delays or costs.

    What is not counted is None with its reason: a window without scores, or one finer than the detail grain.
    """
    scored = int(counted.scored.n.sum())
    numbers = {**_confidence(counted, scored), **_calibration(counted)}
    numbers |= {name: (one.value, one.reason or Undefined.NO_RANKS) for name, one in ranking(counted)}
    numbers |= _delays(counted) | _cost(counted, cost)
    reasons = [(name, reason) for name, (value, reason) in numbers.items() if value is None]
    return ScoreMeasures(scored, undefined=explain(reasons), **{name: value for name, (value, _) in numbers.items()})


def _confidence(counted: Counted, n: int) -> dict[str, Number]:
    total = int(counted.confidence_sum.sum())
    squares = sum(counted.confidence_squares.tolist())  # Python's integers: the product below would not fit
    variance = (n * squares - total * total) / (n * (n - 1) * CONFIDENCE_SCALE**2) if n > 1 else None
    return {
        "confidence_mean": (total / (n * CONFIDENCE_SCALE) if n else None, Undefined.NO_SCORES),
        "confidence_variance": (variance, Undefined.ONE_SCORE if n else Undefined.NO_SCORES),
    }


def _calibration(counted: Counted) -> dict[str, Number]:
    error = calibration_error(counted)
    return {
        "brier": (brier_score(counted), Undefined.NO_FULL_SCORES),
        "log_loss": (log_loss(counted), Undefined.NO_FULL_SCORES),
        "ece": (error and error.debiased, Undefined.NO_LABELLED_SCORES),
        "ece_raw": (error and error.raw, Undefined.NO_LABELLED_SCORES),
    }


def _delays(counted: Counted) -> dict[str, Number]:
    labels = len(counted.delays.n)
    quantiles: list[float | None] = [None] * len(_DELAYS)
    if labels:
        quantiles = said(delay_quantiles_s(delay_counts(counted)[None, :], _DELAYS)[0])
    reason = Undefined.DELAY_OPEN if labels else Undefined.NO_DELAYS
    return {f"label_delay_p{percent}_s": (value, reason) for percent, value in zip(_DELAYS, quantiles, strict=True)}


def _cost(counted: Counted, spec: CostSpec | None) -> dict[str, Number]:
    cost = None if spec is None else expected_cost(counted, spec)
    reason = Undefined.NO_COSTS if spec is None else Undefined.NOTHING_LABELLED
    names = ("expected_cost", "expected_cost_lower", "expected_cost_upper")
    values = (None, None, None) if cost is None else tuple(cost)
    return {name: (value, reason) for name, value in zip(names, values, strict=True)}
