"""Balanced accuracy over time: one panel a version, with its interval, its nowcast, and coverage below it."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from streams.report.axes import FEW, Series, band, broken, days, ratio_axis, series, step_of, time_axis
from streams.report.canvas import GRID, INK, MARKERS, MOST_SERIES, PAPER, SERIES, SOFT, Drawing, new_figure
from streams.report.evidence import Evidence
from streams.report.rows import Window
from streams.report.sections import Section, Table
from streams.report.words import NOT_DEFINED, count, interval, listed, moment, percent, period, short

MOST_ROWS = 400
"""So many windows of a version are in the table; the newest ones."""

_LONG = 150
"""Beyond so many windows a rolling mean is drawn over the single ones."""

_LEAD = (
    "Balanced accuracy is the mean recall of the classes that have labels. The band is the 95 % interval of each "
    "window: where it is wide, there were few labels of some class. A solid line is a verdict (settled or final), a "
    "dotted one is open and still moves. The strip below shows which share of the predictions has a label."
)


def accuracy_section(evidence: Evidence, shown: Sequence[str]) -> Section:
    """The part of the page; `shown` are the versions that get a panel, oldest first."""
    lead = _LEAD
    if any(len(evidence.windows[version]) > _LONG for version in shown):
        lead += (
            " Over long histories the thin line is each window, and the bold one a rolling mean for the eye, in which "
            "sure windows weigh more."
        )
    if any(_cast(evidence.windows[version]) for version in shown):
        lead += (
            " A diamond is the nowcast: what the figure will be when all labels have come; its bar says how sure that "
            "is, not how sure the figure."
        )
    hidden = [version for version in evidence.versions if version not in shown]
    if hidden:
        lead += f" Older versions are only in the table of versions: {listed(hidden)}."
    tables = tuple(_table(version, evidence.windows[version]) for version in reversed(shown))
    return Section("accuracy", "Balanced accuracy over time", lead, (_drawing(evidence, shown),), tables)


def as_series(rows: Sequence[Window], step_ms: int) -> Series:
    """Windows as a series of their balanced accuracy."""
    points = [(row.start_ms, row.balanced_accuracy, row.lower, row.upper) for row in rows]
    return series(points, rows[0].end_ms - rows[0].start_ms, step_ms)


def step_ms(evidence: Evidence) -> int:
    """How far apart windows begin."""
    starts = [row.start_ms for rows in evidence.windows.values() for row in rows]
    first = evidence.windows[evidence.versions[0]][0]
    return step_of(starts, first.end_ms - first.start_ms)


def _drawing(evidence: Evidence, shown: Sequence[str]) -> Drawing:
    """One panel and one strip a version."""
    panel_in, strip_in, gap_in = (2.1, 0.3, 0.62) if len(shown) <= 3 else (1.5, 0.24, 0.55)
    height_in = len(shown) * (panel_in + strip_in + gap_in)
    figure = new_figure(height_in)
    step = step_ms(evidence)
    whole = {version: as_series(evidence.windows[version], step) for version in shown}
    low, high = _limits(list(whole.values()))
    top_in = 0.3
    for number, version in enumerate(shown):
        left, width = 0.062, 0.925
        bottom = 1 - (top_in + panel_in) / height_in
        axes = figure.add_axes((left, bottom, width, panel_in / height_in))
        strip = figure.add_axes(
            (left, bottom - (strip_in + 0.06) / height_in, width, strip_in / height_in), sharex=axes
        )
        top_in += panel_in + strip_in + gap_in
        for other in shown:
            if other != version:
                calm = _rolling(whole[other]) if len(whole[other].value) > _LONG else whole[other]
                axes.plot(*broken(calm), color=SOFT, linewidth=0.9, alpha=0.6, zorder=1.5)
        _deployments(axes, evidence, shown, version)
        _panel(axes, evidence, version, number % MOST_SERIES, step)
        _coverage(strip, evidence.windows[version], whole[version], SERIES[number % MOST_SERIES])
        axes.set_title(_title(evidence, version))
        ratio_axis(axes, low, high)
        time_axis(axes, *evidence.span_ms(shown))  # the strip shares it
        axes.tick_params(labelbottom=False, length=0)
    words = [
        *(["grey: other versions"] if len(shown) > 1 else []),
        *(
            ["diamonds: nowcast with its interval"]
            if any(_cast(evidence.windows[version]) for version in shown)
            else []
        ),
    ]
    if words:
        figure.text(0.987, 1 - 0.12 / height_in, " · ".join(words), ha="right", va="center", color=SOFT, size=8)
    return Drawing(
        f"Balanced accuracy of {short(evidence.model, 60)} over time",
        _description(evidence, shown, (low, high)),
        figure,
    )


def _title(evidence: Evidence, version: str) -> str:
    first = evidence.windows[version][0]
    return f"{short(version, 48)} · first window {moment(first.start_ms)}"


def _limits(all_series: Sequence[Series]) -> tuple[float, float]:
    """From below the lowest value, and most of the bands, to above the highest, in steps of 5 %."""
    values = np.concatenate([at.value for at in all_series])
    lower, upper = (np.concatenate([getattr(at, edge) for at in all_series]) for edge in ("lower", "upper"))
    if np.isnan(values).all():
        return 0.0, 1.0
    rare = 0.0 if len(values) <= FEW else 0.1  # of many bands the widest need not fit
    low = min(np.nanmin(values), np.nanquantile(lower, rare))
    high = max(np.nanmax(values), np.nanquantile(upper, 1 - rare))
    return float(np.floor(low * 20) / 20), float(np.ceil(high * 20) / 20)


def _panel(axes: Axes, evidence: Evidence, version: str, number: int, step: int) -> None:
    rows = evidence.windows[version]
    colour, marker = SERIES[number], MARKERS[number]
    is_long, has_few = len(rows) > _LONG, len(rows) <= FEW
    verdicts = [row for row in rows if row.is_verdict]
    still_open = [row for row in rows if not row.is_verdict]
    if verdicts:
        at = as_series(verdicts, step)
        band(axes, at, colour, 0.2)
        axes.plot(
            *broken(at), color=colour, linewidth=0.7 if is_long else 1.4,
            alpha=0.55 * _LONG / len(rows) + 0.12 if is_long else 1.0, marker=marker if has_few else None,
            markersize=4,
        )  # fmt: skip
        if is_long:
            axes.plot(*broken(_rolling(at)), color=colour, linewidth=2.0)
    if still_open:
        at = as_series(still_open, step)
        band(axes, at, colour, 0.1)
        axes.plot(
            *broken(at), color=colour, linestyle=(0, (2, 2)), linewidth=1.1, marker=marker if has_few else None,
            markersize=4.5, markerfacecolor=PAPER, markeredgecolor=colour,
        )  # fmt: skip
    cast = _cast(rows)
    if cast:
        points = [(row.start_ms, row.nowcast, row.nowcast_lower, row.nowcast_upper) for row in cast]
        at = series(points, cast[0].end_ms - cast[0].start_ms, step)
        axes.vlines(at.middle, at.lower, at.upper, color=INK, linewidth=1.2)
        axes.plot(at.middle, at.value, linestyle="", marker="D", markersize=5, color=INK, markerfacecolor=PAPER)


def _cast(rows: Sequence[Window]) -> list[Window]:
    """Windows with a nowcast whose labels are still coming; only the newest ones of a long history."""
    return [row for row in rows if not row.is_final and row.nowcast is not None][-max(3, 500 // len(rows)) :]


def _rolling(at: Series) -> Series:
    """The rolling mean over a 25th of the windows, weighted by how narrow their intervals are."""
    half = max(3, len(at.value) // 50)
    is_known = ~np.isnan(at.value)
    weight = np.where(is_known, 1 / np.maximum(at.upper - at.lower, 1e-3) ** 2, 0.0)
    kernel = np.ones(2 * half + 1)
    weighted = np.convolve(weight * np.where(is_known, at.value, 0.0), kernel, mode="same")
    total = np.convolve(weight, kernel, mode="same")
    return at._replace(value=np.divide(weighted, total, out=np.full(len(total), np.nan), where=is_known))


def _deployments(axes: Axes, evidence: Evidence, shown: Sequence[str], version: str) -> None:
    """The first window of each version; that of the panel's own is strong."""
    for other in shown:
        first = days(evidence.windows[other][0].start_ms)
        number = shown.index(other) % MOST_SERIES
        own = other == version
        axes.axvline(
            first, color=SERIES[number], linewidth=1.4 if own else 0.9, linestyle="-" if own else ":", zorder=1
        )


