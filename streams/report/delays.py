"""How long do labels take? The share of labels that have come by each age, for each version."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.ticker import FixedLocator, NullLocator

from streams.report.axes import legend, legend_lines, ratio_axis
from streams.report.canvas import DASHES, SERIES, WIDTH_IN, Drawing, new_figure
from streams.report.evidence import Evidence
from streams.report.sections import Section, Table, not_recorded, nothing_yet
from streams.report.words import age, clean, count, short

_KEY, _HEADING = "delays", "Label delay"
_LEAD = (
    "Of the labels that came, how many had come by an age: delivery of the label less the time of the prediction. "
    "Predictions that never got a label are not in it; coverage above tells how many."
)
_TICKS = (
    1, 10, 60, 600, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400, 2 * 86_400, 4 * 86_400, 7 * 86_400, 14 * 86_400,
    30 * 86_400, 60 * 86_400, 120 * 86_400, 365 * 86_400,
)  # fmt: skip
_FEWER_TICKS = (1, 10, 60, 600, 3_600, 21_600, 86_400, 7 * 86_400, 30 * 86_400, 365 * 86_400)
_MOST_TICKS = 10
_TAIL = 0.002  # so small a share of labels may lie beyond either end of the picture
_SHARES = (0.5, 0.9, 0.99)
_MOST_ROWS = 200

Histogram = Mapping[tuple[float, float | None], int]


def delay_section(evidence: Evidence, numbers: Mapping[str, int]) -> Section:
    """The part of the page; `numbers` are the versions' colours."""
    if evidence.delays is None:
        return not_recorded(_KEY, _HEADING, "delays")
    found: dict[str, dict[str | None, Counter[tuple[float, float | None]]]] = {}
    has_final = any(row.is_final and row.labelled for rows in evidence.windows.values() for row in rows)
    for version in evidence.versions:
        starts = [row.start_ms for row in evidence.windows[version] if row.is_final or not has_final]
        wanted = set(starts[-1:] if evidence.is_sliding else starts)
        for row in evidence.delays.get(version, ()):
            if row.start_ms in wanted and row.labels:
                found.setdefault(version, {}).setdefault(row.name, Counter())[row.low_s, row.high_s] += row.labels
    curves = {version: by_class[None] for version, by_class in found.items() if None in by_class}
    if not curves:
        return nothing_yet(_KEY, _HEADING, "No label has come yet.")
    which = "final windows" if has_final else "windows so far, so slow labels are still missing"
    lead = f"{_LEAD} Over {which}."
    drawing = _drawing({version: curve for version, curve in curves.items() if version in numbers}, numbers)
    return Section(_KEY, _HEADING, lead, (drawing,), (_table(found),))


def _shares(histogram: Histogram) -> tuple[list[float], list[float]]:
    """Ages in s and the share of labels that had come by each; the open bin has no end and is left out."""
    total = sum(histogram.values())
    ages, shares, below = [0.0], [0.0], 0
    for low, high in sorted(histogram, key=lambda edges: edges[0]):
        if high is not None:
            ages += [low, high]
            shares += [below / total, (below + histogram[low, high]) / total]
        below += histogram[low, high]
    return ages, shares


def quantile(histogram: Histogram, share: float) -> float | None:
    """The age in s by which a share of the labels had come, linear inside a bin; None when it lies in the open bin.

    >>> quantile({(0.0, 1.0): 1, (1.0, 3.0): 1}, 0.75)
    2.0
    """
    wanted = share * sum(histogram.values())
    below = 0
    for low, high in sorted(histogram, key=lambda edges: edges[0]):
        inside = histogram[low, high]
        if below + inside >= wanted:
            return None if high is None else low + (high - low) * (wanted - below) / inside
        below += inside
    return None


def _drawing(curves: Mapping[str, Histogram], numbers: Mapping[str, int]) -> Drawing:
    more_in = 0.2 * (legend_lines(len(curves)) - 1)
    height_in = 3.1 + more_in
    figure = new_figure(height_in)
    legend(figure, [(version, numbers[version]) for version in curves])
    axes = figure.add_axes((0.7 / WIDTH_IN, 0.5 / height_in, 9.1 / WIDTH_IN, 2.15 / height_in))
    begins, ends = [], []
    for version, histogram in curves.items():
        ages, shares = _shares(histogram)
        at = np.maximum(np.asarray(ages), 1.0)  # the first bin begins at 0, which a logarithm does not know
        number = numbers[version]
        axes.plot(at, shares, color=SERIES[number], linestyle=DASHES[number], linewidth=1.6)
        begins.append(max((x for x, share in zip(at, shares, strict=True) if share < _TAIL), default=1.0))
        ends.append(min((x for x, share in zip(at, shares, strict=True) if share > 1 - _TAIL), default=at[-1]))
    begin, end = max(1.0, float(min(begins)) / 1.5), max(float(max(ends)) * 1.5, 10.0)
    axes.set_xscale("log")
    axes.set_xlim(begin, end)
    seen = [[tick for tick in ticks if begin <= tick <= end] for ticks in (_TICKS, _FEWER_TICKS)]
    ticks = seen[0] if len(seen[0]) <= _MOST_TICKS else seen[1]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([age(tick) for tick in ticks])
    axes.set_xlabel("age of the label")
    axes.set_ylabel("share of labels")
    ratio_axis(axes)
    said = " ".join(
        f"{short(version, 40)}: half of {count(sum(histogram.values()))} labels came within "
        f"{_age(quantile(histogram, 0.5))}, 99 % within {_age(quantile(histogram, 0.99))}."
        for version, histogram in curves.items()
    )
    return Drawing("Label delay: share of labels by age", said, figure)


def _age(seconds: float | None) -> str:
    return "more than the last bin" if seconds is None else age(seconds)


def _table(found: Mapping[str, Mapping[str | None, Histogram]]) -> Table:
    body: list[tuple[str, ...]] = []
    for version in reversed(list(found)):
        classes: Sequence[str | None] = sorted(found[version], key=lambda name: (name is not None, name or ""))
        for name in classes:
            histogram = found[version][name]
            ages = (_age(quantile(histogram, share)) for share in _SHARES)
            shown = "all" if name is None else clean(name)
            body.append((short(version, 40), short(shown, 60), count(sum(histogram.values())), *ages))
    left = len(body) - _MOST_ROWS
    caption = "Age by which labels had come" + (f"; {count(left)} more rows are left out" if left > 0 else "")
    return Table(caption, ("version", "class", "labels", "50 %", "90 %", "99 %"), body[:_MOST_ROWS], names=2)
