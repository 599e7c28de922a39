"""Numbers for names: classes, groups, model versions and segment values, for the life of a judge.

Every flush numbers its names by itself. The judge's own numbers depend on the order names were first seen
in, so they never show: rows are sorted by name, and sums of ratios do not depend on their order.
"""

from collections.abc import Mapping
from typing import Any

from streams.formats.columns import Group
from streams.ledger.spec import NO_TIME, Timing
from streams.quality.counts.details import MOST_C, UNLABELLED
from streams.quality.spec import QualitySpec

OTHER_SOURCE = "other"
"""All label sources beyond as many as there are numbers for."""


class Line:
    """A model version: what windows are kept for."""

    __slots__ = ("classes_expected", "model", "newest_label_ms", "timing", "version")

    def __init__(self, model: str, version: str, timing: Timing, classes_expected: int | None) -> None:
        self.model = model
        self.version = version
        self.timing = timing
        self.classes_expected = classes_expected
        self.newest_label_ms = NO_TIME  # when its newest label became known


class Names:
    """The numbers given so far.

    `classes`, `sources`, `source_pairs` and `versions` (other versions of pairs) are in the order of their numbers.
    `line_of[g]` is the line of group g,
    `series_of[d][g]` the number of its (line, value) in dimension d, and `series[d][s]` that pair.
    """

    def __init__(self, spec: QualitySpec) -> None:
        self._spec = spec
        self.classes: list[str] = []
        self.lines: list[Line] = []
        self.line_of: list[int] = []
        self.series: list[list[tuple[int, str]]] = [[] for _ in spec.dimensions]
        self.series_of: list[list[int]] = [[] for _ in spec.dimensions]
        self.sources: list[str] = []
        self.source_pairs: list[tuple[str, str]] = []
        self.versions: list[str] = []
        self._versions: dict[str, int] = {}
        self._sources: dict[str, int] = {}
        self._pairs: dict[tuple[str, str], int] = {}
        self._classes: dict[str, int] = {}
        self._groups: dict[Group, int] = {}
        self._lines: dict[tuple[str, str], int] = {}
        self._series: list[dict[tuple[int, str], int]] = [{} for _ in spec.dimensions]

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The names of the dimensions, in the order of `series`."""
        return self._spec.dimensions

    def class_number(self, name: str) -> int:
        """The number of a class. Raises ValueError when there are more classes than numbers."""
        number = self._classes.setdefault(name, len(self.classes))
        if number == len(self.classes):
            if number == UNLABELLED:
                raise ValueError(f"more than {UNLABELLED} classes")
            self.classes.append(name)
        return number

    def group_number(self, group: Group) -> int:
        """The number of a group. Raises ValueError when its segments are not the configured dimensions."""
        number = self._groups.get(group)
        if number is not None:
            return number
        if len(group.segments) != len(self._spec.dimensions):
            raise ValueError(
                f"a group of {len(group.segments)} segment values, but the dimensions are "
                f"{', '.join(self._spec.dimensions) or 'none'}"
            )
        number = self._groups[group] = len(self._groups)
        line = self._line_number(group.model, group.version)
        self.line_of.append(line)
        for d, value in enumerate(group.segments):
            series = self._series[d].setdefault((line, value), len(self.series[d]))
            if series == len(self.series[d]):
                self.series[d].append((line, value))
            self.series_of[d].append(series)
        return number

    def source_number(self, name: str) -> int:
        """The number of a label source; beyond the last number that of "other"."""
        if name not in self._sources and len(self.sources) >= MOST_C:
            name = OTHER_SOURCE
        number = self._sources.setdefault(name, len(self.sources))
        if number == len(self.sources):
            self.sources.append(name)
        return number

    def pair_number(self, pair: tuple[str, str]) -> int:
        """The number of a pair of label sources; beyond the last number that of ("other", "other")."""
        if pair not in self._pairs and len(self.source_pairs) >= MOST_C:
            pair = (OTHER_SOURCE, OTHER_SOURCE)
        number = self._pairs.setdefault(pair, len(self.source_pairs))
        if number == len(self.source_pairs):
            self.source_pairs.append(pair)
        return number

    def version_number(self, name: str) -> int:
        """The number of a version that is the other one of pairs. Raises ValueError beyond the last number."""
        number = self._versions.setdefault(name, len(self.versions))
        if number == len(self.versions):
            if number == UNLABELLED:
                raise ValueError(f"more than {UNLABELLED} versions")
            self.versions.append(name)
        return number

    def dump(self) -> dict[str, object]:
        """The names in the order of their numbers; for `load`."""
        return {
            "classes": list(self.classes),
            "groups": [[g.model, g.version, *g.segments] for g in self._groups],
            "sources": list(self.sources),
            "pairs": [list(pair) for pair in self.source_pairs],
            "versions": list(self.versions),
            "newest": [line.newest_label_ms for line in self.lines],
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Number the names that `dump` gave as they were. Raises ValueError when they cannot have been."""
        for name in state["classes"]:
            self.class_number(name)
        for model, version, *segments in state["groups"]:
            self.group_number(Group(model, version, tuple(segments)))
        for name in state["sources"]:
            self.source_number(name)
        for first, second in state["pairs"]:
            self.pair_number((first, second))
        versions = state.get("versions", ())  # states of before there were pairs do not have it
        for name in versions:
            self.version_number(name)
        numbered = (len(self.classes), len(self._groups), len(self.sources), len(self.source_pairs), len(self.versions))
        named = (*(len(state[what]) for what in ("classes", "groups", "sources", "pairs")), len(versions))
        if numbered != named:
            raise ValueError("a name is numbered twice")
        for line, newest in zip(self.lines, state["newest"], strict=True):
            line.newest_label_ms = newest

    def _line_number(self, model: str, version: str) -> int:
        number = self._lines.setdefault((model, version), len(self.lines))
        if number == len(self.lines):
            expected = self._spec.classes_expected(model)
            self.lines.append(Line(model, version, self._spec.timing_of(model), expected))
        return number
