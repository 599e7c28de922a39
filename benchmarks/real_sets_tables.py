"""The generated parts of docs/real-sets.md, as Markdown. Pure: numbers in, text out."""

import re
from collections.abc import Mapping, Sequence

from benchmarks.real_sets_errors import AGES_S, FINAL, LEAST, Errors, Look, Rows, errors, held
from benchmarks.real_sets_found import Found, Incident
from benchmarks.real_sets_known import KNOWN, Known, marks
from streams.cli.score_marks import Marks, Result
from streams.cli.score_rows import Watched
from streams.ledger.times import rfc3339

NONE = "-"
HOUR_MS = 3_600_000
_SHOWN = 40
"""Incidents that are listed; a set with more says how many are left out."""

_MARKER = re.compile(r"(<!-- begin (?P<name>[^>]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def with_parts(text: str, parts: Mapping[str, str]) -> str:
    """The page with these parts between `<!-- begin NAME -->` and `<!-- end -->`.

    Raises `ValueError` when a part has no place in the page, or a place no part.
    """
    places = {match["name"] for match in _MARKER.finditer(text)}
    if places != set(parts):
        raise ValueError(f"page and parts differ: {sorted(places ^ set(parts))}")
    return _MARKER.sub(lambda match: f"{match[1]}\n{parts[match['name']]}\n{match[3]}", text)


def found_part(name: str, drift: Found, known: Known, said: Rows, every: Mapping[str, Found]) -> str:
    """What was found when."""
    sizes = ", ".join(f"{size.window} {size.predictions:,.0f}" for size in said.sizes)
    lines = [
        f"Predictions in the median window: {sizes}. So the windows here are those of **{drift.window}**.",
        "",
        f"![What was found when on {name}](images/real-sets-{name}-drift.svg)",
        "",
    ]
    for letter, at_ms, words in marks(known):
        if words.startswith(KNOWN):
            lines += [f"{letter} is the known change, {time(at_ms)}: {_change(known, at_ms)}.", ""]
    if known.changes:
        lines += [*_answers(drift), ""]
    lines += [*_rates(every), ""]
    if drift.incidents:
        lines += _incidents(drift)
    else:
        lines += ["There was no incident."]
    return "\n".join(lines)


def table(head: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table."""
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *body)]


def time(at_ms: int) -> str:
    """A time to the minute."""
    return rfc3339(at_ms)[:16].replace("T", " ")


def hours(ms: int) -> str:
    """A length of time in hours, or in days from two on."""
    found = ms / HOUR_MS
    return f"{found / 24:.1f} d" if found >= 48 else f"{found:.1f} h"


def _kind(watched: Watched) -> str:
    return f"{watched.kind} of {watched.subject}" if watched.subject else watched.kind


def _change(known: Known, at_ms: int) -> str:
    return next(change.name for change in known.changes if change.at_ms == at_ms)


def _answers(drift: Found) -> list[str]:
    """For each change what each detector made of it."""
    body = []
    first = {(incident.watched, incident.start_ms): incident for incident in drift.incidents}
    for one in drift.marks:
        for answer in one.answers:
            cells = [one.watched.version, _kind(one.watched), answer.result.value]
            if answer.alarm is None or answer.delay_ms is None:
                body.append([*cells, NONE, NONE, NONE, NONE])
                continue
            incident = first[one.watched, answer.alarm.start_ms]
            told_ms = answer.delay_ms + incident.told_ms - answer.alarm.end_ms
            body.append([*cells, incident.blamed or NONE, incident.explains or NONE, hours(answer.delay_ms),
                         hours(told_ms)])  # fmt: skip
    head = ("version", "kind", "result", "blamed", "explained by", "to the window's end", "until told")
    return table(head, body) if body else ["No detector judged a window of the change."]


def _rates(every: Mapping[str, Found]) -> list[str]:
    """Alarms and false alarms by kind, for every size."""
    body = []
    for size, drift in every.items():
        kinds: dict[str, list[Marks]] = {}
        for one in drift.marks:
            kinds.setdefault(one.watched.kind, []).append(one)
        for kind, group in kinds.items():
            judged, calm = sum(one.windows for one in group), sum(one.calm for one in group)
            if judged:
                false = sum(len(one.false) for one in group)
                rate = f"{1000 * false / calm:.1f}" if calm else NONE
                alarms = sum(one.alarms for one in group)
                body.append([size, kind, str(judged), str(alarms), str(calm), str(false), rate])
    if not body:
        return ["No window was judged, of any size: there were not the windows that make a reference."]
    head = ("windows", "kind", "judged", "alarms", "judged apart from changes", "false alarms", "per 1000")
    silent = [size for size in every if size not in {row[0] for row in body}]
    table = table(head, body)
    if silent:
        table += ["", f"No window of {', '.join(silent)} was judged: too few of them to make a reference."]
    return table


def _incidents(drift: Found) -> list[str]:
    body = [_incident(incident) for incident in drift.incidents[:_SHOWN]]
    head = ("from window", "told at", "until", "version", "kind", "blamed", "effect", "explained by", "counted as")
    table = table(head, body)
    if left := len(drift.incidents) - len(body):
        table += ["", f"{left} later ones are left out here."]
    return [f"All {len(drift.incidents)} incidents:" if len(drift.incidents) > 1 else "The one incident:", "", *table]


def _incident(incident: Incident) -> list[str]:
    return [
        time(incident.start_ms),
        time(incident.told_ms),
        "still open" if incident.is_open else time(incident.end_ms),
        incident.watched.version,
        _kind(incident.watched),
        incident.blamed or NONE,
        NONE if incident.effect is None else f"{incident.effect:+.3f}",
        incident.explains or NONE,
        "answer" if incident.answers else "false",
    ]


def errors_part(name: str, looks: Mapping[str, Sequence[Look]], known: Known) -> str:
    """How far off numbers were at each age."""
    body = []
    for age in (*AGES_S.values(), FINAL):
        seen = looks[age]
        so_far = errors([(look.so_far, look.truth) for look in seen])
        cast = [look for look in seen if look.nowcast is not None]
        nowcast = errors([(look.nowcast, look.truth) for look in cast])
        same = errors([(look.so_far, look.truth) for look in cast])
        against_final = errors([(look.nowcast, look.final) for look in cast])
        within = " of ".join(map(str, held(cast, "truth"))) if cast else NONE
        within_final = " of ".join(map(str, held(cast, "final"))) if cast else NONE
        covered = [look.coverage for look in seen if look.coverage is not None]
        coverage = f"{100 * sum(covered) / len(covered):.0f} %" if covered else NONE
        said = "" if so_far.n == len(seen) else f" ({so_far.n} windows)"
        body.append([
            age, str(len(seen)), coverage, f"{_errors(so_far)[0]}{said}", _errors(so_far)[1], str(len(cast)),
            *_errors(nowcast), _errors(same)[0], within, _errors(against_final)[0], within_final,
        ])  # fmt: skip
    head = (
        "age", "windows", "labelled", "labels so far: error", "bias", "nowcast: said", "error", "bias",
        "labels so far, same windows: error", "interval holds the truth", "nowcast against final: error",
        "interval holds the final",
    )  # fmt: skip
    lines = [
        f"Windows of {known.truth_window} with at least {LEAST} predictions; error: mean absolute, in points.",
        "",
        *table(head, body),
        "",
        _estimated(looks[AGES_S[0]]),
    ]
    if reasons := _reasons(looks):
        lines += ["", f"Why there was no nowcast, over all looks before the final: {reasons}."]
    lines += ["", f"![Error against the truth by age on {name}](images/real-sets-{name}-errors.svg)"]
    return "\n".join(lines)


def _errors(of: Errors) -> tuple[str, str]:
    return (NONE if of.mean is None else f"{of.mean:.1f}", NONE if of.bias is None else f"{of.bias:+.1f}")


def _estimated(seen: Sequence[Look]) -> str:
    said = [look for look in seen if look.estimated is not None]
    if not said:
        return f"Estimated without any label, at age 0: never said in {len(seen)} windows."
    off = errors([(look.estimated, look.truth) for look in said])
    so_far = errors([(look.so_far, look.truth) for look in said])
    last = errors([(look.final, look.truth) for look in said])
    return (
        f"Estimated without any label, at age 0: said for {off.n} of {len(seen)} windows, error {_errors(off)[0]}, "
        f"bias {_errors(off)[1]}. In the same windows the labels so far had an error of {_errors(so_far)[0]} "
        f"({so_far.n} windows with a label), the final rows of {_errors(last)[0]}."
    )


def _reasons(looks: Mapping[str, Sequence[Look]]) -> str:
    counts: dict[str, int] = {}
    for age in AGES_S.values():
        for look in looks[age]:
            if look.nowcast is None:
                counts[look.why] = counts.get(look.why, 0) + 1
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return "; ".join(f"{why} ({count})" for why, count in ordered)


def summary_part(sets: Mapping[str, tuple[Found, Mapping[str, Sequence[Look]]]]) -> str:
    """All sets in two tables: what was found, and how far off early numbers were."""
    found = [[name, drift.window, *_first(drift), *_false(drift)] for name, (drift, _) in sets.items()]
    head = ("set", "windows", "known change first found by", "until told", "by performance", "false alarms", "per 1000")
    ages = [AGES_S[3600], AGES_S[6 * 3600], AGES_S[24 * 3600]]
    off = [[name, *(cell for age in ages for cell in _pair(looks[age]))] for name, (_, looks) in sets.items()]
    columns = [f"{what}, {age}" for age in ages for what in ("labels so far", "nowcast (labels so far there)")]
    return "\n".join([*table(head, found), "", *table(("set", *columns), off)])


def _first(drift: Found) -> tuple[str, str, str]:
    """(kinds that told of the known change first, hours until told, hours until performance told)."""
    told: dict[int, list[str]] = {}
    by_performance = NONE
    seen = {(incident.watched, incident.start_ms): incident for incident in drift.incidents}
    answers = [(one.watched, answer) for one in drift.marks for answer in one.answers]
    if not answers:
        return "none is known", NONE, NONE
    for watched, answer in answers:
        if answer.alarm is None:
            continue
        told_ms = seen[watched, answer.alarm.start_ms].told_ms - answer.change.at_ms
        told.setdefault(told_ms, []).append(watched.kind)
        if watched.kind == "performance":
            by_performance = hours(told_ms)
    if not told:
        return "not found", NONE, NONE
    first = min(told)
    masked = any(watched.kind == "performance" and answer.result is Result.MASKED for watched, answer in answers)
    return ", ".join(told[first]), hours(first), "rang before" if masked else by_performance


def _false(drift: Found) -> tuple[str, str]:
    calm, false = sum(one.calm for one in drift.marks), sum(len(one.false) for one in drift.marks)
    return f"{false} in {calm}", f"{1000 * false / calm:.1f}" if calm else NONE


def _pair(seen: Sequence[Look]) -> tuple[str, str]:
    so_far = errors([(look.so_far, look.truth) for look in seen])
    cast = [look for look in seen if look.nowcast is not None]
    nowcast = errors([(look.nowcast, look.truth) for look in cast])
    same = errors([(look.so_far, look.truth) for look in cast])
    told = f"{_errors(nowcast)[0]} ({_errors(same)[0]}), {len(cast)} of {len(seen)}" if cast else NONE
    return _errors(so_far)[0], told
