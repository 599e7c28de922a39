"""Every kind of record that a log can hold, through both readers (`decode_one` compares them)."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from streams.formats.columns import NO_CONFIDENCE, Group
from streams.formats.decoder import MAX_BATCH, Decoder
from streams.formats.expressions import ExpressionError, MappingError
from streams.formats.reasons import Kind, Reason
from streams.formats.spec import ClassSpec, Limits, MappingSpec, default_mapping
from tests.support.formats import SHARED, decode_one, label, lines, message, records, rows_of, samples

PREDICTION = default_mapping(Kind.PREDICTION)
LABEL = default_mapping(Kind.LABEL)
NOW = 1_700_000_000_000
ROW = (b"p-1", 100, NOW, NOW, "yes", Group("fraud", "3", ("eu",)), 54_000, None, None)


def with_field(spec: MappingSpec, name: str, *candidates: str) -> MappingSpec:
    return replace(spec, fields=tuple((dict(spec.fields) | {name: candidates}).items()))


def reason_of(value: bytes | None, spec: MappingSpec = PREDICTION, **columns: Any) -> Reason:
    outcome = decode_one(value, spec, **columns)
    assert isinstance(outcome[0], Reason), outcome
    return outcome[0]


def field_of(value: bytes | None, place: int, spec: MappingSpec = PREDICTION, **columns: Any) -> Any:
    outcome = decode_one(value, spec, **columns)
    assert len(outcome) > 2, outcome
    return outcome[place]


def confidence(spec: MappingSpec = PREDICTION, **changes: Any) -> Any:
    return field_of(message(**changes), 6, spec)


def test_a_good_prediction_is_a_row() -> None:
    assert decode_one(message()) == ROW


def test_a_good_label_is_a_row() -> None:
    spec = replace(LABEL, ranks=(("human", 5),))
    expected = (b"p-1", 100, 1_700_000_100_000, 1_700_000_200_000, "yes", None, None, 5, "human")
    assert decode_one(label(), spec, timestamps=1_700_000_200_000) == expected


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, Reason.NULL_VALUE),
        (b"null", Reason.NULL_VALUE),
        (b"", Reason.NOT_JSON),
        (b"{", Reason.NOT_JSON),
        (b'{"a":NaN}', Reason.NOT_JSON),
        (b"\x00\x00\x00\x00\x07" + message(), Reason.NOT_JSON),
        (message() + b"}", Reason.NOT_JSON),
        (b'{"a":' + b"[" * 200_000 + b"}", Reason.NOT_JSON),
        (b'{"a":' + b"[" * 2_000 + b"]" * 2_000 + b"}", Reason.NOT_JSON),
        (b"[1]", Reason.WRONG_TYPE),
        (b'"text"', Reason.WRONG_TYPE),
        (message().decode().encode("utf-16"), Reason.WRONG_ENCODING),
        (message().decode().encode("utf-16-le"), Reason.WRONG_ENCODING),
        (message().replace(b"fraud", b"fra\xff"), Reason.WRONG_ENCODING),
        (message(unread="x").replace(b'"x"', b'"\xff"'), Reason.WRONG_ENCODING),
        (message(prediction_id=None), Reason.MISSING_FIELD),
        (message(prediction_id=""), Reason.EMPTY_ID),
        (message(prediction_id="x" * 1025), Reason.ID_TOO_LONG),
        (message(prediction_id="é" * 513), Reason.ID_TOO_LONG),
        (message(prediction_id="a\nb"), Reason.CONTROL_CHARACTER),
        (message(prediction_id="a\x7fb"), Reason.CONTROL_CHARACTER),
        (message(prediction_id="a\x85b"), Reason.CONTROL_CHARACTER),
        (message(prediction_id="a-b").replace(b"a-b", rb"a\ud800b"), Reason.CONTROL_CHARACTER),
        (message(prediction_id=True), Reason.WRONG_TYPE),
        (message(prediction_id=1.5), Reason.WRONG_TYPE),
        (message(prediction_id={"a": 1}), Reason.WRONG_TYPE),
        (message(prediction_id=0).replace(b":0,", b":" + b"9" * 30 + b","), Reason.WRONG_TYPE),
        (message(event_time=None), Reason.MISSING_FIELD),
        (message(event_time=True), Reason.NOT_A_TIME),
        (message(event_time="soon"), Reason.NOT_A_TIME),
        (message(event_time=[1]), Reason.NOT_A_TIME),
        (message(event_time="2026-01-01T00:00:00"), Reason.TIME_WITHOUT_ZONE),
        (message(event_time=1), Reason.TIME_OUT_OF_RANGE),
        (message(event_time=0).replace(b":0,", b":" + b"9" * 30 + b","), Reason.TIME_OUT_OF_RANGE),
        (message(event_time=0).replace(b":0,", b":1e400,"), Reason.NOT_A_TIME),
        (message(event_time="2100-01-01T00:00:00Z"), Reason.TIME_OUT_OF_RANGE),
        (message(event_time=NOW + 600_001), Reason.TIME_AHEAD),
        (message(predicted_class=None), Reason.MISSING_FIELD),
        (message(predicted_class=" \t"), Reason.MISSING_FIELD),
        (message(predicted_class=[1]), Reason.WRONG_TYPE),
        (message(predicted_class="a\x00b"), Reason.CONTROL_CHARACTER),
        (message(predicted_class="x" * 257), Reason.NAME_TOO_LONG),
        (message(model=""), Reason.MISSING_FIELD),
        (message(model_version=""), Reason.MISSING_FIELD),
        (message(model={}), Reason.WRONG_TYPE),
        (message(model="x" * 257), Reason.NAME_TOO_LONG),
        (message(model_version="a\rb"), Reason.CONTROL_CHARACTER),
        (message(segment="x" * 257), Reason.NAME_TOO_LONG),
    ],
)
def test_each_reason_has_its_record(value: bytes | None, reason: Reason) -> None:
    assert reason_of(value, now_ms=NOW) is reason


@pytest.mark.parametrize(
    "value",
    [
        b"\xef\xbb\xbf" + message(),
        b" " + message() + b"\n",
        message(unread=1).replace(b":1}", b":1e400}"),
        message(unread="x").replace(b'"x"', rb'"\ud83d"'),
        message()[:-1] + b',"score":0.9}',
        b'{"prediction_id":"p-2",' + message()[1:],
        message(unread=[[[[]]]] * 50),
    ],
)
def test_what_the_mapping_does_not_read_need_not_be_pretty(value: bytes) -> None:
    assert decode_one(value) == ROW


def test_times_count_from_the_earliest_up_to_the_latest() -> None:
    limits = Limits()
    spec = replace(PREDICTION, limits=limits)
    for ms, counts in (
        (limits.earliest_ms - 1, False), (limits.earliest_ms, True), (limits.latest_ms - 1, True),
        (limits.latest_ms, False),
    ):  # fmt: skip
        decoded = Decoder(spec).decode(records([message(), message(event_time=ms)]), None)
        assert len(decoded) == 1 + counts
    assert field_of(message(event_time=NOW + 600_000), 2, now_ms=NOW) == NOW + 600_000


def test_a_value_over_the_limit_is_not_parsed() -> None:
    spec = replace(PREDICTION, limits=Limits(max_value_bytes=len(message())))
    assert decode_one(message(), spec) == ROW
    assert reason_of(message() + b" ", spec) is Reason.VALUE_TOO_LARGE
    decoded = Decoder(spec).decode(records([message()] * 3 + [message() + b" "]), None)
    assert (decoded.offset.tolist(), [r.index for r in decoded.rejected]) == ([100, 101, 102], [3])


def test_a_detail_names_the_field_and_what_was_seen() -> None:
    assert decode_one(message(event_time="soon" * 50))[1] == (
        "time is 'soonsoonsoonsoonsoonsoonsoonsoonsoonsoonsoonsoonsoonsoonsoon'…, not a number or RFC 3339 text"
    )
    detail = str(decode_one(message(prediction_id=None))[1])
    assert detail.startswith("id is missing or null; looked at value.prediction_id, value.id")
    assert len(detail) <= 200


def test_an_id_can_be_an_integer_or_the_record_key() -> None:
    assert field_of(message(prediction_id=-42), 0) == b"-42"
    assert field_of(message(prediction_id=None), 0, keys="clé".encode()) == "clé".encode()
    assert reason_of(message(prediction_id=None), keys=b"\xff") is Reason.WRONG_ENCODING


def test_a_scope_keeps_ids_of_models_apart() -> None:
    spec = with_field(PREDICTION, "scope", "value.tenant")
    assert field_of(message(tenant="a"), 0, spec) == b"a\x1fp-1"
    assert reason_of(message(), spec) is Reason.MISSING_FIELD


def test_names_are_canonical_text() -> None:
    group = field_of(message(model=7, model_version=2.0, segment=True), 5)
    assert group == Group("7", "2", ("true",))


def test_absent_names_have_their_defaults_or_are_required() -> None:
    bare = message(model=None, model_version=None, segment=None)
    assert field_of(bare, 5) == Group("default", "(none)", ("(none)",))
    assert reason_of(bare, replace(PREDICTION, default_model=None)) is Reason.MISSING_FIELD
    assert reason_of(message(segment=None), replace(PREDICTION, required=("segment",))) is Reason.MISSING_FIELD
    assert reason_of(message(score=None), replace(PREDICTION, required=("score",))) is Reason.MISSING_FIELD


def test_dimensions_give_the_order_of_segments() -> None:
    spec = replace(PREDICTION, segments=(("model", ("value.model",)), ("region", ("value.segment",))))
    decoder = Decoder(spec, ["region", "model", "other"])
    assert decoder.dimensions == ("region", "model", "other")
    [row] = rows_of(decoder.decode(records([message()]), None))
    assert row[5] == Group("fraud", "3", ("eu", "fraud", "(none)"))
    with pytest.raises(MappingError, match="not among the dimensions"):
        Decoder(spec, ["region"])


@pytest.mark.parametrize(
    ("seen", "cls"), [(1, "1"), (1.0, "1"), ("1", "1"), (" 1 ", "1"), (True, "true"), (0.5, "0.5"), (-0.0, "0")]
)
def test_a_class_is_the_same_text_on_both_sides(seen: object, cls: str) -> None:
    assert field_of(message(predicted_class=seen), 4) == cls
    assert field_of(label(true_class=seen), 4, LABEL) == cls


def test_mixed_spellings_of_classes_do_not_meet_by_accident() -> None:
    values = [message(predicted_class=c) for c in (1, True, "1", 1.0, "true", 0, False)]
    decoded = Decoder(PREDICTION).decode(records(values), None)
    assert [row[4] for row in rows_of(decoded)] == ["1", "true", "1", "1", "true", "0", "false"]


def test_aliases_and_the_closed_list_hold_on_both_sides() -> None:
    classes = ClassSpec(aliases=(("fraud", ("1", "true")), ("ok", ("0",))), expected=("fraud", "ok"), unknown="reject")
    predictions, labels = replace(PREDICTION, classes=classes), replace(LABEL, classes=classes)
    assert field_of(message(predicted_class=1.0), 4, predictions) == "fraud"
    assert field_of(label(true_class=True), 4, labels) == "fraud"
    assert reason_of(label(true_class="maybe"), labels) is Reason.UNKNOWN_CLASS
    kept = replace(predictions, classes=replace(classes, unknown="keep"))
    assert field_of(message(predicted_class="maybe"), 4, kept) == "maybe"


def test_a_map_of_scores_gives_the_confidence_of_the_class() -> None:
    assert confidence(score={"yes": 0.25, "no": 0.75}) == 15_000
    assert confidence(score={" yes": 0.25}) == 15_000
    assert confidence(predicted_class=1, score={"1": 0.5}) == 30_000
    spec = replace(PREDICTION, classes=ClassSpec(aliases=(("yes", ("1",)),)))
    assert confidence(spec, score={"1": 0.25}) == 15_000
    assert confidence(spec, predicted_class="1", score={"1": 0.25, "yes": 0.5}) == 15_000


def test_a_number_is_the_confidence_or_the_probability_of_the_positive_class() -> None:
    spec = replace(PREDICTION, classes=ClassSpec(positive="yes"))
    assert confidence(score=0.25) == 15_000
    assert confidence(spec, score=0.25) == 15_000
    assert confidence(spec, predicted_class="no", score=0.25) == 45_000
    assert confidence(score=[0.25]) == 15_000
    assert confidence(score=1) == 60_000
    ordered = replace(PREDICTION, classes=ClassSpec(expected=("no", "yes")))
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
        with_field(PREDICTION, "class", "value.predicted_class", "value.score | threshold(0.5)"),
        classes=ClassSpec(aliases=(("fraud", ("1",)), ("ok", ("0",))), positive="fraud"),
    )
    assert decode_one(message(predicted_class=None, score=0.25), spec)[4:7:2] == ("ok", 45_000)
    assert decode_one(message(predicted_class=None, score=0.5), spec)[4:7:2] == ("fraud", 30_000)


def test_a_label_without_a_time_has_its_records() -> None:
    spec = with_field(LABEL, "time", "value.label_time")
    assert Decoder(spec).needs >= {"timestamps"}
    assert field_of(label(label_time=None), 2, spec, timestamps=NOW) == NOW
    assert reason_of(label(label_time=None), spec) is Reason.MISSING_FIELD
    assert reason_of(label(label_time=None), spec, timestamps=-1) is Reason.MISSING_FIELD


def test_a_delivery_time_never_rejects() -> None:
    late = NOW + 200_000
    assert field_of(label(ingest_time=late), 3, LABEL) == late
    assert field_of(label(ingest_time=late), 3, LABEL, timestamps=late + 1) == late + 1
    for bad in ("soon", True, 5, 10**17, [1], late + 10**9):
        assert field_of(label(ingest_time=bad), 3, LABEL, now_ms=late) == 1_700_000_100_000
    assert field_of(label(), 3, LABEL, timestamps=5) == 1_700_000_100_000


@pytest.mark.parametrize(
    ("changes", "cls"),
    [
        ({"op": "d"}, None), ({"op": "delete", "true_class": None}, None), ({"deleted": True}, None),
        ({"op": "u"}, "yes"), ({"deleted": False}, "yes"), ({"deleted": 1}, "yes"), ({"op": {"d": 1}}, "yes"),
    ],
)  # fmt: skip
def test_a_label_is_deleted_when_the_mapping_says_so(changes: dict[str, Any], cls: str | None) -> None:
    assert field_of(label(**changes), 4, LABEL) == cls


def test_true_is_not_one_when_a_deletion_is_looked_for() -> None:
    spec = replace(LABEL, delete_when=(("value.gone", (1,)),))
    assert field_of(label(gone=1.0), 4, spec) is None
    assert field_of(label(gone=True), 4, spec) == "yes"


def test_a_path_through_another_one_is_read_by_the_reference() -> None:
    spec = with_field(PREDICTION, "class", "value.predicted_class", "value.p.label", "value.p")
    assert Decoder(spec).is_columnar
    for part in ({"label": "no"}, "no"):
        assert field_of(message(predicted_class=None, p=part), 4, spec) == "no"
    assert reason_of(message(predicted_class=None, p={"other": 1}), spec) is Reason.WRONG_TYPE
    assert not Decoder(with_field(PREDICTION, "class", "value.p.label", "value.p")).is_columnar


def test_one_path_can_serve_two_fields() -> None:
    spec = replace(with_field(PREDICTION, "score", "value.s"), segments=(("band", ("value.s",)),))
    assert Decoder(spec).is_columnar
    assert decode_one(message(s=0.5), spec)[5:7] == (Group("fraud", "3", ("0.5",)), 30_000)
    assert decode_one(message(s="high"), spec)[5:7] == (Group("fraud", "3", ("high",)), NO_CONFIDENCE)
    assert reason_of(message(s={"yes": 0.5}), spec) is Reason.WRONG_TYPE


def test_a_batch_can_mix_all_kinds_of_scores() -> None:
    scores: list[Any] = [{"yes": 0.5}, None, 0.25, {"yes": 1}, {"no": 1.0}, {" yes": 0.75}, [0.5], "x", {"new": 0.5}]
    values = [message(prediction_id=i, score=score) for i, score in enumerate(scores)]
    values.append(message(prediction_id=9, predicted_class="new", score={"new": 0.5}))
    decoder = Decoder(PREDICTION)
    none = NO_CONFIDENCE
    for _ in range(3):
        decoded = decoder.decode(records(values), None)
        assert decoded.confidence.tolist() == [30_000, none, 15_000, 60_000, none, 45_000, 30_000, none, none, 30_000]


def test_maps_that_spell_classes_otherwise_are_learned() -> None:
    spec = replace(PREDICTION, classes=ClassSpec(aliases=(("yes", ("1",)), ("no", ("0",)))))
    decoder = Decoder(spec)
    plain = [message(score={"yes": 0.5, "no": 0.25}) for _ in range(100)]
    other = [message(score={"1": 0.75, "0": 0.25}) for _ in range(100)]
    for values, confidence_of_all in ((plain, 30_000), (other, 45_000), (other, 45_000), (plain, 30_000)):
        assert set(decoder.decode(records(values), None).confidence.tolist()) == {confidence_of_all}


def test_a_null_value_deletes_the_label_of_the_key() -> None:
    spec = replace(LABEL, ranks=(("(none)", 3),))
    assert decode_one(None, spec, keys=b"p-1", timestamps=NOW) == (b"p-1", 100, NOW, NOW, None, None, None, 3, "(none)")
    assert reason_of(None, spec, keys=b"p-1") is Reason.MISSING_FIELD
    assert reason_of(None, spec, timestamps=NOW) is Reason.NULL_VALUE
    assert reason_of(None, spec, keys=b"", timestamps=NOW) is Reason.EMPTY_ID
    assert reason_of(None, with_field(LABEL, "id", "value.id"), keys=b"p-1", timestamps=NOW) is Reason.NULL_VALUE
    inside = with_field(LABEL, "id", "value.id", "key.id")
    assert field_of(None, 0, inside, keys=b'{"id":7}', timestamps=NOW) == b"7"


def test_a_null_class_is_not_a_deletion() -> None:
    assert reason_of(orjson.dumps({"id": "p", "label": None, "ts": NOW}), LABEL) is Reason.MISSING_FIELD


def test_rows_keep_the_order_of_the_log_between_bad_ones() -> None:
    values = [message(prediction_id=f"p-{i}", predicted_class=f"c{i % 3}") if i % 4 else b"no" for i in range(50)]
    values[10] = message(prediction_id="p-10", predicted_class="late", score=[0.5])  # only the reference reads this
    decoded = Decoder(PREDICTION).decode(records(values), None)
    good = [i for i in range(50) if i % 4]
    assert decoded.keys == [b"p-%d" % i for i in good]
    assert decoded.offset.tolist() == [100 + i for i in good]
    assert [row[4] for row in rows_of(decoded)] == ["late" if i == 10 else f"c{i % 3}" for i in good]
    assert [r.index for r in decoded.rejected] == [i for i in range(50) if not i % 4]


def test_a_decoder_learns_other_field_names_on_the_way() -> None:
    decoder = Decoder(PREDICTION)
    first = [message(prediction_id=f"a-{i}") for i in range(100)]
    other = [orjson.dumps({"id": i, "ts": NOW, "y_pred": "no"}) for i in range(100)]
    assert len(decoder.decode(records(first), None)) == 100
    for _ in range(2):
        decoded = decoder.decode(records(other), None)
        assert not decoded.rejected
        assert decoded.keys == [b"%d" % i for i in range(100)]


def test_an_empty_batch_and_one_too_large() -> None:
    decoder = Decoder(PREDICTION)
    assert len(decoder.decode(records([]), None)) == 0
    with pytest.raises(ValueError, match="a batch of 65535 records"):
        decoder.decode(records([b""] * (MAX_BATCH + 1)), None)


def test_a_decoder_says_what_it_needs() -> None:
    assert Decoder(PREDICTION).needs == {"keys", "timestamps"}
    assert Decoder(with_field(PREDICTION, "model", "header.model")).needs == {"keys", "timestamps", "headers"}
    bare = MappingSpec(Kind.PREDICTION, (("id", ("value.i",)), ("time", ("value.t",)), ("class", ("value.c",))))
    assert Decoder(bare).needs == frozenset()


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (with_field(PREDICTION, "label", "value.a"), "has no field 'label'"),
        (with_field(PREDICTION, "id"), "needs candidates for the field 'id'"),
        (replace(PREDICTION, required=("colour",)), "neither a field nor a segment"),
        (replace(LABEL, segments=(("a", ("value.a",)),)), "labels have no segments"),
        (replace(LABEL, ranks=(("a", 256),)), "rank of 'a' is 256"),
        (replace(LABEL, classes=ClassSpec(unknown="drop")), 'expected "keep" or "reject"'),
        (replace(LABEL, classes=ClassSpec(aliases=(("a", ("1",)), ("b", ("1",))))), "'1' is 'b' and 'a'"),
        (replace(LABEL, classes=ClassSpec(aliases=(("a", ("b",)),), positive="b")), "'b' is an alias of 'a'"),
        (replace(LABEL, classes=ClassSpec(expected=(" a",))), "' a' is no class name"),
    ],
)  # fmt: skip
def test_a_mapping_that_cannot_work_is_refused_at_the_start(spec: MappingSpec, why: str) -> None:
    with pytest.raises(MappingError, match=why):
        Decoder(spec)


def test_a_bad_expression_tells_its_field() -> None:
    with pytest.raises(ExpressionError) as raised:
        Decoder(with_field(PREDICTION, "score", "value.score |"))
    assert raised.value.__notes__ == ["in the field 'score'"]


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("name", ["elec2", "flights", "flights_mini", "insects", "nslkdd"])
def test_the_default_mapping_reads_the_real_logs(name: str, kind: Kind) -> None:
    if not (SHARED / "data" / name).is_dir():
        pytest.skip(f"the log set {name} is not beside the repository")
    decoder, reference = Decoder(default_mapping(kind)), Decoder(default_mapping(kind), _reference_only=True)
    found = lines(name, kind)
    for start in range(0, len(found), 5_000):
        batch = records(found[start : start + 5_000])
        decoded = decoder.decode(batch, None)
        assert decoded.rejected == []
        if start == 0:
            assert rows_of(decoded) == rows_of(reference.decode(batch, None))
    if kind is Kind.PREDICTION:
        assert NO_CONFIDENCE not in decoded.confidence


def test_the_default_mapping_reads_the_flat_sample() -> None:
    if not (SHARED / "formats").is_dir():
        pytest.skip("the samples are not beside the repository")
    [sample] = [s for s in samples() if s["preset"] == "flat"]
    [row] = sample["rows"]
    spec = replace(PREDICTION, segments=(("country", ("value.country",)),))
    expected = (row["id"].encode(), 100, row["ts"], row["ts"], "1", Group("fraud", "3", ("DE",)), 54_600, None, None)
    assert decode_one(sample["value"].encode(), spec) == expected
