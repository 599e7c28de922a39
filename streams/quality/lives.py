"""What is remembered of the rows of each window that can still change, and how a state tells it.

Counts follow from the shares and are not here. A window is known again under another spec by its name, its lengths
and its start: then its rows have the same keys, and what they showed is true of it there as well.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from streams.quality.maturing.outlook import Outlook
from streams.quality.measures.scoring import ScoreMeasures
from streams.quality.rows import Status
from streams.quality.spec import WindowSpec

Key = tuple[int, int, int]
"""Line, index of the window spec, start of the window in ms."""


class Told:
    """Which rows a window had that nothing else tells of: where they are empty later, they say so."""

    __slots__ = ("calibration", "delays", "groups", "sources", "views")

    def __init__(self) -> None:
        self.calibration: dict[str, tuple[int, ...]] = {}  # segment -> bins
        self.delays: list[tuple[str | None, int]] = []  # class (None: all), bin
        self.groups = False
        self.sources: list[tuple[str, str | None]] = []  # source, the other one of a pair
        self.views: dict[tuple[str, str], set[int]] = {}  # view other than by event time, segment -> classes


class Life:
    """What is remembered of the rows of a window; `status` is None before they are written (again, if `shown_before`).

    `unsaid` windows came with a state of another spec and are written as a whole in the next round.
    """

    __slots__ = ("emptied", "outlook", "scores", "shown", "shown_before", "status", "told", "unsaid")

    def __init__(self, dimensions: int) -> None:
        # segment -> classes whose row says nothing is left: it must not stay behind when all rows are written again,
        # since its true negatives grew with the window
        self.emptied: dict[str, set[int]] = {}
        self.status: Status | None = None
        self.shown: list[frozenset[str] | None] = [None] * dimensions
        self.unsaid = False
        self.shown_before = False
        self.outlook: Outlook | None = None  # of all predictions, at the last label age that was looked at
        self.told = Told()
        self.scores: dict[str, tuple[int, ScoreMeasures]] = {}  # segment -> age (s) and what was taken then


def dump_lives(lives: Mapping[Key, Life]) -> dict[str, object]:
    """The windows and what is remembered of them; for `load_lives`."""
    every = list(enumerate(lives.values()))
    return {
        "windows": np.array(list(lives), np.int64).tobytes(),
        "shown": [
            [i, [None if values is None else sorted(values) for values in life.shown]]
            for i, life in every
            if any(values is not None for values in life.shown)
        ],
        "emptied": [
            [i, [[segment, sorted(classes)] for segment, classes in sorted(life.emptied.items())]]
            for i, life in every
            if life.emptied
        ],
        "unsaid": [[i, life.shown_before] for i, life in every if life.unsaid],
        "told": [
            [
                i,
                [[s, list(bins)] for s, bins in told.calibration.items()],
                list(told.delays),
                list(told.sources),
                told.groups,
            ]
            for i, told in ((i, life.told) for i, life in every)
            if told.calibration or told.delays or told.sources or told.groups
        ],
        "views": [
            [i, [[*key, sorted(classes)] for key, classes in sorted(life.told.views.items())]]
            for i, life in every
            if life.told.views
        ],
        "scores": [
            [i, [[segment, age_s, *scores] for segment, (age_s, scores) in life.scores.items()]]
            for i, life in every
            if life.scores
        ],
        "outlooks": [[i, list(life.outlook)] for i, life in every if life.outlook is not None],
    }


def load_lives(state: Mapping[str, Any], lines: int, windows: int, dimensions: int) -> dict[Key, Life]:
    """What `dump_lives` gave, without statuses. Raises ValueError when it is of what there is not."""
    lives: dict[Key, Life] = {}
    for number, w, start in np.frombuffer(state["windows"], np.int64).reshape(-1, 3).tolist():
        if not (0 <= number < lines and 0 <= w < windows):
            raise ValueError("a window of an unknown model version or size")
        lives[number, w, start] = Life(dimensions)
    every = list(lives.values())
    for i, shown in state["shown"]:
        if len(shown) != dimensions:
            raise ValueError("a window shows values of other dimensions")
        every[i].shown = [None if values is None else frozenset(values) for values in shown]
    for i, emptied in state["emptied"]:
        every[i].emptied = {segment: set(classes) for segment, classes in emptied}
    for i, shown_before in state["unsaid"]:
        every[i].unsaid, every[i].shown_before = True, bool(shown_before)
    for i, calibration, delays, sources, groups in state["told"]:
        every[i].told.groups = bool(groups)
        every[i].told.calibration = {segment: tuple(bins) for segment, bins in calibration}
        every[i].told.delays = [(cls, b) for cls, b in delays]
        every[i].told.sources = [(source, other) for source, other in sources]
    for i, views in state["views"]:
        every[i].told.views = {(view, segment): set(classes) for view, segment, classes in views}
    for i, scores in state["scores"]:
        every[i].scores = {segment: (age_s, ScoreMeasures(*taken)) for segment, age_s, *taken in scores}
    for i, outlook in state["outlooks"]:
        every[i].outlook = Outlook(*outlook)
    return lives


def known_again(
    lives: Mapping[Key, Life], old: tuple[WindowSpec, ...], new: tuple[WindowSpec, ...]
) -> Iterable[tuple[Key, Life]]:
    """The windows of an old spec whose rows were written and that are windows of a new one, by their new keys."""
    lengths = {(w.name, w.size_ms, w.step_ms): (i, w) for i, w in enumerate(new)}
    for (line, w, start), life in lives.items():
        index, window = lengths.get((old[w].name, old[w].size_ms, old[w].step_ms), (0, None))
        if window is not None and window.last_start(start) == start and (life.shown_before or not life.unsaid):
            life.unsaid = life.shown_before = True
            yield (line, index, start), life
