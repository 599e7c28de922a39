"""On which line of a TOML text does a key stand? `tomllib` does not say, so this scans the text once more.

The rule: the text has already been accepted by `tomllib`, so the scan only follows its shape (headers, keys,
inline tables, arrays, strings over several lines) and never judges it. A path is what `tomllib.loads(text)` would
be indexed with: names for tables, numbers for items of arrays, `("predictions", 0, "map", "id")`.
Invariant: every path that can be followed in the parsed document has a line.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass

KeyPath = tuple[str | int, ...]

_BLANK = " \t"
_SPACE = " \t\r\n"
_BARE_END = ",]}\r\n#"


@dataclass(frozen=True, slots=True)
class LineIndex:
    """Lines (from 1) of the keys of one document."""

    lines: Mapping[KeyPath, int]

    def line_of(self, path: KeyPath) -> int:
        """The line of a key; of the nearest table around it when the key is not there; 1 for the document."""
        for size in range(len(path), 0, -1):
            line = self.lines.get(path[:size])
            if line is not None:
                return line
        return 1


def index_lines(text: str) -> LineIndex:
    """The lines of all keys, tables and array items of a TOML text that `tomllib` accepts."""
    return LineIndex(_Scanner(text).scan())


class _Scanner:
    """One pass over the text. `at` is the position, `table` the path of the header above it."""

    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n")
        self.at = 0
        self.counted = (0, 1)  # a position that was asked for, and its line: counting goes on from there
        self.table: KeyPath = ()
        self.lines: dict[KeyPath, int] = {}
        self.items: dict[KeyPath, int] = {}  # arrays of tables: the number of items so far

    def scan(self) -> dict[KeyPath, int]:
        """Every path of the text and its line."""
        while True:
            self._skip_space()
            if self.at >= len(self.text):
                return self.lines
            if self.text[self.at] == "[":
                self._header()
            else:
                self._pair(self.table)

    def _line(self) -> int:
        at, line = self.counted
        self.counted = (self.at, line + self.text.count("\n", at, self.at))
        return self.counted[1]

    def _skip(self, characters: str) -> None:
        while self.at < len(self.text) and self.text[self.at] in characters:
            self.at += 1

    def _skip_space(self) -> None:
        """Over blanks, line ends and comments."""
        while True:
            self._skip(_SPACE)
            if self.at >= len(self.text) or self.text[self.at] != "#":
                return
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end

    def _record(self, path: KeyPath, line: int) -> None:
        for size in range(1, len(path) + 1):
            self.lines.setdefault(path[:size], line)

    def _resolve(self, names: list[str]) -> KeyPath:
        """The path of a header: a name that is an array of tables means its newest item."""
        path: KeyPath = ()
        for name in names:
            path = (*path, name)
            if path in self.items:
                path = (*path, self.items[path] - 1)
        return path

    def _header(self) -> None:
        line = self._line()
        is_array = self.text.startswith("[[", self.at)
        self.at += 2 if is_array else 1
        names = self._key()
        self.at += 2 if is_array else 1
        if not is_array:
            self.table = self._resolve(names)
        else:
            array = (*self._resolve(names[:-1]), names[-1])
            self.items[array] = self.items.get(array, 0) + 1
            self.table = (*array, self.items[array] - 1)
        self._record(self.table, line)

    def _pair(self, table: KeyPath) -> None:
        line = self._line()
        path: KeyPath = (*table, *self._key())
        self.at += 1  # the equals sign
        self._record(path, line)
        self._skip(_BLANK)
        self._value(path)

    def _key(self) -> list[str]:
        """The names of a dotted key; ends at `=` or `]`."""
        names: list[str] = []
        while True:
            self._skip(_BLANK)
            if self.text[self.at] in "\"'":
                begin = self.at
                self._string()
                names.append(str(tomllib.loads(f"k = {self.text[begin : self.at]}")["k"]))
            else:
                begin = self.at
                while self.text[self.at] not in "=].\t ":
                    self.at += 1
                names.append(self.text[begin : self.at])
            self._skip(_BLANK)
            if self.text[self.at] != ".":
                return names
            self.at += 1

    def _value(self, path: KeyPath) -> None:
        first = self.text[self.at]
        if first in "\"'":
            self._string()
        elif first == "[":
            self._array(path)
        elif first == "{":
            self._inline_table(path)
        else:
            while self.at < len(self.text) and self.text[self.at] not in _BARE_END:
                self.at += 1

    def _string(self) -> None:
        """Over a string of any of the four kinds."""
        quote = self.text[self.at]
        fence = quote * 3 if self.text.startswith(quote * 3, self.at) else quote
        self.at += len(fence)
        while not self.text.startswith(fence, self.at):
            self.at += 2 if quote == '"' and self.text[self.at] == "\\" else 1
        self.at += len(fence)
        if len(fence) == 3:  # up to two more quotes may belong to the string
            self._skip(quote)

    def _array(self, path: KeyPath) -> None:
        self.at += 1
        index = 0
        while True:
            self._skip_space()
            if self.text[self.at] == "]":
                self.at += 1
                return
            if self.text[self.at] == ",":
                self.at += 1
                continue
            item: KeyPath = (*path, index)
            self._record(item, self._line())
            self._value(item)
            index += 1

    def _inline_table(self, path: KeyPath) -> None:
        self.at += 1
        while True:
            self._skip_space()
            if self.text[self.at] == "}":
                self.at += 1
                return
            if self.text[self.at] == ",":
                self.at += 1
                continue
            self._pair(path)
