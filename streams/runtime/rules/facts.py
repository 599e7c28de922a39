"""What is known of the job that rules are asked in: its panes, windows, dimensions, classes and times.

Without a job nothing of it is known, and what depends on it is not asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from streams.alerts.rules.model import DAY, HOUR, MINUTE, selects
from streams.quality.spec import QualitySpec
from streams.runtime.rules.values import names_in

KEPT_MS = 28 * DAY
"""How far back counts are kept for alerts."""

BASELINE_MS = 7 * DAY
"""What `delta(baseline)` compares with: the last 7 d without the window."""

USUAL_STEP_MS = 5 * MINUTE
PERIOD_GRAIN_MS = HOUR
"""Periods are counted in whole hours."""


class Job(Protocol):
    """What rules need to know of a job's configuration."""

    @property
    def quality(self) -> QualitySpec:
        """What the judge does."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the job; of the default instance: nothing."""

    pane_ms: int | None = None
    windows: tuple[str, ...] | None = None
    tumbling: Mapping[int, str] | None = None  # name by length in ms
    dimensions: tuple[str, ...] | None = None
    protected: tuple[str, ...] | None = None
    classes: tuple[str, ...] = ()  # of every model that lists none of its own; empty: any class
    own_classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    settle_ms: int | None = None
    own_settle_ms: Mapping[str, int] = field(default_factory=dict)

    @property
    def usual_step_ms(self) -> int:
        """The smallest multiple of the pane from 5 minutes up that every tumbling window is made of; else the pane.

        Windows are judged at the step that they end with.
        """
        pane_ms, sizes = self.pane_ms or USUAL_STEP_MS, self.tumbling or {}
        first = -(-USUAL_STEP_MS // pane_ms) * pane_ms
        steps = range(first, min(sizes, default=first) + 1, pane_ms)
        return next((step for step in steps if all(size % step == 0 for size in sizes)), pane_ms)

    def catalogues(self, pattern: str) -> list[tuple[str, tuple[str, ...]]]:
        """(model, its closed list of classes) of each model that a pattern selects; none where a class may be any.

        Models that are not listed share one list, and are called by the pattern.
        """
        is_exact = pattern != "*" and not pattern.startswith("!")
        if is_exact:
            listed = [(name, self.own_classes.get(name, self.classes)) for name in names_in(pattern)]
        else:
            own = [(name, classes) for name, classes in sorted(self.own_classes.items()) if selects(pattern, name)]
            listed = [*own, ("the other models", self.classes)] if own else [("the models", self.classes)]
        return [] if any(not classes for _, classes in listed) else listed

    def settles(self, pattern: str) -> list[tuple[str, int]]:
        """(model, settle in ms) of the models that a pattern selects, the latest first; none without a job."""
        if self.settle_ms is None:
            return []
        if pattern != "*" and not pattern.startswith("!"):
            known = [(name, self.own_settle_ms.get(name, self.settle_ms)) for name in names_in(pattern)]
        else:
            known = [(name, ms) for name, ms in self.own_settle_ms.items() if selects(pattern, name)]
            known.append(("other models" if known else "every model", self.settle_ms))
        return sorted(known, key=lambda item: (-item[1], item[0]))


def facts_of(job: Job | None) -> Facts:
    """What is known of a job."""
    if job is None:
        return Facts()
    quality = job.quality
    return Facts(
        pane_ms=quality.pane_ms,
        windows=tuple(window.name for window in quality.windows),
        tumbling={w.size_ms: w.name for w in quality.windows if w.size_ms == w.step_ms and not w.half_life_ms},
        dimensions=quality.dimensions,
        protected=quality.settings.groups.protected,
        classes=quality.expected_default,
        own_classes=dict(quality.expected_classes),
        settle_ms=quality.timing.settle_ms,
        own_settle_ms={name: timing.settle_ms for name, timing in quality.models},
    )
