"""The scores that predictions keep: which ones, when none, and what the sum of their squares says."""

import math
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.formats.decoder import Decoder
from streams.formats.expressions import MappingError
from streams.formats.spec import ClassSpec, MappingSpec
from tests.support.formats import BASE, LABELS, PREDICTIONS, kept_of, message, records, rows_of

SPEC = replace(PREDICTIONS, keep_scores=3)
BINARY = replace(PREDICTIONS, keep_scores=2, classes=ClassSpec(expected=("no", "yes"), positive="yes"))
WHOLE = 3_600_000_000
NONE: Any = ([], 0)


def kept(score: object, spec: MappingSpec = SPEC, **changes: Any) -> Any:
    """What one message keeps by both readers, which must agree; the fast one also when it knows the map's keys."""
    batch = records([message(score=score, **changes)])
    fast = Decoder(spec)
    outcomes = [kept_of(d.decode(batch, None)) for d in (fast, fast, Decoder(spec, _reference_only=True))]
    assert outcomes[0] == outcomes[1] == outcomes[2]
    return outcomes[0][0]


def test_nothing_is_kept_unless_it_is_asked_for() -> None:
    decoded = Decoder(PREDICTIONS).decode(records([message(score={"yes": 0.5, "no": 0.5})]), None)
    assert decoded.kept is None
    assert decoded.part(0, 1).kept is None


def test_the_highest_are_kept_in_order() -> None:
    top, squares = kept({"no": 0.2, "yes": 0.5, "a": 0.25, "b": 0.05})
    assert top == [("yes", 30_000), ("a", 15_000), ("no", 12_000)]
    assert squares == 0, "b has a probability that is not kept"
    top, squares = kept({"no": 0.25, "yes": 0.5, "a": 0.25})
    assert top == [("yes", 30_000), ("a", 15_000), ("no", 15_000)], "equal ones by name"
    assert squares == (0.25 + 2 * 0.0625) * WHOLE
    assert kept({"c": 0, "yes": 1, "b": 0, "a": 0}) == ([("yes", 60_000), ("a", 0), ("b", 0)], WHOLE)


def test_close_scores_keep_their_order_although_their_fixed_point_is_equal() -> None:
    top, _ = kept({"yes": 0.4000002, "a": 0.4000001, "b": 0.1999997})
    assert top == [("yes", 24_000), ("a", 24_000), ("b", 12_000)]
    top, _ = kept({"yes": 0.4000001, "a": 0.4000002, "b": 0.1999997})
    assert top == [("a", 24_000), ("yes", 24_000), ("b", 12_000)]


def test_fewer_classes_than_asked_for_are_all_that_there_are_only_if_they_sum_to_one() -> None:
    assert kept({"yes": 0.9}) == NONE
    assert kept({"yes": 0.9, "no": 0.05}) == NONE
    assert kept({"yes": 0.9, "no": 0.09})[0] == [("yes", 54_000), ("no", 5_400)], "two digits are rounded"
    assert kept({"yes": 1.0}) == ([("yes", 60_000)], WHOLE)


def test_scores_that_are_no_distribution_have_ranks_and_no_squares() -> None:
    assert kept({"yes": 0.9, "no": 0.8, "a": 0.7}) == ([("yes", 54_000), ("no", 48_000), ("a", 42_000)], 0)


@pytest.mark.parametrize(
    "score",
    [
        {}, {"no": 0.5, "a": 0.5}, {"yes": 0.5, "no": 1.5}, {"yes": 0.5, "no": "0.5"}, {"yes": 0.5, " yes": 0.5},
        {"yes": 0.5, "no": True, "a": 0.1, "b": 0.4}, "x", 0.5, [0.5], [0.5, 0.5], [], True,
        {"yes": 0.5, "a": 0.25, "b": 0.25, "no": -0.1},
    ],
)  # fmt: skip
def test_nothing_is_kept_of_what_does_not_say_it(score: object) -> None:
    assert kept(score) == NONE


def test_null_is_a_class_that_is_not_there() -> None:
    assert kept({"yes": 0.5, "no": None, "a": 0.5})[0] == [("a", 30_000), ("yes", 30_000)]
    assert kept({"yes": 0.5, "no": None, "a": 0.4}) == NONE


def test_keys_are_classes_as_the_logs_spell_them() -> None:
    spec = replace(SPEC, classes=ClassSpec(aliases=(("yes", ("1", "Y")), ("no", ("0",)))))
    assert kept({"1": 0.75, "0": 0.25}, spec)[0] == [("yes", 45_000), ("no", 15_000)]
    assert kept({" Y ": 0.75, "no": 0.25}, spec, predicted_class=1)[0] == [("yes", 45_000), ("no", 15_000)]
    assert kept({"Y": 0.5, "1": 0.25, "no": 0.25}, spec) == NONE, "one class, twice"
    assert kept({"Y": None, "1": 0.75, "no": 0.25}, spec)[0] == [("yes", 45_000), ("no", 15_000)]


@pytest.mark.parametrize("odd", ["maybe", "x" * 300, "\x07", " "])
def test_a_key_that_can_be_no_class_is_not_kept_but_counts(odd: str) -> None:
    classes = ClassSpec(expected=("yes", "no"), unknown="reject")
    score = {odd: 0.5, "yes": 0.25, "no": 0.25}
    assert kept(score, replace(SPEC, classes=classes)) == (
        [("no", 15_000), ("yes", 15_000)], round((0.25 + 2 * 0.0625) * WHOLE)
    )  # fmt: skip
    decoded = Decoder(replace(SPEC, classes=classes)).decode(records([message(score=score)]), None)
    assert not decoded.rejected


