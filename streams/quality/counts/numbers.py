"""Cells of flushes in the judge's numbers: every chunk numbers its classes and label sources by itself.

A confusion cell becomes `actual << 24 | predicted`, everything else a detail (`details.py`), with the ledger's `a` as
`predicted` and its `b` as `actual`. In details of PAIRED `predicted` is the other version and `c` the outcome, since
there may be more versions than `c` can number.
"""

import numpy as np

from streams.ledger.cells import (
    NONE,
    OF_CLASSES,
    OF_TRUE_CLASS,
    SOURCE_BITS,
    CellKind,
    PairOutcome,
    a_of,
    b_of,
    c_of,
    kind_of,
)
from streams.ledger.flush import Flush
from streams.quality.counts.counted import Ints
from streams.quality.counts.details import C_SHIFT, KIND_SHIFT, MOST_C, SHIFT, UNLABELLED, detail_code
from streams.quality.counts.names import Names

_UNLABELLED_TOO = np.zeros(max(CellKind) + 1, np.bool_)
"""By kind: whether `b` may be no class at all."""
_UNLABELLED_TOO[[CellKind.CONFUSION, CellKind.SCORED, CellKind.CORRECTED]] = True


def renumbered(chunk: Flush, kept: Ints, names: Names) -> Ints:
    """The judge's codes of some cells of a chunk. Raises ValueError where they name what the chunk does not."""
    where = f"a flush of ledger partition {chunk.ledger_partition}"
    code = chunk.code[kept]
    kind, c, a, b = kind_of(code), c_of(code), a_of(code), b_of(code)
    if len(kind) and not 0 <= int(kind.min()) <= int(kind.max()) <= max(CellKind):
        raise ValueError(f"{where} counts cells of unknown kinds")
    # Numbers by local class: behind the named ones NONE, and then all that has no name.
    named = len(chunk.classes)
    classes = np.array([*(names.class_number(cls) for cls in chunk.classes), UNLABELLED, -1], np.int64)
    of_classes, of_true = OF_CLASSES[kind], OF_TRUE_CLASS[kind]
    predicted, actual = (
        np.where(of, classes[np.where(x == NONE, named, np.where(x < named, x, named + 1))], x)
        for of, x in ((of_classes, a), (of_true, b))
    )
    before = kind == CellKind.CORRECTED  # the class before may be none, too
    wrong = (predicted < 0) | (actual < 0) | (of_classes & ~before & (predicted == UNLABELLED))
    wrong |= of_true & ~_UNLABELLED_TOO[kind] & (actual == UNLABELLED)
    if wrong.any():
        raise ValueError(f"{where} counts a class it does not name")
    by_source = (kind == CellKind.CORRECTED) | (kind == CellKind.LABELLED_BY)
    if by_source.any():
        c = np.where(by_source, _sources(chunk, c, by_source, names, where), c)
    pairs = np.flatnonzero(kind == CellKind.AGREEMENT)
    if len(pairs):
        c[pairs] = _pairs(chunk, c[pairs], names, where)
    paired = np.flatnonzero(kind == CellKind.PAIRED)
    if len(paired):
        predicted[paired], c[paired] = _versions(chunk, c[paired], names, where), a[paired]
        if int(c[paired].max()) >= len(PairOutcome):
            raise ValueError(f"{where} counts an outcome of pairs that is none")
    if len(c) and int(c.max()) > MOST_C:
        raise ValueError(f"{where} counts bins beyond {MOST_C}")
    return detail_code(kind, c, actual, predicted)


def known(code: Ints, names: Names) -> bool:
    """Whether everything that some codes of the judge number has a name."""
    kind, c = code >> KIND_SHIFT, code >> C_SHIFT & MOST_C
    actual, predicted = code >> SHIFT & UNLABELLED, code & UNLABELLED
    if len(code) and not 0 <= int(kind.min()) <= int(kind.max()) <= max(CellKind):
        return False
    of_classes, before, paired = OF_CLASSES[kind], kind == CellKind.CORRECTED, kind == CellKind.PAIRED
    classes = len(names.classes)
    right = ~of_classes | (predicted < classes) | (before & (predicted == UNLABELLED))
    right &= ~OF_TRUE_CLASS[kind] | (actual < classes) | (_UNLABELLED_TOO[kind] & (actual == UNLABELLED))
    right &= ~paired | ((predicted < len(names.versions)) & (c < len(PairOutcome)))
    right &= ~(before | (kind == CellKind.LABELLED_BY)) | (c < len(names.sources))
    right &= (kind != CellKind.AGREEMENT) | (c < len(names.source_pairs))
    return bool(right.all())


def _sources(chunk: Flush, c: Ints, by_source: Ints, names: Names, where: str) -> Ints:
    sources = np.array([*map(names.source_number, chunk.sources)], np.int64)
    if int(c[by_source].max()) >= len(sources):
        raise ValueError(f"{where} counts a label source it does not name")
    result: Ints = sources[np.where(by_source, c, 0)]
    return result


def _versions(chunk: Flush, c: Ints, names: Names, where: str) -> Ints:
    versions = np.array([*map(names.version_number, chunk.versions)], np.int64)
    if int(c.max()) >= len(versions):
        raise ValueError(f"{where} counts a version it does not name")
    return versions[c]


def _pairs(chunk: Flush, c: Ints, names: Names, where: str) -> Ints:
    distinct, index = np.unique(c, return_inverse=True)
    first, second = distinct >> SOURCE_BITS, distinct & ((1 << SOURCE_BITS) - 1)
    if int(max(first.max(), second.max())) >= len(chunk.sources):
        raise ValueError(f"{where} counts a label source it does not name")
    pairs = ((chunk.sources[i], chunk.sources[j]) for i, j in zip(first.tolist(), second.tolist(), strict=True))
    result: Ints = np.array(list(map(names.pair_number, pairs)), np.int64)[index]
    return result
