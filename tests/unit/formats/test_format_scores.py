"""Classes and confidences: what the two logs call the same, through both readers."""

import json
from dataclasses import replace
from typing import Any

import pytest

from streams.formats.columns import NO_CONFIDENCE
from streams.formats.decoder import Decoder
from streams.formats.reasons import Reason
from streams.formats.spec import ClassSpec, MappingSpec
from tests.support.formats import (
    BASE,
    LABELS,
    PREDICTIONS,
    decode_one,
    field_of,
    label,
    message,
    reason_of,
    records,
    rows_of,
    with_field,
)


def confidence(spec: MappingSpec = PREDICTIONS, **changes: Any) -> Any:
    return field_of(message(**changes), 6, spec)


@pytest.mark.parametrize(
    ("seen", "cls"), [(1, "1"), (1.0, "1"), ("1", "1"), (" 1 ", "1"), (True, "true"), (0.5, "0.5"), (-0.0, "0")]
)
def test_a_class_is_the_same_text_on_both_sides(seen: object, cls: str) -> None:
    assert field_of(message(predicted_class=seen), 4) == cls
    assert field_of(label(true_class=seen), 4, LABELS) == cls


def test_mixed_spellings_of_classes_do_not_meet_by_accident() -> None:
    values = [message(predicted_class=c) for c in (1, True, "1", 1.0, "true", 0, False)]
    decoded = Decoder(PREDICTIONS).decode(records(values), None)
    assert [row[4] for row in rows_of(decoded)] == ["1", "true", "1", "1", "true", "0", "false"]


def test_aliases_and_the_closed_list_hold_on_both_sides() -> None:
    classes = ClassSpec(aliases=(("fraud", ("1", "true")), ("ok", ("0",))), expected=("fraud", "ok"), unknown="reject")
    predictions, labels = replace(PREDICTIONS, classes=classes), replace(LABELS, classes=classes)
    assert field_of(message(predicted_class=1.0), 4, predictions) == "fraud"
    assert field_of(label(true_class=True), 4, labels) == "fraud"
    assert reason_of(label(true_class="maybe"), labels) is Reason.UNKNOWN_CLASS
    kept = replace(predictions, classes=replace(classes, unknown="keep"))
    assert field_of(message(predicted_class="maybe"), 4, kept) == "maybe"


def test_a_map_of_scores_gives_the_confidence_of_the_class() -> None:
    assert confidence(score={"yes": 0.25, "no": 0.75}) == 15_000
    assert confidence(score={" yes": 0.25}) == 15_000
    assert confidence(predicted_class=1, score={"1": 0.5}) == 30_000
    spec = replace(PREDICTIONS, classes=ClassSpec(aliases=(("yes", ("1",)),)))
    assert confidence(spec, score={"1": 0.25}) == 15_000
    assert confidence(spec, predicted_class="1", score={"1": 0.25, "yes": 0.5}) == 15_000


def test_a_number_is_the_confidence_or_the_probability_of_the_positive_class() -> None:
    spec = replace(PREDICTIONS, classes=ClassSpec(positive="yes"))
    assert confidence(score=0.25) == 15_000
    assert confidence(spec, score=0.25) == 15_000
    assert confidence(spec, predicted_class="no", score=0.25) == 45_000
    assert confidence(score=[0.25]) == 15_000
    assert confidence(score=1) == 60_000
    ordered = replace(PREDICTIONS, classes=ClassSpec(expected=("no", "yes")))
    assert confidence(ordered, score=[0.75, 0.25]) == 15_000


@pytest.mark.parametrize(
    "score", [1.1, -0.1, "0.5", True, [], [0.5, 0.5], {}, {"no": 1.0}, {"yes": None}, {"yes": "1"}, {"yes": [1]}, [[]]]
)
def test_a_score_that_is_none_rejects_nothing(score: object) -> None:
    assert confidence(score=score) == NO_CONFIDENCE


def test_rounding_outside_of_one_is_forgiven() -> None:
    assert confidence(score=1.0000009) == 60_000
    assert confidence(score={"yes": -0.0000009}) == 0
    assert confidence(score=1.000002) == NO_CONFIDENCE


def test_a_threshold_gives_the_class_that_the_log_does_not() -> None:
    spec = replace(
        with_field(PREDICTIONS, "class", "value.predicted_class", "value.score | threshold(0.5)"),
        classes=ClassSpec(aliases=(("fraud", ("1",)), ("ok", ("0",))), positive="fraud"),
    )
    assert decode_one(message(predicted_class=None, score=0.25), spec)[4:7:2] == ("ok", 45_000)
    assert decode_one(message(predicted_class=None, score=0.5), spec)[4:7:2] == ("fraud", 30_000)


def test_a_batch_can_mix_all_kinds_of_scores() -> None:
    scores: list[Any] = [{"yes": 0.5}, None, 0.25, {"yes": 1}, {"no": 1.0}, {" yes": 0.75}, [0.5], "x", {"new": 0.5}]
    values = [message(prediction_id=i, score=score) for i, score in enumerate(scores)]
    values.append(message(prediction_id=9, predicted_class="new", score={"new": 0.5}))
    decoder = Decoder(PREDICTIONS)
    none = NO_CONFIDENCE
    for _ in range(3):
        decoded = decoder.decode(records(values), None)
        assert decoded.confidence.tolist() == [30_000, none, 15_000, 60_000, none, 45_000, 30_000, none, none, 30_000]


def test_maps_that_spell_classes_otherwise_are_learned() -> None:
    spec = replace(PREDICTIONS, classes=ClassSpec(aliases=(("yes", ("1",)), ("no", ("0",)))))
    decoder = Decoder(spec)
    plain = [message(score={"yes": 0.5, "no": 0.25}) for _ in range(100)]
    other = [message(score={"1": 0.75, "0": 0.25}) for _ in range(100)]
    for values, confidence_of_all in ((plain, 30_000), (other, 45_000), (other, 45_000), (plain, 30_000)):
        assert set(decoder.decode(records(values), None).confidence.tolist()) == {confidence_of_all}


@pytest.mark.parametrize("key", ['"', "a\\b", "\x00", "\n", "\x7f", "\ud800", ""])
def test_a_map_can_have_any_key(key: str) -> None:
    value = json.dumps(BASE | {"score": {"yes": 0.25, key: 0.75}}).encode()
    assert field_of(value, 6) == 15_000
    quoted = json.dumps(BASE | {"predicted_class": '"x"', "score": {"yes": 0.25, '"x"': 0.75}}).encode()
    assert field_of(quoted, 6) == 45_000


def test_a_path_can_have_any_name() -> None:
    spec = with_field(PREDICTIONS, "model", "value['a\"b']")
    assert field_of(message(**{'a"b': "m"}), 5, spec).model == "m"
