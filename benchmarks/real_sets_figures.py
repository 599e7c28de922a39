"""The two pictures of a real log set: what was found when, and how far off numbers are by age. SVG, the same bytes."""

import io
from collections.abc import Callable, Mapping, Sequence
from math import inf

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MultipleLocator

from benchmarks.real_sets_errors import AGES_S, FINAL, Look, errors
from benchmarks.real_sets_found import Found, Incident, judged_spans
from benchmarks.real_sets_known import KNOWN, NOTED, Known, marks
from streams.cli.score_rows import Watched
from streams.report.axes import band, broken, days, ratio_axis, series, time_axis
from streams.report.canvas import ALARM, CALM, GRID, INK, PAPER, SERIES, SOFT, WATCH, WIDTH_IN, new_figure, style

Point = tuple[int, float | None, float | None, float | None]
"""Start of a window in ms, balanced accuracy, ends of its interval."""

_LANE_IN, _PANEL_IN, _HEAD_IN, _KEY_IN = 0.19, 1.9, 0.55, 0.17
_LEFT_IN = 1.75
_FEW = 20  # up to so many windows each one has a marker


def svg(draw: Callable[[], Figure]) -> str:
    """The picture that `draw` makes, in the house style."""
    with style():
        figure = draw()
        figure.set_facecolor("white")
        out = io.BytesIO()
        metadata = dict.fromkeys(("Date", "Creator", "Type", "Format"))
        FigureCanvasSVG(figure).print_svg(out, metadata=metadata)  # type: ignore[no-untyped-call]
    return "\n".join(line.rstrip() for line in out.getvalue().decode().splitlines()) + "\n"


def drift_figure(
    found: Found, known: Known, points: Mapping[str, Sequence[Point]], length_ms: int, moments: Sequence[str]
) -> Figure:
    """Balanced accuracy of the versions over time, and below it a lane for each detector that judged a window.

    `moments` are the lines of the key under the picture, in the order of `marks`.
    """
    lanes = [watched for watched, rows in found.series.items() if any(row.judged for row in rows)]
    height_in = _HEAD_IN + _PANEL_IN + 0.15 + len(lanes) * _LANE_IN + 0.4 + len(moments) * _KEY_IN + 0.1
    figure = new_figure(height_in)
    span = _span(points, length_ms)
    panel = figure.add_axes(_box(height_in, _HEAD_IN, _PANEL_IN))
    _accuracy(panel, points, length_ms)
    time_axis(panel, *span)
    _versions(figure, list(points), height_in)
    drawn = [panel]
    if lanes:
        below = figure.add_axes(_box(height_in, _HEAD_IN + _PANEL_IN + 0.15, len(lanes) * _LANE_IN))
        _lanes(below, lanes, found)
        time_axis(below, *span)
        panel.tick_params(labelbottom=False, length=0)
        drawn.append(below)
        _legend(figure, height_in)
    for axes in drawn:
        _lines(axes, known, is_top=axes is panel)
    for number, words in enumerate(reversed(moments)):
        figure.text(_LEFT_IN / WIDTH_IN, (0.1 + number * _KEY_IN) / height_in, words, color=INK, size=8)
    return figure


def _box(height_in: float, top_in: float, tall_in: float) -> tuple[float, float, float, float]:
    return (
        _LEFT_IN / WIDTH_IN, 1 - (top_in + tall_in) / height_in, (WIDTH_IN - _LEFT_IN - 0.15) / WIDTH_IN,
        tall_in / height_in,
    )  # fmt: skip


def _span(points: Mapping[str, Sequence[Point]], length_ms: int) -> tuple[int, int]:
    starts = [point[0] for rows in points.values() for point in rows]
    return min(starts), max(starts) + length_ms


def _accuracy(axes: Axes, points: Mapping[str, Sequence[Point]], length_ms: int) -> None:
    values: list[float] = []
    for number, rows in enumerate(points.values()):
        if not rows:
            continue
        at = series(rows, length_ms, length_ms)
        band(axes, at, SERIES[number], 0.16)
        x, y = broken(at)
        axes.plot(x, y, color=SERIES[number], linewidth=1.2, marker="o" if len(rows) < _FEW else "", markersize=3)
        # Of many windows the widest interval need not fit.
        shown = [row[1:] if len(rows) < _FEW else row[1:2] for row in rows]
        values += [value for row in shown for value in row if value is not None]
    low, high = min(values), max(values)
    ratio_axis(axes, np.floor(low * 10) / 10, np.ceil(high * 10) / 10)
    axes.set_ylabel("balanced accuracy")


def _versions(figure: Figure, versions: Sequence[str], height_in: float) -> None:
    for number, version in enumerate(versions):
        figure.text(0.02, 1 - (_HEAD_IN + 0.3 + 0.2 * number) / height_in, version, color=SERIES[number], weight="bold")


