"""What scoring says: for each kind of drift the rates, for each change who found it and when, and the false alarms."""

import math
from collections.abc import Iterable, Sequence
from statistics import median
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from streams.cli.score_changes import Change
from streams.cli.score_marks import Answer, Marks, Result
from streams.cli.score_rows import Watched
from streams.ledger.spec import DAY, HOUR, MINUTE
from streams.ledger.times import rfc3339
from streams.quality.rows import ALL
from streams.quality.spec import parse_window

_SHOWN_FALSE = 20
"""False alarms that are listed for people; JSON has all."""


class KindScore(NamedTuple):
    """What the detectors of one kind on one window size did together. Each change counts once for each detector.

    Medians are over the changes that were found; None without any. `false_alarms_per_1000` is None where no window was
    judged apart from changes.
    """

    window: str
    kind: str
    detectors: int
    windows: int
    calm_windows: int
    alarms: int
    false_alarms: int
    false_alarms_per_1000: float | None
    found: int
    missed: int
    masked: int
    not_watched: int
    delay_windows_median: float | None
    delay_s_median: float | None


def score_kinds(marks: Iterable[Marks]) -> list[KindScore]:
    """The scores by window size and kind, short windows first."""
    groups: dict[tuple[str, str], list[Marks]] = {}
    for one in marks:
        groups.setdefault((one.watched.window, one.watched.kind), []).append(one)
    return [_score(*key, groups[key]) for key in sorted(groups, key=lambda key: (_size_ms(key[0]), key))]


def _size_ms(window: str) -> float:
    try:
        return parse_window(window, 0).size_ms
    except ValueError:
        return math.inf


def _score(window: str, kind: str, group: Sequence[Marks]) -> KindScore:
    answers = [answer for one in group for answer in one.answers]
    results = [answer.result for answer in answers]
    calm, false = sum(one.calm for one in group), sum(len(one.false) for one in group)
    found, missed, masked, not_watched = (results.count(result) for result in Result)
    windows = [answer.delay_windows for answer in answers if answer.delay_windows is not None]
    delays_ms = [answer.delay_ms for answer in answers if answer.delay_ms is not None]
    return KindScore(
        window,
        kind,
        len(group),
        sum(one.windows for one in group),
        calm,
        sum(one.alarms for one in group),
        false,
        1000 * false / calm if calm else None,
        found,
        missed,
        masked,
        not_watched,
        float(median(windows)) if windows else None,
        median(delays_ms) / 1000 if delays_ms else None,
    )


def as_dict(marks: Sequence[Marks], tolerance: str, changes: Sequence[Change]) -> dict[str, object]:
    """Everything for tools."""
    return {
        "tolerance": tolerance,
        "kinds": [score._asdict() for score in score_kinds(marks)],
        "changes": [_answer_dict(answer) for answer in _by_time(marks)],
        "changes_without_detector": [change.name for change in changes if change not in _by_change(marks)],
        "false_alarms": [
            one.watched._asdict()
            | {"window_start": rfc3339(alarm.start_ms), "window_end": rfc3339(alarm.end_ms), "blamed": alarm.blamed}
            for one in marks
            for alarm in one.false
        ],
    }


def _by_time(marks: Iterable[Marks]) -> list[Answer]:
    answers = [answer for one in marks for answer in one.answers]
    return sorted(
        answers,
        key=lambda answer: (answer.change.at_ms, answer.change.name, _size_ms(answer.watched.window), answer.watched),
    )


def _by_change(marks: Iterable[Marks]) -> dict[Change, list[Answer]]:
    changes: dict[Change, list[Answer]] = {}
    for answer in _by_time(marks):
        changes.setdefault(answer.change, []).append(answer)
    return changes


def _answer_dict(answer: Answer) -> dict[str, object]:
    alarm = answer.alarm
    return {
        "change": answer.change.name,
        "at": rfc3339(answer.change.at_ms),
        **answer.watched._asdict(),
        "result": answer.result.value,
        "delay_windows": answer.delay_windows,
        "delay_s": None if answer.delay_ms is None else answer.delay_ms / 1000,
        "alarm_window_start": None if alarm is None else rfc3339(alarm.start_ms),
        "blamed": None if alarm is None else alarm.blamed,
    }


