"""Does a model serve every group alike? The groups of one dimension in one window, against each other.

Groups are compared over the classes of which they and the rest have enough labels, because a balanced accuracy over
fewer classes is another quantity. Which group is worst is decided after shrinking (`against_rest`), so that it is not
always the smallest. Nothing here knows where groups come from; `other`, where small ones were folded, is none.
"""

from collections.abc import Sequence
from enum import StrEnum
from math import fsum
from typing import NamedTuple

import numpy as np

from streams.quality.counts.counted import Counted
from streams.quality.measures.against_rest import MIN_TRIALS, Cells, Ints, Means, Ratios, difference_interval
from streams.quality.measures.intervals import balanced_accuracy_interval, wilson
from streams.quality.measures.multiple import benjamini_hochberg
from streams.quality.settings import GroupsSpec

SIGNIFICANT_Q = 0.01
"""A gap is significant from this q-value down: where groups do not differ, at most about one window in a hundred."""


class GroupsUndefined(StrEnum):
    """Why a number about groups cannot be said."""

    FEW_GROUPS = "fewer than two groups with enough labels of one class"
    NO_SHARED_CLASS = "no two of the groups have enough labels of the same class"
    FEW_GROUPS_PREDICTED = "fewer than two groups with enough predictions"
    NOT_PROTECTED = "not a protected dimension"
    FOLDED = "how many values are in other is not counted"


class GroupMeasures(NamedTuple):
    """What the groups of a dimension say, in the order of its row. `undefined` explains every None.

    Intervals are 95 %: of the worst group for that group alone, of parity differences for all that were looked at.
    """

    dimension: str
    groups: int
    groups_compared: int  # with enough labels of a class to be compared with the rest
    groups_folded: int | None
    predictions_folded: int
    worst_by_balanced_accuracy: str | None
    worst_balanced_accuracy: float | None  # over `worst_classes` classes
    worst_balanced_accuracy_lower: float | None
    worst_balanced_accuracy_upper: float | None
    worst_classes: int | None
    worst_by_recall: str | None
    worst_recall_class: str | None
    worst_recall: float | None
    worst_recall_lower: float | None
    worst_recall_upper: float | None
    gap: float | None  # balanced accuracy of gap_from less that of gap_to, over the classes of both
    gap_from: str | None
    gap_to: str | None
    gap_p_value: float | None
    gap_q_value: float | None
    gap_significant: bool | None
    protected: bool
    equal_opportunity_difference: float | None  # of the recall of a class
    equal_opportunity_lower: float | None
    equal_opportunity_upper: float | None
    equal_opportunity_class: str | None
    equal_opportunity_from: str | None
    equal_opportunity_to: str | None
    demographic_parity_difference: float | None  # of the share of predictions of a class
    demographic_parity_lower: float | None
    demographic_parity_upper: float | None
    demographic_parity_class: str | None
    demographic_parity_from: str | None
    demographic_parity_to: str | None
    undefined: str | None


_WORST = GroupMeasures._fields[5:15]
_GAP = GroupMeasures._fields[15:21]
_OPPORTUNITY = GroupMeasures._fields[22:28]
_PARITY = GroupMeasures._fields[28:34]

_Parity = tuple[float, float, float, str, str, str]


def compare_groups(
    dimension: str,
    groups: Sequence[tuple[str, Counted]],
    whole: Counted,
    folded: int,
    spec: GroupsSpec,
    *,
    groups_folded: int | None = None,
    min_support: int = MIN_TRIALS,
) -> GroupMeasures:
    """Compare the groups of a dimension, given as (value, counts), with each other and with the rest of `whole`.

    `whole` counts every prediction of the window, also those of no group given here; `folded` of them are in `other`.
    A ratio is compared where group and rest have at least `min_support` labels of the class (or predictions).
    Raises ValueError when a group counts more than the whole.
    """
    ordered = sorted(groups, key=lambda group: group[0])
    table = _Table([name for name, _ in ordered], [counts for _, counts in ordered], whole, min_support)
    is_protected = dimension in spec.protected
    folded_groups = groups_folded if folded else 0
    reasons = [("groups_folded", GroupsUndefined.FOLDED)] if folded_groups is None else []
    means = Means.of(table.recalls, min_support)
    compared = int(means.compared.sum())
    worst: tuple[object, ...] = (None,) * len(_WORST)
    gap: tuple[object, ...] = (None,) * len(_GAP)
    if compared > 1:
        worst = (*table.worst_by_balanced_accuracy(means), *table.worst_by_recall())
        gap = table.gap(means) or gap
    if compared < 2:
        reasons += [(name, GroupsUndefined.FEW_GROUPS) for name in (*_WORST, *_GAP)]
    elif gap[0] is None:
        reasons += [(name, GroupsUndefined.NO_SHARED_CLASS) for name in _GAP]
    parity: list[tuple[object, ...]] = []
    for names, ratios, reason in (
        (_OPPORTUNITY, table.recalls, GroupsUndefined.NO_SHARED_CLASS),
        (_PARITY, table.shares, GroupsUndefined.FEW_GROUPS_PREDICTED),
    ):
        difference = table.parity(ratios, spec.favourable) if is_protected else None
        parity.append(difference or (None,) * len(names))
        if difference is None:
            reasons += [(name, reason if is_protected else GroupsUndefined.NOT_PROTECTED) for name in names]
    values = (
        dimension, len(ordered), compared, folded_groups, folded,
        *worst, *gap, is_protected, *parity[0], *parity[1],
        "; ".join(f"{name}: {reason}" for name, reason in reasons) or None,
    )  # fmt: skip
    return GroupMeasures._make(values)


