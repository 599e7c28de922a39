"""Labels: their times, sources and deletions, through both readers."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from streams.formats.decoder import Decoder
from streams.formats.reasons import Reason
from tests.support.formats import (
    LABELS,
    NOW,
    decode_one,
    field_of,
    label,
    reason_of,
    with_field,
)


def test_a_good_label_is_a_row() -> None:
    spec = replace(LABELS, ranks=(("human", 5),))
    expected = (b"p-1", 100, 1_700_000_100_000, 1_700_000_200_000, "yes", None, None, 5, "human")
    assert decode_one(label(), spec, timestamps=1_700_000_200_000) == expected


def test_a_label_without_a_time_has_its_records() -> None:
    spec = with_field(LABELS, "time", "value.label_time")
    assert Decoder(spec).needs >= {"timestamps"}
    assert field_of(label(label_time=None), 2, spec, timestamps=NOW) == NOW
    assert reason_of(label(label_time=None), spec) is Reason.MISSING_FIELD
    assert reason_of(label(label_time=None), spec, timestamps=-1) is Reason.MISSING_FIELD


def test_a_delivery_time_never_rejects() -> None:
    late = NOW + 200_000
    assert field_of(label(ingest_time=late), 3, LABELS) == late
    assert field_of(label(ingest_time=late), 3, LABELS, timestamps=late + 1) == late + 1
    for bad in ("soon", True, 5, 10**17, [1], late + 10**9):
        assert field_of(label(ingest_time=bad), 3, LABELS, now_ms=late) == 1_700_000_100_000
    assert field_of(label(), 3, LABELS, timestamps=5) == 1_700_000_100_000


@pytest.mark.parametrize(
    ("changes", "cls"),
    [
        ({"op": "d"}, None), ({"op": "delete", "true_class": None}, None), ({"deleted": True}, None),
        ({"op": "u"}, "yes"), ({"deleted": False}, "yes"), ({"deleted": 1}, "yes"), ({"op": {"d": 1}}, "yes"),
    ],
)  # fmt: skip
def test_a_label_is_deleted_when_the_mapping_says_so(changes: dict[str, Any], cls: str | None) -> None:
    assert field_of(label(**changes), 4, LABELS) == cls


def test_true_is_not_one_when_a_deletion_is_looked_for() -> None:
    spec = replace(LABELS, delete_when=(("value.gone", (1,)),))
    assert field_of(label(gone=1.0), 4, spec) is None
    assert field_of(label(gone=True), 4, spec) == "yes"


def test_a_null_value_deletes_the_label_of_the_key() -> None:
    spec = replace(LABELS, ranks=(("(none)", 3),))
    assert decode_one(None, spec, keys=b"p-1", timestamps=NOW) == (b"p-1", 100, NOW, NOW, None, None, None, 3, "(none)")
    assert reason_of(None, spec, keys=b"p-1") is Reason.MISSING_FIELD
    assert reason_of(None, spec, timestamps=NOW) is Reason.NULL_VALUE
    assert reason_of(None, spec, keys=b"", timestamps=NOW) is Reason.EMPTY_ID
    assert reason_of(None, with_field(LABELS, "id", "value.id"), keys=b"p-1", timestamps=NOW) is Reason.NULL_VALUE
    inside = with_field(LABELS, "id", "value.id", "key.id")
    assert field_of(None, 0, inside, keys=b'{"id":7}', timestamps=NOW) == b"7"


def test_a_null_class_is_not_a_deletion() -> None:
    assert reason_of(orjson.dumps({"id": "p", "label": None, "ts": NOW}), LABELS) is Reason.MISSING_FIELD
