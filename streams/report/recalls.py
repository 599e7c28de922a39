"""Recall of each class over time, as small multiples: which class is behind a change."""

from collections.abc import Mapping, Sequence
from math import ceil

import numpy as np

from streams.quality.measures.intervals import wilson
from streams.report.accuracy import step_ms
from streams.report.axes import FEW, band, broken, legend, ratio_axis, series, time_axis
from streams.report.canvas import DASHES, MARKERS, SERIES, Drawing, new_figure
from streams.report.evidence import Evidence
from streams.report.rows import ClassRow
from streams.report.sections import Section, Table, not_recorded, nothing_yet
from streams.report.words import count, distinct, interval, listed, percent, short

MOST_CLASSES = 12
_MOST_VERSIONS = 3
_MOST_POINTS = 40
_COLUMNS = 3
_KEY, _HEADING = "recall", "Recall of each class"
_LEAD = (
    "Of the labels of a class, the share that was predicted as this class, with its 95 % interval. "
    "Windows without a label of the class are gaps."
)


def recall_section(evidence: Evidence, shown: Sequence[str], numbers: Mapping[str, int]) -> Section:
    """The part of the page; `numbers` are the versions' colours."""
    if evidence.classes is None:
        return not_recorded(_KEY, _HEADING, "classes")
    shown = shown[-_MOST_VERSIONS:]
    verdicts = {
        (version, row.start_ms) for version in evidence.versions for row in evidence.windows[version] if row.is_verdict
    }
    rows = {
        version: [row for row in evidence.classes.get(version, ()) if (version, row.start_ms) in verdicts]
        for version in evidence.versions
    }
    newest = {version: _newest(found) for version, found in rows.items() if found}
    names = {row.name for version in shown for row in rows[version] if row.support}
    if not names:
        return nothing_yet(_KEY, _HEADING, "No settled window has a label yet.")
    chosen = _chosen(names, newest)
    lead = _LEAD
    if len(shown) < len(evidence.versions):
        lead += f" Only the {len(shown)} newest versions are drawn."
    if len(chosen) < len(names):
        lead += (
            f" Of {len(names)} classes these are the {len(chosen)} of lowest recall in the newest settled windows, "
            "by the upper end of the interval; the table has all of them."
        )
    pooled = _pooled(evidence, shown)
    if pooled:
        lead += f" The labels of {pooled} neighbouring windows are added up for each point, so that it can be read."
    drawing = _drawing(evidence, shown, numbers, rows, chosen, pooled)
    tables = tuple(_table(version, newest[version]) for version in reversed(shown) if version in newest)
    return Section(_KEY, _HEADING, lead, (drawing,), tables)


def _pooled(evidence: Evidence, shown: Sequence[str]) -> int:
    """How many windows make a point; 0 where each window is one: a short history, or windows that overlap."""
    start_ms, end_ms = evidence.span_ms(shown)
    windows = (end_ms - start_ms) // step_ms(evidence)
    return 0 if evidence.is_sliding or windows <= _MOST_POINTS else ceil(windows / _MOST_POINTS)


def _points(
    rows: Sequence[ClassRow], start_ms: int, pool_ms: int
) -> list[tuple[int, float | None, float | None, float | None]]:
    """(Start, recall, lower, upper) of each window, or of each `pool_ms` of them: counts can be added up."""
    if not pool_ms:
        return [(row.start_ms, row.recall, row.lower, row.upper) for row in rows]
    sums: dict[int, list[int]] = {}
    for row in rows:
        at = sums.setdefault(start_ms + (row.start_ms - start_ms) // pool_ms * pool_ms, [0, 0])
        at[0] += row.hits
        at[1] += row.support
    return [(at, hits / support, *wilson(hits / support, support)) for at, (hits, support) in sorted(sums.items())]


def _newest(rows: Sequence[ClassRow]) -> dict[str, ClassRow]:
    """The newest row of each class that had a label in it."""
    return {row.name: row for row in rows if row.support}


def _chosen(names: set[str], newest: Mapping[str, Mapping[str, ClassRow]]) -> list[str]:
    """The classes to draw, by name; those that surely have the lowest recall when there are too many."""
    if len(names) <= MOST_CLASSES:
        return sorted(names)

    def worst(name: str) -> tuple[float, str]:
        ends = [rows[name].upper for rows in newest.values() if name in rows]
        return min((end for end in ends if end is not None), default=1.0), name

    return sorted(sorted(names, key=worst)[:MOST_CLASSES])


def _drawing(
    evidence: Evidence, shown: Sequence[str], numbers: Mapping[str, int], rows: Mapping[str, Sequence[ClassRow]],
    chosen: Sequence[str], pooled: int,
) -> Drawing:  # fmt: skip
    columns = min(_COLUMNS, max(2, len(chosen)))
    lines = ceil(len(chosen) / columns)
    height_in = lines * 1.75 + 0.45
    figure = new_figure(height_in)
    legend(figure, [(version, numbers[version]) for version in shown])
    length = evidence.windows[evidence.versions[0]][0]
    length_ms, step = length.end_ms - length.start_ms, step_ms(evidence)
    pool_ms = pooled * step
    start_ms, end_ms = evidence.span_ms(shown)
    for position, (name, shown_name) in enumerate(zip(chosen, distinct(chosen, 28), strict=True)):
        line, column = divmod(position, columns)
        width = 1 / columns
        axes = figure.add_axes((
            column * width + 0.5 / 10, 1 - (0.62 + line * 1.75 + 1.2) / height_in, width - 0.72 / 10, 1.2 / height_in
        ))  # fmt: skip
        for version in shown:
            of_class = [row for row in rows[version] if row.name == name and row.support]
            if not of_class:
                continue
            points = _points(of_class, start_ms, pool_ms)
            at = series(points, *((pool_ms, pool_ms) if pool_ms else (length_ms, step)))
            number, has_few = numbers[version], len(points) <= FEW // 2
            band(axes, at, SERIES[number], 0.16)
            axes.plot(
                *broken(at), color=SERIES[number], linestyle=DASHES[number], linewidth=1.3 if has_few else 0.9,
                marker=MARKERS[number] if has_few else None, markersize=3,
            )  # fmt: skip
        axes.set_title(shown_name)
        ratio_axis(axes)
        axes.set_yticks(np.linspace(0, 1, 3))
        time_axis(axes, start_ms, end_ms, ticks=4)
    said = f"A panel for each of {len(chosen)} classes ({listed(list(chosen), 12)}) with a line for each version."
    return Drawing(f"Recall of each class of {short(evidence.model, 60)} over time", said, figure)


def _table(version: str, newest: Mapping[str, ClassRow]) -> Table:
    ordered = sorted(newest.values(), key=lambda row: (1.0 if row.recall is None else row.recall, row.name))
    body = [
        (
            short(row.name, 80), percent(row.recall), interval(row.lower, row.upper), count(row.support),
            count(row.predicted), percent(row.precision), percent(row.f1),
        )
        for row in ordered
    ]  # fmt: skip
    head = ("class", "recall", "95 % interval", "labels", "predicted", "precision", "F1")
    return Table(f"{short(version, 60)}: the newest settled window with labels of the class", head, body)
