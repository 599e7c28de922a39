"""The matched drop, its detectors and the two effects on accuracy, against their formulas written out."""

from math import exp, inf, log, sqrt

import numpy as np
import pytest

from streams.quality.drift.performance import (
    CUSUM_ALARM,
    DROPS,
    Clumping,
    Detector,
    effects,
    matched,
)
from streams.quality.drift.tally import Recalled

PLAIN = Clumping(1.0, 0.0)


def recalls(*pairs: tuple[int, int]) -> Recalled:
    hits, support = np.array(pairs, np.int64).reshape(-1, 2).T
    return Recalled(hits, support)


def test_the_drop_is_the_mean_of_the_drops_of_classes_with_labels_on_both_sides() -> None:
    window = recalls((8, 10), (15, 30), (4, 4), (9, 9))
    reference = recalls((90, 100), (180, 200), (70, 90), (4, 4))
    found = matched(window, reference)
    assert found is not None
    assert found.classes.tolist() == [0, 1]
    assert found.drop == pytest.approx(((0.9 - 0.8) + (0.9 - 0.5)) / 2)
    q0, q1 = 90.5 / 101, 180.5 / 201
    variance = (q0 * (1 - q0) * (1 / 10 + 1 / 100) + q1 * (1 - q1) * (1 / 30 + 1 / 200)) / 4
    assert found.variance == pytest.approx(variance)
    assert found.window_variance == pytest.approx((q0 * (1 - q0) / 10 + q1 * (1 - q1) / 30) / 4)
    assert found.z == pytest.approx(found.drop / sqrt(variance))
    assert found.baseline == pytest.approx(0.9)


def test_there_is_no_drop_without_a_class_to_compare() -> None:
    assert matched(recalls((4, 4), (0, 0)), recalls((90, 100), (90, 100))) is None
    assert matched(recalls((9, 9)), recalls((4, 4))) is None


def test_the_skewness_is_that_of_binomial_recalls() -> None:
    chance = np.random.default_rng(3)
    reference = recalls((850, 1_000), (1_800, 2_000))
    found = matched(recalls((8, 10), (36, 40)), reference)
    assert found is not None
    hits = np.stack([chance.binomial(10, 0.85, 200_000), chance.binomial(40, 0.9, 200_000)], axis=1)
    drops = -(hits / [10, 40]).mean(axis=1)
    centred = drops - drops.mean()
    assert found.skewness == pytest.approx(float((centred**3).mean() / (centred**2).mean() ** 1.5), abs=0.02)


def test_without_its_skewness_the_drop_has_a_normal_tail() -> None:
    chance = np.random.default_rng(4)
    reference = recalls((85_000, 100_000))
    standardised, plain = [], []
    for hits in chance.binomial(20, 0.85, 20_000).tolist():
        found = matched(recalls((hits, 20)), reference)
        assert found is not None
        standardised.append(found.normal_z)
        plain.append(found.z)
    assert np.mean(np.array(plain) > 3.09) > 0.003
    assert np.mean(np.array(standardised) > 3.09) < 0.0015
    assert np.all(np.diff(np.array(standardised)[np.argsort(plain)]) >= 0)


def test_the_cusum_adds_up_and_begins_again_above_six() -> None:
    detector, said = Detector(), []
    nothing = recalls()
    for z in (1.0, -3.0, 2.5, 2.5, 2.5, 0.4):
        step = detector.step(z, nothing, nothing, PLAIN)
        said.append((step.cusum, step.fired))
    assert said == [(0.5, False), (0.0, False), (2.0, False), (4.0, False), (6.0, False), (5.9, False)]
    step = detector.step(0.7, nothing, nothing, PLAIN)
    assert step.fired
    assert step.cusum == pytest.approx(6.1)
    assert detector.cusum == 0.0 < CUSUM_ALARM


