"""The reference: one record to one row, or the reason why not. Slow, complete, and what every fast way must agree with.

The checks run in the order size, null, encoding, JSON, id, scope, time, delivery, deletion, class, names, score; the
first that fails gives the reason. A delivery time never rejects a row: one that cannot be read, is out of range or
ahead is replaced by the row's own time, which only holds the label's clock back.
"""

from dataclasses import dataclass
from typing import Any, NoReturn

from streams.formats.access import Message
from streams.formats.columns import NO_CONFIDENCE, Group, Records
from streams.formats.expressions import Root
from streams.formats.kept_scores import NOTHING, RowScores
from streams.formats.mapping import NO_NAME, Field, Mapping
from streams.formats.payload import load_object
from streams.formats.reasons import Kind, Reason, Rejected
from streams.formats.times import time_ms
from streams.formats.values import CONTROL, Unreadable, as_text, is_integer, name_text, shown

SCOPE_SEPARATOR = b"\x1f"
"""Between scope and id in a join key; neither can hold it, since it is a control character."""


@dataclass(slots=True)
class Row:
    """One decoded record. `cls` is None for a deletion; `group` is None and `confidence` empty for labels."""

    index: int
    key: bytes
    time: int
    delivered: int
    cls: str | None
    group: Group | None = None
    confidence: int = NO_CONFIDENCE
    source: str = NO_NAME
    rank: int = 0
    kept: RowScores = NOTHING


