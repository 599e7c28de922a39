"""What is wrong with a configuration: every problem at once, each with its line, code, reason and fix.

A problem reads `file:line: code what. why. fix.`; the codes are documented in docs/configuration.md.
The rule: a problem names keys and values of the file, never a value that came from the environment.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails, PydanticCustomError

from streams.runtime.config.lines import KeyPath, LineIndex
from streams.runtime.errors import ConfigError

MOST_SHOWN = 200
"""Problems that are written out; whoever asks for JSON has all."""


class Code(StrEnum):
    """Every kind of problem a configuration can have."""

    UNREADABLE = "C101"
    SYNTAX = "C102"
    UNKNOWN_KEY = "C103"
    MISSING_KEY = "C104"
    WRONG_TYPE = "C105"
    WRONG_VALUE = "C106"
    DURATION = "C107"
    WINDOW = "C108"
    EXPRESSION = "C109"
    CLIENT_OWNED = "C110"
    CLIENT_INVALID = "C111"
    SECRET_UNSET = "C112"  # noqa: S105 -- the name of a problem
    SECRET_MISPLACED = "C113"  # noqa: S105 -- the name of a problem
    CONFLICT = "C114"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One error of a configuration: where it stands, its code, and the sentences for the operator."""

    line: int
    code: str  # a `Code`, or one of `RuleCode` of a rules file
    key: str
    text: str

    def written(self, file: str) -> str:
        """The problem as one line, that does nothing to a terminal."""
        return printable(f"{file}:{self.line}: {self.code} {self.key + ': ' if self.key else ''}{self.text}")


class InvalidConfigError(ConfigError):
    """A configuration with problems; the message has one line for each, in the order of the file."""

    def __init__(self, file: str, problems: Sequence[Problem]) -> None:
        self.file = file
        self.problems = tuple(sorted(set(problems)))
        lines = [problem.written(file) for problem in self.problems[:MOST_SHOWN]]
        if (more := len(self.problems) - len(lines)) > 0:
            lines.append(f"{file}: and {more:,} more problems. Mend these first.")
        super().__init__("\n".join(lines))


def printable(text: str) -> str:
    r"""A text with escapes for what cannot be seen: ends of lines, colours, marks that turn the direction.

    >>> print(printable("bell" + chr(7)), printable("modèle ✓"))
    bell\x07 modèle ✓
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def problem(code: StrEnum, text: str, at: KeyPath = ()) -> PydanticCustomError:
    """What a validator raises: `at` is the path from the validated value to the key that is wrong."""
    return PydanticCustomError(code.value, "{text}", {"text": text, "at": at})


def dotted(path: KeyPath) -> str:
    """A path as a person writes it: `predictions[0].map.id`; names with odd characters are quoted."""
    parts = ""
    for step in path:
        if isinstance(step, int):
            parts += f"[{step}]"
            continue
        name = cut(step) if step.replace("_", "").replace("-", "").isalnum() else f'"{cut(step)}"'
        parts += f".{name}" if parts else name
    return parts


def closest(name: str, known: Sequence[str]) -> str:
    """A `Did you mean` sentence, or the list of what is known when it is short, or nothing."""
    near = get_close_matches(name, known, 1, 0.6)
    if near:
        return f' Did you mean "{near[0]}"?'
    return f" Known here: {', '.join(sorted(known))}." if 0 < len(known) <= 12 else ""


_TYPES: Mapping[str, str] = {
    "string_type": "text in quotes",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list in [ ]",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "float_type": "a number",
}

_SHOWN_CHARACTERS = 60


def translate(error: ErrorDetails, model: type[BaseModel], lines: LineIndex) -> Problem:
    """The problem behind one of pydantic's errors."""
    path: KeyPath = error["loc"]
    if path and path[-1] == "[key]" and path not in lines.lines:  # pydantic's mark of a table's key
        path = path[:-1]
    if path not in lines.lines and path[:-1] in lines.lines and isinstance(path[-1], int):
        path = path[:-1]  # one value that stands for a list of one
    context: dict[str, Any] = error.get("ctx", {})
    kind = error["type"]
    if "at" in context:
        path += tuple(context["at"])
        return Problem(lines.line_of(path), kind, dotted(path), context["text"])
    if kind == "extra_forbidden":
        code, name = Code.UNKNOWN_KEY, cut(str(path[-1]))
        text = f'unknown key "{name}".{closest(name, keys_at(model, path[:-1]))} Nothing is ever ignored.'
    elif kind == "missing":
        code, text = Code.MISSING_KEY, f'the key "{path[-1]}" is missing and has no default. Add it.'
    elif kind in _TYPES:
        code, text = Code.WRONG_TYPE, f"{_shown(error['input'])} is not {_TYPES[kind]}. Write {_TYPES[kind]}."
    else:
        code, text = Code.WRONG_VALUE, f"{_shown(error['input'])} is not possible. {error['msg']}."
    return Problem(lines.line_of(path), code, dotted(path), text)


def _shown(value: object) -> str:
    """A value of the file, cut to what fits in a line."""
    return cut(str(value).lower() if isinstance(value, bool) else repr(value))


def cut(text: str) -> str:
    """A text of the file, cut to what fits in a line."""
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


def keys_at(model: type[BaseModel], path: KeyPath) -> list[str]:
    """The keys that the table at a path may have."""
    here: type[BaseModel] = model
    for step in path:
        if isinstance(step, int):
            continue
        found = _table(here, step)
        if found is None:  # a name the operator chose, as in [models."fraud"]
            continue
        here = found
    return [field.alias or name for name, field in here.model_fields.items()]


def _table(model: type[BaseModel], key: str) -> type[BaseModel] | None:
    """The model of the table (or of the items, or of the values) that a key of a model holds."""
    for name, field in model.model_fields.items():
        if (field.alias or name) == key:
            return _table_in(field.annotation)
    return None


def _table_in(annotation: object) -> type[BaseModel] | None:
    """The first table that an annotation holds, however deep: `list[Annotated[Table, ...]] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = (_table_in(part) for part in getattr(annotation, "__args__", ()))
    return next((found for found in inner if found is not None), None)
