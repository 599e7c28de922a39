"""Does 80 % mean 80 %? Accuracy against confidence, by bins of confidence, and how many predictions lie in each."""

from collections.abc import Mapping, Sequence
from math import fsum
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from streams.quality.measures.intervals import wilson
from streams.report.axes import ratio_axis
from streams.report.canvas import ALARM, INK, PAPER, SERIES, SOFT, WIDTH_IN, Drawing, new_figure
from streams.report.evidence import Evidence
from streams.report.rows import Bin
from streams.report.sections import Section, Table, not_recorded, nothing_yet
from streams.report.words import count, interval, percent, short

MOST_VERSIONS = 3
_FEW_LABELS = 10
"""A bin with fewer labels is pale and not part of the line."""

_KEY, _HEADING = "calibration", "Calibration"
_LEAD = (
    "How often predictions of a confidence are right; on the diagonal the model is as sure as it should be. Bars are "
    "95 % intervals; a filled mark is a bin whose interval misses the diagonal, a pale one has few labels. Below: how "
    "many labelled predictions."
)


class Point(NamedTuple):
    """One bin over several windows; `confidence` is the mean over its predictions."""

    low: float
    high: float
    confidence: float
    labelled: int
    correct: int

    @property
    def accuracy(self) -> float:
        """The share that was right."""
        return self.correct / self.labelled

    @property
    def interval(self) -> tuple[float, float]:
        """Its 95 % interval."""
        return wilson(self.accuracy, self.labelled)

    @property
    def is_off(self) -> bool:
        """Whether the interval misses the mean confidence."""
        lower, upper = self.interval
        return not lower <= self.confidence <= upper


def calibration_section(evidence: Evidence, numbers: Mapping[str, int]) -> Section:
    """The part of the page; `numbers` are the versions' colours."""
    if evidence.bins is None:
        return not_recorded(_KEY, _HEADING, "calibration")
    found = {version: _points(evidence, version) for version in reversed(evidence.versions)}
    found = {version: points for version, points in found.items() if points}
    if not found:
        return nothing_yet(_KEY, _HEADING, "No settled window has a labelled prediction with a score.")
    newest = [version for version in found if version in numbers][:MOST_VERSIONS]
    span = "the newest settled window" if evidence.is_sliding else "all settled windows together"
    lead = f"{_LEAD} Counts over {span}."
    tables = tuple(_table(version, points) for version, points in found.items() if version in numbers)
    drawing = _drawing({version: found[version] for version in newest}, numbers)
    return Section(_KEY, _HEADING, lead, (drawing,), tables)


def _points(evidence: Evidence, version: str) -> list[Point]:
    """Bins with labels, added up over the settled and final windows; only the newest one where windows overlap."""
    starts = [row.start_ms for row in evidence.windows[version] if row.is_verdict and row.labelled]
    wanted = set(starts[-1:] if evidence.is_sliding else starts)
    groups: dict[int, list[Bin]] = {}
    for row in (evidence.bins or {}).get(version, ()):
        if row.start_ms in wanted and row.labelled:
            groups.setdefault(row.number, []).append(row)
    return [_point(groups[number]) for number in sorted(groups)]


def _point(rows: Sequence[Bin]) -> Point:
    known = [(row.confidence, row.predictions) for row in rows if row.confidence is not None]
    weight = sum(number for _, number in known)
    middle = (rows[0].low + rows[0].high) / 2
    confidence = fsum(mean * number for mean, number in known) / weight if weight else middle
    return Point(
        rows[0].low, rows[0].high, confidence, sum(row.labelled for row in rows), sum(row.correct for row in rows)
    )


def _drawing(found: Mapping[str, Sequence[Point]], numbers: Mapping[str, int]) -> Drawing:
    side_in, bars_in = 2.55, 0.55
    height_in = side_in + bars_in + 1.15
    figure = new_figure(height_in)
    for position, (version, points) in enumerate(found.items()):
        left = (0.68 + position * 3.3) / WIDTH_IN
        bottom = (0.52 + bars_in + 0.1) / height_in
        axes = figure.add_axes((left, bottom, side_in / WIDTH_IN, side_in / height_in))
        below = figure.add_axes((left, 0.52 / height_in, side_in / WIDTH_IN, bars_in / height_in))
        _curve(axes, points, SERIES[numbers[version]])
        axes.set_title(short(version, 30), pad=17)
        below.bar(
            [point.low for point in points], [point.labelled for point in points],
            [point.high - point.low for point in points], align="edge", color=SERIES[numbers[version]], alpha=0.55,
        )  # fmt: skip
        below.set_xlim(axes.get_xlim())
        below.set_xticks(np.linspace(0, 1, 5), ["0", "25", "50", "75", "100 %"])
        most = max(point.labelled for point in points)
        below.set_yticks([most], [_thousands(most)])
        below.tick_params(axis="y", labelsize=7, length=0)
        below.grid(visible=False)
        below.set_xlabel("confidence of the prediction")
        if position == 0:
            axes.set_ylabel("share that was right")
    said = " ".join(f"{short(version, 40)}: {_verdict(points)}" for version, points in found.items())
    return Drawing("Calibration: accuracy by confidence", said, figure)


def _curve(axes: Axes, points: Sequence[Point], colour: str) -> None:
    axes.plot([0, 1], [0, 1], color=SOFT, linewidth=0.8, linestyle=(0, (4, 3)))
    enough = [point for point in points if point.labelled >= _FEW_LABELS]
    line = [point.confidence for point in enough], [point.accuracy for point in enough]
    axes.plot(*line, color=colour, linewidth=1.0, alpha=0.7)
    for point in points:
        lower, upper = point.interval
        mark = ALARM if point.is_off else colour
        alpha = 1.0 if point.labelled >= _FEW_LABELS else 0.4
        axes.vlines(point.confidence, lower, upper, color=mark, linewidth=1.1, alpha=alpha)
        axes.plot(
            [point.confidence], [point.accuracy], marker="o", markersize=4.5, color=mark,
            markerfacecolor=mark if point.is_off else PAPER, alpha=alpha,
        )  # fmt: skip
    ratio_axis(axes)
    axes.set_xlim(-0.03, 1.03)
    axes.set_xticks(np.linspace(0, 1, 5), [""] * 5)
    axes.text(0, 1.025, _verdict(points), transform=axes.transAxes, size=8, color=INK)


def _verdict(points: Sequence[Point]) -> str:
    labelled = sum(point.labelled for point in points)
    sure = fsum(point.confidence * point.labelled for point in points) / labelled
    right = sum(point.correct for point in points) / labelled
    return f"{percent(sure)} sure on average, {percent(right)} right"


def _thousands(number: int) -> str:
    return count(number) if number < 10_000 else f"{number / 1_000:,.0f}k"


def _table(version: str, points: Sequence[Point]) -> Table:
    body = [
        (
            f"{percent(point.low, 0)} to {percent(point.high, 0)}", count(point.labelled), count(point.correct),
            percent(point.confidence), percent(point.accuracy), interval(*point.interval),
            "off the diagonal" if point.is_off else "",
        )
        for point in points
    ]  # fmt: skip
    head = ("confidence", "labelled", "right", "mean confidence", "accuracy", "95 % interval", "")
    return Table(f"{short(version, 60)}: bins of confidence", head, body)