class RecordReader:
    """Reads records one by one by a compiled mapping."""

    def __init__(self, mapping: Mapping) -> None:
        self._mapping = mapping
        self._limits = mapping.spec.limits
        keyed = tuple(a for a in mapping.id.candidates if a.expression.root is Root.KEY)
        self._key_id = Field("id", keyed, required=True) if keyed and mapping.spec.kind is Kind.LABEL else None

    def read(self, records: Records, index: int, now_ms: int | None) -> Row | Rejected:
        """The row of `records[index]`, or why it has none. Never raises."""
        try:
            return self._read(message_of(records, index), records.values[index], index, now_ms)
        except Unreadable as error:
            return Rejected(index, error.reason, error.detail, error.key)

    def _read(self, message: Message, value: bytes | None, index: int, now_ms: int | None) -> Row:
        mapping = self._mapping
        if value is None:
            return self._tombstone(message, index, now_ms)
        message.value = load_object(value, self._limits.max_value_bytes)
        key = self._join_key(mapping.id, message)
        try:
            return self._keyed(message, key, index, now_ms)
        except Unreadable as error:
            error.key = key
            raise

    def _keyed(self, message: Message, key: bytes, index: int, now_ms: int | None) -> Row:
        """The row of a record whose id was read."""
        mapping = self._mapping
        time = self._time(message, now_ms)
        delivered = self._delivered(message, time, now_ms)
        if mapping.spec.kind is Kind.LABEL:
            source = self._name(mapping.source, message, NO_NAME)
            cls = None if self._is_deletion(message) else mapping.classes.of(self._need(mapping.cls, message))
            return Row(index, key, time, delivered, cls, source=source, rank=mapping.ranks.get(source, 0))
        raw = self._need(mapping.cls, message)
        cls = mapping.classes.of(raw)
        group = Group(
            self._filled(mapping.model, message, mapping.spec.default_model),
            self._filled(mapping.version, message, mapping.spec.default_version),
            tuple(self._name(segment, message, NO_NAME) for segment in mapping.segments),
        )
        confidence, kept = self._scores(message, raw, cls)
        return Row(index, key, time, delivered, cls, group, confidence, kept=kept)

    def _tombstone(self, message: Message, index: int, now_ms: int | None) -> Row:
        """A null value deletes the label of the id in the record's key, at the record's time."""
        if self._key_id is None or message.key is None:
            raise Unreadable(Reason.NULL_VALUE, "the value is null")
        key = self._join_key(self._key_id, message)
        if message.timestamp is None:
            raise Unreadable(Reason.MISSING_FIELD, "time: a null value has its record's timestamp, and there is none")
        try:
            time = self._checked("time", message.timestamp, now_ms)
        except Unreadable as error:
            error.key = key
            raise
        source = NO_NAME
        return Row(index, key, time, time, None, source=source, rank=self._mapping.ranks.get(source, 0))

    def _join_key(self, field: Field, message: Message) -> bytes:
        value = self._need(field, message)
        if type(value) is not str and not is_integer(value):
            raise Unreadable(Reason.WRONG_TYPE, f"id is {shown(value)}, not text or an integer of 64 bits")
        text = str(value)
        if not text:
            raise Unreadable(Reason.EMPTY_ID, "id is empty")
        if CONTROL.search(text):
            raise Unreadable(Reason.CONTROL_CHARACTER, f"id has a control character: {shown(text)}")
        key = text.encode()
        if len(key) > self._limits.max_id_bytes:
            raise Unreadable(Reason.ID_TOO_LONG, f"id has {len(key)} bytes, more than {self._limits.max_id_bytes}")
        if self._mapping.scope is None:
            return key
        scope = name_text("scope", self._need(self._mapping.scope, message), self._limits.max_name_chars)
        return scope.encode() + SCOPE_SEPARATOR + key

    def _time(self, message: Message, now_ms: int | None) -> int:
        found = self._mapping.time.first(message)
        if found is None:
            _missing(self._mapping.time)
        access, value = found
        return self._checked("time", value if access.is_time else time_ms("time", value), now_ms)

    def _delivered(self, message: Message, time: int, now_ms: int | None) -> int:
        try:
            found = self._mapping.delivery.first(message)
            if found is None:
                return time
            access, value = found
            return self._checked("delivery", value if access.is_time else time_ms("delivery", value), now_ms)
        except Unreadable:
            return time

    def _checked(self, field: str, ms: int, now_ms: int | None) -> int:
        limits = self._limits
        if not limits.earliest_ms <= ms < limits.latest_ms:
            raise Unreadable(Reason.TIME_OUT_OF_RANGE, f"{field} is {shown(ms)} ms since 1970")
        if now_ms is not None and ms > now_ms + limits.max_skew_ms:
            raise Unreadable(Reason.TIME_AHEAD, f"{field} is {ms - now_ms} ms ahead of the reader's clock")
        return ms

    def _scores(self, message: Message, raw: Any, cls: str) -> tuple[int, RowScores]:
        """The confidence in the class and the scores to keep; a score that is required must be there, if unreadable."""
        field = self._mapping.score
        try:
            score = field.value(message)
        except Unreadable:
            return NO_CONFIDENCE, NOTHING
        if score is None:
            return _missing(field) if field.required else (NO_CONFIDENCE, NOTHING)
        kept = self._mapping.kept.of(score, cls) if self._mapping.kept.keep else NOTHING
        return self._mapping.scores.confidence(score, as_text(raw) or "", cls), kept

    def _is_deletion(self, message: Message) -> bool:
        return any(matches(access.read(message), values) for access, values in self._mapping.deletes)

    def _filled(self, field: Field, message: Message, default: str | None) -> str:
        """A name that may not be empty: model or version."""
        name = self._name(field, message, default, empty=None)
        if not name:
            raise Unreadable(Reason.MISSING_FIELD, f"{field.name} is empty")
        return name

    def _name(self, field: Field, message: Message, default: str | None, *, empty: str | None = NO_NAME) -> str:
        value = self._value(field, message)
        if value is None:
            return default if default is not None else _missing(field)
        text = name_text(field.name, value, self._limits.max_name_chars)
        return text or (empty or "")

    def _need(self, field: Field, message: Message) -> Any:
        value = field.value(message)
        return _missing(field) if value is None else value

    def _value(self, field: Field, message: Message) -> Any:
        value = field.value(message)
        return _missing(field) if value is None and field.required else value


def message_of(records: Records, index: int) -> Message:
    """One record as expressions see it, its value not yet read."""
    timestamp = None if records.timestamps is None else int(records.timestamps[index])
    return Message(
        records.topic, records.partition, int(records.offsets[index]), None,
        None if records.keys is None else records.keys[index],
        None if records.headers is None else records.headers[index],
        None if timestamp is None or timestamp < 0 else timestamp,
    )  # fmt: skip


def matches(value: Any, wanted: tuple[str | int | bool, ...]) -> bool:
    """Whether a value is one of those wanted, by type too: true is not 1, but 1.0 is."""
    if type(value) is bool or type(value) is str:
        return any(type(w) is type(value) and w == value for w in wanted)
    if type(value) is int or type(value) is float:
        return any(type(w) is int and w == value for w in wanted)
    return False


def _missing(field: Field) -> NoReturn:
    names = ", ".join(access.expression.text for access in field.candidates)
    raise Unreadable(Reason.MISSING_FIELD, f"{field.name} is missing or null; looked at {names or 'nothing'}")
