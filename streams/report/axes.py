"""What do the pictures' axes have in common? Time in UTC, ratios in percent, series of windows with their gaps."""

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from streams.report.calendar_ticks import calendar_ticks
from streams.report.canvas import DASHES, INK, MARKERS, SERIES, WIDTH_IN
from streams.report.words import distinct

_DAY_MS = 86_400_000
Floats = npt.NDArray[np.float64]

_LEGEND_COLUMNS, _LEGEND_NAME = 3, 30

FEW = 60
"""Up to so many windows each one has a marker."""


class Series(NamedTuple):
    """A ratio over windows, in order of time: edges of steps in days since 1970, values, intervals (NaN: undefined)."""

    low: Floats
    high: Floats
    value: Floats
    lower: Floats
    upper: Floats

    @property
    def middle(self) -> Floats:
        """The middles of the steps."""
        return (self.low + self.high) / 2


def days(ms: float) -> float:
    """A time as matplotlib counts it."""
    return ms / _DAY_MS


def series(
    points: Sequence[tuple[int, float | None, float | None, float | None]], length_ms: int, step_ms: int
) -> Series:
    """A series of (start in ms, value, lower, upper) of windows of one length that begin every `step_ms`.

    Windows that overlap are drawn as wide as their step, around their middle.
    """
    starts = np.asarray([point[0] for point in points], float)
    rest = np.asarray([[np.nan if part is None else part for part in point[1:]] for point in points], float)
    value, lower, upper = rest.reshape(len(points), 3).T
    left = starts + (length_ms - step_ms) / 2
    return Series(left / _DAY_MS, (left + step_ms) / _DAY_MS, value, lower, upper)


def step_of(starts: Sequence[int], length_ms: int) -> int:
    """How far apart the beginnings of neighbouring windows are; the length of a window where there is only one."""
    gaps = np.diff(np.asarray(sorted(set(starts))))
    return min(int(gaps.min()), length_ms) if len(gaps) else length_ms


def broken(at: Series) -> tuple[Floats, Floats]:
    """Middles and values with a NaN wherever windows are missing, so that no line crosses a gap."""
    gap = np.flatnonzero(at.low[1:] > at.high[:-1] + 1e-9) + 1
    return np.insert(at.middle, gap, at.high[gap - 1] if len(gap) else 0.0), np.insert(at.value, gap, np.nan)


def band(axes: Axes, at: Series, colour: str, alpha: float) -> None:
    """The interval of each window, as wide as the window is long."""
    gap = np.full(len(at.low), np.nan)
    x = np.column_stack((at.low, at.high, at.high)).ravel()
    lower, upper = (np.column_stack((edge, edge, gap)).ravel() for edge in (at.lower, at.upper))
    joined = np.flatnonzero((at.high[:-1] >= at.low[1:] - 1e-9) & ~np.isnan(at.lower[1:]) & ~np.isnan(at.lower[:-1]))
    for edge, steps in ((lower, at.lower), (upper, at.upper)):
        edge[3 * joined + 2] = steps[joined + 1]  # neighbours share an edge: one shape, no seams
    axes.fill_between(x, lower, upper, color=colour, alpha=alpha, linewidth=0)


def time_axis(axes: Axes, start_ms: int, end_ms: int, ticks: int = 9) -> None:
    """At most `ticks` calendar ticks in UTC over the whole range."""
    places = calendar_ticks(start_ms, end_ms, ticks)
    axes.set_xticks([days(tick.at_ms) for tick in places], [tick.label for tick in places])
    margin = (end_ms - start_ms) * 0.01
    axes.set_xlim(days(start_ms - margin), days(end_ms + margin))


def ratio_axis(axes: Axes, low: float = 0.0, high: float = 1.0) -> None:
    """Percent from `low` to `high`, with a little air."""
    air = 0.03 * (high - low)
    axes.set_ylim(low - air, high + air)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0 if high - low > 0.1 else 1, symbol=" %"))


def legend_lines(versions: int) -> int:
    """How many lines the legend of so many versions has."""
    return ceil(versions / _LEGEND_COLUMNS)


def legend(figure: Figure, entries: Sequence[tuple[str, int]], top_in: float = 0.08) -> None:
    """Names of versions with their line, in the upper left corner; entries are (name, number of the series)."""
    names = distinct([name for name, _ in entries], _LEGEND_NAME)
    handles = [series_line(number) for _, number in entries]
    drawn = figure.legend(
        handles, ["x"] * len(handles), loc="upper left", ncols=_LEGEND_COLUMNS, borderaxespad=0,
        bbox_to_anchor=(0.35 / WIDTH_IN, 1 - top_in / figure.get_figheight()), handlelength=2.6,
    )  # fmt: skip
    for said, name in zip(drawn.get_texts(), names, strict=True):
        said.set_text(name)  # set afterwards: a name that begins with _ would be left out
        said.set_color(INK)


def series_line(number: int) -> Line2D:
    """How a version is drawn."""
    return Line2D([], [], color=SERIES[number], linestyle=DASHES[number], marker=MARKERS[number], markersize=4)
