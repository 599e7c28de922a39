"""Mappings: what is refused at the start, what is fast, and the built-in one on real logs."""

from dataclasses import replace

import orjson
import pytest

from streams.formats.columns import NO_CONFIDENCE, Group
from streams.formats.decoder import Decoder
from streams.formats.expressions import ExpressionError, MappingError
from streams.formats.reasons import Kind, Reason
from streams.formats.spec import ClassSpec, MappingSpec, default_mapping
from tests.support.formats import (
    LABELS,
    NOW,
    PREDICTIONS,
    SHARED,
    decode_one,
    field_of,
    lines,
    message,
    reason_of,
    records,
    rows_of,
    samples,
    with_field,
)


def test_dimensions_give_the_order_of_segments() -> None:
    spec = replace(PREDICTIONS, segments=(("model", ("value.model",)), ("region", ("value.segment",))))
    decoder = Decoder(spec, ["region", "model", "other"])
    assert decoder.dimensions == ("region", "model", "other")
    [row] = rows_of(decoder.decode(records([message()]), None))
    assert row[5] == Group("fraud", "3", ("eu", "fraud", "(none)"))
    with pytest.raises(MappingError, match="not among the dimensions"):
        Decoder(spec, ["region"])


def test_a_path_through_another_one_is_read_by_the_reference() -> None:
    spec = with_field(PREDICTIONS, "class", "value.predicted_class", "value.p.label", "value.p")
    assert Decoder(spec).is_columnar
    for part in ({"label": "no"}, "no"):
        assert field_of(message(predicted_class=None, p=part), 4, spec) == "no"
    assert reason_of(message(predicted_class=None, p={"other": 1}), spec) is Reason.WRONG_TYPE
    assert not Decoder(with_field(PREDICTIONS, "class", "value.p.label", "value.p")).is_columnar


def test_one_path_can_serve_two_fields() -> None:
    spec = replace(with_field(PREDICTIONS, "score", "value.s"), segments=(("band", ("value.s",)),))
    assert Decoder(spec).is_columnar
    assert decode_one(message(s=0.5), spec)[5:7] == (Group("fraud", "3", ("0.5",)), 30_000)
    assert decode_one(message(s="high"), spec)[5:7] == (Group("fraud", "3", ("high",)), NO_CONFIDENCE)
    assert reason_of(message(s={"yes": 0.5}), spec) is Reason.WRONG_TYPE


def test_a_decoder_learns_other_field_names_on_the_way() -> None:
    decoder = Decoder(PREDICTIONS)
    first = [message(prediction_id=f"a-{i}") for i in range(100)]
    other = [orjson.dumps({"id": i, "ts": NOW, "y_pred": "no"}) for i in range(100)]
    assert len(decoder.decode(records(first), None)) == 100
    for _ in range(2):
        decoded = decoder.decode(records(other), None)
        assert not decoded.rejected
        assert decoded.keys == [b"%d" % i for i in range(100)]


def test_a_decoder_says_what_it_needs() -> None:
    assert Decoder(PREDICTIONS).needs == {"keys", "timestamps"}
    assert Decoder(with_field(PREDICTIONS, "model", "header.model")).needs == {"keys", "timestamps", "headers"}
    bare = MappingSpec(Kind.PREDICTION, (("id", ("value.i",)), ("time", ("value.t",)), ("class", ("value.c",))))
    assert Decoder(bare).needs == frozenset()


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (with_field(PREDICTIONS, "label", "value.a"), "has no field 'label'"),
        (with_field(PREDICTIONS, "id"), "needs candidates for the field 'id'"),
        (replace(PREDICTIONS, required=("colour",)), "neither a field nor a segment"),
        (replace(LABELS, segments=(("a", ("value.a",)),)), "labels have no segments"),
        (replace(LABELS, ranks=(("a", 256),)), "rank of 'a' is 256"),
        (replace(LABELS, classes=ClassSpec(unknown="drop")), 'expected "keep" or "reject"'),
        (replace(LABELS, classes=ClassSpec(aliases=(("a", ("1",)), ("b", ("1",))))), "'1' is 'b' and 'a'"),
        (replace(LABELS, classes=ClassSpec(aliases=(("a", ("b",)),), positive="b")), "'b' is an alias of 'a'"),
        (replace(LABELS, classes=ClassSpec(expected=(" a",))), "' a' is no class name"),
    ],
)  # fmt: skip
def test_a_mapping_that_cannot_work_is_refused_at_the_start(spec: MappingSpec, why: str) -> None:
    with pytest.raises(MappingError, match=why):
        Decoder(spec)


def test_a_bad_expression_tells_its_field() -> None:
    with pytest.raises(ExpressionError) as raised:
        Decoder(with_field(PREDICTIONS, "score", "value.score |"))
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
    spec = replace(PREDICTIONS, segments=(("country", ("value.country",)),))
    expected = (row["id"].encode(), 100, row["ts"], row["ts"], "1", Group("fraud", "3", ("DE",)), 54_600, None, None)
    assert decode_one(sample["value"].encode(), spec) == expected
