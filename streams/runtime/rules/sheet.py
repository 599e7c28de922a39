"""A rules text under check: its tables as far as they can be read, where keys stand, and every problem so far.

Each table is read for itself, and what is wrong in one is left out of it, so that everything else in the file is
asked at the same time: one look at the output mends the file. A key of a named table is called by the name:
`slo.recall.tiers.fast.burn`.
"""

import re
import tomllib
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from pydantic import ValidationError

from streams.runtime.config.lines import KeyPath, LineIndex, index_lines
from streams.runtime.config.problems import InvalidConfigError, Problem, dotted, translate
from streams.runtime.config.table import Table
from streams.runtime.rules.codes import OF_JOB, RuleCode
from streams.runtime.rules.tables import LISTS, RulesDocument

T = TypeVar("T", bound=Table)

_DEEPEST = 50
_INDEXED = re.compile(r"^(\w+)\[(\d+)\](?:\.tiers\[(\d+)\])?")


@dataclass(frozen=True, slots=True)
class Read:
    """One table of a list that can be asked further: its place, its name and what it says."""

    path: KeyPath
    table: Table
    left_out: frozenset[str]  # keys that are wrong in themselves: their defaults stand in their place


@dataclass(slots=True)
class Sheet:
    """One text. `problems` grows while it is checked."""

    file: str
    raw: dict[str, Any]
    lines: LineIndex
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def tell(self, code: RuleCode, path: KeyPath, text: str) -> None:
        """Note a problem of the key at a path (of the nearest table around it, where it is not set)."""
        problem = Problem(self.lines.line_of(path), code, self.called(path), text)
        (self.warnings if code.startswith("W") else self.problems).append(problem)

    def called(self, path: KeyPath) -> str:
        """What a key is called: tables of lists by their names."""
        return self._renamed(dotted(path))

    def _renamed(self, key: str) -> str:
        match = _INDEXED.match(key)
        if match is None:
            return key
        table = _at(self.raw, match[1], int(match[2]))
        told = match[1] + _suffix(table, match[2])
        if match[3] is not None:
            told += ".tiers" + _suffix(_at(table, "tiers", int(match[3])), match[3])
        return told + key[match.end() :]

    def names(self) -> Iterator[tuple[str, KeyPath, str]]:
        """(kind, path, name) of every table that has a name, whether it is right otherwise or not."""
        for kind in LISTS:
            tables = self.raw.get(kind)
            for index, table in enumerate(tables if isinstance(tables, list) else ()):
                if isinstance(table, dict) and isinstance(name := table.get("name"), str):
                    yield kind, (kind, index), name

    def named(self, *kinds: str) -> list[str]:
        """The names of the tables of some kinds, sorted."""
        return sorted({name for kind, _, name in self.names() if kind in kinds})

    def document(self) -> tuple[RulesDocument, frozenset[str]]:
        """What stands once in the file, and the keys of it that are wrong: their defaults stand in their place."""
        known = {key: value for key, value in self.raw.items() if key not in LISTS}
        try:
            return RulesDocument.model_validate(known), frozenset()
        except ValidationError as error:
            rest, left_out = _pruned(known, self._note(error, RulesDocument, ()))
        return RulesDocument.model_validate(rest | {"schema": 1}), left_out

    def tables(self, kind: str) -> Iterator[Read]:
        """The tables of a list that can be read, in the order of the file."""
        tables = self.raw.get(kind, [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            self.tell(RuleCode.WRONG_TYPE, (kind,), f"not a list of tables. Write [[{kind}]] above each of them.")
            return
        for index, raw in enumerate(tables):
            table, left_out = self._validated(LISTS[kind], raw, (kind, index))
            if table is not None:
                yield Read((kind, index), table, left_out)

    def _validated(self, model: type[T], raw: dict[str, Any], at: KeyPath) -> tuple[T | None, frozenset[str]]:
        """A table, and its keys that had to be left out; each problem in it is noted."""
        try:
            return model.model_validate(raw), frozenset()
        except ValidationError as error:
            pruned, left_out = _pruned(raw, self._note(error, model, at))
        try:
            return model.model_validate(pruned), left_out
        except ValidationError:  # a key without a default is wrong or missing, which is noted
            return None, left_out

    def _note(self, error: ValidationError, model: type[Table], at: KeyPath) -> list[KeyPath]:
        """Note what is wrong with a table; where."""
        details = error.errors(include_url=False)
        moved = LineIndex({path[len(at) :]: n for path, n in self.lines.lines.items() if path[: len(at)] == at})
        for detail in details:
            found = translate(detail, model, moved)
            code = OF_JOB.get(found.code, found.code)
            key = self._renamed(".".join(part for part in (dotted(at), found.key) if part))
            line = found.line if found.line != 1 else self.lines.line_of((*at, *detail["loc"]))
            self.problems.append(replace(found, code=code, line=line, key=key))
        return [detail["loc"] for detail in details]


def read_sheet(text: str, file: str) -> Sheet:
    """The text as a document. Raises `InvalidConfigError` when it is not TOML: nothing else can be said then."""
    raw: dict[str, Any] | None
    try:
        raw = tomllib.loads(text)
    except ValueError as error:  # also of a number of thousands of digits
        what, _, place = str(error).partition(" (at ")
        number = place.removeprefix("line ").partition(",")[0]
        line = int(number) if number.isdigit() else text.count("\n") + 1
        told = f"not TOML: {what}. Nothing after it was read. Mend it first."
        raise InvalidConfigError(file, [Problem(line, RuleCode.SYNTAX, "", told)]) from None
    except RecursionError:
        raw = None
    if raw is None or _is_deep(raw):
        told = "not TOML that can be read: it is nested too deep. Nothing was read. Mend it first."
        raise InvalidConfigError(file, [Problem(1, RuleCode.SYNTAX, "", told)])
    return Sheet(file, raw, index_lines(text))


def _is_deep(raw: dict[str, Any]) -> bool:
    """Whether tables and lists are in each other deeper than any that means something; keys with dots can be so."""
    level: list[Any] = [raw]
    for _ in range(_DEEPEST):
        inner = [one for node in level for one in (node.values() if isinstance(node, dict) else node)]
        level = [one for one in inner if isinstance(one, dict | list)]
    return bool(level)


def _at(table: object, key: str, index: int) -> object:
    inner = table.get(key) if isinstance(table, dict) else None
    return inner[index] if isinstance(inner, list) and index < len(inner) else None


def _suffix(table: object, index: str) -> str:
    name = table.get("name") if isinstance(table, dict) else None
    return f".{name}" if isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9._-]{1,100}", name) else f"[{index}]"


def _pruned(raw: dict[str, Any], places: list[KeyPath]) -> tuple[dict[str, Any], frozenset[str]]:
    """A table without the innermost keys that hold a problem (lists go as a whole), and the outermost ones."""
    rest = deepcopy(raw)
    doomed: list[tuple[dict[str, Any], str]] = []
    for place in places:
        node: object = rest
        found: tuple[dict[str, Any], str] | None = None
        for step in place:
            if not isinstance(node, dict) or step not in node:
                break
            found = (node, str(step))
            node = node[step]
        doomed += [found] if found is not None else []
    for table, key in doomed:
        table.pop(key, None)
    return rest, frozenset(str(place[0]) for place in places if place)
