"""An expression compiled to a function of one record. Reads are total: a step that does not fit gives null.

Invariant: compiling is where mappings fail; `Access.read` raises nothing but `Unreadable`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from streams.formats.classes import ClassNames
from streams.formats.expressions import Expression, Root, Step, parse
from streams.formats.payload import load_json
from streams.formats.pipes import PipeFunction, compile_pipe
from streams.formats.reasons import Reason
from streams.formats.values import Unreadable


@dataclass(slots=True)
class Message:
    """One record as expressions see it: `value` is None for a tombstone, `timestamp` when the record has none."""

    topic: str
    partition: int
    offset: int
    value: dict[str, Any] | None
    key: bytes | None
    headers: Sequence[tuple[str, bytes | None]] | None
    timestamp: int | None


@dataclass(frozen=True, slots=True)
class Access:
    """One candidate of a field: its expression, and the function that reads it from a message (None is null)."""

    expression: Expression
    read: Callable[[Message], Any]

    @property
    def is_time(self) -> bool:
        """Whether what it reads is already in ms since 1970."""
        pipes = self.expression.pipes
        return bool(pipes and pipes[-1].name in {"ts", "tz"}) or (self.expression.is_record_time and not pipes)


def compile_access(text: str, classes: ClassNames) -> Access:
    """The compiled expression; raises `ExpressionError`."""
    expression = parse(text)
    start = _start(expression)
    pipes = [compile_pipe(pipe, expression, classes) for pipe in expression.pipes]
    if expression.is_record_time and [pipe.name for pipe in expression.pipes] == ["ts"]:
        pipes = []  # it is in ms whatever its magnitude
    return Access(expression, partial(_piped, start, tuple(pipes)) if pipes else start)


def _piped(start: Callable[[Message], Any], pipes: tuple[PipeFunction, ...], message: Message) -> Any:
    value = start(message)
    for pipe in pipes:
        if value is None:
            return None
        value = pipe(value)
    return value


def _start(expression: Expression) -> Callable[[Message], Any]:
    steps = expression.steps
    if expression.root is Root.TEXT:
        return partial(_literal, str(steps[0]))
    if expression.root is Root.VALUE:
        return partial(_value, steps)
    if expression.root is Root.KEY:
        return partial(_key, steps)
    if expression.root is Root.HEADER:
        return partial(_header, str(steps[0]))
    return partial(_kafka, str(steps[0]))


def _literal(text: str, _: Message) -> str:
    return text


def _value(steps: tuple[Step, ...], message: Message) -> Any:
    return walk(message.value, steps)


def _key(steps: tuple[Step, ...], message: Message) -> Any:
    """The record's key as text; with steps, the key read as JSON first."""
    if message.key is None:
        return None
    return walk(load_json(message.key, "key"), steps) if steps else _utf8(message.key, "key")


def _header(name: str, message: Message) -> str | None:
    """The last header of that name, as Kafka's own `lastHeader`."""
    for header, value in reversed(message.headers or ()):
        if header == name:
            return None if value is None else _utf8(value, f"header {name}")
    return None


def _kafka(part: str, message: Message) -> Any:
    return getattr(message, part)


def _utf8(data: bytes, what: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Unreadable(Reason.WRONG_ENCODING, f"{what} is not UTF-8 at byte {error.start}") from None


def walk(value: Any, steps: tuple[Step, ...]) -> Any:
    """The part of a JSON value that the steps lead to, None where they lead nowhere."""
    for step in steps:
        if type(step) is str:
            value = value.get(step) if type(value) is dict else None
        elif type(step) is int:
            value = value[step] if type(value) is list and -len(value) <= step < len(value) else None
        elif type(step) is tuple:
            value = _select(value, step)
        if value is None:
            return None
    return value


def _select(value: Any, step: tuple[str, str]) -> Any:
    name, text = step
    if type(value) is not list:
        return None
    return next((item for item in value if type(item) is dict and item.get(name) == text), None)
