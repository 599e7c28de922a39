"""When did something change? A lane for each kind of drift, a mark for each finding, a bar for each incident."""

from collections.abc import Mapping, Sequence
from math import inf

from matplotlib.axes import Axes

from streams.report.axes import days, time_axis
from streams.report.canvas import ALARM, CALM, GRID, INK, ON_HEAT, PAPER, WATCH, WIDTH_IN, Drawing, new_figure
from streams.report.evidence import Evidence
from streams.report.incidents import Incident, incidents_of
from streams.report.rows import Finding
from streams.report.sections import Section, Table, not_recorded, nothing_yet
from streams.report.words import NOT_DEFINED, count, figures, listed, period, short

_KEY, _HEADING = "drift", "Drift and incidents"
_ORDER = ("performance", "confusion", "label", "prediction", "score", "skew", "variance")
"""The kinds in the order of what they mean to people; others follow by name."""

_LEVELS: Mapping[str, tuple[str, float, str]] = {
    "quiet": (CALM, 0.16, "quiet"),
    "now": (WATCH, 0.34, "now: this window alone stands out"),
    "alarm": (ALARM, 0.5, "alarm: evidence over time"),
}
"""Colour, height in the lane and words of each level; a level is told by height as much as by colour."""

_LEAD = (
    "Each lane is one detector; a tick is a settled window that it judged, taller and darker where it found something. "
    "A bar is an incident, from its first window until it was closed; the number leads to the table, which names the "
    "class to blame. Effect and p-value there are of the one window that stands out most; an alarm of performance "
    "rests on several windows or on one class. Lanes are empty while there is no reference to compare with."
)
_MOST_ROWS = 200
_NUMBER_IN = 0.085  # how wide a digit of an incident's number is, with its share of the room around it


def drift_section(evidence: Evidence, shown: Sequence[str]) -> Section:
    """The part of the page; `shown` are the versions that get lanes, oldest first."""
    if evidence.findings is None:
        return not_recorded(_KEY, _HEADING, "drift")
    found = {version: evidence.findings.get(version, ()) for version in shown}
    if not any(found.values()):
        return nothing_yet(_KEY, _HEADING, "No detector has judged a window yet.")
    incidents = incidents_of(evidence) or []
    numbered = {incident: number for number, incident in enumerate(incidents, 1)}
    drawing = _drawing(evidence, {version: rows for version, rows in found.items() if rows}, numbered)
    lead = _LEAD + ("" if incidents else " There was no incident.")
    tables = (_table(incidents),) if incidents else ()
    return Section(_KEY, _HEADING, lead, (drawing,), tables)


def _kinds(rows: Sequence[Finding]) -> list[str]:
    """The lanes: the usual ones that there are, and of others those that have judged a window."""
    present = {row.kind for row in rows if row.kind in _ORDER or row.statistic is not None}
    return [kind for kind in _ORDER if kind in present] + sorted(present - set(_ORDER))


def _drawing(evidence: Evidence, found: Mapping[str, Sequence[Finding]], numbered: Mapping[Incident, int]) -> Drawing:
    lane_in, head_in, foot_in = 0.27, 0.34, 0.2
    kinds = {version: _kinds(rows) for version, rows in found.items()}
    height_in = sum(len(lanes) * lane_in + head_in + foot_in for lanes in kinds.values()) + 0.55
    figure = new_figure(height_in)
    left = max(len(short(kind, 24)) for lanes in kinds.values() for kind in lanes) * 0.07 + 0.2
    _legend(figure.add_axes((left / WIDTH_IN, 1 - 0.24 / height_in, 0.98 - left / WIDTH_IN, 0.2 / height_in)))
    top_in = 0.32
    for version, rows in found.items():
        lanes = kinds[version]
        top_in += head_in
        tall_in = len(lanes) * lane_in
        axes = figure.add_axes((
            left / WIDTH_IN, 1 - (top_in + tall_in) / height_in, 0.985 - left / WIDTH_IN, tall_in / height_in
        ))  # fmt: skip
        top_in += tall_in + foot_in
        own = {incident: number for incident, number in numbered.items() if incident.version == version}
        time_axis(axes, *evidence.span_ms(found))
        _lanes(axes, rows, lanes, own)
        axes.set_title(short(version, 60))
        if version != list(found)[-1]:
            axes.tick_params(labelbottom=False)
    said = f"{count(len(numbered))} incidents" + (
        f", {count(sum(incident.is_open for incident in numbered))} of them open; the table has them all."
        if numbered
        else "."
    )
    return Drawing("Drift findings and incidents over time", said, figure)