def show(console: Console, marks: Sequence[Marks], tolerance: str, changes: Sequence[Change]) -> None:
    """Print the scores for people."""
    scores = score_kinds(marks)
    console.print(_kinds_table([score for score in scores if score.windows]))
    silent: dict[str, list[str]] = {}
    for score in scores:
        if not score.windows:
            silent.setdefault(score.window, []).append(score.kind)
    for window, kinds in silent.items():
        console.print(Text(f"{window}: no window judged of {', '.join(kinds)}"), soft_wrap=True)
    console.print(
        f"an alarm answers a change within {tolerance}, every other one is false (per 1000 judged windows outside "
        "that time); delays are medians, in windows (w) and event time",
        soft_wrap=True,
    )
    answered = _by_change(marks)
    for change in changes:
        answers = answered.get(change, [])
        console.print()
        console.print(Text(f"{_time(change.at_ms)}  {change.name}", "bold"), soft_wrap=True)
        if not answers:
            console.print(Text(f"nobody watches it: there are no drift rows of {_said(change)}"), soft_wrap=True)
        judged = [answer for answer in answers if answer.result is not Result.NOT_WATCHED]
        if judged:
            console.print(_answers_table(judged))
        if len(judged) < len(answers):
            console.print(f"{len(answers) - len(judged)} of {len(answers)} detectors judged no window of it")
    false = [(alarm.start_ms, one.watched, alarm.blamed) for one in marks for alarm in one.false]
    if false:
        console.print()
        console.print(Text("False alarms", "bold"))
    for start_ms, watched, blamed in sorted(false, key=lambda entry: (entry[0], entry[1]))[:_SHOWN_FALSE]:
        named = f", blamed {blamed}" if blamed and not watched.subject else ""
        line = f"{_time(start_ms)}  {_detector(watched.kind, watched.subject)} of {watched.window}, {_place(watched)}"
        console.print(Text(line + named), soft_wrap=True)
    if len(false) > _SHOWN_FALSE:
        console.print(f"and {len(false) - _SHOWN_FALSE} more (--json has all)")


def _kinds_table(scores: Sequence[KindScore]) -> Table:
    table = _table(("window", "kind"), ("judged", "false", "per 1000", "found", "delay"))
    for score in scores:
        delay = "-"
        if score.delay_windows_median is not None and score.delay_s_median is not None:
            delay = _delay(score.delay_windows_median, score.delay_s_median * 1000)
        rate = "-" if score.false_alarms_per_1000 is None else f"{score.false_alarms_per_1000:.1f}"
        found = f"{score.found} of {score.found + score.missed + score.masked}"
        cells = (f"{score.windows:,}", str(score.false_alarms), rate, found, delay)
        table.add_row(Text(score.window), Text(score.kind), *cells)
    return table


def _answers_table(answers: Sequence[Answer]) -> Table:
    table = _table(("window", "kind", "of", "result"), ("delay",))
    for answer in answers:
        delay = ""
        if answer.delay_windows is not None and answer.delay_ms is not None:
            delay = _delay(answer.delay_windows, answer.delay_ms)
        style = {Result.FOUND: "green", Result.MISSED: "red"}.get(answer.result, "")
        kind = _detector(answer.watched.kind, answer.watched.subject)
        texts = (answer.watched.window, kind, _place(answer.watched))
        table.add_row(*map(Text, texts), Text(answer.result.value, style), delay)
    return table


def _table(texts: Sequence[str], numbers: Sequence[str]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in texts:
        table.add_column(name, overflow="fold", no_wrap=name != "of")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=name == "delay")
    return table


def _said(change: Change) -> str:
    """What a change is of, in its own words."""
    texts = {"model": change.model, "version": change.version, "segment": change.segment}
    said = [f"{key} {text}" for key, text in texts.items() if text is not None]
    return ", ".join([*said, *(["kinds " + " or ".join(change.kinds)] if change.kinds else [])])


def _detector(kind: str, subject: str) -> str:
    return f"{kind} of {subject}" if subject else kind


def _place(watched: Watched) -> str:
    of = f"{watched.model} {watched.version}"
    return of if watched.segment == ALL else f"{of}, {watched.segment}"


def _time(at_ms: int) -> str:
    return rfc3339(at_ms)[:16].replace("T", " ")


def _delay(windows: float, ms: float) -> str:
    """Both delays; `w` are windows."""
    return f"{windows:g} w, {_duration(ms)}"


def _duration(ms: float) -> str:
    """A length for people, in the unit that suits it."""
    for unit, length in (("d", DAY), ("h", HOUR)):
        if ms >= 2 * length:
            return f"{ms / length:.1f} {unit}"
    return f"{ms / MINUTE:.0f} min"
