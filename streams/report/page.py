"""The page: every part put into one HTML file that needs nothing else, and one PNG of its pictures.

The template escapes everything. What is put in unescaped is SVG that `canvas.as_svg` serialised from a tree, where text
is text. The same rows give the same bytes.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from streams.report.accuracy import accuracy_section
from streams.report.calibration import calibration_section
from streams.report.canvas import INK, MOST_SERIES, SOFT, WIDTH_IN, Drawing, as_png, as_svg, new_figure, style
from streams.report.confusion import confusion_section
from streams.report.delays import delay_section
from streams.report.drift import drift_section
from streams.report.evidence import Evidence
from streams.report.recalls import recall_section
from streams.report.sections import Section, Table
from streams.report.summary import Standing, standings
from streams.report.words import clean, count, period, short

MOST_CARDS = 3
_TEMPLATE = "page.html.jinja"


class Report(NamedTuple):
    """The page and its pictures."""

    html: str
    png: bytes | None


def build(evidence: Evidence, *, with_png: bool = False) -> Report:
    """Draw everything and write the page."""
    with style():
        all_standings = standings(evidence)
        sections = _sections(evidence)
        html = _html(evidence, all_standings, sections)
        pictures = [_headline(evidence, all_standings), *(d for section in sections for d in _with_heading(section))]
        return Report(html, as_png(pictures) if with_png else None)


def _sections(evidence: Evidence) -> list[Section]:
    shown = evidence.versions[-MOST_SERIES:]
    numbers = {version: number for number, version in enumerate(shown)}
    return [
        accuracy_section(evidence, shown),
        drift_section(evidence, shown),
        recall_section(evidence, shown, numbers),
        confusion_section(evidence),
        calibration_section(evidence, numbers),
        delay_section(evidence, numbers),
    ]


def _html(evidence: Evidence, all_standings: Sequence[Standing], sections: Sequence[Section]) -> str:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    parts = [
        (section, [_picture(drawing, f"{section.key}{number}") for number, drawing in enumerate(section.drawings)])
        for section in sections
    ]
    return environment.get_template(_TEMPLATE).render(
        model=clean(evidence.model), scope=scope(evidence), standings=all_standings[:MOST_CARDS],
        versions=_versions(all_standings) if len(all_standings) > MOST_CARDS else None, parts=parts, short=short,
    )  # fmt: skip


def _picture(drawing: Drawing, name: str) -> tuple[Markup, bool]:
    """A picture for the page, and whether two of it stand side by side."""
    svg = as_svg(drawing, name)
    return Markup(svg), drawing.figure.get_figwidth() < WIDTH_IN  # noqa: S704 -- an XML writer wrote it: names are text


def _versions(all_standings: Sequence[Standing]) -> Table:
    """Every version in a line."""
    body = [
        (
            short(standing.version, 60), standing.figure, standing.sentence, standing.coverage,
            count(len(standing.open_incidents)),
        )
        for standing in all_standings
    ]  # fmt: skip
    head = ("version", "balanced accuracy", "of", "coverage", "open incidents")
    return Table(f"All {len(body)} versions, the newest first", head, body, names=4, is_open=True)


def scope(evidence: Evidence) -> str:
    """What was looked at, in a line."""
    predictions = sum(row.predictions for rows in evidence.windows.values() for row in rows)
    windows = sum(map(len, evidence.windows.values()))
    said = f"{period(*evidence.span_ms())} UTC · windows of {evidence.window} · segment {evidence.segment}"
    return f"{said} · {count(windows)} windows" + ("" if evidence.is_sliding else f", {count(predictions)} predictions")


def _with_heading(section: Section) -> Sequence[Drawing]:
    """The pictures of a part for the PNG, below its heading; none where it has none."""
    if not section.drawings:
        return ()
    figure = new_figure(0.42)
    figure.text(0.02, 0.35, section.heading, size=12, weight="bold", va="center")
    return Drawing(section.heading, section.lead, figure), *section.drawings


def _headline(evidence: Evidence, all_standings: Sequence[Standing]) -> Drawing:
    """The page's head as a picture, for the PNG."""
    said = [(standing, _lines(standing)) for standing in all_standings[:MOST_CARDS]]
    height_in = 0.8 + sum(0.4 + 0.19 * len(lines) for _, lines in said)
    figure = new_figure(height_in)

    def line(at_in: float, words: str, *, size: float, colour: str = INK, weight: str = "normal") -> None:
        figure.text(0.02, 1 - at_in / height_in, words, size=size, color=colour, weight=weight, va="center")

    line(0.3, short(evidence.model, 60), size=16, weight="bold")
    line(0.58, short(scope(evidence), 140), size=9, colour=SOFT)
    at_in = 0.92
    for standing, lines in said:
        line(at_in, f"{short(standing.version, 40)}: {standing.figure}", size=11, weight="bold")
        for number, words in enumerate(lines):
            line(at_in + 0.22 + 0.19 * number, words, size=9)
        at_in += 0.4 + 0.19 * len(lines)
    return Drawing(evidence.model, scope(evidence), figure)


def _lines(standing: Standing) -> list[str]:
    """What stands below the figure of a version."""
    incidents = ", ".join(short(incident.kind, 30) for incident in standing.open_incidents[:MOST_CARDS])
    said = [
        standing.sentence, standing.usual, standing.coverage, standing.nowcast_sentence,
        f"{count(len(standing.open_incidents))} open: {incidents}" if incidents else "", *standing.warnings,
    ]  # fmt: skip
    return [line for line in said if line]
