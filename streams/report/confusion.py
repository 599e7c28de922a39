"""What is taken for what? The confusion table as a heat map, and the confusions that happen most."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgb

from streams.report.canvas import HEAT, INK, MOST_SERIES, ON_HEAT, SOFT, WIDTH_IN, Drawing, new_figure
from streams.report.evidence import Evidence
from streams.report.sections import Section, Table, not_recorded, nothing_yet
from streams.report.words import count, distinct, percent, short

MOST_CLASSES = 50
"""More classes have no heat map: nobody could read it."""

MOST_VERSIONS = 3
_MOST_CONFUSIONS = 20
_NUMBERED = 30
_DARK = 0.7  # from this share of the row on a cell is so dark that light text reads better
_NUMBERED_WITH_SHARE = 10
_SMALL = 7  # tables of up to so many classes stand side by side
_KEY, _HEADING = "confusion", "Confusion table"
_MAP = LinearSegmentedColormap.from_list(
    "share", [(at, (*to_rgb(HEAT), alpha)) for at, alpha in ((0, 0), (0.04, 0.1), (1, 1))]
)
"""One colour, from clear to full: the page below may be light or dark. Even a small share can be seen."""

Counts = Counter[tuple[str, str]]


def confusion_section(evidence: Evidence) -> Section:
    """The part of the page."""
    if evidence.cells is None:
        return not_recorded(_KEY, _HEADING, "confusion")
    found = {version: _counts(evidence, version) for version in reversed(evidence.versions)}
    found = {version: counts for version, counts in found.items() if counts}
    if not found:
        return nothing_yet(_KEY, _HEADING, "No settled window has a label yet.")
    classes = sorted({name for counts in found.values() for pair in counts for name in pair})
    span = "the newest settled window" if evidence.is_sliding else "all settled windows together"
    lead = f"Counts over {span}; "
    drawings: tuple[Drawing, ...]
    if len(classes) > MOST_CLASSES:
        lead += f"with {len(classes)} classes only the confusions that happen most are drawn."
        drawings = (_bars(next(iter(found)), next(iter(found.values()))),)
    else:
        lead += "colour is the share of the row: of the labels of a class, how many were predicted as which."
        newest = list(found)[:MOST_VERSIONS]
        drawings = tuple(_heat_map(version, found[version], classes) for version in newest)
        if len(found) > len(newest):
            lead += f" The newest {len(newest)} of {len(found)} versions are drawn."
    tables = tuple(_table(version, counts) for version, counts in list(found.items())[:MOST_SERIES])
    return Section(_KEY, _HEADING, lead, drawings, tables)


def _counts(evidence: Evidence, version: str) -> Counts:
    """Cells of the settled and final windows, added up; of the newest one only where windows overlap."""
    starts = [row.start_ms for row in evidence.windows[version] if row.is_verdict and row.labelled]
    wanted = set(starts[-1:] if evidence.is_sliding else starts)
    counts: Counts = Counter()
    for cell in (evidence.cells or {}).get(version, ()):
        if cell.start_ms in wanted and cell.labelled:
            counts[cell.actual, cell.predicted] += cell.labelled
    return counts


def _heat_map(version: str, counts: Counts, classes: Sequence[str]) -> Drawing:
    size = len(classes)
    table = np.asarray([[counts[actual, predicted] for predicted in classes] for actual in classes])
    rows = table.sum(axis=1, keepdims=True)
    share = np.divide(table, rows, out=np.zeros(table.shape), where=rows > 0)
    is_small, is_half = size <= _NUMBERED_WITH_SHARE, size <= _SMALL
    names = distinct(classes, 14 if is_half else 18 if size > 12 else 26)
    widest_in = 0.075 * max(map(len, names))
    left_in = 0.45 + widest_in
    width_in = WIDTH_IN / 2 if is_half else WIDTH_IN
    cell_in = min((width_in - left_in - 0.15) / size, 1.05 if is_small else 0.5)
    tall_in = min(cell_in, 0.5) * size
    is_upright = widest_in > cell_in
    top_in = 0.62 + (widest_in if is_upright else 0.12)
    height_in = top_in + tall_in + 0.2
    figure = new_figure(height_in, width_in)
    axes = figure.add_axes((left_in / width_in, 0.2 / height_in, size * cell_in / width_in, tall_in / height_in))
    axes.grid(visible=False)
    edges = np.arange(size + 1) - 0.5
    axes.pcolormesh(edges, edges, share, cmap=_MAP, vmin=0, vmax=1, edgecolors=SOFT, linewidth=0.15)
    axes.set_xlim(-0.5, size - 0.5)
    axes.set_ylim(size - 0.5, -0.5)
    text_size = float(np.clip(cell_in * 24, 4.5, 7.5))
    axes.set_xticks(range(size), names, rotation=90 if is_upright else 0, fontsize=min(8, text_size + 1.5), color=INK)
    axes.set_yticks(range(size), names, fontsize=min(8, text_size + 1.5), color=INK)
    axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, length=0)
    axes.spines[:].set_visible(False)
    axes.set_ylabel("label")
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("predicted")
    if size <= _NUMBERED:
        _numbers(axes, table, share, 8.5 if is_small else text_size, with_share=is_small)
    figure.text(
        0.15 / width_in,
        1 - 0.16 / height_in,
        short(version, 40 if is_half else 80),
        weight="bold",
        size=9.5,
        va="center",
    )
    right = int(np.trace(table))
    said = (
        f"{size} classes, {count(int(table.sum()))} labelled predictions, {count(right)} of them on the diagonal. "
        "The table below has the confusions that happen most."
    )
    return Drawing(f"Confusion table of version {short(version, 60)}", said, figure)


def _numbers(
    axes: Axes, table: npt.NDArray[np.int64], share: npt.NDArray[np.float64], size: float, *, with_share: bool
) -> None:
    for (row, column), number in np.ndenumerate(table):
        if not number:
            continue
        text = _brief(int(number), size)
        if with_share:
            text = f"{count(int(number))}\n{_share(float(share[row, column]))}"
        colour = ON_HEAT if share[row, column] > _DARK else INK
        axes.text(column, row, text, ha="center", va="center", size=size, color=colour, linespacing=1.15)


def _share(ratio: float) -> str:
    """A share in whole percent that is 0 % only where it is 0, and 100 % only where it is all."""
    if 0 < ratio < 0.005:
        return "<1 %"
    return ">99 %" if 0.995 <= ratio < 1 else percent(ratio, 0)


def _brief(number: int, size: float) -> str:
    """A count for a small cell."""
    if number < 1_000 or size >= 7:
        return count(number)
    return f"{number / 1_000:.0f}k" if number < 1_000_000 else f"{number / 1e6:.0f}M"


def _most(counts: Counts) -> list[tuple[tuple[str, str], int]]:
    wrong = [(pair, number) for pair, number in counts.items() if pair[0] != pair[1]]
    return sorted(wrong, key=lambda item: (-item[1], item[0]))


def _supports(counts: Counts) -> Counter[str]:
    supports: Counter[str] = Counter()
    for (actual, _), number in counts.items():
        supports[actual] += number
    return supports


def _bars(version: str, counts: Counts) -> Drawing:
    top = _most(counts)[:_MOST_CONFUSIONS]
    height_in = 0.7 + 0.24 * len(top)
    figure = new_figure(height_in)
    axes = figure.add_axes((0.38, 0.35 / height_in, 0.58, 1 - 0.7 / height_in))
    places = np.arange(len(top))
    axes.barh(places, [number for _, number in top], color=HEAT, height=0.7)
    axes.set_yticks(places, [f"{short(actual, 22)} → {short(predicted, 22)}" for (actual, predicted), _ in top])
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    for place, (_, number) in enumerate(top):
        axes.annotate(count(number), (number, place), (4, 0), textcoords="offset points", va="center", size=8)
    axes.margins(x=0.1)
    axes.set_title(f"{short(version, 48)}: label → prediction")
    said = f"Bars for the {len(top)} confusions that happen most, the most frequent first; the table has the numbers."
    return Drawing(f"Most frequent confusions of version {short(version, 60)}", said, figure)


def _table(version: str, counts: Counts) -> Table:
    most, supports = _most(counts), _supports(counts)
    body = [
        (short(actual, 80), short(predicted, 80), count(number), percent(number / supports[actual]))
        for (actual, predicted), number in most[:_MOST_CONFUSIONS]
    ]
    left = len(most) - len(body)
    caption = f"{short(version, 60)}: the most frequent confusions" + (
        f"; {count(left)} rarer pairs" if left > 0 else ""
    )
    return Table(caption, ("label", "predicted", "count", "share of the label"), body, names=2)
