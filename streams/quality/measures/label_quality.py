"""How good are the labels themselves? Agreement of sources, corrections, people who overrule the model, stray classes.

Labels that name no source are those of the source "". Pairs are labels that two named sources gave to the same
prediction, whichever of them counts. Records that were refused are no labels: they are in the rejects.
"""

from collections import Counter
from collections.abc import Collection
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from streams.quality.counts.counted import NO_LABEL, Counted, Ints
from streams.quality.measures.intervals import wilson


class SourceUndefined(StrEnum):
    """Why a number about label sources cannot be said."""

    ONE_SOURCE = "of a pair of sources"
    A_PAIR = "of one source"
    NO_LABELS = "no counting label of this source"
    NEVER_CORRECTED = "this source corrected nothing"
    NOT_HUMAN = "not a source of people"
    NO_LIST = "no list of expected classes"
    NO_EXPECTED_DISAGREEMENT = "no expected disagreement"
    NEVER_BOTH = "no prediction that both labelled"


class RateKind(StrEnum):
    """The rates of label quality that are watched for drift, each of hits among n."""

    AGREEMENT = "agreement"  # subject "a & b": pairs of labels that agree
    CORRECTIONS = "corrections"  # subject: source; counting labels of the source that came as a correction
    OVERRIDES = "overrides"  # subject: source of people; its counting labels that differ from the prediction
    UNKNOWN_LABELS = "unknown_labels"  # labels of classes that are not expected
    UNKNOWN_PREDICTIONS = "unknown_predictions"  # predictions of such classes


class SourceMeasures(NamedTuple):
    """What is known of a label source, or with `other` of a pair of sources, in the order of the row.

    Intervals are Wilson's at 95 %. `undefined` explains every None but `other`.
    """

    source: str
    other: str | None  # the second source of a pair, later by name; None in a source's own row
    labels: int  # predictions that count under this source; of a pair: predictions that both labelled
    agreeing: int | None
    agreement: float | None  # agreeing / labels
    agreement_lower: float | None
    agreement_upper: float | None
    kappa: float | None  # Cohen's
    corrections: int | None
    correction_share: float | None  # corrections / labels; above 1 where they were replaced again
    most_corrected: str | None  # "late -> on_time: 12"
    human: bool | None
    overridden: int | None  # labels that differ from the prediction
    override_rate: float | None  # overridden / labels
    override_lower: float | None
    override_upper: float | None
    unexpected: int | None  # labels of classes that are not expected
    undefined: str | None


_OF_PAIRS = ("agreeing", "agreement", "agreement_lower", "agreement_upper", "kappa")
_OF_SOURCES = SourceMeasures._fields[8:17]
_OVERRIDES = ("override_rate", "override_lower", "override_upper")
_NOWHERE = "(none)"
"""What stands for no class in the direction of a correction."""

_Reasons = list[tuple[str, SourceUndefined]]


def label_sources(
    counts: Counted,
    human: Collection[str],
    expected: frozenset[str] | None = None,
    told: Collection[tuple[str, str | None]] = (),
) -> list[SourceMeasures]:
    """A row for each source, and one for each pair with a prediction in common; sorted by name, a source first.

    `human` are the sources of people, `expected` the closed list of classes; sources and pairs that were `told` before
    have a row in any case. A job whose labels name no source has a
    row (of the source "") only in windows where a label was corrected.
    """
    own = _Sources(counts, expected)
    pairs = {(pair.source, pair.other): pair for pair in _pairs(counts)}
    pairs |= {(a, b): _Pair(a, b, 0, [], []) for a, b in told if b is not None and (a, b) not in pairs}
    names = {*own.names, *(source for source, other in told if other is None)}
    return sorted(
        [own.row(source, source in human) for source in sorted(names)] + [pair.row() for pair in pairs.values()],
        key=lambda row: (row.source, row.other or ""),
    )


