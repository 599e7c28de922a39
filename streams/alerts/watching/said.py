"""What a rule says of one alert at one step."""

from functools import lru_cache
from typing import NamedTuple

from streams.alerts.instance import Labels, labels_of
from streams.alerts.rules.model import About
from streams.alerts.verdict import Judgement


class Said(NamedTuple):
    """A judgement, and of which alert.

    `refuted`: later labels have taken back what it fired on. `lasts_ms`: how long it is before the rule says something
    again, None for the next step.
    """

    rule_kind: str
    rule: str
    labels: Labels
    judgement: Judgement
    about: About
    refuted: bool = False
    lasts_ms: int | None = None


@lru_cache(1 << 14)
def identity(model: str, version: str, segment: tuple[str, str] | None = None, cls: str | None = None) -> Labels:
    """The identity labels of a model version, of a segment value of it and of a class."""
    labels = dict(labels_of(model=model, version=version))
    if cls is not None:
        labels["class"] = cls
    if segment is not None:
        labels[f"segment.{segment[0]}"] = segment[1]
    return tuple(sorted(labels.items()))