def expected_evidence(windows: list[tuple[int, int]], reference: tuple[int, int], clumping: Clumping) -> float:
    """Log of the mean of the five e-processes of one class, in plain numbers."""
    hits0, support0 = reference
    q = (hits0 + 0.5) / (support0 + 1)
    before = q - 2 * sqrt(q * (1 - q) / support0) - 0.01
    processes = [0.0] * len(DROPS)
    for hits, n in windows:
        for i, drop in enumerate(DROPS.tolist()):
            after = max(0.01, before - drop)
            gain = hits * log(after / before) + (n - hits) * log((1 - after) / (1 - before))
            processes[i] = (1 + processes[i]) * exp(gain / max(clumping.overdispersion, 1 + clumping.correlation * n))
    return log(sum(processes) / len(processes))


@pytest.mark.parametrize("clumping", [PLAIN, Clumping(1.7, 0.0), Clumping(1.2, 0.05)])
def test_the_evidence_is_the_mean_of_the_e_processes(clumping: Clumping) -> None:
    detector, windows = Detector(), [(30, 40), (24, 40), (0, 0), (20, 40)]
    for hits, n in windows:
        step = detector.step(0.0, recalls((hits, n)), recalls((180, 200)), clumping)
    seen = [window for window in windows if window[1]]
    assert step.evidence == pytest.approx(expected_evidence(seen, (180, 200), clumping), rel=1e-12)


def test_a_single_class_among_many_is_found_and_named_and_the_processes_begin_again() -> None:
    reference = recalls(*[(850, 1_000)] * 50)
    detector = Detector()
    window = recalls(*[(17, 20)] * 30, (4, 20), *[(17, 20)] * 19)
    fired = [detector.step(0.0, window, reference, PLAIN) for _ in range(4)]
    first = next(i for i, step in enumerate(fired) if step.fired)
    assert fired[first].blamed == 30
    assert (fired[first].evidence or 0) >= log(1000)
    again = Detector()
    for _ in range(first + 1):
        again.step(0.0, window, reference, PLAIN)
    assert np.all(again.log_m == -inf)


def test_a_class_that_is_not_known_well_enough_is_not_tracked() -> None:
    detector = Detector()
    step = detector.step(0.0, recalls((0, 50), (0, 50)), recalls((4, 4), (1, 100)), PLAIN)
    assert step.evidence is None
    assert step.blamed is None


def test_a_class_that_appears_later_joins() -> None:
    detector = Detector()
    detector.step(0.0, recalls((17, 20)), recalls((850, 1_000)), PLAIN)
    step = detector.step(0.0, recalls((17, 20), (1, 20)), recalls((850, 1_000), (850, 1_000)), PLAIN)
    assert step.blamed == 1


@pytest.mark.parametrize(
    ("window", "reference"),
    [
        (((8, 10), (3, 30)), ((90, 100), (80, 100))),
        (((8, 10), (0, 0), (5, 9)), ((90, 100), (20, 50), (0, 0))),
        (((7, 7),), ((1, 9),)),
    ],
)
def test_both_effects_add_up_to_the_change_of_accuracy(
    window: tuple[tuple[int, int], ...], reference: tuple[tuple[int, int], ...]
) -> None:
    here, there = recalls(*window), recalls(*reference)
    found = effects(here, there)
    assert found is not None
    change = here.hits.sum() / here.support.sum() - there.hits.sum() / there.support.sum()
    assert found.prevalence + found.recall == pytest.approx(change, abs=1e-15)


def test_only_other_shares_are_an_effect_of_prevalence_and_only_other_recalls_one_of_recall() -> None:
    shares = effects(recalls((90, 100), (20, 40)), recalls((45, 50), (50, 100)))
    assert shares is not None
    assert shares.recall == pytest.approx(0, abs=1e-15)
    assert shares.prevalence > 0.1
    quality = effects(recalls((80, 100), (40, 100)), recalls((90, 100), (50, 100)))
    assert quality is not None
    assert quality.prevalence == 0
    assert quality.recall == pytest.approx(-0.1)
    assert effects(recalls((0, 0)), recalls((1, 2))) is None