def _lanes(axes: Axes, rows: Sequence[Finding], lanes: Sequence[str], incidents: Mapping[Incident, int]) -> None:
    place = {kind: number for number, kind in enumerate(lanes)}
    for level, (colour, half, _) in _LEVELS.items():
        at = [row for row in rows if row.level == level and (level != "quiet" or row.statistic is not None)]
        middles = [days((row.start_ms + row.end_ms) / 2) for row in at]
        centres = [place[row.kind] for row in at]
        axes.vlines(
            middles, [c + 0.42 - 2 * half * 0.84 for c in centres], [c + 0.42 for c in centres], color=colour,
            linewidth=1.0 if len(rows) > 1_500 else 1.6, zorder=2.5,
        )  # fmt: skip
    taken = dict.fromkeys(lanes, -inf)  # where the last bar of a lane ends
    for incident, number in incidents.items():
        _bar(axes, incident, number, place[incident.kind], taken[incident.kind])
        taken[incident.kind] = days(incident.end_ms)
    axes.set_ylim(len(lanes) - 0.5, -0.5)
    axes.set_yticks(range(len(lanes)), [short(kind, 24) for kind in lanes], color=INK)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    for edge in range(len(lanes) + 1):
        axes.axhline(edge - 0.5, color=GRID, linewidth=0.6, zorder=1)
    axes.spines["left"].set_visible(False)


def _bar(axes: Axes, incident: Incident, number: int, lane: int, taken: float) -> None:
    """One incident; its number stands before it, inside it where there is no room, and nowhere if it fits neither."""
    start, end = days(incident.start_ms), days(incident.end_ms)
    axes.barh(
        lane - 0.2, end - start, 0.5, start, facecolor=ALARM if incident.is_open else PAPER, edgecolor=ALARM,
        linewidth=1.0, zorder=3,
    )  # fmt: skip
    left, right = axes.get_xlim()
    room = _NUMBER_IN * len(str(number)) / (axes.get_position().width * WIDTH_IN) * (right - left)
    is_inside = start - max(taken, left) < room
    if is_inside and end - max(start, left) < room:
        return
    axes.annotate(
        str(number), (max(start, left), lane - 0.2), (3 if is_inside else -2.5, 0), textcoords="offset points",
        ha="left" if is_inside else "right", va="center", size=7, weight="bold", zorder=4,
        color=ON_HEAT if is_inside and incident.is_open else INK,
    )  # fmt: skip


def _legend(axes: Axes) -> None:
    axes.set_axis_off()
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 1)
    at = 0.0
    for colour, half, words in _LEVELS.values():
        axes.vlines(at + 0.5, 0.1, 0.1 + 1.6 * half, color=colour, linewidth=2)
        axes.text(at + 1.6, 0.45, words, va="center", size=8)
        at += 3.5 + len(words) * 0.72
    for face, words in ((ALARM, "incident, open"), (PAPER, "incident, closed")):
        axes.barh(0.45, 3, 0.5, at, facecolor=face, edgecolor=ALARM, linewidth=1)
        axes.text(at + 3.8, 0.45, words, va="center", size=8)
        at += 6 + len(words) * 0.72


def _table(incidents: Sequence[Incident]) -> Table:
    newest = list(enumerate(incidents, 1))[-_MOST_ROWS:]
    body = [
        (
            str(number), short(incident.version, 40), short(incident.kind, 40),
            listed(list(incident.subjects), 3) if incident.subjects else "",
            period(incident.start_ms, incident.end_ms), "open" if incident.is_open else "closed",
            (incident.worst.explains or "").replace("_", " "),
            (incident.worst.reference or NOT_DEFINED).replace("_", " "), figures(incident.worst.effect),
            figures(incident.worst.p_value),
        )
        for number, incident in reversed(newest)
    ]  # fmt: skip
    left = len(incidents) - len(newest)
    caption = "Incidents, the newest first" + (f"; {count(left)} older ones are left out" if left else "")
    head = (
        "no.", "version", "kind", "to blame", "from and to (UTC)", "status", "explained by", "compared with",
        "effect", "p-value",
    )  # fmt: skip
    return Table(caption, head, body, names=8, is_open=True)
