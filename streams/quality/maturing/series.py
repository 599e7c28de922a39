"""How the windows of one model version and size mature, and what that says of those that did not yet.

`look` at the ages of a window, `mature` once when it is final, both in order of time. What is said is a function of
those calls alone: no clock, and no order of classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from streams.quality.counts.counted import Counted
from streams.quality.maturing import completeness, coverage, snapshot
from streams.quality.maturing.dense import Dense, balanced_accuracy, classes_of, dense, joint
from streams.quality.maturing.estimate import estimated
from streams.quality.maturing.generation import Generation
from streams.quality.maturing.nowcast import Matured, in_the_end, interval, nowcast
from streams.quality.maturing.outlook import (
    AGES_MS,
    FEWEST_WINDOWS,
    MOST_CLASSES,
    SIGNIFICANT,
    Outlook,
    Unknown,
    explained,
    silent,
)

Ints = NDArray[np.int64]
T = TypeVar("T")

MOST_KEPT = 1_000_000
"""Counts in snapshots of unfinished windows, 8 bytes each; further snapshots are not kept and teach nothing."""

_MANY_TO_COME = 5  # so many labels to come for predictions of a class without one: it will have one, and then counts

_NOWCAST = (
    "coverage_model",
    "balanced_accuracy_nowcast",
    "balanced_accuracy_nowcast_lower",
    "balanced_accuracy_nowcast_upper",
)


@dataclass
class _Unfinished:
    """A window that can still change: its first estimate, and what was known at its ages."""

    estimate: float | None
    known: dict[int, Ints] = field(default_factory=dict)


class Maturing:
    """How windows mature, and what that says about those that did not yet."""

    __slots__ = ("_kept", "_matured_ms", "_names", "_newer", "_older", "_unfinished")

    def __init__(self) -> None:
        self._names: tuple[str, ...] = ()
        self._older, self._newer = Generation.empty(0), Generation.empty(0)
        self._unfinished: dict[int, _Unfinished] = {}
        self._kept = 0
        self._matured_ms: int | None = None

    def look(self, start_ms: int, age_ms: int, counts: Counted) -> Outlook:
        """What can be said of a window that reached an age: `counts` as known now.

        Once for each window and age, in order of age and before the window matures. Raises ValueError for an age that
        is not one of AGES_MS.
        """
        if age_ms not in AGES_MS:
            raise ValueError(f"windows are looked at when they are {AGES_MS} ms old, not {age_ms}")
        age = AGES_MS.index(age_ms)
        if not counts.predictions:
            return silent(Unknown.NO_PREDICTIONS, age_ms)
        if not self._adopt(counts):
            return silent(Unknown.TOO_MANY_CLASSES, age_ms)
        window = dense(counts, self._names)
        unsaid: dict[str, Unknown] = {}
        estimate = _said(self._estimate(window), ("balanced_accuracy_estimated",), unsaid)
        self._keep(start_ms, age, window, estimate)
        biased = _said(_biased(window), ("coverage_biased",), unsaid)
        matured = self._matured(age)
        drift = _said(_drifted(window, matured), ("coverage_drift",), unsaid)
        found = _said(_nowcast(window, matured, drift), _NOWCAST, unsaid)
        model, balanced, lower, upper = (None,) * 4 if found is None else found
        error = _said(self._error(), ("estimate_error",), unsaid)
        why = explained(unsaid)
        return Outlook(biased, drift, model, age_ms // 1000, balanced, lower, upper, estimate, error, why)

    def mature(self, start_ms: int, counts: Counted) -> None:
        """A window is final: what was known of it at its ages shows how labels come, and its estimate how good it was.

        Once for each window, in order of time; one that starts before the last one is too late and is left out, and
        so are the snapshots of earlier windows that never matured.
        """
        if self._matured_ms is not None and start_ms <= self._matured_ms:
            return
        self._matured_ms = start_ms
        window = self._unfinished.get(start_ms)
        for gone in [start for start in self._unfinished if start <= start_ms]:
            self._kept -= sum(len(known) for known in self._unfinished.pop(gone).known.values())
        if not counts.labelled or not self._adopt(counts):
            return
        newer = self._newer
        newer.first_ms = start_ms if newer.first_ms is None else newer.first_ms
        newer.windows += 1
        newer.joint += joint(counts, self._names)
        if window is not None:
            final = dense(counts, self._names).labelled
            for age, packed in window.known.items():
                self._learn(age, packed, final)
            if window.estimate is not None:
                newer.errors += 1
                newer.error_sum += abs(window.estimate - balanced_accuracy(counts))
        if newer.is_full(start_ms):
            self._forget()

    # ------------------------------------------------------------------ what is said

    def _estimate(self, window: Dense) -> float | Unknown:
        if self._older.windows + self._newer.windows < FEWEST_WINDOWS:
            return Unknown.FEW_MATURED_WINDOWS
        return estimated(window.by_confidence, self._older.joint + self._newer.joint)

    def _error(self) -> float | Unknown:
        errors = self._older.errors + self._newer.errors
        return (self._older.error_sum + self._newer.error_sum) / errors if errors else Unknown.NO_ERROR_YET

    def _matured(self, age: int) -> Matured | None:
        """The reference at an age; None with too few windows."""
        older, newer = self._older, self._newer
        if older.looked[age] + newer.looked[age] < FEWEST_WINDOWS:
            return None
        predictions = older.predictions[age] + newer.predictions[age]
        return Matured(older.known[age] + newer.known[age], older.final[age] + newer.final[age], predictions)

    # ------------------------------------------------------------------ what is kept

    def _keep(self, start_ms: int, age: int, window: Dense, estimate: float | None) -> None:
        if self._matured_ms is not None and start_ms <= self._matured_ms:
            return
        packed = snapshot.pack(window.labelled, window.predictions)
        before = self._unfinished.setdefault(start_ms, _Unfinished(estimate))
        if age in before.known or self._kept + len(packed) > MOST_KEPT:
            return
        before.known[age] = packed
        self._kept += len(packed)

    def _learn(self, age: int, packed: Ints, final: Ints) -> None:
        known, predictions = snapshot.unpack(packed, len(self._names))
        self._newer.looked[age] += 1
        self._newer.known[age] += known
        self._newer.final[age] += final
        self._newer.predictions[age] += predictions

    def _adopt(self, counts: Counted) -> bool:
        """Make room for the classes of some counts; False when there would be too many."""
        own = classes_of(counts)
        if len(own) > MOST_CLASSES:
            return False
        names = tuple(sorted({*self._names, *own}))
        if len(names) > MOST_CLASSES:  # the classes of the reference are not these any more
            self._older, self._newer = Generation.empty(0), Generation.empty(0)
            self._unfinished, self._kept, self._names = {}, 0, ()
            names = tuple(sorted(own))
        if names != self._names:
            self._rename(names)
        return True

    def _rename(self, names: tuple[str, ...]) -> None:
        """Number the classes anew; one that has no name any more is counted nowhere."""
        at = {name: i for i, name in enumerate(names)}
        to = np.array([at.get(name, -1) for name in self._names], np.int64)
        self._older = self._older.renumbered(to, len(names))
        self._newer = self._newer.renumbered(to, len(names))
        for window in self._unfinished.values():
            window.known = {age: snapshot.renumbered(packed, to) for age, packed in window.known.items()}
        self._names = names

    def _forget(self) -> None:
        """The newer generation is full: it becomes the older one, and classes that are gone lose their number."""
        k = len(self._names)
        self._older, self._newer = self._newer, Generation.empty(k)
        used = self._older.used()
        for window in self._unfinished.values():
            for packed in window.known.values():
                used |= snapshot.used(packed, k)
        self._rename(tuple(name for name, is_used in zip(self._names, used.tolist(), strict=True) if is_used))

    # ------------------------------------------------------------------ checkpoints

    def dump(self) -> dict[str, object]:
        """All of it as plain values."""
        return {
            "names": list(self._names),
            "older": self._older.dump(),
            "newer": self._newer.dump(),
            "matured_ms": self._matured_ms,
            "unfinished": [
                [
                    start,
                    window.estimate,
                    [[age, packed.astype("<i8").tobytes()] for age, packed in window.known.items()],
                ]
                for start, window in sorted(self._unfinished.items())
            ],
        }

    @classmethod
    def load(cls, state: Mapping[str, object]) -> "Maturing":
        """What `dump` gave. Raises ValueError when it is damaged."""
        new = cls()
        match state:
            case {
                "names": [*names],
                "older": dict(older),
                "newer": dict(newer),
                "matured_ms": int() | None as matured_ms,
                "unfinished": [*unfinished],
            } if names == sorted({str(name) for name in names}) and len(names) <= MOST_CLASSES:
                new._names, new._matured_ms = tuple(str(name) for name in names), matured_ms
                new._older, new._newer = Generation.load(older, len(names)), Generation.load(newer, len(names))
            case _:
                raise ValueError("the state of maturing windows is damaged")
        for window in unfinished:
            new._load_unfinished(window)
        return new

    def _load_unfinished(self, state: object) -> None:
        match state:
            case [int(start), float() | None as estimate, [*known]] if estimate is None or isfinite(estimate):
                window = self._unfinished[start] = _Unfinished(estimate)
            case _:
                raise ValueError("an unfinished window is damaged")
        for of_age in known:
            match of_age:
                case [int(age), bytes(dumped)] if 0 <= age < len(AGES_MS) and len(dumped) % 8 == 0:
                    packed = np.frombuffer(dumped, "<i8").astype(np.int64)
                    snapshot.unpack(packed, len(self._names))
                    window.known[age] = packed
                    self._kept += len(packed)
                case _:
                    raise ValueError("a snapshot of a window is damaged")


def _said(value: T | Unknown, fields: tuple[str, ...], unsaid: dict[str, Unknown]) -> T | None:
    """The value, or None and the reason noted for the fields."""
    if isinstance(value, Unknown):
        unsaid.update(dict.fromkeys(fields, value))
        return None
    return value


def _biased(window: Dense) -> bool | Unknown:
    """Whether having a label depends on the predicted class, by chi-square, p < 0.001."""
    labelled = window.labelled.sum(axis=0)
    if not labelled.any():
        return Unknown.NOTHING_LABELLED
    if (window.predictions > 0).sum() < 2:
        return Unknown.ONE_PREDICTED_CLASS
    p = coverage.by_class(labelled, window.predictions)
    return p is not None and p < SIGNIFICANT


def _drifted(window: Dense, matured: Matured | None) -> bool | Unknown:
    """Whether labels come at another pace than before, by chi-square, p < 0.001."""
    if matured is None:
        return Unknown.FEW_MATURED_WINDOWS
    labelled, before = window.labelled.sum(axis=0), matured.known.sum(axis=0)
    p = coverage.pace(labelled, window.predictions, before, matured.predictions)
    return p is not None and p < SIGNIFICANT


def _nowcast(window: Dense, matured: Matured | None, drift: bool | None) -> tuple[str, float, float, float] | Unknown:
    """The model, the nowcast and its interval."""
    if matured is None:
        return Unknown.FEW_MATURED_WINDOWS
    if drift:
        return Unknown.COVERAGE_DRIFT
    if not window.labelled.any():
        return Unknown.NOTHING_LABELLED
    so_far = window.labelled.sum(axis=0)
    to_come = in_the_end(so_far, window.predictions, matured) - so_far
    if bool((to_come[window.labelled.sum(axis=1) == 0] >= _MANY_TO_COME).any()):
        return Unknown.CLASS_WITHOUT_LABEL
    of = completeness.fit(matured.known, matured.final)
    found = None if of is None else nowcast(window.labelled, window.predictions, of, matured)
    if of is None or found is None:
        return Unknown.NEVER_SO_EARLY
    lower, upper = interval(found, window.labelled)
    return of.model.value, found.balanced_accuracy, lower, upper
