"""A mapping compiled once: every field with its candidates, ready to be read record by record or column by column.

Invariant: a `Mapping` that exists can decode any bytes; whatever is wrong with a `MappingSpec` is a `MappingError`
here, with the name of the field.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from streams.formats.access import Access, Message, compile_access
from streams.formats.classes import ClassNames
from streams.formats.expressions import ExpressionError, MappingError, Root
from streams.formats.kept_scores import KeptScores
from streams.formats.reasons import Kind
from streams.formats.scores import Scores
from streams.formats.spec import Candidates, MappingSpec

NO_NAME = "(none)"
"""The value of a segment, and the source of a label, that the record does not say."""

RECORD_TIME = "kafka.timestamp"
MOST_KEPT_SCORES = 16
FIELDS = {
    Kind.PREDICTION: ("id", "time", "model", "version", "class", "score", "delivery", "scope"),
    Kind.LABEL: ("id", "time", "class", "source", "delivery", "scope"),
}
"""The fields a mapping of each kind can have; id, time and class it must have (a label's time is the record's)."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field and its candidates; the first that is not null is its value."""

    name: str
    candidates: tuple[Access, ...]
    required: bool = False

    def first(self, message: Message) -> tuple[Access, Any] | None:
        """The first candidate that is not null and its value, None when all are. Raises `Unreadable`."""
        for access in self.candidates:
            value = access.read(message)
            if value is not None:
                return access, value
        return None

    def value(self, message: Message) -> Any:
        """The first value that is not null, or None. Raises `Unreadable`."""
        found = self.first(message)
        return None if found is None else found[1]


@dataclass(frozen=True, slots=True)
class Mapping:
    """The compiled mapping of one topic. A field that the spec does not have has no candidates, a scope is None."""

    spec: MappingSpec
    classes: ClassNames
    scores: Scores
    kept: KeptScores
    id: Field
    time: Field
    cls: Field
    delivery: Field
    model: Field
    version: Field
    score: Field
    source: Field
    scope: Field | None
    segments: tuple[Field, ...]
    dimensions: tuple[str, ...]
    deletes: tuple[tuple[Access, tuple[str | int | bool, ...]], ...]
    ranks: dict[str, int]

    def fields(self) -> list[Field]:
        """Every field, whether the spec has candidates for it or not."""
        named = [self.id, self.time, self.cls, self.delivery, self.model, self.version, self.score, self.source]
        return [*named, *([self.scope] if self.scope else []), *self.segments]

    @property
    def needs(self) -> frozenset[str]:
        """Which columns of `Records` the mapping reads besides the values: "keys", "headers", "timestamps"."""
        accesses = [access for field in self.fields() for access in field.candidates]
        expressions = [access.expression for access in [*accesses, *(access for access, _ in self.deletes)]]
        needs = {"keys" for e in expressions if e.root is Root.KEY}
        needs |= {"headers" for e in expressions if e.root is Root.HEADER}
        return frozenset(needs | {"timestamps" for e in expressions if e.is_record_time})


def compile_mapping(spec: MappingSpec, dimensions: Sequence[str] = ()) -> Mapping:
    """The compiled mapping; raises `MappingError` (or its `ExpressionError`) with the field and what is wrong."""
    fields, segments = dict(spec.fields), dict(spec.segments)
    _check(spec, fields, segments, dimensions)
    classes = ClassNames(spec.classes, spec.limits.max_name_chars)
    if spec.kind is Kind.LABEL and RECORD_TIME not in fields.get("time", ()):
        fields["time"] = (*fields.get("time", ()), RECORD_TIME)

    names = () if spec.kind is Kind.LABEL else tuple(dimensions) or tuple(segments)

    def field(name: str, candidates: Candidates, *, required: bool = False) -> Field:
        return Field(name, tuple(_access(name, c, classes) for c in candidates), required or name in spec.required)

    def known(name: str, *, required: bool = False) -> Field:
        return field(name, fields.get(name, ()), required=required)

    return Mapping(
        spec=spec,
        classes=classes,
        scores=Scores(spec.classes, classes),
        kept=KeptScores(spec.keep_scores, spec.classes, classes),
        id=known("id", required=True),
        time=known("time", required=True),
        cls=known("class", required=True),
        delivery=known("delivery"),
        model=known("model", required=spec.default_model is None),
        version=known("version", required=spec.default_version is None),
        score=known("score"),
        source=known("source"),
        scope=known("scope", required=True) if "scope" in fields else None,
        segments=tuple(
            field(f"segment {name}", segments.get(name, ()), required=name in spec.required) for name in names
        ),
        dimensions=names,
        deletes=tuple((_access("delete_when", e, classes), v) for e, v in _deletes(spec)),
        ranks=dict(spec.ranks),
    )


def _deletes(spec: MappingSpec) -> tuple[tuple[str, tuple[str | int | bool, ...]], ...]:
    return spec.delete_when if spec.kind is Kind.LABEL else ()


def _access(field: str, text: str, classes: ClassNames) -> Access:
    try:
        return compile_access(text, classes)
    except ExpressionError as error:
        error.add_note(f"in the field {field!r}")
        raise


def _check(
    spec: MappingSpec, fields: dict[str, Candidates], segments: dict[str, Candidates], dimensions: Sequence[str]
) -> None:
    known = FIELDS[spec.kind]
    for name in fields:
        if name not in known:
            raise MappingError(f"a {spec.kind} has no field {name!r}; it has {', '.join(known)}")
    for name in spec.required:
        if name not in known and name not in segments:
            raise MappingError(f"required names {name!r}, which is neither a field nor a segment")
    for name in ("id", "class") if spec.kind is Kind.LABEL else ("id", "time", "class"):
        if not fields.get(name):
            raise MappingError(f"a {spec.kind} needs candidates for the field {name!r}")
    if spec.kind is Kind.LABEL and segments:
        raise MappingError("labels have no segments: a label is counted where its prediction is")
    for name in segments:
        if dimensions and name not in dimensions:
            raise MappingError(f"the segment {name!r} is not among the dimensions {', '.join(dimensions)}")
    if type(spec.keep_scores) is not int or not 0 <= spec.keep_scores <= MOST_KEPT_SCORES:
        raise MappingError(f"keep_scores is {spec.keep_scores!r}, expected 0 to {MOST_KEPT_SCORES}")
    if spec.kind is Kind.LABEL and spec.keep_scores:
        raise MappingError("labels have no scores to keep")
    for source, rank in spec.ranks:
        if type(rank) is not int or not 0 <= rank <= 255:
            raise MappingError(f"the rank of {source!r} is {rank!r}, expected 0 to 255")
