"""Why a record was not counted: one code for each reason, documented in docs/rejects.md.

Expected trouble is a value, never an exception: a decoder returns `Rejected`, the job counts and publishes it.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Which of the two logs a record belongs to."""

    PREDICTION = "prediction"
    LABEL = "label"


class Reason(StrEnum):
    """Every reason a record can have for not being counted. The first block is intake's, the second the join's."""

    NOT_JSON = "not_json"
    WRONG_ENCODING = "wrong_encoding"
    NULL_VALUE = "null_value"
    VALUE_TOO_LARGE = "value_too_large"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    EMPTY_ID = "empty_id"
    ID_TOO_LONG = "id_too_long"
    NAME_TOO_LONG = "name_too_long"
    CONTROL_CHARACTER = "control_character"
    UNKNOWN_CLASS = "unknown_class"
    NOT_A_TIME = "not_a_time"
    TIME_WITHOUT_ZONE = "time_without_zone"
    TIME_OUT_OF_RANGE = "time_out_of_range"
    TIME_AHEAD = "time_ahead"
    RETENTION_GAP = "retention_gap"

    LATE_PREDICTION = "late_prediction"
    DUPLICATE_PREDICTION = "duplicate_prediction"
    CONFLICTING_PREDICTION = "conflicting_prediction"
    LATE_LABEL = "late_label"
    DUPLICATE_LABEL = "duplicate_label"
    BEYOND_HORIZON = "beyond_horizon"
    LABEL_DELETION = "label_deletion"
    ORPHAN_LABEL = "orphan_label"
    CLASS_LIMIT = "class_limit"
    MODEL_LIMIT = "model_limit"
    LABEL_LIMIT = "label_limit"


@dataclass(frozen=True, slots=True)
class Rejected:
    """One record of a batch that could not be decoded: its index in the batch, the reason, and what was seen.

    `key` is the join key of a record whose id could be read. Whether such a record is rejected can depend on the
    reader's clock, so it is accounted for where its row would have been.
    """

    index: int
    reason: Reason
    detail: str
    key: bytes | None = None