def _coverage(strip: Axes, rows: Sequence[Window], at: Series, colour: str) -> None:
    share = np.asarray([row.labelled / row.predictions for row in rows])
    band(strip, at._replace(value=share, lower=np.zeros(len(share)), upper=share), colour, 0.45)
    strip.set_ylim(0, 1)
    strip.set_yticks([0, 1], ["0", "100 %"])
    strip.tick_params(axis="y", labelsize=7, length=0)
    strip.grid(visible=False, axis="x")
    strip.set_facecolor(GRID + "55")
    strip.text(0.004, 0.5, "coverage", transform=strip.transAxes, va="center", size=7, color=INK)


def _description(evidence: Evidence, shown: Sequence[str], limits: tuple[float, float]) -> str:
    said = [f"One panel for each of {len(shown)} versions, {period(*evidence.span_ms(shown))} UTC."]
    said.append(f"The vertical axis runs from {percent(limits[0], 0)} to {percent(limits[1], 0)}.")
    for version in shown:
        known = [row for row in evidence.windows[version] if row.balanced_accuracy is not None]
        if not known:
            said.append(f"{short(version, 40)}: no window has a label.")
            continue
        values = [row.balanced_accuracy or 0.0 for row in known]
        lowest = min(known, key=lambda row: row.balanced_accuracy or 0.0)
        said.append(
            f"{short(version, 40)}: {count(len(known))} windows, from {percent(values[0])} to {percent(values[-1])}, "
            f"lowest {percent(lowest.balanced_accuracy)} in the window that begins {moment(lowest.start_ms)}."
        )
    return " ".join(said)


def _table(version: str, rows: Sequence[Window]) -> Table:
    newest = rows[-MOST_ROWS:]
    left_out = len(rows) - len(newest)
    caption = f"{short(version, 60)}: {count(len(newest))} windows" + (
        f", the newest ones; {count(left_out)} older ones are in the rows" if left_out else ""
    )
    body = [
        (
            period(row.start_ms, row.end_ms), row.status, count(row.predictions), count(row.labelled),
            percent(row.labelled / row.predictions), count(row.classes), percent(row.balanced_accuracy),
            interval(row.lower, row.upper) if row.lower is not None else NOT_DEFINED,
            "" if row.nowcast is None else f"{percent(row.nowcast)} ({interval(row.nowcast_lower, row.nowcast_upper)})",
            "low support" if row.low_support else "",
        )
        for row in reversed(newest)
    ]  # fmt: skip
    head = (
        "window (UTC)", "status", "predictions", "labelled", "coverage", "classes with labels", "balanced accuracy",
        "95 % interval", "nowcast", "beware",
    )  # fmt: skip
    return Table(caption, head, body, names=2)
