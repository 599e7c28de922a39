"""What can be set about quality beyond windows and times: references, drift, cost, groups, label sources, samples.

Frozen, plain and typed, so that a state can say under which settings it was made. Defaults are what a team gets that
sets nothing.
"""

from dataclasses import dataclass, field
from enum import StrEnum


class ReferenceKind(StrEnum):
    """Where "normal" comes from."""

    AUTO = "auto"  # the hour of the week once there is enough of it, until then training or the first windows
    FIRST = "first"  # the first settled windows, pooled and then frozen
    TRAINING = "training"  # the distribution given in the configuration
    HOUR_OF_WEEK = "hour_of_week"  # the same hour of the week over some weeks; nothing is judged before


@dataclass(frozen=True, slots=True)
class Training:
    """What a model was trained and validated on; parts that are not known are empty.

    `predicted` are predictions by class, `labels` (class, hits, support) of a validation set, `scores` counts in the
    20 equal bins of the confidence. `version` is shown in every row that compares with it.
    """

    version: str
    predicted: tuple[tuple[str, int], ...] = ()
    labels: tuple[tuple[str, int, int], ...] = ()
    scores: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ReferenceSpec:
    """What the windows of a model are compared with.

    The first `windows` settled windows of a size make a fixed reference; that and over-dispersion need so many. The
    hour of the week is pooled over `weeks`.
    """

    kind: ReferenceKind = ReferenceKind.AUTO
    windows: int = 20
    weeks: int = 4
    training: Training | None = None


@dataclass(frozen=True, slots=True)
class CostSpec:
    """What a prediction costs by true and predicted class, in any unit; `wrong` where a pair is not listed, 0 if right.

    `costs` are (actual, predicted, cost); a right prediction may have one, too, and a negative one is a gain.
    """

    costs: tuple[tuple[str, str, float], ...]
    wrong: float = 1.0


@dataclass(frozen=True, slots=True)
class GroupsSpec:
    """Which dimensions are protected, and the class that is good for whom it is said of.

    Equal opportunity and demographic parity are told for protected dimensions; without a `favourable` class the
    largest difference over all classes is.
    """

    protected: tuple[str, ...] = ()
    favourable: str | None = None


@dataclass(frozen=True, slots=True)
class SamplesSpec:
    """How many predictions of a window are worth a look, at most, for each reason; 0: none are told.

    `confident`: a wrong prediction from this confidence on is one. `near`: so is any prediction whose confidence is at
    most this far from a coin's toss between two classes (0.5).
    """

    per_window: int = 10
    confident: float = 0.9
    near: float = 0.02


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """What is different for one model; None: as for all."""

    reference: ReferenceSpec | None = None
    cost: CostSpec | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """All of it. `drift_segments`: detectors also watch every segment value that has rows of its own."""

    reference: ReferenceSpec = field(default_factory=ReferenceSpec)
    drift_segments: bool = True
    cost: CostSpec | None = None
    groups: GroupsSpec = field(default_factory=GroupsSpec)
    human_sources: tuple[str, ...] = ()
    samples: SamplesSpec = field(default_factory=SamplesSpec)
    models: tuple[tuple[str, ModelSettings], ...] = ()

    def reference_of(self, model: str) -> ReferenceSpec:
        """What the windows of a model are compared with."""
        own = dict(self.models).get(model)
        return self.reference if own is None or own.reference is None else own.reference

    def cost_of(self, model: str) -> CostSpec | None:
        """What the predictions of a model cost; None when nobody said."""
        own = dict(self.models).get(model)
        return self.cost if own is None or own.cost is None else own.cost
