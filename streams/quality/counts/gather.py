"""From the judge's numbers to `Counted`: one segment of one window with its classes numbered by name.

Cells come as a mapping of codes, details as columns in order of codes. Classes are those that any of them names.
"""

from collections.abc import Mapping

import numpy as np

from streams.ledger.cells import CONFIDENCE_BINS, POSITIVE_BINS, CellKind, Outcome
from streams.quality.counts.counted import (
    NO_LABEL,
    BinnedCells,
    Cells,
    Counted,
    Ints,
    PairCells,
    PairedCells,
    SourceCells,
)
from streams.quality.counts.details import SHIFT, UNLABELLED, Columns, of_kind
from streams.quality.counts.names import Names
from streams.quality.counts.table import CORRECTED


def gather(cells: Mapping[int, int], details: Columns, names: Names) -> Counted:
    """Everything that is counted in a segment of a window."""
    n = len(cells)
    code, count = np.fromiter(cells.keys(), np.int64, n), np.fromiter(cells.values(), np.int64, n)
    corrected = int(count[code == CORRECTED].sum())
    code, count = code[code >= 0], count[code >= 0]
    actual, predicted = code >> SHIFT, code & UNLABELLED
    if not len(details[0]):
        by_name = _ByName([actual, predicted], names)
        return _table(by_name, actual, predicted, count, corrected)
    scored, delay = of_kind(details, CellKind.SCORED), of_kind(details, CellKind.DELAY)
    corrections, labelled_by = of_kind(details, CellKind.CORRECTED), of_kind(details, CellKind.LABELLED_BY)
    agreement, paired = of_kind(details, CellKind.AGREEMENT), of_kind(details, CellKind.PAIRED)
    of_classes = (scored, delay, corrections, labelled_by, agreement)
    by_name = _ByName([actual, predicted, *(part[i] for part in of_classes for i in (1, 2)), paired[1]], names)
    table = _table(by_name, actual, predicted, count, corrected)
    versions, of_version = _versions(paired[2], names)
    sources, source_of = _sources(np.concatenate((corrections[0], labelled_by[0])), agreement[0], names)
    return Counted(
        table.classes,
        table.cells,
        table.unlabelled,
        corrected,
        scored=BinnedCells(scored[0], by_name(scored[1]), by_name(scored[2]), scored[3]),
        confidence_sum=_dense(of_kind(details, CellKind.CONFIDENCE_SUM), (CONFIDENCE_BINS, len(Outcome))),
        confidence_squares=_dense(of_kind(details, CellKind.CONFIDENCE_SQUARES), (1, len(Outcome)))[0],
        delays=BinnedCells(delay[0], by_name(delay[1]), by_name(delay[2]), delay[3]),
        positive=_dense(of_kind(details, CellKind.POSITIVE), (POSITIVE_BINS, 2)),
        ranks=_ranks(of_kind(details, CellKind.RANK)),
        proper=_total(of_kind(details, CellKind.PROPER)),
        brier_sum=_total(of_kind(details, CellKind.BRIER)),
        log_loss_sum=_total(of_kind(details, CellKind.LOG_LOSS)),
        sources=sources,
        corrections=SourceCells(
            source_of(corrections[0]), by_name(corrections[2]), by_name(corrections[1]), corrections[3]
        ),
        labelled_by=SourceCells(
            source_of(labelled_by[0]), by_name(labelled_by[1]), by_name(labelled_by[2]), labelled_by[3]
        ),
        agreement=_pairs(agreement, by_name, sources, names),
        versions=versions,
        pairs=PairedCells(of_version, by_name(paired[1]), paired[0], paired[3]),
    )


class _ByName:
    """Numbers of classes by name, in place of the judge's."""

    def __init__(self, columns: list[Ints], names: Names) -> None:
        numbers = np.unique(np.concatenate(columns))
        named = sorted((names.classes[c], c) for c in numbers.tolist() if c != UNLABELLED)
        self.classes = tuple(name for name, _ in named)
        order = np.array([c for _, c in named], np.int64)
        self._numbers = np.append(np.sort(order), UNLABELLED)
        self._local = np.append(np.argsort(order, kind="stable"), NO_LABEL)

    def __call__(self, column: Ints) -> Ints:
        local: Ints = self._local[np.searchsorted(self._numbers, column)]
        return local


class _BySource:
    """Numbers of label sources by name, in place of the judge's."""

    def __init__(self, sources: tuple[str, ...], names: Names) -> None:
        at = {name: i for i, name in enumerate(sources)}
        self._local = np.array([at.get(name, -1) for name in names.sources], np.int64)

    def __call__(self, column: Ints) -> Ints:
        local: Ints = self._local[column] if len(column) else column
        return local


def _table(by_name: _ByName, actual: Ints, predicted: Ints, n: Ints, corrected: int) -> Counted:
    true, cls = by_name(actual), by_name(predicted)
    order = np.lexsort((cls, true))
    true, cls, n = true[order], cls[order], n[order]
    first = int(np.searchsorted(true, 0))
    unlabelled = np.zeros(len(by_name.classes), np.int64)
    unlabelled[cls[:first]] = n[:first]
    return Counted(by_name.classes, Cells(true[first:], cls[first:], n[first:]), unlabelled, corrected)


def _dense(part: tuple[Ints, Ints, Ints, Ints], shape: tuple[int, int]) -> Ints:
    _, b, a, n = part
    dense = np.zeros(shape, np.int64)
    dense[a, b] = n
    return dense


def _ranks(part: tuple[Ints, Ints, Ints, Ints]) -> Ints:
    _, _, rank, n = part
    ranks = np.zeros(int(rank.max()) + 1 if len(rank) else 0, np.int64)
    ranks[rank] = n
    return ranks


def _total(part: tuple[Ints, Ints, Ints, Ints]) -> int:
    return int(part[3].sum())


def _sources(single: Ints, pairs: Ints, names: Names) -> tuple[tuple[str, ...], _BySource]:
    found = {names.sources[s] for s in np.unique(single).tolist()}
    found.update(name for p in np.unique(pairs).tolist() for name in names.source_pairs[p])
    sources = tuple(sorted(found))
    return sources, _BySource(sources, names)


def _versions(column: Ints, names: Names) -> tuple[tuple[str, ...], Ints]:
    numbers, index = np.unique(column, return_inverse=True)
    named = sorted((names.versions[number], i) for i, number in enumerate(numbers.tolist()))
    place = np.zeros(len(named), np.int64)
    place[[i for _, i in named]] = np.arange(len(named))
    return tuple(name for name, _ in named), place[index]


def _pairs(part: tuple[Ints, Ints, Ints, Ints], by_name: _ByName, sources: tuple[str, ...], names: Names) -> PairCells:
    pair, class_b, class_a, n = part
    at = {name: i for i, name in enumerate(sources)}
    ends = np.array([[at[a], at[b]] for a, b in (names.source_pairs[p] for p in pair.tolist())], np.int64).reshape(
        -1, 2
    )
    return PairCells(ends[:, 0], ends[:, 1], by_name(class_a), by_name(class_b), n)
