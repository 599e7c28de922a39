"""The confidence of a prediction in its class, from whatever the log calls a score. Fixed point, or NO_CONFIDENCE.

Rule: a score never rejects a prediction. A map without the class, a number outside [0, 1] by more than 1e-6, NaN and
every other type are `NO_CONFIDENCE`: calibration counts fewer predictions, accuracy loses none.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.formats.classes import ClassNames
from streams.formats.columns import CONFIDENCE_SCALE, NO_CONFIDENCE
from streams.formats.spec import ClassSpec

TOLERANCE = 1e-6
"""How far outside [0, 1] a probability may be by rounding."""


class Scores:
    """Reads the score of one mapping."""

    def __init__(self, spec: ClassSpec, classes: ClassNames) -> None:
        self._positive = spec.positive
        self._expected = {name: index for index, name in enumerate(spec.expected)}
        self._classes = classes

    def confidence(self, score: Any, spelled: str, cls: str) -> int:
        """The confidence in `cls`, fixed point. `spelled` is how the record spells the class.

        A map gives the number of the key spelled like the class, else of the first key that names it. An array as
        long as the list of expected classes is in their order. Any other number is the confidence of the predicted
        class, or the probability of the positive class where the mapping names one.
        """
        kind = type(score)
        if kind is dict:
            return fixed_point(self._of_map(score, spelled, cls))
        if kind is list and len(score) == len(self._expected) and cls in self._expected:
            return fixed_point(score[self._expected[cls]])
        if kind is list and len(score) == 1:
            score = score[0]
        if type(score) is not float and type(score) is not int:
            return NO_CONFIDENCE
        if self._positive is not None and cls != self._positive:
            return fixed_point(1 - score)
        return fixed_point(score)

    def number_column(
        self, numbers: NDArray[np.float64], codes: NDArray[np.uint16], names: list[str]
    ) -> NDArray[np.uint16]:
        """`confidence` of a column of plain numbers; `names[codes[i]]` is the class of row i."""
        if self._positive is not None:
            positive = np.array([name == self._positive for name in names], bool)[codes]
            numbers = np.where(positive, numbers, 1.0 - numbers)
        return fixed_point_column(numbers)

    def map_column(self, numbers: NDArray[np.float64]) -> NDArray[np.uint16]:
        """`confidence` of a column of numbers found in maps; NaN where the map has none under that spelling."""
        return fixed_point_column(numbers)

    def _of_map(self, score: dict[str, Any], spelled: str, cls: str) -> Any:
        if spelled in score:
            return score[spelled]
        return next((number for name, number in score.items() if self._classes.names(name, cls)), None)


def fixed_point(probability: Any) -> int:
    """A probability in fixed point; NO_CONFIDENCE when it is none."""
    if type(probability) is not float and type(probability) is not int:
        return NO_CONFIDENCE
    if not -TOLERANCE <= probability <= 1 + TOLERANCE:
        return NO_CONFIDENCE
    return round(min(max(float(probability), 0.0), 1.0) * CONFIDENCE_SCALE)


def fixed_point_column(probability: NDArray[np.float64]) -> NDArray[np.uint16]:
    """`fixed_point` of a column; NaN is NO_CONFIDENCE."""
    scaled = np.rint(np.clip(probability, 0.0, 1.0) * CONFIDENCE_SCALE)
    fits = (probability >= -TOLERANCE) & (probability <= 1 + TOLERANCE)
    return np.where(fits, scaled, NO_CONFIDENCE).astype(np.uint16)
