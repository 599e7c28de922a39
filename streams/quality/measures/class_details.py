"""What a class row says beyond its margins: what the class is mistaken for."""

from collections.abc import Collection, Mapping, Sequence
from heapq import nsmallest
from typing import NamedTuple

from streams.quality.counts.details import SHIFT, UNLABELLED
from streams.quality.measures.confusion import Undefined, explain

CONFUSIONS = 3
"""How many classes are named that a class is mistaken for."""


class ClassDetails(NamedTuple):
    """What a class is mistaken for, in the order of its row."""

    confused_with: str | None  # "late: 12; cancelled: 3": labels of this class by the class predicted instead
    undefined: str | None


_NEVER = ClassDetails(None, explain([("confused_with", Undefined.NEVER_CONFUSED)]))
_NO_SUPPORT = ClassDetails(None, explain([("confused_with", Undefined.NO_SUPPORT)]))


def class_details(
    cells: Mapping[int, int], classes: Collection[int], names: Sequence[str], confusions: int = CONFUSIONS
) -> dict[int, ClassDetails]:
    """The details of some classes: the largest cells of their row, by count and then by name.

    `cells` are counts by code (`table.cell`), `names` is what classes are called by their number. Names stand as they
    are; the confusion rows have every cell apart.
    """
    wrong: dict[int, list[tuple[int, str]]] = {cls: [] for cls in classes}
    labelled = set()
    for code, n in cells.items():
        actual, predicted = code >> SHIFT, code & UNLABELLED
        mine = wrong.get(actual)
        if mine is None or code < 0:
            continue
        labelled.add(actual)
        if predicted != actual:
            mine.append((-n, names[predicted]))
    result = {}
    for cls, mine in wrong.items():
        if not mine:
            result[cls] = _NEVER if cls in labelled else _NO_SUPPORT
            continue
        largest = nsmallest(confusions, mine)
        result[cls] = ClassDetails("; ".join(f"{name}: {-n}" for n, name in largest), None)
    return result
