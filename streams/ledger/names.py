"""Dictionaries of one ledger partition: class names, label sources, (model, version) pairs and groups as integers.

Codes are local: blocks and flushes carry names. Limits are hard; what happens at each is in the spec.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.formats.columns import NO_CLASS, Group
from streams.ledger.spec import LedgerSpec

REFUSED = -1
"""The code of a name that did not fit within the limits."""

UNSEEN = 0xFFFE
"""The counted label of a prediction that has none yet; NO_CLASS means that a deletion is what counts."""

OTHER = "other"

MAX_LABEL_SOURCES = 64
"""Label sources of a partition that keep their names; those that come later are `other`."""


@dataclass(slots=True)
class Names:
    """Interned names, and per group the numbers the join needs, as arrays indexed by the group's code."""

    spec: LedgerSpec
    classes: list[str] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    label_sources: list[str] = field(default_factory=lambda: [""])  # "": the label names none
    pair_of: NDArray[np.int64] = field(default_factory=lambda: np.zeros(16, np.int64))  # (model, version) code
    horizon_ms: NDArray[np.int64] = field(default_factory=lambda: np.zeros(16, np.int64))
    settle_ms: NDArray[np.int64] = field(default_factory=lambda: np.zeros(16, np.int64))
    final_ms: NDArray[np.int64] = field(default_factory=lambda: np.zeros(16, np.int64))
    longest_final_ms: int = 0  # over all models of the spec: what a label may wait for
    paired_model: NDArray[np.int64] = field(default_factory=lambda: np.zeros(16, np.int64))  # 0: it is not paired
    versions: list[str] = field(default_factory=list)  # by (model, version) code
    version_order: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    order: NDArray[np.uint32] = field(default_factory=lambda: np.zeros(1 << 16, np.uint32))
    source_order: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(1, np.uint8))
    _class_codes: dict[str, int] = field(default_factory=dict)
    _group_codes: dict[Group, int] = field(default_factory=dict)
    _pairs: dict[tuple[str, str], int] = field(default_factory=dict)
    _source_codes: dict[str, int] = field(default_factory=lambda: {"": 0})

    def __post_init__(self) -> None:
        self.longest_final_ms = max(t.final_ms for t in self.spec.timings)
        self.order[NO_CLASS] = 1 << 30  # a deletion sorts above all classes at its time

    def class_codes(self, names: list[str]) -> NDArray[np.int64]:
        """The codes of class names; REFUSED beyond the limit.

        `order[code]` sorts classes by the bytes of their names.
        """
        return self._class_codes_within(names, self.spec.max_classes)

    def scored_class_codes(self, names: list[str]) -> NDArray[np.int64]:
        """The codes of classes that have a score; new ones are REFUSED from half of the limit on.

        So that no score can take the place of a class that is predicted or labelled.
        """
        return self._class_codes_within(names, self.spec.max_classes // 2)

    def _class_codes_within(self, names: list[str], most: int) -> NDArray[np.int64]:
        known = len(self.classes)
        codes = [self._class_code(name, most) for name in names]
        if len(self.classes) > known:
            ranked = sorted(range(len(self.classes)), key=lambda c: self.classes[c].encode())
            self.order[ranked] = np.arange(len(ranked), dtype=np.uint32)
        return np.array(codes, np.int64)

    def group_codes(self, groups: list[Group]) -> NDArray[np.int64]:
        """The codes of groups; REFUSED when there are too many models and versions.

        Beyond the limit of groups the segment values of new ones fold to `other`. `version_order[pair]` sorts the
        versions by the bytes of their names, where any model is paired.
        """
        known = len(self.versions)
        codes = [self._group_code(g) for g in groups]
        if self.spec.paired and len(self.versions) > known:
            ranked = sorted(range(len(self.versions)), key=lambda pair: self.versions[pair].encode())
            self.version_order = np.zeros(len(ranked), np.int64)
            self.version_order[ranked] = np.arange(len(ranked))
        return np.array(codes, np.int64)

    def class_code(self, name: str | None) -> int:
        """The code of a class that was seen; REFUSED for any other."""
        return REFUSED if name is None else self._class_codes.get(name, REFUSED)

    def source_codes(self, names: list[str]) -> NDArray[np.uint8]:
        """The codes of label sources, 0 where a label names none; those beyond the limit are `other`.

        `source_order[code]` sorts sources by the bytes of their names.
        """
        known = len(self.label_sources)
        codes = [self._source_code(name) for name in names]
        if len(self.label_sources) > known:
            ranked = sorted(range(len(self.label_sources)), key=lambda c: self.label_sources[c].encode())
            self.source_order = np.zeros(len(ranked), np.uint8)
            self.source_order[ranked] = np.arange(len(ranked), dtype=np.uint8)
        return np.array(codes, np.uint8)

    def dump(self) -> dict[str, object]:
        """The names in the order of their codes; for `load`."""
        return {
            "classes": list(self.classes),
            "groups": [[g.model, g.version, *g.segments] for g in self.groups],
            "label_sources": list(self.label_sources),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Give an empty dictionary the names that `dump` gave, under the codes they had."""
        self.class_codes(list(state["classes"]))
        self.group_codes([Group(model, version, tuple(rest)) for model, version, *rest in state["groups"]])
        self.source_codes(list(state["label_sources"]))

    def _source_code(self, name: str) -> int:
        code = self._source_codes.get(name)
        if code is None:
            if len(self.label_sources) > MAX_LABEL_SOURCES and name != OTHER:
                return self._source_code(OTHER)
            code = self._source_codes[name] = len(self.label_sources)
            self.label_sources.append(name)
        return code

    def _class_code(self, name: str, most: int) -> int:
        code = self._class_codes.get(name)
        if code is None:
            if len(self.classes) >= most:
                return REFUSED
            code = self._class_codes[name] = len(self.classes)
            self.classes.append(name)
        return code

    def _group_code(self, group: Group) -> int:
        code = self._group_codes.get(group)
        if code is not None:
            return code
        pair = self._pairs.get((group.model, group.version))
        if pair is None:
            if len(self._pairs) >= self.spec.max_models:
                return REFUSED
            pair = self._pairs[group.model, group.version] = len(self._pairs)
            self.versions.append(group.version)
        folded = Group(group.model, group.version, (OTHER,) * len(group.segments))
        if len(self.groups) >= self.spec.max_groups and group != folded:
            return self._group_code(folded)
        code = self._group_codes[group] = len(self.groups)
        self.groups.append(group)
        if code == len(self.pair_of):
            for column in ("pair_of", "horizon_ms", "settle_ms", "final_ms", "paired_model"):
                setattr(self, column, np.resize(getattr(self, column), 2 * code))
        timing = self.spec.timing_of(group.model)
        self.pair_of[code], self.horizon_ms[code] = pair, timing.horizon_ms
        self.settle_ms[code], self.final_ms[code] = timing.settle_ms, timing.final_ms
        paired = self.spec.paired
        self.paired_model[code] = paired.index(group.model) + 1 if group.model in paired else 0
        return code
