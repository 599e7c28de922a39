"""From a file to a TOML document, or to the one sentence that says why there is none."""

import re
import tomllib
from pathlib import Path
from typing import Any

from streams.runtime.config.problems import InvalidConfigError, Problem, dotted
from streams.runtime.rules.codes import RuleCode

MOST_BYTES = 4_000_000
"""Of a file of rules or cases: several times what fits compiled into the job's log."""

_DEEPEST = 50
_NOTHING = "Nothing after it was read. Mend it first."
_NAME = re.compile(r"'([^']*)'")
_NAMES = re.compile(r"\(((?:'[^']*'(?:, )?)+),?\)")


def read_text(path: Path, what: str = "a TOML file") -> str:
    """The text of a file. Raises `InvalidConfigError` when it cannot be read, is too long or is no UTF-8."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        text = f"the file cannot be read: {error.strerror or 'no reason is given'}. Name {what}."
        raise _refused(path, 1, RuleCode.UNREADABLE, text) from None
    except ValueError:  # a name with a NUL
        raise _refused(path, 1, RuleCode.UNREADABLE, f"no file can be called so. Name {what}.") from None
    if len(data) > MOST_BYTES:
        text = f"the file is longer than {MOST_BYTES:,} bytes, and is not read. Name {what} of rules, or split it."
        raise _refused(path, 1, RuleCode.UNREADABLE, text)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        told = "not UTF-8, which TOML must be. Save the file as UTF-8."
        raise _refused(path, line, RuleCode.SYNTAX, told) from None


def parse_toml(text: str, file: str) -> dict[str, Any]:
    """The document of a text. Raises `InvalidConfigError` when it is not TOML: nothing else can be said then."""
    raw: dict[str, Any] | None
    try:
        raw = tomllib.loads(text)
    except ValueError as error:  # also of a number of thousands of digits
        what, _, place = str(error).partition(" (at ")
        number = place.removeprefix("line ").partition(",")[0]
        line = int(number) if number.isdigit() else text.count("\n") + 1
        raise _refused(file, line, RuleCode.SYNTAX, f"not TOML: {_said(what)}. {_NOTHING}") from None
    except RecursionError:
        raw = None
    if raw is None or _is_deep(raw):
        told = "not TOML that can be read: it is nested too deep. Nothing was read. Mend it first."
        raise _refused(file, 1, RuleCode.SYNTAX, told)
    return raw


def _refused(file: Path | str, line: int, code: RuleCode, text: str) -> InvalidConfigError:
    return InvalidConfigError(str(file), [Problem(line, code, "", text)])


def _said(what: str) -> str:
    """What the parser says, in the words of the file.

    >>> _said("Cannot declare ('defaults', 'ready') twice"), _said("Cannot overwrite a value")
    ('Cannot declare [defaults.ready] twice', 'a key is there twice: Cannot overwrite a value')
    """
    told = _NAMES.sub(lambda match: f"[{dotted(tuple(_NAME.findall(match[1])))}]", what)
    return f"a key is there twice: {told}" if told == "Cannot overwrite a value" else told


def _is_deep(raw: dict[str, Any]) -> bool:
    """Whether tables and lists are in each other deeper than any that means something; keys with dots can be so."""
    level: list[Any] = [raw]
    for _ in range(_DEEPEST):
        inner = [one for node in level for one in (node.values() if isinstance(node, dict) else node)]
        level = [one for one in inner if isinstance(one, dict | list)]
    return bool(level)
