"""The worked examples of the design, and what a verdict rests on."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.alerts.gate.comparison import Arms, Paired, Terms, compare
from streams.alerts.gate.sequential import mixture_bound, parse_test
from streams.alerts.gate.verdict import Comparison, GateVerdict

Counts = Sequence[tuple[int, int]]
USUAL = Terms()
BASE: Counts = [(330, 360), (1830, 2000), (3720, 4000)]


def arms(candidate: Counts, baseline: Counts) -> Arms:
    """(hits, n) of each class of both arms."""
    x1, n1 = np.array(candidate, np.int64).reshape(-1, 2).T
    x0, n0 = np.array(baseline, np.int64).reshape(-1, 2).T
    return Arms([str(c + 1) for c in range(len(candidate))], n1, x1, n0, x0)


def of(candidate: Counts, baseline: Counts = BASE, terms: Terms = USUAL, deff: float = 1.0) -> Comparison:
    return compare(arms(candidate, baseline), terms, None, deff)


def test_worked_example_of_a_fail() -> None:
    result = of([(27, 40), (180, 200), (365, 400)])
    assert result.candidate == pytest.approx(0.829, abs=0.0005)
    assert result.baseline == pytest.approx(0.921, abs=0.0005)
    assert result.delta == pytest.approx(-0.091, abs=0.0005)
    assert result.upper == pytest.approx(-0.038, abs=0.0005)
    assert result.verdict is GateVerdict.FAIL
    assert result.classes[0].delta == pytest.approx(-0.242, abs=0.0005)
    assert [c.veto for c in result.classes] == [True, False, False]


def test_worked_example_where_a_single_look_would_say_worse() -> None:
    counts = [(33, 40), (178, 200), (369, 400)]
    result = of(counts)
    assert result.delta == pytest.approx(-0.041, abs=0.0005)
    assert result.upper == pytest.approx(0.009, abs=0.0005)
    assert result.verdict is GateVerdict.INCONCLUSIVE
    assert of(counts, terms=Terms(plan=parse_test("fixed"))).verdict is GateVerdict.FAIL


def test_worked_example_of_a_pass() -> None:
    result = of([(900, 1000), (1822, 2000), (3724, 4000)], [(905, 1000), (1830, 2000), (3720, 4000)])
    assert result.delta == pytest.approx(-0.0027, abs=0.00005)
    assert result.lower == pytest.approx(-0.0198, abs=0.00005)
    assert result.verdict is GateVerdict.PASS


def test_a_class_that_is_far_worse_vetoes_a_mean_that_is_not() -> None:
    result = of([(600, 1000), *[(950, 1000)] * 9], [(900, 1000), *[(930, 1000)] * 9])
    assert result.delta is not None
    assert result.delta > -Terms().margin
    assert [c.name for c in result.classes if c.veto] == ["1"]
    assert result.verdict is GateVerdict.FAIL


def test_a_class_is_looked_at_with_its_share_of_alpha() -> None:
    result = of([(800, 1000)] * 5, [(850, 1000)] * 5)
    variance = 1651 / 2002 * (1 - 1651 / 2002) * 2 / 1000
    bound = mixture_bound(variance, 0.05 / 5) * variance**0.5
    assert [c.upper for c in result.classes] == pytest.approx([-0.05 + bound] * 5)


def test_a_class_must_be_worse_by_its_own_margin_to_veto() -> None:
    counts, base = [(90_000, 100_000), (95_000, 100_000)], [(94_000, 100_000), (95_000, 100_000)]
    assert not of(counts, base).classes[0].veto
    assert of(counts, base, Terms(class_margin=0.03)).classes[0].veto


def test_a_difference_that_is_sure_and_small_is_no_fail() -> None:
    result = of([(92_000, 100_000)], [(93_000, 100_000)])
    assert result.upper is not None
    assert result.upper < 0
    assert result.verdict is GateVerdict.PASS


@pytest.mark.parametrize("arm", [0, 1])
def test_with_too_few_events_of_a_class_nothing_is_said(arm: int) -> None:
    few, many = [(18, 29), (900, 1000)], [(270, 300), (900, 1000)]
    result = of(few, many) if arm == 0 else of(many, few)
    assert result.verdict is GateVerdict.INCONCLUSIVE
    assert (result.delta, result.lower, result.upper) == (None, None, None)
    assert [result.candidate, result.baseline][arm] is None
    assert [result.candidate, result.baseline][1 - arm] == pytest.approx(0.9)
    assert [(c.name, c.delta) for c in result.too_few] == [("1", None)]
    assert of([(18, 30), (900, 1000)], [(270, 300), (900, 1000)]).too_few == ()


def test_without_any_class_nothing_is_said() -> None:
    empty = np.zeros(0, np.int64)
    result = compare(Arms([], empty, empty, empty, empty), Terms())
    assert (result.verdict, result.candidate, result.delta, result.classes) == ("inconclusive", None, None, ())


def test_events_that_come_in_clusters_make_the_interval_wider() -> None:
    alone, clustered = of([(800, 1000)], [(850, 1000)]), of([(800, 1000)], [(850, 1000)], deff=4.0)
    assert alone.upper is not None
    assert clustered.upper is not None
    assert alone.delta == clustered.delta
    variance = 1651 / 2002 * (1 - 1651 / 2002) * 2 / 1000
    for result, factor in ((alone, 1.0), (clustered, 4.0)):
        assert result.upper == pytest.approx(
            -0.05 + mixture_bound(variance * factor, 0.05) * (variance * factor) ** 0.5
        )


def pairs(*classes: tuple[int, int, int, int]) -> Paired:
    return Paired(*np.array(classes, np.int64).reshape(-1, 4).T)


def shadow(*classes: tuple[int, int, int, int]) -> Comparison:
    paired = pairs(*classes)
    return compare(paired.arms([str(c + 1) for c in range(len(classes))]), Terms(), paired)


def test_pairs_need_fewer_events_than_arms() -> None:
    """950 of 1000 events that both get right say more than two arms of 1000 each."""
    classes = [(940, 10, 14, 36), (950, 12, 12, 26)]
    together = shadow(*classes)
    apart = compare(pairs(*classes).arms(["1", "2"]), Terms())
    assert together.delta == apart.delta == pytest.approx(-0.002)
    assert together.verdict is GateVerdict.PASS
    assert apart.verdict is GateVerdict.INCONCLUSIVE


def test_the_variance_of_pairs_is_that_of_the_design() -> None:
    b, g, n = 4_000, 29_000, 100_000
    result = shadow((n - b - g, g, b, 0))
    assert result.lower is not None
    variance = (b + g - (b - g) ** 2 / n) / n**2
    assert result.delta == (g - b) / n
    assert result.delta - result.lower == pytest.approx(mixture_bound(variance, 0.05) * variance**0.5, rel=0.001)


def test_pairs_that_never_differ_are_not_taken_for_certain() -> None:
    result = shadow((30, 0, 0, 0))
    assert result.lower is not None
    assert result.lower < -0.05
    assert result.verdict is GateVerdict.INCONCLUSIVE


@given(st.lists(st.tuples(*[st.integers(0, 400)] * 4), min_size=1, max_size=5))
def test_swapping_the_arms_turns_the_difference_around(table: list[tuple[int, int, int, int]]) -> None:
    candidate = [(min(x, n), n) for x, n, _, _ in table]
    baseline = [(min(x, n), n) for _, _, x, n in table]
    there, back = of(candidate, baseline), of(baseline, candidate)
    if there.delta is not None and back.delta is not None:
        assert back.delta == pytest.approx(-there.delta)
        assert (there.candidate, there.baseline) == (back.baseline, back.candidate)
        assert there.lower is not None
        assert there.upper is not None
        assert there.lower <= there.delta <= there.upper
        assert not (there.verdict is GateVerdict.FAIL and back.verdict is GateVerdict.FAIL and len(table) == 1)
    else:
        assert there.verdict is back.verdict is GateVerdict.INCONCLUSIVE


@given(st.integers(30, 10**6), st.integers(30, 10**6), st.floats(0, 1), st.floats(0, 1))
def test_more_of_the_same_never_widens(n: int, n_base: int, r: float, r_base: float) -> None:
    once = of([(int(n * r), n)], [(int(n_base * r_base), n_base)])
    often = of([(int(n * r) * 9, n * 9)], [(int(n_base * r_base) * 9, n_base * 9)])
    assert once.upper is not None
    assert once.delta is not None
    assert often.upper is not None
    assert often.upper - once.delta <= once.upper - once.delta + 1e-9
