"""Every kind of record that a log can hold, through both readers (`decode_one` compares them)."""

from dataclasses import replace

import pytest

from streams.formats.column_reader import ColumnReader
from streams.formats.columns import Group
from streams.formats.decoder import MAX_BATCH, Decoder
from streams.formats.mapping import compile_mapping
from streams.formats.reasons import Reason
from streams.formats.spec import Limits
from tests.support.formats import (
    NOW,
    PREDICTIONS,
    decode_one,
    field_of,
    message,
    reason_of,
    records,
    rows_of,
    with_field,
)

ROW = (b"p-1", 100, NOW, NOW, "yes", Group("fraud", "3", ("eu",)), 54_000, None, None)


def test_a_good_prediction_is_a_row() -> None:
    assert decode_one(message()) == ROW


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
    spec = replace(PREDICTIONS, limits=limits)
    for ms, counts in (
        (limits.earliest_ms - 1, False), (limits.earliest_ms, True), (limits.latest_ms - 1, True),
        (limits.latest_ms, False),
    ):  # fmt: skip
        decoded = Decoder(spec).decode(records([message(), message(event_time=ms)]), None)
        assert len(decoded) == 1 + counts
    assert field_of(message(event_time=NOW + 600_000), 2, now_ms=NOW) == NOW + 600_000


def test_a_value_over_the_limit_is_not_parsed() -> None:
    spec = replace(PREDICTIONS, limits=Limits(max_value_bytes=len(message())))
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
    spec = with_field(PREDICTIONS, "scope", "value.tenant")
    assert field_of(message(tenant="a"), 0, spec) == b"a\x1fp-1"
    assert reason_of(message(), spec) is Reason.MISSING_FIELD


def test_names_are_canonical_text() -> None:
    group = field_of(message(model=7, model_version=2.0, segment=True), 5)
    assert group == Group("7", "2", ("true",))


def test_absent_names_have_their_defaults_or_are_required() -> None:
    bare = message(model=None, model_version=None, segment=None)
    assert field_of(bare, 5) == Group("default", "(none)", ("(none)",))
    assert reason_of(bare, replace(PREDICTIONS, default_model=None)) is Reason.MISSING_FIELD
    assert reason_of(message(segment=None), replace(PREDICTIONS, required=("segment",))) is Reason.MISSING_FIELD
    assert reason_of(message(score=None), replace(PREDICTIONS, required=("score",))) is Reason.MISSING_FIELD


def test_rows_keep_the_order_of_the_log_between_bad_ones() -> None:
    values = [message(prediction_id=f"p-{i}", predicted_class=f"c{i % 3}") if i % 4 else b"no" for i in range(50)]
    values[10] = message(prediction_id="p-10", predicted_class="late", score=[0.5])  # only the reference reads this
    decoded = Decoder(PREDICTIONS).decode(records(values), None)
    good = [i for i in range(50) if i % 4]
    assert decoded.keys == [b"p-%d" % i for i in good]
    assert decoded.offset.tolist() == [100 + i for i in good]
    assert [row[4] for row in rows_of(decoded)] == ["late" if i == 10 else f"c{i % 3}" for i in good]
    assert [r.index for r in decoded.rejected] == [i for i in range(50) if not i % 4]


def test_an_empty_batch_and_one_too_large() -> None:
    decoder = Decoder(PREDICTIONS)
    assert len(decoder.decode(records([]), None)) == 0
    with pytest.raises(ValueError, match="a batch of 65535 records"):
        decoder.decode(records([b""] * (MAX_BATCH + 1)), None)


def test_a_stream_that_takes_another_shape_is_read_as_columns_again() -> None:
    """Other names for the same fields, and a value where there was none: learned from the batch that has them."""
    reader = ColumnReader(compile_mapping(replace(PREDICTIONS, segments=(("tier", ("value.tier",)),))))
    plain = [message(prediction_id=f"p{i}") for i in range(100)]
    for shape in (plain, [message(prediction_id=f"p{i}", tier="gold") for i in range(100)], plain):
        part, left = reader.read(records(shape), NOW)
        assert left == []
        assert len(part.rows) == 100


def test_a_value_where_there_was_none_is_left_to_the_reference_while_it_is_rare() -> None:
    """One message in a hundred is no reason to read a column more."""
    reader = ColumnReader(compile_mapping(replace(PREDICTIONS, segments=(("tier", ("value.tier",)),))))
    plain = [message(prediction_id=f"p{i}") for i in range(100)]
    reader.read(records(plain), NOW)
    _, left = reader.read(records([*plain[:50], message(tier="gold"), *plain[51:]]), NOW)
    assert left == [50]
