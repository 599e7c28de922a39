"""Values of a rules file that need reading: names, patterns, templates, times of the week, moments.

Each is an annotated type: TOML in, the checked value out, or a problem with its code.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from string import Formatter
from typing import Annotated, Literal, TypeGuard

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator

from streams.alerts.rules.model import Severity
from streams.runtime.config.problems import closest, problem
from streams.runtime.config.values import Duration, DurationOrZero
from streams.runtime.rules.codes import RuleCode

__all__ = ["Duration", "DurationOrZero"]

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

SUMMARY_TEXTS = (
    "rule", "severity", "model", "version", "class", "window", "kind", "subject", "metric", "sli", "explains", "reason",
)  # fmt: skip
SUMMARY_FIELDS = (
    *SUMMARY_TEXTS,
    "value", "n", "burn", "target", "lower95", "upper95", "support", "baseline", "delta",
    "n_long", "bad_long", "n_short", "bad_short", "burn_long", "burn_short", "threshold", "p_value", "deff", "share",
    "budget_remaining", "exhaustion_s", "statistic", "effect", "predictions", "labelled", "usual",
    "firing_classes", "firing_share",
)  # fmt: skip
"""What a summary can show, besides the dimensions of segments; what an alert has no value for is shown as a dash."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_SPEC = re.compile(r"[<>^]?\d{0,2}(\.\d{1,2})?[%fegs]?")
_CLOCK = re.compile(r"([01]\d|2[0-4]):([0-5]\d)")
_OF = re.compile(r"(\d{1,3}) of (\d{1,3})")


def is_name(value: object) -> TypeGuard[str]:
    """Whether a value of the file can be a name."""
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _name(value: str) -> str:
    if not is_name(value):
        text = f'"{value[:60]}" cannot be a name. Use 1 to 100 of A-Z a-z 0-9 . _ -, a letter or digit first.'
        raise problem(RuleCode.WRONG_VALUE, text)
    return value


Name = Annotated[str, AfterValidator(_name)]
"""The name of a rule: part of the fingerprints of its alerts."""


def _pattern(value: str) -> str:
    parts = value.removeprefix("!").split("|")
    if not all(part.strip() == part and part for part in parts) or (value != "*" and "*" in value):
        text = f'"{value[:60]}" is no pattern. Write a value, "*", "a|b" or "!x"; there are no others.'
        raise problem(RuleCode.WRONG_VALUE, text)
    return value


Pattern = Annotated[str, AfterValidator(_pattern)]
"""Which values of a label are meant: exact, `*`, `a|b` or `!x`."""


def names_in(pattern: str) -> list[str]:
    """The values that a pattern names, whether it wants them or not.

    >>> names_in("a|b"), names_in("!x"), names_in("*")
    (['a', 'b'], ['x'], [])
    """
    return [] if pattern == "*" else pattern.removeprefix("!").split("|")


def _flat(value: object) -> object:
    """`segment.region = "eu"` of a table is the label `segment.region`."""
    if not isinstance(value, dict) or not isinstance(segments := value.get("segment"), dict):
        return value
    rest = {name: pattern for name, pattern in value.items() if name != "segment"}
    return rest | {f"segment.{name}": pattern for name, pattern in segments.items()}


MATCHED = ("model", "version", "class", "rule")
"""Labels that can be matched, besides segments."""


def _matched(name: str) -> str:
    if name not in MATCHED and not (name.startswith("segment.") and name != "segment."):
        text = f'"{name[:60]}" is no label that alerts have.{closest(name, (*MATCHED, "segment.NAME"))}'
        raise problem(RuleCode.UNKNOWN_KEY, text)
    return name


Match = Annotated[dict[Annotated[str, AfterValidator(_matched)], Pattern], BeforeValidator(_flat)]
"""Patterns by identity label; `segment.NAME` for segments. Whether `rule` is allowed is asked by the table."""

IDENTITY = ("model", "version", "class", "segment", "window", "kind", "rule", "severity", "tier", "alertname")
"""Labels that alerts have anyway."""


def _label(name: str) -> str:
    if name in IDENTITY:
        text = f'label "{name}" in labels overrides an identity label. Choose another name.'
        raise problem(RuleCode.IDENTITY, text)
    if not _LABEL.fullmatch(name):
        text = f'"{name[:60]}" cannot be a label. Use letters, digits and _, and begin with a letter.'
        raise problem(RuleCode.WRONG_VALUE, text)
    return name


