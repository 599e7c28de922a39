"""What a `Decoded` says, row by row and by name, so that dictionaries and codes cannot matter to a test."""

import gzip
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from streams.formats.columns import NO_CLASS, NO_KEPT, Decoded, Group, Records
from streams.formats.decoder import Decoder
from streams.formats.reasons import Kind, Reason
from streams.formats.spec import MappingSpec, default_mapping

SHARED = Path(__file__).parents[2].parent / "shared"
"""The log sets and samples that lie beside the repository, where they are."""

Row = tuple[bytes, int, int, int, str | None, Group | None, int | None, int | None, str | None]

NOW = 1_700_000_000_000
PREDICTIONS = default_mapping(Kind.PREDICTION)
LABELS = default_mapping(Kind.LABEL)

BASE: dict[str, Any] = {
    "prediction_id": "p-1",
    "model": "fraud",
    "model_version": "3",
    "predicted_class": "yes",
    "score": 0.9,
    "event_time": 1_700_000_000_000,
    "segment": "eu",
}
LABEL_BASE: dict[str, Any] = {
    "prediction_id": "p-1",
    "true_class": "yes",
    "label_time": 1_700_000_100_000,
    "source": "human",
}


def rows_of(decoded: Decoded) -> list[Row]:
    """(key, offset, time, delivered, class or None, group, confidence, rank, source) of each row."""
    rows: list[Row] = []
    for i in range(len(decoded)):
        code = int(decoded.cls[i])
        head = (
            decoded.keys[i],
            int(decoded.offset[i]),
            int(decoded.time[i]),
            int(decoded.delivered[i]),
            None if code == NO_CLASS else decoded.classes[code],
        )
        if decoded.kind is Kind.PREDICTION:
            rows.append((*head, decoded.groups[int(decoded.group[i])], int(decoded.confidence[i]), None, None))
        else:
            source = decoded.label_sources[int(decoded.label_source[i])]
            rows.append((*head, None, None, int(decoded.rank[i]), source))
    return rows


def kept_of(decoded: Decoded) -> list[tuple[list[tuple[str, int]], int]]:
    """The scores that each row keeps, as (class, fixed point), and the sum of the squares."""
    kept = decoded.kept
    if kept is None:
        return []
    assert len(kept.codes) == len(kept.scores) == len(kept.squares) == len(decoded)
    rows = []
    for codes, scores, squares in zip(kept.codes, kept.scores, kept.squares, strict=True):
        there = codes != NO_KEPT
        assert not scores[~there].any()
        rows.append(([(kept.names[c], int(p)) for c, p in zip(codes[there], scores[there], strict=True)], int(squares)))
    return rows


def records(
    values: Sequence[bytes | None],
    *,
    keys: Sequence[bytes | None] | None = None,
    headers: Sequence[Sequence[tuple[str, bytes | None]] | None] | None = None,
    timestamps: Sequence[int] | None = None,
) -> Records:
    """Records of one partition from offset 100."""
    return Records("logs", 7, range(100, 100 + len(values)), values, keys, headers, timestamps)


def message(**changes: Any) -> bytes:
    """A good prediction, with fields changed or (None) left out."""
    return orjson.dumps({name: value for name, value in (BASE | changes).items() if value is not None})


def label(**changes: Any) -> bytes:
    """A good label, with fields changed or (None) left out."""
    return orjson.dumps({name: value for name, value in (LABEL_BASE | changes).items() if value is not None})


def decode_one(value: bytes | None, spec: MappingSpec | None = None, **columns: Any) -> Row | tuple[Reason, str]:
    """The one row or (reason, detail) of a record, by both readers, which must agree."""
    spec = spec or PREDICTIONS
    now_ms = columns.pop("now_ms", None)
    batch = records([value], **{name: [column] for name, column in columns.items()})
    outcomes = []
    for decoder in (Decoder(spec), Decoder(spec, _reference_only=True)):
        decoded = decoder.decode(batch, now_ms)
        assert len(decoded) + len(decoded.rejected) == 1
        rejects = [(r.reason, r.detail) for r in decoded.rejected]
        outcomes.append((rows_of(decoded) + rejects)[0])
    assert outcomes[0] == outcomes[1]
    return outcomes[0]


def lines(name: str, kind: Kind, count: int | None = None) -> list[bytes]:
    """The first lines of a log of a set in shared/data."""
    with gzip.open(SHARED / "data" / name / f"{kind}s.jsonl.gz") as file:
        found = file.read().splitlines()
    return found if count is None else found[:count]


def samples() -> list[dict[str, Any]]:
    """The messages of shared/formats/samples.json."""
    found: list[dict[str, Any]] = json.loads((SHARED / "formats" / "samples.json").read_text())
    return found


def with_field(spec: MappingSpec, name: str, *candidates: str) -> MappingSpec:
    """A mapping with other candidates for one field."""
    return replace(spec, fields=tuple((dict(spec.fields) | {name: candidates}).items()))


def reason_of(value: bytes | None, spec: MappingSpec = PREDICTIONS, **columns: Any) -> Reason:
    """The reason why a record is rejected."""
    outcome = decode_one(value, spec, **columns)
    assert isinstance(outcome[0], Reason), outcome
    return outcome[0]


def field_of(value: bytes | None, place: int, spec: MappingSpec = PREDICTIONS, **columns: Any) -> Any:
    """One field of the row that a record becomes."""
    outcome = decode_one(value, spec, **columns)
    assert len(outcome) > 2, outcome
    return outcome[place]
