"""What comes of comparing two versions. Nothing is computed here: whoever only tells it need not load statistics."""

from enum import StrEnum
from typing import NamedTuple


class GateVerdict(StrEnum):
    """What a gate says."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"

    @property
    def code(self) -> int:
        """1 pass, 0 inconclusive, -1 fail."""
        return {"pass": 1, "fail": -1, "inconclusive": 0}[self.value]


class ClassDifference(NamedTuple):
    """One class; `delta` and `upper` are None with fewer events than asked for."""

    name: str
    n: int
    n_base: int
    delta: float | None
    upper: float | None
    veto: bool


class Comparison(NamedTuple):
    """What the events say. Numbers are None while any class has too few events (`too_few`, in order)."""

    verdict: GateVerdict
    candidate: float | None  # balanced accuracy
    baseline: float | None
    delta: float | None
    lower: float | None
    upper: float | None
    classes: tuple[ClassDifference, ...]
    too_few: tuple[ClassDifference, ...]