def rates(
    counts: Counted, human: Collection[str], expected: frozenset[str] | None = None
) -> dict[tuple[str, str], tuple[int, int]]:
    """(kind, subject) -> (hits, n) of each rate that is watched, n above 0, in the order of kinds and subjects.

    Corrections that were replaced again count at most once for each label of the source.
    """
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for pair in _pairs(counts):
        found[RateKind.AGREEMENT.value, f"{pair.source} & {pair.other}"] = (pair.agreeing, pair.labels)
    own = _Sources(counts, None)
    for source in own.names:
        labels = own.labels[source]
        if labels:
            found[RateKind.CORRECTIONS.value, source] = (min(own.corrections[source], labels), labels)
            if source in human:
                found[RateKind.OVERRIDES.value, source] = (own.overridden[source], labels)
    if expected is not None:
        for kind, by_class in (
            (RateKind.UNKNOWN_LABELS, counts.support),
            (RateKind.UNKNOWN_PREDICTIONS, counts.predictions_of),
        ):
            if total := int(by_class.sum()):
                found[kind.value, ""] = (int(by_class[_strange(counts, expected)].sum()), total)
    return dict(sorted(found.items()))


class _Sources:
    """Counts by label source. `names` are the sources that have a row."""

    def __init__(self, counts: Counted, expected: frozenset[str] | None) -> None:
        self._counts = counts
        self._strange = None if expected is None else _strange(counts, expected)
        self.labels: Counter[str] = Counter()
        self.overridden: Counter[str] = Counter()
        self.corrections: Counter[str] = Counter()
        self.unexpected: Counter[str] = Counter()
        self._directions: dict[str, Counter[tuple[str, str]]] = {}
        self._count_labels()
        for at, before, after, n in zip(*(column.tolist() for column in counts.corrections), strict=True):
            source = counts.sources[at]
            self.corrections[source] += n
            directions = self._directions.setdefault(source, Counter())
            directions[_class(counts, before), _class(counts, after)] += n
        paired = counts.agreement
        pairs = {counts.sources[at] for column in (paired.source_a, paired.source_b) for at in column.tolist()}
        names = {source for source, n in (self.labels + self.corrections).items() if n} | pairs
        self.names = sorted(names if names - {""} or self.corrections else ())

    def _count_labels(self) -> None:
        """Labels, those that differ from the prediction, and those of classes that are not expected, by source.

        What is labelled by none of the named sources is labelled by "".
        """
        counts, by = self._counts, self._counts.labelled_by
        rest = _sums(counts.cells.true, counts.cells.n, counts.k) - _sums(by.first, by.n, counts.k)
        strange = np.zeros(counts.k, np.bool_) if self._strange is None else self._strange
        for of, taken in (
            (self.labels, np.ones(len(by.n), np.bool_)),
            (self.overridden, by.first != by.second),
            (self.unexpected, strange[by.first]),
        ):
            sums = _sums(by.source[taken], by.n[taken], len(counts.sources)).tolist()
            of.update({source: n for source, n in zip(counts.sources, sums, strict=True) if n})
        self.labels[""] += int(rest.sum())
        self.overridden[""] += counts.labelled - int(counts.hits.sum()) - self.overridden.total()
        self.unexpected[""] += int(rest[strange].sum())

    def row(self, source: str, is_human: bool) -> SourceMeasures:
        """The row of a source of its own."""
        labels, corrections, overridden = self.labels[source], self.corrections[source], self.overridden[source]
        reasons: _Reasons = [(name, SourceUndefined.ONE_SOURCE) for name in _OF_PAIRS]
        share, most = None, None
        rate: tuple[float, float, float] | tuple[None, None, None] = (None, None, None)
        if labels:
            share = corrections / labels
        else:
            reasons.append(("correction_share", SourceUndefined.NO_LABELS))
        if corrections:
            most = _largest(self._directions[source])
        else:
            reasons.append(("most_corrected", SourceUndefined.NEVER_CORRECTED))
        if not is_human:
            reasons += [(name, SourceUndefined.NOT_HUMAN) for name in ("overridden", *_OVERRIDES)]
        elif labels:
            rate = (overridden / labels, *wilson(overridden / labels, labels))
        else:
            reasons += [(name, SourceUndefined.NO_LABELS) for name in _OVERRIDES]
        if self._strange is None:
            reasons.append(("unexpected", SourceUndefined.NO_LIST))
        unexpected = None if self._strange is None else self.unexpected[source]
        overrides = (is_human, overridden if is_human else None, *rate)
        of_source = (corrections, share, most, *overrides, unexpected)
        nothing = (None,) * len(_OF_PAIRS)
        return SourceMeasures._make((source, None, labels, *nothing, *of_source, _explained(reasons)))


