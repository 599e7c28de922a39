"""What scores say equals scikit-learn's at every prefix of random streams: to 1e-12 where the counts are exact.

Scores are in fixed point, as the job holds them; scikit-learn sees the same ones. Brier score and log-loss are counted
in millionths of a prediction, and are right to half of one. AUC is of binned scores.
"""

from collections.abc import Iterator, Sequence
from math import fsum
from random import Random
from warnings import catch_warnings, simplefilter

import numpy as np
import pytest
from sklearn import calibration, metrics

from streams.formats.columns import CONFIDENCE_SCALE
from streams.ledger.cells import POSITIVE_BINS
from streams.quality.measures.calibration import calibration_bins
from streams.quality.measures.ranking import auc
from streams.quality.measures.scoring import score_measures
from tests.support.recounted import Seen, brier_of, log_loss_of, recount

HALF_A_MILLIONTH = 0.5e-6


def scored_stream(seed: int, classes: int, size: int, *, labelled: float = 0.8) -> list[Seen]:
    """A model that is mostly right, with a score for every class; some scores tie, some are 0."""
    rng = Random(seed)
    names = [f"c{i:04d}" for i in range(classes)]
    seen = []
    for _ in range(size):
        true = rng.choice(names)
        weights = [rng.random() ** 3 + (1.0 if name == true else 0.0) * rng.choice((0, 1, 2)) for name in names]
        scores = {n: round(CONFIDENCE_SCALE * w / sum(weights)) for n, w in zip(names, weights, strict=True)}
        if rng.random() < 0.1:
            scores = dict.fromkeys(names, 0) | {rng.choice(names): CONFIDENCE_SCALE}
        predicted = max(names, key=scores.__getitem__)
        told = true if rng.random() < labelled else None
        seen.append(Seen(predicted, told, scores[predicted], scores, rng.randrange(10**9)))
    return seen


def prefixes(seen: Sequence[Seen]) -> Iterator[tuple[list[Seen], list[Seen]]]:
    """Every prefix, and the labelled predictions of it."""
    for n in range(1, len(seen) + 1):
        yield list(seen[:n]), [one for one in seen[:n] if one.true is not None]


