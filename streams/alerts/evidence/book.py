"""The counts that rules see, by model: each change is taken in when the first step is judged that it was known for.

A step t of a model is judged by what each ledger partition had counted when it passed `t + settle` itself. A flush is
always taken there, so a change counts from the first step on whose border lies above the watermark that its partition
stood at before it. That depends on each partition's own order, never on how flushes fell into rounds.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from streams.alerts.evidence.ring import COLUMNS, HITS, OF_CLASS, PREDICTED, SUPPORT, Ints, Ring, Windows
from streams.alerts.evidence.series import Series
from streams.alerts.rules.model import HOUR
from streams.ledger.spec import NO_TIME
from streams.quality.counts.details import FIRST_DETAIL, SHIFT, UNLABELLED
from streams.quality.counts.names import Names
from streams.quality.counts.shares import Changes

MOST_ROWS = 20_000
"""Classes times series that a model has counts by step of; segment values that come later have none."""

MOST_NAMED = 100_000
"""Segment values that are known to have none; further ones are not told apart."""

SeriesKey = tuple[str, str, str]
"""Version, dimension and value; the last two "" of all segments together."""


class ModelBook:
    """The counts of one model: its series, and the changes that wait for their step."""

    def __init__(self, model: str, windows: Windows, dimensions: tuple[int, ...], since: int = NO_TIME) -> None:
        """`dimensions` are the indexes of those whose values have series of their own.

        Of steps up to `since` nothing is counted: changes of what was counted before are no counts.
        """
        self.model = model
        self.windows = windows
        self.dimensions = dimensions
        self.classes: list[str] = []
        self.series: dict[SeriesKey, Series] = {}
        self.left_out: set[tuple[str, str]] = set()  # dimensions and values that came when there was no room
        self.t = NO_TIME
        self._since = self._end(since - 1)
        self._since_of: dict[SeriesKey, int] = {}  # the same of a version, or of the values of a dimension
        self._local: dict[int, int] = {}  # the judge's number of a class -> the index here
        self._capacity = 8
        self._waiting: list[tuple[int, Changes]] = []

    @property
    def idle(self) -> bool:
        """Whether no step up to the newest that is kept has a count."""
        return all(series.ring.over for series in self.series.values())

    def take(self, stood: int, changes: Changes) -> None:
        """Changes by a ledger partition that stood at a watermark."""
        self._waiting.append((stood, changes))

    def first_step(self, pane_ms: int) -> int | None:
        """The end of the first step with a change that waits, or with counts behind the newest; None without one."""
        panes = [int(changes.pane.min()) for _, changes in self._waiting if len(changes.pane)]
        ends = [self._end(min(panes) * pane_ms)] if panes else []
        return min([*ends, *(end for series in self.series.values() for end in series.ring.ahead)], default=None)

    def begin(self, t: int) -> None:
        """Judge the step that ends behind `t` next. For a model without steps, or one in which nothing is left."""
        self.t = t
        for series in self.series.values():
            series.ring = series.ring.begun(t)

    def apply(self, border: int, names: Names, pane_ms: int) -> None:
        """Count what was known when every partition passed a border."""
        ready = [changes for stood, changes in self._waiting if stood < border]
        if not ready:
            return
        self._waiting = [(stood, changes) for stood, changes in self._waiting if stood >= border]
        every = Changes.joined(ready)
        self._count(every, names, pane_ms)

    def step(self, excluded: Callable[[Series], bool] = lambda _: False) -> None:
        """Move every series on by one step; one that is `excluded` without counting it."""
        self.t += self.windows.step_ms
        for series in self.series.values():
            before = series.ring.settled_at
            series.ring.step(excluded=excluded(series))
            if series.ring.settled_at != before:
                series.first_ms = series.first_ms or self.t
                series.last_ms = self.t

    def retire(self, version: str) -> None:
        """Forget what was counted of a version up to now."""
        for key in [key for key in self.series if key[0] == version]:
            series = self.series.pop(key)
            if series.ring.ahead:  # it comes back
                self._begin(key, series.ring.renewed())
        self._since_of[version, "", ""] = self.t
        oldest = self.t - max(self.windows.steps_ms, self.windows.hours_ms) - HOUR
        self._since_of = {key: since for key, since in self._since_of.items() if since > oldest}
        self._bar_left_out()

    def rewindow(self, windows: Windows, dimensions: tuple[int, ...], names: tuple[str, ...]) -> None:
        """Pool over other windows from now on; a longer one begins with what is kept.

        What was not kept until now cannot be counted from its changes alone, so those count nothing: of values of a
        dimension that had no series, and with steps of another length of everything.
        """
        furthest = self._furthest()
        for d in dimensions:
            if d not in self.dimensions:
                self._since_of["", names[d], ""] = furthest
        self.dimensions = dimensions
        kept = {names[d] for d in dimensions} | {""}
        for key in [key for key in self.series if key[1] not in kept]:
            del self.series[key]
        self._bar_left_out()
        if windows.step_ms != self.windows.step_ms:
            self.windows = windows
            self._since = self._end(furthest - 1)
            if self.t != NO_TIME:
                self.t = self.t // windows.step_ms * windows.step_ms
            for series in self.series.values():
                series.ring = Ring(windows, self._capacity, self.t, self._since)
        if windows != self.windows:
            self._since = max(self._since, self.t - self.windows.hours_ms)
            self.windows = windows
            for series in self.series.values():
                series.ring = series.ring.rewindowed(windows)

    def dump(self) -> dict[str, object]:
        """Everything, of plain values; for `load`."""
        return {
            "t": self.t,
            "classes": list(self.classes),
            "local": [[number, index] for number, index in self._local.items()],
            "capacity": self._capacity,
            "since": [self._since, *([*key, since] for key, since in self._since_of.items())],
            "left_out": sorted(map(list, self.left_out)),
            "series": [[*key, s.began_ms, s.first_ms, s.last_ms, s.ring.dump()] for key, s in self.series.items()],
            "waiting": [[stood, *(column.tobytes() for column in changes)] for stood, changes in self._waiting],
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Fill an empty one with what `dump` gave. Raises ValueError when it is damaged."""
        self.t, self._capacity = state["t"], state["capacity"]
        self.classes.extend(state["classes"])
        self._since, *since_of = state["since"]
        self._since_of = {(version, dimension, value): since for version, dimension, value, since in since_of}
        self.left_out = {(dimension, value) for dimension, value in state["left_out"]}
        self._local = {number: index for number, index in state["local"]}  # noqa: C416 - lists become pairs
        for version, dimension, value, began_ms, first_ms, last_ms, ring in state["series"]:
            series = self._begin((version, dimension, value), Ring.load(self.windows, self._capacity, ring))
            series.began_ms, series.first_ms, series.last_ms = began_ms, first_ms, last_ms
        for stood, *columns in state["waiting"]:
            changes = Changes(*(np.frombuffer(column, np.int64) for column in columns))
            if len({len(column) for column in changes}) > 1:
                raise ValueError("the columns of what waits for its step do not belong together")
            self._waiting.append((stood, changes))

    def _count(self, changes: Changes, names: Names, pane_ms: int) -> None:
        end = changes.pane * pane_ms // self.windows.step_ms * self.windows.step_ms + self.windows.step_ms
        actual, predicted = changes.code >> SHIFT, changes.code & UNLABELLED
        self._learn(np.concatenate((actual[actual != UNLABELLED], predicted)), names)
        order = np.lexsort((end, changes.group))
        group, end = changes.group[order], end[order]
        actual, predicted, n = actual[order], predicted[order], changes.n[order]
        cuts = np.flatnonzero((group[1:] != group[:-1]) | (end[1:] != end[:-1])) + 1
        for begin, stop in zip([0, *cuts.tolist()], [*cuts.tolist(), len(n)], strict=True):
            delta = self._delta(actual[begin:stop], predicted[begin:stop], n[begin:stop])
            for series in self._series_of(int(group[begin]), names):
                series.ring.add(int(end[begin]), delta)

    def _delta(self, actual: Ints, predicted: Ints, n: Ints) -> Ints:
        delta = np.zeros((self._capacity, COLUMNS), np.int64)
        for a, p, count in zip(actual.tolist(), predicted.tolist(), n.tolist(), strict=True):
            column = self._local[p]
            delta[column, OF_CLASS] += count
            if a != UNLABELLED:
                row = self._local[a]
                delta[row, SUPPORT] += count
                delta[column, PREDICTED] += count
                if a == p:
                    delta[row, HITS] += count
        return delta

    def _learn(self, numbers: Ints, names: Names) -> None:
        """Number classes that were not seen before, by name."""
        new = sorted((names.classes[c], c) for c in np.unique(numbers).tolist() if c not in self._local)
        for name, number in new:
            self._local[number] = len(self.classes)
            self.classes.append(name)
        if len(self.classes) > self._capacity:
            while len(self.classes) > self._capacity:
                self._capacity *= 2
            for series in self.series.values():
                series.ring.grow(self._capacity)

    def _series_of(self, group: int, names: Names) -> list[Series]:
        version = names.lines[names.line_of[group]].version
        values = ((d, names.series[d][names.series_of[d][group]][1]) for d in self.dimensions)
        keys = [(version, "", ""), *((version, names.dimensions[d], value) for d, value in values)]
        found = []
        for key in keys:
            series = self.series.get(key)
            if series is None and (not key[1] or len(self.series) * self._capacity < MOST_ROWS):
                series = self._begin(key, Ring(self.windows, self._capacity, self.t, self._since_for(key)))
            if series is not None:
                found.append(series)
            elif len(self.left_out) < MOST_NAMED:
                self.left_out.add(key[1:])
        return found

    def _since_for(self, key: SeriesKey) -> int:
        version, dimension, _ = key
        since = max(self._since, self._since_of.get((version, "", ""), NO_TIME))
        return max(since, self._since_of.get(("", dimension, ""), NO_TIME)) if dimension else since

    def _bar_left_out(self) -> None:
        """What had no room may have some now; what was counted of it until now is not known."""
        if self.left_out:
            furthest = self._furthest()
            for dimension in {dimension for dimension, _ in sorted(self.left_out)}:
                self._since_of["", dimension, ""] = furthest

    def _furthest(self) -> int:
        """The end of the last step that may have counts that are not kept."""
        return max([self.t, self._since, *(end for series in self.series.values() for end in series.ring.ahead)])

    def _begin(self, key: SeriesKey, ring: Ring) -> Series:
        segment = (key[1], key[2]) if key[1] else None
        series = self.series[key] = Series(self.model, key[0], segment, self.classes, ring)
        return series

    def _end(self, time_ms: int) -> int:
        """The end of the step that holds a time."""
        return time_ms // self.windows.step_ms * self.windows.step_ms + self.windows.step_ms


def by_model(changes: Changes, names: Names) -> dict[str, Changes]:
    """The changes of confusion tables, by model."""
    table = changes.code < FIRST_DETAIL
    if not table.all():
        changes = Changes(*(column[table] for column in changes))
    if not len(changes.n):
        return {}
    lines = np.array(names.line_of, np.int64)[changes.group]
    models = sorted({names.lines[line].model for line in np.unique(lines).tolist()})
    if len(models) == 1:
        return {models[0]: changes}
    number = {model: i for i, model in enumerate(models)}
    of_line = np.array([number.get(line.model, -1) for line in names.lines], np.int64)[lines]
    return {model: Changes(*(column[of_line == i] for column in changes)) for model, i in number.items()}
