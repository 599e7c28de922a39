"""What a window row says that is not taken anew in every round: scores, delays, costs, and the outlook.

They are taken at some ages of a window, when it settles and when it is final, and stand in its rows until the next
time: what they cost would make every round slow, and nobody acts on them by the second.
"""

from typing import NamedTuple

from streams.quality.lives import Life
from streams.quality.maturing.outlook import Outlook
from streams.quality.measures.scoring import ScoreMeasures
from streams.quality.rows import ALL


class Age(NamedTuple):
    """The age of the window at which the measures behind it were taken, s; None: not yet."""

    details_age_s: int | None
    undefined: str | None


_NO_OUTLOOK = Outlook(*(None,) * 9, "outlook: told of all predictions in windows that tumble, from their end on")
_NO_SCORES = ScoreMeasures(
    *(None,) * 18,
    "details: told of windows by prediction time: of all predictions from their end on, of segments when they settle",
)
FINAL = Outlook(*(None,) * 9, "outlook: nothing can change any more")
"""Of final windows: their numbers are the ones that were looked for."""

NOT_TOLD = (Age(None, None), _NO_SCORES, _NO_OUTLOOK)
"""Of windows that did not end yet, and of views for which these are not told at all."""


def told_before(life: Life, segment: str) -> tuple[Age, ScoreMeasures, Outlook]:
    """What was taken of a segment the last time."""
    age, scores, outlook = NOT_TOLD
    if segment in life.scores:
        age_s, scores = life.scores[segment]
        age = Age(age_s, None)
    if segment == ALL and life.outlook is not None:
        outlook = life.outlook
    return age, scores, outlook
