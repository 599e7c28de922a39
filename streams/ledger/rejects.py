"""Rows of the rejects topic: every record that was not counted, with its coordinates and why."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from streams.formats.reasons import Kind, Reason
from streams.ledger.position import SourceId, offset_of, row_of

SCHEMA = "quality.reject.v1"


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


def _text(data: bytes | None) -> tuple[str | None, str | None]:
    """A value as text, or base64 when it is not UTF-8: (text, encoding)."""
    if data is None:
        return None, None
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return base64.b64encode(data).decode("ascii"), "base64"


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
    """(key, row) of a record that intake could not decode; the original bytes travel with it."""
    topic, partition, offset = coordinates
    text, encoding = _text(value)
    row: dict[str, object] = {
        "schema": SCHEMA, "topic": topic, "partition": partition, "offset": offset, "row": 0, "kind": str(kind),
        "reason": str(reason), "detail": detail, "late_by_ms": None, "id_hash": None,
        "value": text, "value_encoding": encoding, "key": _text(key)[0],
        "headers": None if headers is None else [[name, _text(data)[0]] for name, data in headers],
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
        "key": None, "headers": None,
    }  # fmt: skip
    return reject_key(source.topic, source.partition, offset, row, reject.reason), value
