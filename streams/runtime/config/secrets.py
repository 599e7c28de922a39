"""Which values come from the environment? `$NAME` or `${NAME}` in `[kafka.client]` and `privacy_key`, nowhere else.

Addresses and secrets of receivers of alerts do, too, when they are told (`receivers.py`): they stay names here.

The rule: a secret is never written in the file, and never shown by anything here: problems name variables and keys.
"""

import re
from collections.abc import Mapping
from typing import Any

from streams.runtime.config.client import SECRET_PROPERTIES
from streams.runtime.config.lines import KeyPath, LineIndex
from streams.runtime.config.problems import Code, Problem, dotted

_REFERENCE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")


class Secrets:
    """The values taken from the environment while a document is resolved, and what was wrong with them."""

    def __init__(self, env: Mapping[str, str], lines: LineIndex) -> None:
        self._env = env
        self._lines = lines
        self._values: set[str] = set()
        self.problems: list[Problem] = []

    @property
    def values(self) -> tuple[str, ...]:
        """Every value that must not be shown, the longest first, so that none is shown in part."""
        return tuple(sorted(self._values, key=lambda value: (-len(value), value)))

    def resolve(self, document: dict[str, Any]) -> dict[str, Any]:
        """The document with every reference replaced; a reference that cannot be is replaced by nothing."""
        resolved = self._walk(document, ())
        if not isinstance(resolved, dict):
            raise TypeError("a document is a table")
        return resolved

    def _walk(self, value: Any, path: KeyPath) -> Any:
        if isinstance(value, dict):
            walked = {key: self._walk(inner, (*path, key)) for key, inner in value.items()}
            return {key: inner for key, inner in walked.items() if inner is not None}
        if isinstance(value, list):
            return [self._walk(inner, (*path, index)) for index, inner in enumerate(value)]
        return self._text(value, path) if isinstance(value, str) else value

    def _text(self, value: str, path: KeyPath) -> str | None:
        is_client = path[:2] == ("kafka", "client") and len(path) == 3
        is_key = path == ("privacy_key",)
        if path[0] == "receivers" and path[-1] in {"url", "secret"}:
            return value
        match = _REFERENCE.fullmatch(value)
        if match is None:
            if (is_key and value) or (is_client and path[2] in SECRET_PROPERTIES):
                self._report(
                    Code.SECRET_MISPLACED, path,
                    "a secret stands in the file, where too many can read it. "
                    'Put it into a variable and write "$NAME".',
                )  # fmt: skip
                self._values.add(value)
            return value
        name = match[1] or match[2]
        if not (is_client or is_key):
            self._report(
                Code.SECRET_MISPLACED, path,
                f'"{value}" is taken from the environment only in kafka.client and privacy_key, so that the file says '
                "what the job does. Write the value.",
            )  # fmt: skip
            return value
        found = self._env.get(name, "")
        if not found:
            state = "empty" if name in self._env else "not set"
            self._report(Code.SECRET_UNSET, path, f"the variable {name} is {state}. Set it before starting the job.")
            return None
        self._values.add(found)
        return found

    def _report(self, code: Code, path: KeyPath, text: str) -> None:
        self.problems.append(Problem(self._lines.line_of(path), code, dotted(path), text))