def test_an_array_of_all_expected_classes_is_in_their_order() -> None:
    assert kept([0.25, 0.75], BINARY) == ([("yes", 45_000), ("no", 15_000)], (0.5625 + 0.0625) * WHOLE)
    assert kept([0.25, 0.75], replace(BINARY, keep_scores=1)) == ([("yes", 45_000)], 0)
    assert kept([0.25, 0.25, 0.5], BINARY) == NONE


def test_a_single_number_says_both_of_two_classes() -> None:
    for score in (0.25, [0.25]):
        assert kept(score, BINARY) == ([("no", 45_000), ("yes", 15_000)], (0.5625 + 0.0625) * WHOLE)
        assert kept(score, BINARY, predicted_class="no") == kept(score, BINARY)
        assert kept(score, BINARY, predicted_class="maybe") == NONE
    assert kept(1, BINARY) == ([("yes", 60_000), ("no", 0)], WHOLE)
    assert kept(1.5, BINARY) == NONE
    three = replace(BINARY, classes=ClassSpec(expected=("no", "yes", "maybe"), positive="yes"))
    assert kept(0.25, three) == NONE
    assert kept(0.25, replace(BINARY, classes=ClassSpec(expected=("no", "yes")))) == NONE


def test_a_batch_of_all_kinds_keeps_each_row_its_own() -> None:
    scores = [0.25, {"yes": 0.5, "no": 0.5}, None, [1.0, 0.0], {"no": 1.0}, "x", {"yes": 0.5, "new": 0.5}]
    batch = records([message(prediction_id=f"p-{i}", score=score) for i, score in enumerate(scores)] * 20)
    decoder = Decoder(BINARY)
    expected = kept_of(Decoder(BINARY, _reference_only=True).decode(batch, None))
    assert [len(top) for top, _ in expected[:7]] == [2, 2, 0, 2, 0, 0, 2]
    for _ in range(3):
        decoded = decoder.decode(batch, None)
        assert kept_of(decoded) == expected
        assert kept_of(decoded.part(3, 9)) == expected[3:9]


def test_a_key_that_maps_did_not_have_before_is_not_overlooked() -> None:
    decoder = Decoder(SPEC)
    plain = [message(score={"yes": 0.5, "no": 0.5}) for _ in range(1000)]
    decoder.decode(records(plain), None)
    mixed = [*plain, message(score={"yes": 0.4, "no": 0.25, "new": 0.35})]
    assert kept_of(decoder.decode(records(mixed), None))[-1][0] == [("yes", 24_000), ("new", 21_000), ("no", 15_000)]


def test_maps_of_many_classes_keep_the_highest() -> None:
    score = {f"c{i}": (i + 1) / 5050 for i in range(100)}
    assert kept(score, predicted_class="c7")[0] == [
        (f"c{i}", round((i + 1) / 5050 * 60_000)) for i in (99, 98, 97)
    ]  # fmt: skip


def test_wide_and_narrow_maps_of_one_batch_keep_each_its_own() -> None:
    wide = {f"c{i}": (100 - i) / 5050 for i in range(100)}
    scores = [wide, {}, {"yes": 0.5, "no": 0.5}, {f"d{i}": 0.001 * i for i in range(400)} | {"yes": 0.9}, wide] * 30
    classes = ["c1", "yes", "yes", "yes", "c99"] * 30
    for rows in (slice(None), slice(1, 2), slice(0, 1), slice(0, None, 5)):
        batch = records([message(score=s, predicted_class=c) for s, c in zip(scores[rows], classes[rows], strict=True)])
        expected = kept_of(Decoder(SPEC, _reference_only=True).decode(batch, None))
        decoder = Decoder(SPEC)
        for _ in range(3):
            assert kept_of(decoder.decode(batch, None)) == expected
    assert expected[0][0] == [("c0", 1188), ("c1", 1176), ("c2", 1164)]


def test_a_batch_without_rows_has_columns_of_the_same_width() -> None:
    for values in ([], [b"{"]):
        decoded = Decoder(SPEC).decode(records(values), None)
        assert decoded.kept is not None
        assert decoded.kept.codes.shape == decoded.kept.scores.shape == (0, 3)


@pytest.mark.parametrize("keep", [-1, 17, True, 1.0])
def test_only_so_many_can_be_kept(keep: Any) -> None:
    with pytest.raises(MappingError, match="keep_scores"):
        Decoder(replace(PREDICTIONS, keep_scores=keep))


def test_labels_keep_no_scores() -> None:
    with pytest.raises(MappingError, match="labels have no scores"):
        Decoder(replace(LABELS, keep_scores=1))


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=16).filter(sum))
def test_brier_score_from_what_is_kept_is_exact_to_four_digits(weights: list[int]) -> None:
    score = {f"c{i}": w / sum(weights) for i, w in enumerate(weights)}
    batch = records([orjson.dumps(BASE | {"predicted_class": "c0", "score": score})])
    decoder = Decoder(replace(SPEC, keep_scores=16))
    decoder.decode(batch, None)
    decoded = decoder.decode(batch, None)
    [(top, squares)] = kept_of(decoded)
    assert [name for name, _ in top] == sorted(score, key=lambda name: (-score[name], name))
    assert dict(top)["c0"] == rows_of(decoded)[0][6], "the confidence is the score of the predicted class"
    for true in [*score, "absent"]:
        exact = math.fsum((p - (name == true)) ** 2 for name, p in score.items()) + (true == "absent")
        assert abs(squares / WHOLE - 2 * dict(top).get(true, 0) / 60_000 + 1 - exact) < 1e-4
