"""One name for each class, however the two logs spell it: JSON 1, 1.0 and "1" are "1"; aliases; a closed list.

Without this on both sides accuracy silently reads zero. Invariant: the class of a value depends on its text alone, so
dictionaries are keyed by text, never by a JSON value (`True == 1 == 1.0` as a dict key).
"""

from typing import Any

from streams.formats.expressions import MappingError
from streams.formats.reasons import Reason
from streams.formats.spec import ClassSpec
from streams.formats.values import Unreadable, as_text, check_name, shown


class ClassNames:
    """The canonicaliser of one mapping. Raises `MappingError` when two classes claim the same spelling."""

    def __init__(self, spec: ClassSpec, max_chars: int) -> None:
        self._spec = spec
        self._max_chars = max_chars
        self._expected = frozenset(spec.expected)
        self._canonical: dict[str, str] = {}
        if spec.unknown not in {"keep", "reject"}:
            raise MappingError(f'classes.unknown is {spec.unknown!r}, expected "keep" or "reject"')
        for name, spellings in spec.aliases:
            for spelling in (name, *spellings):
                if self._canonical.setdefault(spelling.strip(), name) != name:
                    raise MappingError(
                        f"classes.aliases: {spelling!r} is {name!r} and {self._canonical[spelling.strip()]!r}"
                    )
        named = [*spec.expected, *(name for name, _ in spec.aliases)]
        for name in [*named, *([spec.positive] if spec.positive is not None else [])]:
            if not name or name != name.strip():
                raise MappingError(f"classes: {name!r} is no class name")
            if self._canonical.get(name, name) != name:
                raise MappingError(f"classes: {name!r} is an alias of {self._canonical[name]!r}")

    def of(self, value: Any) -> str:
        """The class a JSON value names; raises `Unreadable` when it names none."""
        text = as_text(value)
        if text is None:
            raise Unreadable(Reason.WRONG_TYPE, f"class is {shown(value)}, not text or a number")
        name = self._canonical_of(text)
        if not name:
            raise Unreadable(Reason.MISSING_FIELD, "class is empty")
        check_name("class", name, self._max_chars)
        if self._expected and self._spec.unknown == "reject" and name not in self._expected:
            raise Unreadable(Reason.UNKNOWN_CLASS, f"class {shown(name)} is not in the list of {len(self._expected)}")
        return name

    def names(self, text: str, cls: str) -> bool:
        """Whether a text is a spelling of the class `cls`."""
        return self._canonical_of(text) == cls

    def _canonical_of(self, text: str) -> str:
        text = text.strip()
        return self._canonical.get(text, text)
