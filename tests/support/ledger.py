"""Small worlds for tests of the ledger: plain rows, the columns they become, and a naive recount of them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from streams.formats.columns import CONFIDENCE_SCALE, NO_CLASS, NO_CONFIDENCE, NO_KEPT, Decoded, Group, Kept
from streams.formats.reasons import Kind
from streams.ledger.cells import KIND_SHIFT, NONE, CellKind
from streams.ledger.counts import GROUP_BITS
from streams.ledger.join import Join
from streams.ledger.spec import LedgerSpec


@dataclass(frozen=True, slots=True)
class Prediction:
    """One prediction as a test writes it; times in ms."""

    id: str
    time: int
    cls: str = "a"
    version: str = "1"
    segment: str = "s"
    confidence: float | None = None
    model: str = "m"
    delivered: int = 0
    scores: tuple[tuple[str, int], ...] = ()  # those that are kept, in fixed point
    squares: int = 0

    @property
    def group(self) -> Group:
        return Group(self.model, self.version, (self.segment,))

    @property
    def fixed(self) -> int:
        return NO_CONFIDENCE if self.confidence is None else round(self.confidence * CONFIDENCE_SCALE)


@dataclass(frozen=True, slots=True)
class Label:
    """One label as a test writes it; `cls` None is a deletion."""

    id: str
    time: int
    cls: str | None = "a"
    rank: int = 0
    delivered: int = 0
    source: str = ""


Row = Prediction | Label


def columns(rows: Sequence[tuple[int, Row]], keep: int = 0) -> Decoded:
    """The decoded batch of rows (offset, row), all of one kind; predictions keep `keep` scores."""
    kind = Kind.PREDICTION if not rows or isinstance(rows[0][1], Prediction) else Kind.LABEL
    classes: dict[str, int] = {}
    cls = [NO_CLASS if r.cls is None else classes.setdefault(r.cls, len(classes)) for _, r in rows]
    out = Decoded(
        kind,
        [r.id.encode() for _, r in rows],
        np.array([offset for offset, _ in rows], np.int64),
        np.array([r.time for _, r in rows], np.int64),
        np.array([r.delivered or r.time for _, r in rows], np.int64),
        np.array(cls, np.uint16),
        list(classes),
    )
    if kind is Kind.PREDICTION:
        groups: dict[Group, int] = {}
        out.group = np.array(
            [groups.setdefault(r.group, len(groups)) for _, r in rows if isinstance(r, Prediction)], np.uint32
        )
        out.groups = list(groups)
        out.confidence = np.array([r.fixed for _, r in rows if isinstance(r, Prediction)], np.uint16)
        out.kept = _kept([r for _, r in rows if isinstance(r, Prediction)], keep) if keep else None
    else:
        sources: dict[str, int] = {}
        labels = [r for _, r in rows if isinstance(r, Label)]
        out.rank = np.array([r.rank for r in labels], np.uint8)
        out.label_source = np.array([sources.setdefault(r.source, len(sources)) for r in labels], np.uint16)
        out.label_sources = list(sources)
    return out


def _kept(rows: list[Prediction], keep: int) -> Kept:
    names = sorted({name for r in rows for name, _ in r.scores}, reverse=True)
    out = Kept(
        np.full((len(rows), keep), NO_KEPT, np.uint32), np.zeros((len(rows), keep), np.uint16),
        np.array([r.squares for r in rows], np.uint32), names,
    )  # fmt: skip
    for i, r in enumerate(rows):
        for rank, (name, p) in enumerate(r.scores):
            out.codes[i, rank], out.scores[i, rank] = names.index(name), p
    return out


Cells = Counter[tuple[int, Group, str, str | None]]
"""Predictions by (pane, group, predicted class, true class or None)."""


def recount(rows: Iterable[Row], spec: LedgerSpec) -> Cells:
    """What the counts must be, by the rules and nothing else; all rows are assumed to be in time."""
    predictions: dict[tuple[str, str, str], Prediction] = {}
    labels: dict[str, set[tuple[int, int, bool, bytes, str | None]]] = defaultdict(set)
    for r in rows:
        if isinstance(r, Prediction):
            key = (r.id, r.model, r.version)
            old = predictions.get(key)
            content = (r.time, r.cls.encode(), r.segment.encode(), r.fixed)
            if old is None or content < (old.time, old.cls.encode(), old.segment.encode(), old.fixed):
                predictions[key] = r
        else:
            labels[r.id].add((r.rank, r.time, r.cls is None, (r.cls or "").encode(), r.cls))
    cells: Cells = Counter()
    for p in predictions.values():
        horizon = spec.timing_of(p.model).horizon_ms
        near = [label for label in labels[p.id] if abs(label[1] - p.time) <= horizon]
        true = max(near)[4] if near else None
        cells[p.time // spec.pane_ms, p.group, p.cls, true] += 1
    return cells


def confusion(joins: Iterable[Join]) -> Cells:
    """The confusion cells that ledger partitions hold."""
    cells: Cells = Counter()
    for join in joins:
        names = join.names
        for key, slot in join.counts.slots.items():
            group = names.groups[key & ((1 << GROUP_BITS) - 1)]
            for code, n in slot.items():
                if code >> KIND_SHIFT == CellKind.CONFUSION:
                    a, b = code >> 16 & NONE, code & NONE
                    cells[key >> GROUP_BITS, group, names.classes[a], None if b == NONE else names.classes[b]] += n
    return cells
