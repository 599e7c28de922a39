"""Is what the job counted right? Every figure of its rows against the answers that came with the data.

The answers were counted from the logs by other code; nothing here knows how the job counts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isclose
from typing import Any

from streams.ledger.times import rfc3339

_COUNTS = {"n_predictions": "predictions", "n_labelled": "labelled", "classes_with_support": "classes_with_support"}
_RATIOS = ("coverage", "accuracy", "balanced_accuracy")
_CELLS = ("tp", "fp", "fn", "tn", "support", "predicted")

Values = Mapping[str, Any]
Key = tuple[str, ...]
"""Which window: start, version and perhaps segment."""


@dataclass(slots=True)
class Comparison:
    """How many windows and figures were compared, and a line for each that differs."""

    windows: int = 0
    figures: int = 0
    differences: list[str] = field(default_factory=list)

    @property
    def is_equal(self) -> bool:
        """Something was compared and nothing differs."""
        return bool(self.figures) and not self.differences

    def sentence(self) -> str:
        """What came of it, for people."""
        verdict = "all equal" if self.is_equal else f"{len(self.differences):,} differ"
        return f"{self.windows:,} windows, {self.figures:,} figures: {verdict}"

    def figure(self, where: str, name: str, expected: object, found: object) -> None:
        """Compare one figure; ratios to 12 digits."""
        self.figures += 1
        if isinstance(expected, float) and isinstance(found, (int, float)):
            is_same = isclose(expected, found, rel_tol=0, abs_tol=1e-12)
        else:
            is_same = expected == found and (expected is None) == (found is None)
        if not is_same:
            self.differences.append(f"{where}: {name} is {found}, should be {expected}")


def compare_days(answers: Values, windows: Iterable[Values], classes: Iterable[Values]) -> Comparison:
    """Every window of all segments together, and in it every class."""
    of_class = {(r["window_start"], r["model_version"], r["class"]): r for r in classes}
    found: dict[Key, Values] = {(r["window_start"], r["model_version"]): r for r in windows}
    wanted: dict[Key, Values] = {(rfc3339(a["window_start"]), a["model_version"]): a for a in answers["windows"]}
    out = _compare_windows(wanted, found)
    for key, answer in wanted.items():
        if key not in found:
            continue
        for name, cells in answer["per_class"].items():
            row = of_class.get((*key, name))
            if row is None and any(cells[cell] for cell in ("tp", "fp", "fn")):
                out.differences.append(f"{_name(key)}, class {name}: missing")
            elif row is not None:
                for cell in _CELLS:
                    out.figure(f"{_name(key)}, class {name}", cell, cells[cell], row[cell])
    return out


def compare_segments(answers: Values, windows: Iterable[Values], dimension: str) -> Comparison:
    """Every window of every segment of a dimension."""
    found: dict[Key, Values] = {
        (r["window_start"], r["model_version"], r["segment"]): r for r in windows if r["segment"] != "all"
    }
    wanted: dict[Key, Values] = {
        (rfc3339(a["window_start"]), a["model_version"], f"{dimension}={a['segment']}"): a
        for a in answers["segment_windows"]
    }
    return _compare_windows(wanted, found)


def _compare_windows(wanted: Mapping[Key, Values], found: Mapping[Key, Values]) -> Comparison:
    out = Comparison(len(wanted))
    out.differences += [f"{_name(key)}: has no predictions in the answers" for key in sorted(set(found) - set(wanted))]
    for key, answer in wanted.items():
        row = found.get(key)
        if row is None:
            out.differences.append(f"{_name(key)}: missing")
            continue
        for expected, name in _COUNTS.items():
            out.figure(_name(key), name, answer[expected], row[name])
        for name in _RATIOS:
            out.figure(_name(key), name, answer[name], row[name])
    return out


def _name(key: Key) -> str:
    day, *rest = key
    return f"{day[:10]} {' '.join(rest)}"
