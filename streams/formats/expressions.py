"""The mapping language: which part of a record an expression means. Text in, a frozen `Expression` out.

    root steps pipes          value.meta['user id'][0] | float
    'text' pipes              'churn-endpoint'

Roots are `value` (the JSON object), `key`, `header.NAME` and `kafka.timestamp | topic | partition | offset`.
Steps are `.name`, `['any name']`, `[0]`, `[-1]` and `[name=predict]` (the first object of an array whose field says
so). Pipes are a closed set, so that a mapping can never run code. Nothing is evaluated here: `access` does that.

Invariant: an expression that parses can be evaluated on every record without an error of the language; what is wrong is
found when the job starts, and shown with a caret under the place.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

Step = str | int | tuple[str, str]
"""A field name, an index, or (name, text): the first object of an array where `name` is `text`."""


class Root(StrEnum):
    """Where an expression starts. `ROW` (one row of a batch message) will join these with the exploders."""

    VALUE = "value"
    KEY = "key"
    HEADER = "header"
    KAFKA = "kafka"
    TEXT = "text"  # a literal; its text is the only step


KAFKA_PARTS = ("timestamp", "topic", "partition", "offset")
PLAIN_PIPES = ("ts", "json", "b64", "csv", "float", "int", "str", "argmax", "max", "lower", "class")
"""Pipes that take no argument."""

PIPES_WITH_ARGUMENT = ("tz", "at", "threshold")
TIME_PIPES = ("ts", "tz")
"""Pipes that make a time; nothing can follow them."""


class MappingError(ValueError):
    """A mapping that cannot be compiled: the sentence names the field."""


class ExpressionError(MappingError):
    """An expression that cannot be read: shows it with a caret under the position.

    >>> print(ExpressionError("value..id", 6, "a name must follow"))
    a name must follow, at character 7 of
      value..id
            ^
    """

    def __init__(self, expression: str, position: int, why: str) -> None:
        self.expression = expression
        self.position = position
        super().__init__(f"{why}, at character {position + 1} of\n  {expression}\n  {' ' * position}^")


@dataclass(frozen=True, slots=True)
class Pipe:
    """One pipe and its argument as written ("" without one)."""

    name: str
    argument: str = ""


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression. `text` is how it was written."""

    text: str
    root: Root
    steps: tuple[Step, ...]
    pipes: tuple[Pipe, ...]

    @property
    def is_record_time(self) -> bool:
        """Whether this is the record's own timestamp, which is in ms whatever its magnitude."""
        return self.root is Root.KAFKA and self.steps == ("timestamp",)


_SPACE = re.compile(r"\s*")
_NAME = re.compile(r"[^\s.\[\]|'\"()=]+")
_QUOTED = re.compile(r"'((?:[^'\\]|\\['\\])*)'")
_INDEX = re.compile(r"-?\d{1,9}")
_BARE = re.compile(r"[^\]']*")
_ARGUMENT = re.compile(r"[^()]*")
_ESCAPE = re.compile(r"\\(['\\])")


def parse(text: str) -> Expression:
    """The expression that `text` says; raises `ExpressionError` with the position when it says none."""
    return _Parser(text).expression()


class _Parser:
    """One pass from left to right; `at` is the position of the next character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def expression(self) -> Expression:
        self.skip()
        if self.peek() == "'":
            root: Root = Root.TEXT
            steps: list[Step] = [self.quoted()]
        else:
            root, steps = self.path()
        pipes: list[Pipe] = []
        self.skip()
        while self.at < len(self.text):
            self.need("|", "expected a step or a pipe")
            if pipes and pipes[-1].name in TIME_PIPES:
                raise ExpressionError(self.text, self.at - 1, f"nothing can follow the pipe {pipes[-1].name}")
            pipes.append(self.pipe())
            self.skip()
        return Expression(self.text, root, tuple(steps), tuple(pipes))

    def path(self) -> tuple[Root, list[Step]]:
        start = self.at
        name = self.take(_NAME, "expected value, key, header, kafka or a 'text'")
        if name not in {"value", "key", "header", "kafka"}:
            raise ExpressionError(self.text, start, f"{name!r} is no root: expected value, key, header or kafka")
        root = Root(name)
        steps: list[Step] = []
        while self.peek() in {".", "["}:
            start = self.at
            steps.append(self.step())
            if root is Root.KAFKA and (len(steps) > 1 or steps[0] not in KAFKA_PARTS):
                raise ExpressionError(self.text, start, f"kafka has {', '.join(KAFKA_PARTS)}")
            if root is Root.HEADER and (len(steps) > 1 or not isinstance(steps[0], str)):
                raise ExpressionError(self.text, start, "header takes one name")
        if root in {Root.KAFKA, Root.HEADER} and not steps:
            raise ExpressionError(self.text, self.at, f"{name} needs a name")
        return root, steps

    def step(self) -> Step:
        if self.peek() == ".":
            self.at += 1
            return self.take(_NAME, "a name must follow")
        self.at += 1
        self.skip()
        step: Step
        if self.peek() == "'":
            step = self.quoted()
        elif match := _INDEX.match(self.text, self.at):
            self.at = match.end()
            step = int(match.group())
        else:
            name = self.take(_NAME, "expected an index, a 'name' or name=text")
            self.skip()
            self.need("=", "expected = or an index")
            self.skip()
            step = (name, self.quoted() if self.peek() == "'" else self.take(_BARE, "").strip())
        self.skip()
        self.need("]", "expected ]")
        return step

    def pipe(self) -> Pipe:
        self.skip()
        start = self.at
        name = self.take(_NAME, "expected the name of a pipe")
        if name in PLAIN_PIPES:
            if self.peek() == "(":
                raise ExpressionError(self.text, self.at, f"the pipe {name} takes no argument")
            return Pipe(name)
        if name not in PIPES_WITH_ARGUMENT:
            known = ", ".join((*PLAIN_PIPES, *(f"{p}()" for p in PIPES_WITH_ARGUMENT)))
            raise ExpressionError(self.text, start, f"no pipe is called {name!r}; there are {known}")
        self.need("(", f"the pipe {name} takes an argument")
        argument_at = self.at
        argument = self.take(_ARGUMENT, "").strip()
        self.need(")", "expected )")
        why = _why_not(name, argument)
        if why:
            raise ExpressionError(self.text, argument_at, why)
        return Pipe(name, argument)

    def quoted(self) -> str:
        match = _QUOTED.match(self.text, self.at)
        if match is None:
            raise ExpressionError(self.text, self.at, "this ' is never closed")
        self.at = match.end()
        return _ESCAPE.sub(r"\1", match.group(1))

    def take(self, pattern: re.Pattern[str], why: str) -> str:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise ExpressionError(self.text, self.at, why)
        self.at = match.end()
        return match.group()

    def need(self, character: str, why: str) -> None:
        if self.peek() != character:
            raise ExpressionError(self.text, self.at, why)
        self.at += 1

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def skip(self) -> None:
        match = _SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at


def _why_not(pipe: str, argument: str) -> str:
    """What is wrong with a pipe's argument, "" when nothing is. Zones are looked up when the mapping is compiled."""
    if pipe == "at" and not re.fullmatch(r"-?\d{1,9}", argument):
        return "at() takes an index"
    if pipe == "threshold" and not re.fullmatch(r"-?\d+(\.\d+)?([eE]-?\d{1,2})?", argument):
        return "threshold() takes a number"
    if pipe == "tz" and not argument:
        return "tz() takes the name of a time zone"
    return ""