def bin_of(score: int) -> int:
    return min(score * POSITIVE_BINS // CONFIDENCE_SCALE, POSITIVE_BINS - 1)


def matrix(labelled: Sequence[Seen], names: Sequence[str]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """(n, K) scores."""
    return np.array([[one.scores[name] for name in names] for one in labelled]) / CONFIDENCE_SCALE


@pytest.mark.parametrize(("seed", "classes"), [(1, 2), (2, 3), (3, 7)])
def test_top_k_accuracy_and_ranks_agree(seed: int, classes: int) -> None:
    names = [f"c{i:04d}" for i in range(classes)]
    for prefix, labelled in prefixes(scored_stream(seed, classes, 120)):
        mine = score_measures(recount(prefix, names, keep=classes))
        if not labelled:
            assert (mine.top_2_accuracy, mine.mean_rank) == (None, None)
            continue
        # scikit-learn breaks ties by the last class, we by the first: names the other way round break them alike.
        back = names[::-1]
        scores, true = matrix(labelled, back), [back.index(str(one.true)) for one in labelled]
        for k in (2, 3, 5):
            if classes == 2:
                wanted = 1.0  # both classes are among the first two
            else:
                with catch_warnings():
                    simplefilter("ignore")  # k >= classes: 1.0
                    wanted = metrics.top_k_accuracy_score(true, scores, k=k, labels=range(classes))
            assert getattr(mine, f"top_{k}_accuracy") == pytest.approx(wanted, abs=1e-12), k
        assert mine.mean_rank is not None
        place = [one.ranked.index(str(one.true)) + 1 for one in labelled]
        assert mine.mean_rank == pytest.approx(sum(place) / len(place), abs=1e-12)


def test_top_k_accuracy_of_kept_scores_agrees() -> None:
    names = [f"c{i:04d}" for i in range(9)]
    for prefix, labelled in prefixes(scored_stream(4, 9, 120, labelled=1.0)):
        mine = score_measures(recount(prefix, names, keep=3))
        scores = matrix(labelled, names[::-1])
        true = [8 - names.index(str(one.true)) for one in labelled]
        wanted = [metrics.top_k_accuracy_score(true, scores, k=k, labels=range(9)) for k in (2, 3)]
        assert [mine.top_2_accuracy, mine.top_3_accuracy] == pytest.approx(wanted, abs=1e-12)
        beyond = any(one.true not in one.ranked[:3] for one in labelled)
        assert (mine.top_5_accuracy is None) == (mine.mean_rank is None) == beyond


@pytest.mark.parametrize(("seed", "classes"), [(5, 2), (6, 4)])
def test_brier_score_and_log_loss_agree_to_the_fixed_point(seed: int, classes: int) -> None:
    names = [f"c{i:04d}" for i in range(classes)]
    stream = [one for one in scored_stream(seed, classes, 120) if min(one.scores.values()) > 0]
    for prefix, labelled in prefixes(stream):
        mine = score_measures(recount(prefix, names, keep=2))
        if not labelled:
            assert (mine.brier, mine.log_loss) == (None, None)
            continue
        true = [str(one.true) for one in labelled]
        scores = matrix(labelled, names)
        with catch_warnings():
            simplefilter("ignore")  # rounded scores add up to 1 within the fixed point only
            scaled = scores / scores.sum(axis=1, keepdims=True)
            brier = metrics.brier_score_loss(true, scaled, labels=names, scale_by_half=False)
            loss = metrics.log_loss(true, scaled, labels=names)
        rounding = classes / CONFIDENCE_SCALE  # of scores that do not add up to 1
        assert mine.brier == pytest.approx(brier, abs=HALF_A_MILLIONTH + 2 * rounding)
        assert mine.log_loss == pytest.approx(loss, abs=HALF_A_MILLIONTH + 2 * rounding)
        exact = fsum(brier_of(one) for one in labelled) / len(labelled)
        assert mine.brier == pytest.approx(exact, abs=HALF_A_MILLIONTH + 1e-12)
        exact = fsum(log_loss_of(one) for one in labelled) / len(labelled)
        assert mine.log_loss == pytest.approx(exact, abs=HALF_A_MILLIONTH + 1e-12)


def test_auc_of_binned_scores_agrees() -> None:
    names = ["c0000", "c0001"]
    for prefix, labelled in prefixes(scored_stream(7, 2, 200)):
        mine = score_measures(recount(prefix, names, positive="c0001")).auc
        true = [one.true == "c0001" for one in labelled]
        if len(set(true)) < 2:
            assert mine is None
            continue
        binned = [bin_of(one.scores["c0001"]) for one in labelled]
        assert mine == pytest.approx(metrics.roc_auc_score(true, binned), abs=1e-12)


def test_auc_is_near_that_of_raw_scores() -> None:
    off = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        true = rng.random(500) < 0.3
        raw = (CONFIDENCE_SCALE / (1 + np.exp(-rng.normal(np.where(true, 1, -1), rng.uniform(0.5, 2))))).astype(int)
        positive = np.zeros((POSITIVE_BINS, 2), np.int64)
        for score, hit in zip(raw.tolist(), true.astype(int).tolist(), strict=True):
            positive[bin_of(score), hit] += 1
        mine = auc(positive).value
        assert mine is not None
        off.append(abs(mine - metrics.roc_auc_score(true, raw)))
    assert np.mean(off) < 1e-3
    assert max(off) > 0


def test_the_calibration_curve_agrees() -> None:
    names = [f"c{i:04d}" for i in range(3)]
    for prefix, labelled in prefixes(scored_stream(8, 3, 200)):
        bins = [one for one in calibration_bins(recount(prefix, names)) if one.labelled]
        if not labelled:
            assert not bins
            continue
        # scikit-learn's bins are (lower, upper], ours [lower, upper): a hair keeps an edge with its upper bin
        confidence = np.array([one.confidence for one in labelled], np.float64) / CONFIDENCE_SCALE
        share, mean = calibration.calibration_curve(
            [one.predicted == one.true for one in labelled], np.minimum(confidence + 1e-9, 1.0), n_bins=20
        )
        assert [one.accuracy for one in bins] == pytest.approx(list(share), abs=1e-12)
        assert [one.confidence_mean for one in bins] == pytest.approx(list(mean), abs=1e-8)


def test_mean_and_variance_of_the_confidence_agree() -> None:
    names = [f"c{i:04d}" for i in range(3)]
    for prefix, _ in prefixes(scored_stream(9, 3, 100)):
        mine = score_measures(recount(prefix, names))
        confidence = np.array([one.confidence for one in prefix], np.float64) / CONFIDENCE_SCALE
        assert mine.scored == len(prefix)
        assert mine.confidence_mean == pytest.approx(confidence.mean(), abs=1e-12)
        if len(prefix) > 1:
            assert mine.confidence_variance == pytest.approx(confidence.var(ddof=1), abs=1e-12)
        else:
            assert mine.confidence_variance is None
