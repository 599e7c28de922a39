"""Do the settings of quality name what exists? Classes of closed lists, dimensions, and the training that is asked for.

The rule is that of `config.crosses`: asked of the parsed file itself, so that it is told along with the rest; a value
of the wrong type is somebody else's problem and is passed over here.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from streams.formats.spec import DEFAULT_SEGMENTS
from streams.runtime.config.lines import KeyPath, LineIndex
from streams.runtime.config.problems import Code, Problem, closest, dotted


def name_problems(document: dict[str, Any], lines: LineIndex) -> Iterator[Problem]:
    """Every name in `[reference]`, `[cost]` and `[groups]`, of all or of one model, that nothing is known of.

    And a positive class that is not one of two, where classes are listed.
    """
    classes = _table(document, "classes")
    aliases = _aliases(classes)
    of_all = _texts(classes.get("expected"))
    models = {name: table for name, table in _table(document, "models").items() if isinstance(table, dict)}
    known = _Known(of_all, "classes.expected", aliases)
    own = {
        name: _Known(expected, f'models."{name}".expected_classes', aliases)
        for name, table in models.items()
        if (expected := _texts(table.get("expected_classes")))
    }
    yield from _classes_of_table(document, (), known, lines)
    for name, table in models.items():
        yield from _classes_of_table(table, ("models", name), own.get(name, known), lines)
    every = [*of_all, *(cls for lists in own.values() for cls in lists.classes)] if of_all else []
    favourable = _table(document, "groups").get("favourable")
    if isinstance(favourable, str):
        anywhere = _Known(every, "classes.expected", aliases)
        yield from anywhere.problems(favourable, ("groups", "favourable"), lines)
    positive = classes.get("positive")
    if isinstance(positive, str):
        yield from _positive(positive, known, own, lines)
    yield from _protected(document, lines)
    yield from _training(document, models, lines)


@dataclass(frozen=True, slots=True)
class _Known:
    """The classes a setting may name: a closed list (empty: any class) and where it stands, and other spellings."""

    classes: Collection[str]
    where: str
    aliases: dict[str, str]

    def problems(self, name: str, path: KeyPath, lines: LineIndex) -> Iterator[Problem]:
        """What is wrong with a class that a setting names."""
        canonical = self.aliases.get(name.strip(), name.strip())
        text = ""
        if canonical and canonical != name:
            text = f'"{name}" is another spelling of "{canonical}", the name that is counted. Write that.'
        elif not name:
            text = "an empty text is no class. Write a class."
        elif self.classes and name not in self.classes:
            hint = closest(name, sorted(self.classes))
            text = f'the class "{name}" is not in {self.where}, so nothing would be counted of it.{hint}'
        if text:
            yield Problem(lines.line_of(path), Code.CONFLICT, dotted(path), text)


def _classes_of_table(table: dict[str, Any], at: KeyPath, known: _Known, lines: LineIndex) -> Iterator[Problem]:
    training = _table(_table(table, "reference"), "training")
    for key in ("predicted", "recall"):
        for name in _table(training, key):
            yield from known.problems(name, (*at, "reference", "training", key, name), lines)
    matrix = _table(_table(table, "cost"), "matrix")
    for actual in matrix:
        path: KeyPath = (*at, "cost", "matrix", actual)
        yield from known.problems(actual, path, lines)
        for predicted in _table(matrix, actual):
            yield from known.problems(predicted, (*path, predicted), lines)


def _positive(positive: str, known: _Known, own: dict[str, _Known], lines: LineIndex) -> Iterator[Problem]:
    """A score says that of the other class only of two; a positive class that never comes turns every score around."""
    path: KeyPath = ("classes", "positive")
    why = "what a score leaves of 1 is that of one other class only with two classes"
    spelled = known.aliases.get(positive.strip(), positive.strip())
    if (n := len(set(known.classes))) > 2:
        text = f"{known.where} has {n} classes, and {why}. Remove positive, or list two classes."
        yield Problem(lines.line_of(path), Code.CONFLICT, dotted(path), text)
    elif known.classes and positive == spelled and positive not in known.classes:  # other spellings: `ClassesTable`
        hint = closest(positive, sorted(known.classes))
        text = f'the class "{positive}" is not in {known.where}, so every score would be turned around.{hint}'
        yield Problem(lines.line_of(path), Code.CONFLICT, dotted(path), text)
    for name, listed in own.items():
        if (n := len(set(listed.classes))) > 2:
            at: KeyPath = ("models", name, "expected_classes")
            text = f"it has {n} classes beside classes.positive, and {why}. Remove positive, or list two classes."
            yield Problem(lines.line_of(at), Code.CONFLICT, dotted(at), text)


def _protected(document: dict[str, Any], lines: LineIndex) -> Iterator[Problem]:
    declared = _dimensions(document)
    seen = set()
    for index, name in enumerate(_texts(_table(document, "groups").get("protected"))):
        path: KeyPath = ("groups", "protected", index)
        if name not in declared:
            text = f'"{name}" is not a declared dimension.{closest(name, declared)} Add it to predictions.segments.'
            yield Problem(lines.line_of(path), Code.CONFLICT, dotted(path), text)
        elif name in seen:
            text = f'the dimension "{name}" is there twice. Name every dimension once.'
            yield Problem(lines.line_of(path), Code.CONFLICT, dotted(path), text)
        seen.add(name)


def _training(document: dict[str, Any], models: dict[str, dict[str, Any]], lines: LineIndex) -> Iterator[Problem]:
    """A reference that is the training needs one: its own, or that of all models."""
    shared = _table(document, "reference")
    tables: list[tuple[KeyPath, dict[str, Any]]] = [((), document)]
    tables += [(("models", name), table) for name, table in models.items()]
    for at, table in tables:
        reference = _table(table, "reference")
        if reference.get("kind") == "training" and "training" not in reference and "training" not in shared:
            path: KeyPath = (*at, "reference", "kind")
            where = dotted((*at, "reference", "training"))
            text = f"there is no training to compare with. Describe it in [{where}], or choose another kind."
            yield Problem(lines.line_of(path), Code.CONFLICT, dotted(path), text)


def _dimensions(document: dict[str, Any]) -> list[str]:
    """The dimensions that the file declares, as far as they can be read."""
    tables = document.get("predictions")
    if not isinstance(tables, list) or not tables:
        return list(DEFAULT_SEGMENTS)
    names = [_table(table, "segments", DEFAULT_SEGMENTS) for table in tables if isinstance(table, dict)]
    return list(dict.fromkeys(name for part in names for name in part))


def _aliases(classes: dict[str, Any]) -> dict[str, str]:
    """The class of every other spelling."""
    aliases = _table(classes, "aliases")
    return {spelling.strip(): name for name, spellings in aliases.items() for spelling in _texts(spellings)}


def _table(table: dict[str, Any], key: str, default: dict[str, Any] | None = None) -> dict[str, Any]:
    value = table.get(key, default or {})
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []
