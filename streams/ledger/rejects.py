"""Rows of the rejects topic: every record that was not counted, with its coordinates and why.

Rule: a row can always be written. What travels with it is cut to bounds that hold for the text as JSON writes it,
where a control character takes six bytes; the whole record lies at its coordinates in the source topic.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from streams.formats.reasons import Kind, Reason
from streams.ledger.position import SourceId, offset_of, row_of

SCHEMA = "quality.reject.v1"

MAX_VALUE_BYTES = 64 << 10
"""How much of a value a row holds, as JSON text."""
MAX_KEY_BYTES = 4 << 10
MAX_HEADERS_BYTES = 16 << 10
"""Names and values of all headers of a row together, as JSON text."""
MAX_HEADERS = 64


@dataclass(frozen=True, slots=True)
class JoinReject:
    """A row that the join did not count: where it lies in its source, why, and by how much it was late (ms)."""

    kind: Kind
    source: str
    position: int
    reason: Reason
    id_hash: str
    late_by_ms: int | None = None
    detail: str = ""


def _text(data: bytes | None, room_bytes: int) -> tuple[str | None, str | None, bool]:
    """A value as text, or base64 when it is not UTF-8: (text, encoding, whether it was cut to the room)."""
    if data is None:
        return None, None, False
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        kept = data[: room_bytes // 4 * 3]
        return base64.b64encode(kept).decode("ascii"), "base64", len(kept) < len(data)
    kept_text = _cut(text, room_bytes)
    return kept_text, "utf-8", len(kept_text) < len(text)


def _cut(text: str, room_bytes: int) -> str:
    """As much of a text as JSON writes in so many bytes; ends between characters."""
    written = orjson.dumps(text[:room_bytes])[1:-1]
    end = min(len(written), room_bytes)
    while True:
        # Half an escape or half a character is no JSON: a few steps back there is a border.
        try:
            return str(orjson.loads(b'"' + written[:end] + b'"'))
        except orjson.JSONDecodeError:
            end -= 1


def _headers(headers: Sequence[tuple[str, bytes | None]]) -> tuple[list[list[str | None]], bool]:
    """The first headers as [name, value], and whether any was cut or left out."""
    room_bytes, out = MAX_HEADERS_BYTES, list[list[str | None]]()
    for name, data in headers[:MAX_HEADERS]:
        if len(_cut(name, room_bytes)) < len(name):
            return out, True
        room_bytes -= _written_bytes(name)
        text, _, cut = _text(data, room_bytes)
        room_bytes -= _written_bytes(text or "")
        out.append([name, text])
        if cut:
            return out, True
    return out, len(out) < len(headers)


def _written_bytes(text: str) -> int:
    return len(orjson.dumps(text)) - 2


def reject_key(topic: str, partition: int, offset: int, row: int, reason: Reason) -> str:
    """The record key: the coordinates, so that the same reject written twice is one. One row can have two reasons."""
    return f"{topic}|{partition}|{offset}|{row}|{reason}"


def intake_row(
    kind: Kind,
    coordinates: tuple[str, int, int],
    reason: Reason,
    detail: str,
    value: bytes | None,
    key: bytes | None = None,
    headers: Sequence[tuple[str, bytes | None]] | None = None,
) -> tuple[str, dict[str, object]]:
    """(key, row) of a record that intake could not decode; the original bytes travel with it, within bounds."""
    topic, partition, offset = coordinates
    text, encoding, value_cut = _text(value, MAX_VALUE_BYTES)
    key_text, _, key_cut = _text(key, MAX_KEY_BYTES)
    shown, headers_cut = (None, False) if headers is None else _headers(headers)
    row: dict[str, object] = {
        "schema": SCHEMA, "topic": topic, "partition": partition, "offset": offset, "row": 0, "kind": str(kind),
        "reason": str(reason), "detail": detail, "late_by_ms": None, "id_hash": None,
        "value": text, "value_encoding": encoding, "truncated": value_cut or key_cut or headers_cut,
        "key": key_text, "headers": shown,
    }  # fmt: skip
    return reject_key(topic, partition, offset, 0, reason), row


def join_row(reject: JoinReject) -> tuple[str, dict[str, object]]:
    """(key, row) of a row that the join did not count; the original lies at its coordinates in the source topic."""
    source = SourceId.parse(reject.source)
    offset, row = offset_of(reject.position), row_of(reject.position)
    value: dict[str, object] = {
        "schema": SCHEMA, "topic": source.topic, "partition": source.partition, "offset": offset, "row": row,
        "kind": str(reject.kind), "reason": str(reject.reason), "detail": reject.detail,
        "late_by_ms": reject.late_by_ms, "id_hash": reject.id_hash, "value": None, "value_encoding": None,
        "truncated": False, "key": None, "headers": None,
    }  # fmt: skip
    return reject_key(source.topic, source.partition, offset, row, reject.reason), value