class _Table:
    """The counts of G groups (sorted by name) by class: those of `whole` that have any, sorted by name."""

    def __init__(self, names: list[str], groups: list[Counted], whole: Counted, min_support: int) -> None:
        seen = np.flatnonzero(whole.support + whole.predictions_of)
        self.names = names
        self.classes = [whole.classes[i] for i in seen]
        self._min_support = min_support
        at = {name: i for i, name in enumerate(self.classes)}
        shape = (len(names), len(self.classes))
        support, hits, predicted = (np.zeros(shape, np.int64) for _ in range(3))
        for row, group in enumerate(groups):
            own = np.flatnonzero(group.support + group.predictions_of)
            columns = [at.get(group.classes[i], -1) for i in own]
            if -1 in columns:
                raise ValueError("a part counts more than the whole")
            support[row, columns] = group.support[own]
            hits[row, columns] = group.hits[own]
            predicted[row, columns] = group.predictions_of[own]
        self.recalls = Ratios.of(hits, support, whole.hits[seen], whole.support[seen])
        of_group = np.repeat(predicted.sum(axis=1)[:, None], len(self.classes), axis=1)
        self.shares = Ratios.of(predicted, of_group, whole.predictions_of[seen], np.full(len(seen), whole.predictions))

    def worst_by_balanced_accuracy(self, means: Means) -> tuple[str, float, float, float, int]:
        """The group that falls furthest short of the rest, its balanced accuracy with interval, over how many classes.

        Over the classes in which it can be compared.
        """
        row = int(np.argmax(means.shrunken))
        taken = np.flatnonzero(self.recalls.comparable(self._min_support)[row])
        return self.names[row], *self._balanced_accuracy(row, taken), len(taken)

    def worst_by_recall(self) -> tuple[str, str, float, float, float]:
        """The group and class of the recall furthest below the rest's in the same class, with its interval."""
        cells = Cells.of(self.recalls, self._min_support)
        row, column = divmod(int(np.argmax(cells.shrunken)), len(self.classes))
        n = int(self.recalls.trials[row, column])
        recall = int(self.recalls.hits[row, column]) / n
        return self.names[row], self.classes[column], recall, *wilson(recall, n)

    def gap(self, means: Means) -> tuple[float, str, str, float, float, bool] | None:
        """The gap between the worst group and the best that shares a class with it, and whether it could be chance.

        None when no group shares one. The p-value is the smaller one of the two groups' tests against the rest.
        """
        worst = int(np.argmax(means.shrunken))
        enough = self.recalls.trials >= self._min_support
        shares = means.compared & (enough & enough[worst]).any(axis=1)
        shares[worst] = False
        if not shares.any():
            return None
        best = int(np.argmin(np.where(shares, means.shrunken, np.inf)))
        taken = np.flatnonzero(enough[best] & enough[worst])
        gap = self._mean_recall(best, taken) - self._mean_recall(worst, taken)
        rows = np.flatnonzero(means.compared)
        p = dict(zip(rows.tolist(), means.p_values[rows].tolist(), strict=True))
        q = dict(zip(p, benjamini_hochberg(list(p.values())), strict=True))
        ends = (best, worst) if gap >= 0 else (worst, best)
        q_value = min(q[best], q[worst])
        names = (self.names[ends[0]], self.names[ends[1]])
        return abs(gap), *names, min(p[best], p[worst]), q_value, q_value <= SIGNIFICANT_Q

    def parity(self, ratios: Ratios, favourable: str | None) -> _Parity | None:
        """The difference of a ratio between the best and the worst group, in a class; None below two groups.

        The class is the favourable one, else the one that differs most. (difference, lower, upper, class, from, to).
        """
        columns = [c for c, name in enumerate(self.classes) if favourable in (None, name)]
        enough = ratios.trials >= self._min_support
        columns = [c for c in columns if enough[:, c].sum() > 1]
        if not columns:
            return None
        cells = Cells.of(ratios, self._min_support)
        best = np.argmin(np.where(cells.comparable, cells.shrunken, np.inf), axis=0)
        worst = np.argmax(cells.shrunken, axis=0)
        spread = [float(cells.shrunken[worst[c], c] - cells.shrunken[best[c], c]) for c in columns]
        column = columns[int(np.argmax(spread))]
        rows = [int(best[column]), int(worst[column])]
        if rows[0] == rows[1]:  # all alike: the first two by name
            rows = np.flatnonzero(enough[:, column])[:2].tolist()
        looks = sum(int(n * (n - 1)) // 2 for n in enough[:, columns].sum(axis=0))
        counts = [(int(ratios.hits[row, column]), int(ratios.trials[row, column])) for row in rows]
        if counts[0][0] * counts[1][1] < counts[1][0] * counts[0][1]:
            rows.reverse()
            counts.reverse()
        better, worse = counts
        difference = better[0] / better[1] - worse[0] / worse[1]
        interval = difference_interval(better, worse, looks)
        return difference, *interval, self.classes[column], self.names[rows[0]], self.names[rows[1]]

    def _mean_recall(self, row: int, columns: Ints) -> float:
        return fsum((self.recalls.hits[row, columns] / self.recalls.trials[row, columns]).tolist()) / len(columns)

    def _balanced_accuracy(self, row: int, columns: Ints) -> tuple[float, float, float]:
        hits, support = self.recalls.hits[row, columns].tolist(), self.recalls.trials[row, columns].tolist()
        interval = balanced_accuracy_interval(list(zip(hits, support, strict=True)))
        return self._mean_recall(row, columns), *interval
