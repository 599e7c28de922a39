"""Confusion tables: sparse, integer, mergeable. An absent cell is zero, and reading never creates one.

`Margins` are the sums every measure needs, `Table` adds the cells themselves. Both form a group under
`merge` and `retract`: merge(a, b) counts the concatenation, retract undoes it exactly, and a class whose
last prediction is retracted is absent again. Size is the number of cells that are not zero, never the
square of the classes.
"""

from collections.abc import Iterable, Mapping

from streams.quality.counts.details import SHIFT, UNLABELLED, Details

CORRECTED = -1
"""The code under which corrections travel in a delta: no cell, but a count of the table."""

Delta = dict[int, int]
"""Changes of counts by code; what is not zero."""


def cell(actual: int, predicted: int) -> int:
    """The code of a cell."""
    return actual << SHIFT | predicted


def split(code: int) -> tuple[int, int]:
    """The actual and the predicted class of a cell's code."""
    return code >> SHIFT, code & UNLABELLED


def accumulate(into: Delta, delta: Mapping[int, int], sign: int = 1) -> None:
    """Add a mapping of counts to another; keys that come to zero go."""
    get = into.get
    for key, n in delta.items():
        total = get(key, 0) + sign * n
        if total:
            into[key] = total
        else:
            into.pop(key, None)


class Margins:
    """The sums of a table, or of a change of one (then they may be negative). Class by class, zeros left out.

    `predictions` of all, `labelled` of those with a label, `correct` of those where it agrees; `corrected`
    counts labels that changed. Per class: `support` by label, `predicted` labelled predictions, `hits`
    where both agree, `of_class` all predictions of the class, labelled or not.
    """

    __slots__ = (
        "correct", "corrected", "hits", "labelled", "of_class", "predicted", "predictions", "support",
    )  # fmt: skip

    def __init__(self) -> None:
        self.predictions = 0
        self.labelled = 0
        self.correct = 0
        self.corrected = 0
        self.support: Delta = {}
        self.predicted: Delta = {}
        self.hits: Delta = {}
        self.of_class: Delta = {}

    def count(self, delta: Mapping[int, int]) -> None:
        """Count every cell of a mapping of codes to counts."""
        support, labelled, hits, of_class = self.support, self.predicted, self.hits, self.of_class
        for code, n in delta.items():
            if code < 0:
                self.corrected += n
                continue
            actual, predicted = code >> SHIFT, code & UNLABELLED
            self.predictions += n
            if count := of_class.get(predicted, 0) + n:
                of_class[predicted] = count
            else:
                of_class.pop(predicted, None)
            if actual == UNLABELLED:
                continue
            self.labelled += n
            if count := support.get(actual, 0) + n:
                support[actual] = count
            else:
                support.pop(actual, None)
            if count := labelled.get(predicted, 0) + n:
                labelled[predicted] = count
            else:
                labelled.pop(predicted, None)
            if actual == predicted:
                self.correct += n
                if count := hits.get(actual, 0) + n:
                    hits[actual] = count
                else:
                    hits.pop(actual, None)

    def merge(self, other: "Margins", sign: int = 1) -> None:
        """Add the counts of another; `sign` -1 retracts them."""
        self.predictions += sign * other.predictions
        self.labelled += sign * other.labelled
        self.correct += sign * other.correct
        self.corrected += sign * other.corrected
        accumulate(self.support, other.support, sign)
        accumulate(self.predicted, other.predicted, sign)
        accumulate(self.hits, other.hits, sign)
        accumulate(self.of_class, other.of_class, sign)

    def classes(self) -> set[int]:
        """The classes that have any count here: labelled, predicted, or both."""
        return self.of_class.keys() | self.support.keys() | self.predicted.keys() | self.hits.keys()


def margins_of(delta: Mapping[int, int]) -> Margins:
    """The margins of a mapping of codes to counts."""
    margins = Margins()
    margins.count(delta)
    return margins


def changed_classes(delta: Mapping[int, int]) -> set[int]:
    """The classes of which a change moves any margin: `margins_of(delta).classes()`, faster."""
    margins: Delta = {}
    get = margins.get
    for code, n in delta.items():
        if code < 0:
            continue
        actual, predicted = code >> SHIFT, code & UNLABELLED
        margins[predicted << 2] = get(predicted << 2, 0) + n  # of_class
        if actual != UNLABELLED:
            support, labelled = actual << 2 | 1, predicted << 2 | 2
            margins[support] = get(support, 0) + n
            margins[labelled] = get(labelled, 0) + n
            if actual == predicted:
                margins[actual << 2 | 3] = get(actual << 2 | 3, 0) + n  # hits
    return {key >> 2 for key, n in margins.items() if n}


def total(parts: Iterable[Margins]) -> Margins:
    """The margins of several tables together."""
    result = Margins()
    for part in parts:
        result.merge(part)
    return result


class Table:
    """A confusion table: `cells` by code, none of them zero, the `margins` that follow from them, and `details`."""

    __slots__ = ("cells", "details", "margins")

    def __init__(self) -> None:
        self.cells: Delta = {}
        self.margins = Margins()
        self.details = Details()

    def merge(self, delta: Mapping[int, int]) -> None:
        """Add a mapping of codes to counts. Raises ValueError when a cell would be counted less than never."""
        cells = self.cells
        for code, n in delta.items():
            if code < 0:
                continue
            count = cells.get(code, 0) + n
            if count > 0:
                cells[code] = count
            elif count:
                raise ValueError(f"cell {split(code)} would be counted {count} times")
            else:
                cells.pop(code, None)
        self.margins.count(delta)

    def retract(self, delta: Mapping[int, int]) -> None:
        """Undo `merge` of the same."""
        self.merge({code: -n for code, n in delta.items()})

    @property
    def empty(self) -> bool:
        """Whether nothing is counted here."""
        return not self.cells and not self.margins.corrected and self.details.empty

    def counts(self) -> Delta:
        """The whole table as a delta: what has to be merged into an empty one to make it again."""
        if self.margins.corrected:
            return {**self.cells, CORRECTED: self.margins.corrected}
        return dict(self.cells)
