"""The generated parts of docs/real-alerts.md, as Markdown. Pure: rows and facts in, text out."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks.real_sets_known import Known, marks
from benchmarks.real_sets_tables import hours, table, time
from streams.cli.moments import parse_moment

SLO = "recall"
"""The name of the budget."""

NONE = "-"
DAY_MS = 86_400_000
TOLERANCE_MS = 2 * DAY_MS
"""An alert that fires so long after a known change is an answer to it, as in docs/real-sets.md."""

_SHOWN = 30
"""Alerts that are listed; a set with more says how many are left out."""

Row = Mapping[str, Any]
Recalls = Mapping[tuple[str, str], Sequence[tuple[int, int, int]]]
"""(start ms, support, hits) of final windows of an hour by (version, class), in order of time."""


class Episode(NamedTuple):
    """An alert from when it fired until it was over. Times are ms; `fired` and `over` are ends of steps.

    `told` and `ended`: when these had settled. `paged`: when the first step that wakes somebody had, None without one.
    `over` and `ended` are None for one that still fires at the end of the log. `summary` is that of the loudest row.
    """

    rule: str
    version: str
    about: str
    fired: int
    told: int
    paged: int | None
    over: int | None
    ended: int | None
    reason: str
    summary: str

    @property
    def is_of_budget(self) -> bool:
        """Whether the budget told it, or the watch on its data."""
        return self.rule.partition("/")[0] == SLO


class Told(NamedTuple):
    """What was told on a set. `days` of event time; `targets` by class."""

    name: str
    days: float
    facts: Known
    targets: Mapping[str, float]
    episodes: Sequence[Episode]
    recalls: Recalls


def episodes(log: Iterable[Row]) -> list[Episode]:
    """Every alert that fired and was not muted, in order of time, out of the rows of the log of alerts."""
    found: dict[tuple[str, str], Episode] = {}
    for row in log:
        key = row["fingerprint"], row["episode"]
        t, told = parse_moment(row["t"]), parse_moment(row["settled_at"])
        if row["kind"] in ("firing", "escalated"):
            about = " ".join(row[name] for name in ("class", "window", "subject") if row[name])
            known = found.get(key) or Episode(
                row["rule"], row["model_version"], about, t, told, None, None, None, "", row["summary"]
            )
            if row["severity"] == "page" and known.paged is None:
                known = known._replace(paged=told, summary=row["summary"])
            found[key] = known
        elif row["kind"] == "resolved" and key in found:
            found[key] = found[key]._replace(over=t, ended=told, reason=row["reason"])
    return sorted(found.values(), key=lambda one: (one.fired, one.rule, one.version, one.about))


def recalls(rows: Iterable[Row]) -> Recalls:
    """Hourly counts of every class out of the rows of classes."""
    found: dict[tuple[str, str], list[tuple[int, int, int]]] = {}
    for row in rows:
        if row["window"] == "1h" and row["segment"] == "all" and row["status"] == "final":
            counts = parse_moment(row["window_start"]), row["support"], row["tp"]
            found.setdefault((row["model_version"], row["class"]), []).append(counts)
    return {key: sorted(hourly) for key, hourly in found.items()}


def parts(seen: Sequence[Told]) -> dict[str, str]:
    """Every part of the page by the name of its marker."""
    out = {"summary": "\n".join(["", *_summary(seen), "", *_budgets(seen)])}
    for told in seen:
        out[f"{told.name} default"] = "\n".join([*_marks(told), *_defaults(told)])
        out[f"{told.name} budget"] = "\n".join(_budget(told))
    return out


def _summary(seen: Sequence[Told]) -> list[str]:
    """The default rules on each set."""
    body = []
    for told in seen:
        own = [one for one in told.episodes if not one.is_of_budget]
        missing = sum(one.rule.endswith("/no-data") for one in own)
        paged = sum(one.paged is not None for one in own)
        answer = _answer(told, own)
        body.append([told.name, f"{told.days:.1f}", str(paged), str(len(own)), str(len(own) - missing), str(missing),
                     f"{len(own) / told.days * 7:.1f}", answer])  # fmt: skip
    head = (
        "set",
        "days",
        "pages",
        "tickets",
        "of drift",
        "of missing data",
        "tickets a week",
        "known change told after",
    )
    return ["The default rules:", "", *table(head, body)]


def _budgets(seen: Sequence[Told]) -> list[str]:
    """The budgets on each set."""
    body = []
    for told in seen:
        own = [one for one in told.episodes if one.rule == SLO]
        pages = [one for one in own if one.paged is not None]
        answers = [one for one in pages if _is_right(told, one)]
        right = [sum(_is_right(told, one) for one in some) for some in (pages, own)]
        missing = sum(one.rule == f"{SLO}/no-data" for one in told.episodes)
        body.append([told.name, str(len(told.targets)), str(len(pages)), str(right[0]), str(len(own) - len(pages)),
                     str(right[1] - right[0]), str(missing), _answer(told, answers)])  # fmt: skip
    head = ("set", "classes", "pages", "right", "tickets", "right", "missing data", "known change rightly paged after")
    return ["A budget of each set's own history:", "", *table(head, body)]


def _answer(told: Told, some: Sequence[Episode]) -> str:
    """How long after the first known change somebody was told."""
    if not told.facts.changes:
        return "none is known"
    at = told.facts.changes[0].at_ms
    after = [one.paged or one.told for one in some if at <= one.fired <= at + TOLERANCE_MS]
    if after:
        return hours(min(after) - at)
    is_open = any(one.fired < at and (one.over is None or one.over > at) for one in some)
    return "it fired before" if is_open else "not told"


def _marks(told: Told) -> list[str]:
    named = [f"{letter} {time(at)} {words}" for letter, at, words in marks(told.facts)]
    return [f"Marks: {'; '.join(named)}.", ""] if named else []


def _defaults(told: Told) -> list[str]:
    own = [one for one in told.episodes if not one.is_of_budget]
    if not own:
        return ["Nobody was told of anything by the default rules."]
    body = [[time(one.told), _until(one), one.version, one.rule, one.about or NONE, _near(told, one)] for one in own]
    return _listed(("told at", "over told at", "version", "alert", "about", "after"), body)


def _budget(told: Told) -> list[str]:
    targets = ", ".join(f"{name} {target:.2f}" for name, target in told.targets.items())
    lines = [f"Targets: {targets}.", ""]
    own = [one for one in told.episodes if one.is_of_budget]
    if not own:
        return [*lines, "Nobody was told."]
    body = []
    for one in own:
        recall = _recall(told, one)
        truth = NONE if recall is None else f"{recall:.0%}"
        about = one.about or "missing data"
        said = one.summary if one.about else NONE
        body.append([time(one.paged or one.told), "ticket" if one.paged is None else "page", _until(one),
                     one.reason or NONE, one.version, about, said, truth, _near(told, one)])  # fmt: skip
    head = (
        "told at",
        "as",
        "over told at",
        "why over",
        "version",
        "about",
        "what was said",
        "final recall while it fired",
        "after",
    )
    return [*lines, *_listed(head, body)]


def _listed(head: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    more = len(body) - _SHOWN
    return [*table(head, body[:_SHOWN]), *(["", f"And {more} more."] if more > 0 else [])]


def _until(one: Episode) -> str:
    return "still fires" if one.ended is None else time(one.ended)


def _near(told: Told, one: Episode) -> str:
    """The newest mark before it fired, within two days."""
    before = [(letter, at) for letter, at, _ in marks(told.facts) if at <= one.fired <= at + TOLERANCE_MS]
    if not before:
        return NONE
    letter, at = max(before, key=lambda mark: mark[1])
    return f"{letter} + {hours((one.paged or one.told) - at)}"


def _recall(told: Told, one: Episode) -> float | None:
    """The recall of its class with final labels, from six hours before it fired until it was over."""
    n = hits = 0
    for start, support, tp in told.recalls.get((one.version, one.about), ()):
        if one.fired - DAY_MS // 4 <= start and (one.over is None or start < one.over):
            n, hits = n + support, hits + tp
    return hits / n if n else None


def _is_right(told: Told, one: Episode) -> bool:
    """Whether the class really was below its target while the alert fired."""
    recall = _recall(told, one)
    return recall is not None and recall < told.targets[one.about]
