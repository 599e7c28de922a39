"""How do pictures look and how do they get onto the page? Style, colours, and figures as inline SVG and as PNG.

A figure is drawn once, in the colours of the light page. In the SVG each colour becomes a CSS variable that falls back
to it, so that the page decides for light, dark and paper. The same figure gives the same bytes: identifiers come from
a fixed salt and the figure's own name, and no date or version is written.
"""

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple
from xml.etree import ElementTree as ET

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.image import imsave

WIDTH_IN = 10.0
"""Width of every figure: about that of the page, so that a point of text is the same everywhere."""

INK, SOFT, GRID, PAPER, ON_HEAT = "#1b1f24", "#59636e", "#d1d9e0", "#fefefe", "#fdfdfd"
HEAT, ALARM, WATCH, CALM = "#0a5aa1", "#b3261e", "#c98500", "#b7c0c9"
SERIES = ("#0072b2", "#d55e00", "#009e73", "#a8479a", "#5a6acf", "#8a6d00")
"""Okabe and Ito's colours, darkened where they were too pale to be a line on white; told apart without red or green."""

DASHES: tuple[tuple[float, tuple[float, ...]], ...] = (
    (0, ()), (0, (5, 1.5)), (0, (1.5, 1)), (0, (6, 1.5, 1, 1.5)), (0, (3, 1)), (0, (8, 2)),
)  # fmt: skip
MARKERS = ("o", "s", "^", "D", "v", "P")
"""A version has its own dashes and marker, too, so that its colour is never all there is."""

MOST_SERIES = len(SERIES)
_DPI = 120

VARIABLES = {
    INK: "ink", SOFT: "soft", GRID: "grid", PAPER: "paper", ON_HEAT: "on-heat",
    HEAT: "heat", ALARM: "alarm", WATCH: "watch", CALM: "calm",
    **{colour: f"s{i}" for i, colour in enumerate(SERIES)},
}  # fmt: skip
"""The page's CSS variable for each colour."""

_STYLE: dict[str, object] = {
    "svg.fonttype": "none", "svg.hashsalt": "streams report", "text.parse_math": False, "text.usetex": False,
    "axes.formatter.use_mathtext": False, "axes.unicode_minus": True, "font.family": "DejaVu Sans", "font.size": 8.5,
    "axes.titlesize": 9.5, "axes.titleweight": "bold", "axes.titlelocation": "left", "axes.labelsize": 8.5,
    "xtick.labelsize": 8, "ytick.labelsize": 8, "figure.facecolor": "none", "axes.facecolor": "none",
    "savefig.facecolor": "auto", "text.color": INK, "axes.labelcolor": SOFT, "axes.titlecolor": INK,
    "xtick.color": SOFT, "ytick.color": SOFT, "axes.edgecolor": GRID, "grid.color": GRID, "grid.linewidth": 0.6,
    "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True, "axes.grid": True,
    "lines.linewidth": 1.4, "hatch.linewidth": 0.5, "legend.frameon": False, "legend.fontsize": 8.5,
    "figure.constrained_layout.use": False,
}  # fmt: skip

_SVG = "{http://www.w3.org/2000/svg}"
_XLINK = "{http://www.w3.org/1999/xlink}href"
_COLOUR = re.compile(r"#[0-9a-f]{6}\b")
_REFERENCE = re.compile(r"url\(#")
_LONG_NUMBER = re.compile(r"(-?\d+\.\d\d)\d+")
_NUMBERS = frozenset({"d", "x", "y", "width", "height", "transform", "points"})


class Drawing(NamedTuple):
    """A figure, what it is in a few words, and what it shows in sentences, for those who do not see it."""

    title: str
    description: str
    figure: Figure


@contextmanager
def style() -> Iterator[None]:
    """The house style, whatever the machine's own settings of matplotlib are."""
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)  # type: ignore[arg-type]  # its stubs have one type for each key
        yield


def new_figure(height_in: float, width_in: float = WIDTH_IN) -> Figure:
    """An empty figure, as wide as the page if not said."""
    return Figure(figsize=(width_in, height_in))


def as_svg(drawing: Drawing, name: str) -> str:
    """The figure as an `<svg>` to be put into HTML; `name` is unique in the page and is part of every identifier."""
    out = io.BytesIO()
    metadata = dict.fromkeys(("Date", "Creator", "Type", "Format"))
    FigureCanvasSVG(drawing.figure).print_svg(out, metadata=metadata)  # type: ignore[no-untyped-call]
    root = ET.fromstring(out.getvalue())  # noqa: S314 -- matplotlib wrote it a moment ago
    for parent in list(root.iter()):
        for child in list(parent):
            # A style sheet of the picture would count for the whole page, and its metadata say nothing.
            if child.tag in {f"{_SVG}metadata", f"{_SVG}style"}:
                parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)
        for key, value in list(element.attrib.items()):
            del element.attrib[key]
            element.set(*_attribute(key, value, name))
    view = root.get("viewBox") or ""
    root.attrib.clear()
    root.attrib.update({"viewBox": view, "role": "img", "aria-labelledby": f"{name}-title {name}-desc"})
    for position, (tag, words) in enumerate((("title", drawing.title), ("desc", drawing.description))):
        said = ET.Element(tag, {"id": f"{name}-{tag}"})
        said.text = words
        root.insert(position, said)
    return ET.tostring(root, encoding="unicode")


def _attribute(key: str, value: str, name: str) -> tuple[str, str]:
    """An attribute of the SVG as it stands in the page: own identifiers, the page's colours, short numbers."""
    if key == "id":
        return key, f"{name}-{value}"
    if key == _XLINK:
        return "href", f"#{name}-{value.removeprefix('#')}"
    if key in _NUMBERS:
        return key, _LONG_NUMBER.sub(r"\1", value)
    value = _REFERENCE.sub(f"url(#{name}-", value)
    return key, _COLOUR.sub(_variable, value)


def _variable(colour: re.Match[str]) -> str:
    known = VARIABLES.get(colour[0])
    return f"var(--{known}, {colour[0]})" if known else colour[0]


def as_png(drawings: Sequence[Drawing]) -> bytes:
    """All figures below each other on white; two of half the page's width that follow each other stand side by side."""
    lines: list[list[npt.NDArray[np.uint8]]] = []
    room = 0
    for drawing in drawings:
        picture = _pixels(drawing.figure)
        if picture.shape[1] <= room:
            lines[-1].append(picture)
        else:
            lines.append([picture])
            room = int(WIDTH_IN * _DPI)
        room -= picture.shape[1]
    rows = [np.concatenate([_padded(p, max(q.shape[0] for q in line), p.shape[1]) for p in line], 1) for line in lines]
    width = max(row.shape[1] for row in rows)
    out = io.BytesIO()
    stacked = np.concatenate([_padded(row, row.shape[0], width) for row in rows])
    # Its stubs know no None, which is how a line of metadata is left out.
    imsave(out, stacked, format="png", metadata={"Software": None}, dpi=_DPI)  # type: ignore[dict-item]
    return out.getvalue()


def _pixels(figure: Figure) -> npt.NDArray[np.uint8]:
    canvas = FigureCanvasAgg(figure)
    figure.set_facecolor("white")
    figure.set_dpi(_DPI)
    canvas.draw()  # type: ignore[no-untyped-call]
    return np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]


def _padded(picture: npt.NDArray[np.uint8], height: int, width: int) -> npt.NDArray[np.uint8]:
    edges = ((0, height - picture.shape[0]), (0, width - picture.shape[1]), (0, 0))
    return np.pad(picture, edges, constant_values=255)