def _lanes(axes: Axes, lanes: Sequence[Watched], found: Found) -> None:
    place = {watched: number for number, watched in enumerate(lanes)}
    versions = sorted({watched.version for watched in lanes})
    for watched, number in place.items():
        for start, end in judged_spans(found.series[watched]):
            axes.barh(number, days(end - start), 0.62, days(start), color=CALM, alpha=0.35, linewidth=0, zorder=1.5)
    for incident in found.incidents:
        if incident.watched in place:
            _incident(axes, incident, place[incident.watched], ALARM if incident.answers else WATCH)
    axes.set_ylim(len(lanes) - 0.5, -0.5)
    axes.set_yticks(range(len(lanes)), [_lane(watched) for watched in lanes])
    for label, watched in zip(axes.get_yticklabels(), lanes, strict=True):
        label.set_color(SERIES[versions.index(watched.version)])
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    for edge in range(1, len(lanes)):
        is_border = lanes[edge].version != lanes[edge - 1].version
        axes.axhline(edge - 0.5, color=SOFT if is_border else GRID, linewidth=0.8 if is_border else 0.4, zorder=1)


def _incident(axes: Axes, incident: Incident, lane: int, colour: str) -> None:
    start = days(incident.start_ms)
    axes.barh(lane, days(incident.end_ms) - start, 0.62, start, color=colour, alpha=0.45, linewidth=0, zorder=2)
    axes.vlines(start, lane - 0.4, lane + 0.4, color=colour, linewidth=2, zorder=3)


def _lane(watched: Watched) -> str:
    return f"{watched.kind} of {watched.subject}"[:26] if watched.subject else watched.kind


def _lines(axes: Axes, known: Known, *, is_top: bool) -> None:
    left, right = axes.get_xlim()
    taken = [-inf, -inf]  # where the last letter of each row stands
    for letter, at_ms, words in sorted(marks(known), key=lambda mark: mark[1]):
        colour, dash = (ALARM, "-") if words.startswith(KNOWN) else (INK, (0, (4, 2)))
        if words.startswith(NOTED):
            colour, dash = SOFT, (0, (1, 2))
        axes.axvline(days(at_ms), color=colour, linestyle=dash, linewidth=1.1, zorder=4)
        if is_top:
            row = 0 if days(at_ms) - taken[0] > 0.015 * (right - left) else 1
            taken[row] = days(at_ms)
            axes.annotate(
                letter, (days(at_ms), 1), (0, 2 + 10 * row), xycoords=("data", "axes fraction"),
                textcoords="offset points", ha="center", color=colour, weight="bold", size=8.5,
            )  # fmt: skip


def _legend(figure: Figure, height_in: float) -> None:
    """What the colours of the lanes mean."""
    handles = [Patch(color=colour, alpha=alpha) for colour, alpha in ((CALM, 0.35), (ALARM, 0.45), (WATCH, 0.45))]
    words = ["judged, quiet", "incident that answers the known change", "other incident"]
    figure.legend(
        handles, words, loc="upper right", ncols=3, bbox_to_anchor=(0.985, 1 - 0.02 / height_in), handlelength=1.4,
        borderaxespad=0,
    )  # fmt: skip


def error_figure(looks: Mapping[str, Sequence[Look]]) -> Figure:
    """Mean absolute error and bias against the truth by age, in points."""
    figure = new_figure(2.6)
    names = [*AGES_S.values(), FINAL]
    for number, (part, title) in enumerate((("mean", "Mean absolute error, points"), ("bias", "Bias, points"))):
        axes = figure.add_axes((0.055 + 0.49 * number, 0.14, 0.43, 0.62))
        if part == "bias":
            axes.axhline(0, color=SOFT, linewidth=0.9)
        for colour, dash, marker, words, said in _SERIES:
            values = [getattr(errors(said(looks[name])), part) for name in names]
            places = [(x, value) for x, value in enumerate(values) if value is not None]
            if places:
                axes.plot(*zip(*places, strict=True), color=colour, linestyle=dash, marker=marker, label=words)
        axes.set_xticks(range(len(names)), [f"age {name}" if name != FINAL else name for name in names])
        axes.set_xlim(-0.25, len(names) - 0.75)
        if part == "mean":
            axes.set_ylim(bottom=0)
        low, high = axes.get_ylim()
        axes.yaxis.set_major_locator(MultipleLocator(_step(high - low)))
        axes.set_title(title)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="upper left", ncols=4, bbox_to_anchor=(0.04, 1.0), handlelength=2.2)
    figure.patch.set_facecolor(PAPER)
    return figure


def _step(span: float) -> float:
    return next(step for step in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50) if span / step <= 7)


def _so_far(looks: Sequence[Look]) -> list[tuple[float | None, float | None]]:
    return [(look.so_far, look.truth) for look in looks]


def _same(looks: Sequence[Look]) -> list[tuple[float | None, float | None]]:
    return [(look.so_far, look.truth) for look in looks if look.nowcast is not None]


def _nowcast(looks: Sequence[Look]) -> list[tuple[float | None, float | None]]:
    return [(look.nowcast, look.truth) for look in looks]


_SERIES = (
    (SERIES[0], "-", "o", "labels so far, all windows", _so_far),
    (SERIES[0], (0, (2, 1.5)), "", "the same, where there is a nowcast", _same),
    (SERIES[1], "-", "D", "nowcast", _nowcast),
)