class _Pair(NamedTuple):
    """What two sources said of the same predictions: labels by class of each, and how many agree."""

    source: str
    other: str
    agreeing: int
    of_source: list[int]
    of_other: list[int]

    @property
    def labels(self) -> int:
        """Predictions that both labelled."""
        return sum(self.of_source)

    def row(self) -> SourceMeasures:
        """The row of the pair."""
        labels, agreeing = self.labels, self.agreeing
        if not labels:
            unsaid = [(name, SourceUndefined.NEVER_BOTH) for name in _OF_PAIRS[1:]]
            unsaid += [(name, SourceUndefined.A_PAIR) for name in _OF_SOURCES]
            nothing = (None,) * (len(unsaid))
            return SourceMeasures._make((self.source, self.other, 0, 0, *nothing, _explained(unsaid)))
        # Integers of Python: the products of counts of a busy window outgrow 64 bits.
        by_chance = sum(a * b for a, b in zip(self.of_source, self.of_other, strict=True))
        reasons: _Reasons = []
        kappa = None
        if labels * labels > by_chance:
            kappa = (agreeing * labels - by_chance) / (labels * labels - by_chance)
        else:
            reasons.append(("kappa", SourceUndefined.NO_EXPECTED_DISAGREEMENT))
        reasons += [(name, SourceUndefined.A_PAIR) for name in _OF_SOURCES]
        agreement = agreeing / labels
        measures = (labels, agreeing, agreement, *wilson(agreement, labels), kappa, *(None,) * len(_OF_SOURCES))
        return SourceMeasures._make((self.source, self.other, *measures, _explained(reasons)))


def _pairs(counts: Counted) -> list[_Pair]:
    """The pairs of sources, sorted by name."""
    of, found = counts.agreement, []
    pair = of.source_a * len(counts.sources) + of.source_b
    for code in np.unique(pair).tolist():
        here = pair == code
        a, b, n = of.class_a[here], of.class_b[here], of.n[here]
        sides = [
            (counts.sources[at], _sums(classes, n, counts.k).tolist())
            for at, classes in zip(divmod(code, len(counts.sources)), (a, b), strict=True)
        ]
        (source, of_source), (other, of_other) = sorted(sides)
        found.append(_Pair(source, other, int(n[a == b].sum()), of_source, of_other))
    return sorted(found)


def _sums(at: Ints, n: Ints, length: int) -> Ints:
    # through float64: exact below 2 ** 53
    return np.bincount(at, n, length).astype(np.int64)


def _strange(counts: Counted, expected: frozenset[str]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """(K,) whether a class is not expected."""
    return np.array([name not in expected for name in counts.classes], np.bool_)


def _class(counts: Counted, code: int) -> str:
    return _NOWHERE if code == NO_LABEL else counts.classes[code]


def _largest(directions: Counter[tuple[str, str]]) -> str:
    """The most frequent direction, the first by name among equals."""
    (before, after), n = min(directions.items(), key=lambda item: (-item[1], item[0]))
    return f"{before} -> {after}: {n}"


def _explained(reasons: _Reasons) -> str:
    return "; ".join(f"{name}: {reason}" for name, reason in reasons)
