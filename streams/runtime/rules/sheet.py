"""A rules text under check: its tables as far as they can be read, where keys stand, and every problem so far.

Each key is read for itself. One that is wrong or missing is told once, and a stand-in takes its place, so that
everything else in the file is asked at the same time: one look at the output mends the file. What depends on such a
key is not asked (`knows`). A key of a named table is called by the name: `slo.recall.tiers.fast.burn`.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any, TypeGuard, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from streams.alerts.missing import no_data_name
from streams.runtime.config.lines import KeyPath, LineIndex, index_lines
from streams.runtime.config.problems import Problem, cut, dotted, keys_at, translate
from streams.runtime.config.table import Table
from streams.runtime.rules.codes import OF_JOB, RuleCode
from streams.runtime.rules.stand_ins import place_of, stood_in
from streams.runtime.rules.tables import LISTS, RulesDocument
from streams.runtime.rules.text import parse_toml
from streams.runtime.rules.values import MATCHED, is_name

T = TypeVar("T", bound=Table)

_ROUNDS = 5  # a validator may see a mistake only when another one is gone
_LIKENESS, _LIKENESS_OF_SHORT = 0.6, 0.5  # one letter of two is half of it
_SHORT = 3
_INDEXED = re.compile(r"^(\w+)\[(\d+)\](?:\.tiers\[(\d+)\])?")


@dataclass(frozen=True, slots=True)
class Read:
    """One table of a list that can be asked further: its place, its name and what it says."""

    path: KeyPath
    table: Table


@dataclass(slots=True)
class Sheet:
    """One text. `problems` grows while it is checked.

    `wrong` are the keys that cannot be read, are missing or are misspelt: nothing else is told of them. `doubted` are
    all from which nothing can be concluded, `around` what they stand in.
    """

    file: str
    raw: dict[str, Any]
    lines: LineIndex
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    wrong: set[KeyPath] = field(default_factory=set)
    doubted: set[KeyPath] = field(default_factory=set)
    around: set[KeyPath] = field(default_factory=set)

    def knows(self, path: KeyPath) -> bool:
        """Whether something can be concluded from a key: nothing of it, in it and around it is wrong."""
        return path not in self.around and not any(path[:size] in self.doubted for size in range(1, len(path) + 1))

    def doubt(self, path: KeyPath) -> None:
        """Conclude nothing more from a key."""
        self.doubted.add(path)
        self.around.update(path[:size] for size in range(1, len(path)))

    def tell(self, code: RuleCode, path: KeyPath, text: str) -> None:
        """Note a problem of the key at a path (of the nearest table around it, where it is not set)."""
        if any(path[:size] in self.wrong for size in range(1, len(path) + 1)):
            return
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
        """(kind, path, name) of every table that has one that can be one, whether it is right otherwise or not."""
        for kind in LISTS:
            for index, table in enumerate(_listed(self.raw.get(kind))):
                if isinstance(table, dict) and _is_name(name := table.get("name")):
                    yield kind, (kind, index), name

    def named(self, *kinds: str) -> list[str]:
        """The names of the tables of some kinds, sorted."""
        return sorted({name for kind, _, name in self.names() if kind in kinds})

    def knows_names(self, *kinds: str) -> bool:
        """Whether every table of some kinds has a name: a rule that seems not to be there may be one without."""
        tables = [table for kind in kinds for table in _listed(self.raw.get(kind))]
        named = all(isinstance(table, dict) and _is_name(table.get("name")) for table in tables)
        return named and not any((kind,) in self.doubted for kind in kinds)

    def document(self) -> RulesDocument:
        """What stands once in the file."""
        known = {key: value for key, value in self.raw.items() if key not in LISTS}
        return self._validated(RulesDocument, known, ()) or RulesDocument.model_validate({"schema": 1})

    def tables(self, kind: str) -> Iterator[Read]:
        """The tables of a list, in the order of the file."""
        tables = self.raw.get(kind, [])
        if not isinstance(tables, list) or (tables and not any(isinstance(table, dict) for table in tables)):
            self.tell(RuleCode.WRONG_TYPE, (kind,), f"not a list of tables. Write [[{kind}]] above each of them.")
            self.doubt((kind,))
            return
        for index, raw in enumerate(tables):
            path: KeyPath = (kind, index)
            if not isinstance(raw, dict):
                self.tell(RuleCode.WRONG_TYPE, path, f"not a table. Write [[{kind}]] above each, or {{ }} around it.")
            elif (table := self._validated(LISTS[kind], raw, path)) is not None:
                yield Read(path, table)

    def _validated(self, model: type[T], raw: dict[str, Any], at: KeyPath) -> T | None:
        """A table, with stand-ins for what is wrong in it; each problem is noted."""
        for _ in range(_ROUNDS):
            try:
                return model.model_validate(raw)
            except ValidationError as error:
                told = self._note(error, raw, at)
            raw, gone = stood_in(raw, told, str(at[0]) if at else "")
            for place in gone:
                self.doubt((*at, *place))
                self.wrong.add((*at, *place))
        return None

    def _note(self, error: ValidationError, raw: dict[str, Any], at: KeyPath) -> list[KeyPath]:
        """Note what is wrong with a table; where."""
        details = error.errors(include_url=False)
        places = [place_of(raw, detail["loc"]) for detail in details]
        misspelt = {place for place, detail in zip(places, details, strict=True) if _is_unknown(detail)}
        missing = {place for place, detail in zip(places, details, strict=True) if detail["type"] == "missing"}
        guesses = {place: _meant(raw, at, place, missing) for place in misspelt}
        meant = {path for path in guesses.values() if path is not None}
        for place, detail in zip(places, details, strict=True):
            if detail["type"] == "missing" and place in meant:
                continue  # told with the key that is misspelt
            found = translate({**detail, "loc": (*at, *detail["loc"])}, RulesDocument, self.lines)
            code = OF_JOB.get(found.code, found.code)
            if (guess := guesses.get(place)) in missing and guess is not None:
                text = f'unknown key "{cut(str(place[-1]))}". Did you mean "{guess[-1]}"? Nothing is ever ignored.'
                found = replace(found, text=text)
            if place == ("schema",) and detail["type"] == "missing":
                found = replace(found, text='the key "schema" is missing. Write schema = 1 above everything else.')
            line = self.lines.line_of((*at, *place))
            self.problems.append(replace(found, code=code, line=line, key=self._renamed(found.key)))
        for path in sorted(meant, key=str):
            self.doubt((*at, *path))
            self.wrong.add((*at, *path))
        return places


def _is_name(value: object) -> TypeGuard[str]:
    """Whether it can be the name of an alert: also of one about the missing data of a rule."""
    return isinstance(value, str) and is_name(value.removesuffix(no_data_name("")))


def _is_unknown(detail: ErrorDetails) -> bool:
    return detail["type"] in {"extra_forbidden", RuleCode.UNKNOWN_KEY}


def _meant(raw: dict[str, Any], at: KeyPath, place: KeyPath, missing: Collection[KeyPath]) -> KeyPath | None:
    """The key that an unknown one probably stands for, of those that are not there: rather one that must be."""
    *around, name = place
    known = MATCHED if "match" in around else keys_at(RulesDocument, (*at, *around))
    node: Any = raw
    for step in around:
        node = node[step]
    likeness = _LIKENESS if len(str(name)) > _SHORT else _LIKENESS_OF_SHORT
    near = [(*around, key) for key in get_close_matches(str(name), known, len(known), likeness) if key not in node]
    return next((path for path in near if path in missing), near[0] if near else None)


def read_sheet(text: str, file: str) -> Sheet:
    """The text as a document. Raises `InvalidConfigError` when it is not TOML: nothing else can be said then."""
    return Sheet(file, parse_toml(text, file), index_lines(text))


def _at(table: object, key: str, index: int) -> object:
    inner = table.get(key) if isinstance(table, dict) else None
    return inner[index] if isinstance(inner, list) and index < len(inner) else None


def _suffix(table: object, index: str) -> str:
    name = table.get("name") if isinstance(table, dict) else None
    return f".{name}" if isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9._-]{1,100}", name) else f"[{index}]"


def _listed(tables: object) -> list[Any]:
    return tables if isinstance(tables, list) else []