Labels = dict[Annotated[str, AfterValidator(_label)], Annotated[str, Field(max_length=200)]]
"""Static labels that are told with an alert, and never part of its identity."""


def _summary(value: str) -> str:
    try:
        list(Formatter().parse(value))
    except ValueError as error:
        text = f"not a template: {error}. Write {{{{ and }}}} for brackets that are meant."
        raise problem(RuleCode.WRONG_VALUE, text) from None
    return value


Summary = Annotated[str, Field(max_length=500), AfterValidator(_summary)]
"""A template. Whether it shows fields that there are is asked where they are known."""


def unshown(summary: str, dimensions: Iterable[str]) -> Iterator[str]:
    """Why parts of a template cannot be shown, a sentence for each; `dimensions` can be shown by name."""
    known = (*SUMMARY_FIELDS, *dimensions)
    for _, name, spec, conversion in Formatter().parse(summary):
        if name is None:
            continue
        bad = not _SPEC.fullmatch(spec or "") or (name in SUMMARY_TEXTS and (spec or "").rstrip("s") != "")
        if name not in known:
            yield f'"{{{name}}}" cannot be shown.{closest(name, known)}'
        elif conversion or bad:
            yield f'"{{{name}:{spec}}}" cannot be shown so. Write {{{name}}}; numbers take .1% or .2f.'


def _severity(value: object) -> Severity:
    try:
        return Severity(str(value)) if isinstance(value, str) else Severity("")
    except ValueError:
        text = f'{str(value)[:60]!r} is not a severity. Write "ticket" or "page".'
        raise problem(RuleCode.WRONG_VALUE, text) from None


SeverityName = Annotated[Severity, PlainValidator(_severity)]


def _minute(value: object) -> int:
    match = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if match is None or (minute := int(match[1]) * 60 + int(match[2])) > 24 * 60:
        text = f'{str(value)[:60]!r} is not a time of the day. Write one from "00:00" to "24:00" in quotes.'
        raise problem(RuleCode.WRONG_VALUE, text)
    return minute


MinuteOfDay = Annotated[int, PlainValidator(_minute)]
"""A local time of the day, in minutes."""


def _day(value: object) -> int:
    name = value.lower()[:3] if isinstance(value, str) else ""
    if name not in DAYS:
        text = f"{str(value)[:60]!r} is not a day of the week. Write one of {', '.join(DAYS)}."
        raise problem(RuleCode.WRONG_VALUE, text)
    return DAYS.index(name)


DayOfWeek = Annotated[int, PlainValidator(_day)]
"""0 is Monday."""


def _moment(value: object) -> int:
    moment = value
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
    if not isinstance(moment, datetime):
        text = f'{str(value)[:60]!r} is not a time. Write one such as "2026-01-31T00:00:00Z".'
        raise problem(RuleCode.WRONG_VALUE, text)
    if moment.tzinfo is None:
        text = f'"{value}" has no zone, so it could mean many moments. Add Z or an offset.'
        raise problem(RuleCode.WRONG_VALUE, text)
    return round((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000)


Moment = Annotated[int, PlainValidator(_moment)]
"""A time with a zone, ms since 1970."""


def _never(value: object) -> object:
    return None if value == "never" else value


DurationOrNever = Annotated[Duration | None, BeforeValidator(_never)]
"""A length of time, or "never"."""


def _slices(value: object) -> tuple[int, int]:
    match = _OF.fullmatch(value) if isinstance(value, str) else None
    if match is None or not 1 <= int(match[1]) <= int(match[2]) <= 28:
        text = f'{str(value)[:60]!r} is not a number of slices. Write one such as "3 of 5", with at most 28 slices.'
        raise problem(RuleCode.WRONG_VALUE, text)
    return int(match[1]), int(match[2])


Slices = Annotated[tuple[int, int], PlainValidator(_slices)]
"""How many of how many slices."""

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Inside = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
"""Strictly within 0 and 1."""
Events = Annotated[int, Field(ge=0, le=10**9)]
Metric = str
Sli = Literal["recall", "precision"]
