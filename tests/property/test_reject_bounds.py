"""Whatever a record holds, its reject row can be written: it is bounded, and says when something was cut."""

import base64

import jsonschema
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.formats.reasons import Kind, Reason
from streams.ledger.rejects import intake_row
from tests.support.schemas import schema

ROW_BYTES = 500_000
"""Half of what the producer takes as one record."""

Headers = list[tuple[str, bytes | None]]

MEBIBYTE = 1 << 20

UNITS = st.sampled_from([b"\x01", b"\xff", b"\x00", b'"', b"\\", b"a", "é".encode(), "😀".encode(), b"\xf0\x9f", b"\n"])
SIZES = st.sampled_from([0, 1, 7, 4_096, 16_384, 65_535, 65_536, 65_537, 300_000])
BYTES = st.builds(
    lambda head, unit, size, tail: head + (unit * size)[:size] + tail,
    st.binary(max_size=4), UNITS, SIZES, st.binary(max_size=4),
)  # fmt: skip
HEADERS = st.lists(st.tuples(st.text(max_size=40), st.none() | BYTES), max_size=6).flatmap(
    lambda some: st.integers(1, 40).map(lambda n: some * n)
)


def row_of(value: bytes | None, key: bytes | None = None, headers: Headers | None = None) -> dict[str, object]:
    _, row = intake_row(Kind.PREDICTION, ("t", 0, 1), Reason.VALUE_TOO_LARGE, "?", value, key, headers)
    return row


@given(value=st.none() | BYTES, key=st.none() | BYTES, headers=st.none() | HEADERS)
def test_a_row_is_bounded_and_valid_and_says_whether_it_is_whole(
    value: bytes | None, key: bytes | None, headers: Headers | None
) -> None:
    row = row_of(value, key, headers)
    written = orjson.dumps(row)
    assert len(written) < ROW_BYTES
    jsonschema.validate(orjson.loads(written), schema("reject"))
    whole = [
        _same(value, row["value"]),
        _same(key, row["key"]),
        headers is None or _all_there(headers, row["headers"]),
    ]
    assert row["truncated"] is not all(whole)


@pytest.mark.parametrize("unit", [b"\x01", b"\xff", b"\xc3\xa9", b"a", b'"', b"\\"])
def test_a_mebibyte_of_anything_everywhere_fits(unit: bytes) -> None:
    data = unit * (MEBIBYTE // len(unit))
    name = unit.decode("latin-1") * 10_000
    row = row_of(data, data, [(name, data)] * 5_000)
    assert len(orjson.dumps(row)) < ROW_BYTES
    assert row["truncated"] is True


def test_thousands_of_small_headers_are_cut_to_the_first_ones() -> None:
    row = row_of(b"x", None, [(f"h{n}", b"") for n in range(5_000)])
    assert row["headers"] == [[f"h{n}", ""] for n in range(64)]
    assert row["truncated"] is True


def test_what_fits_is_whole() -> None:
    value, key = b"v" * 65_536, b"k" * 4_096
    row = row_of(value, key, [("h", b"v" * 16_000)] + [("n", None)] * 63)
    assert (row["value"], row["key"]) == (value.decode(), key.decode())
    assert row["truncated"] is False
    assert row_of(value + b"v")["truncated"] is True


def test_text_is_cut_between_characters_and_escapes() -> None:
    for text in ("é" * 70_000, "x" + "é" * 70_000, "\x01" * 70_000, "xx" + '\\"' * 70_000, "x😀" * 40_000):
        cut = row_of(text.encode())["value"]
        assert isinstance(cut, str)
        assert text.startswith(cut)
        assert 65_530 <= len(orjson.dumps(cut)) - 2 <= 65_536


def test_bytes_are_cut_so_that_base64_still_decodes() -> None:
    value = b"\xff\xfe\x01" * 300_000
    row = row_of(value)
    assert row["value_encoding"] == "base64"
    kept = base64.b64decode(str(row["value"]), validate=True)
    assert value.startswith(kept)
    assert len(kept) == 49_152


def _same(data: bytes | None, text: object) -> bool:
    if data is None or text is None:
        return data is text
    assert isinstance(text, str)
    return text.encode() == data or text == base64.b64encode(data).decode()


def _all_there(headers: Headers, shown: object) -> bool:
    assert isinstance(shown, list)
    return len(shown) == len(headers) and all(
        name == kept and _same(data, text) for (name, data), (kept, text) in zip(headers, shown, strict=True)
    )
