"""Values of the configuration that need reading: durations, windows, starts, mapping expressions.

Each is an annotated type: TOML in, the checked value out, or a `Problem` with its code.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, PlainValidator, ValidationInfo

from streams.formats.access import compile_access
from streams.formats.classes import ClassNames
from streams.formats.expressions import ExpressionError
from streams.formats.spec import ClassSpec
from streams.ledger.spec import HOUR, SECOND
from streams.quality.spec import format_length, parse_window
from streams.runtime.config.durations import format_duration, parse_duration
from streams.runtime.config.problems import Code, problem

Start = Literal["earliest", "latest"] | int
"""Where a source without committed offsets begins: at an end of its log, or at a time in ms since 1970."""


def _duration(smallest_ms: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if not isinstance(value, str):
            raise problem(Code.DURATION, f'{value!r} has no unit. Write a duration in quotes, such as "5m" or "30d".')
        try:
            duration_ms = parse_duration(value)
        except ValueError as error:
            raise problem(Code.DURATION, f"{error}.") from None
        if duration_ms < smallest_ms:
            least = format_duration(smallest_ms)
            raise problem(Code.DURATION, f'"{value}" is too short. The least that works is "{least}".')
        return duration_ms

    return read


Duration = Annotated[int, PlainValidator(_duration(1))]
"""A length of time above zero, in ms."""

DurationOrZero = Annotated[int, PlainValidator(_duration(0))]
"""A length of time that may be zero, in ms."""

Seconds = Annotated[int, PlainValidator(_duration(1_000))]
"""A length of time of at least one second, in ms."""

Tick = Annotated[int, PlainValidator(_duration(10))]
"""A length of time of at least 10 ms, in ms: shorter ticks would only burn a core."""


def _window(value: str, info: ValidationInfo) -> str:
    """A window's text, when it can be read and the pane (validated before it) divides it."""
    try:
        window = parse_window(value, info.data.get("origin_ms", 0))
    except ValueError as error:
        raise problem(Code.WINDOW, f"{error}.") from None
    pane_ms = info.data.get("pane_ms")
    for part, length_ms in (("size", window.size_ms), ("step", window.step_ms), ("origin", window.origin_ms)):
        if pane_ms and length_ms % pane_ms:
            raise problem(
                Code.WINDOW,
                f"the pane {format_duration(pane_ms)} does not divide the {part} {format_duration(length_ms)} of "
                f'window "{value}", so its predictions could not be told apart. Choose a pane that divides every '
                "size, step and origin.",
            )
    return value


Window = Annotated[str, AfterValidator(_window)]
"""Windows by name: "24h" tumbles, "24h/1h" slides."""


