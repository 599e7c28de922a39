"""The tables of the file that say how quality is judged: references, drift, alerts, cost, groups, scores, samples.

Here stands what can be said of one table alone. Whether the classes and dimensions they name exist, and whether a
reference has the training it asks for, is asked of the whole file in `config.known_names`.
"""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from streams.quality.settings import CostSpec, ReferenceSpec, SamplesSpec
from streams.runtime.config.problems import Code, problem
from streams.runtime.config.table import Table

SCORE_BINS = 20
"""How many bins of the confidence a distribution of scores has."""

MAX_KEPT_SCORES = 16

_REFERENCE, _SAMPLES = ReferenceSpec(), SamplesSpec()
_ANY_COST = CostSpec(())

Count = Annotated[int, Field(ge=0, le=10**15)]
Cost = Annotated[float, Field(ge=-1e12, le=1e12, allow_inf_nan=False)]  # its square can be added up


def _hits_of_support(value: list[int]) -> list[int]:
    if len(value) != 2:
        raise problem(Code.WRONG_VALUE, f"{value} is no pair of counts. Write [hits, support].")
    hits, support = value
    if not support:
        raise problem(Code.WRONG_VALUE, "a support of 0 says nothing of the recall. Leave the class out.")
    if hits > support:
        text = f"{hits} hits of a support of {support}: there cannot be more hits. Write [hits, support]."
        raise problem(Code.WRONG_VALUE, text)
    return value


HitsOfSupport = Annotated[list[Count], AfterValidator(_hits_of_support)]
"""`[hits, support]` of a class in a validation set."""


class TrainingTable(Table):
    """`[reference.training]`: what a model was trained and validated on; parts that are not known are left out."""

    version: str = Field(min_length=1, max_length=256)
    predicted: dict[str, Count] = Field(default={})
    recall: dict[str, HitsOfSupport] = Field(default={})
    scores: list[Count] = Field(default=[])

    @model_validator(mode="after")
    def _there_is_something_to_compare_with(self) -> Self:
        if self.scores and len(self.scores) != SCORE_BINS:
            text = (
                f"{len(self.scores)} counts, not {SCORE_BINS}: one for each of the bins 0 to 0.05, 0.05 to 0.1, "
                "... 0.95 to 1 of the confidence. Write all of them."
            )
            raise problem(Code.WRONG_VALUE, text, ("scores",))
        for key, counts in (("predicted", [*self.predicted.values()]), ("scores", self.scores)):
            if counts and not any(counts):
                raise problem(Code.WRONG_VALUE, "every count is 0, which is no distribution. Leave it out.", (key,))
        if not (self.predicted or self.recall or self.scores):
            text = "nothing to compare with: predicted, recall and scores are all missing. Give one of them."
            raise problem(Code.CONFLICT, text)
        return self


Kind = Literal["auto", "first", "training", "hour_of_week"]
Windows = Annotated[int, Field(ge=1, le=1_000)]
Weeks = Annotated[int, Field(ge=2, le=52)]


class ReferenceTable(Table):
    """`[reference]`: what windows are compared with."""

    kind: Kind = "auto"
    windows: Windows = _REFERENCE.windows
    weeks: Weeks = _REFERENCE.weeks
    training: TrainingTable | None = None


class ModelReferenceTable(Table):
    """`[models."NAME".reference]`: what is different for one model; what is not set is as in `[reference]`."""

    kind: Kind | None = None
    windows: Windows | None = None
    weeks: Weeks | None = None
    training: TrainingTable | None = None


class AlertsTable(Table):
    """`[alerts]`: whether anybody is told, and by which rules."""

    enabled: bool = True
    rules: str | None = Field(default=None, min_length=1)


class DriftTable(Table):
    """`[drift]`: what detectors watch."""

    segments: bool = True


class CostTable(Table):
    """`[cost]`: what a prediction costs by label's class and predicted class."""

    wrong: Cost = _ANY_COST.wrong
    matrix: dict[str, dict[str, Cost]] = Field(default={})


class GroupsTable(Table):
    """`[groups]`: protected dimensions, and the class that is good for whom it is said of."""

    protected: list[str] = Field(default=[])
    favourable: str | None = None


class ScoresTable(Table):
    """`[scores]`: how much of a map of probabilities is kept until the label comes."""

    keep: int = Field(default=0, ge=0, le=MAX_KEPT_SCORES)


class SamplesTable(Table):
    """`[samples]`: predictions worth a person's look."""

    per_window: int = Field(default=_SAMPLES.per_window, ge=0, le=100)
    confident: float = Field(default=_SAMPLES.confident, gt=0, le=1)
    near: float = Field(default=_SAMPLES.near, ge=0, le=0.5)
