"""Groups: who is worst, how large the gap is, whether it could be chance, and what is said when nothing can be."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binomtest

from streams.quality.counts.counted import Counted, counted
from streams.quality.measures.groups import GroupMeasures, GroupsUndefined, compare_groups
from streams.quality.measures.intervals import balanced_accuracy_interval, wilson
from streams.quality.settings import GroupsSpec

Matrix = Sequence[Sequence[int]] | NDArray[np.int64]

PLAIN = GroupsSpec()
PROTECTED = GroupsSpec(protected=("region",))
FAVOURABLE = GroupsSpec(protected=("region",), favourable="c0001")


def compared(
    groups: Mapping[str, Matrix],
    spec: GroupsSpec = PROTECTED,
    other: Matrix | None = None,
    unlabelled: dict[str, Sequence[int]] | None = None,
    min_support: int = 5,
) -> GroupMeasures:
    """The measures of groups given by their tables (row = true class), and of what is in no group."""
    tables = {name: np.array(table) for name, table in groups.items()}
    rest = np.zeros_like(next(iter(tables.values()))) if other is None else np.array(other)
    waiting = {name: np.array((unlabelled or {}).get(name, [0] * len(rest))) for name in tables}
    whole = counted(sum(tables.values(), rest), sum(waiting.values(), np.zeros(len(rest), np.int64)))
    parts = [(name, counted(table, waiting[name])) for name, table in tables.items()]
    return compare_groups("region", parts, whole, int(rest.sum()), spec, min_support=min_support)


def table(hits: Sequence[int], support: Sequence[int]) -> NDArray[np.int64]:
    """A table with these hits of these labels; misses go to the next class."""
    k = len(hits)
    out = np.zeros((k, k), np.int64)
    out[np.arange(k), np.arange(k)] = hits
    out[np.arange(k), (np.arange(k) + 1) % k] += np.array(support) - np.array(hits)
    return out


EAST, SOUTH, WEST = table([180, 90], [200, 100]), table([140, 85], [200, 100]), table([175, 92], [200, 100])


def test_the_worst_group_is_named_with_its_interval_and_how_many_classes_it_rests_on() -> None:
    said = compared({"west": WEST, "south": SOUTH, "east": EAST})
    assert (said.dimension, said.groups, said.groups_compared) == ("region", 3, 3)
    assert said.worst_by_balanced_accuracy == "south"
    assert said.worst_balanced_accuracy == pytest.approx((140 / 200 + 85 / 100) / 2)
    expected = balanced_accuracy_interval([(140, 200), (85, 100)])
    assert (said.worst_balanced_accuracy_lower, said.worst_balanced_accuracy_upper) == expected
    assert said.worst_classes == 2


def test_the_worst_recall_is_the_one_furthest_below_the_others_in_the_same_class() -> None:
    hard = {name: table([90 - 30 * (name == "south"), 10], [100, 100]) for name in ("east", "south", "west")}
    said = compared(hard)
    assert (said.worst_by_recall, said.worst_recall_class, said.worst_recall) == ("south", "c0000", 0.6)
    assert (said.worst_recall_lower, said.worst_recall_upper) == wilson(0.6, 100)


def test_the_gap_is_between_the_best_and_the_worst_over_the_classes_of_both() -> None:
    said = compared({"west": WEST, "south": SOUTH, "east": EAST})
    assert (said.gap_from, said.gap_to) == ("east", "south")
    assert said.gap == pytest.approx((0.9 - 0.7 + 0.9 - 0.85) / 2)
    assert said.gap_significant is True
    assert said.gap_p_value is not None
    assert said.gap_q_value is not None
    assert said.gap_p_value <= said.gap_q_value <= 0.01


def test_a_class_that_only_one_of_two_groups_has_is_no_gap() -> None:
    with_rare = table([80, 80, 0], [100, 100, 50])
    without = table([80, 80, 0], [100, 100, 0])
    said = compared({"a": with_rare, "b": without})
    assert said.gap == 0
    assert said.worst_classes == 2
    assert said.gap_significant is False


def test_one_class_of_one_small_group_is_tested_as_the_binomial_test_does() -> None:
    crowd = 10_000_000
    said = compared({"a": [[6, 4], [0, 0]], "b": [[crowd * 9 // 10, crowd // 10], [0, 0]]})
    assert said.gap_p_value == pytest.approx(2 * binomtest(6, 10, 0.9, alternative="less").pvalue, rel=1e-4)


def test_the_worst_is_not_the_smallest_group_when_a_large_one_is_surely_worse() -> None:
    groups = {f"g{i:02d}": table([850, 850], [1000, 1000]) for i in range(9)}
    groups["bad"] = table([750, 750], [1000, 1000])
    groups["tiny"] = table([3, 3], [5, 5])
    said = compared(groups)
    assert said.worst_by_balanced_accuracy == said.gap_to == "bad"


@pytest.mark.parametrize("others", [10, 60])
def test_how_many_groups_were_looked_at_counts(others: int) -> None:
    groups = {f"g{i:02d}": table([850, 0], [1000, 0]) for i in range(others)}
    said = compared(groups | {"bad": table([800, 0], [1000, 0])})
    assert said.gap_p_value is not None
    assert said.gap_q_value == pytest.approx(said.gap_p_value * (others + 1))


def test_what_is_folded_belongs_to_the_rest_but_is_no_group() -> None:
    said = compared({"a": EAST, "b": EAST}, other=SOUTH)
    assert (said.groups, said.predictions_folded, said.groups_folded) == (2, 300, None)
    assert said.undefined == f"groups_folded: {GroupsUndefined.FOLDED}"
    assert {said.gap_from, said.gap_to} == {"a", "b"}
    assert compared({"a": EAST, "b": EAST}).groups_folded == 0


def test_a_number_of_folded_groups_is_passed_on() -> None:
    whole = counted(table([3], [9]))
    assert compare_groups("region", [], whole, 9, PLAIN, groups_folded=4).groups_folded == 4


def test_equal_opportunity_is_the_difference_of_the_favourable_class_recalls() -> None:
    said = compared({"a": table([1, 80], [50, 100]), "b": table([49, 60], [50, 100])}, FAVOURABLE)
    assert said.equal_opportunity_class == "c0001"
    assert said.equal_opportunity_difference == pytest.approx(0.2)
    assert (said.equal_opportunity_from, said.equal_opportunity_to) == ("a", "b")
    assert said.equal_opportunity_lower is not None
    assert 0.05 < said.equal_opportunity_lower < 0.1


def test_without_a_favourable_class_the_one_that_differs_most_is_told() -> None:
    said = compared({"a": table([1, 80], [50, 100]), "b": table([49, 60], [50, 100])})
    assert said.equal_opportunity_class == "c0000"
    assert said.equal_opportunity_difference == pytest.approx(0.96)


def test_a_difference_is_told_from_the_higher_to_the_lower_even_where_the_rest_turns_them_round() -> None:
    low = table([1_000, 0], [10_000, 0])
    said = compared({"a": table([8_000, 0], [10_000, 0]), "b": table([5, 0], [5, 0])}, other=low)
    assert said.equal_opportunity_difference == said.gap == pytest.approx(0.2)
    assert (said.equal_opportunity_from, said.equal_opportunity_to) == (said.gap_from, said.gap_to) == ("b", "a")


def test_demographic_parity_counts_predictions_without_a_label_too() -> None:
    groups = {"a": [[10, 0], [0, 10]], "b": [[10, 0], [0, 10]]}
    said = compared(groups, FAVOURABLE, unlabelled={"a": [60, 20], "b": [20, 60]})
    assert said.demographic_parity_difference == pytest.approx(0.7 - 0.3)
    assert (said.demographic_parity_from, said.demographic_parity_to) == ("b", "a")
    assert said.demographic_parity_class == "c0001"


def test_the_more_pairs_were_looked_at_the_wider_is_the_interval_of_parity() -> None:
    two = compared({"a": EAST, "b": SOUTH}, FAVOURABLE)
    many = compared({"a": EAST, "b": SOUTH} | {f"g{i}": table([160, 88], [200, 100]) for i in range(20)}, FAVOURABLE)
    assert two.equal_opportunity_lower is not None
    assert many.equal_opportunity_lower is not None
    assert many.equal_opportunity_difference == two.equal_opportunity_difference
    assert many.equal_opportunity_lower < two.equal_opportunity_lower


def test_parity_is_told_of_protected_dimensions_alone() -> None:
    said = compared({"a": EAST, "b": SOUTH}, PLAIN)
    assert said.protected is False
    assert said.equal_opportunity_difference is None
    assert f"demographic_parity_to: {GroupsUndefined.NOT_PROTECTED}" in str(said.undefined)


@pytest.mark.parametrize(
    ("groups", "field", "reason"),
    [
        ({"a": EAST}, "worst_by_recall", GroupsUndefined.FEW_GROUPS),
        ({"a": EAST, "b": table([4, 4], [4, 4])}, "gap", GroupsUndefined.FEW_GROUPS),
        ({"a": EAST}, "demographic_parity_difference", GroupsUndefined.FEW_GROUPS_PREDICTED),
        ({"a": EAST}, "equal_opportunity_difference", GroupsUndefined.NO_SHARED_CLASS),
        ({"a": table([9, 0], [9, 0]), "b": table([0, 9], [0, 9])}, "gap", GroupsUndefined.FEW_GROUPS),
    ],
)
def test_what_cannot_be_said_is_none_with_its_reason(
    groups: Mapping[str, Matrix], field: str, reason: GroupsUndefined
) -> None:
    said = compared(groups)
    assert getattr(said, field) is None
    assert f"{field}: {reason}" in str(said.undefined).split("; ")


def test_groups_that_share_no_class_have_no_gap_though_each_can_be_compared_with_the_rest() -> None:
    said = compared({"a": table([9, 0], [9, 0]), "b": table([0, 9], [0, 9])}, other=table([9, 9], [9, 9]))
    assert said.worst_by_balanced_accuracy == "a"
    assert said.gap is None
    assert f"gap: {GroupsUndefined.NO_SHARED_CLASS}" in str(said.undefined)


def test_a_class_that_is_favourable_but_never_seen_is_a_reason() -> None:
    spec = GroupsSpec(protected=("region",), favourable="approved")
    said = compared({"a": EAST, "b": SOUTH}, spec)
    assert said.equal_opportunity_difference is None
    assert said.demographic_parity_difference is None


def test_a_group_that_is_no_part_of_the_whole_is_refused() -> None:
    for part in (counted(EAST), counted(table([1], [1]), classes=["elsewhere"])):
        with pytest.raises(ValueError, match="more than the whole"):
            compare_groups("region", [("a", part)], counted(table([5, 5], [9, 9])), 0, PLAIN)


def test_groups_may_name_their_classes_in_other_numbers() -> None:
    east = Counted(("c0000", "c0001", "zz"), counted(EAST).cells, np.zeros(3, np.int64))
    whole = counted(EAST + SOUTH)
    said = compare_groups("region", [("east", east), ("south", counted(SOUTH))], whole, 0, PROTECTED)
    assert said == compared({"east": EAST, "south": SOUTH})


SMALL_TABLES = st.lists(st.lists(st.integers(0, 12), min_size=3, max_size=3), min_size=3, max_size=3)


@given(
    groups=st.dictionaries(st.sampled_from("abcde"), SMALL_TABLES, min_size=1),
    other=SMALL_TABLES,
    spec=st.sampled_from([PLAIN, PROTECTED, FAVOURABLE]),
)
def test_every_number_is_one_or_has_a_reason_and_order_does_not_matter(
    groups: Mapping[str, Matrix], other: Matrix, spec: GroupsSpec
) -> None:
    said = compared(groups, spec, other)
    missing = {name for name, value in said._asdict().items() if value is None} - {"undefined"}
    assert missing == {part.partition(":")[0] for part in str(said.undefined or "").split("; ")} - {""}
    numbers = [value for value in said if isinstance(value, float)]
    assert all(-1 <= value <= 1 for value in numbers)
    for name in ("worst_balanced_accuracy", "worst_recall"):
        value, lower, upper = (getattr(said, name + end) for end in ("", "_lower", "_upper"))
        assert value is None or lower <= value <= upper
    for name in ("equal_opportunity", "demographic_parity"):
        difference, lower, upper = (getattr(said, name + end) for end in ("_difference", "_lower", "_upper"))
        assert difference is None or (lower <= difference <= upper and difference >= 0)
    assert compared(dict(reversed(list(groups.items()))), spec, other) == said


def windows_of(reps: int, shape: tuple[int, int], recall: float, drop: float) -> list[GroupMeasures]:
    """Windows of groups whose sizes fall as 1 / rank and recalls are equal, but for a drop of the first group's."""
    chance = np.random.default_rng(5)
    groups, k = shape
    sizes = 1_000 / np.arange(1, groups + 1)[:, None] * np.ones(k)
    recalls = np.full(shape, recall) - np.eye(1, groups, dtype=np.int64).T * drop
    out = []
    for _ in range(reps):
        support = chance.poisson(sizes)
        hits = chance.binomial(support, recalls)
        out.append(compared({f"g{i:02d}": table(hits[i].tolist(), support[i].tolist()) for i in range(groups)}))
    return out


@pytest.mark.parametrize(("shape", "recall"), [((2, 2), 0.7), ((20, 2), 0.98), ((20, 4), 0.9)])
def test_where_groups_do_not_differ_few_windows_flag_a_gap(shape: tuple[int, int], recall: float) -> None:
    windows = windows_of(400, shape, recall, 0)
    assert sum(bool(window.gap_significant) for window in windows) <= 8  # 2 %; a normal tail flags 10 % of the second
    assert sum((window.equal_opportunity_lower or 0) > 0 for window in windows) <= 28  # 7 %


def test_a_group_that_does_differ_is_found_and_named() -> None:
    windows = windows_of(100, (20, 2), 0.9, 0.06)
    assert sum(window.gap_significant is True and window.gap_to == "g00" for window in windows) >= 90
