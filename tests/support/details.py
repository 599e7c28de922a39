"""A naive recount of everything that a ledger partition counts, row by row in the ledger's order.

What is counted absolutely is worked out from the rows that are left in the end; corrections and the newest label of a
group are events, so they are noted as the rows come.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations

from streams.formats.columns import CONFIDENCE_SCALE, NO_CONFIDENCE, Group
from streams.ledger.cells import DELAY_EDGES_MS, NONE, SOURCE_BITS, CellKind, Outcome, PairOutcome
from streams.ledger.counts import GROUP_BITS
from streams.ledger.flush import Flush
from streams.ledger.join import Join
from streams.ledger.spec import NO_TIME, LedgerSpec
from tests.support.ledger import Label, Prediction, Row

Cell = tuple[int, Group, CellKind, object, object, object]
"""First pane of the slot, group, kind, c, a and b; classes and label sources by name."""

Slot = tuple[int, Group]
Named = tuple[CellKind, object, object, object]
"""Kind, c, a and b."""

_OF_CLASSES = frozenset({
    CellKind.CONFUSION, CellKind.SCORED, CellKind.DELAY, CellKind.CORRECTED, CellKind.LABELLED_BY, CellKind.AGREEMENT,
    CellKind.LABEL_TIME, CellKind.MATURITY,
})  # fmt: skip


def cell_of(code: int, classes: Sequence[str], sources: Sequence[str], versions: Sequence[str]) -> Named:
    """Kind, c, a and b of a cell, classes, label sources and versions by name."""
    kind = CellKind(code >> 56)
    c, a, b = code >> 32 & (1 << 24) - 1, code >> 16 & NONE, code & NONE
    by: object = c
    if kind == CellKind.AGREEMENT:
        by = sources[c >> SOURCE_BITS], sources[c & (1 << SOURCE_BITS) - 1]
    elif kind in {CellKind.CORRECTED, CellKind.LABELLED_BY}:
        by = sources[c]
    elif kind == CellKind.PAIRED:
        return kind, versions[c], PairOutcome(a), classes[b]
    if kind not in _OF_CLASSES:
        return kind, by, a, b
    return kind, by, None if a == NONE else classes[a], None if b == NONE else classes[b]


def held_cells(joins: Iterable[Join]) -> Counter[Cell]:
    """All cells, by name."""
    cells: Counter[Cell] = Counter()
    for join in joins:
        names = join.names
        for key, slot in join.counts.slots.items():
            group = names.groups[key & ((1 << GROUP_BITS) - 1)]
            for code, n in slot.items():
                cells[key >> GROUP_BITS, group, *cell_of(code, names.classes, names.label_sources, names.versions)] += n
    return cells


def told_slots(flush: Flush) -> dict[Slot, dict[Named, int]]:
    """The slots of a chunk with their cells, by name."""
    bounds, codes, counts = flush.bounds.tolist(), flush.code.tolist(), flush.count.tolist()
    return {
        (pane, flush.groups[group]): {
            cell_of(code, flush.classes, flush.sources, flush.versions): n
            for code, n in zip(codes[bounds[i] : bounds[i + 1]], counts[bounds[i] : bounds[i + 1]], strict=True)
        }
        for i, (pane, group) in enumerate(zip(flush.pane.tolist(), flush.group.tolist(), strict=True))
    }


def greatness(label: Label) -> tuple[int, int, bool, bytes]:
    """The greatest of the labels of a prediction counts."""
    return label.rank, label.time, label.cls is None, (label.cls or "").encode()


@dataclass(slots=True)
class Recount:
    """What rows, given in the ledger's order and all in time, must be counted as."""

    spec: LedgerSpec
    predictions: dict[tuple[str, str, str], Prediction] = field(default_factory=dict)
    labels: dict[str, list[Label]] = field(default_factory=lambda: defaultdict(list))
    corrections: Counter[Cell] = field(default_factory=Counter)
    newest: dict[Group, int] = field(default_factory=dict)

    def take(self, rows: Iterable[Row]) -> "Recount":
        """The next rows."""
        for row in rows:
            if isinstance(row, Prediction):
                self._predict(row)
            else:
                self._label(row)
        return self

    def cells(self) -> Counter[Cell]:
        """All cells now."""
        cells = self.corrections.copy()
        for p in self.predictions.values():
            for at_ms, kind, c, a, b, n in self._cells_of(p):
                cells[self._pane(at_ms, kind), p.group, kind, c, a, b] += n
        return cells

    def turns(self, p: Prediction) -> list[tuple[int, Label]]:
        """The labels under which a prediction counts one after the other, and when each was known (ms)."""
        turns: list[tuple[int, Label]] = []
        for label in self._near(p):
            if not turns or greatness(label) > greatness(turns[-1][1]):
                known_ms = max(label.delivered // 1000 * 1000, p.time, turns[-1][0] if turns else 0)
                turns.append((known_ms, label))
        return turns

    def _near(self, p: Prediction) -> list[Label]:
        horizon_ms = self.spec.timing_of(p.model).horizon_ms
        return [label for label in self.labels[p.id] if abs(label.time - p.time) <= horizon_ms]

    def _pane(self, at_ms: int, kind: CellKind) -> int:
        grain_ms = self.spec.pane_ms if kind == CellKind.CONFUSION else self.spec.detail_ms
        return at_ms // grain_ms * grain_ms // self.spec.pane_ms

    def _predict(self, p: Prediction) -> None:
        key = p.id, p.model, p.version
        old = self.predictions.get(key)
        if old is None or content(p) < content(old):
            self.predictions[key] = p
            self._note(p)

    def _label(self, label: Label) -> None:
        mine = self.labels[label.id]
        if any((*greatness(x), x.source) == (*greatness(label), label.source) for x in mine):
            return
        before = {key: self.turns(p) for key, p in self.predictions.items() if p.id == label.id}
        mine.append(label)
        for key, turns in before.items():
            p = self.predictions[key]
            now = self.turns(p)
            if now != turns:
                self._note(p)
                if turns and turns[-1][1].cls != label.cls:
                    where = self._pane(p.time, CellKind.CORRECTED), p.group
                    self.corrections[*where, CellKind.CORRECTED, label.source, turns[-1][1].cls, label.cls] += 1

    def _note(self, p: Prediction) -> None:
        turns = self.turns(p)
        if turns and turns[-1][1].cls is not None:
            delivered_ms = max(turns[-1][1].delivered // 1000 * 1000, p.time)
            self.newest[p.group] = max(self.newest.get(p.group, NO_TIME), delivered_ms)

    def _cells_of(self, p: Prediction) -> Iterable[tuple[int, CellKind, object, object, object, int]]:
        turns = self.turns(p)
        known_ms, label = turns[-1] if turns else (0, None)
        true = None if label is None else label.cls
        yield p.time, CellKind.CONFUSION, 0, p.cls, true, 1
        if p.fixed != NO_CONFIDENCE:
            bin_ = min(p.fixed * 20 // CONFIDENCE_SCALE, 19)
            outcome = Outcome.UNLABELLED if true is None else Outcome(int(true == p.cls))
            yield p.time, CellKind.SCORED, bin_, p.cls, true, 1
            if p.fixed:
                yield p.time, CellKind.CONFIDENCE_SUM, 0, bin_, outcome, p.fixed
                yield p.time, CellKind.CONFIDENCE_SQUARES, 0, 0, outcome, p.fixed**2
        if label is not None and true is not None:
            delay_ms = max(label.delivered // 1000 * 1000 - p.time, 0)
            delay = max(b for b, edge in enumerate(DELAY_EDGES_MS) if edge <= delay_ms)
            yield p.time, CellKind.DELAY, delay, p.cls, true, 1
            if label.source:
                yield p.time, CellKind.LABELLED_BY, label.source, p.cls, true, 1
            if self.spec.label_time:
                yield known_ms, CellKind.LABEL_TIME, 0, p.cls, true, 1
            if self.spec.positive is not None and p.fixed != NO_CONFIDENCE:
                score = p.fixed if p.cls == self.spec.positive else CONFIDENCE_SCALE - p.fixed
                bin_ = min(score * 128 // CONFIDENCE_SCALE, 127)
                yield p.time, CellKind.POSITIVE, 0, bin_, int(true == self.spec.positive), 1
            for kind, rank, n in _of_scores(p, true):
                yield p.time, kind, 0, rank, 0, n
        for i, age_ms in enumerate(self.spec.maturities_ms):
            then = [x for at_ms, x in turns if at_ms - p.time <= age_ms]
            if then and then[-1].cls is not None:
                yield p.time, CellKind.MATURITY, i, p.cls, then[-1].cls, 1
        if p.model in self.spec.paired:
            yield from self._pairs_of(p)
        named = [x for x in self._near(p) if x.source and x.cls is not None]
        for x, y in combinations(named, 2):
            if x.source != y.source:
                a, b = sorted((x, y), key=lambda one: one.source.encode())
                yield p.time, CellKind.AGREEMENT, (a.source, b.source), a.cls, b.cls, 1

    def _pairs_of(self, p: Prediction) -> Iterable[tuple[int, CellKind, object, object, object, int]]:
        """The pairs with versions that sort before, under the greatest label within the horizon of both."""
        for q in self.predictions.values():
            if (q.id, q.model) == (p.id, p.model) and q.version.encode() < p.version.encode():
                both = [label for label in self._near(p) if label in self._near(q)]
                true = max(both, key=greatness).cls if both else None
                if true is not None:
                    outcome = PairOutcome(2 * (p.cls == true) + (q.cls == true))
                    yield p.time, CellKind.PAIRED, q.version, outcome, true, 1


def _of_scores(p: Prediction, true: str) -> Iterable[tuple[CellKind, int, int]]:
    """Kind, a and count of the cells of kept scores."""
    if not p.scores:
        return
    ranks = [name for name, _ in p.scores]
    yield CellKind.RANK, ranks.index(true) + 1 if true in ranks else 0, 1
    if p.squares:
        of_true = Fraction(dict(p.scores).get(true, 0), CONFIDENCE_SCALE)
        brier = Fraction(p.squares, CONFIDENCE_SCALE**2) - 2 * of_true + 1
        log_loss = -math.log(max(float(of_true), 0.5 / CONFIDENCE_SCALE))
        for kind, n in (
            (CellKind.PROPER, 1),
            (CellKind.BRIER, max(0, math.floor(brier * 10**6 + Fraction(1, 2)))),
            (CellKind.LOG_LOSS, round(log_loss * 10**6)),
        ):
            if n:
                yield kind, 0, n


def content(p: Prediction) -> tuple[object, ...]:
    """Of the predictions of one identity the smallest counts."""
    scores = [(name.encode(), score) for name, score in p.scores]
    return p.time, p.cls.encode(), p.segment.encode(), p.fixed, p.squares, scores
