"""Which metrics can a rule ask for, and what does each of them need?"""

from collections.abc import Mapping
from dataclasses import dataclass

from streams.alerts.rules.conditions import BOUNDS


@dataclass(frozen=True, slots=True)
class Metric:
    """What a metric is like. `high` is the greatest value there is, None without a bound."""

    of_class: bool = False  # `by` must have the class
    of_window: bool = False  # of a configured tumbling window that settled; else of any steps
    has_interval: bool = False
    has_baseline: bool = False  # whether it can be compared with the week before
    needs_dimension: bool = False
    is_duration: bool = False  # in seconds
    high: float | None = 1.0

    @property
    def subjects(self) -> tuple[str, ...]:
        """What its conditions can ask."""
        bounds = BOUNDS if self.has_interval else ()
        return ("value", *bounds, *(("delta",) if self.has_baseline else ()), "support")


METRICS: Mapping[str, Metric] = {
    "balanced_accuracy": Metric(has_interval=True, has_baseline=True),
    "accuracy": Metric(has_interval=True, has_baseline=True),
    "label_completeness": Metric(has_interval=True),
    "recall": Metric(of_class=True, has_interval=True, has_baseline=True),
    "precision": Metric(of_class=True, has_interval=True, has_baseline=True),
    "f1": Metric(of_class=True, has_interval=True, has_baseline=True),
    "specificity": Metric(of_class=True, has_interval=True, has_baseline=True),
    "prediction_share": Metric(of_class=True, has_interval=True, has_baseline=True),
    "support": Metric(of_class=True, high=None),
    "label_delay_p50": Metric(of_window=True, is_duration=True, high=None),
    "expected_calibration_error": Metric(of_window=True),
    "group_gap": Metric(of_window=True, has_interval=True, needs_dimension=True),
}