def usual_detail_ms(pane_ms: int) -> int:
    """The grain of what is counted in detail when nobody says: an hour, or the next multiple of the pane.

    >>> usual_detail_ms(300_000), usual_detail_ms(420_000), usual_detail_ms(7_200_000)
    (3600000, 3780000, 7200000)
    """
    return -(-HOUR // pane_ms) * pane_ms


def _of_panes(value: int, info: ValidationInfo) -> int:
    pane_ms = info.data.get("pane_ms")
    if pane_ms and value % pane_ms:
        raise problem(
            Code.WINDOW,
            f"the detail {format_duration(value)} is not a multiple of the pane {format_duration(pane_ms)}, so what is "
            f'counted could not be kept together. Write "{format_duration(-(-value // pane_ms) * pane_ms)}".',
        )
    return value


Detail = Annotated[Seconds, AfterValidator(_of_panes)]
"""A length of whole panes (validated before it), in ms."""

LABEL_TIME = "label_time"
"""The view that counts a label when it was delivered."""

MAX_AGES = 8
"""Label ages that one job can tell of."""

_MATURITY = "maturity-"


def maturity_ms(view: str) -> int | None:
    """The label age of a view such as "maturity-24h", in ms; None for another view.

    Raises:
        ValueError: The age is not one, or not of whole seconds.
    """
    if not view.startswith(_MATURITY):
        return None
    age_ms = parse_duration(view.removeprefix(_MATURITY))
    if age_ms < SECOND or age_ms % SECOND:
        raise ValueError(f"{view!r} is not of whole seconds")
    return age_ms


def view_of_maturity(age_ms: int) -> str:
    """The name of the view at a label age.

    >>> view_of_maturity(86_400_000)
    'maturity-24h'
    """
    return f"{_MATURITY}{format_length(age_ms)}"


def canonical_view(view: str) -> str:
    """The one name of a view: "maturity-1d" is "maturity-24h".

    Raises:
        ValueError: It is named as one of a label age and has none.
    """
    age_ms = maturity_ms(view)
    return view if age_ms is None else view_of_maturity(age_ms)


def _view(value: str) -> str:
    try:
        view = canonical_view(value)
    except ValueError as error:
        raise problem(Code.WINDOW, f"{error}, so it is no label age. Write one such as {_MATURITY}24h.") from None
    if view != LABEL_TIME and not view.startswith(_MATURITY):
        text = f'"{value[:60]}" is not a view. Write "{LABEL_TIME}", or "{_MATURITY}24h" with any label age.'
        raise problem(Code.WINDOW, text)
    return view


def _countable(views: list[str]) -> list[str]:
    ages = sum(view != LABEL_TIME for view in views)
    if ages > MAX_AGES:
        raise problem(Code.WRONG_VALUE, f"{ages} label ages, more than {MAX_AGES}. Choose the ones that matter.")
    return views


View = Annotated[str, AfterValidator(_view)]
"""A view besides that of the time of the prediction: "label_time", or "maturity-" and a label age."""

Views = Annotated[list[View], AfterValidator(_countable)]
"""Several of them; that none is there twice is asked in `config.crosses`."""


def _start(value: object) -> Start:
    if value == "earliest" or value == "latest":  # noqa: PLR1714 -- mypy narrows by equality only
        return value
    moment = value
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
    if not isinstance(moment, datetime):
        raise problem(
            Code.WRONG_VALUE,
            f'{str(value)[:60]!r} is not a start. Write "earliest", "latest" or a time such as "2026-01-31T00:00:00Z".',
        )
    if moment.tzinfo is None:
        raise problem(Code.WRONG_VALUE, f'"{value}" has no zone, so it could mean many moments. Add Z or an offset.')
    return round((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000)


StartValue = Annotated[Start, PlainValidator(_start)]


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


_ANY_CLASSES = ClassNames(ClassSpec(), 256)  # the pipe `class` needs some; their names are checked elsewhere


def _expression(value: str) -> str:
    try:
        compile_access(value, _ANY_CLASSES)
    except ExpressionError as error:
        why = str(error).partition("\n")[0]  # without the caret, which needs a line of its own
        raise problem(Code.EXPRESSION, f'{why} "{value}". Expressions are described in docs/mapping.md.') from None
    return value


Expression = Annotated[str, AfterValidator(_expression)]
"""One expression of the mapping language, compiled once to see that it can be."""

Candidates = Annotated[list[Expression], BeforeValidator(_listed)]
"""One expression or several; the first that is not null is the value. An empty list: the field is not read."""


def _named(what: str, pattern: re.Pattern[str], rule: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise problem(Code.WRONG_VALUE, f'"{value[:60]}" cannot be {what}. {rule}')
        return value

    return check


TopicName = Annotated[
    str,
    AfterValidator(
        _named(
            "a topic",
            re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}"),
            "Kafka allows 1 to 249 of A-Z a-z 0-9 . _ and -.",
        )
    ),
]

JobName = Annotated[
    str,
    AfterValidator(
        _named("a name", re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"), "Use 1 to 100 of A-Z a-z 0-9 . _ and -.")
    ),
]

DimensionName = Annotated[
    str,
    AfterValidator(
        _named(
            "a segment dimension",
            re.compile(r"(?!all$)[A-Za-z0-9_.-]{1,64}"),
            'Rows say NAME=VALUE, so use 1 to 64 of A-Z a-z 0-9 . _ and -, and not "all".',
        )
    ),
]
