"""What is watched in a series: its labels, its predictions, its scores. Each is counted, compared and judged here.

A reference belongs to what is watched, not to a kind of drift: the first windows with labels may be others than the
first with predictions.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from streams.formats.columns import CONFIDENCE_SCALE
from streams.ledger.cells import CONFIDENCE_BINS
from streams.quality.counts.counted import Counted
from streams.quality.drift.comparisons import (
    SCORE_SQUARES,
    LabelComparison,
    LabelReference,
    Pairs,
    PredictionComparison,
    ScoreComparison,
    Test,
)  # fmt: skip
from streams.quality.drift.finding import Kind, Level, Why
from streams.quality.drift.performance import Clumping, Matched, effects, matched
from streams.quality.drift.recalls import Recalls, performance_said
from streams.quality.drift.reference import Chosen, Reference
from streams.quality.drift.spread import Spread, chi_square, correlation, mean_ratio
from streams.quality.drift.tally import (
    NOTHING,
    UNKNOWN,
    ClassNumbers,
    Recalled,
    Tally,
    cell_codes,
    errors,
    recalled,
    tally,
)
from streams.quality.drift.verdicts import (
    P_ALARM,
    RECALL_BOUND,
    Verdict,
    of_errors,
    of_labels,
    of_predictions,
    of_scores,
    of_skew,
    of_swings,
    one_sided_p,
    unjudged,
)  # fmt: skip
from streams.quality.settings import Training

_OF_SQUARES = frozenset({Test.DROP, Test.CLASSES, Test.MEAN})


class Counts(NamedTuple):
    """What is compared: confusion cells, predictions by class, scores by bin with their sums."""

    labels: Tally
    predictions: Tally
    scores: Tally


class Watched(NamedTuple):
    """One thing that was judged, and what its reference learns from."""

    reference: Reference
    counts: Tally
    chosen: Chosen | Why
    pairs: Pairs
    verdicts: dict[Kind, Verdict]


def counts_of(counts: Counted, names: ClassNumbers) -> Counts:
    """What of a window is compared."""
    numbers, cells = names.numbers(counts.classes), counts.cells
    bins = np.bincount(counts.scored.bin, counts.scored.n, CONFIDENCE_BINS).astype(np.int64)
    # squares in 1 / CONFIDENCE_SCALE, too: years of them fit into 64 bits
    squares = counts.confidence_squares.sum() // CONFIDENCE_SCALE
    sums = np.array([counts.confidence_sum.sum(), squares], np.int64)
    return Counts(
        tally(cell_codes(numbers[cells.true], numbers[cells.predicted]), cells.n),
        tally(numbers, counts.predictions_of),
        tally(np.arange(SCORE_SQUARES + 1), np.concatenate([bins, sums])) if bins.any() else NOTHING,
    )


def counts_of_training(training: Training | None, names: ClassNumbers) -> Counts:
    """The same of a training distribution; what errors were taken for is not known, nor are sums of scores."""
    if training is None:
        return Counts(NOTHING, NOTHING, NOTHING)
    true = names.numbers([name for name, _, _ in training.labels])
    hits, support = (np.array([row[i] for row in training.labels], np.int64) for i in (1, 2))
    missed = cell_codes(true, np.full(len(true), UNKNOWN, np.int64))
    predicted = names.numbers([name for name, _ in training.predicted])
    return Counts(
        tally(np.concatenate([cell_codes(true, true), missed]), np.concatenate([hits, support - hits])),
        tally(predicted, np.array([n for _, n in training.predicted], np.int64)),
        tally(np.arange(len(training.scores)), np.array(training.scores, np.int64)),
    )


def spread_of(reference: Reference, test: Test, chosen: Chosen) -> Spread:
    """How much the windows of a reference vary by a test."""
    pairs = reference.pairs(test, chosen.kind)
    return mean_ratio(pairs) if test in _OF_SQUARES else chi_square(pairs)


def _in_reference(verdict: Verdict, n: int) -> Verdict:
    return verdict._replace(said={**verdict.said, "reference_n": n})


def judge_labels(
    reference: Reference, labels: Tally, names: Sequence[str], recalls: Recalls, span: tuple[int, int]
) -> tuple[Watched, dict[str, object]]:
    """Performance, shares of labels, errors and swings of a window [start, end); the fields of performance's incident.

    `recalls` goes on.
    """
    chosen = reference.choose(*span)
    kinds = (Kind.PERFORMANCE, Kind.LABEL, Kind.CONFUSION, Kind.VARIANCE)
    if isinstance(chosen, Why) or not labels.total:
        why = chosen if isinstance(chosen, Why) else Why.NOTHING_LABELLED
        verdicts = dict.fromkeys(kinds, unjudged(labels.total, why))
        verdicts[Kind.CONFUSION] = unjudged(errors(labels).total, why)
        return Watched(reference, labels, chosen, {}, verdicts), recalls.incident.unjudged()
    against = reference.prepared(chosen.counts, LabelReference)
    compared = LabelComparison.of(labels, against, len(names))
    drops, classes = (spread_of(reference, test, chosen) for test in (Test.DROP, Test.CLASSES))
    clumping = Clumping(classes.overdispersion, correlation(reference.pairs(Test.CLUMPING, chosen.kind)))
    performance, incident = recalls.judge(compared, drops, clumping, names, span[0])
    parts = effects(compared.window, compared.reference)
    if parts is not None:
        performance.said.update(prevalence_effect=parts.prevalence, recall_effect=parts.recall)
    n, wrong = against.total, against.rows.total
    judged = {
        Kind.PERFORMANCE: _in_reference(performance, n),
        Kind.LABEL: _in_reference(of_labels(compared, spread_of(reference, Test.LABEL, chosen)), n),
        Kind.CONFUSION: _in_reference(of_errors(compared, spread_of(reference, Test.CONFUSION, chosen), names), wrong),
        Kind.VARIANCE: _in_reference(of_swings(labels.total, recalls.swings, drops), n),
    }
    return Watched(reference, labels, chosen, compared.pairs(), judged), incident


def judge_predictions(reference: Reference, predictions: Tally, span: tuple[int, int]) -> Watched:
    """Shares of predicted classes of a window [start, end)."""
    chosen = reference.choose(*span)
    if isinstance(chosen, Why) or not predictions.total:
        why = chosen if isinstance(chosen, Why) else Why.NO_PREDICTIONS
        return Watched(reference, predictions, chosen, {}, {Kind.PREDICTION: unjudged(predictions.total, why)})
    compared = PredictionComparison.of(predictions, chosen.counts)
    verdict = of_predictions(compared, spread_of(reference, Test.PREDICTION, chosen))
    judged = {Kind.PREDICTION: _in_reference(verdict, chosen.counts.total)}
    return Watched(reference, predictions, chosen, compared.pairs(), judged)


def judge_scores(reference: Reference, scores: Tally, span: tuple[int, int]) -> Watched:
    """Scores of a window [start, end)."""
    chosen = reference.choose(*span)
    n = int(scores.dense(CONFIDENCE_BINS).sum())
    if isinstance(chosen, Why) or not n:
        why = chosen if isinstance(chosen, Why) else Why.NO_SCORES
        return Watched(reference, scores, chosen, {}, {Kind.SCORE: unjudged(n, why)})
    compared = ScoreComparison.of(scores, chosen.counts)
    verdict = of_scores(compared, *(spread_of(reference, test, chosen) for test in (Test.BINS, Test.MEAN)))
    judged = {Kind.SCORE: _in_reference(verdict, int(compared.reference.sum()))}
    return Watched(reference, scores, chosen, compared.pairs(), judged)


def judge_skew(
    counts: Counts, names: Sequence[str], labels: Reference, predictions: Reference, scores: Reference
) -> tuple[Verdict, Chosen | Why]:
    """Production against training, in every part that the training distribution tells of."""
    parts: list[tuple[str, Verdict]] = []
    told: list[Chosen] = []
    normal = predictions.training()
    if normal is not None:
        told.append(normal)
        by_class = PredictionComparison.of(counts.predictions, normal.counts)
        verdict = of_predictions(by_class, spread_of(predictions, Test.PREDICTION, normal))
        parts.append((Kind.PREDICTION.value, _in_reference(verdict, normal.counts.total)))
    normal = labels.training()
    if normal is not None:
        told.append(normal)
        recalls = [recalled(cells, len(names)) for cells in (counts.labels, normal.counts)]
        verdict = _recall_skew(recalls[0], matched(*recalls), spread_of(labels, Test.DROP, normal))
        parts.append((Kind.PERFORMANCE.value, _in_reference(verdict, normal.counts.total)))
    normal = scores.training()
    if normal is not None:
        told.append(normal)
        by_bin = ScoreComparison.of(counts.scores, normal.counts)
        verdict = of_scores(by_bin, *(spread_of(scores, test, normal) for test in (Test.BINS, Test.MEAN)))
        parts.append((Kind.SCORE.value, _in_reference(verdict, normal.counts.total)))
    if not parts:
        return unjudged(counts.predictions.total, Why.NOT_IN_TRAINING), Why.NOT_IN_TRAINING
    return of_skew(parts), told[0]


def _recall_skew(window: Recalled, drop: Matched | None, spread: Spread) -> Verdict:
    """Whether recall is lower than in validation, by this window alone."""
    n = int(window.support.sum())
    if drop is None:
        return unjudged(n, Why.NO_MATCH if n else Why.NOTHING_LABELLED, {"effect_bound": RECALL_BOUND})
    p = one_sided_p(drop, spread)
    why = {} if spread.known else {"overdispersion": Why.FEW_WINDOWS}
    level = Level.ALARM if p < P_ALARM and drop.drop >= RECALL_BOUND else Level.QUIET
    return Verdict(n, level, performance_said(drop, spread, p), why, Why.NO_MATCH)
