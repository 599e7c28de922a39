"""What a mapping is made of, before it is compiled: expressions for each field, classes, limits. Frozen and hashable.

The expressions are the mapping language of `streams.formats.expressions`. A field has candidates; the first that is
not null is its value. `DEFAULT_PREDICTION_FIELDS` and `DEFAULT_LABEL_FIELDS` read the usual field names as they are.
"""

from dataclasses import dataclass, field

from streams.formats.reasons import Kind

Candidates = tuple[str, ...]

DEFAULT_PREDICTION_FIELDS: dict[str, Candidates] = {
    "id": ("value.prediction_id", "value.id", "value.event_id", "value.request_id", "key"),
    "time": (
        "value.event_time", "value.ts", "value.timestamp", "value.prediction_time", "value.prediction_ts",
        "kafka.timestamp",
    ),
    "model": ("value.model", "value.model_name", "value.model_id"),
    "version": ("value.model_version", "value.version"),
    "class": ("value.predicted_class", "value.prediction", "value.prediction_label", "value.y_pred"),
    "score": ("value.scores", "value.score", "value.prediction_score", "value.y_pred_proba"),
    "delivery": ("kafka.timestamp", "value.ingest_time"),
}  # fmt: skip

DEFAULT_LABEL_FIELDS: dict[str, Candidates] = {
    "id": ("value.prediction_id", "value.id", "value.event_id", "value.request_id", "key"),
    "time": (
        "value.label_time", "value.labeled_at", "value.labelled_at", "value.event_time", "value.ts",
        "value.timestamp", "kafka.timestamp",
    ),
    "class": ("value.true_class", "value.label", "value.ground_truth", "value.y_true", "value.actual"),
    "source": ("value.source", "value.label_source"),
    "delivery": ("kafka.timestamp", "value.ingest_time"),
}  # fmt: skip

DEFAULT_SEGMENTS: dict[str, Candidates] = {"segment": ("value.segment",)}


@dataclass(frozen=True, slots=True)
class ClassSpec:
    """How class names of both sides become the same text.

    `aliases` maps a canonical class to the other spellings it has; `expected` is the closed list (empty: open);
    `unknown` says what happens to a class outside a closed list: "reject" or "keep".
    `positive` names the class a single number in `score` is the probability of; without it the number is the
    confidence of the predicted class.
    """

    aliases: tuple[tuple[str, tuple[str, ...]], ...] = ()
    expected: tuple[str, ...] = ()
    unknown: str = "keep"
    positive: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of what is accepted; each has its reject reason. Sizes in bytes or characters, times in ms since 1970."""

    max_value_bytes: int = 1_000_000
    max_id_bytes: int = 1024
    max_name_chars: int = 256
    earliest_ms: int = 946_684_800_000  # 2000-01-01
    latest_ms: int = 4_102_444_800_000  # 2100-01-01
    max_skew_ms: int = 600_000  # an event or label time may be this far ahead of the reader's clock


@dataclass(frozen=True, slots=True)
class MappingSpec:
    """How records of one topic become rows of predictions or labels.

    `fields` and `segments` map names to candidates. `delete_when` is an expression and the values that make a label
    record a deletion. `ranks` gives label sources their rank, 0..255, default 0: the greatest wins. `scopes` is set
    when several models share ids: the field "scope" then keeps them apart. `default_model` and `default_version`
    stand in when the fields are absent; None makes the field required. Of a prediction's scores `keep_scores` (0 to
    16) are kept, 0: none (`streams.formats.kept_scores` says what of).
    """

    kind: Kind
    fields: tuple[tuple[str, Candidates], ...]
    segments: tuple[tuple[str, Candidates], ...] = ()
    required: tuple[str, ...] = ()
    delete_when: tuple[tuple[str, tuple[str | int | bool, ...]], ...] = (
        ("value.op", ("d", "delete")),
        ("value.deleted", (True,)),
    )
    ranks: tuple[tuple[str, int], ...] = ()
    classes: ClassSpec = field(default_factory=ClassSpec)
    limits: Limits = field(default_factory=Limits)
    default_model: str | None = "default"
    default_version: str | None = "(none)"
    keep_scores: int = 0


def default_mapping(kind: Kind) -> MappingSpec:
    """The built-in mapping: the usual field names, one segment dimension called `segment`."""
    if kind is Kind.PREDICTION:
        return MappingSpec(kind, tuple(DEFAULT_PREDICTION_FIELDS.items()), tuple(DEFAULT_SEGMENTS.items()))
    return MappingSpec(kind, tuple(DEFAULT_LABEL_FIELDS.items()))
